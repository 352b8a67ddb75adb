"""Verbs about single networks: export, train, evaluate, predict, import-log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.commands.app import app, aside, phases, say
from tuner.commands.options import (
    Checkpoint,
    Data,
    Epoch,
    FamilyOfCheckpoint,
    Name,
    OfTrial,
    Replicate,
    Setting,
    Storage,
    Strategy,
)
from tuner.errors import BadInput

if TYPE_CHECKING:
    from trainables.trial.inference import Trained


@app.command(rich_help_panel="Single networks", epilog="Example: tuner export first --trial best -o best.yaml")
def export(
    name: Name,
    trial: Annotated[str | None, typer.Option(help="Its number, `best` or `baseline`.  [default: best]")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write.  [default: NAME-trial-N.yaml, here]")
    ] = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="Write the weights of the median replicate, as safetensors.")
    ] = False,
    epoch: Epoch = None,
    curves: Annotated[
        Path | None,
        typer.Option(help="Write every epoch of every trial into this CSV file.  [default: none]", show_default=False),
    ] = None,
    optuna: Annotated[
        Path | None,
        typer.Option(help="Write all ended trials as an Optuna study into this SQLite file.  [default: none]"),
    ] = None,
    mlflow: Annotated[
        str | None,
        typer.Option(
            help="Write or renew all trials as runs in MLflow: a folder or a tracking URI.  [default: none]",
            metavar="DIR|URI",
            show_default=False,
        ),
    ] = None,
    storage: Storage = None,
) -> None:
    """Write a trial as a file that retrains it; or its weights; or the search: its curves, an Optuna study, MLflow's runs."""
    from tuner.records import paths

    found = paths.experiment(name, storage)
    whole = [option for option, given in (("--optuna", optuna), ("--curves", curves), ("--mlflow", mlflow)) if given]
    asked = ["--weights", *whole] if weights else whole
    if len(asked) > 1:
        raise BadInput(f"{' and '.join(asked)} are two exports; ask for one after the other")
    if output and whole:
        raise BadInput(f"--output and {whole[0]} name two files, but one is written; leave --output out")
    if trial is not None and whole:
        raise BadInput(
            f"{whole[0]} exports all trials, so --trial {trial} cannot be given beside it; leave one of them out"
        )
    if epoch is not None and not weights:
        raise BadInput("--epoch says of which epoch the weights are; give --weights as well, or leave it out")
    if curves:
        from tuner.networks.curves import export_curves

        written = export_curves(found, curves)
    elif optuna:
        from tuner.networks.optuna_study import export_study

        written = export_study(found, optuna)
    elif mlflow:
        from tuner.networks.mlflow_runs import export_runs
        from tuner.networks.mlflow_store import Store

        store = Store.of(mlflow)
        phases.begin(f"writing the search into {store}")
        try:
            written = export_runs(found, store)
        finally:
            phases.end(quiet=True)
    elif weights:
        from tuner.networks.weights import export_weights

        written = export_weights(found, trial or "best", output, epoch)
    else:
        from tuner.networks.export import export_trial

        written = export_trial(found, trial or "best", output)
    say(written)


@app.command(rich_help_panel="Single networks", epilog="Example: tuner train blur --set sigma=2 --epochs 3")
def train(
    family: Annotated[
        str, typer.Argument(help="Family, such as blur; or a .yaml that `tuner export` wrote.", show_default=False)
    ],
    epochs: Annotated[int | None, typer.Option(help="Full budget.  [default: 2]")] = None,
    replicates: Annotated[int | None, typer.Option(help="Seeds trained in lock-step.  [default: 5]")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the replicates.  [default: 0]")] = None,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Begin from torchvision's weights, where they are here.")
    ] = False,
    resume_from: Annotated[
        str | None,
        typer.Option(
            help="Continue this checkpoint of the trial, or begin from anyone's weights.  [default: from new ones]"
        ),
    ] = None,
    strategy: Strategy = None,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the checkpoints of the last two epochs and of the best.  [default: none is kept]"
        ),
    ] = None,
    data: Data = None,
    set_: Setting = None,
) -> None:
    """Train one configuration in this process, without Ray: to debug, or to retrain an exported trial."""
    from tuner.networks import train as training
    from tuner.networks.retrain import Retraining, is_exported, read
    from tuner.records.paths import expanded

    if is_exported(family):
        given = (epochs, replicates, seed, resume_from, strategy, save, set_)
        if pretrained or any(option is not None for option in given):
            raise BadInput(f"{family} says all that decides the median, so no option can be given beside it")
        retraining = Retraining(read(expanded(family)))
        results = retraining.results()
    else:
        retraining = None
        results = training.train(
            family,
            set_ or [],
            epochs=2 if epochs is None else epochs,
            replicates=5 if replicates is None else replicates,
            seed=seed or 0,
            pretrained=pretrained,
            resume_from=resume_from,
            strategy=strategy or "auto",
            save=save,
        )
    result: dict[str, Any] = {}
    for result in aside.awaiting("training epoch {}", results):
        for line in training.lines(result):
            say(line)
    if retraining is not None:
        for line in (*retraining.notes(), retraining.verdict()):
            say(line)
    training.require_median(result)


@app.command(rich_help_panel="Single networks", epilog="Example: tuner evaluate first --trial best")
def evaluate(
    checkpoint: Checkpoint,
    family: FamilyOfCheckpoint = None,
    replicate: Replicate = 0,
    epoch: Epoch = None,
    sigmas: Annotated[
        str | None,
        typer.Option(
            help="Evaluate on images blurred with each of these: 0,1,2,4.  [default: on sharp ones]", show_default=False
        ),
    ] = None,
    set_: Setting = None,
    trial: OfTrial = None,
    storage: Storage = None,
) -> None:
    """Evaluate a checkpoint, ours or anyone's state dictionary: top-1, top-5 and loss."""
    from tuner.networks import trained

    blurs = trained.numbers(sigmas)
    loaded = _loaded(checkpoint, trial, storage, family, set_, replicate, epoch)
    for line in aside.awaiting("evaluating", trained.evaluate(loaded, blurs)):
        say(line)


@app.command(rich_help_panel="Single networks", epilog="Example: tuner predict first cat.png --trial best")
def predict(
    checkpoint: Checkpoint,
    images: Annotated[list[str] | None, typer.Argument(help="Image files.", show_default=False)] = None,
    family: FamilyOfCheckpoint = None,
    replicate: Replicate = 0,
    epoch: Epoch = None,
    out_folder: Annotated[str, typer.Option("--out", help="Folder for the pictures.")] = ".",
    split: Annotated[
        str | None,
        typer.Option(
            help="`test`: every image of the test set, into --csv.  [default: the given files]", show_default=False
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="File for the predictions of --split test.  [default: none]")
    ] = None,
    set_: Setting = None,
    trial: OfTrial = None,
    storage: Storage = None,
) -> None:
    """Say what a checkpoint sees in images: the five likeliest classes, and a picture of each image beside its bars."""
    from tuner.networks import trained

    if split not in (None, "test"):
        raise BadInput(f"--split is {split}, but must be test; leave it out to predict image files")
    if (split is None) != (csv is None) or bool(images) == (split is not None):
        raise BadInput("give image files, or --split test --csv FILE for the whole test set")
    loaded = _loaded(checkpoint, trial, storage, family, set_, replicate, epoch)
    if csv is not None:
        with aside.during("looking at every image of the test set"):
            written = trained.predict_test_set(loaded, csv)
        say(written)
        return
    for line in aside.awaiting("looking at the images", trained.predict(loaded, images or [], Path(out_folder))):
        say(line)


@app.command(
    "import-log",
    rich_help_panel="Single networks",
    epilog="Example: tuner import-log resnet34.log",
)
def import_log(
    file: Annotated[str, typer.Argument(help="Log of a run of the classic ImageNet collection.", show_default=False)],
    family: Annotated[str, typer.Option(help="Family that the run would belong to.")] = "imagenet",
    name: Annotated[str | None, typer.Option(help="Name of the experiment.  [default: the file's]")] = None,
    run: Annotated[
        int | None, typer.Option(help="Which run of a log that holds several, from 1.  [default: the only one]")
    ] = None,
    storage: Storage = None,
    set_: Setting = None,
) -> None:
    """Make an experiment out of someone's training log, so that an old run appears in results and replays."""
    from tuner.networks import import_log as logs

    found = logs.import_log(file, family, set_ or [], name, storage, run)
    say(f"imported as {found.name}; see: {found.command('results')}")


def _loaded(
    checkpoint: str,
    trial: str | None,
    storage: str | None,
    family: str | None,
    set_: list[str] | None,
    replicate: int,
    epoch: str | None,
) -> Trained:
    """The network of a file, or of the trial of an experiment."""
    from tuner.networks import trained

    if trial is None and storage is not None:
        raise BadInput("--storage says where the experiment of a --trial is; give --trial as well, or leave it out")
    with aside.during("loading the network"):
        if trial is not None:
            return trained.load_trial(checkpoint, trial, storage, family, set_ or [], replicate, epoch)
        return trained.load(checkpoint, family, set_ or [], replicate, epoch)
