"""The verbs about all searches: list, note, tag, and reading without a name."""

import csv
import io
import json
import shlex

import pytest

from tests.tuner.experiments import Experiment, around, finished


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An older finished search and a newer one that was interrupted, in the storage that the environment names."""
    older = finished(tmp_path / "store", created="2025-01-01T00:00:00+00:00")
    older.paths.root.rename(tmp_path / "store" / "older")
    newer = Experiment(
        tmp_path / "store", folder="newer", family="deconv", space="search", created="2025-01-02T00:00:00+00:00"
    )
    newer.session()
    newer.trial(0)
    newer.trial(1, lr=0.3)
    newer.complete(0, around(0.5))
    newer.train(1, around(0.6), to=3)
    newer.session("end", outcome="interrupted")
    monkeypatch.setenv("TUNER_STORAGE", str(tmp_path / "store"))
    return tmp_path / "store"


def test_the_list_shows_every_search_with_what_a_reader_wants(tuner, store):
    assert tuner("note", "older", "for the [bold]paper")[0] == 0
    assert tuner("tag", "older", "paper", "blurred")[1] == "older: #paper #blurred\n"
    code, shown, _ = tuner("list")
    assert code == 0
    assert shown.startswith(f"2 experiments in {store} (by TUNER_STORAGE)")
    assert max(map(len, shown.splitlines()[1:])) <= 100  # the first names a place, which is never broken
    lines = [line.split() for line in shown.splitlines()]
    assert ["older", "finished", "4/4", "0.9000", "[0.880,", "0.920]", "+0.1000"] in [line[:7] for line in lines]
    assert ["newer", "interrupted", "1/4", "0.5000"] in [line[:4] for line in lines]
    assert ["blur/smoke", "#paper", "#blurred"] in lines
    assert ["for", "the", "[bold]paper"] in lines
    assert ["deconv/search"] in lines


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["newer", "older"]),
        (["--state", "interrupted"], ["newer"]),
        (["--state", "finished", "--state", "interrupted"], ["newer", "older"]),
        (["--state", "dead-driver"], []),
        (["--state", "unread"], []),
        (["--family", "blur"], ["older"]),
        (["--tag", "paper"], ["older"]),
        (["--tag", "paper", "--tag", "other"], []),
        (["--sort", "median"], ["older", "newer"]),
        (["--sort", "distance"], ["older", "newer"]),
        (["--sort", "name"], ["newer", "older"]),
        (["--sort", "cost"], ["older", "newer"]),
        (["--sort", "family"], ["older", "newer"]),
    ],
)
def test_it_is_filtered_and_sorted_and_read_by_programs(tuner, store, words, names):
    tuner("tag", "older", "paper", "second")
    code, told, _ = tuner("list", *words, "--json")
    assert code == 0
    found = json.loads(told)
    assert found["storage"] == str(store)
    assert [row["name"] for row in found["experiments"]] == names
    code, told, _ = tuner("list", *words, "--csv")
    read = list(csv.DictReader(io.StringIO(told)))
    assert [row["name"] for row in read] == names
    assert all(row["tags"] == ("paper second" if row["name"] == "older" else "") for row in read)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["list", "--state", "runing"], "did you mean `running`?"),
        (["list", "--state", "in"], None),
        (["list", "--state", ""], "--state is empty"),
        (["list", "--family", "blurr"], "--family is blurr, but must be one of blur, bn_only, deconv"),
        (["list", "--family", "blur", "--family", "blurr", "--json"], "did you mean `blur`?"),
        (["list", "--tag", "two words", "--csv"], "the tag is 'two words'"),
        (["list", "--sort", "medians"], "did you mean `median`?"),
        (["list", "--storage", "/nowhere/x"], "there is no folder /nowhere/x; give the right --storage"),
        (["tag", "older", "two words"], "the tag is 'two words'"),
        (["tag", "oldr", "x"], "did you mean `older`? There is newer, older"),
        (["note", "older", "x", "--clear"], "contradict each other"),
        (["show", "older"], "no trial of `older` is named; give its number, `best` or `baseline` after it"),
        (["show", "older", "bset"], "did you mean `best`?"),
        (["show", "older", "7"], "give its number (0 to 3)"),
    ],
)
def test_a_mistake_is_one_sentence(tuner, store, words, sentence):
    code, _, said = tuner(*words)
    assert code == (0 if sentence is None else 2), said
    assert sentence is None or sentence in said
    assert said.count("\n") == (sentence is not None)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--family", "imagenet"], "no experiment here has --family imagenet; there is blur, deconv"),
        (["--family", "Online-Norm"], "no experiment here has --family Online-Norm; there is blur, deconv"),
        (["--state", "failed"], "no experiment here has --state failed; there is finished, interrupted"),
        (["--state", "failed", "--state", "running"], "has --state failed or --state running; there is finished"),
        (["--tag", "papre"], "no experiment here has --tag papre; there is paper; did you mean `paper`?"),
        (["--tag", "paper", "--family", "deconv"], "has all of --family deconv --tag paper at once"),
    ],
)
def test_a_filter_that_nothing_passes_says_what_there_is(tuner, store, words, sentence):
    tuner("tag", "older", "paper")
    code, shown, said = tuner("list", *words)
    assert (code, said) == (0, "")
    assert sentence in " ".join(shown.split())
    code, told, said = tuner("list", *words, "--json")
    assert (code, json.loads(told)["experiments"]) == (0, [])
    assert sentence in said
    assert said.count("\n") == 1


def test_a_family_is_meant_as_it_is_meant_elsewhere(tuner, store):
    assert [row["name"] for row in json.loads(tuner("list", "--family", "BLUR", "--json")[1])["experiments"]] == [
        "older"
    ]


def test_reading_without_a_name_takes_the_newest_and_says_so(tuner, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = f"newer: the newest of 2 experiments in {store} (by TUNER_STORAGE)"
    for words in (["status"], ["results"], ["show", "best"], ["report"]):
        code, shown, _ = tuner(*words)
        assert code == 0
        assert shown.splitlines()[0] == said
    assert (tmp_path / "newer.html").exists()
    for words in (["status", "--json"], ["results", "--json"]):
        code, shown, beside = tuner(*words)
        assert json.loads(shown)["experiment"] == "newer"
        assert beside == f"{said}\n"


def test_a_command_that_status_prints_runs_from_any_folder(tuner, store, monkeypatch):
    for words in (["newer"], [str(store / "newer")], []):
        _, shown, _ = tuner("status", *words)
        command = shlex.split(shown[shown.index("`tuner resume") :].split("`")[1])
        assert command == ["tuner", "resume", "newer", "--storage", str(store)]
    monkeypatch.delenv("TUNER_STORAGE")
    assert tuner("status", *command[2:])[0] == 0


def test_nothing_launched_yet_is_said_with_the_way_to_begin(tuner):
    code, shown, _ = tuner("list")
    assert code == 0
    assert "0 experiments in" in shown
    assert "tuner launch blur" in shown
    code, _, said = tuner("status")
    assert code == 2
    assert "no experiment is named, and in" in said
