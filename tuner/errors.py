"""The error tree of the service: each class carries the exit code of the command that raised it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from trainables.config.wording import reason
from trainables.storage import Place, StorageError


class TunerError(Exception):
    """Something a person must act on; its text is one clear sentence (or a list of them), shown without a stack trace."""

    exit_code = 1


class BadInput(TunerError):
    """The user asked for something that cannot be: nothing was started."""

    exit_code = 2

    @classmethod
    def listing(cls, problems: list[str]) -> BadInput:
        """One error for several problems, each on its own line."""
        return cls("\n".join(problems))


class ClusterUnreachable(TunerError):
    """No Ray cluster answers at the address given."""

    exit_code = 3


class StorageUnavailable(TunerError):
    """The storage failed while a search ran and did not return in time; the search can be resumed."""

    exit_code = 4

    @classmethod
    def to_begin(cls, place: object, error: OSError, command: str) -> StorageUnavailable:
        """A session cannot begin on the storage as it is."""
        return cls(f"cannot write to {place} ({sentence(error)}); once it can be, continue with `{command}`")


def sentence(error: OSError) -> str:
    """What an OSError says to a person, without its number and its file."""
    return reason(error)


def unreachable(error: OSError) -> str:
    """The sentence for a file or folder that a command needed and could not use."""
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
    return f"cannot use {place} ({sentence(error)}); repair the path, its rights or the disk, then try again"


def unwritable(place: Place, error: OSError) -> BadInput:
    """The refusal of a storage where nothing can be written."""
    if isinstance(error, StorageError):  # says what to do itself
        return BadInput(str(error))
    return BadInput(f"cannot write to {place} ({sentence(error)}); choose another --storage")


@contextmanager
def as_bad_input(of: type[Exception] = ValueError, known: Iterable[str] = ()) -> Iterator[None]:
    """What an error of this kind says within becomes a `BadInput`; of a pydantic model's, every problem, and for a field
    that is none of those `known` the nearest."""
    try:
        yield
    except of as error:
        from pydantic import ValidationError

        from trainables.config.training import problems

        said = problems(error, known=known) if isinstance(error, ValidationError) else [str(error)]
        raise BadInput.listing(said) from None
