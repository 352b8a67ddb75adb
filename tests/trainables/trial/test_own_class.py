"""A class trainable of Ray Tune as it is: five of it make a trial, and from its checkpoint it goes on as if never left."""

import pytest

from search_spaces.own_code import load_experiment
from trainables import checkpoints
from trainables.config.own.code import RAY_CLASS
from trainables.trial.guarded import GuardedTrial
from trainables.trial.lockstep import LockStep

FILE = """
import json
import numpy as np
from pathlib import Path
from ray import tune
from search_spaces import Budget, Objective, SearchSpace

class Descent{base}:
    def setup(self, config):
        self.lr, self.noise, self.x, self.steps = config["lr"], np.random.default_rng(config["seed"]), 5.0, 0

    def step(self):
        self.steps += 1
        self.x -= self.lr * (2 * self.x + self.noise.normal())
        return {{"loss": self.x**2, "steps": self.steps, "done": self.steps == {most}}}

    def save_checkpoint(self, folder):
        state = {{"x": self.x, "steps": self.steps, "noise": self.noise.bit_generator.state}}
        {save}

    def load_checkpoint(self, checkpoint):
        state = {load}
        self.x, self.steps, self.noise.bit_generator.state = state["x"], state["steps"], state["noise"]

def space():
    return SearchSpace(
        parameters={{"lr": tune.loguniform(1e-3, 1e-1)}}, baseline={{"lr": 0.01}},
        objective=Objective("loss", "min"), budget=Budget(epochs=4, grace=1, trials=2),
    )
"""
FOLDER = (
    'Path(folder, "state.json").write_text(json.dumps(state))',
    'json.loads(Path(checkpoint, "state.json").read_text())',
)
DICTIONARY = ("return state", "checkpoint")
KNOBS = {"lr": 0.1, "epochs": 4}


@pytest.fixture
def code(tmp_path):
    def make(base="(tune.Trainable)", how=FOLDER, most=9):
        file = tmp_path / "mine.py"
        file.write_text(FILE.format(base=base, most=most, save=how[0], load=how[1]))
        return load_experiment(file).family

    return make


def run(trial, epochs):
    return [trial.step()["loss_values"] for _ in range(epochs)]


def test_five_of_it_make_a_trial_each_with_a_seed_of_its_own(code):
    assert code().kind == RAY_CLASS
    result = LockStep(code(), KNOBS).step()
    assert len(set(result["loss_values"])) == 5
    assert result["loss"] == sorted(result["loss_values"])[2]
    assert result["metrics"] == ["loss", "steps"]


@pytest.mark.parametrize("base", ["(tune.Trainable)", ""], ids=["subclass", "four methods"])
@pytest.mark.parametrize("how", [FOLDER, DICTIONARY], ids=["folder", "dictionary"])
def test_from_its_checkpoint_it_goes_on_as_if_never_left(code, tmp_path, base, how):
    trained = code(base, how)
    expected = run(LockStep(trained, KNOBS), 4)
    half = LockStep(trained, KNOBS)
    run(half, 2)
    checkpoints.save(tmp_path / "trial", half.state(), half.epoch)
    guarded = GuardedTrial(
        lambda one_by_one, limit: LockStep(trained, KNOBS), tmp_path / "trial", recorded_epoch=2, own=True
    )
    assert run(guarded, 2) == expected[2:]


def test_once_it_has_said_done_its_last_report_stands(code):
    values = run(LockStep(code(most=2), KNOBS), 4)
    assert values[0] != values[1] == values[2] == values[3]


def test_it_leaves_no_folders_behind(code, tmp_path, monkeypatch):
    from ray.tune.trainable import trainable

    monkeypatch.setattr(trainable, "DEFAULT_STORAGE_PATH", str(tmp_path / "ray_results"))
    trial = LockStep(code(), KNOBS)
    trial.step()
    trial.state()
    del trial
    assert list((tmp_path / "ray_results").glob("*")) == []
