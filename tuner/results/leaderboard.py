"""The ranking of an experiment's trials, recomputed from the records each time it is asked for.

Trials are ranked by the highest rung they reached, then by the median of the objective at that rung's epoch: the number
the rule compared (with a rank window, the last of those it took the median of), so that a trial still running is never ahead
of another merely because it trained longer since. A trial that diverged or failed, or whose median is not finite, comes
after every other; one that reported nothing comes last.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from trainables.config.wording import nearest
from trainables.storage import Place
from tuner.errors import BadInput
from tuner.records.paths import ExperimentPaths, whole
from tuner.results.early_stopping import EarlyStopping
from tuner.results.history import History, Trial
from tuner.results.significance import separated

if TYPE_CHECKING:
    import pandas

_NAMED = ("best", "baseline")  # what a trial may be called beside its number


@dataclass(frozen=True)
class Row:
    """One trial on the leaderboard.

    `median`, `low`, `high` and `values` are the objective over the replicates at the highest rung's epoch (before the
    first rung: at the last epoch); low and high leave failed replicates out. `seeds` is how many these are. `metrics` are
    the medians of every metric at `epoch`, the last one reported, and `scalars` the family's further numbers there. None
    stands for a number that is missing or not finite. A `valid` trial counts as a result: its medians are finite and it
    neither diverged nor failed.
    """

    rank: int
    trial: int
    baseline: bool
    status: str
    rung: int
    epoch: int
    median: float | None
    low: float | None
    high: float | None
    values: tuple[float | None, ...]
    replicates_ok: int
    metrics: dict[str, float | None]
    scalars: dict[str, float | None]
    seconds: float
    config: dict[str, Any]
    reason: str
    valid: bool
    incumbent: bool
    tied_with_best: bool

    @property
    def seeds(self) -> int:
        """How many `values` are."""
        return len(self.values)

    @property
    def standing(self) -> str:
        """The status for people: of a trial that waits also where."""
        return f"waiting at rung {self.rung}" if self.status == "waiting" else self.status


class Leaderboard:
    """The ranked trials of an experiment; `rows` always holds the baseline, launched or not.

    `row.tied_with_best` marks the trials of the incumbent's rung that the paired seeds cannot separate from it (see
    `tuner.results.significance`: with five replicates, all five must fall on one side).
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.early_stopping = EarlyStopping.of(history)
        self.rows: list[Row] = _rows(history)

    @property
    def best(self) -> Row | None:
        """The incumbent: the best trial at the highest rung reached; None while no trial is valid."""
        return self.rows[0] if self.rows[0].incumbent else None

    @property
    def baseline(self) -> Row:
        """The baseline's row, wherever it is ranked."""
        return next(row for row in self.rows if row.baseline)

    @property
    def test_metric(self) -> str | None:
        """The test-set counterpart of the objective, if any trial reported it."""
        name = "test_" + self.history.metric.removeprefix("val_")
        return name if any(name in row.metrics for row in self.rows) else None

    @property
    def shown_scalars(self) -> list[str]:
        """The family's numbers that belong beside the medians, as far as any trial reported them."""
        return [name for name in self.history.manifest.shown_scalars if any(name in row.scalars for row in self.rows)]

    def top(self, count: int | None = None) -> list[Row]:
        """The best `count` rows (all by default) and the baseline's."""
        return [row for row in self.rows if count is None or row.rank <= count or row.baseline]

    def metrics(self) -> list[str]:
        """Every metric that some trial reported at its last epoch."""
        return list(dict.fromkeys(name for row in self.rows for name in row.metrics))

    def scalars(self) -> list[str]:
        """Every further number of the family that some trial reported at its last epoch."""
        return list(dict.fromkeys(name for row in self.rows for name in row.scalars))

    def knobs(self) -> list[str]:
        """Every knob of the configurations, in the order the space declares them."""
        return list(dict.fromkeys(name for row in sorted(self.rows, key=lambda row: row.trial) for name in row.config))

    def varying(self) -> list[str]:
        """The knobs that differ between trials."""
        absent = object()
        first = self.rows[0].config
        return [
            name
            for name in self.knobs()
            if any(row.config.get(name, absent) != first.get(name, absent) for row in self.rows)
        ]

    def records(self, top: int | None = None) -> list[dict[str, Any]]:
        """One flat dictionary for each row of `top(top)`, all with the same keys in the same order.

        The keys: rank, trial, baseline, status, rung, epoch, median, min, max, n (of how many seeds that is, where it
        differs from rung to rung), replicates_ok, replicate_0 ... (the k values of the objective), tied_with_best,
        seconds, reason, then every metric's median by its name, every further number of the family as `scalar/NAME`
        and every knob as `config/NAME`. None stands where there is no finite number.
        """
        metrics, knobs, replicates = self.metrics(), self.knobs(), self._replicates()
        scalars = self.scalars()
        return [
            {
                "rank": row.rank,
                "trial": row.trial,
                "baseline": row.baseline,
                "status": row.status,
                "rung": row.rung,
                "epoch": row.epoch,
                "median": row.median,
                "min": row.low,
                "max": row.high,
                **({"n": row.seeds} if self.history.seeds.grow else {}),
                "replicates_ok": row.replicates_ok,
                **dict(zip_longest(replicates, row.values)),
                "tied_with_best": row.tied_with_best,
                "seconds": row.seconds,
                "reason": row.reason,
                **{name: row.metrics.get(name) for name in metrics},
                **{f"scalar/{name}": row.scalars.get(name) for name in scalars},
                **{f"config/{name}": row.config.get(name) for name in knobs},
            }
            for row in self.top(top)
        ]

    def frame(self) -> pandas.DataFrame:
        """The rows of `records()` as a table, NaN where there is no number."""
        import pandas  # here, because it takes longer than all of `tuner results`

        frame = pandas.DataFrame(self.records())
        measured = ["median", "min", "max", *self._replicates(), *self.metrics()]
        return frame.astype(dict.fromkeys(measured, "float64"))  # a column of None alone would hold objects

    def _replicates(self) -> list[str]:
        return [f"replicate_{i}" for i in range(self.history.replicates)]


def load(path: str | Place | ExperimentPaths) -> Leaderboard:
    """The leaderboard of an experiment, given its folder; `BadInput` if that holds no readable experiment."""
    paths = path if isinstance(path, ExperimentPaths) else ExperimentPaths(whole(path))
    return Leaderboard(History.load(paths))


def incumbent(history: History) -> Trial | None:
    """The best trial at the highest rung reached; None while no trial is valid."""
    valid = [trial for trial in history.trials if trial.is_valid]
    return min(valid, key=lambda trial: _standing(trial, history.mode), default=None)


def is_trial(word: str) -> bool:
    """Whether a word could name a trial: a number, `best` or `baseline`."""
    return word.strip() in _NAMED or word.strip().isdecimal()


def find(history: History, which: str) -> Trial:
    """A trial by its number, `best` or `baseline`; `BadInput` if there is none such."""
    name = which.strip()
    if name == "baseline":
        return history.baseline
    if name == "best":
        best = incumbent(history)
        if best is None:
            raise BadInput(f"`{history.name}` has no valid trial yet, so none is the best; give a trial's number")
        return best
    found = history.trial(int(name)) if name.isdecimal() and len(name) < 20 else None
    if found is None:
        known = f"0 to {history.trials[-1].index}" if history.trials else "none yet"
        near = nearest(name.lower(), [*_NAMED, *(str(trial.index) for trial in history.trials)], before="; ")
        raise BadInput(
            f"`{name}` is not a trial of `{history.name}`; give its number ({known}), `best` or `baseline`{near}"
        )
    return found


def _rows(history: History) -> list[Row]:
    trials = {trial.index: trial for trial in (history.baseline, *history.trials)}.values()
    best = incumbent(history)
    ordered = sorted(trials, key=lambda trial: _standing(trial, history.mode))
    return [_row(rank, trial, best, history.mode) for rank, trial in enumerate(ordered, start=1)]


def _standing(trial: Trial, mode: str) -> tuple[float, ...]:
    """The sort key of a trial: valid ones first, then the rung, then the median, then the order of launch."""
    median = trial.median(trial.compared_epoch)
    if median is not None and trial.is_valid:
        return (0, -trial.rung, -median if mode == "max" else median, trial.index)
    return (1 if trial.epochs else 2, -trial.rung, -trial.last_epoch, trial.index)


def _row(rank: int, trial: Trial, best: Trial | None, mode: str) -> Row:
    low, high = trial.extremes(trial.compared_epoch)
    return Row(
        rank=rank,
        trial=trial.index,
        baseline=trial.baseline,
        status=trial.status,
        rung=trial.rung,
        epoch=trial.last_epoch,
        median=trial.median(trial.compared_epoch),
        low=low,
        high=high,
        values=tuple(trial.values(trial.compared_epoch)),
        replicates_ok=trial.replicates_ok,
        metrics=trial.metrics(trial.last_epoch),
        scalars=trial.scalars(trial.last_epoch),
        seconds=trial.seconds,
        config=trial.config,
        reason=trial.reason,
        valid=trial.is_valid,
        incumbent=trial is best,
        tied_with_best=best is not None and _tied(trial, best, mode),
    )


def _tied(trial: Trial, best: Trial, mode: str) -> bool:
    """Whether a valid trial of the best one's rung cannot be told from it by the paired seeds."""
    if trial is best or trial.rung != best.rung or not trial.is_valid:
        return False
    epoch = min(trial.compared_epoch, best.compared_epoch)  # they differ only before the first rung
    return not separated(best.values(epoch), trial.values(epoch), mode)
