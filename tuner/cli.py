"""The command line: verbs only. Each one gathers its options, calls the room that does the work, and prints what it says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from trainables.storage import StorageError
from tuner.address import is_head, require_head
from tuner.cluster.cli import cluster_app, follow_submission, print_reading
from tuner.errors import BadInput, StorageUnavailable, TunerError

app = typer.Typer(
    help="Hyperparameter search where every number is a median over five seeds and ASHA decides on that median.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
data_app = typer.Typer(help="Datasets: which are here, download, check.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(cluster_app, name="cluster")

Family = Annotated[str, typer.Argument(help="Family, such as blur; `tuner spaces` lists them.", show_default=False)]
Name = Annotated[
    str, typer.Argument(help="Name of the experiment, or its folder or s3:// address.", show_default=False)
]
Space = Annotated[str, typer.Option("--space", help="smoke, search, paper, or a path/to/my_space.py.")]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="A knob: lr=0.05, 'sigma=choice(1,2,4)', 'lr=loguniform(1e-3,1e-1)'. Repeatable."),
]
Trials = Annotated[int | None, typer.Option(help="Configurations to try, the baseline included.")]
Replicates = Annotated[int | None, typer.Option(help="Seeds a configuration is trained with.")]
Epochs = Annotated[int | None, typer.Option(help="Full budget of a trial.")]
Grace = Annotated[int | None, typer.Option(help="First rung: epochs before a trial can be stopped.")]
Reduction = Annotated[float | None, typer.Option(help="At each rung about 1/REDUCTION of the trials go on.")]
RankWindow = Annotated[
    int | None, typer.Option(help="At a rung, rank trials by their median over this many epochs.  [default: 1]")
]
Seed = Annotated[int, typer.Option(help="Seed of the experiment: configurations, order, replicates.")]
Storage = Annotated[
    str | None, typer.Option(help="Folder of experiments, or s3://BUCKET/PREFIX.  [default: ~/ray_results]")
]
Address = Annotated[
    str | None,
    typer.Option(help="Cluster: http://HEAD:8265 submits to it; auto on the head itself; none starts Ray here."),
]
Head = Annotated[
    str | None, typer.Option("--address", help="Ask a cluster, http://HEAD:8265; without it the storage is read here.")
]
Cpus = Annotated[float | None, typer.Option(help="CPUs of a trial; also its threads.")]
Gpus = Annotated[float | None, typer.Option(help="GPUs of a trial; 0.25 puts four on a card.")]
Placement = Annotated[
    str | None, typer.Option(help="Replicates of a trial: packed in one process, or spread, one worker each.")
]
Accelerator = Annotated[str | None, typer.Option(help="Train on cards of this type only, as Ray names it: A10G, H100.")]
StepTimeout = Annotated[
    float | None, typer.Option(help="Seconds after which an epoch counts as hung.  [default: 20 times the longest]")
]
MaxConcurrent = Annotated[int | None, typer.Option(help="Trials at the same time.  [default: as many as fit]")]
CheckpointEvery = Annotated[
    float | None, typer.Option(help="Seconds between two checkpoints of a trial.  [default: 60]")
]
Detach = Annotated[bool, typer.Option("--detach", help="Submit to a cluster and return at once.")]

Checkpoint = Annotated[str, typer.Argument(help="File of a trial's checkpoint or of weights.", show_default=False)]
FamilyOfCheckpoint = Annotated[
    str | None, typer.Option("--family", help="Family of the network; our own checkpoints know theirs.")
]
Replicate = Annotated[int, typer.Option(help="Which replicate of a trial's checkpoint.")]

# Rich takes 80 columns where it cannot ask a terminal; the tables are made for 100.
out = Console() if sys.stdout.isatty() else Console(width=100)


def main() -> None:
    """Run the command line; a mistake of the user ends in one sentence and its exit code, never in a stack trace."""
    try:
        app()
    except TunerError as error:
        Console(stderr=True).print(f"tuner: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except StorageError as error:
        Console(stderr=True).print(f"tuner: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(StorageUnavailable.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)  # `tuner results NAME | head` has read enough


@app.command()
def spaces(
    family: Annotated[str | None, typer.Argument(help="Show one family's spaces.", show_default=False)] = None,
    space: Annotated[str | None, typer.Argument(help="Show one space, every knob.", show_default=False)] = None,
) -> None:
    """List the search spaces, or show one with every knob, its range, default and meaning."""
    from tuner import spaces as view

    out.print(view.one(family, space) if family and space else view.listing(family))


@app.command()
def plan(
    family: Family,
    space: Space = "smoke",
    trials: Trials = None,
    replicates: Replicates = None,
    epochs: Epochs = None,
    grace: Grace = None,
    reduction: Reduction = None,
    seed: Seed = 0,
    cpus_per_trial: Cpus = None,
    gpus_per_trial: Gpus = None,
    rank_window: RankWindow = None,
    placement: Placement = None,
    accelerator_type: Accelerator = None,
    max_concurrent: MaxConcurrent = None,
    set_: Setting = None,
) -> None:
    """Show what a search would do and cost. Starts nothing."""
    from tuner import plan as planning
    from tuner.tables.plan import plan_view

    budget = _budget(trials, replicates, epochs, grace, reduction, cpus_per_trial, gpus_per_trial, rank_window)
    budget |= {"placement": placement, "accelerator_type": accelerator_type}
    out.print(plan_view(planning.prepare(family, space, set_ or [], seed, max_concurrent, budget)))


@app.command()
def launch(
    family: Family,
    space: Space = "smoke",
    trials: Trials = None,
    replicates: Replicates = None,
    epochs: Epochs = None,
    grace: Grace = None,
    reduction: Reduction = None,
    seed: Seed = 0,
    name: Annotated[str | None, typer.Option(help="Name of the experiment.  [default: family-space-time]")] = None,
    storage: Storage = None,
    address: Address = None,
    cpus_per_trial: Cpus = None,
    gpus_per_trial: Gpus = None,
    rank_window: RankWindow = None,
    placement: Placement = None,
    accelerator_type: Accelerator = None,
    max_concurrent: MaxConcurrent = None,
    checkpoint_every: CheckpointEvery = None,
    step_timeout: StepTimeout = None,
    set_: Setting = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    or_resume: Annotated[
        bool, typer.Option("--or-resume", help="Continue the search if this request was launched before under --name.")
    ] = False,
    detach: Detach = False,
) -> None:
    """Run a search and print its leaderboard."""
    from tuner import cluster, experiment, retry
    from tuner import plan as planning
    from tuner.tables.plan import plan_view

    budget = _budget(trials, replicates, epochs, grace, reduction, cpus_per_trial, gpus_per_trial, rank_window)
    budget |= {"placement": placement, "accelerator_type": accelerator_type}
    if is_head(address) and not dry_run:
        session = {"seed": seed, "max_concurrent": max_concurrent, "checkpoint_every": checkpoint_every}
        session["step_timeout"] = step_timeout
        request = {"name": name, "storage": storage, "set_": set_, "tell": print, **session, **budget}
        follow_submission(cluster.submit(str(address), family, space, **request), detach)
    if or_resume and name is None:
        raise BadInput("--or-resume continues a search by its name; give --name")
    if name is None and not is_head(address):
        experiment.require_storage(storage)
    if name is not None and not or_resume and not is_head(address):
        experiment.require_free_name(name, storage)
    out.print(plan_view(planning.prepare(family, space, set_ or [], seed, max_concurrent, budget)))
    if dry_run:
        return
    from tuner.terminal import Terminal

    with Terminal(out) as terminal:
        run: Any = retry.launch_or_resume if or_resume else experiment.launch
        outcome = run(
            family,
            space,
            name=name,
            storage=storage,
            seed=seed,
            overrides=set_ or [],
            address=address,
            max_concurrent=max_concurrent,
            checkpoint_seconds=checkpoint_every,
            step_timeout=step_timeout,
            tell=terminal.tell,
            listen=terminal.listen,
            **budget,
        )
    _conclude(outcome)


@app.command()
def resume(
    name: Name,
    trials: Annotated[int | None, typer.Option(help="Extend the search to this many trials.")] = None,
    storage: Storage = None,
    address: Address = None,
    max_concurrent: MaxConcurrent = None,
    checkpoint_every: CheckpointEvery = None,
    detach: Detach = False,
    step_timeout: StepTimeout = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Go on though code or space changed since the launch.")
    ] = False,
) -> None:
    """Continue a search that was interrupted or killed; with --trials, extend one."""
    from tuner import experiment
    from tuner.terminal import Terminal

    if is_head(address):
        from tuner.cluster import submission

        options = {"trials": trials, "max_concurrent": max_concurrent, "checkpoint_every": checkpoint_every}
        options |= {"step_timeout": step_timeout, "accept_changes": accept_changes or None}
        request: dict[str, Any] = {"storage": storage, "tell": print, **options}
        follow_submission(submission.go_on(str(address), "resume", name, **request), detach)

    with Terminal(out) as terminal:
        outcome = experiment.resume(
            name,
            storage=storage,
            trials=trials,
            address=address,
            max_concurrent=max_concurrent,
            checkpoint_seconds=checkpoint_every,
            step_timeout=step_timeout,
            accept_changes=accept_changes,
            tell=terminal.tell,
            listen=terminal.listen,
        )
    _conclude(outcome)


@app.command()
def confirm(
    name: Name,
    top: Annotated[int, typer.Option(help="How many of the best trials; the baseline comes along.")] = 3,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the confirmation, fresh.  [default: the search's plus 1]")
    ] = None,
    replicates: Annotated[
        int | None, typer.Option(help="Seeds a trial is trained with.  [default: the search's]")
    ] = None,
    storage: Storage = None,
    address: Address = None,
    max_concurrent: MaxConcurrent = None,
    checkpoint_every: CheckpointEvery = None,
    detach: Detach = False,
) -> None:
    """Retrain the best trials and the baseline at full budget on fresh seeds; run it again to continue."""
    from tuner import confirm as confirming
    from tuner import paths
    from tuner.tables.confirmation import confirmation_view
    from tuner.terminal import Terminal

    if is_head(address):
        from tuner.cluster import submission

        options = {"top": top, "seed": seed, "replicates": replicates, "max_concurrent": max_concurrent}
        request: dict[str, Any] = {"storage": storage, "tell": print, "checkpoint_every": checkpoint_every, **options}
        follow_submission(submission.go_on(str(address), "confirm", name, **request), detach)
    searched = paths.experiment(name, storage)
    with Terminal(out) as terminal:
        outcome = confirming.confirm(
            name,
            storage=storage,
            top=top,
            seed=seed,
            replicates=replicates,
            address=address,
            max_concurrent=max_concurrent,
            checkpoint_seconds=checkpoint_every,
            tell=terminal.tell,
            listen=terminal.listen,
        )
    if outcome.ending == "interrupted":
        again = searched.command("confirm", "--top", str(top))
        out.print(f"\ninterrupted; nothing is lost. Continue with: {again}", markup=False)
    else:
        out.print(confirmation_view(searched))
    raise typer.Exit(outcome.exit_code)


@app.command()
def stop(name: Name, storage: Storage = None, address: Head = None) -> None:
    """Ask a running search to checkpoint and end; it can be resumed."""
    from tuner import paths
    from tuner.interrupt import StopRequest
    from tuner.lock import is_held

    if address is not None:
        from tuner.cluster import submission

        require_head(address, "stop")
        out.print(submission.stop(address, name), markup=False, highlight=False)
        return
    found = paths.experiment(name, storage)
    if not is_held(found.lock):
        raise BadInput(f"`{found.name}` is not running, so there is nothing to stop; see `{found.command('status')}`")
    StopRequest(found.stop_request).make()
    out.print(f"{found.name} ends after the running epochs; continue it with: {found.command('resume')}", markup=False)


@app.command()
def logs(
    name: Name,
    address: Annotated[
        str, typer.Option(help="The cluster it was submitted to, http://HEAD:8265.", show_default=False)
    ],
    follow: Annotated[bool, typer.Option("--follow", help="Go on until it ends; Ctrl-C leaves it running.")] = False,
) -> None:
    """What a search on a cluster has printed so far. `show` has the log of a trial."""
    from tuner.cluster import submission

    require_head(address, "logs")
    raise typer.Exit(submission.logs(address, name, following=follow, show=_write))


@app.command()
def status(
    name: Name,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, a row a trial.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON.")] = False,
    storage: Storage = None,
    address: Head = None,
) -> None:
    """Where a search stands: trials, rungs, what is training, time left."""
    from tuner import paths
    from tuner.history import History
    from tuner.tables import status_export
    from tuner.tables.status import status_view

    print_reading(address, "status", name, storage=storage, csv=csv, json=json)
    history = History.load(paths.experiment(name, storage))
    if json or csv:
        sys.stdout.write(status_export.to_json(history) if json else status_export.to_csv(history))
        return
    out.print(status_view(history))


@app.command()
def results(
    name: Name,
    top: Annotated[int | None, typer.Option(help="Only the best this many, and the baseline.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, every column.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON, every column.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Decide everything again in the recorded order, and compare.")
    ] = False,
    storage: Storage = None,
    address: Head = None,
) -> None:
    """The leaderboard: medians over the replicates, ranked by rung reached, then median."""
    from tuner import leaderboard, paths
    from tuner.tables import export
    from tuner.tables.results import results_view

    if top is not None and top < 1:
        raise BadInput(f"--top is {top}, but must be at least 1; raise it")
    print_reading(address, "results", name, storage=storage, top=top, csv=csv, json=json, verify=verify)
    found = paths.experiment(name, storage)
    if verify:
        from tuner import verify as verification

        out.print(verification.verify(found), markup=False, highlight=False)
        return
    board = leaderboard.load(found)
    if json or csv:
        sys.stdout.write(export.to_json(board, top) if json else export.to_csv(board, top))
        return
    out.print(results_view(board, top))


@app.command()
def show(
    name: Name,
    trial: Annotated[str, typer.Argument(help="Its number, `best` or `baseline`.", show_default=False)],
    storage: Storage = None,
    address: Head = None,
) -> None:
    """One trial: configuration, curve, decisions, failures, log."""
    from tuner import paths
    from tuner.tables.trial import trial_view

    print_reading(address, "show", name, trial, storage=storage)
    out.print(trial_view(paths.experiment(name, storage), trial))


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="An experiment, by name or folder.", show_default=False)],
    b: Annotated[str, typer.Argument(help="Another one.", show_default=False)],
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, a row a shared configuration.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON.")] = False,
    storage: Storage = None,
) -> None:
    """Two experiments over the configurations they share, seed by seed where the seeds are the same."""
    from tuner import comparison, paths
    from tuner.history import History
    from tuner.tables.comparison import comparison_view

    first, second = (History.load(paths.experiment(name, storage)) for name in (a, b))
    found = comparison.compare(first, second)
    if json or csv:
        sys.stdout.write(comparison.to_json(found) if json else comparison.to_csv(found))
        return
    out.print(comparison_view(found))


@app.command()
def replay(
    source: Annotated[
        str, typer.Argument(help="An experiment, or a CSV with model, epoch, split, metric, value.", show_default=False)
    ],
    rule: Annotated[list[str] | None, typer.Option(help="halving or asha. Repeatable.  [default: both]")] = None,
    grace: Annotated[list[int] | None, typer.Option(help="First rung in epochs. Repeatable.  [default: 1]")] = None,
    reduction: Annotated[
        list[float] | None, typer.Option(help="About 1/REDUCTION go on at a rung. Repeatable.  [default: 3]")
    ] = None,
    window: Annotated[
        list[int] | None, typer.Option(help="Rank by the median over this many epochs. Repeatable.  [default: 1, 5]")
    ] = None,
    rungs: Annotated[
        list[str] | None, typer.Option(help="Rungs such as 20,40,84, instead of --grace. Repeatable.")
    ] = None,
    models: Annotated[str, typer.Option(help="Only these curves, such as 'cifar_freeze_*'.")] = "*",
    metric: Annotated[
        str | None, typer.Option(help="Such as val_loss.  [default: val_accuracy, or the objective]")
    ] = None,
    order: Annotated[int | None, typer.Option(help="Shuffle the order of arrival with this seed.")] = None,
    why: Annotated[bool, typer.Option("--why", help="Also print every decision with its reason.")] = False,
    storage: Storage = None,
) -> None:
    """What other scheduler settings would have done with recorded curves; every combination, without Ray."""
    from tuner import curves, replay_settings
    from tuner.replay import run
    from tuner.tables.replay import replay_view

    settings = replay_settings.product(rule, grace, reduction, window, rungs, order)
    recorded = curves.load(source, storage, metric).matching(models)
    out.print(replay_view([run(recorded, setting) for setting in settings], reasons=why))


@app.command()
def report(
    name: Name,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="File to write.  [default: NAME.html, here]", show_default=False),
    ] = None,
    storage: Storage = None,
) -> None:
    """Write everything about an experiment as one HTML file that needs no network."""
    from tuner import paths
    from tuner import report as reporting

    found = paths.experiment(name, storage)
    written = reporting.write(found, output or f"{found.name}.html")
    out.print(f"report of {found.name}: {written}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def dashboard(
    name: Name,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port on this machine; the next free one is taken if it is busy.")
    ] = 6006,
    storage: Storage = None,
    address: Head = None,
) -> None:
    """Serve the live report and TensorBoard until Ctrl-C, on this machine or on the head of a cluster, to it alone."""
    from tuner import dashboard as serving
    from tuner import paths

    if address is not None:
        from tuner.cluster import relay

        require_head(address, "dashboard")
        raise typer.Exit(relay.serve(address, name, storage=storage, port=port, show=_write))
    serving.serve(
        paths.experiment(name, storage),
        port,
        lambda text: out.print(text, markup=False, highlight=False, soft_wrap=True),
    )


@app.command()
def export(
    name: Name,
    trial: Annotated[str, typer.Option(help="Its number, `best` or `baseline`.")] = "best",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write.  [default: NAME-trial-N.yaml, here]")
    ] = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="Write the weights of the median replicate, as safetensors.")
    ] = False,
    optuna: Annotated[
        Path | None, typer.Option(help="Write all ended trials as an Optuna study into this SQLite file.")
    ] = None,
    storage: Storage = None,
) -> None:
    """Write a trial as a file that retrains it; or its weights; or the search as an Optuna study."""
    from tuner import paths

    found = paths.experiment(name, storage)
    if weights and optuna:
        raise BadInput("--weights and --optuna are two exports; ask for one after the other")
    if optuna:
        from tuner.optuna_study import export_study

        written = export_study(found, optuna)
    elif weights:
        from tuner.weights import export_weights

        written = export_weights(found, trial, output)
    else:
        from tuner.export import export_trial

        written = export_trial(found, trial, output)
    out.print(written, markup=False, highlight=False, soft_wrap=True)


@app.command()
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
        str | None, typer.Option(help="Continue this checkpoint of the trial, or begin from anyone's weights.")
    ] = None,
    set_: Setting = None,
) -> None:
    """Train one configuration in this process, without Ray: to debug, or to retrain an exported trial."""
    from tuner import train as training
    from tuner.retrain import Retraining, is_exported, read

    def tell(text: str) -> None:
        out.print(text, markup=False, highlight=False, soft_wrap=True)

    if is_exported(family):
        if pretrained or any(option is not None for option in (epochs, replicates, seed, resume_from, set_)):
            raise BadInput(f"{family} says all that decides the median, so no option can be given beside it")
        retraining = Retraining(read(Path(family)))
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
        )
    for result in results:
        for line in training.lines(result):
            tell(line)
    if retraining is not None:
        for line in (*retraining.notes(), retraining.verdict()):
            tell(line)


@app.command()
def evaluate(
    checkpoint: Checkpoint,
    family: FamilyOfCheckpoint = None,
    replicate: Replicate = 0,
    set_: Setting = None,
) -> None:
    """Evaluate a checkpoint, ours or anyone's state dictionary: top-1, top-5 and loss."""
    from tuner import trained

    for line in trained.evaluate(trained.load(checkpoint, family, set_ or [], replicate)):
        out.print(line, markup=False, highlight=False)


@app.command()
def predict(
    checkpoint: Checkpoint,
    images: Annotated[list[str], typer.Argument(help="Image files.", show_default=False)],
    family: FamilyOfCheckpoint = None,
    replicate: Replicate = 0,
    out_folder: Annotated[str, typer.Option("--out", help="Folder for the pictures.")] = ".",
    set_: Setting = None,
) -> None:
    """Say what a checkpoint sees in images: the five likeliest classes, and a picture of each image beside its bars."""
    from pathlib import Path

    from tuner import trained

    loaded = trained.load(checkpoint, family, set_ or [], replicate)
    for line in trained.predict(loaded, images, Path(out_folder)):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command("import-log")
def import_log(
    file: Annotated[str, typer.Argument(help="Log of a run of the classic ImageNet collection.", show_default=False)],
    family: Annotated[str, typer.Option(help="Family that the run would belong to.")] = "imagenet",
    name: Annotated[str | None, typer.Option(help="Name of the experiment.  [default: the file's]")] = None,
    storage: Storage = None,
    set_: Setting = None,
) -> None:
    """Make an experiment out of someone's training log, so that an old run appears in results and replays."""
    from tuner import import_log as logs

    found = logs.import_log(file, family, set_ or [], name, storage)
    out.print(f"imported as {found.name}; see: {found.command('results')}", markup=False, soft_wrap=True)


@app.command()
def doctor(
    storage: Storage = None,
    address: Address = None,
    dataset: Annotated[str, typer.Option(help="Dataset to look for.")] = "digits",
) -> None:
    """Check Python, torch, CUDA, Ray, the storage and the data."""
    from tuner import doctor as examination
    from tuner import paths

    good = True
    for check in examination.examine(paths.storage_root(storage), address, dataset):
        mark = {True: "ok", False: "FAILED", None: "note"}[check.ok]
        out.print(f"{mark:<7}{check.name:<9}{check.detail}", markup=False, highlight=False, soft_wrap=True)
        good &= check.ok is not False
    if not good:
        raise typer.Exit(2)


@data_app.command("list")
def data_list() -> None:
    """The datasets and whether each is on this machine."""
    from tuner import data

    out.print(data.listing())


@data_app.command("fetch")
def data_fetch(dataset: Annotated[str, typer.Argument(help="cifar10 or cifar100.", show_default=False)]) -> None:
    """Download a dataset into the data folder (TUNER_DATA, default ~/.cache/tuner/data)."""
    from tuner import data

    out.print(data.fetch(dataset), markup=False)


@data_app.command("check")
def data_check(
    dataset: Annotated[str, typer.Argument(help="digits, cifar10, cifar100 or folder:PATH.", show_default=False)],
) -> None:
    """Read a dataset's structure and say what is in it, or what is wrong with it."""
    from tuner import data

    out.print(data.check(dataset), markup=False)


def _budget(
    trials: int | None,
    replicates: int | None,
    epochs: int | None,
    grace: int | None,
    reduction: float | None,
    cpus_per_trial: float | None,
    gpus_per_trial: float | None,
    rank_window: int | None,
) -> dict[str, Any]:
    return {
        "trials": trials,
        "replicates": replicates,
        "epochs": epochs,
        "grace": grace,
        "reduction": reduction,
        "cpus_per_trial": cpus_per_trial,
        "gpus_per_trial": gpus_per_trial,
        "rank_window": rank_window,
    }


def _write(text: str) -> None:
    """Output of another machine, as it comes."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _conclude(outcome: Any) -> None:
    """Print how a session ended and leave with its exit code."""
    from tuner.tables.results import results_view

    if outcome.ending == "interrupted":
        out.print(f"\ninterrupted; nothing is lost. Continue with: {outcome.paths.command('resume')}", markup=False)
    else:
        out.print(results_view(outcome.leaderboard, None))
    if outcome.exit_code == 1:
        from tuner.tables.failures import failures_view

        Console(stderr=True).print(failures_view(outcome.paths))
    raise typer.Exit(outcome.exit_code)
