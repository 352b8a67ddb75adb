"""What Ray keeps of a trial's failures, as a person reads it."""

from __future__ import annotations

from pathlib import Path

from trainables.datasets import DatasetError


def newest_failure(error_file: str | None) -> str:
    """Ray appends each failure of a trial to one file under a heading; the last one is what happened now."""
    if error_file is None or not Path(error_file).exists():
        return ""
    text = Path(error_file).read_text(errors="replace")
    return text[text.rfind("Failure # ") :]


def first_sentence(text: str) -> str:
    """What a person reads of a failure: the exception of a traceback, and of Ray's essays the first sentence."""
    return _exception(text).split(". ")[0][:200] or "the worker was lost"


def about_images(text: str) -> str | None:
    """What a `DatasetError` of a worker says; None of any other failure."""
    return _exception(text).partition(f"{DatasetError.__name__}: ")[2] or None


def _exception(text: str) -> str:
    """The last line of a traceback that is not indented, or simply the last."""
    lines = text.strip().splitlines()
    return next((line for line in reversed(lines) if line and not line.startswith((" ", "\t"))), (lines or [""])[-1])
