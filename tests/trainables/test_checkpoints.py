"""A checkpoint is there whole or not at all, and a bad one never hides a good one."""

import pytest
import torch

from trainables import checkpoints
from trainables.storage import S3Path, StorageError, patience, patiently


def state(epoch):
    return {"epoch": epoch, "weights": torch.full((3,), float(epoch))}


@pytest.fixture(params=["disk", "s3"])
def directory(request, tmp_path):
    return request.getfixturevalue("bucket") / "trials" if request.param == "s3" else tmp_path


def test_the_newest_two_are_kept(directory):
    for epoch in (1, 2, 10):
        checkpoints.save(directory, state(epoch), epoch)
    assert sorted(path.name for path in directory.glob("*")) == ["checkpoint_000002.pt", "checkpoint_000010.pt"]
    assert [found["epoch"] for _, found in checkpoints.newest_first(directory)] == [10, 2]
    assert torch.equal(next(checkpoints.newest_first(directory))[1]["weights"], torch.full((3,), 10.0))


def test_a_torn_or_foreign_newest_checkpoint_gives_way_to_the_one_before(directory, caplog):
    checkpoints.save(directory, state(1), 1)
    whole = checkpoints.save(directory, state(2), 2).read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"not a checkpoint"):
        (directory / "checkpoint_000002.pt").write_bytes(damaged)
        assert [found["epoch"] for _, found in checkpoints.newest_first(directory)] == [1]
    assert "trying the one before" in caplog.text


def test_a_storage_that_does_not_answer_is_no_reason_to_go_back_to_an_older_checkpoint(bucket, monkeypatch):
    checkpoints.save(bucket, state(1), 1)
    checkpoints.save(bucket, state(2), 2)
    ask, answers = S3Path.download, []

    def down_at_first(path, file):
        answers.append(path.name)
        if len(answers) < 3:
            raise StorageError("S3 does not answer")
        ask(path, file)

    monkeypatch.setattr(S3Path, "download", down_at_first)
    monkeypatch.setattr(patience, "_FIRST_PAUSE", 0.01)
    assert patiently(lambda: next(checkpoints.newest_first(bucket))[1]["epoch"]) == 2
    assert answers == ["checkpoint_000002.pt"] * 3


def test_a_leftover_of_a_killed_writer_is_no_checkpoint(tmp_path):
    (tmp_path / "checkpoint_000003.pt.12345.tmp").write_bytes(b"half")
    assert list(checkpoints.newest_first(tmp_path)) == []


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def save(*args):
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(OSError, match="disk full"):
        checkpoints.save(tmp_path, state(1), 1)
    assert list(tmp_path.iterdir()) == []


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"evil": Evil()}, tmp_path / "checkpoint_000001.pt")
    assert list(checkpoints.newest_first(tmp_path)) == []


def test_the_best_epoch_is_among_those_of_as_many_seeds():
    def results(*medians):
        return [{"val_accuracy": median, "val_accuracy_values": [median] * seeds} for median, seeds in medians]

    history = results((0.9, 1), (0.5, 3), (0.6, 3))
    assert [checkpoints.is_best(history[:count], "val_accuracy") for count in (1, 2, 3)] == [True, True, True]
    assert not checkpoints.is_best([*history, results((0.6, 3))[0]], "val_accuracy")
    assert not checkpoints.is_best([*history, results((0.99, 2))[0] | {"late": 1}], "val_accuracy")
