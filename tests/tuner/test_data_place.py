"""--data names where every node takes its data from; doctor looks for the data of the search that is meant."""

import os

import pytest

from tests.tuner.experiments import made_up
from trainables.datasets import shared
from tuner.commands import node_doctor
from tuner.errors import BadInput
from tuner.experiment import launching
from tuner.machines import ray_session


@pytest.fixture(autouse=True)
def no_place(monkeypatch):
    """Nothing chosen before, and nothing left behind."""
    monkeypatch.setenv("TUNER_DATA", "")
    monkeypatch.delenv("TUNER_DATA")
    monkeypatch.setattr(shared, "_chosen", None)


def test_workers_elsewhere_are_told_a_place_that_was_chosen_and_the_manifest_keeps_it(tmp_path):
    assert ray_session._to_workers() is None
    assert launching.data_place() == {}
    shared.use(str(tmp_path))
    assert ray_session._to_workers() == {"env_vars": {"TUNER_DATA": str(tmp_path)}}
    assert launching.data_place() == {"place": str(tmp_path)}


def test_a_folder_of_this_machines_own_environment_is_not_told_to_others(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNER_DATA", str(tmp_path))
    assert ray_session._to_workers() is None


def test_a_search_goes_on_with_the_data_it_began_on_unless_another_place_is_named(monkeypatch):
    launching.go_on_with_data(made_up())
    assert "TUNER_DATA" not in os.environ
    launching.go_on_with_data(made_up(data={"fingerprints": {}, "place": "s3://bucket/data"}))
    assert os.environ["TUNER_DATA"] == "s3://bucket/data"
    monkeypatch.setenv("TUNER_DATA", "/elsewhere")
    launching.go_on_with_data(made_up(data={"fingerprints": {}, "place": "s3://bucket/data"}))
    assert os.environ["TUNER_DATA"] == "/elsewhere"


def test_the_search_that_is_meant_brings_its_own_dataset():
    assert node_doctor.meant(None, "smoke", [], None).protocol.dataset == "digits"
    assert node_doctor.meant(None, "smoke", [], "cifar10").protocol.dataset == "cifar10"
    assert node_doctor.meant("blur", "search", [], None).protocol.dataset == "cifar10"
    assert node_doctor.meant("online-norm", "search", ["dataset=cifar100"], None).protocol.dataset == "cifar100"
    with pytest.raises(BadInput, match="no family is given"):
        node_doctor.meant(None, "smoke", ["dataset=cifar10"], None)
    with pytest.raises(BadInput, match="write --set dataset=cifar10"):
        node_doctor.meant("blur", "search", [], "cifar10")


@pytest.mark.parametrize("place", ["s3://key:secret@bucket/x", "S3://bucket/x", "s3://B/x"])
def test_a_place_that_is_almost_an_address_is_one_sentence_and_exit_code_2(place, monkeypatch, capsys):
    import sys

    from tuner import cli

    monkeypatch.setattr(sys, "argv", ["tuner", "data", "check", "cifar10", "--data", place])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert (ended.value.code, len(said.splitlines())) == (2, 1)
    assert "secret" not in said
