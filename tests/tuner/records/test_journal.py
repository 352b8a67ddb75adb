"""A journal takes whole lines, or nothing, on a disk and on S3, and holds the same bytes on both."""

import pytest

from trainables.storage import StorageError
from trainables.storage.s3path import S3Path
from tuner.errors import TunerError
from tuner.records import journal as journals
from tuner.records.journal import journal, lines

LINES = [f'{{"n": {index}}}\n'.encode() for index in range(40)]


@pytest.fixture(params=["disk", "s3"])
def place(request, tmp_path):
    root = request.getfixturevalue("bucket") if request.param == "s3" else tmp_path
    return root / "exp" / "records.jsonl"


def test_lines_come_back_in_order_also_from_later_writers(place):
    assert list(lines(place)) == []
    for start in range(0, 40, 10):
        writer = journal(place)
        for line in LINES[start : start + 10]:
            writer.append(line)
        writer.close()
        writer.close()
    assert list(lines(place)) == LINES


def test_segments_are_few_and_together_the_file_of_a_disk(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "SEGMENT", 100)
    for root in (bucket, tmp_path):
        writer = journal(root / "records.jsonl")
        for line in LINES:
            writer.append(line)
        writer.close()
    segments = sorted(bucket.glob("records/*"), key=str)
    assert 3 < len(segments) < 7
    assert b"".join(segment.read_bytes() for segment in segments) == (tmp_path / "records.jsonl").read_bytes()


def test_a_second_writer_on_s3_is_found_out_and_mixes_nothing(bucket):
    place = bucket / "records.jsonl"
    first, second = journal(place), journal(place)
    second.append(LINES[0])
    with pytest.raises(TunerError, match="another process writes to s3://"):
        first.append(LINES[1])
    second.append(LINES[2])
    assert list(lines(place)) == [LINES[0], LINES[2]]


def test_a_write_on_s3_whose_answer_was_lost_is_not_written_twice(bucket, monkeypatch):
    place = bucket / "records.jsonl"
    writer = journal(place)
    writer.append(LINES[0])
    write = S3Path.replace

    def lose_the_answer(path, data, tag):
        write(path, data, tag)
        raise StorageError("S3 does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(S3Path, "replace", lose_the_answer)
        with pytest.raises(StorageError):
            writer.append(LINES[1])
    writer.append(LINES[1])
    writer.append(LINES[2])
    assert list(lines(place)) == LINES[:3]
