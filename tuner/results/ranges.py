"""The ranges that a search drew from, as its manifest keeps them; a winner at the end of one, and a wider one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from trainables import families
from tuner.results.leaderboard import Leaderboard

_EDGE = 0.05  # of a range, in its own scale: a value nearer to an end is at it
_LEAST = 3  # values of a choice that has ends
_TRIES = 4  # each with half the widening of the one before


@dataclass(frozen=True)
class Edge:
    """A knob of the winner at the end of what was searched.

    Attributes:
        value: the winner's.
        end: "lower" or "upper".
        searched: the range, as `--set` takes it.
        wider: a wider one, likewise, whose values the family takes.
    """

    knob: str
    value: float
    end: str
    searched: str
    wider: str


def edges(board: Leaderboard) -> list[Edge]:
    """Of the best trial; none where the baseline is the best, or where the manifest keeps no ranges."""
    best = board.best
    if best is None or best.baseline:
        return []
    return list(_edges(best.config, board.history.manifest.ranges, _taken(board)))


def _taken(board: Leaderboard) -> Callable[[str, float], bool]:
    """Whether the family takes the winner's configuration with another value of a knob; a user's own code says nothing."""
    manifest, best = board.history.manifest, board.best
    if manifest.own is not None or manifest.family not in families.names() or best is None:
        return lambda knob, value: True
    known = families.config_class(manifest.family)

    def taken(knob: str, value: float) -> bool:
        try:
            known(**{**manifest.knobs(best.config), knob: value})
        except (ValidationError, ValueError):
            return False
        return True

    return taken


def _edges(
    config: Mapping[str, Any], ranges: Mapping[str, list[Any]], taken: Callable[[str, float], bool]
) -> Iterator[Edge]:
    for knob, (kind, *values) in ranges.items():
        value: Any = config.get(knob)
        if not _is_number(value) or not all(map(_is_number, values)):
            continue
        ends = _of_choice(values, value) if kind == "choice" else _of_range(kind, values, value)
        if ends is None:
            continue
        end, widened = ends
        wider = next((candidate for candidate in widened if taken(knob, candidate)), None)
        if wider is not None:
            yield Edge(knob, value, end, _written(kind, values), _written(kind, _with(kind, values, end, wider)))


def _of_choice(values: list[Any], value: float) -> tuple[str, list[float]] | None:
    """Which end of a choice the value is, and what may lie beyond it: as far away as the next one, or in proportion."""
    ordered = sorted(set(values))
    if len(ordered) < _LEAST or value not in (ordered[0], ordered[-1]):
        return None
    whole = all(isinstance(each, int) for each in ordered)
    here, beside = (ordered[0], ordered[1]) if value == ordered[0] else (ordered[-1], ordered[-2])
    beyond = [here * here / beside] if beside > 0 and here > 0 else []
    beyond += [here + (here - beside)]
    beyond = [round(each) if whole else _short(each) for each in beyond]
    return "lower" if value == ordered[0] else "upper", [each for each in beyond if each not in ordered]


def _of_range(kind: str, values: list[Any], value: float) -> tuple[str, list[float]] | None:
    """Likewise of a range: half its width more in its own scale, and less where that is too much."""
    low, high = values[0], values[1]
    logarithmic, whole = "log" in kind, "randint" in kind
    if kind.endswith("randn") or not (low < high) or (logarithmic and low <= 0):
        return None
    scale: Callable[[float], float] = math.log if logarithmic else float
    back: Callable[[float], float] = math.exp if logarithmic else float
    place = (scale(value) - scale(low)) / (scale(high - 1 if whole and high - 1 > low else high) - scale(low))
    if _EDGE < place < 1 - _EDGE:
        return None
    width = scale(high) - scale(low)
    end = "lower" if place <= _EDGE else "upper"
    steps = [width / 2 ** (1 + tried) for tried in range(_TRIES)]
    beyond = [back(scale(low) - step) if end == "lower" else back(scale(high) + step) for step in steps]
    rounded = [float(round(each)) if whole else _short(each) for each in beyond]
    inside = [each for each in rounded if (each < low if end == "lower" else each > high)]
    return end, [int(each) if whole else each for each in inside]


def _with(kind: str, values: list[Any], end: str, wider: float) -> list[Any]:
    if kind == "choice":
        return [wider, *values] if end == "lower" else [*values, wider]
    return [wider, *values[1:]] if end == "lower" else [values[0], wider, *values[2:]]


def _written(kind: str, values: list[Any]) -> str:
    return f"{kind}({','.join(f'{value:g}' if isinstance(value, float) else str(value) for value in values)})"


def _short(value: float) -> float:
    """Two digits are enough for an end that was chosen by rule of thumb."""
    return float(f"{value:.2g}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
