"""Behind a trial that ends only what somebody may still want is left."""

import pytest

from tuner.experiment.housekeeping import Housekeeper
from tuner.records.paths import ExperimentPaths

FILES = ("best.pt", ".best.pt.host.7.tmp", "checkpoint_000001.pt", "checkpoint_000002.pt", "log.txt")


@pytest.mark.parametrize(
    ("status", "left"),
    [
        ("completed", ["best.pt", "checkpoint_000002.pt", "log.txt"]),
        ("stopped", ["log.txt"]),
        ("diverged", ["log.txt"]),
        ("failed", sorted(FILES)),
    ],
)
def test_a_completed_trial_keeps_its_last_and_its_best_epoch(tmp_path, status, left):
    paths = ExperimentPaths(tmp_path)
    folder = paths.trial(3)
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).touch()
    Housekeeper(paths)({"event": "end", "trial": 3, "status": status})
    assert sorted(path.name for path in folder.iterdir()) == left
