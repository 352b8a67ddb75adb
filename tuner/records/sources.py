"""What a source file says, as a fingerprint: moved, reworded or differently laid out, it stays the same."""

from __future__ import annotations

import ast
import functools
import hashlib
from typing import Any

_NAMESPACES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@functools.cache
def fingerprint(source: bytes) -> str | None:
    """The first 48 bits of the SHA-256 of a file's syntax tree, or None where nothing is left of it.

    Left out is what a move changes and no number depends on: imports and `__all__`, docstrings, comments and layout. The
    tree is written down without the empty fields that some versions of Python have and others do not.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _NAMESPACES) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    said = _form(tree)
    return None if said == _form(ast.parse("")) else hashlib.sha256(repr(said).encode()).hexdigest()[:12]


def _form(node: Any) -> Any:
    """A node, or the value of a field, as nested tuples."""
    if isinstance(node, list):
        return tuple(_form(each) for each in node if not _is_naming(each))
    if not isinstance(node, ast.AST):
        return node
    fields = ((name, _form(value)) for name, value in ast.iter_fields(node))
    return type(node).__name__, *((name, value) for name, value in fields if value not in (None, ()))


def _is_naming(node: Any) -> bool:
    """Whether a statement only says where names are found."""
    if isinstance(node, ast.Assign):
        return [getattr(target, "id", None) for target in node.targets] == ["__all__"]
    return isinstance(node, ast.Import | ast.ImportFrom)
