"""docs/from-the-originals.md: each command there is run in a short form, and says what the original's command beside it says."""

import re
import shlex
from pathlib import Path

import pytest
import torch

from tests.test_docs import options_of
from tests.tuner.conftest import tuner as tuner_fixture
from tests.tuner.experiments import finished
from trainables import families
from trainables.config import originals
from trainables.config.originals import SPELLED, Elsewhere, Knob
from trainables.lockstep import LockStep
from tuner.networks import train as training

tuner = tuner_fixture  # the fixture of the command line, which lives with the tests of tuner
ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "from-the-originals.md").read_text()
SECTIONS = {re.search(r"Family `(\w+)`", text)[1]: text for text in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}
FAMILIES = tuple(SPELLED)
# The short form: what takes the place of a command's own settings, and more where a network needs it.
SHORT = {"dataset": "digits", "image_size": "8", "train_images": "20", "batch_size": "9", "augmentation": "none"}
FAMILY_SHORT = {
    "blur": {"arch": "small_cnn"},
    "online-norm": {"depth": "8"},
    "deconv": {"image_size": "32"},
    "imagenet": {"image_size": "32"},
}
# Trained in that form, one or two of each original; of the others the configuration is built.
TRAINED = (
    "--save alexnet_mix_lur-val_s4",
    "--save cifar10-online",
    "--set method=1 --set loss=l2",
    pytest.param("--set arch=vgg11 --set norm=deconv --set mode=3", marks=pytest.mark.slow),
    "--set name=cifar_freeze_14_2",
    "--set model=lenet5",
)


def rows(text):
    """(what is typed there, what is typed here) for each row of the tables of commands."""
    found = []
    for table in re.findall(r"^\| there \| here \|\n\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE):
        for line in table.splitlines():
            there, here = (re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").rsplit("|", 1))
            [ours] = here
            found += [(theirs, ours) for theirs in there]
    return found


ROWS = rows(PAGE)
OURS = list(dict.fromkeys(ours for _, ours in ROWS))
PAIRS = [pytest.param(theirs, ours, id=theirs) for theirs, ours in ROWS if ours.startswith("tuner train")]


@pytest.fixture
def asked(monkeypatch):
    """What `tuner train` is asked for, its configuration built and nothing trained."""
    found = []

    def build(request, **_):
        found.append((request, families.config_class(request.family)(**request.knobs)))
        return iter(())

    monkeypatch.setattr(training, "run", build)
    return found


def shortened(words):
    """A command of the page in its short form."""
    changes = SHORT | FAMILY_SHORT.get(words[2], {})
    kept, rest = [], iter(words)
    for word in rest:
        value = next(rest) if word in ("--set", "--epochs", "--save", "--resume-from") else None
        if value is None:
            kept.append(word)
        elif word == "--set" and value.partition("=")[0] not in changes:
            kept += [word, value]
    return [
        *kept,
        "--epochs",
        "1",
        "--replicates",
        "1",
        *(w for k, v in changes.items() for w in ("--set", f"{k}={v}")),
    ]


def test_every_command_here_is_one_of_ours_with_its_options():
    assert len(ROWS) > 50
    for ours in OURS:
        words = shlex.split(ours)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        else:
            assert {word for word in words if word.startswith("--")} <= options_of(words), ours


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_both_commands_of_a_row_mean_the_same_configuration(tuner, asked, theirs, ours):
    words = shlex.split(ours)
    code, _, err = tuner(*words[1:])
    assert (code, err) == (0, "")
    [(request, config)] = asked
    if theirs.startswith("make"):
        assert originals.answer("imagenet", "--model").value([theirs.rpartition("_")[2]]) == config.model
        return
    for option, values in originals.options(shlex.split(theirs)):
        found = originals.answer(request.family, option)
        assert found is not None, option
        if option in ("--epochs", "--epoch", "-e"):
            assert config.epochs == int(values[0]) or request.resume_from is not None
        elif isinstance(found, Knob):
            said, is_said = found.value(values), getattr(config, found.name)
            if (
                option == "-a"
            ):  # what had no `d` there was torchvision's own network, which is ours with batch normalisation
                assert is_said == f"{said.removesuffix('d')}d"
            elif isinstance(is_said, bool):
                assert is_said == (said == "true")
            elif isinstance(is_said, int | float):
                assert is_said == float(said)
            else:
                alias = type(config)(**{found.name: said}) if found.name == "mode" else None
                assert is_said == (getattr(alias, found.name) if alias else said if is_said == said else said.lower())


def test_what_a_command_there_leaves_out_has_its_value_there(tuner, asked):
    expected = {
        "blur": {
            **{"momentum": 0.9, "lr_schedule": "step", "lr_step": 20, "lr_factor": 0.1, "weight_decay": 1e-4},
            **{"augmentation": "resized-crop", "image_size": 224},
        },
        "online_norm": {"depth": 20, "batch_size": 128, "lr": 0.1, "lr_milestones": (100, 150, 200), "ecm": "ls"},
        "deconv": {"lr": 0.1, "momentum": 0.9, "lr_schedule": "cosine", "num_groups": 16, "eps": 1e-2, "n_iter": 5},
        "bn_only": {"momentum": 0.9, "weight_decay": 1e-4, "milestones": (80, 120), "augmentation": "crop-flip"},
        "imagenet": {"momentum": 0.9, "lr_factor": 0.1, "lr_schedule": "plateau", "plateau_metric": "accuracy"},
    }
    for family, values in expected.items():
        first = next(ours for _, ours in rows(SECTIONS[family]) if ours.startswith("tuner train"))
        tuner(*shlex.split(first)[1:])
        config = asked[-1][1]
        assert {knob: getattr(config, knob) for knob in values} == values, family


@pytest.mark.parametrize("part", TRAINED)
def test_a_command_trains_in_its_short_form(tuner, part):
    [ours] = [ours for ours in OURS if part in ours]
    code, out, err = tuner(*shortened(shlex.split(ours))[1:])
    assert (code, err) == (0, "")
    assert out.startswith("epoch 1: val_accuracy ")
    assert "test_accuracy" in out or "selection=test" in ours


def test_training_goes_on_from_a_checkpoint_of_the_original(tuner, tmp_path):
    [ours] = [ours for theirs, ours in ROWS if "--resume " in theirs]
    short = [*shortened(shlex.split(ours))[1:], "--resume-from", str(tmp_path / "model_060.pth.tar")]
    short[short.index("--epochs") + 1] = "61"
    knobs = {word.partition("=")[0]: word.partition("=")[2] for word in short if "=" in word}
    knobs = {"epochs": 61} | {knob: int(value) if value.isdecimal() else value for knob, value in knobs.items()}
    trial = LockStep("blur", knobs, replicates=1)
    [replicate] = trial.replicates
    trial.crew.run_epoch(59, last=False)  # what an optimizer remembers
    state = {f"module.{name}": tensor for name, tensor in replicate.model.state_dict().items()}
    saved = {"epoch": 60, "arch": "alexnet", "state_dict": state, "best_acc1": torch.tensor(50.0)}
    torch.save({**saved, "optimizer": replicate.optimizer.state_dict()}, tmp_path / "model_060.pth.tar")
    code, out, _ = tuner(*short)
    assert code == 0
    assert out.startswith("epoch 61: val_accuracy ")


@pytest.mark.parametrize("ours", [ours for ours in OURS if ours.startswith("tuner launch")])
def test_a_search_is_planned_in_its_short_form(tuner, ours):
    code, out, err = tuner(*shlex.split(ours)[1:], "--dry-run", "--trials", "3", "--set", "dataset=digits")
    assert (code, err) == (0, "")
    assert "trials of 5 replicates" in out


def test_what_is_no_training_is_looking_fetching_and_the_doctor(tuner, tmp_path, monkeypatch):
    others = [ours for ours in OURS if not ours.startswith(("tuner train", "tuner launch", "make"))]
    assert others == [
        "tuner doctor",
        "tuner data fetch cifar10",
        "tuner data fetch cifar100",
        "tuner dashboard NAME",
    ]
    served = []
    monkeypatch.setattr("tuner.report.dashboard.serve", lambda paths, *_: served.append(paths.name))
    made = finished(tmp_path)
    assert tuner("dashboard", made.paths.name, "--storage", tmp_path)[0] == 0
    assert served == [made.paths.name]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_page_lists_every_option_of_the_original_with_its_name_here(family):
    lines = [line for line in SECTIONS[family].splitlines() if line.startswith("| `")]
    for spellings, found in SPELLED[family].items():
        [line] = [
            line for line in lines if line.startswith("| " + ", ".join(f"`{it}`" for it in spellings.split()) + " |")
        ]
        assert (
            (f"`--set {found.name}=" in line or f"`--set '{found.name}=" in line)
            if isinstance(found, Knob)
            else (found.said.removesuffix(" here") in line)
        )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_answer_names_a_knob_of_the_family_or_options_that_exist(family):
    knobs = families.config_class(family).model_fields
    for found in SPELLED[family].values():
        if isinstance(found, Knob):
            assert found.name in knobs
            continue
        for command in re.findall(r"`(tuner [^`]+)`", found.said):
            words = command.split()
            assert {word for word in words if word.startswith("--")} <= options_of(words), command
        assert set(re.findall(r"the knob `(\w+)`", found.said)) <= set(knobs)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("verb", ["train", "launch"])
def test_every_option_of_the_original_is_answered_in_a_sentence_of_its_own(tuner, family, verb):
    knobs, own = families.config_class(family).model_fields, options_of(["tuner", verb])
    table = {option: found for spellings, found in SPELLED[family].items() for option in spellings.split()}
    options = [option for option in table if option.startswith("-") and option not in own]
    names = [option for option in table if originals.plain(option) not in knobs]
    names = list({originals.plain(option): option for option in names if option != "--epochs"}.values())
    for asked, words in (
        (options, [word for option in options for word in (option, "3")]),
        (names, [word for option in names for word in ("--set", f"{originals.plain(option)}=3")]),
    ):
        code, out, err = tuner(verb, family, *words)
        assert (code, out) == (2, "")
        for option, line in zip(asked, err.splitlines(), strict=True):
            found = table[option]
            named = (f"--set {found.name}=", f"--set '{found.name}=") if isinstance(found, Knob) else (found.said,)
            assert any(name in line for name in named), line


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("train blur -s1", "`-s` of the original is the knob `sigma` here; use --set sigma=1"),
        ("train blur --sigma=4", "`--sigma` is a knob here; use --set sigma=4"),
        ("launch deconv --deconv False", "the knob `norm` here (True: deconv, False: bn); use --set norm=bn"),
        ("launch deconv --deconv True", "use --set norm=deconv"),
        ("launch online-norm --lr-milestones 100 150", "use --set 'lr_milestones=(100,150)'"),
        ("plan blur --cbt-every 3", "`--cbt-every` is a knob here; use --set cbt_every=3"),
        ("evaluate x.pt --family imagenet -m alexnet2", "use --set model=alexnet_v2"),
        ("launch bn-only -lr 0.1", "use --set lr=0.1"),
        ("launch blur --set kernel-size=7", "`kernel_size` of the original is without effect there"),
    ],
)
def test_an_answer_can_be_typed_as_it_stands(tuner, words, sentence):
    code, _, err = tuner(*words.split())
    assert code == 2
    assert sentence in err


def test_the_26_names_of_batchnorm_only_are_values_of_its_knob():
    config = families.config_class("bn_only")
    depths = ("14", "32", "56", "110", "218", "434", "866", "14_1", "14_2", "14_4", "14_8", "14_16", "14_32")
    assert len({config(name=f"cifar_{kind}_{depth}").name for kind in ("resnet", "freeze") for depth in depths}) == 24


def test_an_answer_is_either_a_knob_or_elsewhere():
    assert all(isinstance(found, Knob | Elsewhere) for table in SPELLED.values() for found in table.values())
