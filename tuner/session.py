"""One session of a search: holds the lock, recalls the records, runs what has not ended, writes how it went."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Literal

from tuner import manifest as manifests
from tuner import ray_session, search, tensorboard
from tuner.capacity import concurrency
from tuner.housekeeping import Housekeeper
from tuner.interrupt import StopRequest, on_signal
from tuner.judge import Judge, rule_of
from tuner.lock import DriverLock
from tuner.paths import ExperimentPaths
from tuner.records import Record, RecordWriter, read

CHECKPOINT_SECONDS = 60.0
Ending = Literal["finished", "interrupted"]
Tell = Callable[[str], None]
Listener = Callable[[Record], None]
ListenerFactory = Callable[[ExperimentPaths, manifests.Manifest], Listener]


def hold(
    paths: ExperimentPaths,
    manifest: manifests.Manifest,
    resources: ray_session.Resources,
    *,
    checkpoint_seconds: float | None,
    tell: Tell,
    listen: ListenerFactory | None,
    more: Sequence[Record] = (),
) -> Ending:
    """Run one session to its end.

    Args:
        manifest: of the experiment, rewritten when there are `more` trials.
        resources: of the Ray that this process is connected to.
        checkpoint_seconds: least time between two checkpoints of a trial; None means 60.
        tell: receives sentences for a person.
        listen: makes a listener that gets every record, the earlier ones first.
        more: records of the trials that extend the search.
    """
    with ExitStack() as stack:
        stack.enter_context(DriverLock(paths.lock))
        past = list(read(paths.records))
        tensorboard.rebuild(paths)
        board = tensorboard.TensorBoardWriter(paths, manifest)
        stack.callback(board.close)
        keeper = Housekeeper(paths)
        for record in past:
            keeper(record)
        listeners: list[Listener] = [board.update, keeper]
        if listen is not None:
            listener = listen(paths, manifest)
            for record in past:
                listener(record)
            listeners.append(listener)
        writer = RecordWriter(paths.records, *listeners)
        stack.callback(writer.close)
        stop = StopRequest(paths.stop_request)
        stop.withdraw()
        configs = {record["trial"]: record["config"] for record in past if record["event"] == "trial"}
        if more:
            manifests.write(paths.manifest, manifest)
            announced = manifests.as_json(list(more))
            writer.write(*announced)
            past += announced
            configs |= {record["trial"]: record["config"] for record in announced}
        writer.write({"event": "session", "action": "start", "pid": os.getpid(), "host": os.uname().nodename})
        judge = Judge(rule_of(manifest), writer)
        judge.recall(past)
        unfinished = _in_order(configs, judge)
        budget = manifest["budget"]
        limit = concurrency(budget["cpus_per_trial"], budget["gpus_per_trial"], resources, budget.get("max_concurrent"))
        ending: Ending = "interrupted"
        seconds = CHECKPOINT_SECONDS if checkpoint_seconds is None else checkpoint_seconds
        try:
            with on_signal(stop):
                if unfinished:
                    search.run(paths, manifest, unfinished, judge, stop, seconds, limit, tell)
            if len(judge.ended) == len(configs):
                ending = "finished"
        except KeyboardInterrupt:
            tell("left at once: trials continue from their last checkpoints")
        finally:
            writer.write({"event": "session", "action": "end", "outcome": ending})
            stop.withdraw()
        return ending


def _in_order(configs: Mapping[int, dict[str, Any]], judge: Judge) -> list[tuple[int, dict[str, Any]]]:
    """The trials that have not ended: first those under way, then the new ones, each in the order of their index."""
    unfinished = [(index, config) for index, config in configs.items() if index not in judge.ended]
    return sorted(unfinished, key=lambda item: (item[0] not in judge.last_epoch, item[0]))
