"""Training one configuration in this process, without Ray: for debugging, and for machines that have no Ray."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.config.own.code import OwnCode
from trainables.config.wording import figure
from tuner.errors import BadInput, TunerError, as_bad_input, sentence
from tuner.records.paths import expanded

if TYPE_CHECKING:
    from trainables.trial.lockstep import LockStep


@dataclass(frozen=True)
class Request:
    """One configuration, the number of its replicates, and the experiment's seed."""

    family: str | OwnCode
    knobs: dict[str, Any]
    replicates: int
    seed: int
    pretrained: bool = False  # begin from torchvision's weights
    resume_from: str | None = None  # begin from this checkpoint, or continue it
    strategy: str = "auto"  # see `trainables.engine.STRATEGIES`
    save: Path | None = None  # a folder for checkpoints


def train(
    family: str,
    settings: Sequence[str],
    *,
    epochs: int,
    replicates: int,
    seed: int,
    pretrained: bool = False,
    resume_from: str | None = None,
    strategy: str = "auto",
    save: Path | None = None,
) -> Iterator[dict[str, Any]]:
    """Train a configuration and yield the result of each epoch (see `trainables.lockstep.LockStep.step`).

    Args:
        family: `blur`, ..., or a user's own file, whose baseline is trained.
        settings: texts such as "lr=0.05"; constants only, there is nothing to search.
        epochs: the full budget.
        replicates: seeds trained in lock-step.
        seed: the experiment's.
        pretrained: begin from torchvision's weights, where they are on this machine.
        resume_from: continue this checkpoint of the same trial, or begin from the weights of any other.
        strategy: how the replicates train, a name of `trainables.engine.STRATEGIES`.
        save: a folder: after each epoch the checkpoint there, and `best.pt` of the epoch with the best median
            val_accuracy.

    Raises:
        BadInput: a knob that is unknown, out of range or not a constant; data or weights that are missing or do not fit.
    """
    from search_spaces.overrides import constants
    from trainables import families

    if family.endswith(".py"):
        trained, knobs = _of_file(family, settings, epochs, seed)
        if pretrained or resume_from is not None:
            raise BadInput(
                f"--pretrained and --resume-from are for the networks of a family, but {family} is your own code; leave "
                "them out"
            )
        return run(Request(trained, knobs, replicates, seed, strategy=strategy, save=save))
    with as_bad_input():
        knobs = {"epochs": epochs, **constants(settings, families.config_class(family).model_fields)}
    if pretrained and resume_from is not None:
        raise BadInput(
            "--pretrained and --resume-from are both given, but training begins from one of them; leave one out"
        )
    return run(Request(family, knobs, replicates, seed, pretrained, resume_from, strategy, save))


def _of_file(file: str, settings: Sequence[str], epochs: int, seed: int) -> tuple[str | OwnCode, dict[str, Any]]:
    """What a user's own file trains, and its baseline with some knobs set."""
    from search_spaces.overrides import constants
    from search_spaces.own_code import load_experiment
    from trainables import families

    with as_bad_input():
        space = load_experiment(file)
        knobs = constants(settings, families.config_class(space.family).model_fields)
        space = space.with_overrides(knobs).with_budget(epochs=epochs, grace=1)
        if found := space.problems():
            raise BadInput.listing(found)
        return space.family, space.configurations(max(seed, 0), 1)[0]


def run(
    request: Request,
    *,
    device: str | None = None,
    threads: int | None = None,
    fingerprints: Mapping[str, str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Train a request and yield the result of each epoch.

    Args:
        device: "cpu" or "cuda"; default CUDA where there is one.
        threads: of torch; sums are rounded in an order that hangs on them. Default torch's own.
        fingerprints: of the data at each image size, as they must be.

    Raises:
        BadInput: a knob that is unknown or out of range; data that is missing or has changed; no CUDA.
    """
    from trainables import families
    from trainables.config import strategy as strategies
    from trainables.config.own.code import RAY_FUNCTION

    if isinstance(request.family, OwnCode) and request.family.kind == RAY_FUNCTION:
        raise BadInput(
            f"the function {request.family.trains} of Ray Tune must have a process for each replicate, but this trains them in "
            "one; launch it, with --trials 1 for the baseline alone"
        )

    with as_bad_input():
        model = families.config_class(request.family)
    with as_bad_input(known=model.model_fields):
        model(**request.knobs)
        if request.seed < 0:
            raise ValueError(f"--seed is {request.seed}, but must be at least 0; raise it")
        if request.replicates < 1:
            raise ValueError(f"--replicates is {request.replicates}, but must be at least 1; raise it")
        strategies.check(request.strategy)
    from trainables.datasets.arrays import DatasetError, DecoderLost
    from trainables.process.footprint import Load
    from trainables.process.host_memory import keep_freed_memory
    from trainables.trial import assembly, preflight
    from trainables.trial.lockstep import LockStep

    keep_freed_memory()
    with as_bad_input():
        needs_torch = assembly.needs_torch(request.family)
    device = _settled(device, threads) if needs_torch else device or "cpu"
    found = preflight.check(request.family, [request.knobs], Load(request.replicates))
    if found["problems"]:
        raise BadInput.listing(found["problems"])
    for size, fingerprint in found["data"]["fingerprints"].items():
        if (fingerprints or {}).get(size, fingerprint) != fingerprint:
            raise BadInput(
                f"the dataset is not the one the trial was trained on: its fingerprint at {size} pixels was "
                f"{(fingerprints or {})[size]} and is {fingerprint}; restore the data"
            )
    trial = LockStep(
        request.family,
        request.knobs,
        seed=request.seed,
        replicates=request.replicates,
        device=device,
        strategy=request.strategy,
    )
    with as_bad_input():
        if request.resume_from is not None or request.pretrained:
            from trainables.trial import initial_weights
        if request.resume_from is not None:
            initial_weights.resume_from(trial, expanded(request.resume_from))
        if request.pretrained:
            initial_weights.start_pretrained(trial)
    if request.save is not None:
        _require_folder(request.save)
    while not trial.finished:
        with as_bad_input(DatasetError):  # an image that could not be known to be broken before
            try:
                result = trial.step()
            except DecoderLost as error:
                raise TunerError(str(error)) from None
        if request.save is not None:
            _save(trial, result, request.save)
        yield result


def _settled(device: str | None, threads: int | None) -> str:
    """The device to train on, torch held to so many threads; BadInput where it is not there."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("the trial was trained on CUDA, but torch finds none here; retrain it on a machine with a GPU")
    if threads is not None:
        torch.set_num_threads(threads)
    return device or ("cuda" if torch.cuda.is_available() else "cpu")


def _require_folder(folder: Path) -> None:
    """The folder for checkpoints, made; `BadInput` where it cannot be, or where it holds those of other training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.glob("*.pt"))
    except OSError as error:
        raise BadInput(f"cannot write to {folder} ({sentence(error)}); choose another --save") from None
    if taken:
        raise BadInput(f"{folder} holds checkpoints already; choose another --save, or remove them")


def _save(trial: LockStep, result: dict[str, Any], folder: Path) -> None:
    from trainables import checkpoints

    state = trial.state()
    try:
        checkpoints.save(folder, state, trial.epoch)
        metric, mode = next(iter(trial.parts.always.items())) if "own" in state else ("val_accuracy", "max")
        if checkpoints.is_best(trial.history, metric, mode):
            checkpoints.save_file(folder / checkpoints.BEST, state)
    except (OSError, RuntimeError) as error:  # torch's own writer says RuntimeError when the disk is full
        reason = sentence(error) if isinstance(error, OSError) else "the disk may be full"
        raise TunerError(f"cannot write to {folder} ({reason}); what was saved before is whole") from None


def require_median(result: Mapping[str, Any]) -> None:
    """`TunerError`, exit code 1, where training ended because no majority of the replicates lives."""
    if result.get("diverged"):
        count, living = len(result[f"{result['metrics'][0]}_values"]), result["replicates_ok"]
        raise TunerError(
            f"{count - living} of {count} replicates failed by epoch {result['epoch']}, so the configuration has no median; "
            "the lines above say how each failed, and a lower lr is the usual remedy"
        )


def lines(result: dict[str, Any]) -> Iterator[str]:
    """A result as text: one line for the epoch, one for each replicate that failed in it."""
    shown = [
        f"{name} {figure(result[name])} [{figure(result[f'{name}_min'])}, {figure(result[f'{name}_max'])}]"
        for name in result["metrics"]
        if result["precision"] is None or not (name.endswith("loss") or name.startswith("train"))
    ]
    speeds = {"images_per_second": "images/s", "samples_per_second": "samples/s"}
    speed = "".join(f", {result[name]:.0f} {unit}" for name, unit in speeds.items() if name in result)
    how = "" if result["precision"] is None else f", {result['precision']}, {result['strategy']}"
    yield (
        f"epoch {result['epoch']}: {', '.join(shown)}; {result['replicates_ok']} replicates, "
        f"{result['epoch_seconds']:.2f} s{speed}{how}"
    )
    if result["strategy_reason"] is not None:
        yield f"strategy: {result['strategy_reason']}"
    for failure in result["failures"]:
        yield f"replicate {failure['replicate']} failed: {failure['message']}"
        yield failure["traceback"].rstrip()
