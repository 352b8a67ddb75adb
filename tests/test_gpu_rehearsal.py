"""The check on a GPU (`benchmarks/gpu.py`) rehearsed on the CPU, so that it is ready on the day there is a card."""

import json

import pytest

from benchmarks import gpu


@pytest.mark.slow
def test_every_phase_says_something_and_none_fails(tmp_path):
    gpu.main(["--out", str(tmp_path), "--device", "cpu", "--tiny", "--minutes", "20"])
    rows = [json.loads(line) for line in (tmp_path / "gpu.jsonl").read_text().splitlines()]
    assert [row for row in rows if "FAILED" in row or "cut" in row] == []
    said = {row["phase"] for row in rows}
    assert said >= {
        "machine",
        "captured",
        "mishaps",
        "speed",
        "right",
        "team",
        "second trial",
        "processes",
        "accuracy",
        "end",
    }
    captured = next(row for row in rows if row["phase"] == "captured")
    assert captured["loss"] == captured["weights"] == 0  # bit-equal on the CPU
    nan, _ = (row for row in rows if row["phase"] == "mishaps")
    assert (nan["failed"], nan["siblings"]) == ([1], 0)
    [team] = (row for row in rows if row["phase"] == "team")
    assert team["loss"] < 1e-5
    assert team["weights"] < 1e-3
    *_, apart = (row for row in rows if row["phase"] == "alike")
    assert (apart["apart"], apart["equal"]) == (0, True)


def test_a_phase_that_fails_leaves_the_others_their_turn(tmp_path):
    report = gpu.Report(tmp_path, 1)

    def rows():
        yield {"first": 1}
        raise ValueError("no")

    report.run("odd", rows, 1.0)
    report.run("even", lambda: iter([{"second": 2}]), 1.0)
    lines = [json.loads(line) for line in (tmp_path / "gpu.jsonl").read_text().splitlines()]
    assert lines[1]["FAILED"] == "ValueError: no"
    assert lines[3]["second"] == 2
