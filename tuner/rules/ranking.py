"""What every rule starts from: where the rungs lie, what a trial is ranked by, and with whom it is compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from search_spaces.budget import SMALLEST_REDUCTION
from trainables import statistics


def rungs(epochs: int, grace: int, reduction: float) -> tuple[int, ...]:
    """The epochs at which a trial is judged, ascending: grace * reduction^k below `epochs`, then `epochs` itself.

    At the last one nobody is stopped: reaching it is completing the full budget. A fractional rung means the first whole
    epoch at or after it, as in Ray. `ValueError` where there would be no end of rungs.
    """
    if not (grace >= 1 and reduction >= SMALLEST_REDUCTION):
        raise ValueError(
            f"rungs at {grace} * {reduction}^k: grace must be at least 1, reduction at least {SMALLEST_REDUCTION}"
        )
    levels: list[int] = []
    level = float(grace)
    while level < epochs:
        whole = math.ceil(level)
        if whole < epochs and whole not in levels:
            levels.append(whole)
        level *= reduction
    return (*levels, epochs)


def ranking_value(medians: Sequence[float], window: int, mode: str = "max") -> float:
    """What a trial is ranked by at a rung: the running median of its objective over the last `window` epochs.

    Args:
        medians: the objective at epochs 1, 2, ... up to the rung; where the last one is not finite, the trial has diverged
            and ranks as the worst whatever it was before.
        window: at least 1, which is the value at the rung itself. While there are fewer epochs, all of them count.
        mode: "max" when larger values are better, "min" when smaller are.
    """
    if not math.isfinite(medians[-1]):
        return statistics.worst(mode)
    return statistics.median(medians[-window:], mode)


def score(value: float, mode: str) -> float:
    """The value so that larger is better; one that is not finite is the worst there is."""
    if not math.isfinite(value):
        return -math.inf
    return value if mode == "max" else -value


def ranked_by(value: float, window: int, seeds: int | None = None) -> str:
    """The value a trial is ranked by, and over how many epochs it is the median if over several; of how many seeds, if given."""
    of = "" if seeds is None else "one seed " if seeds == 1 else f"median of {seeds} seeds "
    return f"{of}{value:.4g}" if window == 1 else f"{of}{value:.4g} (median of {window} epochs)"


def bracket_of(config: Mapping[str, Any], knobs: Sequence[str]) -> str:
    """The bracket of a configuration, such as `norm=bn`: the trials that share it are compared with each other alone.

    A knob that the configuration does not have is left out. Empty without `knobs`: then all trials are compared.
    """
    return " ".join(f"{knob}={config[knob]}" for knob in knobs if knob in config)
