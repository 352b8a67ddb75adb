"""Records survive being cut off anywhere."""

import json
import math
import os

import pytest

from tuner.errors import BadInput
from tuner.records.lines import RecordWriter, read


def test_records_come_back_in_order_with_their_time(tmp_path):
    writer = RecordWriter(tmp_path / "records.jsonl")
    writer.write({"event": "a", "n": 1}, {"event": "b", "n": 2})
    writer.write({"event": "c", "n": 3})
    writer.close()
    back = list(read(tmp_path / "records.jsonl"))
    assert [record["event"] for record in back] == ["a", "b", "c"]
    assert all(isinstance(record["time"], float) for record in back)


def test_what_an_exception_quoted_is_kept_without_its_secrets(tmp_path):
    writer = RecordWriter(tmp_path / "records.jsonl")
    told = "403 Forbidden: https://key:hunter22@host/bucket"
    writer.write({"event": "error", "trial": 0, "message": told, "traceback": f"OSError: {told}", "final": True})
    writer.write({"event": "end", "trial": 0, "status": "failed", "epoch": 1, "reason": told})
    writer.close()
    text = (tmp_path / "records.jsonl").read_text()
    assert "hunter22" not in text
    assert text.count("403 Forbidden: https://***@host/bucket") == 3


def test_every_way_to_tear_the_last_line_loses_that_line_only(tmp_path):
    path = tmp_path / "records.jsonl"
    writer = RecordWriter(path)
    writer.write({"event": "one"})
    writer.write({"event": "two", "text": "é" * 5000})
    writer.close()
    whole = path.read_bytes()
    start_of_two = whole.index(b"\n") + 1
    for cut in (start_of_two, start_of_two + 1, start_of_two + 6000, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert [record["event"] for record in read(path)] == ["one"]
        again = RecordWriter(path)
        again.write({"event": "three"})
        again.close()
        assert [record["event"] for record in read(path)] == ["one", "three"]


def test_a_file_that_is_one_torn_line_starts_afresh(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_bytes(b'{"event": "o')
    RecordWriter(path).write({"event": "one"})
    assert [record["event"] for record in read(path)] == ["one"]


def test_a_corrupt_middle_line_is_named_by_its_number(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text('{"event": "one"}\nrubbish\n{"event": "two"}\n')
    with pytest.raises(BadInput, match=r"line 2 of .*records\.jsonl is not a record"):
        list(read(path))


def test_numbers_that_json_cannot_hold_become_null(tmp_path):
    path = tmp_path / "records.jsonl"
    RecordWriter(path).write({"event": "e", "x": [math.nan, {"y": -math.inf}], "z": 0.1})
    line = json.loads(path.read_text())
    assert line["x"] == [None, {"y": None}]
    assert line["z"] == 0.1


def test_a_write_that_fails_half_way_leaves_no_half_line(tmp_path, monkeypatch):
    path = tmp_path / "records.jsonl"
    writer = RecordWriter(path)
    writer.write({"event": "one"})
    real = os.write

    def disk_full(file, data):
        if len(data) > 10:
            return real(file, data[:10])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: disk_full(file, data) if len(data) > 20 else disk_full(file, b""))
        with pytest.raises(OSError, match="No space left"):
            writer.write({"event": "two"})
    writer.write({"event": "three"})
    assert [record["event"] for record in read(path)] == ["one", "three"]


def test_listeners_see_each_record_after_it_is_written(tmp_path):
    path = tmp_path / "records.jsonl"
    seen = []
    writer = RecordWriter(path, lambda record: seen.append((record["event"], len(list(read(path))))))
    writer.write({"event": "one"})
    writer.write({"event": "two"})
    assert seen == [("one", 1), ("two", 2)]


def test_an_experiment_without_records_has_none(tmp_path):
    assert list(read(tmp_path / "absent.jsonl")) == []
