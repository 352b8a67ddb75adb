"""Trials are compared within their bracket alone: while deciding, on resume, on verifying, and in what is printed."""

import io
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune
from ray.tune.schedulers.async_hyperband import AsyncHyperBandScheduler
from rich.console import Console

from search_spaces import Budget, Protocol, SearchSpace
from tests.tuner.experiments import Experiment, around
from tests.tuner.rules.test_asha import _RayTrial
from tests.tuner.rules.test_judge import decisions, endings, result
from tuner.experiment.plan import expected_trials, plan
from tuner.records.lines import RecordWriter, read
from tuner.results.early_stopping import EarlyStopping
from tuner.results.history import History
from tuner.rules.judge import Judge
from tuner.rules.ranking import bracket_of
from tuner.rules.rule import Rule, rule_of
from tuner.rules.verify import contradictions
from tuner.tables.plan import plan_view
from tuner.tables.results import early_stopping_view

RULE = Rule("val_accuracy", "max", epochs=9, grace=1, reduction=3, bracket=("norm",))


def judge_of(path, norms, rule=RULE):
    """A judge of new trials with these norms."""
    writer = RecordWriter(path)
    writer.write(*({"event": "trial", "trial": i, "config": {"norm": norm}} for i, norm in enumerate(norms)))
    judge = Judge(rule, writer)
    judge.recall(list(read(path)))
    return judge


def text(view):
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(view)
    return " ".join(console.export_text().split())


def space(bracket=("norm",), **budget):
    return SearchSpace(
        family="deconv",
        name="test",
        summary="a space for tests",
        parameters={"norm": tune.choice(["bn", "deconv"]), "lr": tune.loguniform(1e-3, 1e-1)},
        baseline={"norm": "deconv", "lr": 0.1},
        budget=Budget(**{"epochs": 9, "grace": 1, "trials": 20, **budget}),
        protocol=Protocol("digits"),
        bracket=bracket,
    )


def test_a_bracket_is_named_by_the_knobs_that_a_configuration_has():
    assert bracket_of({"norm": "bn", "lr": 0.1}, ("norm", "block")) == "norm=bn"
    assert bracket_of({"norm": "deconv", "block": 8}, ("norm", "block")) == "norm=deconv block=8"
    assert bracket_of({"norm": "bn"}, ()) == ""


def test_a_trial_far_behind_another_bracket_goes_on(tmp_path):
    judge = judge_of(tmp_path / "records.jsonl", ["deconv", "deconv", "deconv", "bn", "bn", "deconv"])
    for trial, value in enumerate([0.90, 0.91, 0.92, 0.50, 0.51]):
        assert judge.observe(trial, result(1, value)) == "continue"
    assert judge.observe(5, result(1, 0.89)) == "stop"
    assert decisions(tmp_path / "records.jsonl")[3]["reason"] == "rung 1: 0.5, the first to arrive with norm=bn"
    assert endings(tmp_path / "records.jsonl")[5]["reason"] == (
        "rung 1: 0.89 below the cutoff 0.9133 (top 1/3 of 4 with norm=deconv)"
    )


# The bracket of each trial, and its values at the two rungs below the budget.
TRIALS = st.lists(
    st.tuples(st.sampled_from(["bn", "deconv", "none"]), *[st.integers(0, 20).map(lambda x: x / 20)] * 2),
    min_size=1,
    max_size=30,
)


@settings(deadline=None)
@given(TRIALS, st.sampled_from([1.5, 2, 3]), st.sampled_from(["max", "min"]), st.randoms(use_true_random=False))
def test_every_decision_is_that_of_rays_asha_run_for_each_bracket_by_itself(trials, reduction, mode, order):
    rule = Rule("val_accuracy", mode, epochs=100, grace=1, reduction=reduction, bracket=("norm",))
    rays = {
        norm: AsyncHyperBandScheduler("epoch", "m", mode, max_t=100, grace_period=1, reduction_factor=reduction)
        for norm, *_ in trials
    }
    rungs = rule.rungs[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.jsonl"
        # Trial 0, the baseline, never reports: it would never be stopped.
        judge = judge_of(path, ["none", *(norm for norm, *_ in trials)], rule)
        waiting = {index: list(zip(rungs, values, strict=True)) for index, (_, *values) in enumerate(trials, 1)}
        ray_trials = {index: _RayTrial(index) for index in waiting}
        for index, (norm, *_) in enumerate(trials, 1):
            rays[norm].on_trial_add(None, ray_trials[index])
        while waiting:
            index = order.choice(sorted(waiting))
            epoch, value = waiting[index].pop(0)
            theirs = rays[trials[index - 1][0]].on_trial_result(None, ray_trials[index], {"epoch": epoch, "m": value})
            assert judge.observe(index, result(epoch, value)).upper() == theirs
            if theirs == "STOP" or not waiting[index]:
                del waiting[index]
        assert contradictions(rule, read(path)) == []


def test_a_recalled_judge_keeps_the_brackets_apart(tmp_path):
    path = tmp_path / "records.jsonl"
    judge = judge_of(path, ["deconv", "deconv", "bn", "bn"])
    for trial, value in enumerate([0.9, 0.95, 0.5]):
        judge.observe(trial, result(1, value))
    again = Judge(RULE, RecordWriter(path))
    again.recall(list(read(path)))
    assert (again.values, again.brackets) == (judge.values, judge.brackets)
    assert again.observe(3, result(1, 0.6)) == "continue"
    assert decisions(path)[-1]["of"] == 2


def test_decisions_made_across_brackets_are_found_out(tmp_path):
    path = tmp_path / "records.jsonl"
    judge = judge_of(path, ["deconv", "deconv", "bn"], Rule("val_accuracy", "max", 9, 1, 3))
    for trial, value in enumerate([0.9, 0.95, 0.5]):
        judge.observe(trial, result(1, value))
    assert contradictions(Rule("val_accuracy", "max", 9, 1, 3), read(path)) == []
    assert len(contradictions(RULE, read(path))) == 1


def test_the_manifest_carries_the_bracket_and_one_without_it_has_none(tmp_path):
    assert rule_of(Experiment(tmp_path / "a", bracket=["norm"]).manifest).bracket == ("norm",)
    assert rule_of(Experiment(tmp_path / "b").manifest).bracket == ()


def test_early_stopping_counts_the_rungs_of_each_bracket(tmp_path):
    experiment = Experiment(tmp_path, bracket=["norm"])
    experiment.session()
    for trial, (norm, last) in enumerate([("deconv", 9), ("deconv", 1), ("bn", 9)]):
        experiment.trial(trial, norm=norm)
        experiment.train(trial, around(0.5), to=last)
        experiment.write("end", trial=trial, status="completed" if last == 9 else "stopped", epoch=last, reason="")
    report = EarlyStopping.of(History.load(experiment.paths))
    assert [rung.entered for rung in report.rungs] == [3, 2, 2]
    assert {name: [(r.entered, r.stopped) for r in rungs] for name, rungs in report.brackets.items()} == {
        "norm=deconv": [(2, 1), (1, 0), (1, 0)],
        "norm=bn": [(1, 0), (1, 0), (1, 0)],
    }
    assert "1 2 1 1 0 norm=deconv" in text(early_stopping_view(report, finished=True))


def test_the_plan_adds_up_what_each_bracket_is_expected_to_train():
    planned = plan(space(), 0)
    norms = [configuration["norm"] for configuration in planned.configurations]
    assert planned.brackets == {f"norm={norm}": norms.count(norm) for norm in ("bn", "deconv")}
    ours = expected_trials(norms.count("deconv"), 3, 3)
    theirs = expected_trials(norms.count("bn"), 3, 3, baseline=False)
    assert [stage.expected_trials for stage in planned.stages] == [a + b for a, b in zip(ours, theirs, strict=True)]
    assert f"{norms.count('bn')} with norm=bn" in text(plan_view(planned))


def test_a_bracket_too_small_for_its_rungs_is_warned_of_by_name():
    (warning,) = plan(space(trials=6), 0).warnings
    assert "trials with norm=" in warning
    assert "too few for a rung to stop one reliably" in warning


def test_a_bracket_is_one_knob_or_several_and_each_must_be_known_and_listed():
    assert space("norm").bracket_knobs == ("norm",)
    assert space(("norm", "lr_schedule")).problems() == []
    assert space("nrm").problems() == ["`nrm` is not a knob of the family deconv; did you mean `norm`?"]
    (problem,) = space(("norm", "lr")).problems()
    assert "`lr` is a bracket and drawn from a range" in problem
