"""Asynchronous successive halving: a trial that reaches a rung is compared once with those before it, and stops or goes on.

Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, in the *stopping* variant that Ray
Tune implements: a trial is compared with the values already at the rung, and either stops or goes on to the next rung; it
is never paused, and a survivor is not judged again when better ones arrive.

For finite values every decision equals that of Ray's `AsyncHyperBandScheduler` with one bracket (a test holds this).
Where Ray lets a NaN pass every rung, here a value that is not finite is the worst there is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuner.rules import ranking
from tuner.rules.ranking import ranking_value, rungs
from tuner.rules.rule import Action, Arrival, Rung, Told

__all__ = ["RULE", "Decision", "decide", "ranking_value", "rungs"]


@dataclass(frozen=True)
class Decision:
    """What the rule says of one value at one rung."""

    action: Action
    cutoff: float | None  # None: nothing to compare with, the first arrival always passes
    of: int  # values at the rung, this one included


class Stopping:
    """The rule as `Algorithm`."""

    title = "ASHA"
    summary = "stops what is not among the best on arrival"
    pauses = False

    def arrive(self, rung: Rung, arrival: Arrival) -> Told:
        rule = rung.rule
        decision = _decide(rung.scores, arrival.value, rule.reduction, rule.mode)
        return Told(decision.action, decision.cutoff, decision.of, _reason(rung, arrival.value, decision))


RULE = Stopping()


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
    return _decide(sorted(ranking.score(other, mode) for other in recorded), value, reduction, mode)


def _decide(ascending: Sequence[float], value: float, reduction: float, mode: str) -> Decision:
    """Judge `value` against scores."""
    count = len(ascending) + 1
    if not ascending:
        return Decision("continue", None, count)
    score = ranking.score(value, mode)
    cutoff = _quantile(ascending, 1 - 1 / reduction)
    # Two worst values are equal, so "strictly below" would let the second one pass; nothing is learned by training it on.
    stop = score < cutoff or score == -math.inf
    return Decision("stop" if stop else "continue", cutoff if mode == "max" else -cutoff, count)


def _reason(rung: Rung, value: float, decision: Decision) -> str:
    """One sentence on a decision, for people."""
    shown = rung.shown(value)
    if decision.cutoff is None:
        return f"rung {rung.epoch}: {shown}, the first to arrive{rung.within}"
    worse = "below" if rung.rule.mode == "max" else "above"
    side = worse if decision.action == "stop" else f"not {worse}"
    share = f"top 1/{rung.rule.reduction:g} of {decision.of}{rung.within}"
    return f"rung {rung.epoch}: {shown} {side} the cutoff {decision.cutoff:.4g} ({share})"


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
