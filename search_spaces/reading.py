"""What a bare word of `--set` stands for: a number, true, false or none where the knob takes one, and else the word itself."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

_WORDS = {"true": True, "false": False, "none": None}


def word(text: str, kind: Any = None) -> Any:
    """The value of a bare word for a knob annotated with `kind`; without one, what the word looks like.

    `none` is None for a knob that may be None, and the word for one that chooses among words: so every value that a
    listing prints can be given as it is printed.
    """
    guess = _guess(text)
    if isinstance(guess, str) or kind is None or _takes(kind, guess):
        return guess
    return text if any(part is str or isinstance(part, str) for part in _parts(kind)) else guess


def of_elements(kind: Any) -> Any:
    """The annotation of the elements of a knob that is a tuple or a list; None where there is no single one."""
    alternatives = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    inner = {
        element
        for alternative in alternatives
        if get_origin(alternative) in (tuple, list)
        for element in get_args(alternative)
        if element is not ...
    }
    return inner.pop() if len(inner) == 1 else None


def _guess(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _takes(kind: Any, value: Any) -> bool:
    """Whether a value is of the annotated type as it is; an int is a float as well."""
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def _parts(kind: Any) -> tuple[Any, ...]:
    """The types of an annotation that are no unions, and the values of its literals."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(part for alternative in get_args(kind) for part in _parts(alternative))
    return (kind,)
