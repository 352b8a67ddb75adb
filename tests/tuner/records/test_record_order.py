"""Records that contradict their manifest or those above them are refused by line and field, before anybody counts on them."""

import json

import pytest

from tests.tuner.experiments import Experiment, around, finished
from tuner.errors import BadInput
from tuner.results.history import History
from tuner.rules.verify import verify

EPOCH = {"event": "epoch", "time": 1.0, "trial": 0, "epoch": 1, "replicates_ok": 5}
FIVE = {"val_accuracy": {"median": 0.5, "values": [0.5] * 5}}


def refused(tmp_path, *records):
    """What reading says of one announced trial and these records after it."""
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    for record in records:
        experiment.append(json.dumps(record).replace("Infinity", "1e400") + "\n")
    with pytest.raises(BadInput) as caught:
        History.load(experiment.paths)
    with pytest.raises(BadInput):
        verify(experiment.paths)
    assert str(experiment.paths.records) in str(caught.value)
    assert str(caught.value).endswith("; remove or repair that line and try again")
    return str(caught.value)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (EPOCH | {"metrics": FIVE, "epoch": 10}, "`epoch` is 10, but must be at most 9, the full budget"),
        (EPOCH | {"metrics": FIVE, "epoch": 10**12}, "`epoch` is 1000000000000, but must be at most 1e+09"),
        (EPOCH | {"metrics": FIVE, "epoch": float("inf")}, "`epoch` is Infinity, but must be a whole number"),
        (EPOCH | {"metrics": FIVE, "epoch": "1"}, "`epoch` is '1', but must be a whole number"),
        (EPOCH | {"metrics": FIVE, "replicates_ok": 6}, "`replicates_ok` is 6, but must be at most 5, the replicates"),
        (EPOCH | {"metrics": {}}, "`metrics.val_accuracy`, the objective, is missing"),
        (EPOCH | {"metrics": FIVE, "trial": 7}, "`trial` is 7, but no record above announces that trial"),
        (EPOCH | {"metrics": FIVE, "event": "repeat"}, "no such epoch that could be repeated"),
        (
            EPOCH | {"metrics": {"val_accuracy": {"median": 0.5, "values": [0.5] * 3}}},
            "`metrics.val_accuracy.values` holds 3 values, but must hold 5, one a replicate",
        ),
        (
            EPOCH | {"metrics": {"val_accuracy": {"median": "high", "values": [0.5] * 5}}},
            "`metrics.val_accuracy.median` is 'high', but must be a number",
        ),
        (
            EPOCH | {"metrics": {"val_accuracy": {"median": 0.5, "values": [0.5] * 4 + [float("inf")]}}},
            "`metrics.val_accuracy.values.4` is Infinity, but must be a finite number",
        ),
        ({"event": "end", "time": 1.0, "trial": 3, "status": "completed", "epoch": 9}, "no record above announces"),
        ({"event": "end", "time": 1.0, "trial": 0, "status": "won", "epoch": 9}, "`status` is 'won', but must be"),
        ({"event": "session", "time": 1.0, "action": "end", "outcome": "finished"}, "no record above starts a session"),
        ({"event": "session", "time": 1.0, "action": "start", "pid": 1}, "`host` is missing"),
        ({"event": "trial", "time": 1.0, "trial": 0, "baseline": True, "config": {}}, "announces that trial already"),
        (
            {"event": "trial", "time": 1.0, "trial": 1, "baseline": True, "config": {}},
            "must be true of trial 0 and of no",
        ),
        (
            {"event": "trial", "time": 1.0, "trial": 1, "baseline": False, "config": {"lr": [float("inf")]}},
            "`config` holds a knob that no family can have: `lr.0` is Infinity",
        ),
    ],
)
def test_a_record_that_contradicts_is_refused_with_line_field_and_rule(tmp_path, record, said):
    sentence = refused(tmp_path, record)
    assert sentence.startswith("line 2 of ")
    assert said in sentence


def test_epochs_must_come_in_order(tmp_path):
    first, second, back = (EPOCH | {"metrics": FIVE, "epoch": epoch} for epoch in (1, 5, 3))
    assert "`epoch` is 3, but comes after epoch 5 of trial 0; epochs must be in order" in refused(
        tmp_path, first, second, back
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"[1, 2]\n", "is not a record"),
        (b'{"a": 1}\n', "is not a record (`event` is missing)"),
        (b"\xff\xfe\n", "is not a record (it is no JSON)"),
        (b"[" * 5000 + b"\n", "is not a record (it is no JSON)"),
        (b'{"event": "epoch", "trial": ' + b"9" * 5000 + b"}\n", "is not a record (it is no JSON)"),
    ],
)
def test_a_line_that_is_no_record_is_named(tmp_path, line, said):
    experiment = finished(tmp_path)
    count = len(experiment.records)
    with experiment.paths.records.open("ab") as file:
        file.write(line)
    with pytest.raises(BadInput) as caught:
        History.load(experiment.paths)
    assert f"line {count + 1} of {experiment.paths.records} {said}" in str(caught.value)


def test_a_folder_in_place_of_the_records_is_one_sentence(tmp_path):
    experiment = finished(tmp_path)
    experiment.paths.records.unlink()
    experiment.paths.records.mkdir()
    with pytest.raises(BadInput, match=r"cannot read .*records\.jsonl \(Is a directory\)"):
        History.load(experiment.paths)


def test_the_name_of_a_folder_that_is_no_utf_8_is_read_back_as_it_was(tmp_path, tuner):
    experiment = Experiment(tmp_path)
    experiment.trial(0, dataset="folder:/x\udcff")
    experiment.train(0, around(0.5), to=2)
    experiment.write("error", trial=0, message="cannot read /x\udcff", kind="lost", traceback="")
    trial = History.load(experiment.paths).trials[0]
    assert trial.config["dataset"] == "folder:/x\udcff"
    assert trial.errors[0]["message"] == "cannot read /x\\udcff"
    for verb in (["results", "--csv"], ["show"], ["results", "--json"]):
        more = ["0"] if verb == ["show"] else []
        assert tuner(verb[0], "made-up", *more, *verb[1:], "--storage", tmp_path)[0] == 0
