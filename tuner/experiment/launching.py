"""Launching a search and resuming one: from a request in words to a finished experiment directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.budget import OPTIONS
from search_spaces.space import SearchSpace
from trainables.datasets import shared
from trainables.storage import Place, probe
from tuner.errors import BadInput, unwritable
from tuner.experiment import request, session
from tuner.experiment.directory import create, describe, extension, name_in_use, trial_records
from tuner.experiment.running import Running
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
    seed: int = 0,
    overrides: request.Overrides = (),
    **options: Any,
) -> Outcome:
    """Run a new search to its end.

    Args:
        family, space, seed, overrides: what is searched (see `Request`).
        name: of the experiment; default family, space and time. Must not be in use under `storage`.
        storage: folder of experiments, or s3://BUCKET/PREFIX; default `~/ray_results`.
        options: trials, replicates, epochs, grace and the other options of `search_spaces.Budget`, which replace the
            space's own; address, max_concurrent, checkpoint_seconds, step_timeout, tell, listen (see `Running`).

    Raises:
        BadInput: with every problem at once; nothing was started.
        ClusterUnreachable: nobody answers at `address`.
    """
    budget = {option: options.pop(option) for option in OPTIONS if option in options}
    asked = request.Request(family, space, overrides, seed, budget)
    return start(asked, Running(**options), name=name, storage=storage)


def start(
    asked: request.Request, running: Running, *, name: str | None = None, storage: str | Place | None = None
) -> Outcome:
    """Run a new search to its end; raises like `launch`."""
    checked = asked.checked(running.problems())
    paths = require_free_name(name or request.default_name(checked.space), storage)
    scratch.require(paths)
    if running.address is None and checked.space.protocol is not None:
        local_data.require(checked.configs)
    with reached(running) as resources:
        allocator = Allocator.of_space(checked.space)
        data = preflight.check(allocator, checked.configs, paths.root.parent, resources, running.max_concurrent)
        manifest = describe(checked, paths.name, data | data_place())
        manifest.budget.max_concurrent = running.max_concurrent
        create(paths, manifest, trial_records(0, checked.configs), asked.space)
        budget = manifest.budget
        enduring(running.tell)(
            f"{paths.name}: {budget.trials} trials of {budget.replicates} replicates, in {paths.root}"
        )
        return Outcome(paths, session.hold(paths, manifest, resources, running))


def resume(
    name: str,
    *,
    storage: str | Place | None = None,
    trials: int | None = None,
    accept_changes: bool = False,
    **options: Any,
) -> Outcome:
    """Continue a search where its records end; with `trials`, extend it to that many trials, also when it had finished.

    Trials that ended stay as they are; the others continue from their newest readable checkpoint; the rungs hold what
    they held. Raises like `launch`, and BadInput when there is no such experiment, when another process is running it, or
    when the code or the space has changed since the launch and `accept_changes` is not given. `options`: address,
    max_concurrent, checkpoint_seconds, step_timeout, cpus_per_trial, gpus_per_trial, tell, listen (see `Running`).
    """
    return go_on(name, Running(**options), storage=storage, trials=trials, accept_changes=accept_changes)


def go_on(
    name: str,
    running: Running,
    *,
    storage: str | Place | None = None,
    trials: int | None = None,
    accept_changes: bool = False,
) -> Outcome:
    """Continue or extend a search; see `resume`."""
    running.require()
    paths = places.experiment(name, storage)
    with DriverLock(paths.lock, running.tell):
        pass  # refuse early: reaching Ray and checking the data takes a while
    manifest = manifests.read(paths.manifest)
    if manifest.own is not None and request.is_file(name) and (file := places.expanded(name)).is_file():
        manifest.own["path"] = str(file.absolute())  # wherever it lay at the launch
    known = [record for record in read(paths.records, manifest) if record["event"] == "trial"]
    # A kill may have come between the manifest of an extension and its trials.
    wanted = max(manifest.budget.trials, len(known)) if trials is None else trials
    more = extension(paths, manifest, [record["config"] for record in known], wanted, accept_changes)
    history = History.load(paths)
    if not more and all(trial.has_ended for trial in history.trials):
        running.tell(f"{paths.name} is finished; add trials with `{paths.command('resume', '--trials N')}`")
        return Outcome(paths, "finished")
    revised = changes.require_accepted(paths, manifest, accept_changes)
    revised = running.takes_share(manifest) or revised
    scratch.require(paths)
    go_on_with_data(manifest)
    going_on = [trial.config for trial in history.trials if not trial.has_ended] + more
    configs = [manifest.knobs(config) for config in going_on]
    if running.address is None and manifest.protocol is not None:
        local_data.require(configs)
    with reached(running) as resources:
        budget = manifest.budget
        if running.max_concurrent is not None:
            budget.max_concurrent = running.max_concurrent
        limit = budget.max_concurrent
        tried = configs if not revised else [manifest.knobs(history.baseline.config), *configs]
        allocator = Allocator.of_manifest(manifest)
        found = preflight.check(allocator, tried, paths.root.parent, resources, limit, known=not revised)
        require_same_data(paths, manifest.data.fingerprints, found["fingerprints"])
        if more:
            budget.extend(len(known) + len(more))
        announced = trial_records(len(known), more)
        return Outcome(paths, session.hold(paths, manifest, resources, running, more=announced, revised=revised))


@contextmanager
def reached(running: Running) -> Iterator[ray_session.Resources]:
    """Connected to Ray inside the block (see `ray_session.connected`), and told so."""
    running.begin("starting Ray" if running.address is None else f"reaching Ray at {running.address}")
    with ray_session.connected(running.address) as resources:
        nodes = f"{len(resources.nodes)} node{'' if len(resources.nodes) == 1 else 's'}"
        running.begin(f"looking at {nodes}: storage, versions, data, networks")
        yield resources


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


def data_place() -> dict[str, str]:
    """Where every node takes its data from, as a manifest keeps it; nothing where each has its own."""
    place = shared.travelling()
    return {} if place is None else {"place": place}


def go_on_with_data(manifest: manifests.Manifest) -> None:
    """Take the data from where the launch took them, unless --data or TUNER_DATA names a place."""
    place = manifest.data.place
    if place is not None and "TUNER_DATA" not in os.environ:
        shared.use(place)


def require_same_data(paths: ExperimentPaths, launched: dict[str, str], found: dict[str, str]) -> None:
    """Refuse to mix results on different data in one leaderboard."""
    for size, fingerprint in found.items():
        if launched.get(size, fingerprint) != fingerprint:
            raise BadInput(
                f"the dataset has changed since `{paths.name}` was launched: its fingerprint at {size} pixels was "
                f"{launched[size]} and is {fingerprint}; restore the data or launch a new experiment"
            )
