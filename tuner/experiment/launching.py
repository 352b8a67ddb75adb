"""Launching a search and resuming one: from a request in words to a finished experiment directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from search_spaces.space import SearchSpace
from trainables.storage import Place, probe
from tuner.errors import BadInput
from tuner.experiment import request, session
from tuner.experiment.directory import create, describe, extension, name_in_use, trial_records, unwritable
from tuner.machines import local_data, preflight, ray_session, scratch
from tuner.machines.allocation import Allocator
from tuner.records import changes
from tuner.records import manifest as manifests
from tuner.records import paths as places
from tuner.records.lines import read
from tuner.records.lock import DriverLock
from tuner.records.paths import ExperimentPaths
from tuner.records.standard_output import enduring
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard


@dataclass(frozen=True)
class Outcome:
    """How a session of a search ended."""

    paths: ExperimentPaths
    ending: session.Ending

    @property
    def path(self) -> Place:
        return self.paths.root

    @property
    def leaderboard(self) -> Leaderboard:
        from tuner.results import leaderboard

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
    storage: str | Place | None = None,
    trials: int | None = None,
    replicates: int | None = None,
    epochs: int | None = None,
    grace: int | None = None,
    reduction: float | None = None,
    seed: int = 0,
    overrides: request.Overrides = (),
    address: str | None = None,
    cpus_per_trial: float | None = None,
    gpus_per_trial: float | None = None,
    rank_window: int | None = None,
    placement: str | None = None,
    gpus_per_replicate: int | None = None,
    accelerator_type: str | None = None,
    rule: str | None = None,
    max_concurrent: int | None = None,
    checkpoint_seconds: float | None = None,
    step_timeout: float | None = None,
    tell: session.Tell = lambda text: None,
    listen: session.ListenerFactory | None = None,
) -> Outcome:
    """Run a new search to its end.

    Args:
        family: `blur`, ...; hyphen or underscore.
        space: name of one of the family's spaces, path of a Python file that defines `space()`, or a SearchSpace.
        name: of the experiment; default family, space and time. Must not be in use under `storage`.
        storage: folder of experiments, or s3://BUCKET/PREFIX; default `~/ray_results`.
        trials, replicates, epochs, grace, reduction, cpus_per_trial, gpus_per_trial, rank_window, placement,
            gpus_per_replicate, accelerator_type, rule: replace the space's own.
        seed: of the experiment; the same seed gives the same configurations and the same replicates.
        overrides: knob -> value or Ray Tune domain, or texts such as "lr=0.05" and "sigma=choice(1,2,4)".
        address: of a Ray cluster ("auto", "host:port"); None starts Ray on this machine.
        max_concurrent: trials at the same time; default as many as the cluster holds.
        checkpoint_seconds: least time between two checkpoints of a trial; default 60.
        step_timeout: seconds after which an epoch counts as hung; default far more than any took so far.
        tell: receives sentences for a person.
        listen: makes a listener that receives every record as it is written.

    Raises:
        BadInput: with every problem at once; nothing was started.
        ClusterUnreachable: nobody answers at `address`.
    """
    chosen = request.resolve_space(family, space, overrides).with_budget(
        trials=trials,
        replicates=replicates,
        epochs=epochs,
        grace=grace,
        reduction=reduction,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        rank_window=rank_window,
        placement=placement,
        gpus_per_replicate=gpus_per_replicate,
        accelerator_type=accelerator_type,
        rule=rule,
    )
    problems = [*request.problems(chosen), *_timing_problems(checkpoint_seconds, step_timeout)]
    if max_concurrent is not None and max_concurrent < 1:
        problems.append(f"`max_concurrent` is {max_concurrent}, but must be at least 1; raise --max-concurrent")
    if problems:
        raise BadInput.listing(problems)
    configs = request.draw(chosen, seed, chosen.budget.trials)
    paths = require_free_name(name or request.default_name(chosen), storage)
    scratch.require(paths)
    if address is None:
        local_data.require(configs)
    with ray_session.connected(address) as resources:
        data = preflight.check(Allocator.of_space(chosen), configs, paths.root.parent, resources, max_concurrent)
        manifest = describe(chosen, space, overrides, seed, paths.name, data)
        manifest.budget.max_concurrent = max_concurrent
        create(paths, manifest, trial_records(0, configs), space)
        enduring(tell)(f"{paths.name}: {len(configs)} trials of {chosen.budget.replicates} replicates, in {paths.root}")
        ending = session.hold(
            paths,
            manifest,
            resources,
            checkpoint_seconds=checkpoint_seconds,
            step_timeout=step_timeout,
            tell=tell,
            listen=listen,
        )
        return Outcome(paths, ending)


def resume(
    name: str,
    *,
    storage: str | Place | None = None,
    trials: int | None = None,
    address: str | None = None,
    max_concurrent: int | None = None,
    checkpoint_seconds: float | None = None,
    step_timeout: float | None = None,
    accept_changes: bool = False,
    tell: session.Tell = lambda text: None,
    listen: session.ListenerFactory | None = None,
) -> Outcome:
    """Continue a search where its records end; with `trials`, extend it to that many trials, also when it had finished.

    Trials that ended stay as they are; the others continue from their newest readable checkpoint; the rungs hold what
    they held. Raises like `launch`, and BadInput when there is no such experiment, when another process is running it, or
    when the code or the space has changed since the launch and `accept_changes` is not given.
    """
    problems = _timing_problems(checkpoint_seconds, step_timeout)
    if problems:
        raise BadInput.listing(problems)
    paths = places.experiment(name, storage)
    with DriverLock(paths.lock, tell):
        pass  # refuse early: reaching Ray and checking the data takes a while
    manifest = manifests.read(paths.manifest)
    known = [record for record in read(paths.records, manifest) if record["event"] == "trial"]
    # A kill may have come between the manifest of an extension and its trials.
    wanted = max(manifest.budget.trials, len(known)) if trials is None else trials
    more = extension(paths, manifest, [record["config"] for record in known], wanted, accept_changes)
    history = History.load(paths)
    if not more and all(trial.has_ended for trial in history.trials):
        tell(f"{paths.name} is finished; add trials with `{paths.command('resume', '--trials N')}`")
        return Outcome(paths, "finished")
    revised = changes.require_accepted(paths, manifest, accept_changes)
    scratch.require(paths)
    if address is None:
        local_data.require([trial.config for trial in history.trials if not trial.has_ended] + more)
    with ray_session.connected(address) as resources:
        budget = manifest.budget
        if max_concurrent is not None:
            budget.max_concurrent = max_concurrent
        configs = [trial.config for trial in history.trials if not trial.has_ended] + more
        limit = budget.max_concurrent
        found = preflight.check(Allocator.of_manifest(manifest), configs, paths.root.parent, resources, limit)
        require_same_data(paths, manifest.data.fingerprints, found["fingerprints"])
        if more:
            budget.trials = len(known) + len(more)
        ending = session.hold(
            paths,
            manifest,
            resources,
            checkpoint_seconds=checkpoint_seconds,
            step_timeout=step_timeout,
            tell=tell,
            listen=listen,
            more=trial_records(len(known), more),
            revised=revised,
        )
        return Outcome(paths, ending)


def require_free_name(name: str, storage: str | Place | None) -> ExperimentPaths:
    """Where an experiment of this name would be; BadInput when the name is no name or is in use, or when nothing can be
    written there."""
    places.check_name(name)
    paths = ExperimentPaths(require_storage(storage) / name)
    if paths.in_use:
        raise name_in_use(paths)
    return paths


def require_storage(storage: str | Place | None) -> Place:
    """The root of a storage that can be written; BadInput for what is none."""
    root = places.storage_root(storage)
    try:
        probe(root)
    except OSError as error:
        raise unwritable(root, error) from None
    return root


def _timing_problems(checkpoint_seconds: float | None, step_timeout: float | None) -> list[str]:
    problems = []
    if checkpoint_seconds is not None and checkpoint_seconds < 0:
        problems.append(f"the checkpoint interval is {checkpoint_seconds:g} s, but must not be negative; raise it")
    if step_timeout is not None and step_timeout <= 0:
        problems.append(f"the step timeout is {step_timeout:g} s, but must be greater than 0; raise --step-timeout")
    return problems


def require_same_data(paths: ExperimentPaths, launched: dict[str, str], found: dict[str, str]) -> None:
    """Refuse to mix results on different data in one leaderboard."""
    for size, fingerprint in found.items():
        if launched.get(size, fingerprint) != fingerprint:
            raise BadInput(
                f"the dataset has changed since `{paths.name}` was launched: its fingerprint at {size} pixels was "
                f"{launched[size]} and is {fingerprint}; restore the data or launch a new experiment"
            )
