"""Whether a search that was interrupted is worth another run: not after several in a row without a new epoch.

python -m tuner.cluster.slurm.progress NAME STORAGE LIMIT       exit code 0 when it is, 1 with the reason when it is not
"""

from __future__ import annotations

import json
import sys
from typing import Any

from trainables.storage import Place, whole
from tuner.errors import BadInput, TunerError
from tuner.records import paths
from tuner.records.lines import read
from tuner.records.paths import ExperimentPaths


def noted(name: str, storage: Place) -> Place:
    """The file beside the experiment that counts its runs on Slurm."""
    return storage / f"{name}.slurm.json"


def recall(name: str, storage: Place) -> dict[str, int]:
    """`epochs` recorded when it was last requeued, `idle` runs in a row without a new one, `requeued` times in all."""
    blank = {"epochs": 0, "idle": 0, "requeued": 0}
    try:
        found: Any = json.loads(noted(name, storage).read_bytes())
        return blank | {key: int(found[key]) for key in blank if key in found}
    except (OSError, ValueError, TypeError):
        return blank


def judge(name: str, storage: Place, limit: int) -> str | None:
    """Count one more run that was cut short; why the search is not worth another, None when it is."""
    before = recall(name, storage)
    epochs = _epochs(ExperimentPaths(storage / name))
    idle = 0 if epochs > before["epochs"] else before["idle"] + 1
    give_up = idle >= limit
    now = {"epochs": epochs, "idle": 0 if give_up else idle, "requeued": before["requeued"] + (not give_up)}
    with whole(noted(name, storage)) as file:
        file.write(json.dumps(now).encode())
    if not give_up:
        return None
    return (
        f"{name} is not requeued: {idle} runs in a row ended without a new epoch, {epochs} in all; an epoch may take longer "
        "than a run: raise --time, lower --set batch_size or the replicates, or see the log of this job"
    )


def _epochs(experiment: ExperimentPaths) -> int:
    try:
        return sum(record["event"] == "epoch" for record in read(experiment.records))
    except (OSError, BadInput):
        return 0  # it has not come so far yet


def main(arguments: list[str]) -> int:
    name, storage, limit = arguments
    try:
        reason = judge(name, paths.storage_root(storage), int(limit))
    except (OSError, TunerError) as error:
        reason = f"{name} is not requeued: {error}"
    if reason is None:
        return 0
    print(f"tuner: {reason}", flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
