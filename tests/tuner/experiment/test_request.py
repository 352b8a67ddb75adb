"""A request is resolved, validated and drawn once, and every option of a budget reaches whoever has to know it."""

import collections
import inspect

import pytest
import typer

from search_spaces.budget import OPTIONS
from search_spaces.space import SearchSpace
from tuner import cluster, experiment
from tuner.cli import app
from tuner.cluster import arguments
from tuner.errors import BadInput
from tuner.experiment import confirm, directory, launching, plan, request, retry
from tuner.experiment.request import Request
from tuner.experiment.running import HERE, Running
from tuner.records import manifest
from tuner.records.paths import ExperimentPaths

# A value of each option that no shipped space has.
OTHER = {
    "epochs": 8,
    "grace": 2,
    "trials": 5,
    "reduction": 2.5,
    "replicates": 4,
    "seeds": (1, 4),
    "cpus_per_trial": 0.5,
    "gpus_per_trial": 4.0,
    "placement": "spread",
    "gpus_per_replicate": 1,
    "accelerator_type": "A10G",
    "rank_window": 2,
    "rule": "promotion",
    "strategy": "serial",
}


def test_every_option_has_another_value_here():
    assert OTHER.keys() == OPTIONS.keys()


def made(folder, asked):
    checked = asked.checked()
    said = directory.describe(checked, "first", {"fingerprints": {}})
    directory.create(ExperimentPaths(folder / "first"), said, directory.trial_records(0, checked.configs))
    return ExperimentPaths(folder / "first")


def test_the_manifest_keeps_every_option_and_an_extension_says_them_again(tmp_path):
    paths = made(tmp_path, Request("blur", budget=OTHER))
    said = manifest.read(paths.manifest)
    assert {name: getattr(said.budget, name) for name in OPTIONS} == OTHER
    assert said.budget.searched() == OTHER


@pytest.mark.parametrize("name", OPTIONS)
def test_a_retry_is_another_request_where_an_option_says_what_is_found(tmp_path, name):
    first = {**OTHER, "placement": "packed", "gpus_per_trial": None, "gpus_per_replicate": None}
    paths = made(tmp_path, Request("blur", budget=first))
    assert retry._differences(paths, Request("blur", budget=first)) == []
    other = Request("blur", budget={**first, name: {"trials": 2, "replicates": 3}.get(name)})
    known, wanted = OTHER[name], getattr(other.resolved.budget, name)
    expected = [] if OPTIONS[name].may_differ else [f"{name} is {known}, not {wanted}"]
    assert retry._differences(paths, other) == expected


def test_a_request_travels_to_a_cluster_and_is_the_same_there():
    asked = Request("blur", "search", ["lr=0.1", "mode=mix"], 3, OTHER)
    words = arguments.of_launch(asked, Running("http://x:1", 2, 30.0, 9.5), "search", "first", "/shared")
    launch = typer.main.get_command(app).commands["launch"]
    there = launch.make_context("launch", words[1:]).params
    assert {name: there[name] for name in OPTIONS} == OTHER
    assert (there["space"], there["set_"], there["seed"]) == ("search", ["lr=0.1", "mode=mix"], 3)
    assert (there["max_concurrent"], there["checkpoint_every"], there["step_timeout"]) == (2, 30.0, 9.5)
    assert (there["name"], there["storage"], there["address"], there["or_resume"]) == ("first", "/shared", "auto", True)


@pytest.mark.parametrize("verb", ["plan", "launch"])
def test_the_command_line_has_every_option_with_its_help(verb):
    parameters = {it.name: it for it in typer.main.get_command(app).commands[verb].params}
    for name, option in OPTIONS.items():
        assert parameters[name].opts == ["--" + name.replace("_", "-")]
        assert parameters[name].help.startswith(option.help.partition("{")[0])


def test_a_request_is_resolved_validated_and_drawn_once(monkeypatch, tmp_path):
    calls = collections.Counter()

    def count(owner, name):
        real = getattr(owner, name)

        def counted(*arguments):
            calls[name] += 1
            return real(*arguments)

        monkeypatch.setattr(owner, name, counted)

    count(request, "resolve_space")
    count(SearchSpace, "problems")
    count(SearchSpace, "configurations")
    asked = Request("blur", overrides=["lr=0.05"], budget={"trials": 3})
    assert plan.prepare(asked, HERE).trials == 3
    paths = made(tmp_path, asked)
    assert retry._differences(paths, asked) == []
    assert calls == {"resolve_space": 1, "problems": 1, "configurations": 1}


@pytest.mark.parametrize(
    ("running", "said"),
    [
        ({"max_concurrent": 0}, "`max_concurrent` is 0, but must be at least 1; raise --max-concurrent"),
        ({"checkpoint_seconds": -1}, "the checkpoint interval is -1 s"),
        ({"step_timeout": 0}, "the step timeout is 0 s"),
    ],
)
def test_a_session_that_cannot_be_is_refused_by_every_verb_that_begins_one(tmp_path, running, said):
    from tuner.cluster import submission
    from tuner.experiment.confirm import confirm

    for attempt in (
        lambda: experiment.launch("blur", name="x", storage=tmp_path, **running),
        lambda: experiment.resume("x", storage=tmp_path, **running),
        lambda: confirm("x", storage=tmp_path, running=Running(**running)),
        lambda: submission.submit_request("http://127.0.0.1:1", Request("blur"), Running(**running)),
        lambda: submission.go_on("http://127.0.0.1:1", "resume", "x", Running(**running), storage=None),
    ):
        with pytest.raises(BadInput) as error:
            attempt()
        assert said in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_keyword_that_nothing_knows_is_an_error_of_the_caller(tmp_path):
    with pytest.raises(TypeError, match="trails"):
        experiment.launch("blur", storage=tmp_path, trails=3)
    with pytest.raises(TypeError, match="trails"):
        cluster.submit("http://127.0.0.1:1", "blur", trails=3)


def test_no_call_of_a_search_has_a_list_of_arguments_any_more():
    for called in (launching.start, launching.go_on, launching.launch, launching.resume, retry.launch_or_resume):
        assert len(inspect.signature(called).parameters) <= 7


@pytest.mark.parametrize(
    ("space", "seeds", "said"),
    [
        ("smoke", (1, 1, 1, 3, 3, 5), "6 numbers for 3 rungs (1, 3, 9); give at most 3 in --seeds"),
        ("paper", (1, 5), "no rung lies before the full budget of 60 epochs"),
        ("paper", (5,), "no rung lies before the full budget of 60 epochs"),
    ],
)
def test_seeds_for_rungs_that_are_not_there_are_refused(space, seeds, said):
    with pytest.raises(BadInput) as caught:
        Request("blur", space, budget={"seeds": seeds}).checked()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_confirmation_trains_all_seeds_from_the_beginning(tmp_path):
    paths = made(tmp_path, Request("blur", budget={"seeds": (1, 3, 5), "trials": 3}))
    fresh = confirm._describe(manifest.read(paths.manifest), None, None)
    assert (fresh.budget.seeds, fresh.budget.replicates, fresh.rungs) == (None, 5, [9])
