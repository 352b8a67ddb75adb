"""The YAML documents of a cluster file, plain and small enough to look at; what is wrong with the text itself, with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tuner.errors import BadInput, sentence

LARGEST_FILE = 1_000_000  # bytes: a cluster file has some thousands
LARGEST_DOCUMENT = 100_000  # values, anchors written out: ten short lines of them can mean a thousand million
_LARGEST_NUMBER = 2**63  # whole numbers that neither Ray nor Kubernetes can hold cannot be printed either


@dataclass(frozen=True)
class Document:
    """One YAML document: its value with texts as the keys of every mapping, and what is wrong with how it is written."""

    value: dict[str, Any]
    problems: list[str]


def read(path: Path) -> tuple[list[Document], int]:
    """The documents that are not empty, and how many there are with the empty ones.

    Raises:
        BadInput: the file cannot be read, is no YAML, or holds something else than mappings.
    """
    text = _text(path)
    try:
        nodes = list(yaml.compose_all(text, yaml.SafeLoader))
        # Python's own errors are what values like 2026-13-45 or `!!int x` end in.
        values = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise BadInput(f"{path} is not valid YAML: {_syntax(error, text)}; correct it") from None
    except RecursionError:
        raise BadInput(f"{path} nests deeper than any cluster file; correct it") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        said = " ".join(str(error).split())[:100]
        raise BadInput(
            f"{path} is not valid YAML: a value is not what it looks like ({said}); quote or correct it"
        ) from None
    for place, value in enumerate(values):
        if value is not None and not isinstance(value, dict):
            which = f"document {place + 1} of {path}" if len(values) > 1 else str(path)
            raise BadInput(f"{which} holds no mapping, but a cluster file is one; see cluster.yaml")
    if not any(values):
        raise BadInput(f"{path} is empty and so holds no mapping, but a cluster file is one; see cluster.yaml")
    return [_document(path, value, node) for value, node in zip(values, nodes, strict=True) if value], len(values)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadInput(f"cannot read {path} ({sentence(error)}); give the path of a cluster file") from None
    if len(data) > LARGEST_FILE:
        raise BadInput(
            f"{path} is larger than {LARGEST_FILE // 1_000_000} MB, so no cluster file; give the path of one"
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path} is not valid YAML: line {line} is not UTF-8 text; save it as UTF-8") from None


def _syntax(error: yaml.YAMLError, text: str) -> str:
    """What the parser says, with the line."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        said = getattr(error, "problem", None) or getattr(error, "context", None) or "it ends too early"
        return f"line {mark.line + 1}, column {mark.column + 1}: {' '.join(str(said).split())}"
    position = getattr(error, "position", 0)
    return f"line {text.count(chr(10), 0, position) + 1} holds a character that YAML does not allow"


def _document(path: Path, value: dict[Any, Any], node: yaml.Node) -> Document:
    try:
        if _size(value, {}, set()) > LARGEST_DOCUMENT:
            raise BadInput(
                f"{path} means more than {LARGEST_DOCUMENT:,} values by its anchors; write out what is needed"
            )
        problems = list(_repeated(node, "", set()))
        return Document(_plain(value, "", {}, problems), problems)
    except RecursionError:
        raise BadInput(f"{path} nests deeper than any cluster file; correct it") from None
    except _Endless:
        raise BadInput(f"{path} has an anchor that holds itself; write out what is needed") from None


class _Endless(Exception):
    """A value that contains itself."""


def _size(value: Any, known: dict[int, int], above: set[int]) -> int:
    """How many values there are below one and with it, each use of an anchor counted."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) in above:
        raise _Endless
    if id(value) not in known:
        below = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(item, known, above | {id(value)}) for item in below)
    return known[id(value)]


def _repeated(node: yaml.Node, where: str, seen: set[int]) -> Iterator[str]:
    """A sentence for each key that a mapping has twice: every reader but kubectl takes the last one without a word."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            at = f"{where}.{name}" if where else name
            line = key.start_mark.line + 1
            if name in first and name and key.tag != "tag:yaml.org,2002:merge":
                yield f"{at} is given twice, in the lines {first[name]} and {line}, of which one would be lost; keep one"
            first.setdefault(name, line)
            yield from _repeated(value, at, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated(item, f"{where}[{index}]", seen)


def _plain(value: Any, where: str, known: dict[int, Any], problems: list[str]) -> Any:
    """The same value with texts for keys, which is what every schema expects; what was shared stays shared."""
    if isinstance(value, int) and abs(value) > _LARGEST_NUMBER:
        problems.append(f"{where} is a number larger than any setting; correct it")
        return _LARGEST_NUMBER
    if not isinstance(value, dict | list):
        return value
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, list):
        plain: Any = [_plain(item, f"{where}[{index}]", known, problems) for index, item in enumerate(value)]
    else:
        plain = {}
        for key, item in value.items():
            name = "0x..." if isinstance(key, int) and abs(key) > _LARGEST_NUMBER else str(key)
            at = f"{where}.{name}" if where else name
            if not isinstance(key, str):
                problems.append(f"{at}: the key {name} is no text to YAML; put it in quotes")
            plain[name] = _plain(item, at, known, problems)
    known[id(value)] = plain
    return plain
