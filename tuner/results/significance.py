"""What k paired seeds can say about two trials: the sign test, and the one claim drawn from it.

Every trial trains with the same k seeds, so replicate i of one trial is paired with replicate i of another. Under the
hypothesis that either side is as likely to win a pair, the number of wins is Binomial(n, 1/2) (Dixon and Mood, "The
statistical sign test", J. Am. Stat. Assoc. 41, 1946). Pairs without a winner are left out, as the test prescribes.

The claim "these two are separated" is made when the two-sided p-value is at most 1/16 = 0.0625. That is what five of
five pairs on one side give: the strongest statement five replicates can make, and just short of the customary 0.05.
Four of five (p = 0.375) separate nothing, and fewer than five replicates never do.

It is a claim about one pair. Of 59 trials that are no better than the baseline two are expected to beat it with all five
seeds, so what is said of the best of many is corrected for the number of looks (`corrected`, Bonferroni's bound).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LEVEL = 1 / 16


def sign_test(first: Sequence[float | None], second: Sequence[float | None], mode: str = "max") -> float:
    """The exact two-sided p-value of the sign test over paired values; 1.0 when no pair has a winner.

    Args:
        first, second: the k values of two trials, paired by position. None stands for a failed replicate, which loses
            against any value and draws with another failed one.
        mode: "max" when larger values are better, "min" when smaller are.
    """
    pairs = list(zip(first, second, strict=True))
    won = sum(beats(a, b, mode) for a, b in pairs)
    lost = sum(beats(b, a, mode) for a, b in pairs)
    decided = won + lost
    tail = sum(math.comb(decided, wins) for wins in range(min(won, lost) + 1))
    return min(1.0, tail / 2 ** (decided - 1)) if decided else 1.0


def separated(first: Sequence[float | None], second: Sequence[float | None], mode: str = "max") -> bool:
    """Whether the paired seeds tell the two trials apart: a two-sided p of at most 0.0625."""
    return sign_test(first, second, mode) <= LEVEL


def corrected(p: float, looks: int) -> float:
    """The p-value of the best of so many comparisons: at most `looks` times as large, and never above 1."""
    return min(1.0, p * max(1, looks))


def pairs_needed(replicates: int, looks: int = 1) -> int | None:
    """The fewest of k pairs that must fall on one side to separate two trials, the best of so many comparisons; None when
    not even all k suffice."""
    tail = 0
    needed = None
    for losses in range(replicates // 2 + 1):
        tail += math.comb(replicates, losses)
        if corrected(tail / 2 ** (replicates - 1), looks) <= LEVEL:
            needed = replicates - losses
    return needed


def beats(value: float | None, other: float | None, mode: str) -> bool:
    """Whether a value is better than another; a failed replicate, None, loses against any value and draws with None."""
    if value is None or other is None:
        return value is not None
    return value > other if mode == "max" else value < other
