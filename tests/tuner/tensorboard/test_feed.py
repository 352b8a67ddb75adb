"""The event files follow the records, for a driver on a disk that fills up and for a dashboard that reads from S3."""

import pytest

from tests.tuner.experiments import around, finished
from tests.tuner.tensorboard.test_writer import scalars
from tuner.records import manifest
from tuner.records.lines import RecordWriter
from tuner.records.paths import ExperimentPaths
from tuner.tensorboard import writer as tensorboard
from tuner.tensorboard.feed import Export, Follower
from tuner.tensorboard.writer import TensorBoardWriter


def epochs(experiment, trial):
    return [step for step, _ in scalars(experiment, trial)["median/val_accuracy"]]


def test_a_full_disk_disturbs_no_driver_and_the_files_are_whole_at_the_end(tmp_path, monkeypatch):
    experiment = finished(tmp_path)
    write = TensorBoardWriter.update

    def full(writer, record):
        if record.get("epoch") == 10:
            raise OSError(28, "No space left on device")
        write(writer, record)

    with Export(experiment.paths) as export:
        assert epochs(experiment, 0) == list(range(1, 10))
        monkeypatch.setattr(TensorBoardWriter, "update", full)
        for epoch in range(10, 13):
            experiment.epoch(0, epoch, around(0.9))
            export.update(experiment.records[-1])
        assert epochs(experiment, 0) == list(range(1, 10))
        monkeypatch.undo()
    assert epochs(experiment, 0) == list(range(1, 13))


def test_a_dashboard_of_an_experiment_on_s3_makes_the_files_here_and_follows_the_records(tmp_path, bucket):
    experiment = finished(tmp_path)
    paths = ExperimentPaths(bucket / "exp")
    manifest.write(paths.manifest, experiment.manifest)
    writer = RecordWriter(paths.records)
    writer.write(*experiment.records)
    experiment.paths = paths
    with Follower(paths) as follower:
        assert epochs(experiment, 1) == list(range(1, 10))
        newest = next(record for record in reversed(experiment.records) if record["event"] == "epoch")
        writer.write({**newest, "trial": 1, "epoch": 10})
        follower.look()
        assert epochs(experiment, 1) == list(range(1, 11))
    assert not paths.tensorboard.exists()
    assert [path.name for path in paths.root.glob("*")] == ["records", "manifest.json"]


def test_a_disk_that_is_full_when_they_are_rebuilt_loses_none_of_the_files_that_were_there(tmp_path, monkeypatch):
    experiment = finished(tmp_path)
    tensorboard.rebuild(experiment.paths)
    before = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(writer, record):
        if record["event"] == "epoch" and record["epoch"] == 3:
            raise OSError(28, "No space left on device")
        write(writer, record)

    write = TensorBoardWriter.update
    monkeypatch.setattr(TensorBoardWriter, "update", full)
    with pytest.raises(OSError, match="No space left"):
        tensorboard.rebuild(experiment.paths)
    after = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before
    with Export(experiment.paths) as export:  # the search goes on without
        export.update(experiment.records[-1])
        monkeypatch.undo()
    assert epochs(experiment, 0) == list(range(1, 10))


def test_what_a_killed_rebuild_left_is_cleared_by_the_next(tmp_path):
    experiment = finished(tmp_path)
    left = experiment.paths.root / ".tensorboard.99.new"
    left.mkdir()
    tensorboard.rebuild(experiment.paths)
    assert sorted(path.name for path in experiment.paths.root.iterdir()) == [
        "manifest.json",
        "records.jsonl",
        "tensorboard",
    ]
