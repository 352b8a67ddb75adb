"""The plan of a search: its cost before anything starts, and its warnings."""

import dataclasses
import io
import itertools
import subprocess
import sys

import pytest
from ray import tune
from rich.console import Console

import search_spaces
from search_spaces import (
    Allocation,
    Budget,
    Protocol,
    SearchSpace,
    SpaceExhausted,
    blur,
    bn_only,
    deconv,
    imagenet,
    online_norm,
)
from tuner.errors import BadInput
from tuner.experiment.plan import expected_trials, plan, prepare
from tuner.experiment.request import Request
from tuner.experiment.running import HERE, Running
from tuner.rules import asha
from tuner.tables.plan import plan_view


def make(modes=("normal",), *, fixed=None, selection="holdout", **budget):
    return SearchSpace(
        family="blur",
        name="test",
        summary="a space for tests",
        parameters={"lr": tune.loguniform(1e-3, 1e-1), "mode": tune.choice(list(modes))},
        fixed=fixed or {},
        baseline={"mode": "normal"},
        budget=Budget(**{"epochs": 27, "grace": 3, "trials": 20, **budget}),
        protocol=Protocol("digits", selection),
        active_when={"sigma": {"mode": ("all",)}, "switch_fraction": {"mode": ("single-step",)}},
    )


def text(planned, width=100):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(plan_view(planned))
    return console.export_text()


def test_stages_reach_from_rung_to_rung():
    planned = plan(make(), 0)
    assert planned.rungs == (3, 9, 27)
    assert [stage.epochs for stage in planned.stages] == [3, 6, 18]
    assert planned.stages[0].expected_trials == planned.trials == 20


def test_epochs_are_counted_for_expected_and_for_all_trials():
    planned = plan(make(replicates=4), 0)
    assert planned.maximal_trial_epochs == 20 * 27
    assert planned.maximal_replicate_epochs == 20 * 27 * 4
    by_hand = sum(stage.expected_trials * stage.epochs for stage in planned.stages)
    assert planned.expected_trial_epochs == pytest.approx(by_hand)
    assert planned.expected_replicate_epochs == pytest.approx(4 * by_hand)
    assert planned.expected_trial_epochs < planned.maximal_trial_epochs


def test_without_a_rung_below_the_budget_expected_and_maximal_agree():
    planned = plan(make(grace=27), 0)
    assert planned.expected_trial_epochs == planned.maximal_trial_epochs == 20 * 27
    assert "No early stopping" in text(planned)


def test_few_trials_are_expected_as_enumerating_every_order_counts_them():
    reached = [0, 0]
    orders = list(itertools.permutations(range(5)))
    for order in orders:
        reached[0] += 5
        for position, rank in enumerate(order):
            baseline = position == 0
            reached[1] += baseline or asha.decide(order[:position], rank, 3).action == "continue"
    exact = [count / len(orders) for count in reached]
    assert expected_trials(5, 2, 3) == pytest.approx(exact, abs=0.15)


def test_at_least_the_share_of_the_rule_survives_and_the_first_arrivals_add_to_it():
    reached = expected_trials(81, 2, 3)
    assert 27 < reached[1] < 33  # Ray's scheduler lets 29.0 of 81 pass, with a standard deviation of 4.4


def test_a_search_too_long_to_simulate_is_scaled():
    assert expected_trials(20_000, 2, 3)[0] == pytest.approx(20_000)
    assert 0.3 < expected_trials(20_000, 2, 3)[1] / 20_000 < 0.4


def test_a_single_trial_is_the_baseline_and_reaches_every_rung():
    assert expected_trials(1, 3, 3) == [1, 1, 1]


def test_time_is_unknown_without_a_measured_epoch():
    planned = plan(make(), 0)
    assert planned.expected_seconds is None
    assert planned.maximal_seconds is None
    assert "Time: unknown; measure the seconds of an epoch with `tuner train`." in text(planned)


def test_time_is_shared_by_the_trials_that_run_at_once():
    space = make(seconds_per_replicate_epoch=0.5)
    assert plan(space, 0).maximal_seconds == 20 * 27 * 5 * 0.5
    assert plan(space, 0, concurrent=4).maximal_seconds == 20 * 27 * 5 * 0.5 / 4
    assert "at most 5 min 38 s, with 4 trials at a time and 0.5 s" in text(plan(space, 0, concurrent=4)).replace(
        "\n", " "
    )


def shown(space):
    return " ".join(text(plan(space, 0)).split())


def test_a_plan_says_what_a_trial_gets_and_how_trials_share_a_card():
    assert "Each trial: 1 CPU." in shown(make())
    quarter = make(gpus_per_trial=0.25, cpus_per_trial=2)
    assert "Each trial: 2 CPUs and 0.25 GPU; 4 trials share a card, each held to 25% of its memory." in shown(quarter)
    assert "Each trial: 1 CPU and 1 GPU of type H100." in shown(make(gpus_per_trial=1, accelerator_type="H100"))
    assert "0.6 GPU; a card to itself, held to 60% of its memory" in shown(make(gpus_per_trial=0.6))
    spread = make(gpus_per_trial=1, placement="spread")
    assert "Each trial: 5 workers, a replicate each, of 0.2 CPU and 0.2 GPU; 5 workers share a card" in shown(spread)
    teams = make().with_budget(gpus_per_replicate=4)
    assert "Each trial: 4 workers, all of them for each replicate in turn, of 0.25 CPU and 1 GPU." in shown(teams)
    assert "Each trial: 20 workers, 4 for each replicate, of" in shown(teams.with_budget(placement="spread"))


def test_a_plan_counts_the_trials_of_each_share():
    space = make(("normal", "all"), gpus_per_trial=0.25)
    space = dataclasses.replace(space, allocations=(Allocation({"mode": ("all",)}, gpus=1),))
    whole = [config["mode"] for config in plan(space, 0).configurations].count("all")
    assert f"{whole} trials: 1 CPU and 1 GPU. {20 - whole} trials: 1 CPU and 0.25 GPU; 4 trials share" in shown(space)


def test_no_number_of_workers_makes_a_search_shorter_than_one_full_trial():
    planned = plan(make(seconds_per_replicate_epoch=0.5), 0, concurrent=1000)
    assert planned.expected_seconds == planned.maximal_seconds == 27 * 5 * 0.5


def test_a_sober_plan_has_no_warnings():
    assert plan(make(), 0).warnings == ()


def test_a_rung_before_the_switch_is_warned_of_with_the_grace_that_mends_it():
    space = make(("normal", "single-step", "multi-steps"), fixed={"multi_steps_scaled": True})
    planned = plan(space, 0)
    early = [config["mode"] for config in planned.configurations].count("normal")
    (warning,) = planned.warnings
    assert warning == (
        f"the first rung (epoch 3) comes before the training images settle in {20 - early} of 20 configurations "
        "(multi-steps at epoch 18, single-step at epoch 13), which may be stopped only for that; "
        "--grace 19 puts every rung past it."
    )
    assert plan(space.with_budget(grace=19), 0).warnings == ()
    assert len(plan(space.with_budget(grace=18), 0).warnings) == 1


def test_a_schedule_that_never_settles_within_the_budget_is_told_to_train_longer():
    (warning,) = plan(make(("multi-steps",)), 0).warnings
    assert "(multi-steps at epoch 27)" in warning
    assert "raise --epochs" in warning
    assert "--grace 28" not in warning


def test_no_rung_is_unfair_where_nobody_is_stopped():
    assert plan(make(("multi-steps",), grace=27), 0).warnings == ()


@pytest.mark.parametrize(
    ("space", "part"),
    [
        (make(selection="test"), "measured on the test set"),
        (make(replicates=1), "with replicates = 1"),
        (make(trials=3), "3 trials are too few for a rung to stop one reliably"),
    ],
)
def test_what_looks_unwise_is_warned_of(space, part):
    (warning,) = plan(space, 0).warnings
    assert part in warning
    assert f"warning: {warning}" in " ".join(text(plan(space, 0)).split())


def test_an_override_that_no_configuration_has_is_warned_of():
    planned = prepare(Request("blur", "smoke", ["mode=choice(normal,random-mix)", "sigma=2"]), HERE)
    assert planned.warnings == ("no effect: none of the 16 configurations has sigma.",)


def test_a_plan_fits_a_hundred_columns_and_shows_every_number_whole():
    space = make(("normal", "single-step"), trials=3000, selection="test", seconds_per_replicate_epoch=0.123)
    planned = plan(space.with_budget(replicates=99), 12345, concurrent=64)
    lines = text(planned, width=100).splitlines()
    assert max(map(len, lines)) <= 100
    assert f"{planned.maximal_replicate_epochs:,}" in "\n".join(lines)
    assert "…" not in "\n".join(lines)


def test_the_same_seed_plans_the_configurations_that_would_be_launched():
    space = make()
    assert list(plan(space, 3).configurations) == space.configurations(3, 20)


def test_more_trials_than_configurations_are_refused():
    space = dataclasses.replace(make(), parameters={"batch_size": tune.choice([16, 32])})
    with pytest.raises(SpaceExhausted, match="only 3 distinct configurations, but 20 trials were asked for"):
        plan(space, 0)


def test_prepare_plans_what_launch_would_run():
    planned = prepare(
        Request("blur", "smoke", ["lr=0.05", "mode=choice(all,mix)"], 1, {"epochs": 3, "trials": 4}),
        Running(max_concurrent=2),
    )
    assert (planned.trials, planned.epochs, planned.concurrent) == (4, 3, 2)
    assert {config["lr"] for config in planned.configurations} == {0.05}


def test_prepare_lists_every_problem():
    with pytest.raises(BadInput) as error:
        prepare(Request("blur", "smoke", ["lr=20", "sigm=1"], budget={"trials": 0}), Running(max_concurrent=0))
    assert str(error.value).splitlines() == [
        "`trials` is 0, but must be a whole number of at least 1; set --trials",
        "`sigm` is not a knob of the family blur; did you mean `sigma`?",
        "`lr` is 20, but must be less than or equal to 10; lower it",
        "`max_concurrent` is 0, but must be at least 1; raise --max-concurrent",
    ]


def test_prepare_refuses_more_trials_than_the_space_holds():
    with pytest.raises(BadInput, match="the space holds only 38 distinct configurations"):
        prepare(Request("blur", "paper", budget={"trials": 39}), HERE)


def test_planning_imports_no_torch():
    code = (
        "import sys; from tuner.experiment.plan import Request, Running, prepare; "
        "from tuner.tables.plan import plan_view; plan_view(prepare(Request('blur', 'search'), Running())); "
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["smoke", "search"])
def test_the_shipped_spaces_are_planned_without_a_warning(name):
    assert plan(search_spaces.load("blur", name), 0).warnings == ()


def expected(family, **options):
    """Replicate-epochs of its `search` space."""
    return round(plan(search_spaces.load(family, "search").with_budget(**options), 0).expected_replicate_epochs)


def test_the_curricula_cost_at_most_half_with_one_seed_until_the_switch():
    before, after = expected("blur", replicates=5, reduction=3), expected("blur")
    assert after <= before / 2
    note = " ".join(blur.search.__doc__.split())
    assert f"About {after:,} replicate-epochs" in note
    assert f"they are {before:,}" in note


@pytest.mark.parametrize("module", [deconv, bn_only, online_norm, imagenet], ids=lambda module: module.__name__)
def test_a_lab_note_says_what_one_seed_up_to_the_first_rung_saves(module):
    family = module.__name__.rpartition(".")[-1]
    before, after = expected(family, replicates=5), expected(family)
    assert after == expected(family, seeds=(1, 5)) < before
    told = (
        f"{after:,} replicate-epochs are expected instead of {before:,} with five from the beginning (`--replicates 5`)"
    )
    assert told in " ".join(module.search.__doc__.split())


def test_seeds_that_join_are_counted_from_the_beginning_to_where_they_join():
    space = search_spaces.load("blur", "smoke").with_budget(seeds=(1, 3, 5), trials=6)
    planned = plan(space, 0)
    assert [(stage.rung, stage.seeds, stage.work) for stage in planned.stages] == [(1, 1, 1), (3, 3, 8), (9, 5, 36)]
    assert planned.maximal_replicate_epochs == 6 * 9 * 5
    assert planned.expected_replicate_epochs == sum(stage.expected_trials * stage.work for stage in planned.stages)


def test_workers_that_wait_for_seeds_that_join_are_warned_of():
    space = search_spaces.load("blur", "smoke").with_budget(seeds=(1, 5), placement="spread")
    assert any("--placement packed keeps none of them idle" in sentence for sentence in plan(space, 0).warnings)
