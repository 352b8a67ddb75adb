"""One session of a search: holds the lock, recalls the records, runs what has not ended, writes how it went."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from trainables.trial.assignment import Assignment
from tuner.errors import StorageUnavailable
from tuner.experiment import trials as search
from tuner.experiment import watch
from tuner.experiment.housekeeping import Housekeeper
from tuner.experiment.interrupt import StopRequest, on_signal
from tuner.experiment.pace import Pace
from tuner.experiment.running import Listener, ListenerFactory, Running
from tuner.machines import newcomers, ray_session
from tuner.machines.allocation import Allocator
from tuner.machines.capacity import concurrency
from tuner.records import leftovers
from tuner.records import manifest as manifests
from tuner.records.journal import journal
from tuner.records.lines import Record, RecordWriter, read
from tuner.records.lock import DriverLock
from tuner.records.outage import GATHERING, PatientJournal
from tuner.records.paths import ExperimentPaths
from tuner.records.standard_output import enduring
from tuner.results import summary_file
from tuner.rules import registry
from tuner.rules.judge import Judge
from tuner.rules.rule import rule_of
from tuner.tensorboard.feed import Export

CHECKPOINT_SECONDS = 60.0
Ending = Literal["finished", "interrupted"]


def hold(
    paths: ExperimentPaths,
    manifest: manifests.Manifest,
    resources: ray_session.Resources,
    running: Running,
    *,
    more: Sequence[Record] = (),
    revised: bool = False,
) -> Ending:
    """Run one session to its end.

    Args:
        manifest: of the experiment, rewritten when there are `more` trials.
        resources: of the Ray that this process is connected to.
        running: how this session runs.
        more: records of the trials that extend the search.
        revised: the manifest is not what is on the storage.
    """
    tell = enduring(running.tell)
    with ExitStack() as stack:
        with _storage_at_hand(paths):
            lock = stack.enter_context(DriverLock(paths.lock, tell))
            stop = StopRequest(paths.stop_request)
            stop.withdraw()  # at once: who asks from now on means this session
            leftovers.clear(paths)
            past = list(read(paths.records, manifest))
            pace = Pace()
            listeners: list[Listener] = [pace, *_listeners(paths, manifest, past, running.listen, stack)]
            for record in past:
                pace(record)
            kept = journal(paths.records)
            opening = RecordWriter(kept, *listeners)
            configs = {record["trial"]: record["config"] for record in past if record["event"] == "trial"}
            if more or revised:
                manifests.write(paths.manifest, manifest)
            if more:
                announced = manifests.as_json(list(more))
                opening.write(*announced)
                past += announced
                configs |= {record["trial"]: record["config"] for record in announced}
            opening.write({"event": "session", "action": "start", "pid": os.getpid(), "host": os.uname().nodename})
        gathering = 0.0 if isinstance(paths.root, Path) else GATHERING
        patient = PatientJournal(kept, str(paths.root), tell, paths.command("resume"), lock.check, gathering)
        writer = RecordWriter(patient, *listeners)
        stack.callback(writer.close)
        judge = Judge(rule_of(manifest), writer)
        judge.recall(past)
        allocator = Allocator.of_manifest(manifest)
        shares = [allocator.share(config) for config in configs.values()]
        limit = concurrency(shares, resources, manifest.budget.max_concurrent)
        patience = watch.GROWING if resources.to_come else watch.PATIENCE
        seconds = CHECKPOINT_SECONDS if running.checkpoint_seconds is None else running.checkpoint_seconds
        look = newcomers.inspection(paths, manifest, resources.ids)
        rule = judge.rule
        of_trials = manifest.seeds
        saved_at = rule.rungs[:-1] if registry.get(rule.name).pauses else ()

        def assign(trials: list[tuple[int, dict[str, Any]]]) -> list[Assignment]:
            return [
                Assignment(
                    manifest.knobs(config),
                    manifest.seed,
                    manifest.budget.replicates,
                    of_trials.stages if of_trials.grow else (),
                    index=index,
                    share=allocator.share(config),
                    directory=str(paths.trial(index)),
                    stop_file=str(paths.stop_request),
                    recorded_epoch=judge.last_epoch.get(index, 0),
                    recorded_late=judge.last_late.get(index, 0),
                    checkpoint_seconds=seconds,
                    checkpoint_at=tuple(saved_at),
                    keep_best=manifest.keeps_best,
                    step_timeout=running.step_timeout,
                    strategy=manifest.budget.strategy,
                    look=look,
                )
                for index, config in trials
            ]

        ending: Ending = "interrupted"
        running.begin(f"loading what trains in {limit} worker{'' if limit == 1 else 's'}, then the first epoch")
        try:
            with on_signal(stop):
                for _ in range(1 + search.MAX_FAILURES):
                    unfinished = _in_order(configs, judge)
                    if not unfinished or stop.is_made():
                        break
                    # A second round is for what Ray gave up on and we do not (see tuner.experiment.watch).
                    search.run(paths, manifest, assign(unfinished), judge, stop, limit, patience, tell, pace)
            if len(judge.ended) == len(configs):
                ending = "finished"
        except KeyboardInterrupt:
            tell("left at once: trials continue from their last checkpoints")
            patient.leave()
        except Exception:
            if patient.failure is not None:
                raise patient.failure from None
            raise
        finally:
            writer.write({"event": "session", "action": "end", "outcome": ending})
            with suppress(OSError):  # the next session withdraws it as well
                stop.withdraw()
            if patient.at_hand:
                summary_file.leave(paths)
        return ending


def _listeners(
    paths: ExperimentPaths,
    manifest: manifests.Manifest,
    past: Sequence[Record],
    listen: ListenerFactory | None,
    stack: ExitStack,
) -> list[Listener]:
    """What takes each record of the session, all of them fed with the earlier ones."""
    keeper = Housekeeper(paths)
    for record in past:
        keeper(record)
    listeners: list[Listener] = [keeper]
    if isinstance(paths.root, Path):
        listeners.append(stack.enter_context(Export(paths)).update)
    if listen is not None:
        listener = enduring(listen(paths, manifest))
        for record in past:
            listener(record)
        listeners.append(listener)
    return listeners


@contextmanager
def _storage_at_hand(paths: ExperimentPaths) -> Iterator[None]:
    """A session does not begin on a storage that fails; it says so in one sentence."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable.to_begin(paths.root, error, paths.command("resume")) from None


def _in_order(configs: Mapping[int, dict[str, Any]], judge: Judge) -> list[tuple[int, dict[str, Any]]]:
    """The trials that have not ended: first those under way, then the new ones, each in the order of their index."""
    unfinished = [(index, config) for index, config in configs.items() if index not in judge.ended]
    return sorted(unfinished, key=lambda item: (item[0] not in judge.last_epoch, item[0]))
