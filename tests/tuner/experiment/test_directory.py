"""An experiment is made whole or not at all, on a disk and on S3."""

import threading

import pytest

from tuner.errors import BadInput
from tuner.experiment import directory
from tuner.experiment.directory import create, trial_records
from tuner.experiment.request import Request
from tuner.records import manifest, paths
from tuner.records.lines import RecordWriter, read
from tuner.records.paths import ExperimentPaths


@pytest.fixture(params=["disk", "s3"])
def root(request, tmp_path):
    return request.getfixturevalue("bucket") / "store" if request.param == "s3" else tmp_path / "store"


def make(place, trials=3):
    checked = Request("blur", budget={"trials": trials}).checked()
    said = directory.describe(checked, place.name, {"fingerprints": {}})
    create(place, said, trial_records(0, checked.configs), "smoke")


def test_what_is_made_is_found_by_its_name_and_by_its_place(root):
    make(ExperimentPaths(root / "exp"))
    assert paths.experiment("exp", root) == paths.experiment(str(root / "exp")) == ExperimentPaths(root / "exp")
    assert len(list(read(root / "exp" / "records.jsonl"))) == 3
    with pytest.raises(BadInput, match=r"there is no experiment `exq` in .*store; did you mean `exp`"):
        paths.experiment("exq", str(root))
    assert paths.experiment("exp", root).command("resume") == f"tuner resume exp --storage {root}"


def test_a_name_in_use_is_refused_and_nothing_changed(root):
    make(ExperimentPaths(root / "exp"))
    with pytest.raises(BadInput, match="the name `exp` is already in use in"):
        make(ExperimentPaths(root / "exp"), trials=5)
    assert len(list(read(root / "exp" / "records.jsonl"))) == 3
    assert [path.name for path in root.glob("*")] == ["exp"]


def test_what_a_dead_attempt_left_on_s3_is_no_experiment_and_in_nobodys_way(bucket):
    place = ExperimentPaths(bucket / "exp")
    RecordWriter(place.records).write(*trial_records(0, [{"lr": 0.1}] * 9))
    with pytest.raises(BadInput, match="there is no experiment"):
        paths.experiment("exp", bucket)
    make(place)
    assert len(list(read(place.records))) == 3


def test_of_two_made_at_once_on_s3_one_is_refused(bucket):
    refused = []

    def attempt():
        try:
            make(ExperimentPaths(bucket / "exp"))
        except BadInput as error:
            refused.append(str(error))

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert manifest.read(bucket / "exp" / "manifest.json").name == "exp"
    assert len(list(read(bucket / "exp" / "records.jsonl"))) == 3
