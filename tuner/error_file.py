"""What Ray keeps of a trial's failures, as a person reads it."""

from __future__ import annotations

from pathlib import Path


def newest_failure(error_file: str | None) -> str:
    """Ray appends each failure of a trial to one file under a heading; the last one is what happened now."""
    if error_file is None or not Path(error_file).exists():
        return ""
    text = Path(error_file).read_text(errors="replace")
    return text[text.rfind("Failure # ") :]


def first_sentence(text: str) -> str:
    """What a person reads of a failure: the exception of a traceback, and of Ray's essays the first sentence."""
    lines = text.strip().splitlines()
    if not lines:
        return "the worker was lost"
    last = next((line for line in reversed(lines) if line and not line.startswith((" ", "\t"))), lines[-1])
    return last.split(". ")[0][:200]
