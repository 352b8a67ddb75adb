"""A file is there whole or not at all, on a disk and on S3; pauses between attempts grow to half a minute."""

import os
from pathlib import Path

import pytest

from trainables.storage import patience, place, temporary, whole
from trainables.storage.whole import unfinished_name


@pytest.fixture(params=["folder", "s3"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.getfixturevalue("bucket")) if request.param == "s3" else str(tmp_path)


def test_what_was_written_is_there_when_the_block_has_ended_and_never_before(there: str) -> None:
    path = place(there) / "file.json"
    with whole(path) as file:
        file.write(b"first")
        file.flush()
        assert not path.exists()
    with whole(path) as file:
        file.write(b"second")
        file.flush()
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert [found.name for found in place(there).glob("*")] == ["file.json"]


def fail_half_way(path) -> None:
    with whole(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_what_is_cut_off_leaves_what_was_there(there: str) -> None:
    path = place(there) / "file.json"
    with pytest.raises(KeyboardInterrupt):
        fail_half_way(path)
    assert not path.exists()
    with whole(path) as file:
        file.write(b"first")
    with pytest.raises(KeyboardInterrupt):
        fail_half_way(path)
    assert path.read_bytes() == b"first"
    assert [found.name for found in place(there).glob("*")] == ["file.json"]


def test_the_next_writer_removes_what_a_dead_one_left_and_nothing_of_a_living_one(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    living = unfinished_name(path).with_name(f".file.json.{temporary._digest()}@{os.getppid()}.tmp")
    dead = living.with_name(f".file.json.{temporary._digest()}@{2**22 + 1}.tmp")
    for left in (living, dead):
        left.write_bytes(b"half")
    with whole(path) as file:
        file.write(b"all")
    assert sorted(tmp_path.iterdir()) == sorted([living, path])


def test_pauses_double_up_to_half_a_minute() -> None:
    pauses = [0.0]
    for _ in range(8):
        pauses.append(patience.longer(pauses[-1]))
    assert pauses[1:] == [0.5, 1, 2, 4, 8, 16, 30, 30]
