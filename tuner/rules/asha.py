"""The rule of asynchronous successive halving, as pure functions: where the rungs lie and who passes one.

Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, in the *stopping* variant that Ray
Tune implements: a trial that reaches a rung is compared once, with the values already there, and either stops or goes on
to the next rung; it is never paused, and a survivor is not judged again when better ones arrive.

For finite values every decision equals that of Ray's `AsyncHyperBandScheduler` with one bracket (a test holds this).
Where Ray lets a NaN pass every rung, here a value that is not finite is the worst there is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trainables import statistics

Action = Literal["continue", "stop"]


@dataclass(frozen=True)
class Decision:
    """What the rule says of one value at one rung."""

    action: Action
    cutoff: float | None  # None: nothing to compare with, the first arrival always passes
    of: int  # values at the rung, this one included


def rungs(epochs: int, grace: int, reduction: float) -> tuple[int, ...]:
    """The epochs at which a trial is judged, ascending: grace * reduction^k below `epochs`, then `epochs` itself.

    At the last one nobody is stopped: reaching it is completing the full budget. A fractional rung means the first whole
    epoch at or after it, as in Ray.
    """
    levels: list[int] = []
    level = float(grace)
    while level < epochs:
        whole = math.ceil(level)
        if whole < epochs and whole not in levels:
            levels.append(whole)
        level *= reduction
    return (*levels, epochs)


def worst(mode: str) -> float:
    """The value no finite one is worse than."""
    return -math.inf if mode == "max" else math.inf


def ranking_value(medians: Sequence[float], window: int, mode: str = "max") -> float:
    """What a trial is ranked by at a rung: the running median of its objective over the last `window` epochs.

    Args:
        medians: the objective at epochs 1, 2, ... up to the rung; where the last one is not finite, the trial has diverged
            and ranks as the worst whatever it was before.
        window: at least 1, which is the value at the rung itself. While there are fewer epochs, all of them count.
        mode: "max" when larger values are better, "min" when smaller are.
    """
    if not math.isfinite(medians[-1]):
        return worst(mode)
    return statistics.median(medians[-window:], mode)


def decide(recorded: Sequence[float], value: float, reduction: float, mode: str = "max") -> Decision:
    """Judge `value` against the values `recorded` at the rung before it, in either order of goodness.

    Args:
        recorded: values of the trials that reached this rung earlier; non-finite ones count as the worst.
        value: the arriving trial's median; non-finite counts as the worst and never passes a comparison.
        reduction: keep about the best 1/reduction; larger than 1.
        mode: "max" when larger values are better, "min" when smaller are.

    Returns:
        Stop if the value is strictly worse than the (1 - 1/reduction) quantile of the recorded ones.
    """
    sign = 1.0 if mode == "max" else -1.0
    score = sign * value if math.isfinite(value) else -math.inf
    others = sorted(sign * other if math.isfinite(other) else -math.inf for other in recorded)
    count = len(others) + 1
    if not others:
        return Decision("continue", None, count)
    cutoff = _quantile(others, 1 - 1 / reduction)
    # Two worst values are equal, so "strictly below" would let the second one pass; nothing is learned by training it on.
    stop = score < cutoff or score == -math.inf
    return Decision("stop" if stop else "continue", sign * cutoff, count)


def reason(
    rung: int, value: float, decision: Decision, reduction: float, mode: str, window: int = 1, bracket: str = ""
) -> str:
    """One sentence on a decision, for people; `bracket` says among which trials it fell, if not among all."""
    shown, within = ranked_by(value, window), f" with {bracket}" if bracket else ""
    if decision.cutoff is None:
        return f"rung {rung}: {shown}, the first to arrive{within}"
    worse = "below" if mode == "max" else "above"
    side = worse if decision.action == "stop" else f"not {worse}"
    return (
        f"rung {rung}: {shown} {side} the cutoff {decision.cutoff:.4g} (top 1/{reduction:g} of {decision.of}{within})"
    )


def ranked_by(value: float, window: int) -> str:
    """The value a trial is ranked by, and over how many epochs it is the median if over several."""
    return f"{value:.4g}" if window == 1 else f"{value:.4g} (median of {window} epochs)"


def _quantile(ascending: Sequence[float], fraction: float) -> float:
    """Linear interpolation between order statistics, digit for digit NumPy's default, but sound for -inf."""
    # Through the percentage, as Ray computes it: the detour moves the last bit, and a tie at a rung hangs on it.
    position = (fraction * 100) / 100 * (len(ascending) - 1)
    below = math.floor(position)
    weight = position - below
    low, high = ascending[below], ascending[min(below + 1, len(ascending) - 1)]
    if low == -math.inf:
        return low
    if weight >= 0.5:
        return high - (high - low) * (1 - weight)
    return low + (high - low) * weight
