"""What Ray tells while it runs the trials: starts, lost workers, final errors; and when it must stop altogether."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial
from ray.tune.stopper import NoopStopper

from trainables.process.watchdog import take_stacks
from tuner.experiment.failures import about_images, first_sentence, newest_failure
from tuner.experiment.interrupt import StopRequest
from tuner.experiment.pace import Pace
from tuner.experiment.scheduler import index_of
from tuner.machines import newcomers
from tuner.records.paths import ExperimentPaths
from tuner.results.progress import duration
from tuner.rules.judge import Judge

PATIENCE = 600.0  # seconds in which some trial must find room on a cluster that is as large as it can be
GROWING = 3600.0  # and where an autoscaler may still have machines to start
_TRACEBACK = 4000  # characters kept of a worker's traceback


class Watch:
    """The trials that are training now, and the records of what happens to their workers.

    `problem` is a sentence once the search cannot go on: no trial has run for `patience` seconds, since others hold what the
    cluster has, or an image cannot be decoded, which would end every other trial as well.
    """

    def __init__(
        self,
        paths: ExperimentPaths,
        judge: Judge,
        request: StopRequest,
        patience: float,
        tell: Callable[[str], None],
        pace: Pace | None = None,
    ) -> None:
        self.problem: str | None = None
        self._paths = paths
        self._patience = patience
        self._idle_since = time.monotonic()
        self._judge = judge
        self._request = request
        self._tell = tell
        self._pace = pace or Pace()
        self._told = False
        self._running: set[int] = set()
        self._unfit: set[str] = set()  # ids of nodes

    def callback(self) -> Callback:
        return _Callback(self)

    def stopper(self) -> Stopper:
        return _Stopper(self)

    def is_running(self, index: int) -> bool:
        """Whether the trial has begun and a worker has it."""
        return index in self._running

    def started(self, index: int) -> None:
        """A worker is ready for the trial. After a request to stop none begins: the scheduler lets this one go."""
        if self._request.is_made(fresh=True):
            return
        self._running.add(index)
        self._judge.begin(index)

    def progressed(self, trial: Any, result: dict[str, Any]) -> None:
        """A worker reported; only failures in a row without a new epoch may end a trial, since machines come and go."""
        if not result.get("replayed") and not result.get("untrained"):
            trial.run_metadata.num_failures = 0
        if trial.status == Trial.PAUSED:
            self._leave(index_of(trial))

    def lost(self, index: int, error_file: str | None, final: bool) -> None:
        """The worker died, hung or raised; Ray restarts it unless this was the last time."""
        self._leave(index)
        text = newest_failure(error_file)
        unfit = newcomers.blamed(text)
        if unfit is not None:
            self._left_out(index, *unfit)
            return
        unreadable = about_images(text)
        stacks = take_stacks(self._paths.trial(index))
        kind, message = "hung" if stacks else "lost", first_sentence(text)
        if stacks:
            message, text = "an epoch took longer than the step timeout; the stacks of its worker follow", stacks
        self._judge.writer.write(
            {
                "event": "error",
                "trial": index,
                "kind": kind,
                "message": message,
                "traceback": text[:_TRACEBACK] if stacks else text[-_TRACEBACK:],
                "final": final,
            }
        )
        if final and unreadable:
            self.problem = f"{unreadable}; no trial is lost: then continue with `{self._paths.command('resume')}`"
        elif final:
            self._judge.fail(index, message)

    def _left_out(self, index: int, node: str, sentence: str) -> None:
        """The worker never began: that is its node's failure, whatever the trial's own count of them."""
        self._judge.writer.write(
            {"event": "error", "trial": index, "kind": "node", "message": sentence, "traceback": "", "final": False}
        )
        if node not in self._unfit:
            self._unfit.add(node)
            self._tell(f"left out: {sentence} (`{self._paths.command('resume')}` later looks at it again)")

    def ended(self, index: int) -> None:
        self._leave(index)

    def _leave(self, index: int) -> None:
        self._running.discard(index)
        self._idle_since = time.monotonic()

    def all_stopped(self) -> bool:
        """Whether everything is to end: a stop was asked for and every running trial has checkpointed, or none finds room."""
        self._judge.writer.catch_up()
        if self._request.is_made():
            if self._running and not self._told:
                self._told = True
                rest = self._pace.rest(self._running, time.time())
                takes = "no epoch has ended yet, so nobody knows when" if rest is None else f"in about {duration(rest)}"
                self._tell(
                    f"stopping: the running trials finish their epoch ({takes}) and checkpoint; Ctrl-C again leaves at once"
                )
            return not self._running
        if not self._running and time.monotonic() - self._idle_since > self._patience:
            held = "others hold its CPUs or GPUs (see `ray status`)"
            if self._unfit:
                held += f", or only the nodes have room that were left out ({len(self._unfit)})"
            self.problem = (
                f"no trial found room on the cluster within {self._patience:g} s, though it is large enough: {held}; try again "
                f"later with `{self._paths.command('resume')}`"
            )
        return self.problem is not None


class _Callback(Callback):  # type: ignore[misc]  # Ray is untyped
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __reduce__(self) -> tuple[Any, ...]:
        return Callback, ()  # see JudgeScheduler.__reduce__

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._watch.started(index_of(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self._watch.progressed(trial, result)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._watch.ended(index_of(trial))

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._watch.lost(index_of(trial), trial.error_file, final=False)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        # Ray does not try again what was lost while its worker was being reset; the session does.
        self._watch.lost(index_of(trial), trial.error_file, final=trial.num_failures > trial.max_failures)


class _Stopper(Stopper):  # type: ignore[misc]  # Ray is untyped
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __reduce__(self) -> tuple[Any, ...]:
        return NoopStopper, ()  # see JudgeScheduler.__reduce__

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._watch.all_stopped()
