"""One session of a search: runs the trials that are not finished on Ray until they are, or until asked to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trainables.trial.assignment import Assignment
from tuner.errors import TunerError
from tuner.experiment.interrupt import StopRequest
from tuner.experiment.pace import Pace
from tuner.machines import scratch
from tuner.records.manifest import Manifest
from tuner.records.paths import ExperimentPaths
from tuner.rules import registry
from tuner.rules.judge import Judge

MAX_FAILURES = 3  # restarts of a trial in a row without a new epoch; each continues from its checkpoint


def run(
    paths: ExperimentPaths,
    manifest: Manifest,
    assignments: Sequence[Assignment],
    judge: Judge,
    request: StopRequest,
    max_concurrent: int,
    patience: float,
    tell: Callable[[str], None],
    pace: Pace,
) -> None:
    """Train the trials, in the given order, as far as the judge lets them.

    Args:
        assignments: of the trials that have not ended.
        judge: has recalled the records of earlier sessions.
        request: once made, no trial is started and running ones end after their epoch.
        max_concurrent: trials training at the same time.
        patience: seconds without a running trial before the search gives up waiting for room.
        tell: receives sentences for a person.
        pace: is fed with the records.

    Raises:
        TunerError: no trial found room in that time.
    """
    from ray import tune

    from trainables.on_ray import trainable
    from tuner.experiment.dispatch import Dispatch
    from tuner.experiment.node_report import NodeReport
    from tuner.experiment.scheduler import JudgeScheduler
    from tuner.experiment.watch import Watch

    watch = Watch(paths, judge, request, patience, tell, pace)
    pauses = registry.get(judge.rule.name).pauses
    indices = [assignment.index for assignment in assignments]
    dispatch = Dispatch(judge, indices, max_concurrent, request.is_made, pauses)
    # Ray's own snapshots and pickles are never read again: a search resumes from our records and checkpoints.
    with scratch.made(paths) as folder, NodeReport(paths) as report:
        tuner = tune.Tuner(
            trainable.of(manifest.trained),
            param_space={"trial": tune.grid_search([assignment.told() for assignment in assignments])},
            tune_config=tune.TuneConfig(
                metric=manifest.objective.metric,
                mode=manifest.objective.mode,
                scheduler=JudgeScheduler(judge, request.is_made, watch.is_running, dispatch),
                search_alg=dispatch,
                reuse_actors=True,
                trial_dirname_creator=_short_name,
            ),
            run_config=tune.RunConfig(
                name="ray",
                storage_path=str(folder),
                verbose=0,
                # In a notebook Ray's choice would be one that clears the cell, also at verbosity 0.
                progress_reporter=tune.CLIReporter(),
                stop=watch.stopper(),
                callbacks=[watch.callback(), report.callback()],
                failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            ),
        )
        tuner.fit()
        if watch.problem is not None:
            raise TunerError(watch.problem)


def _short_name(trial: Any) -> str:
    return Path(Assignment.of(trial.config).directory or "").name
