"""A request travels as the words of a command line, and nothing in it means another thing on the cluster."""

import sys

import pytest
import typer

from tuner.cli import app
from tuner.cluster import arguments
from tuner.errors import BadInput


def test_words_are_those_that_the_command_line_takes():
    options = {"trials": 3, "seed": 0, "gpus_per_trial": 0.25, "set_": ["lr=0.1", "mode=mix"], "or_resume": True}
    words = arguments.words("launch", "blur", **options, name=None, epochs=None)
    assert words == (
        [
            "launch",
            "blur",
            "--trials",
            "3",
            "--seed",
            "0",
            "--gpus-per-trial",
            "0.25",
            "--set",
            "lr=0.1",
            "--set",
            "mode=mix",
            "--or-resume",
        ]
    )
    command = typer.main.get_command(app)
    parsed = command.commands["launch"].make_context("launch", words[1:])
    assert parsed.params["set_"] == ["lr=0.1", "mode=mix"]
    assert (parsed.params["trials"], parsed.params["gpus_per_trial"], parsed.params["or_resume"]) == (3, 0.25, True)


@pytest.mark.parametrize("storage", [None, "/shared/results", "~/results", "s3://bucket/results"])
def test_a_storage_that_the_nodes_can_read_is_left_as_it_is(storage):
    assert arguments.storage_there(storage) == storage


def test_a_storage_from_here_or_with_a_credential_is_refused():
    with pytest.raises(BadInput, match="--storage is results, a folder from here"):
        arguments.storage_there("results")
    with pytest.raises(BadInput, match="--storage holds a credential") as caught:
        arguments.storage_there("s3://AKIA1:hunter22@bucket/results")
    assert "hunter22" not in str(caught.value)


def test_a_dataset_folder_from_here_is_refused():
    arguments.require_absolute_folders(["dataset=folder:/data", "dataset=digits", "lr=0.1"])
    with pytest.raises(BadInput, match="dataset=folder:data names a folder from here"):
        arguments.require_absolute_folders(["dataset=folder:data"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["launch", "blur", "--address", "ray://head:10001"], "Ray Client would end the search"),
        (["status", "first", "--address", "ray://head:10001"], "Ray Client would end the search"),
        (["status", "first", "--address", "head:6379"], "reaches a cluster through its dashboard, http://HEAD:8265"),
        (["launch", "blur", "--address", "http://"], "must be http://HOST:PORT"),
        (["launch", "blur", "--address", "http://me:hunter22@head:8265"], "holds a user or a password"),
        (["launch", "blur", "--address", "http://127.0.0.1:1", "--set", "lr=abc"], "`lr`"),
        (["launch", "blur", "--address", "http://127.0.0.1:1", "--storage", "here"], "a folder from here"),
        (["launch", "blur", "--address", "http://127.0.0.1:1", "--name", "../x"], "the experiment name is '../x'"),
        (["stop", "../x", "--address", "http://127.0.0.1:1"], "the experiment name is '../x'"),
        (["launch", "blur", "--or-resume"], "give --name"),
    ],
)
def test_a_mistake_is_told_before_anything_is_reached(monkeypatch, capsys, words, said):
    from tuner import cli

    monkeypatch.setattr(sys, "argv", ["tuner", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in error
    assert "hunter22" not in error


def test_a_head_that_does_not_answer_is_unreachable_and_the_tunnel_is_named(monkeypatch, capsys):
    from tuner import cli

    monkeypatch.setattr(sys, "argv", ["tuner", "status", "first", "--address", "http://127.0.0.1:1"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    error = capsys.readouterr().err
    assert "no Ray head answers at http://127.0.0.1:1 (connection refused)" in error
    assert "open the tunnel with `ssh -N -L 1:127.0.0.1:1 USER@HEAD`, and see that the cluster is up" in error


@pytest.mark.parametrize("data", [None, "/shared/data", "~/data", "s3://bucket/data"])
def test_a_place_of_data_that_the_nodes_can_read_is_left_as_it_is(data, monkeypatch):
    monkeypatch.delenv("TUNER_DATA", raising=False)
    assert arguments.data_there(data) == data


def test_the_data_of_this_machine_travel_by_their_address_alone(monkeypatch):
    monkeypatch.setenv("TUNER_DATA", "/home/me/data")
    assert arguments.data_there(None) is None
    monkeypatch.setenv("TUNER_DATA", "s3://bucket/data")
    assert arguments.data_there(None) == "s3://bucket/data"
    with pytest.raises(BadInput, match=r"--data is data, a folder from here, .* give an absolute path"):
        arguments.data_there("data")
