"""Whatever a manifest, the records or the files beside them hold, every verb answers in a sentence, soon, and without NaN."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import random
import sys
import time
from pathlib import Path

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tuner as package
from tests.tuner.experiments import Experiment, around, finished
from tests.tuner.mutants import damage, fresh
from trainables import families
from tuner import cli
from tuner.commands.app import out as console
from tuner.errors import TunerError
from tuner.machines import ray_session

SECONDS = 30.0  # in which a verb must answer, on a machine however busy
EXAMPLES = int(os.environ.get("TUNER_WRONG_FORMS", "50"))
# Knobs and metrics that the families' own panels look at.
BASELINE = {
    **{"lr": 0.01, "mode": "normal", "epochs": 9, "depth": 14, "width": 1, "trainable_set": "bn", "name": None},
    **{"h_fwd": 1000.0, "abkw": 0.99, "norm_mode": "online", "norm": "bn", "arch": "vgg11", "model": "resnet18"},
}
QUANTILES = ("min", "q05", "q25", "q50", "q75", "q95", "max")
LAST = {"val_loss": 0.3, "val_accuracy_sigma_1": 0.5} | {f"gamma_{name}": 0.1 for name in QUANTILES}
PUBLISHED = {"when": {"lr": 0.05}, "metric": "val_accuracy", "value": 0.9, "source": "Table 1", "at": "best"}


class RayStarts(BaseException):
    """Resuming has come as far as this test goes."""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    # Imported once, Ray and the like must not count as the time of an answer.
    for name in ("ray.tune", "tuner.experiment", "tuner.experiment.confirm", "tuner.report.page", "pandas"):
        importlib.import_module(name)
    return searched(tmp_path_factory.mktemp("template"))


def searched(folder: Path) -> Path:
    """A search with everything a search can have: a stop, a divergence, a trial cut short, a confirmation."""
    made = finished(
        folder,
        baseline=BASELINE,
        published=[PUBLISHED],
        shown_scalars=["n"],
        bracket=["mode"],
        data={"fingerprints": {"8": "a"}},
    )
    made.session()
    made.scalars[4] = {"n": 3.0}
    made.trial(4, lr=0.02)
    made.decide(1, 1, "continue")
    made.write("error", trial=4, kind="lost", message="the worker was lost", traceback="", final=False)
    made.train(4, around(0.6), to=2, **LAST)
    made.epoch(4, 2, around(0.7), event="repeat")
    again = Experiment(made.paths.root, folder="confirmation", seed=1, rungs=[9], data={"fingerprints": {"8": "a"}})
    again.session()
    for trial in (0, 1):
        again.trial(trial, lr=0.05 if trial else 0.01)
        again.complete(trial, around(0.8 + trial / 10))
    again.session("end")
    return folder


def verbs(folder: Path) -> list[list[str]]:
    """A command line for each way to read an experiment."""
    storage = ["--storage", str(folder)]
    lines = [
        *(["results"], ["results", "--json"], ["results", "--csv"], ["results", "--verify"]),
        *(["status"], ["status", "--json"], ["status", "--csv"], ["resume"], ["resume", "--trials", "6"]),
        ["resume", "--trials", "6", "--accept-changes"],
    ]
    named = [[line[0], "made-up", *line[1:], *storage] for line in lines]
    return [
        *named,
        *(["show", "made-up", trial, *storage] for trial in ("best", "baseline", "1")),
        ["compare", "made-up", "whole", *storage],
        ["compare", "whole", "made-up", "--json", *storage],
        ["replay", "made-up", "--why", *storage],
        ["report", "made-up", "-o", str(folder / "page.html"), *storage],
        ["export", "made-up", "--trial", "1", "-o", str(folder / "trial.yaml"), *storage],
        ["confirm", "made-up", "--top", "1", *storage],
    ]


COMMAND = typer.main.get_command(cli.app)  # made once: it takes longer than most verbs


def answer(line: list[str]) -> tuple[int, str]:
    """The exit code of a command line in this process, and what it printed on standard output."""
    printed, said = io.StringIO(), io.StringIO()
    arguments, sys.argv = sys.argv, ["tuner", *line]
    app, cli.app = cli.app, COMMAND
    console.file, console.width = printed, 100
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
            cli.main()
    except SystemExit as ended:
        return int(ended.code or 0), printed.getvalue()
    except RayStarts:
        return 0, ""
    finally:
        sys.argv, cli.app = arguments, app
        console.file = None
    raise AssertionError("a command line always exits")


def refuse_constants(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.slow
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_verb_answers_a_damaged_experiment_in_a_sentence(template, tmp_path, monkeypatch, seed):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def starts(*arguments, **more):
        raise RayStarts

    monkeypatch.setattr(ray_session, "connected", starts)
    fresh(template / "made-up", tmp_path / "whole")
    root = fresh(template / "made-up", tmp_path / "made-up")
    draw = random.Random(seed)
    manifest = root / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"blur"', json.dumps(draw.choice(families.names())), 1))
    damaged = root / "confirmation" if draw.random() < 0.15 else root
    how = damage(damaged, draw)
    for line in verbs(tmp_path):
        began = time.monotonic()
        code, printed = answer(line)
        told = f"seed {seed}: {how}: tuner {' '.join(line)}"
        assert code in (0, 1, 2), told
        assert time.monotonic() - began < SECONDS, told
        if "--json" in line and code == 0:
            json.loads(printed, parse_constant=refuse_constants)
    with contextlib.suppress(TunerError):
        loaded = package.load(root)
        loaded.frame(), loaded.curves(), loaded.decisions(), loaded._repr_html_()
