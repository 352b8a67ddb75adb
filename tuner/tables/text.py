"""How single values look in a table: metrics, knobs, durations, and text that came from outside."""

from __future__ import annotations

import math
from typing import Any

MISSING = "-"


def plain(text: str) -> str:
    """The text with all that a terminal would obey (escape codes, carriage returns, reversed writing) made visible."""
    shown = (c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text.expandtabs())
    return "".join(shown)


def metric(value: float | None, digits: int = 4) -> str:
    """A metric with a fixed number of decimals; when it is large, or so small that they would hide it, three significant
    digits, a whole number all of them; `-` when there is none."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0 or 10.0 ** (1 - digits) <= abs(value) < 1000:
        return f"{value:.{digits}f}"
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e7 else f"{value:.3g}"


def count(value: float | None) -> str:
    """A number of things in full, 1730714, or any other number like a knob; `-` when there is none."""
    if value is None:
        return MISSING
    return str(int(value)) if float(value).is_integer() else knob(value)


def spread(low: float | None, high: float | None) -> str:
    """The smallest and largest value, as `[0.912, 0.934]`."""
    return MISSING if low is None or high is None else f"[{metric(low, 3)}, {metric(high, 3)}]"


def knob(value: Any, width: int | None = 24) -> str:
    """The value of a knob, whatever its type: 0.05, 1e-4, none, true, (0,1,2).

    With `width`, a longer word is cut there and a longer list between its elements; a number never is.
    """
    text = _compact(value)
    if width is None or len(text) <= width or isinstance(value, int | float):
        return text
    if not isinstance(value, list | tuple):
        return text[: width - 1] + "…"
    whole = text.rfind(",", 0, width - 1)  # the last element that is there as a whole
    return f"{text[: whole + 1]}…)" if whole > 0 else "(…)"


def _compact(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        mantissa, exponent, power = f"{value:.4g}".partition("e")
        return f"{mantissa}e{int(power)}" if exponent else mantissa
    if isinstance(value, list | tuple):
        return f"({','.join(_compact(item) for item in value)})"
    return plain(str(value)).replace("\n", "\\n")
