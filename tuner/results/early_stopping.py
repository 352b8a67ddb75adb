"""What early stopping did and saved: who entered and left each rung, and the epochs trained against all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.results.history import History, Trial
from tuner.rules.ranking import bracket_of


@dataclass(frozen=True)
class RungCount:
    """The trials at one rung: `entered` = `kept` + `stopped` + `lost` + `waiting`, where the lost diverged or failed there."""

    epoch: int
    entered: int
    kept: int
    stopped: int
    lost: int

    @property
    def waiting(self) -> int:
        """Those that may yet be kept or stopped there."""
        return self.entered - self.kept - self.stopped - self.lost


@dataclass(frozen=True)
class EarlyStopping:
    """The rungs and the cost of an experiment.

    `rungs` are of all trials; where the space has brackets, `brackets` has the rungs of each by its name. `epochs` were
    trained by all trials together, `full_epochs` is what the trials that began take at full budget. A replicate-epoch is
    one epoch of one replicate; of those trained, failed replicates count none.
    """

    rungs: tuple[RungCount, ...]
    epochs: int
    full_epochs: int
    replicate_epochs: int
    full_replicate_epochs: int
    brackets: dict[str, tuple[RungCount, ...]]

    @classmethod
    def of(cls, history: History) -> EarlyStopping:
        """The report of an experiment, finished or not."""
        trials = history.trials
        knobs = history.manifest.bracket
        names = dict.fromkeys(bracket_of(trial.config, knobs) for trial in trials) if knobs else {}
        full = sum(history.budget for trial in trials if trial.status != "pending")
        return cls(
            rungs=_counts(history, trials),
            epochs=sum(len(trial.epochs) for trial in trials),
            full_epochs=full,
            replicate_epochs=sum(trial.replicate_epochs for trial in trials),
            full_replicate_epochs=full * history.replicates,
            brackets={
                name: _counts(history, [trial for trial in trials if bracket_of(trial.config, knobs) == name])
                for name in names
            },
        )

    @property
    def saved(self) -> float:
        """The share of the full replicate-epochs that was not trained, 0 before the first trial."""
        return 1 - self.replicate_epochs / self.full_replicate_epochs if self.full_replicate_epochs else 0.0


def _counts(history: History, trials: Sequence[Trial]) -> tuple[RungCount, ...]:
    return tuple(_count(rung, trials) for rung in history.rungs)


def _count(rung: int, trials: Sequence[Trial]) -> RungCount:
    entered = [trial for trial in trials if trial.rung >= rung]
    standing_here = [trial.status for trial in entered if trial.last_epoch == rung]
    stopped = standing_here.count("stopped")
    lost = standing_here.count("diverged") + standing_here.count("failed")
    waiting = standing_here.count("waiting")
    return RungCount(rung, len(entered), len(entered) - stopped - lost - waiting, stopped, lost)
