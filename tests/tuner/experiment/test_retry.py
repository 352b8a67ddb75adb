"""Launched again under the same name: the same request goes on, another one is told from it before anything starts."""

import pytest

from tests.tuner.searches import count_epochs, kill_after, medians, options, run, start
from tuner.errors import BadInput
from tuner.experiment import directory, retry
from tuner.experiment.request import Request
from tuner.experiment.running import HERE
from tuner.records.lines import read
from tuner.records.paths import ExperimentPaths

SMALL = {"trials": 3, "epochs": 9}
SETTINGS = ["image_size=8", "train_images=120", "batch_size=40"]


@pytest.fixture
def storage(tmp_path):
    """A storage with the experiment `first`, launched with SMALL, SETTINGS and seed 0, of which nothing has run yet."""
    checked = Request("blur", "smoke", SETTINGS, 0, SMALL).checked()
    manifest = directory.describe(checked, "first", {"fingerprints": {}})
    manifest.budget.max_concurrent = None
    trials = directory.trial_records(0, checked.configs)
    directory.create(ExperimentPaths(tmp_path / "first"), manifest, trials, "smoke")
    return tmp_path


DIFFERENCES = {
    "seed": ({"seed": 1}, "seed is 0, not 1"),
    "budget": ({"budget": {**SMALL, "epochs": 27}}, "epochs is 9, not 27"),
    "replicates": ({"budget": {**SMALL, "replicates": 3}}, "replicates is 5, not 3"),
    "a knob": ({"overrides": [*SETTINGS, "lr=0.5"]}, "its configurations are others"),
    "more trials": ({"budget": {**SMALL, "trials": 5}}, "its configurations are others"),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_another_request_under_the_name_is_refused_and_says_how_it_differs(storage, case):
    changes, said = DIFFERENCES[case]
    before = {path: path.read_bytes() for path in storage.rglob("*") if path.is_file()}
    asked = Request("blur", "smoke", **{"overrides": SETTINGS, "budget": SMALL, **changes})
    with pytest.raises(
        BadInput, match=rf"`first` is in use in .* by another request \({said}\); choose another --name"
    ):
        retry.launch_or_resume(asked, HERE, name="first", storage=storage)
    assert {path: path.read_bytes() for path in storage.rglob("*") if path.is_file()} == before


def test_another_family_is_another_request(storage):
    with pytest.raises(BadInput, match="family is blur, not deconv"):
        retry.launch_or_resume(Request("deconv"), HERE, name="first", storage=storage)


def test_a_name_that_is_no_name_is_refused(storage):
    with pytest.raises(BadInput, match=r"the experiment name is '\.\./first'"):
        retry.launch_or_resume(Request("blur"), HERE, name="../first", storage=storage)


def test_the_same_request_is_recognised_with_other_resources(storage):
    paths = ExperimentPaths(storage / "first")
    asked = Request("blur", "smoke", SETTINGS, 0, {**SMALL, "cpus_per_trial": 2})
    assert retry._differences(paths, asked) == []


@pytest.mark.slow
@pytest.mark.searches
def test_a_command_that_is_run_again_after_its_driver_was_killed_goes_on_with_the_search(cluster, tmp_path):
    paths = ExperimentPaths(tmp_path / "first")
    command = [*options(tmp_path, "first", trials=3), "--or-resume"]
    kill_after(start(*command, address=cluster), paths.records, 4)
    killed = count_epochs(paths.records)
    code, output = run(*command, address=cluster)
    assert code == 0, output
    assert "first was launched by the same request before: continuing it" in output
    epochs = list(medians(paths))
    assert len(epochs) > killed >= 4
    assert sum(record["event"] == "trial" for record in read(paths.records)) == 3
    assert [record["action"] for record in read(paths.records) if record["event"] == "session"] == [
        "start",
        "start",
        "end",
    ]
