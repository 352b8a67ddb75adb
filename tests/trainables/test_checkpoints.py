"""A checkpoint is there whole or not at all, and a bad one never hides a good one."""

import pytest
import torch

from trainables import checkpoints


def state(epoch):
    return {"epoch": epoch, "weights": torch.full((3,), float(epoch))}


def test_the_newest_two_are_kept(tmp_path):
    for epoch in (1, 2, 10):
        checkpoints.save(tmp_path, state(epoch), epoch)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint_000002.pt", "checkpoint_000010.pt"]
    assert [found["epoch"] for _, found in checkpoints.newest_first(tmp_path)] == [10, 2]


def test_a_torn_or_foreign_newest_checkpoint_gives_way_to_the_one_before(tmp_path, caplog):
    checkpoints.save(tmp_path, state(1), 1)
    whole = checkpoints.save(tmp_path, state(2), 2).read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"not a checkpoint"):
        (tmp_path / "checkpoint_000002.pt").write_bytes(damaged)
        assert [found["epoch"] for _, found in checkpoints.newest_first(tmp_path)] == [1]
    assert "trying the one before" in caplog.text


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
