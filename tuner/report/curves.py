"""Learning curves: per trial and metric the median and the extremes over the replicates, thinned where there are many."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from tuner.results.history import History, Trial

# Points kept of the objective, and of all other metrics together: what keeps the page of a large search below 10 MB.
OBJECTIVE_POINTS = 100_000
OTHER_POINTS = 36_000


def curves(history: History) -> list[dict[str, Any]]:
    """One dictionary a metric that is reported epoch by epoch, the objective first.

    Keys: metric, stride, trials, seconds. `trials` maps a trial's index to its epochs and the medians, lows and highs
    there, `seconds` to the seconds that it had trained by then, None where its records do not say. Of each trial the
    first and the last epoch, the rungs and every `stride`-th epoch are kept, with the smallest stride that leaves no more
    than `OBJECTIVE_POINTS` (for the other metrics, their share of `OTHER_POINTS`).
    """
    found = _metrics(history)
    share = OTHER_POINTS // max(1, len(found) - 1)
    ordered = sorted(found, key=lambda name: name != history.metric)
    return [_curves(history, name, OBJECTIVE_POINTS if name == history.metric else share) for name in ordered]


def kept(history: History, limit: int) -> tuple[int, dict[int, list[int]]]:
    """The smallest stride that leaves no more than `limit` epochs of all trials, and by trial the epochs it keeps."""
    stride, found = 1, _kept(history, 1)
    while sum(map(len, found.values())) > limit and stride < history.budget:
        stride += 1
        found = _kept(history, stride)
    return stride, found


def significant(value: float | None) -> float | None:
    """The value to five significant digits: what a curve can show."""
    return None if value is None else float(f"{value:.5g}")


def _metrics(history: History) -> list[str]:
    """The metrics that some trial reported at its first epoch as well, not only at the end."""
    return list(dict.fromkeys(name for trial in history.trials if 1 in trial.epochs for name in trial.metrics(1)))


def _curves(history: History, metric: str, limit: int) -> dict[str, Any]:
    stride, shown = kept(history, limit)
    trials = {trial.index: _curve(trial, metric, shown[trial.index]) for trial in history.trials if trial.epochs}
    seconds = {index: _seconds(history.trial(index), shown[index]) for index in trials}
    return {"metric": metric, "stride": stride, "trials": trials, "seconds": seconds}


def _seconds(trial: Trial | None, epochs: list[int]) -> list[float] | None:
    """Seconds of training up to each of the epochs, those of waiting left out."""
    took = {epoch: record.get("epoch_seconds") for epoch, record in trial.epochs.items()} if trial else {}
    if not took or any(seconds is None for seconds in took.values()):
        return None
    passed = dict(zip(sorted(took), accumulate(took[epoch] for epoch in sorted(took)), strict=True))
    return [float(f"{passed[epoch]:.4g}") for epoch in epochs]


def _kept(history: History, stride: int) -> dict[int, list[int]]:
    rungs = set(history.rungs)
    return {
        trial.index: [
            epoch
            for epoch in sorted(trial.epochs)
            if epoch % stride == 0 or epoch in rungs or epoch in (1, trial.last_epoch)
        ]
        for trial in history.trials
    }


def _curve(trial: Trial, metric: str, epochs: list[int]) -> dict[str, list[Any]]:
    extremes = [trial.extremes(epoch, metric) for epoch in epochs]
    return {
        "epochs": epochs,
        "medians": [significant(trial.median(epoch, metric)) for epoch in epochs],
        "lows": [significant(low) for low, _ in extremes],
        "highs": [significant(high) for _, high in extremes],
    }
