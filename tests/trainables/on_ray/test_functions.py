"""A function trainable of Ray Tune as a replicate: a report an epoch, and on from the checkpoint that it reported."""

import threading
import time

import pytest
from ray.train._internal import session

from search_spaces.own_code import load_experiment
from trainables.config.own.code import RAY_FUNCTION
from trainables.on_ray import functions
from trainables.seeding import ReplicateSeed

FILE = """
import json
import tempfile
from pathlib import Path
from ray import tune
from search_spaces import Budget, Objective, SearchSpace

def train(config):
    steps, checkpoint = 0, tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            steps = json.loads(Path(folder, "steps.json").read_text())
    while steps < config["epochs"]:
        steps += 1
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "steps.json").write_text(json.dumps(steps))
            tune.report({{"loss": config["lr"] / steps + config["seed"] % 7}}, {checkpoint})

def space():
    return SearchSpace(
        parameters={{"lr": tune.loguniform(1e-3, 1e-1)}}, baseline={{"lr": 0.01}}, trainable=train,
        objective=Objective("loss", "min"), budget=Budget(epochs=4, grace=1, trials=2, replicates=3{budget}),
    )
"""
EACH = "checkpoint=tune.Checkpoint.from_directory(folder)"
CONFIG = {"lr": 0.5, "epochs": 4}


@pytest.fixture
def space(tmp_path):
    def make(checkpoint=EACH, budget=""):
        file = tmp_path / "mine.py"
        file.write_text(FILE.format(checkpoint=checkpoint, budget=budget))
        return load_experiment(file)

    return make


@pytest.fixture
def replicate(space):
    made = []

    def make(checkpoint=EACH):
        made.append(functions.FunctionReplicate(space(checkpoint).family, CONFIG, ReplicateSeed.of(0, 1)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_each_report_is_an_epoch_and_the_last_one_stands_when_the_function_has_returned(replicate):
    one = replicate()
    losses = [one.epoch()["loss"] for _ in range(6)]
    offset = int(ReplicateSeed.of(0, 1)) % 7
    assert losses == [0.5 / step + offset for step in (1, 2, 3, 4, 4, 4)]


@pytest.mark.parametrize(
    "checkpoint",
    [
        EACH,
        "checkpoint=None",
        f"**({{{EACH.replace('checkpoint=', chr(34) + 'checkpoint' + chr(34) + ': ')}}} if steps == 1 else {{}})",
    ],
    ids=["each", "none", "first"],
)
def test_taken_up_from_its_state_it_goes_on_as_if_never_left(replicate, checkpoint):
    whole = replicate(checkpoint)
    expected = [whole.epoch() for _ in range(4)]
    half = replicate(checkpoint)
    half.epoch(), half.epoch(), half.epoch()
    state = half.state()
    again = replicate(checkpoint)
    again.load(state)
    assert again.state() == state
    assert again.epoch() == expected[3]


def test_what_it_raises_comes_out(replicate):
    one = replicate("checkpoint=1 / 0")
    with pytest.raises(ZeroDivisionError):
        one.epoch()


def test_rays_session_is_left_as_it_was(replicate):
    one = replicate()
    one.epoch()
    one.close()
    assert session.get_session() is None


def test_packed_is_refused_in_one_sentence(space):
    assert space().family.kind == RAY_FUNCTION
    assert space().budget.placement == "spread"
    [problem] = space().with_budget(placement="packed").problems()
    assert "the function train of Ray Tune is trained by itself until it returns" in problem
    assert "leave --placement packed out" in problem


GIVEN = {
    "returns once": ("return {'loss': 3.0}", [3.0, 3.0]),
    "yields": ("for loss in (3.0, 2.0): yield {'loss': loss}", [3.0, 2.0]),
}


@pytest.mark.parametrize(("body", "losses"), GIVEN.values(), ids=GIVEN.keys())
def test_what_it_returns_or_yields_is_a_report_as_well(tmp_path, body, losses):
    file = tmp_path / "mine.py"
    text = FILE.format(checkpoint=EACH, budget="")
    file.write_text(text[: text.index("    steps, ")] + f"    {body}\n\n" + text[text.index("def space") :])
    one = functions.FunctionReplicate(load_experiment(file).family, CONFIG, ReplicateSeed.of(0, 1))
    assert [one.epoch()["loss"] for _ in losses] == losses
    one.close()


def test_its_thread_ends_with_the_replicate(space):
    before = set(threading.enumerate())
    one = functions.FunctionReplicate(space().family, CONFIG, ReplicateSeed.of(0, 1))
    one.epoch()
    begun = set(threading.enumerate()) - before  # threads of other tests may end meanwhile
    assert len(begun) == 1
    del one
    for _ in range(100):
        if not begun & set(threading.enumerate()):
            break
        time.sleep(0.02)
    assert not begun & set(threading.enumerate())
