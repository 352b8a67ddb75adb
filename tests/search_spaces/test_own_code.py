"""A file that is a whole experiment: what it may hold, and one sentence for each thing that is wrong with it."""

import subprocess
import sys

import pytest

from search_spaces.own_code import load_experiment, of_code
from trainables import families
from trainables.config.own.code import OwnCode

FILE = '''
"""Does it work?"""
from ray import tune
from search_spaces import Budget, Objective, Protocol, SearchSpace
{before}

class Own:
    def __init__(self, config, seed, device):
        self.lr, self.epochs = config["lr"], 0

    def epoch(self):
        self.epochs += 1
        return {{"loss": self.lr / self.epochs}}

    def state(self):
        return self.epochs

    def load(self, state):
        self.epochs = state

{after}

def space():
    return SearchSpace(
        parameters={{"lr": tune.loguniform(1e-3, 1e-1)}}, baseline={{"lr": 0.01}},
        objective=Objective("loss", "min"), budget=Budget(epochs=2, grace=1, trials=2){more}
    )
'''


def write(path, before="", after="", more="", text=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FILE.format(before=before, after=after, more=more) if text is None else text)
    return path


def test_a_file_is_a_space_and_what_it_trains(tmp_path):
    space = load_experiment(write(tmp_path / "mine.py"))
    assert space.problems() == []
    assert (space.name, space.summary) == ("mine", "Does it work?")
    assert (space.family.trains, space.family.kind, space.family.metric, space.family.mode) == (
        *("Own", "replicate", "loss", "min"),
    )
    assert space.configurations(0, 2)[0] == {"lr": 0.01, "epochs": 2}


def test_it_comes_out_of_its_content_as_it_went_in(tmp_path):
    code = load_experiment(write(tmp_path / "mine.py")).family
    again = OwnCode.of(code.content())
    (tmp_path / "mine.py").unlink()
    assert again == code
    assert again.digest == code.digest
    assert of_code(again).family == code
    assert again.trained().__name__ == "Own"


def test_what_it_imports_from_beside_it_travels(tmp_path):
    write(tmp_path / "beside_it.py", text="VALUE = 3\n")
    write(tmp_path / "never_mentioned.py", text="VALUE = 3\n")
    code = load_experiment(write(tmp_path / "mine.py", before="from beside_it import VALUE\nimport json")).family
    assert sorted(code.files) == ["beside_it.py", "mine.py"]


def test_the_package_it_lies_in_travels_where_it_has_relative_imports(tmp_path):
    write(tmp_path / "own_package" / "__init__.py", text="")
    write(tmp_path / "own_package" / "data.py", text="from .deeper.far import VALUE\n")
    write(tmp_path / "own_package" / "deeper" / "__init__.py", text="")
    write(tmp_path / "own_package" / "deeper" / "far.py", text="VALUE = 7\n")
    file = write(tmp_path / "own_package" / "mine.py", before="from .data import VALUE\nfrom . import data")
    code = load_experiment(file).family
    assert sorted(code.files) == [
        *("own_package/__init__.py", "own_package/data.py", "own_package/deeper/__init__.py"),
        *("own_package/deeper/far.py", "own_package/mine.py"),
    ]
    for path in sorted(tmp_path.rglob("*.py")):
        path.unlink()
    elsewhere = OwnCode.of(code.content())
    assert elsewhere.module().VALUE == 7


def test_two_files_with_helpers_of_one_name_do_not_meet(tmp_path):
    files = []
    for number in (1, 2):
        write(tmp_path / str(number) / "helper_of_both.py", text=f"VALUE = {number}\n")
        files.append(
            write(tmp_path / str(number) / "mine.py", before="from helper_of_both import VALUE", after="NUMBER = VALUE")
        )
    codes = [load_experiment(file).family for file in files]
    assert [code.module().NUMBER for code in (*codes, codes[0])] == [1, 2, 1]


CONFIG = "from pydantic import BaseModel, Field\n\nclass Knobs(BaseModel):\n    lr: float = Field(gt=0)\n    width: int = 8\n"
DATACLASS = "from dataclasses import dataclass\n\n@dataclass\nclass Knobs:\n    lr: float\n    width: int = 8\n"


@pytest.mark.parametrize("declared", [CONFIG, DATACLASS])
def test_a_configuration_class_of_its_own_checks_the_knobs(tmp_path, declared):
    file = write(tmp_path / "mine.py", before=declared)
    file.write_text(
        file.read_text().replace("config, seed", "config: Knobs, seed").replace('config["lr"]', "config.lr")
    )
    space = load_experiment(file)
    assert space.problems() == []
    assert list(families.config_class(space.family).model_fields) == ["lr", "width", "epochs"] or "width" in (
        families.config_class(space.family).model_fields
    )
    wrong = space.with_overrides({"lr": "fast", "widht": 3})
    said = "\n".join(wrong.problems())
    assert "`lr` is 'fast'" in said
    assert "`widht` is not a knob of the family mine; did you mean `width`?" in said


def test_a_baseline_that_the_configuration_refuses_is_said(tmp_path):
    file = write(tmp_path / "mine.py", before=CONFIG)
    file.write_text(
        file.read_text().replace("config, seed", "config: Knobs, seed").replace('{"lr": 0.01}', '{"lr": -1.0}')
    )
    assert load_experiment(file).problems() == [
        "`lr` is -1.0 (in the baseline), but must be greater than 0; raise it"
    ] or ("`lr` is -1.0, but must be greater than 0 (in the baseline); raise it" in load_experiment(file).problems())


NO_SPACE = FILE.format(before="", after="", more="").partition("def space")[0]
BAD = {
    "no space": (NO_SPACE, "mine.py holds no search space; add a function space() that returns a SearchSpace"),
    "two spaces": (
        FILE.format(before="", after="", more="") + "\nOTHER = space()\n",
        "mine.py holds 2 search spaces (OTHER), but one file is one experiment; keep one of them",
    ),
    "space() twice": (
        FILE.format(before="", after="", more="") + "\ndef space():\n    return 1\n",
        "defines space() again), but one file is one experiment",
    ),
    "a syntax error": ("x = 1\ndef space(:\n", "mine.py, line 2, raises SyntaxError: invalid syntax; fix the file"),
    "an import that is missing": (
        FILE.format(before="import nowhere_to_be_found", after="", more=""),
        "mine.py, line 5, raises ModuleNotFoundError: No module named 'nowhere_to_be_found'; ",
    ),
    "no epoch": (
        FILE.format(before="", after="", more="").replace("def epoch", "def epok"),
        "the class Own in ",
    ),
    "nothing to train": (
        "from ray import tune\nfrom search_spaces import Budget, SearchSpace\nSPACE = SearchSpace(parameters={}, baseline={}, "
        "budget=Budget(epochs=1, grace=1, trials=1))",
        "holds nothing that could be trained; add a class with epoch(), state() and load(state)",
    ),
    "two to train": (
        FILE.format(before="", after="class Other:\n    def epoch(self): ...\n", more=""),
        "holds several classes that could be trained (Own, Other); name one with `trainable=` in the space",
    ),
    "an epoch with arguments": (
        FILE.format(before="", after="", more="").replace("def epoch(self)", "def epoch(self, number)"),
        "Own.epoch() in ",
    ),
    "a class made of something else": (
        FILE.format(before="", after="", more="").replace("config, seed, device", "config"),
        "must be made of (config, seed, device), but takes (config); change its parameters",
    ),
    "a baseline that lacks a knob": (
        FILE.format(before="", after="", more="").replace('baseline={"lr": 0.01}', "baseline={}"),
        "`lr` is searched in ",
    ),
    "an error": (
        FILE.format(before="raise ValueError('no\\nmore')", after="", more=""),
        "line 5, raises ValueError: no more",
    ),
    "an exit": (FILE.format(before="raise SystemExit(3)", after="", more=""), "line 5, raises SystemExit: 3"),
    "a trainable that is none": (
        FILE.format(before="", after="", more=", trainable=3"),
        "`trainable` of the space in ",
    ),
    "a space that is none": (NO_SPACE + "\ndef space():\n    return 3\n", "returns int, but must return a SearchSpace"),
}


@pytest.mark.parametrize(("text", "sentence"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_one_sentence(tmp_path, text, sentence):
    file = write(tmp_path / "mine.py", text=text)
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the sentence is compared below
        load_experiment(file)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_an_objective_may_have_any_name_but_one_of_ours(tmp_path):
    file = write(tmp_path / "mine.py")
    file.write_text(file.read_text().replace('"loss", "min"', '"epoch", "best"'))
    said = "\n".join(load_experiment(file).problems())
    assert "the objective's metric is 'epoch', but must be a name of your own" in said
    assert "the objective's mode is 'best', but must be 'max' or 'min'" in said


def test_a_file_may_hold_a_space_of_a_family_alone(tmp_path):
    text = FILE.format(before="", after="", more="").partition("class Own")[0]
    text += (
        "def space():\n    return SearchSpace(family='blur', parameters={}, baseline={}, budget=Budget(epochs=1, grace=1, "
        "trials=1), protocol=Protocol(dataset='digits'))"
    )
    assert load_experiment(write(tmp_path / "mine.py", text=text)).family == "blur"


def test_loading_a_file_without_torch_imports_none(tmp_path):
    file = write(tmp_path / "mine.py")
    code = (
        "import sys\nfrom search_spaces.own_code import load_experiment\nfrom trainables.trial.lockstep import LockStep\n"
        "import trainables.on_ray.trainable, trainables.trial.guarded\n"
        f"space = load_experiment({str(file)!r})\nassert space.problems() == []\n"
        "trial = LockStep(space.family, {'lr': 0.5, 'epochs': 2}, replicates=3)\n"
        "assert trial.step()['loss'] == 0.5 and trial.step()['finished']\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr
