"""Launching a search and resuming one: from a request in words to a finished experiment directory."""

from __future__ import annotations

import datetime
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import search_spaces
from search_spaces.space import SearchSpace
from tuner import manifest as manifests
from tuner import paths as places
from tuner import ray_session
from tuner.capacity import check_resources, concurrency
from tuner.errors import BadInput
from tuner.history import History
from tuner.interrupt import StopRequest, on_signal
from tuner.judge import Judge, Rule
from tuner.leaderboard import Leaderboard
from tuner.lock import DriverLock
from tuner.paths import ExperimentPaths
from tuner.records import Record, RecordWriter, read

CHECKPOINT_SECONDS = 60.0
Overrides = Mapping[str, Any] | Sequence[str]
Tell = Callable[[str], None]
Listener = Callable[[Record], None]
ListenerFactory = Callable[[ExperimentPaths, manifests.Manifest], Listener]


@dataclass(frozen=True)
class Outcome:
    """How a session of a search ended."""

    paths: ExperimentPaths
    ending: Literal["finished", "interrupted"]

    @property
    def path(self) -> Path:
        return self.paths.root

    @property
    def leaderboard(self) -> Leaderboard:
        from tuner import leaderboard

        return leaderboard.load(self.paths)

    @property
    def exit_code(self) -> int:
        """0 ok, 1 finished without one valid trial, 130 interrupted but resumable."""
        if self.ending == "interrupted":
            return 130
        return 0 if any(trial.is_valid for trial in History.load(self.paths).trials) else 1


def launch(
    family: str,
    space: str | Path | SearchSpace = "smoke",
    *,
    name: str | None = None,
    storage: str | Path | None = None,
    trials: int | None = None,
    replicates: int | None = None,
    epochs: int | None = None,
    grace: int | None = None,
    reduction: float | None = None,
    seed: int = 0,
    overrides: Overrides = (),
    address: str | None = None,
    cpus_per_trial: float | None = None,
    gpus_per_trial: float | None = None,
    max_concurrent: int | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    tell: Tell = lambda text: None,
    listen: ListenerFactory | None = None,
) -> Outcome:
    """Run a new search to its end.

    Args:
        family: `blur`, ...; hyphen or underscore.
        space: name of one of the family's spaces, path of a Python file that defines `space()`, or a SearchSpace.
        name: of the experiment; default family, space and time. Must not be in use under `storage`.
        storage: folder of experiments, default `~/ray_results`.
        trials, replicates, epochs, grace, reduction, cpus_per_trial, gpus_per_trial: replace the space's own.
        seed: of the experiment; the same seed gives the same configurations and the same replicates.
        overrides: knob -> value or Ray Tune domain, or texts such as "lr=0.05" and "sigma=choice(1,2,4)".
        address: of a Ray cluster ("auto", "host:port"); None starts Ray on this machine.
        max_concurrent: trials at the same time; default as many as the cluster holds.
        checkpoint_seconds: least time between two checkpoints of a trial.
        tell: receives sentences for a person.
        listen: makes a listener that receives every record as it is written.

    Raises:
        BadInput: with every problem at once; nothing was started.
        ClusterUnreachable: nobody answers at `address`.
    """
    chosen = resolve_space(family, space, overrides).with_budget(
        trials=trials,
        replicates=replicates,
        epochs=epochs,
        grace=grace,
        reduction=reduction,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
    )
    problems = chosen.problems()
    if max_concurrent is not None and max_concurrent < 1:
        problems.append(f"`max_concurrent` is {max_concurrent}, but must be at least 1; raise --max-concurrent")
    if checkpoint_seconds < 0:
        problems.append(f"the checkpoint interval is {checkpoint_seconds:g} s, but must not be negative; raise it")
    if problems:
        raise BadInput.listing(problems)
    configs = draw(chosen, seed, chosen.budget.trials)
    root = places.storage_root(storage)
    paths = ExperimentPaths(root / places.check_name(name or default_name(chosen)))
    if paths.root.exists():
        raise BadInput(
            f"the name `{paths.name}` is already in use in {root}; continue it with `tuner resume {paths.name}` "
            "or choose another --name"
        )
    with ray_session.connected(address) as resources:
        check_resources(chosen.budget.cpus_per_trial, chosen.budget.gpus_per_trial, resources)
        data = preflight(chosen.family, configs)
        manifest = describe(chosen, space, overrides, seed, paths.name, data)
        manifest["budget"]["max_concurrent"] = max_concurrent
        create(paths, manifest, configs, space)
        tell(f"{paths.name}: {len(configs)} trials of {chosen.budget.replicates} replicates, in {paths.root}")
        return _session(paths, manifest, resources, checkpoint_seconds, tell, listen)


def resume(
    name: str,
    *,
    storage: str | Path | None = None,
    trials: int | None = None,
    address: str | None = None,
    max_concurrent: int | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    tell: Tell = lambda text: None,
    listen: ListenerFactory | None = None,
) -> Outcome:
    """Continue a search where its records end; with `trials`, extend it to that many trials, also when it had finished.

    Trials that ended stay as they are; the others continue from their newest readable checkpoint; the rungs hold what
    they held. Raises like `launch`, and BadInput when there is no such experiment or another process is running it.
    """
    paths = places.experiment(name, storage)
    with DriverLock(paths.lock):
        pass  # refuse early: reaching Ray and checking the data takes a while
    manifest = manifests.read(paths.manifest)
    known = [record for record in read(paths.records) if record["event"] == "trial"]
    extension = _extension(paths, manifest, [record["config"] for record in known], trials)
    history = History.load(paths)
    if not extension and all(trial.has_ended for trial in history.trials):
        tell(f"{paths.name} is finished; add trials with `tuner resume {paths.name} --trials N`")
        return Outcome(paths, "finished")
    with ray_session.connected(address) as resources:
        budget = manifest["budget"]
        check_resources(budget["cpus_per_trial"], budget["gpus_per_trial"], resources)
        open_configs = [trial.config for trial in history.trials if not trial.has_ended]
        preflight(manifest["family"], open_configs + extension)
        if extension:
            budget["trials"] = len(known) + len(extension)
        if max_concurrent is not None:
            budget["max_concurrent"] = max_concurrent
        return _session(paths, manifest, resources, checkpoint_seconds, tell, listen, extension)


def resolve_space(family: str, space: str | Path | SearchSpace, overrides: Overrides) -> SearchSpace:
    """The search space a request means, with its overrides applied; BadInput in one sentence otherwise."""
    from search_spaces.overrides import parse_all
    from trainables import datasets

    try:
        if isinstance(space, SearchSpace):
            chosen = space
        elif str(space).endswith(".py"):
            chosen = search_spaces.load_file(Path(space))
        else:
            chosen = search_spaces.load(family, str(space))
        changes = dict(overrides) if isinstance(overrides, Mapping) else parse_all(list(overrides))
        asked, has = family.replace("-", "_"), chosen.family.replace("-", "_")
        if asked != has:
            raise BadInput(f"the space {chosen.name} is of the family `{has}`, not `{asked}`; launch `{has}` instead")
        chosen = chosen.with_overrides(changes)
        # A relative folder would mean another one in a worker.
        return chosen.with_overrides({"dataset": datasets.canonical(chosen.protocol.dataset)})
    except ValueError as error:
        raise BadInput(str(error)) from None


def draw(space: SearchSpace, seed: int, count: int) -> list[dict[str, Any]]:
    """The first `count` configurations; BadInput when the space has fewer, or when one is not valid."""
    try:
        return space.configurations(seed, count)
    except ValueError as error:
        raise BadInput(str(error)) from None


def default_name(space: SearchSpace) -> str:
    """Family, space and time to the second, with two letters more so that two launched at once differ."""
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return f"{space.family}-{space.name}-{now}-{secrets.token_hex(1)}"


def preflight(family: str, configs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Check data and networks on a worker of the cluster; what was found, or BadInput with every problem."""
    import ray

    from trainables import preflight as checks

    report = ray.get(ray.remote(num_cpus=1)(checks.check).remote(family, list(configs)))
    if report["problems"]:
        raise BadInput.listing(report["problems"])
    found: dict[str, Any] = report["data"]
    return found


def describe(
    space: SearchSpace,
    given: str | Path | SearchSpace,
    overrides: Overrides,
    seed: int,
    name: str,
    data: dict[str, Any],
) -> manifests.Manifest:
    """The manifest of a new experiment."""
    budget = space.budget
    texts = (
        {key: str(value) for key, value in overrides.items()}
        if isinstance(overrides, Mapping)
        else dict(text.split("=", 1) for text in overrides)
    )
    return {
        "name": name,
        "family": space.family,
        "space": "space.py" if str(given).endswith(".py") else space.name,
        "rebuildable": not isinstance(given, SearchSpace) and not isinstance(overrides, Mapping),
        "summary": space.summary,
        "overrides": texts,
        "seed": seed,
        "objective": {"metric": space.objective.metric, "mode": space.objective.mode},
        "budget": {
            "epochs": budget.epochs,
            "grace": budget.grace,
            "reduction": budget.reduction,
            "trials": budget.trials,
            "replicates": budget.replicates,
            "cpus_per_trial": budget.cpus_per_trial,
            "gpus_per_trial": budget.gpus_per_trial,
        },
        "rungs": list(Rule("", "max", budget.epochs, budget.grace, budget.reduction).rungs),
        "protocol": {"dataset": space.protocol.dataset, "selection": space.protocol.selection},
        "data": data,
        "baseline": dict(space.baseline),
        "published": [
            {"when": dict(row.when), "metric": row.metric, "value": row.value, "source": row.source}
            for row in space.published
        ],
        **manifests.surroundings(),
    }


def create(
    paths: ExperimentPaths,
    manifest: manifests.Manifest,
    configs: Sequence[dict[str, Any]],
    space: str | Path | SearchSpace,
) -> None:
    """Make the experiment directory whole or not at all: built beside its place, then renamed into it."""
    try:
        paths.root.parent.mkdir(parents=True, exist_ok=True)
        staging = ExperimentPaths(paths.root.parent / f".{paths.name}.{os.getpid()}.new")
        staging.root.mkdir()
    except OSError as error:
        raise BadInput(f"cannot write to {paths.root.parent} ({error}); choose another --storage") from None
    try:
        manifests.write(staging.manifest, manifest)
        if str(space).endswith(".py"):
            shutil.copyfile(str(space), staging.space_source)
        writer = RecordWriter(staging.records)
        writer.write(*_trial_records(0, configs))
        writer.close()
        staging.root.rename(paths.root)
    except OSError:
        shutil.rmtree(staging.root, ignore_errors=True)
        raise BadInput(
            f"the name `{paths.name}` is already in use in {paths.root.parent}; continue it with "
            f"`tuner resume {paths.name}` or choose another --name"
        ) from None


def _trial_records(first: int, configs: Sequence[dict[str, Any]]) -> list[Record]:
    return [
        {"event": "trial", "trial": index, "baseline": index == 0, "config": config}
        for index, config in enumerate(configs, start=first)
    ]


def _extension(
    paths: ExperimentPaths, manifest: manifests.Manifest, known: list[dict[str, Any]], trials: int | None
) -> list[dict[str, Any]]:
    """The configurations that follow the known ones, up to `trials`."""
    if trials is None:
        return []
    if trials < len(known):
        raise BadInput(
            f"--trials is {trials}, but `{paths.name}` already has {len(known)} trials; give a larger number"
        )
    if trials == len(known):
        return []
    if not manifest.get("rebuildable", True):
        raise BadInput(
            f"`{paths.name}` was launched from Python with a space of its own, so its next configurations are not "
            "known here; launch a new experiment instead"
        )
    source = paths.space_source if manifest["space"] == "space.py" else manifest["space"]
    texts = [f"{key}={value}" for key, value in manifest["overrides"].items()]
    budget = {key: value for key, value in manifest["budget"].items() if key != "max_concurrent"}
    space = resolve_space(manifest["family"], source, texts).with_budget(**{**budget, "trials": trials})
    problems = space.problems()
    if problems:
        raise BadInput.listing(problems)
    configs = draw(space, manifest["seed"], trials)
    drawn = manifests.as_json(configs)
    for index, (mine, theirs) in enumerate(zip(drawn, known, strict=False)):
        if mine != theirs:
            raise BadInput(
                f"the search space has changed since `{paths.name}` was launched: trial {index} was {theirs}, and would "
                f"now be {mine}; restore the space or launch a new experiment"
            )
    new: list[dict[str, Any]] = configs[len(known) :]
    return new


def _session(
    paths: ExperimentPaths,
    manifest: manifests.Manifest,
    resources: ray_session.Resources,
    checkpoint_seconds: float,
    tell: Tell,
    listen: ListenerFactory | None,
    extension: Sequence[dict[str, Any]] = (),
) -> Outcome:
    """Hold the lock, recall the records, run what has not ended, and write how it went."""
    from tuner import search, tensorboard

    with ExitStack() as stack:
        stack.enter_context(DriverLock(paths.lock))
        past = list(read(paths.records))
        listeners: list[Listener] = []
        tensorboard.rebuild(paths)
        board = tensorboard.TensorBoardWriter(paths, manifest)
        stack.callback(board.close)
        listeners.append(board.update)
        if listen is not None:
            listeners.append(listen(paths, manifest))
        for record in past:
            for listener in listeners[1:]:
                listener(record)
        writer = RecordWriter(paths.records, *listeners)
        stack.callback(writer.close)
        request = StopRequest(paths.stop_request)
        request.withdraw()
        if extension:
            known = sum(record["event"] == "trial" for record in past)
            manifests.write(paths.manifest, manifest)
            writer.write(*_trial_records(known, extension))
        writer.write({"event": "session", "action": "start", "pid": os.getpid(), "host": os.uname().nodename})
        judge = Judge(rule_of(manifest), writer)
        judge.recall(past)
        configs = {record["trial"]: record["config"] for record in read(paths.records) if record["event"] == "trial"}
        unfinished = _in_order(configs, judge)
        budget = manifest["budget"]
        limit = concurrency(budget["cpus_per_trial"], budget["gpus_per_trial"], resources, budget.get("max_concurrent"))
        ending: Literal["finished", "interrupted"] = "interrupted"
        try:
            with on_signal(request, tell):
                if unfinished:
                    search.run(paths, manifest, unfinished, judge, request, checkpoint_seconds, limit)
            if len(judge.ended) == len(configs):
                ending = "finished"
        except KeyboardInterrupt:
            tell("left at once: trials continue from their last checkpoints")
        finally:
            writer.write({"event": "session", "action": "end", "outcome": ending})
            request.withdraw()
        return Outcome(paths, ending)


def rule_of(manifest: manifests.Manifest) -> Rule:
    """The judge's rule, from the manifest."""
    budget, objective = manifest["budget"], manifest["objective"]
    return Rule(objective["metric"], objective["mode"], budget["epochs"], budget["grace"], budget["reduction"])


def _in_order(configs: Mapping[int, dict[str, Any]], judge: Judge) -> list[tuple[int, dict[str, Any]]]:
    """The trials that have not ended: first those under way, then the new ones, each in the order of their index."""
    unfinished = [(index, config) for index, config in configs.items() if index not in judge.ended]
    return sorted(unfinished, key=lambda item: (item[0] not in judge.last_epoch, item[0]))
