"""What an experiment no longer needs is removed: the checkpoints of trials that have ended.

The state after a trial's best epoch, where it is kept, goes with the last of its checkpoints.
"""

from __future__ import annotations

import contextlib

from trainables.storage import Place
from tuner.records.lines import Record
from tuner.records.paths import ExperimentPaths

# How many of its checkpoints a trial keeps once it has ended. A failed one keeps all: somebody may want to look.
_KEPT = {"completed": 1, "stopped": 0, "diverged": 0}


class Housekeeper:
    """Takes records and clears up behind the trials that end; a large network times five replicates fills a disk."""

    def __init__(self, paths: ExperimentPaths) -> None:
        self._paths = paths

    def __call__(self, record: Record) -> None:
        if record["event"] != "end" or record["status"] not in _KEPT:
            return
        from trainables.checkpoints import BEST  # torch, which the driver has imported to predict their size

        folder = self._paths.trial(record["trial"])
        with contextlib.suppress(OSError):  # the next session clears up what an outage left
            if _KEPT[record["status"]] == 0:
                (folder / BEST).unlink(missing_ok=True)
            checkpoints: list[Place] = sorted(folder.glob("checkpoint_*.pt"), key=lambda path: path.name)
            for path in checkpoints[: len(checkpoints) - _KEPT[record["status"]]]:
                path.unlink(missing_ok=True)
            for path in folder.glob("*.tmp"):
                path.unlink(missing_ok=True)
