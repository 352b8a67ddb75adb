"""The settings that a `tuner replay` command line means: every combination of the values given."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from search_spaces.budget import numbers
from tuner.errors import BadInput
from tuner.replay import Setting

USUAL_RULES = ("halving", "asha")
WINDOWS = (1, 5)


def product(
    rules: Sequence[str] | None,
    graces: Sequence[int] | None,
    reductions: Sequence[float] | None,
    windows: Sequence[int] | None,
    rungs: Sequence[str] | None,
    order: int | None,
    seeds: Sequence[str] | None = None,
) -> list[Setting]:
    """Every combination; an option that is not given stands for its usual values.

    Args:
        rungs: texts such as "20,40,84", each a choice of rungs in place of those that a grace gives; `BadInput` when one
            is not of that form.
        seeds: texts such as "1,1,3,5", each seeds by rung.
    """
    placed: list[tuple[int, tuple[int, ...] | None]] = [(1, _epochs(text)) for text in rungs or ()]
    placed += [(grace, None) for grace in graces or (() if rungs else (1,))]
    counted: list[tuple[int, ...] | None] = [_seeds(text) for text in seeds or ()] or [None]
    combinations = itertools.product(rules or USUAL_RULES, placed, reductions or (3.0,), windows or WINDOWS, counted)
    return [
        Setting(rule, grace, reduction, window, levels, order, counts)
        for rule, (grace, levels), reduction, window, counts in combinations
    ]


def require_windows(windows: Sequence[int] | None, epochs: int) -> None:
    """BadInput for a window that was asked for and is longer than the longest curve: no rung could ever fill it."""
    too_long = [window for window in windows or () if window > epochs]
    if too_long:
        raise BadInput(
            f"--window is {', '.join(map(str, too_long))}, but must be at most {epochs}, the epochs of the longest curve; "
            "lower it"
        )


def _epochs(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise BadInput(f"--rungs is {text!r}, but must be epochs such as 20,40,84; correct it")
    return tuple(map(int, parts))


def _seeds(text: str) -> tuple[int, ...]:
    counts = numbers(text)
    if isinstance(counts, str):
        raise BadInput(f"--seeds is {text!r}, but must be whole numbers such as 1,1,3,5; correct it")
    return counts
