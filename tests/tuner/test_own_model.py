"""A user's own code as an experiment: launched, resumed with the file as it was or otherwise, confirmed, exported, retrained."""

import json

import numpy as np
import pytest
import yaml
from ray import tune

import tuner
from search_spaces import Budget, Objective, SearchSpace
from tests.tuner.searches import medians
from trainables.config.own.code import OwnCode
from tuner import experiment
from tuner.errors import BadInput
from tuner.experiment import confirm
from tuner.networks import export, retrain
from tuner.records import manifest, paths

FILE = """
from ray import tune
from search_spaces import Budget, Objective, SearchSpace

class Own:
    def __init__(self, config, seed, device):
        self.lr, self.seed, self.epochs = config["lr"], seed, 0

    def epoch(self):
        self.epochs += 1
        return {"cost": 1e-6 * self.lr / self.epochs + 1e-9 * self.seed.numpy("noise", self.epochs).random()}

    def state(self):
        return self.epochs

    def load(self, state):
        self.epochs = state

def space():
    return SearchSpace(
        parameters={"lr": tune.loguniform(1e-3, 1e-1)}, baseline={"lr": 0.01}, objective=Objective("cost", "min"),
        budget=Budget(epochs=3, grace=1, trials=3, replicates=3),
    )
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


@pytest.mark.slow
@pytest.mark.searches
def test_a_file_is_searched_confirmed_exported_and_retrained(file, tmp_path):
    outcome = experiment.launch(str(file), name="own", storage=tmp_path)
    assert outcome.exit_code == 0
    kept = manifest.read(outcome.paths.manifest)
    assert kept.own["files"] == {"mine.py": FILE}
    assert kept.own["sha256"] == OwnCode.of(kept.own).digest
    assert kept.protocol is None
    assert paths.experiment(str(file), tmp_path).name == "own"
    before = medians(outcome.paths)
    # A longer search of the same file.
    experiment.resume(str(file), storage=tmp_path, trials=4)
    assert {key: value for key, value in medians(outcome.paths).items() if key in before} == before
    # A changed file is a difference, shown line by line.
    file.write_text(FILE.replace("1e-6", "2e-6"))
    with pytest.raises(BadInput) as refused:
        experiment.resume(str(file), storage=tmp_path, trials=5)
    assert "-        return {" in str(refused.value)
    assert "2e-6 * self.lr" in str(refused.value)
    assert "--accept-changes" in str(refused.value)
    experiment.resume(str(file), storage=tmp_path, trials=5, accept_changes=True)
    assert "2e-6" in manifest.read(outcome.paths.manifest).own["files"]["mine.py"]
    # A file that lies elsewhere now is compared as well, when it is named.
    moved = tmp_path / "elsewhere" / "mine.py"
    moved.parent.mkdir()
    moved.write_text(FILE.replace("1e-6", "3e-6"))
    with pytest.raises(BadInput, match="3e-6"):
        experiment.resume(str(moved), storage=tmp_path, trials=6)
    # Where the file is gone, its content goes on.
    file.unlink()
    assert confirm.confirm("own", storage=tmp_path, top=1).exit_code == 0
    target = tmp_path / "best.yaml"
    export.export_trial(outcome.paths, "4", target)
    assert yaml.safe_load(target.read_text())["own"]["trains"] == "Own"
    again = retrain.Retraining(retrain.read(target))
    assert len(list(again.results())) == 3 or again.median is not None
    assert "bit for bit" in again.verdict()


@pytest.mark.slow
@pytest.mark.searches
def test_from_python_a_class_of_this_process_is_searched(tmp_path, capsys):
    offset = 3e5

    class Here:
        def __init__(self, config, seed, device):
            self.x, self.epochs = config["x"], 0

        def epoch(self):
            self.epochs += 1
            return {"reward": np.float64(offset * self.x * self.epochs), "tiny": 1e-7}

        def state(self):
            return self.epochs

        def load(self, state):
            self.epochs = state

    space = SearchSpace(
        parameters={"x": tune.uniform(0, 1)},
        baseline={"x": 0.5},
        objective=Objective("reward", "max"),
        budget=Budget(epochs=2, grace=1, trials=3, replicates=3),
    )
    found = tuner.search(space, trainable=Here, name="here", storage=tmp_path)
    assert found.best().median == max(trial.median(2) or 0 for trial in found.history.trials)
    assert repr(tuner.load("here", tmp_path)) == repr(found)
    assert "trial 0" in capsys.readouterr().out
    curves = found.curves()
    assert set(curves["metric"]) == {"reward", "tiny"}


TRAINABLES = {
    "class": """
class Trained(tune.Trainable):
    def setup(self, config):
        self.x, self.noise = config["lr"], np.random.default_rng(config["seed"])

    def step(self):
        self.x *= 0.5 + self.noise.random() / 4
        return {"cost": self.x}

    def save_checkpoint(self, folder):
        return {"x": self.x, "noise": self.noise.bit_generator.state}

    def load_checkpoint(self, state):
        self.x, self.noise.bit_generator.state = state["x"], state["noise"]
""",
    "function": """
def Trained(config):
    noise = np.random.default_rng(config["seed"])
    for step in range(config["epochs"]):
        tune.report({"cost": config["lr"] * (0.5 + noise.random() / 4) ** (step + 1)})
""",
}


@pytest.mark.slow
@pytest.mark.searches
@pytest.mark.parametrize("trained", TRAINABLES.values(), ids=TRAINABLES.keys())
def test_a_trainable_of_ray_tune_as_it_is_gives_medians_over_seeds(trained, file, tmp_path, cluster):
    space = FILE[FILE.index("def space") :].replace("parameters=", "trainable=Trained, parameters=")
    heads = "import numpy as np\nfrom ray import tune\nfrom search_spaces import Budget, Objective, SearchSpace\n"
    file.write_text(heads + trained + space.replace("epochs=3", "epochs=2").replace("trials=3", "trials=2"))
    outcome = experiment.launch(str(file), name="of-ray", storage=tmp_path)
    assert outcome.exit_code == 0
    frame = outcome.leaderboard.frame()
    assert len(frame) == 2
    for _, row in frame.iterrows():
        values = sorted(row[f"replicate_{index}"] for index in range(3))
        assert row["replicates_ok"] == len(set(values)) == 3
        assert row["median"] == values[1]
    assert frame["rung"].max() == 2


WRONG = {
    "space": (["plan", "FILE", "--space", "search"], "holds its own search space, but --space search names another"),
    "family": (["plan", "blur", "--space", "FILE"], "holds its own training code; launch it by itself"),
    "knob": (["plan", "FILE", "--set", "lrr=3"], "`lrr` is not a knob of the family mine; did you mean `lr`?"),
    "none": (["plan", "nowhere.py"], "there is no search space file nowhere.py"),
    "pretrained": (
        ["train", "FILE", "--pretrained"],
        "--pretrained and --resume-from are for the networks of a family",
    ),
}


@pytest.mark.parametrize(("words", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_one_sentence(file, words, sentence, monkeypatch, capsys):
    from tuner import cli

    monkeypatch.setattr("sys.argv", ["tuner", *(word.replace("FILE", str(file)) for word in words)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_resuming_a_file_that_was_never_launched_says_so(file, tmp_path):
    with pytest.raises(BadInput, match=r"no experiment in .* was launched from .*mine\.py; launch one with"):
        paths.experiment(str(file), tmp_path)


def test_its_words_are_not_those_of_images(file, tmp_path):
    from rich.console import Console

    from tuner.experiment.plan import prepare
    from tuner.experiment.request import Request
    from tuner.experiment.running import Running
    from tuner.tables.plan import plan_view

    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(plan_view(prepare(Request(str(file)), Running())))
    text = console.export_text()
    assert "cost: as the code reports it after each epoch" in text
    assert not [word for word in ("image", "accuracy", "photograph", "holdout") if word in text]


def test_what_the_manifest_keeps_is_json(file):
    from tuner.experiment.request import Request

    content = Request(str(file)).code.content()
    assert OwnCode.of(json.loads(json.dumps(content))).digest == content["sha256"]
