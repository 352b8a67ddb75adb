"""What is wrong with a file of ours that is read back, in words: the field, the value that it has, and the rule."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

LARGEST = 1e100  # of a measured number: far beyond what a network reports, and differences and squares of it are finite
LARGEST_KNOB = 1e300  # of any other number: as a float it is finite still

_RULES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of a sensible size",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a text",
    "string_unicode": "a text",
    "bool_type": "true or false",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "list_type": "a list",
}
_OWN = "form"  # the type of errors whose message is the sentence already


def complaint(error: ValidationError, tag: str = "") -> str:
    """The first problem of a validation: what the value is and what it must be.

    Args:
        tag: the member of a tagged union that was validated, which is no part of a field's name.
    """
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    if tag and path[:1] == [tag]:
        path = path[1:]
    where = f"`{'.'.join(path)}`" if path else "the whole"
    if first["type"] == "missing":
        return f"{where} is missing"
    if first["type"] == _OWN:
        return f"{where} {first['msg']}" if path else first["msg"]
    return f"{where} is {shown(first['input'])}, but must be {_rule(first)}"


def missing(error: ValidationError) -> list[str]:
    """The fields that are not there at all."""
    return [".".join(map(str, item["loc"])) for item in error.errors(include_url=False) if item["type"] == "missing"]


def refused(message: str) -> PydanticCustomError:
    """The error by which a validator says its sentence, which continues the name of the field."""
    return PydanticCustomError(_OWN, message.replace("{", "{{").replace("}", "}}"))


def shown(value: Any) -> str:
    """A value as JSON has it, cut where it is long."""
    if value is None or isinstance(value, bool | int | float):
        text = json.dumps(value)
        return text if len(text) <= _BRIEF.maxother else f"{text[:12]}... ({len(text)} digits)"
    return _BRIEF.repr(value)


def unfit(value: Any, where: tuple[str, ...] = ()) -> Iterator[str]:
    """Each number within a JSON value that no program could go on with, in a sentence that names its place."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from unfit(item, (*where, str(name)))
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from unfit(item, (*where, str(position)))
    elif isinstance(value, int | float) and not (-LARGEST_KNOB <= value <= LARGEST_KNOB):
        yield f"`{'.'.join(where)}` is {shown(value)}, but must be a number between -1e300 and 1e300"


def finite(value: float | None) -> float | None:
    """The number; None where it is missing or not finite."""
    return float(value) if value is not None and math.isfinite(value) else None


def _text(value: Any) -> str:
    # Not pydantic's own: the name of a folder that is no UTF-8 is a text with lone surrogates.
    if not isinstance(value, str):
        raise refused(f"is {shown(value)}, but must be a text")
    return value


def _number(value: Any) -> float:
    # Not pydantic's own: it makes 3 into 3.0, and a manifest is written back as it was read.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(f"is {shown(value)}, but must be a number")
    return value


Text = Annotated[str, PlainValidator(_text)]
Number = Annotated[float, PlainValidator(_number)]


def between(low: float, high: float) -> AfterValidator:
    """The bounds of a `Number`."""

    def bounded(value: float) -> float:
        if not low <= value <= high:
            rule = f"at least {low:g}" if value < low else f"at most {high:g}"
            raise refused(f"is {shown(value)}, but must be {rule}")
        return value

    return AfterValidator(bounded)


def _rule(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _RULES:
        return _RULES[kind]
    bounds = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}
    if kind in bounds:
        word, key = bounds[kind]
        return f"{word} {context[key]:g}"
    if kind == "greater_than":
        return f"greater than {context['gt']:g}"
    if kind == "literal_error":
        return str(context["expected"]).replace("'", "")
    return f"otherwise ({error['msg'][:1].lower()}{error['msg'][1:]})"


_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxdict, _BRIEF.maxlist, _BRIEF.maxtuple = 2, 3, 3, 3
_BRIEF.maxstring = _BRIEF.maxother = 60
