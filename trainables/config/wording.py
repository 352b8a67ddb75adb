"""Parts of the sentences that say what is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

LISTED = 5  # names shown before "..."


def some(names: Sequence[str]) -> str:
    """The first five names of a list, and how many there are."""
    return ", ".join(names[:LISTED]) + (f", ... ({len(names)} in all)" if len(names) > LISTED else "")


def nearest(name: str, known: Iterable[str], otherwise: str = "", before: str = "") -> str:
    """`did you mean ...?` with the known name that is nearest, after `before`; what is said `otherwise` if none is near."""
    by_plain = {one.lower(): one for one in known}  # capitals are no reason to find nothing
    near = difflib.get_close_matches(name.lower(), list(by_plain), n=1)
    return f"{before}did you mean `{by_plain[near[0]]}`?" if near else otherwise


def among(value: object, known: Sequence[str], listed: str | None = None) -> str:
    """What a word must be, as it stands before a remedy: `one of a, b`, or `listed`, and in brackets which is nearest."""
    near = nearest(value, known) if isinstance(value, str) else ""
    return (listed or f"one of {', '.join(known)}") + (f" ({near})" if near else "")


def figure(value: float | None) -> str:
    """With four decimals, or four digits where those would hide it."""
    if value is None:
        return "-"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1000 else f"{value:.4g}"


def one_line(text: str) -> str:
    """The text in a single line, as it stands within a sentence."""
    return " ".join(text.split())


def reason(error: BaseException) -> str:
    """Why something failed, in words: of an OSError without its number and its file, of anything else what it says."""
    inner = getattr(error, "reason", None)  # what urllib wraps
    if isinstance(inner, OSError):
        return reason(inner)
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return one_line(said) or type(error).__name__


def printable(text: str) -> str:
    """A name as one line that any terminal takes: bytes that are not UTF-8 and control characters as escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    )
