"""The text of `--set`: a knob's constant or domain, parsed without evaluating anything, and written back.

lr=0.05                     a constant: int, float, true, false, none, a bare or quoted string
augmentation=none           where the knob takes words and no such value, the word itself
dataset=folder:/data/x      a bare string is everything that is nothing else
evaluation_sigmas=(0,1,2)   a tuple, also with [ ]
sigma=choice(1,2,4)         choice and grid: any constants
lr=loguniform(1e-3,1e-1)    uniform, loguniform (low, high); quniform, qloguniform (low, high, step)
batch_size=randint(16,65)   randint, lograndint (low, high; high is not drawn); qrandint, qlograndint (low, high, step)
momentum=randn(0.9,0.02)    randn (mean, sd), qrandn (mean, sd, step); a draw outside the knob's bounds is drawn again
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from search_spaces import reading

Fields = Mapping[str, FieldInfo]
EXAMPLE = "write for example lr=0.05, mode=choice(all,mix) or 'lr=loguniform(1e-3,1e-1)'"
# Ray's functions by the names of their arguments; `grid` and `choice` take any number of values.
RANGES = {
    "uniform": ("low", "high"),
    "loguniform": ("low", "high"),
    "quniform": ("low", "high", "step"),
    "qloguniform": ("low", "high", "step"),
    "randint": ("low", "high"),
    "lograndint": ("low", "high"),
    "qrandint": ("low", "high", "step"),
    "qlograndint": ("low", "high", "step"),
    "randn": ("mean", "sd"),
    "qrandn": ("mean", "sd", "step"),
}
LISTS = ("choice", "grid")
_BRACKETS = {"(": ")", "[": "]"}


def parse(text: str, fields: Fields | None = None) -> tuple[str, Any]:
    """One override, "knob=value", as (knob, constant or Ray Tune domain); `ValueError` in one sentence otherwise.

    Hyphens in the knob's name become underscores; a tuple or list becomes a tuple. `fields` are those of the family's
    configuration: a word such as none or 64 is what the knob's type takes; without them it is what it looks like.
    """
    name, equals, value = text.partition("=")
    name, value = name.strip().replace("-", "_"), value.strip()
    if not equals or not name.isidentifier():
        raise ValueError(f"`{text}` is not of the form knob=value; {EXAMPLE}")
    if not value:
        raise ValueError(f"`{name}` has no value; {EXAMPLE}")
    kind = fields[name].annotation if fields and name in fields else None
    try:
        call = re.fullmatch(r"([A-Za-z_]\w*)\s*\((.*)", value, flags=re.DOTALL)
        if call and (value.endswith(")") or call[1] in (*LISTS, *RANGES)):
            inside = _closed(call[2], ")")
            return name, _domain(call[1], _elements(inside, kind if call[1] in LISTS else None))
        return name, _constant(value, kind)
    except ValueError as error:
        raise ValueError(f"`{name}={value}` cannot be read: {error}") from None


def parse_all(texts: Iterable[str], fields: Fields | None = None) -> dict[str, Any]:
    """Every override by knob; `ValueError` where one cannot be read or a knob is given twice."""
    found: dict[str, Any] = {}
    for text in texts:
        name, value = parse(text, fields)
        if name in found:
            raise ValueError(f"`{name}` is set twice; give it once, as a constant or with choice(...)")
        found[name] = value
    return found


def constants(texts: Iterable[str], fields: Fields | None = None) -> dict[str, Any]:
    """As `parse_all`, where only one configuration is meant: `ValueError` for a knob with a range."""
    knobs = parse_all(texts, fields)
    for name, value in knobs.items():
        if hasattr(value, "sample") or (isinstance(value, dict) and "grid_search" in value):
            raise ValueError(f"`{name}` is a range, but one configuration needs one value; give a constant")
    return knobs


def describe(value: Any) -> str:
    """A constant or domain as `parse` reads it."""
    from search_spaces import domains

    if not domains.is_domain(value):
        return _text(value)
    listed = domains.choices(value)
    if listed is not None:
        return f"{'grid' if domains.is_grid(value) else 'choice'}({', '.join(map(_text, listed))})"
    if domains.is_function(value):
        return "sample_from(...)"
    function, arguments = domains.signature(value)
    return f"{function}({', '.join(map(_text, arguments))})"


def _domain(function: str, arguments: list[Any]) -> Any:
    if function in LISTS:
        if not arguments:
            raise ValueError(f"{function}() has no values; list at least one, such as {function}(1,2,4)")
    elif function in RANGES:
        _check_range(function, arguments)
    else:
        near = difflib.get_close_matches(function, (*LISTS, *RANGES), n=1)
        hint = f"did you mean {near[0]}(...)?" if near else f"there are {', '.join((*LISTS, *RANGES))}."
        raise ValueError(f"there is no {function}(...), {hint} Put a string with brackets into quotes")
    from ray import tune  # a second or two; constants do without it

    if function == "grid":
        return tune.grid_search(arguments)
    return tune.choice(arguments) if function == "choice" else getattr(tune, function)(*arguments)


def _check_range(function: str, arguments: list[Any]) -> None:
    names = RANGES[function]
    form = f"{function}({', '.join(names)})"
    kind: Any = int if function.endswith("randint") else (int, float)
    if len(arguments) != len(names):
        raise ValueError(f"{form} takes {len(names)} numbers, but got {len(arguments)}; {EXAMPLE}")
    for name, value in zip(names, arguments, strict=True):
        if not isinstance(value, kind) or isinstance(value, bool) or not math.isfinite(value):
            number = "a whole number" if kind is int else "a finite number"
            raise ValueError(f"{name} of {form} is {value!r}, but must be {number}")
        if name in ("sd", "step") and not value > 0:
            raise ValueError(f"{name} of {form} is {value}, but must be greater than 0")
    if "sd" in names:
        return
    low, high = arguments[:2]
    if not low < high:
        raise ValueError(f"low of {form} is {low}, but must be less than high ({high}); swap them")
    if "log" in function and not low > 0:
        raise ValueError(f"low of {form} is {low}, but must be greater than 0; only positive numbers have logarithms")
    if len(names) == 3:
        step = arguments[2]
        if any(abs(end / step - round(end / step)) > 1e-9 for end in (low, high)):
            raise ValueError(f"low and high of {form} are {low} and {high}, but must be multiples of step ({step})")


def _closed(text: str, bracket: str) -> str:
    """The text without the bracket it must end with."""
    if not text.endswith(bracket):
        raise ValueError(f"{bracket} is missing at the end; {EXAMPLE}")
    return text[:-1]


def _elements(text: str, kind: Any = None) -> list[Any]:
    """The constants of a comma-separated list, each of the type `kind`; one comma may follow the last."""
    parts = _split(text)
    if parts and not parts[-1].strip():
        parts.pop()
    if not all(part.strip() for part in parts):
        raise ValueError(f"a value is missing between the commas of ({text}); {EXAMPLE}")
    return [_constant(part.strip(), kind) for part in parts]


def _split(text: str) -> list[str]:
    """The text cut at the commas outside brackets and quotes."""
    parts, start, closing, quote = [], 0, "", ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and not text[start:position].strip(" ([,"):  # an apostrophe inside a word is no quote
            quote = character
        elif character in _BRACKETS:
            closing = _BRACKETS[character] + closing
        elif closing and character == closing[0]:
            closing = closing[1:]
        elif character in ")]":
            raise ValueError(f"a {character} without its opening bracket; put a string with brackets into quotes")
        elif character == "," and not closing:
            parts.append(text[start:position])
            start = position + 1
    if closing or quote:
        raise ValueError(f"{closing[:1] or quote} is missing at the end; {EXAMPLE}")
    return [*parts, text[start:]]


def _constant(text: str, kind: Any = None) -> Any:
    if text[0] in "'\"":
        try:
            value = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            value = None
        if not isinstance(value, str):
            raise ValueError(f"{text} is not a quoted string; close it with the quote it begins with")
        return value
    if text[0] in _BRACKETS:
        return tuple(_elements(_closed(text[1:], _BRACKETS[text[0]]), reading.of_elements(kind)))
    return reading.word(text, kind)


def _text(value: Any) -> str:
    """A constant as `_constant` reads it."""
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_text, value))})"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    plain = bool(re.fullmatch(r"[^\s,()\[\]'\"]+", value)) and _constant(value) == value
    return value if plain else repr(value)
