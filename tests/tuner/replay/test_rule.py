"""Replaying schedulers: the published figures on real curves, and how curves that end early or are not of the form count."""

import dataclasses
import math
import statistics
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

from tests.tuner.experiments import Experiment, finished
from tuner.errors import BadInput
from tuner.records.lines import RecordWriter, read
from tuner.replay import Setting, curves, replay, run
from tuner.replay import settings as replay_settings
from tuner.results.history import History
from tuner.rules import asha
from tuner.rules.judge import Judge
from tuner.rules.rule import Rule

REFERENCE = Path(__file__).parents[3].parent / "shared" / "reference" / "bn_only_curves.csv"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason=f"{REFERENCE.name} is not beside the checkout")


@pytest.fixture(scope="module")
def freeze():
    """Nine real training runs of 160 epochs, the BN-only ones."""
    table = pandas.read_csv(REFERENCE)
    return table[table["model"].str.startswith("cifar_freeze")]


@needs_reference
@pytest.mark.parametrize(
    ("grace", "reduction", "winner", "epochs", "regret"),
    [
        (10, 2, "cifar_freeze_218", 290, 0.0),
        (2, 3, "cifar_freeze_218", 184, 0.0),
        (20, 2, "cifar_freeze_110", 420, 6.72),
    ],
)
def test_halving_ends_as_published(freeze, grace, reduction, winner, epochs, regret):
    found = replay(freeze, rule="halving", grace=grace, reduction=reduction)
    assert (found.winner, found.epochs, round(found.regret, 2)) == (winner, epochs, regret)
    assert (found.best, found.full_epochs) == ("cifar_freeze_218", 1440)


@needs_reference
def test_the_best_run_is_thrown_away_at_the_last_epoch_before_the_milestone_and_why_is_said(freeze):
    found = replay(freeze, grace=20, reduction=2)
    assert found.lost_at == 80
    [lost] = [told for told in found.decisions if told.model == "cifar_freeze_218" and told.action == "stop"]
    assert lost.reason == "rung 80: 64.02 is place 2 of 2; the best 1 go on"


@needs_reference
@pytest.mark.parametrize(
    "change", [{"window": 3}, {"window": 5}, {"window": 9}, {"rungs": (20, 40, 84)}, {"grace": 21}]
)
def test_a_running_median_or_a_rung_past_the_milestone_keeps_the_best_run(freeze, change):
    found = replay(freeze, **{"grace": 20, "reduction": 2, **change})
    assert (found.winner, found.regret, found.lost_at) == ("cifar_freeze_218", 0.0, None)


def table(metric="accuracy", **models):
    rows = [
        (model, epoch, "val", metric, value)
        for model, values in models.items()
        for epoch, value in enumerate(values, start=1)
    ]
    return pandas.DataFrame(rows, columns=list(curves.COLUMNS))


def test_asha_decides_in_order_of_arrival_as_the_live_judge_does(tmp_path):
    values = [[0.1 * ((7 * trial + 3 * epoch) % 10) for epoch in range(1, 10)] for trial in range(12)]
    found = replay(table(**{str(trial): curve for trial, curve in enumerate(values)}), "asha", grace=1, window=3)
    judge = Judge(Rule("m", "max", 9, 1, 3.0, rank_window=3), RecordWriter(tmp_path / "records.jsonl"))
    for epoch in range(1, 10):
        for trial, curve in enumerate(values, start=1):  # trial 0 is the baseline, and a table has none
            judge.observe(trial, observed(epoch, curve[epoch - 1]))
    live = [record for record in read(tmp_path / "records.jsonl") if record["event"] == "decision"]
    assert len(live) > 15
    keys = ("rung", "action", "value", "cutoff", "of", "reason")
    assert [{"model": str(record["trial"] - 1)} | {key: record[key] for key in keys} for record in live] == [
        dataclasses.asdict(told) for told in found.decisions
    ]


def observed(epoch, value):
    return {
        "epoch": epoch,
        "m": value,
        "m_values": [value],
        "metrics": ["m"],
        "replicates_ok": 1,
        "learning_rate": 0.1,
        "epoch_seconds": 1.0,
        "images_per_second": 1.0,
        "diverged": False,
        "failures": [],
    }


def test_the_order_of_arrival_can_be_shuffled_with_a_seed():
    rising = table(**{f"m{i}": [0.1 * i] * 4 for i in range(10)})
    assert [told.action for told in replay(rising, "asha").decisions[:10]] == ["continue"] * 10
    shuffled = replay(rising, "asha", order=1)
    assert shuffled.epochs < replay(rising, "asha").epochs
    assert shuffled == replay(rising, "asha", order=1)


def test_smaller_is_better_with_mode_min():
    losses = table("loss", a=[3.0, 1.0, 1.0], b=[2.0, 2.0, 2.0])
    found = replay(losses, "halving", grace=1, reduction=2, metric="loss", mode="min")
    assert (found.winner, found.best, found.regret, found.epochs) == ("b", "a", 1.0, 4)


def test_halving_keeps_at_least_one():
    found = replay(table(a=[1, 1, 1, 1], b=[2, 2, 2, 2]), "halving", grace=1, reduction=8)
    assert (found.winner, found.epochs) == ("b", 5)


def test_a_diverged_curve_ranks_last_and_costs_the_epochs_it_has():
    curve = table(a=[0.9, 0.9, math.nan], b=[0.1] * 9, c=[0.2] * 9)
    found = replay(curve, "halving", grace=3, reduction=2, window=3)
    assert [told.model for told in found.decisions if told.rung == 3] == ["c", "b", "a"]
    assert (found.winner, found.epochs, found.unknown) == ("c", 3 + 3 + 9, ())


def test_what_a_setting_would_have_trained_beyond_the_record_is_said():
    stopped_early = table(a=[0.9] * 3, b=[0.1] * 9, c=[0.2] * 9)
    found = replay(stopped_early, "halving", grace=1, reduction=2)
    assert found.unknown == ("a",)
    assert found.winner == "a"
    assert math.isnan(found.regret)


def test_an_experiments_records_are_curves_and_its_baseline_is_never_stopped(tmp_path):
    experiment = finished(tmp_path)
    known = curves.of_history(History.load(experiment.paths))
    assert {model: len(values) for model, values in known.values.items()} == {"trial 0": 9, "trial 1": 9, "trial 2": 3}
    found = run(known, Setting("halving", grace=1, reduction=3))
    assert (found.winner, found.epochs, found.regret) == ("trial 1", 9 + 9 + 1, 0.0)
    assert found.decisions[1].reason.endswith("but the baseline is never stopped")


def test_trials_of_different_brackets_are_not_compared(tmp_path):
    made = Experiment(tmp_path, bracket=["norm"])
    made.session()
    for index, (norm, value) in enumerate([("bn", 0.9), ("bn", 0.8), ("nd", 0.2), ("nd", 0.1)]):
        made.trial(index, norm=norm)
        made.complete(index, [value] * 5)
    found = run(curves.of_history(History.load(made.paths)), Setting("halving", grace=3, reduction=2))
    assert {told.model for told in found.decisions if told.action == "continue"} == {"trial 0", "trial 2"}
    assert found.decisions[3].reason == "rung 3: 0.1 is place 2 of 2 with norm=nd; the best 1 go on"


def test_an_experiment_without_an_epoch_has_no_curves(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    with pytest.raises(BadInput, match="`made-up` has recorded no val_accuracy, so there is no curve to replay"):
        curves.of_history(History.load(experiment.paths))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"grace": 0}, "`grace` is 0, but must be 1 to 4, the last epoch"),
        ({"grace": 5}, "`grace` is 5, but must be 1 to 4"),
        ({"reduction": 1}, "`reduction` is 1, but must be a number greater than 1"),
        ({"window": 0}, "`window` is 0, but must be at least 1 epoch"),
        ({"rule": "hyperband"}, "the rule is 'hyperband', but must be one of halving, asha"),
        ({"rungs": (2, 9)}, "a rung is at epoch 9, but must be at 1 to 4"),
        ({"mode": "up"}, "`mode` is 'up', but must be 'max' or 'min'"),
        ({"split": "test"}, r"no test_accuracy \(there are: val_accuracy\)"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(change, sentence):
    with pytest.raises(BadInput, match=sentence):
        replay(table(a=[1, 2, 3, 4]), **change)


def test_a_table_that_is_not_of_the_form_is_refused(tmp_path):
    good = table(a=[1, 2, 3])
    with pytest.raises(BadInput, match="lack the column value; they need model, epoch, split, metric, value"):
        replay(good.drop(columns="value"))
    with pytest.raises(BadInput, match="the curve of `a` lacks epoch 2"):
        replay(good.drop(index=1))
    with pytest.raises(BadInput, match="the curve of `a` has epoch 3 twice"):
        replay(pandas.concat([good, good.tail(1)]))
    with pytest.raises(BadInput, match="the curve of `a` holds something that is no number"):
        replay(good.astype({"value": object}).replace(2, "two"))
    with pytest.raises(BadInput, match="cannot read"):
        curves.load(str(tmp_path / "nothing.csv"), None, None)


def test_every_combination_of_the_options_is_a_setting():
    found = replay_settings.product(["asha"], [1, 2], [2.0, 3.0], [1], ["5,7"], None)
    assert len(found) == 6
    assert {(setting.grace, setting.rungs) for setting in found} == {(1, None), (2, None), (1, (5, 7))}
    assert len(replay_settings.product(None, None, None, None, None, None)) == 4
    with pytest.raises(BadInput, match="--rungs is '5,x', but must be epochs such as 20,40,84"):
        replay_settings.product(None, None, None, None, ["5,x"], None)


def test_what_a_trial_is_ranked_by():
    assert asha.ranking_value([0.1, 0.5, 0.2], 1) == 0.2
    assert asha.ranking_value([0.1, 0.5, 0.2], 2) == 0.35
    assert asha.ranking_value([0.9, 0.1, 0.5, 0.2], 3) == 0.2
    assert asha.ranking_value([0.1, 0.5], 5) == 0.3
    assert asha.ranking_value([0.1, 0.5, -math.inf], 3) == -math.inf
    assert asha.ranking_value([0.1, math.nan], 1, "min") == math.inf


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "curves.csv"
    table(**{f"run_{i}": [0.1 * i + 0.01 * epoch for epoch in range(9)] for i in range(6)}).to_csv(path, index=False)
    return path


@pytest.fixture
def printed(tuner):
    return lambda *arguments: tuner("replay", *arguments)


def test_the_command_lays_settings_side_by_side_and_says_why_each_curve_was_stopped(csv, printed):
    code, out, err = printed(
        csv, "--rule", "halving", "--grace", 1, "--grace", 3, "--window", 1, "--window", 3, "--why"
    )
    assert (code, err) == (0, "")
    assert "6 curves of 9 epochs, 54 in all; the best is run_5" in out
    assert len([line for line in out.splitlines() if line.startswith("halving ")]) == 4
    assert "stop      run_0: rung 1: 0 is place 6 of 6; the best 2 go on" in out
    assert "(median of 3 epochs)" in out
    assert max(map(len, out.splitlines())) <= 100


def test_the_command_replays_an_experiment_without_importing_ray_torch_or_pandas(tmp_path):
    experiment = finished(tmp_path)
    code = (
        "import sys\nfrom tuner import cli\ntry:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "print('HEAVY', sorted({'torch', 'ray', 'pandas'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code, "replay", str(experiment.paths.root), "--rule", "asha"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "3 curves of 9 epochs" in done.stdout
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_the_command_refuses_in_one_sentence(csv, printed):
    for arguments, sentence in [
        (["nothing"], "there is no experiment `nothing`"),
        ([csv, "--grace", 20], "`grace` is 20, but must be 1 to 9"),
        ([csv, "--models", "resnet*"], "no curve matches `resnet*` (there are: run_0"),
        ([csv, "--metric", "val_loss"], "the curves hold no val_loss (there are: val_accuracy)"),
    ]:
        code, out, err = printed(*arguments)
        assert (code, out) == (2, "")
        assert err.startswith("tuner: ")
        assert sentence in err
        assert err.count("\n") == 1


def by_seeds(*models):
    """Curves of three seeds a model, by epoch."""
    values = {f"m{index}": [statistics.median(epoch) for epoch in seeds] for index, seeds in enumerate(models)}
    return curves.Curves(values, seeds={f"m{index}": seeds for index, seeds in enumerate(models)})


PAIR = by_seeds(
    [[0.1, 0.8, 0.9], [0.2, 0.8, 0.9], [0.3, 0.8, 0.9], [0.9, 0.9, 0.9]],
    [[0.5, 0.5, 0.5], [0.6, 0.6, 0.6], [0.7, 0.7, 0.7], [0.8, 0.8, 0.8]],
)


def test_a_rung_is_replayed_on_the_median_of_its_first_seeds():
    rungs = (1, 2)
    few = run(PAIR, Setting("halving", reduction=2, rungs=rungs, seeds=(1, 3)))
    assert [(told.model, told.value) for told in few.decisions if told.rung == 1] == [("m1", 0.5), ("m0", 0.1)]
    assert few.decisions[0].reason == "rung 1: one seed 0.5 is place 1 of 2; the best 1 go on"
    # The winner: one seed to epoch 1, two others to epoch 1, three from there on; the other: one seed to epoch 1.
    assert (few.winner, few.epochs, few.lost_at) == ("m1", (1 + 2 + 9 + 1) / 3, 1)
    all_along = run(PAIR, Setting("halving", reduction=2, rungs=rungs, seeds=(3,)))
    plain = run(PAIR, Setting("halving", reduction=2, rungs=rungs))
    assert (all_along.winner, all_along.epochs) == (plain.winner, plain.epochs) == ("m0", 5)


@pytest.mark.parametrize("rule", ["asha", "promotion"])
def test_the_rules_of_a_live_search_say_of_how_many_seeds_they_decide(rule):
    found = run(PAIR, Setting(rule, reduction=2, rungs=(1, 2), seeds=(1, 3)))
    assert "one seed 0.1" in found.decisions[0].reason
    assert "median of 3 seeds" in next(told.reason for told in found.decisions if told.rung == 2)


def test_seeds_that_were_not_recorded_make_a_curve_unknown_from_there_on():
    short = dataclasses.replace(PAIR, values={**PAIR.values, "m1": [0.95]}, seeds={**PAIR.seeds, "m1": [[0.95]]})
    found = run(short, Setting("halving", reduction=2, rungs=(1, 2), seeds=(1, 3)))
    assert found.unknown == ("m1",)
    with pytest.raises(BadInput, match="`seeds` end with 5, but no curve was recorded to its end with more than 3"):
        run(PAIR, Setting(rungs=(1, 2), seeds=(1, 5)))
    with pytest.raises(BadInput, match="not known seed by seed"):
        run(curves.Curves(PAIR.values), Setting(seeds=(1, 3)))


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ((3, 1), "`seeds` is 3,1, but none may be smaller than the one before it; change --seeds"),
        ((0,), "`seeds` is 0, but each must be at least 1; raise it in --seeds"),
        ((1, 1, 2, 3), "`seeds` is 1,1,2,3, 4 numbers for 3 rungs; give at most 3"),
    ],
)
def test_seeds_that_cannot_be_are_refused(seeds, said):
    with pytest.raises(BadInput) as caught:
        run(PAIR, Setting(rungs=(1, 2), seeds=seeds))
    assert str(caught.value) == said


def test_every_choice_of_seeds_is_combined_with_the_other_settings():
    found = replay_settings.product(["asha"], [1], [3.0], [1], None, None, ["1,3", "3"])
    assert [setting.seeds for setting in found] == [(1, 3), (3,)]
    with pytest.raises(BadInput, match="--seeds is 'x', but must be whole numbers such as 1,1,3,5"):
        replay_settings.product(None, None, None, None, None, None, ["x"])
