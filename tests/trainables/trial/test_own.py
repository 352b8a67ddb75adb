"""A user's own code in lock-step: medians, seeds, failures in a sentence, and a resume that nobody can tell from none."""

import math
from functools import partial

import numpy as np
import pytest

from search_spaces.own_code import load_experiment
from trainables import checkpoints
from trainables.config.own.code import OwnCode
from trainables.statistics import is_late
from trainables.trial import own_preflight, reports
from trainables.trial.guarded import GuardedTrial
from trainables.trial.lockstep import LockStep
from trainables.trial.own import OwnPacked

FILE = """
import random
import numpy as np
from ray import tune
from search_spaces import Budget, Objective, SearchSpace
{before}

class Own:
    def __init__(self, config, seed, device):
        self.config, self.seed, self.device = config, seed, device
        self.weights, self.epochs = np.random.randn(3), 0  # NumPy's global generator

    def epoch(self):
        self.epochs += 1
        self.weights += self.seed.numpy("steps", self.epochs).normal(size=3) + np.random.randn() + random.random()
        loss = float(np.abs(self.weights).sum()) * self.config["lr"]
        return {report}

    def state(self):
        return {state}

    def load(self, state):
        self.weights, self.epochs = state["weights"], state["epochs"]

def space():
    return SearchSpace(
        parameters={{"lr": tune.loguniform(1e-3, 1e-1)}}, baseline={{"lr": 0.01}},
        objective=Objective("loss", "min"), budget=Budget(epochs=4, grace=1, trials=2),
    )
"""
KNOBS = {"lr": 0.5, "epochs": 4}


@pytest.fixture
def code(tmp_path):
    def make(
        report='{"loss": loss, "samples": 10}', state='{"weights": self.weights, "epochs": self.epochs}', before=""
    ):
        file = tmp_path / "mine.py"
        file.write_text(FILE.format(report=report, state=state, before=before))
        return load_experiment(file).family

    return make


def numbers(results):
    return [
        {key: value for key, value in result.items() if "second" not in key and "traceback" not in str(value)}
        for result in results
    ]


def run(trial):
    results = []
    while not trial.finished:
        results.append(trial.step())
    return results


def test_it_is_a_trial_like_any_other(code):
    result = LockStep(code(), KNOBS).step()
    values = result["loss_values"]
    assert len(set(values)) == 5
    assert result["loss"] == sorted(values)[2]
    assert (result["epoch"], result["replicates_ok"], result["metrics"]) == (1, 5, ["loss", "samples"])
    assert result["samples_per_second"] > 0
    assert "images_per_second" not in result


def test_the_same_seed_gives_the_same_numbers_and_another_one_others(code):
    first, second, other = (numbers(run(LockStep(code(), KNOBS, seed=seed))) for seed in (1, 1, 2))
    assert first == second
    assert first != other


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_trial_continued_from_a_checkpoint_cannot_be_told_from_a_whole_one(code, tmp_path, one_by_one):
    whole = LockStep(code(), KNOBS)
    expected = run(whole)
    half = LockStep(code(), KNOBS, one_by_one=one_by_one)
    half.step(), half.step()
    checkpoints.save(tmp_path / "trial", half.state(), half.epoch)
    guarded = GuardedTrial(
        lambda one_by_one, limit: LockStep(code(), KNOBS, one_by_one=one_by_one),
        *(tmp_path / "trial",),
        recorded_epoch=1,
        worst={"loss": math.inf},
        own=True,
    )
    rest = [guarded.step() for _ in range(3)]
    assert [result.get("replayed", False) for result in rest] == [True, False, False]
    assert [result["loss_values"] for result in rest] == [result["loss_values"] for result in expected[1:]]


def test_one_at_a_time_gives_the_same_numbers(code):
    together, apart = (run(LockStep(code(), KNOBS, one_by_one=one_by_one)) for one_by_one in (False, True))
    assert numbers(together) == numbers(apart)


FAILING = {
    "nothing": ("None", "epoch() returns nothing, but must return a dictionary of numbers such as {'loss': 0.5}"),
    "a number": ("0.5", "epoch() returns a float, but must return a dictionary of numbers"),
    "a word": ('{"loss": "low"}', "epoch() reports loss = 'low', but a metric must be a number; report one"),
    "none": ('{"loss": None}', "epoch() reports loss = None, but a metric must be a number; report one"),
    "nested": ('{"loss": {"a": 1}}', "epoch() reports loss = {'a': 1}, but a metric must be a number; report one"),
    "several": ('{"loss": np.ones(3)}', "epoch() reports loss = array([1., 1., 1.]), but a metric must be a number"),
    "another name": ('{"lost": 1}', "epoch() does not report loss, the objective; it reports lost"),
    "not a number": ('{"loss": float("nan")}', "loss is nan"),
    "raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "exits": ("exit(3)", "SystemExit: 3"),
}


@pytest.mark.parametrize(("report", "sentence"), FAILING.values(), ids=FAILING.keys())
def test_what_cannot_be_ranked_is_that_replicates_failure_in_a_sentence(code, report, sentence):
    bad = f'{{"loss": loss}} if self.seed.replicate != 1 or self.epochs < 2 else {report}'
    trial = LockStep(code(bad), KNOBS)
    first, second = trial.step(), trial.step()
    assert first["failures"] == []
    assert [failure["replicate"] for failure in second["failures"]] == [1]
    assert sentence in second["failures"][0]["message"]
    assert second["loss_values"][1] == math.inf
    assert math.isfinite(second["loss"])
    assert second["replicates_ok"] == 4
    trial.step()


def test_what_fails_everywhere_is_a_trial_that_has_diverged(code):
    result = LockStep(code('{"lost": 1}'), KNOBS).step()
    assert (result["loss"], result["diverged"], result["finished"]) == (math.inf, True, True)


def test_further_metrics_come_along_whatever_they_are():
    report = {
        "loss": np.float32(0.5),
        "right": np.array([0.25]),
        "tiny": 1e-7,
        "gone": float("nan"),
        "word": "fast",
        "deep": {"a": 1},
        "none": None,
        "epoch": 3,
        "loss_values": [1],
        "learning_rate": 0.1,
        7: 1.0,
        "flag": True,
    }
    found = reports.read(report, "loss")
    assert found.learning_rate == 0.1
    assert {name: value for name, value in found.metrics.items() if name != "gone"} == {
        **{"loss": 0.5, "right": 0.25, "tiny": 1e-7, "flag": 1.0},
    }
    assert math.isnan(found.metrics["gone"])
    assert sorted(sentence.split()[0] for sentence in found.left_out) == sorted(
        ["'word'", "'deep'", "'none'", "'epoch'", "'loss_values'", "7"]
    )


def test_a_tensor_of_one_element_is_a_number_and_one_of_several_is_none():
    import torch

    found = reports.read({"loss": torch.tensor(0.5), "one": torch.tensor([[2.0]]), "two": torch.ones(2)}, "loss")
    assert found.metrics == {"loss": 0.5, "one": 2.0}


def test_metrics_may_change_from_one_epoch_to_the_next(code):
    trial = LockStep(code('{"loss": loss} | ({"late": 1.0} if self.epochs > 1 else {"early": 2.0})'), KNOBS)
    assert [trial.step()["metrics"] for _ in range(2)] == [["loss", "early"], ["loss", "late"]]


def test_a_metric_called_late_is_no_seed_that_catches_up(code):
    trial = LockStep(code('{"loss": loss, "late": 1.0}'), KNOBS)
    result = trial.step()
    assert result["late"] == 1.0
    assert not is_late(result)


def test_what_the_code_raises_between_two_turns_fails_its_replicate_and_not_the_trial(code):
    """One by one, a replicate is put aside after its epoch."""
    broken = code(state='{"weights": self.weights, "epochs": self.epochs // (self.epochs < 1)}')
    trial = LockStep(broken, KNOBS, crew=partial(OwnPacked, one_by_one=True))
    result = trial.step()
    assert {failure["message"] for failure in result["failures"]} == {
        "ZeroDivisionError: integer division or modulo by zero"
    }
    assert result["diverged"]


def test_the_streams_of_a_seed_are_its_own(code):
    from trainables.seeding import ReplicateSeed

    seed = ReplicateSeed.of(3, 1)
    assert isinstance(seed, int)
    assert 0 <= seed < 2**32
    assert len({seed, seed.stream("a"), seed.stream("b"), seed.stream("a", 1), ReplicateSeed.of(3, 2)}) == 5
    assert seed.numpy("a").random() == seed.numpy("a").random()
    assert seed.torch("a").initial_seed() == seed.torch("a").initial_seed()


# Before any trial


def problems(code, knobs=KNOBS):
    return own_preflight.check(code, [knobs])["problems"]


def test_a_sound_file_has_no_problem_and_says_how_large_its_state_is(code):
    found = own_preflight.check(code(), [KNOBS])
    assert found["problems"] == []
    assert found["replicate_bytes"] > 50


PREFLIGHT = {
    "metric": ({"report": '{"lost": 1}'}, "Own: epoch() does not report loss, the objective; it reports lost"),
    "raises": ({"report": "1 / 0"}, "mine.py, line 17, raises ZeroDivisionError: division by zero in its first epoch"),
    "unsaveable": ({"state": "open(__file__)"}, "the state of Own cannot be saved ("),
    "state raises": ({"state": "1 / 0"}, "state() fails (ZeroDivisionError: division by zero); mend it"),
    "load fails": ({"state": "{}"}, "load(state) fails on what state() returned (KeyError: 'weights'); mend it"),
}


@pytest.mark.parametrize(("parts", "sentence"), PREFLIGHT.values(), ids=PREFLIGHT.keys())
def test_what_the_first_epoch_finds_is_one_sentence(code, parts, sentence):
    (found,) = problems(code(**parts))
    assert sentence in found
    assert "\n" not in found


def test_what_is_not_installed_is_named_with_its_line(code):
    found = code()
    text = found.files["mine.py"].replace("import random", "import not_installed_here")
    there = OwnCode.of(found.content() | {"files": {"mine.py": text}})
    assert own_preflight.imports(there) == [
        "mine.py, line 2, imports not_installed_here, which is not installed there; install it there"
    ]


def test_seeds_that_join_at_a_rung_catch_up_with_those_there_are(code):
    from trainables.trial.seeds import Seeds

    trial = LockStep(code(), KNOBS, replicates=3, seeds=Seeds(((0, 1), (2, 3))))
    results = run(trial)
    whole = run(LockStep(code(), KNOBS, replicates=3))
    assert results[-1]["loss_values"] == whole[-1]["loss_values"]
