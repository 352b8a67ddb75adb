"""The manifest: what it says, that it is written as it was read, and one sentence for whatever is not one."""

import json
import sys

import pytest

from tests.tuner.experiments import made_up
from tuner.errors import BadInput
from tuner.records import manifest


def test_the_command_is_kept_without_its_secrets(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/x/tuner", "launch", "blur", "--storage", "s3://key:hunter22@bucket/a b"])
    assert manifest.surroundings()["command"] == "tuner launch blur --storage 's3://***@bucket/a b'"


def content(**changes):
    return made_up(**changes).content()


def test_a_manifest_is_written_as_it_was_read_unknown_keys_and_their_order_included(tmp_path):
    said = content()
    said = {"later": {"b": [1, None], "a": 2.50}, **said}
    said["budget"] = {"zeta": True, **said["budget"], "reduction": 3}
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(said, indent=2) + "\n")
    before = path.read_bytes()
    manifest.write(path, manifest.read(path))
    assert path.read_bytes() == before


def test_what_an_older_experiment_does_not_say_has_the_value_that_it_had_then(tmp_path):
    said = content()
    del said["published"], said["versions"], said["summary"], said["overrides"]
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(said))
    read = manifest.read(path)
    assert (read.budget.rank_window, read.budget.placement, read.budget.gpus_per_trial) == (1, "packed", 0)
    assert (read.bracket, read.published, read.sources, read.rebuildable) == ([], [], {}, True)


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("budget", "epochs"), 10**12, "`budget.epochs` is 1000000000000, but must be at most 100000"),
        (("budget", "replicates"), 10**12, "`budget.replicates` is 1000000000000, but must be at most 1000"),
        (("budget", "replicates"), float("inf"), "`budget.replicates` is Infinity, but must be a number between"),
        (("budget", "reduction"), 1.0000001, "`budget.reduction` is 1.0000001, but must be at least 1.01"),
        (("budget", "trials"), True, "`budget.trials` is true, but must be a whole number"),
        (("budget", "grace"), 10, "`budget.grace` is 10, but must be at most 9, the `budget.epochs`"),
        (("budget",), [], "`budget` is [], but must be an object"),
        (("objective", "mode"), "best", "`objective.mode` is 'best', but must be max or min"),
        (("protocol", "dataset"), None, "`protocol.dataset` is null, but must be a text"),
        (("rungs",), [3, 1, 9], "`rungs` must be epochs in ascending order, the last of them 9"),
        (("rungs",), "1,3,9", "`rungs` is '1,3,9', but must be a list"),
        (("baseline", "lr"), [1, 10**400], "`baseline.lr.1` is "),
        (("seed",), -1, "`seed` is -1, but must be at least 0"),
        (("published",), [{"when": {}, "metric": "m", "value": "x", "source": "s"}], "`published.0.value` is 'x', but"),
        (("data",), {"fingerprints": {"8": 3}}, "`data.fingerprints.8` is 3, but must be a text"),
    ],
)
def test_a_field_of_the_wrong_form_is_named_with_its_value_and_the_rule(tmp_path, where, value, said):
    whole = content()
    holder = whole
    for key in where[:-1]:
        holder = holder[key]
    holder[where[-1]] = value
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(whole).replace("Infinity", "1e400"))
    with pytest.raises(BadInput) as caught:
        manifest.read(path)
    assert f"{path} is not a manifest: {said}" in str(caught.value)
    assert str(caught.value).endswith("; restore it from a copy of the experiment")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "must be valid JSON"),
        (b"[]", "holds a list, but a manifest is a JSON object"),
        (b"[" * 5000, "it is nested too deeply"),
        ('{"name": "é"}'.encode("utf-16"), "byte 0 is not UTF-8"),
        (b'{"objective": {}}', "lacks objective.metric, objective.mode, budget, protocol, rungs, baseline, family"),
    ],
)
def test_a_file_that_is_no_manifest_is_one_sentence(tmp_path, text, said):
    path = tmp_path / "manifest.json"
    path.write_bytes(text)
    with pytest.raises(BadInput, match="manifest") as caught:
        manifest.read(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_in_place_of_the_manifest_is_one_sentence(tmp_path):
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(BadInput, match=r"cannot read .*manifest\.json \(Is a directory\)"):
        manifest.read(tmp_path / "manifest.json")
