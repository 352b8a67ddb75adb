"""The judge as Ray sees it: hands it every result and passes on what its rule says of the median.

Ray's own `AsyncHyperBandScheduler` is not used as it is: it lets NaN pass every rung, and a restored search starts with
empty rungs. The rule itself is the same, decision by decision (see `tuner.rules.asha`).

A trial that waits is paused without a checkpoint of Ray's: those go through the driver's disk, which other nodes do not
share, and our own is there already, since its worker saved it at the rung.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from tuner.experiment.failures import newest_failure
from tuner.machines import newcomers

if TYPE_CHECKING:
    from ray.tune.execution.tune_controller import TuneController

    from tuner.experiment.dispatch import Dispatch
    from tuner.rules.judge import Judge

_SCALARS = "scalars/"


class JudgeScheduler(FIFOScheduler):  # type: ignore[misc]  # Ray is untyped
    """Starts trials in the order they are given; ends and pauses them, and lets them go on, when the judge says so.

    Args:
        judge: decides and records.
        stopping: whether the search was asked to stop; no trial is started then.
        begun: whether the start of a trial, by its index, was recorded; one that was not is let go by a stop.
        dispatch: gives Ray the trials; needed where trials wait.
    """

    def __init__(
        self,
        judge: Judge,
        stopping: Callable[[], bool],
        begun: Callable[[int], bool] = lambda index: True,
        dispatch: Dispatch | None = None,
    ) -> None:
        super().__init__()
        self._judge = judge
        self._stopping = stopping
        self._begun = begun
        self._dispatch = dispatch
        self._unfit: set[str] = set()  # ids of nodes

    def on_trial_result(self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]) -> str:
        if result.get("untrained"):  # its worker found the request to stop before it began
            return str(TrialScheduler.STOP)
        verdict = self._judge.observe(index_of(trial), result | {"scalars": _scalars(result)})
        if verdict == "stop" or result.get("interrupted"):
            return str(TrialScheduler.STOP)
        if verdict == "wait":
            tune_controller.pause_trial(trial, should_checkpoint=False)
            return str(TrialScheduler.NOOP)
        return str(TrialScheduler.CONTINUE)

    def on_trial_add(self, tune_controller: TuneController, trial: Trial) -> None:
        self._keep_off(trial)
        if self._dispatch is not None:
            self._bring_up_to_date(trial)

    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """Called before a trial whose worker failed waits for another one."""
        unfit = newcomers.blamed(newest_failure(trial.error_file))
        if unfit is not None:
            self._unfit.add(unfit[0])
            trial.run_metadata.num_failures -= 1  # the trial never began
        self._keep_off(trial)

    def _keep_off(self, trial: Trial) -> None:
        """Let a trial that has no worker be placed on no node that was found unfit."""
        if self._unfit:
            request = newcomers.elsewhere(trial.placement_group_factory, self._unfit)
            if request != trial.placement_group_factory:
                trial.update_resources(request)

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        if self._stopping():
            self._let_go(tune_controller)
            return None
        if self._dispatch is None:
            return super().choose_trial_to_run(tune_controller)
        for trial in self._dispatch.paused():
            if index_of(trial) in self._judge.ended or self._dispatch.is_stuck:
                tune_controller.stop_trial(trial)
        promoted = self._dispatch.promoted() if self._dispatch.has_room else None
        if promoted is not None:
            self._keep_off(promoted)
            self._bring_up_to_date(promoted)
            return promoted
        return next((trial for trial in tune_controller.get_trials() if trial.status == Trial.PENDING), None)

    def _bring_up_to_date(self, trial: Trial) -> None:
        """Tell a worker that is to begin what has been recorded of its trial so far: it reports the rest."""
        assignment = trial.config["trial"]
        assignment["recorded_epoch"] = self._judge.last_epoch.get(assignment["index"], 0)
        assignment["recorded_late"] = self._judge.last_late.get(assignment["index"], 0)

    def _let_go(self, tune_controller: TuneController) -> None:
        """End all trials that have not begun: Ray starts what waits, also when it is offered nothing to start.

        They stay what they are in the records, so that the next session trains them.
        """
        tune_controller.search_alg.set_finished()
        for trial in list(tune_controller.get_live_trials()):
            if trial.status == Trial.PENDING or not self._begun(index_of(trial)):
                tune_controller.stop_trial(trial)

    def __reduce__(self) -> tuple[Any, ...]:
        # Ray pickles every scheduler into snapshots that nobody reads here, and the judge holds open files.
        return FIFOScheduler, ()

    def debug_string(self) -> str:
        return "a rule on the median over replicates"


def _scalars(result: Mapping[str, Any]) -> dict[str, Any]:
    """The family's numbers of an epoch: Ray shows a scheduler nested dictionaries as keys joined by slashes."""
    return {key.removeprefix(_SCALARS): value for key, value in result.items() if key.startswith(_SCALARS)}


def index_of(trial: Trial) -> int:
    """Our index of a Ray trial."""
    return int(trial.config["trial"]["index"])
