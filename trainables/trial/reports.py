"""What a user's own `epoch()` returns, read into numbers: whatever it holds is a metric, left out, or a failure in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainables.statistics import RESERVED

_SUFFIXES = ("_values", "_min", "_max")  # of what a result says of a metric beside its median


class Unusable(ValueError):
    """A report from which the objective cannot be read."""


class NotFinite(ArithmeticError):
    """The objective is NaN or infinite."""


@dataclass
class Report:
    """The numbers of one epoch of one replicate.

    Attributes:
        metrics: by name; one that is not finite is NaN.
        learning_rate: where the report says it.
        left_out: a sentence for each name that is no metric.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    learning_rate: float | None = None
    left_out: list[str] = field(default_factory=list)


def read(report: Any, objective: str) -> Report:
    """The numbers of a report.

    Raises:
        Unusable: it is no dictionary, or the objective is missing or no number.
        NotFinite: the objective is not finite.
    """
    if not isinstance(report, Mapping):
        raise Unusable(
            f"epoch() returns {_kind(report)}, but must return a dictionary of numbers such as {{'{objective}': 0.5}}"
        )
    found = Report()
    for name, value in report.items():
        if name == "learning_rate":
            found.learning_rate = _number(value)
            continue
        number = _number(value)
        if name == objective and number is None:
            raise Unusable(f"epoch() reports {objective} = {_shown(value)}, but a metric must be a number; report one")
        problem = _refused(name, report) or (None if number is not None else f"is {_shown(value)}, which is no number")
        if problem is not None or number is None:
            found.left_out.append(f"{name!r} of epoch() {problem}; it is left out")
            continue
        found.metrics[name] = number
    if objective not in found.metrics:
        names = ", ".join(map(str, report)) or "nothing"
        raise Unusable(f"epoch() does not report {objective}, the objective; it reports {names}")
    if not math.isfinite(found.metrics[objective]):
        raise NotFinite(f"{objective} is {found.metrics[objective]}")
    return found


def _refused(name: Any, report: Mapping[Any, Any]) -> str | None:
    """Why something of that name cannot be a metric."""
    if not isinstance(name, str) or not name.strip():
        return "is no name"
    if name in RESERVED:
        return "has the name of something that every result says"
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and name.removesuffix(suffix) in report:
            return f"has the name of what is said of {name.removesuffix(suffix)} already"
    return None


def _number(value: Any) -> float | None:
    """A number of Python, NumPy or a tensor of one element as a float, or None."""
    if isinstance(value, str | bytes | Mapping) or value is None:
        return None
    try:
        if getattr(value, "size", None) not in (None, 1) and not callable(value.size):
            return None
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
