"""log.txt of a trial: what its workers log and warn. Appended to on a disk; on S3 sent whole with each checkpoint."""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path

from trainables.storage import Place
from trainables.storage.redaction import RedactingFormatter

_FORMAT = RedactingFormatter("%(asctime)s %(levelname)s %(message)s")
_KEPT = 1_000_000  # bytes of what earlier workers logged that are sent again


class TrialLog:
    """Receives the log of the package from its making to `close`. A storage that fails costs lines, never the trial."""

    def __init__(self, directory: Place, logger: logging.Logger) -> None:
        self._place = directory / "log.txt"
        self._logger = logger
        self._text = io.StringIO()
        self._handler: logging.Handler = logging.NullHandler()
        with contextlib.suppress(OSError):
            self._handler = self._open(directory)
        self._handler.setFormatter(_FORMAT)
        logger.setLevel(logging.INFO)
        logger.addHandler(self._handler)

    def send(self) -> None:
        """Make what was logged visible to others."""
        if not isinstance(self._place, Path):
            with contextlib.suppress(OSError):
                self._place.write_bytes(self._text.getvalue().encode())

    def close(self) -> None:
        self._logger.removeHandler(self._handler)
        self._handler.close()
        self.send()

    def _open(self, directory: Place) -> logging.Handler:
        if isinstance(self._place, Path):
            directory.mkdir(parents=True, exist_ok=True)
            return logging.FileHandler(self._place)
        with contextlib.suppress(FileNotFoundError):
            self._text.write(self._place.read_bytes()[-_KEPT:].decode(errors="replace"))
        return logging.StreamHandler(self._text)
