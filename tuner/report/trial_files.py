"""What the folder of a trial holds that no report does: the end of its log, and its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainables.storage import Place, StorageError
from tuner.errors import as_bad_input
from tuner.records.paths import ExperimentPaths
from tuner.tables.text import plain
from tuner.tables.trial import log_tail

LINES = 200  # of the log


def trial_files(paths: ExperimentPaths, index: int) -> dict[str, Any]:
    """Keys: log (its last lines) and checkpoints (name, bytes and unix time; None where the storage does not say for free)."""
    with as_bad_input(StorageError):
        found = sorted((path for path in paths.trial(index).glob("*.pt")), key=lambda path: path.name)
        return {
            "log": [plain(line) for line in log_tail(paths.trial_log(index), LINES)],
            "checkpoints": [{"name": path.name, **_size(path)} for path in found],
        }


def _size(path: Place) -> dict[str, float | None]:
    if isinstance(path, Path):
        try:
            known = path.stat()
        except OSError:  # removed meanwhile
            return {"bytes": None, "time": None}
        return {"bytes": known.st_size, "time": known.st_mtime}
    return {"bytes": None, "time": None}
