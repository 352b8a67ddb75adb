"""Secrets taken out of text that is kept: commands, tracebacks, URLs.

Three things are hidden: the values of environment variables that are named like secrets, the user part of a URL, and
what is given to a name like a secret (`--password x`, `secret_key=x`, `?X-Amz-Signature=x`, `"token": "x"`, `Bearer x`).
"""

from __future__ import annotations

import logging
import os
import re

HIDDEN = "***"
_SHORTEST = 6  # characters: the value of a variable that is shorter is a word, and hiding it would garble the text
_NAME = (
    r"[A-Za-z0-9_.-]*(?:secret|password|passwd|token|credentials?|signature|private[_-]?key|api[_-]?key|access[_-]?key)"
    r"(?![A-Za-z])[A-Za-z0-9_.-]*"
)
_VALUE = r"[^\s'\"&,;(){}\[\]]+"
_PATTERNS = (
    re.compile(r"(?P<kept>[A-Za-z][A-Za-z0-9+.-]*://)[^/\s'\"@]+(?=@)"),
    re.compile(r"(?P<kept>\bBearer\s+)[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(rf"(?P<kept>{_NAME}(?:['\"]?\s*=\s*['\"]?|['\"]\s*:\s*['\"])){_VALUE}", re.IGNORECASE),
    re.compile(rf"(?P<kept>--{_NAME}['\"]?,?\s+['\"]?){_VALUE}", re.IGNORECASE),
)
_SECRET_VARIABLE = re.compile(_NAME, re.IGNORECASE)
# Named like a secret, but holding a place or a mode.
_PLAIN_VARIABLE = re.compile(r"_(?:PATH|FILE|MODE|DIR|URL|ENDPOINT)$", re.IGNORECASE)


def redact(text: str) -> str:
    """The text with every secret in it replaced by `***`."""
    for value in _values_of_secret_variables():
        text = text.replace(value, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<kept>{HIDDEN}", text)
    return text


def holds_secret(text: str) -> bool:
    """Whether `redact` would change the text."""
    return redact(text) != text


class RedactingFormatter(logging.Formatter):
    """A log formatter that lets no secret through, not even inside a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _values_of_secret_variables() -> list[str]:
    """Longest first, so that no part of one is left over."""
    found = {
        value
        for name, value in os.environ.items()
        if len(value) >= _SHORTEST and _SECRET_VARIABLE.fullmatch(name) and not _PLAIN_VARIABLE.search(name)
    }
    return sorted(found, key=len, reverse=True)
