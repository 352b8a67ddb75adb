"""Search spaces as data: what a configuration is, how overrides and budgets change a space, what is refused."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune

import search_spaces
from search_spaces import Budget, Objective, Protocol, Published, SearchSpace, SpaceExhausted
from trainables.families import config_class

BUDGET = Budget(epochs=9, grace=1, trials=8)
DIGITS = Protocol(dataset="digits")


def make(parameters=None, **changes):
    """A small blur space; by default a range of learning rates around a sharp baseline."""
    parts = {
        "family": "blur",
        "name": "test",
        "summary": "a space for tests",
        "parameters": {"lr": tune.loguniform(1e-3, 1e-1)} if parameters is None else parameters,
        "baseline": {"mode": "normal"},
        "budget": BUDGET,
        "protocol": DIGITS,
    }
    return SearchSpace(**{**parts, **changes})


def keys(configurations):
    return [json.dumps(configuration, sort_keys=True) for configuration in configurations]


# What a configuration is


def test_configuration_0_is_the_baseline_over_the_fixed_knobs_with_dataset_selection_and_epochs():
    space = make(fixed={"arch": "small_cnn", "momentum": 0.8}, baseline={"lr": 0.02, "momentum": 0.9})
    assert space.configuration(0, 0) == {
        "lr": 0.02,
        "momentum": 0.9,
        "arch": "small_cnn",
        "dataset": "digits",
        "selection": "holdout",
        "epochs": 9,
    }


def test_configurations_hold_the_fixed_knobs_but_not_the_baselines_values():
    space = make(fixed={"arch": "small_cnn"}, baseline={"momentum": 0.5})
    config = space.configuration(0, 3)
    assert config["arch"] == "small_cnn"
    assert "momentum" not in config
    assert 1e-3 <= config["lr"] <= 1e-1


@given(seed=st.integers(0, 2**70), shorter=st.integers(1, 12))
@settings(max_examples=15, deadline=None)
def test_a_longer_list_begins_with_the_shorter_one(seed, shorter):
    space = search_spaces.load("blur", "smoke")
    assert space.configurations(seed, 12)[:shorter] == space.configurations(seed, shorter)


def test_configuration_i_is_the_ith_of_the_list():
    space = make()
    assert [space.configuration(5, index) for index in range(6)] == space.configurations(5, 6)


def test_seeds_draw_different_configurations_but_the_same_baseline():
    space = make()
    first, second = space.configurations(0, 6), space.configurations(1, 6)
    assert first[0] == second[0]
    assert not set(keys(first[1:])) & set(keys(second[1:]))


def test_draws_are_those_of_earlier_releases():
    """A resumed search draws again what it drew before; this list must never change."""
    space = make({"lr": tune.loguniform(1e-3, 1e-1), "mode": tune.choice(["normal", "all", "mix"])})
    drawn = [(config["mode"], round(config["lr"], 6)) for config in space.configurations(7, 5)[1:]]
    assert drawn == [("all", 0.008343), ("mix", 0.002265), ("mix", 0.001428), ("normal", 0.036538)]


def test_configurations_survive_json_unchanged():
    space = make(
        {
            "sigma": tune.choice([1, 2]),
            "evaluation_sigmas": tune.choice([(0, 1), (0, 2)]),
            "blur_val": tune.choice([True]),
        },
        fixed={"mode": "mix", "image_size": None},
    )
    drawn = space.configurations(0, 4)
    assert json.loads(json.dumps(drawn)) == drawn
    assert all(type(config["sigma"]) is float for config in drawn[1:])


def test_a_published_alias_is_recorded_under_the_modes_own_name():
    space = make({"sigma": tune.choice([1.0, 2.0])}, active_when={"sigma": {"mode": ("mix",)}})
    config = space.with_overrides({"mode": "blur-half-data"}).configuration(0, 1)
    assert config["mode"] == "mix"
    assert "sigma" in config


# Duplicates and exhaustion


def test_configurations_are_distinct_even_when_most_draws_repeat():
    space = make({"batch_size": tune.choice(list(range(16, 41))), "mode": tune.choice(["normal", "all"])})
    drawn = space.configurations(0, 50)  # 25 sizes x 2 modes, and the baseline (normal, the default size) is not one
    assert len(set(keys(drawn))) == 50


def test_every_configuration_of_a_small_space_is_found_before_it_is_exhausted():
    space = make({"sigma": tune.choice([1, 2, 3]), "mode": tune.choice(["normal", "all"])}, active_when=SIGMA_IN_ALL)
    drawn = space.configurations(0, 4)
    assert {(config["mode"], config.get("sigma")) for config in drawn} == {
        ("normal", None),
        ("all", 1.0),
        ("all", 2.0),
        ("all", 3.0),
    }
    with pytest.raises(SpaceExhausted) as error:
        space.configurations(0, 5)
    assert str(error.value) == (
        "the space holds only 4 distinct configurations, but 5 trials were asked for; lower --trials"
    )


def test_a_rare_last_configuration_is_found():
    """The last value has one chance in 500: a hundred draws usually miss it, the exhaustive pass does not."""
    space = make({"batch_size": tune.choice([16] * 499 + [17])})
    assert {config.get("batch_size") for config in space.configurations(0, 3)} == {None, 16, 17}


@pytest.mark.parametrize(
    ("domain", "size"),
    [
        (tune.randint(10, 14), 4),
        (tune.lograndint(10, 14), 4),
        (tune.qrandint(10, 20, 5), 3),
        (tune.grid_search([10, 20]), 2),
        (tune.choice([10, 20, 20.0]), 2),
    ],
)
def test_a_discrete_domain_is_exhausted_exactly(domain, size):
    space = make({"batch_size": domain})
    assert len(space.configurations(3, 1 + size)) == 1 + size
    with pytest.raises(SpaceExhausted, match=f"only {1 + size} distinct"):
        space.configurations(3, 2 + size)


def test_a_quantised_range_is_exhausted_exactly():
    space = make({"momentum": tune.quniform(0.0, 0.5, 0.1)})
    assert len(space.configurations(0, 7)) == 7
    with pytest.raises(SpaceExhausted):
        space.configurations(0, 8)


def test_a_knob_that_never_exists_does_not_make_a_space_larger():
    space = make({"sigma": tune.uniform(0, 4)}, fixed={"mode": "normal"}, active_when=SIGMA_IN_ALL)
    with pytest.raises(SpaceExhausted, match="only 1 distinct configuration,"):
        space.configurations(0, 2)


def test_spelling_out_a_default_is_a_duplicate():
    default = config_class("blur").model_fields["batch_size"].default
    space = make({"batch_size": tune.grid_search([default, 32])})
    assert [config["batch_size"] for config in space.configurations(0, 2)[1:]] == [32]


def test_draws_that_contradict_each_other_are_drawn_again():
    space = make(
        {"min_sigma": tune.uniform(0, 10), "max_sigma": tune.uniform(0, 10)},
        fixed={"mode": "random-mix"},
        baseline={"min_sigma": 0, "max_sigma": 5},
    )
    assert all(config["min_sigma"] <= config["max_sigma"] for config in space.configurations(0, 40))


def test_a_space_without_one_valid_draw_says_why():
    space = make({"max_sigma": tune.uniform(0, 1)}, fixed={"mode": "random-mix", "min_sigma": 4})
    with pytest.raises(ValueError, match="`min_sigma` is 4, but must be at most `max_sigma`"):
        space.configurations(0, 2)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="the seed is -1, but must be at least 0"):
        make().configurations(-1, 2)


# Conditional knobs

SIGMA_IN_ALL = {"sigma": {"mode": ("all",)}}


def test_a_conditional_knob_is_dropped_where_its_condition_fails():
    space = make(
        {"mode": tune.choice(["normal", "all"]), "sigma": tune.uniform(1, 2), "lr": tune.uniform(0.01, 0.02)},
        active_when=SIGMA_IN_ALL,
    )
    drawn = space.configurations(0, 30)
    assert {config["mode"] for config in drawn[1:]} == {"normal", "all"}
    assert all(("sigma" in config) == (config["mode"] == "all") for config in drawn)


def test_a_knob_depending_on_a_dropped_knob_is_dropped_too():
    space = make(
        {"momentum": tune.uniform(0.1, 0.2), "sigma": tune.choice([1.0, 2.0]), "mode": tune.choice(["normal", "all"])},
        active_when={"momentum": {"sigma": (1.0,)}, **SIGMA_IN_ALL},
    )
    for config in space.configurations(0, 10)[1:]:
        assert ("momentum" in config) == (config["mode"] == "all" and config["sigma"] == 1.0)


def test_a_condition_on_an_absent_knob_is_judged_by_its_default():
    default_is_normal = make({"sigma": tune.choice([2.0, 3.0])}, active_when={"sigma": {"mode": ("normal",)}})
    assert len(default_is_normal.configurations(0, 3)) == 3


# Published grids


def test_a_grid_is_visited_once_in_an_order_that_depends_on_the_seed():
    points = tuple({"mode": "all", "sigma": sigma} for sigma in (1, 2, 3, 4, 5, 6))
    space = make({}, points=points)
    orders = [[config.get("sigma") for config in space.configurations(seed, 7)][1:] for seed in range(3)]
    assert all(sorted(order) == [1, 2, 3, 4, 5, 6] for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    assert [1, 2, 3, 4, 5, 6] not in orders


def test_points_are_combined_with_the_grids_they_leave_open():
    space = make(
        {"lr": tune.grid_search([0.1, 0.2])}, points=({"sigma": 1}, {"sigma": 2, "lr": 0.5}), fixed={"mode": "all"}
    )
    drawn = {(config["sigma"], config["lr"]) for config in space.configurations(0, 4)[1:]}
    assert drawn == {(1.0, 0.1), (1.0, 0.2), (2.0, 0.5)}


def test_the_baseline_and_repeated_points_of_a_grid_are_left_out():
    points = (
        {"mode": "normal"},
        {"mode": "normal", "sigma": 3},
        {"mode": "all", "sigma": 2},
        {"mode": "all", "sigma": 2.0},
    )
    space = make({}, points=points, active_when=SIGMA_IN_ALL)
    assert [config["mode"] for config in space.configurations(0, 2)] == ["normal", "all"]
    with pytest.raises(SpaceExhausted):
        space.configurations(0, 3)


def test_a_grid_beside_a_random_range_is_cycled_through():
    space = make({"sigma": tune.grid_search([1, 2, 3]), "lr": tune.uniform(0.01, 0.1)}, fixed={"mode": "all"})
    sigmas = [config["sigma"] for config in space.configurations(0, 10)[1:]]
    assert sorted(sigmas[:3]) == [1, 2, 3]
    assert sigmas == sigmas[:3] * 3


def test_a_grid_point_without_random_knobs_is_visited_once_beside_others():
    space = make(
        {"sigma": tune.uniform(1, 2)},
        points=({"mode": "mix"}, {"mode": "all"}, {"mode": "multi-steps"}),
        active_when={"sigma": {"mode": ("mix", "all")}},
    )
    modes = [config["mode"] for config in space.configurations(0, 8)]
    assert modes.count("multi-steps") == 1
    assert modes.count("mix") + modes.count("all") == 6


def test_a_grid_knob_that_depends_on_a_random_one_keeps_all_its_values():
    space = make({"sigma": tune.grid_search([1, 2, 3]), "mode": tune.choice(["all"])}, active_when=SIGMA_IN_ALL)
    assert {config.get("sigma") for config in space.configurations(0, 4)[1:]} == {1, 2, 3}


# Overrides and budgets


def test_a_constant_override_ends_the_search_over_a_knob_and_holds_for_the_baseline():
    space = make(baseline={"lr": 0.03}, fixed={"mode": "all"}, points=({"lr": 0.5, "sigma": 3}, {"sigma": 2}))
    changed = space.with_overrides({"lr": 0.07})
    assert "lr" not in changed.searched
    assert [config["lr"] for config in changed.configurations(0, 3)] == [0.07] * 3


def test_a_domain_override_replaces_a_searched_knob_and_keeps_the_baselines_value():
    changed = make(baseline={"lr": 0.03}).with_overrides({"lr": tune.uniform(0.5, 0.6)})
    drawn = changed.configurations(0, 5)
    assert drawn[0]["lr"] == 0.03
    assert all(0.5 <= config["lr"] <= 0.6 for config in drawn[1:])


def test_a_domain_override_of_a_fixed_knob_leaves_the_fixed_value_to_the_baseline():
    changed = make(fixed={"momentum": 0.8}).with_overrides({"momentum": tune.choice([0.5])})
    assert [config["momentum"] for config in changed.configurations(0, 3)] == [0.8, 0.5, 0.5]


def test_a_domain_override_takes_a_knob_out_of_the_points():
    space = make({}, points=tuple({"mode": "all", "sigma": sigma} for sigma in (1, 2)))
    changed = space.with_overrides({"sigma": tune.choice([7])})
    assert changed.configurations(0, 2)[1] | {"sigma": 7.0, "mode": "all"} == changed.configurations(0, 2)[1]


def test_overrides_of_dataset_selection_and_epochs_reach_protocol_and_budget():
    changed = make().with_overrides({"dataset": "cifar10", "selection": "test", "epochs": 30})
    assert changed.protocol == Protocol("cifar10", "test")
    assert changed.budget == dataclasses.replace(BUDGET, epochs=30)
    assert changed.problems() == []


def test_overrides_leave_the_space_they_came_from_alone():
    space = make(fixed={"momentum": 0.8})
    space.with_overrides({"momentum": 0.1, "lr": 1.0})
    assert space.fixed == {"momentum": 0.8}
    assert "lr" in space.parameters


def test_with_budget_changes_what_is_given_and_keeps_the_rest():
    assert make().with_budget(trials=3, grace=None, cpus_per_trial=0.5).budget == dataclasses.replace(
        BUDGET, trials=3, cpus_per_trial=0.5
    )


def test_the_budget_does_not_change_what_is_drawn():
    space = make()
    longer = space.with_budget(epochs=50, trials=99, replicates=1)
    assert [c["lr"] for c in space.configurations(0, 5)[1:]] == [c["lr"] for c in longer.configurations(0, 5)[1:]]


# What is refused


def test_every_problem_is_listed_at_once():
    space = make(
        {"lr": tune.uniform(0.1, 20), "sigm": tune.choice([1])},
        fixed={"momentum": 1.5},
        budget=Budget(epochs=9, grace=12, trials=0, reduction=1, replicates=0),
        objective=Objective("val_accuracy", "largest"),
    )
    assert space.problems() == [
        "`trials` is 0, but must be a whole number of at least 1; set --trials",
        "`replicates` is 0, but must be a whole number of at least 1; set --replicates",
        "`grace` is 12, but must be at most `epochs` (9); lower --grace or raise --epochs",
        "`reduction` is 1, but must be a number greater than 1; set --reduction, 3 or 4 is usual",
        "the objective's mode is 'largest', but must be 'max' or 'min'",
        "`sigm` is not a knob of the family blur; did you mean `sigma`?",
        "`momentum` is 1.5, but must be less than 1; lower it",
        "`lr` is 20, but must be less than or equal to 10 (an end of its range); lower it",
    ]


@pytest.mark.parametrize(
    ("budget", "sentence"),
    [
        ({"epochs": 0}, "`epochs` is 0, but must be a whole number of at least 1; set --epochs"),
        ({"epochs": 2.5}, "`epochs` is 2.5, but must be a whole number of at least 1; set --epochs"),
        ({"grace": 0}, "`grace` is 0, but must be a whole number of at least 1; set --grace"),
        ({"reduction": float("nan")}, "`reduction` is nan, but must be a number greater than 1"),
        ({"reduction": float("inf")}, "`reduction` is inf, but must be a number greater than 1"),
        ({"cpus_per_trial": 0}, "`cpus_per_trial` is 0, but must be greater than 0; set --cpus-per-trial"),
        ({"gpus_per_trial": -1}, "`gpus_per_trial` is -1, but must be at least 0; set --gpus-per-trial"),
        ({"gpus_per_trial": 1.5}, "`gpus_per_trial` is 1.5, but above 1 must be a whole number"),
        ({"seconds_per_replicate_epoch": 0}, "`seconds_per_replicate_epoch` is 0, but must be greater than 0"),
    ],
)
def test_an_impossible_budget_is_one_sentence(budget, sentence):
    problems = make(budget=dataclasses.replace(BUDGET, **budget)).problems()
    assert len(problems) == 1
    assert problems[0].startswith(sentence)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"mode": tune.choice(["all", "blury"])}, "`mode` is 'blury', but must be 'normal', 'all'"),
        (
            {"batch_size": tune.grid_search([32, 0])},
            "`batch_size` is 0, but must be greater than or equal to 1 (one of",
        ),
        ({"batch_size": tune.uniform(32, 64)}, "(drawn from its range); use randint for whole numbers"),
        ({"batch_size": tune.randint(0, 64)}, "`batch_size` is 0, but must be greater than or equal to 1 (an end of"),
        (
            {"momentum": tune.quniform(0.5, 1.0, 0.1)},
            "`momentum` is 1.0, but must be less than 1 (an end of its range)",
        ),
        ({"lr": tune.uniform(2, 1)}, "`lr` has a range from 2 to 1; the lower end must be the smaller one"),
        ({"lr": tune.choice([])}, "`lr` has no values to choose from; list at least one"),
        ({"lr": 0.1}, "`lr` is 0.1 in `parameters`, but must be a Ray Tune domain"),
        ({"lr": tune.sample_from(lambda config: 0.1)}, "`lr` is a sample_from function"),
        ({"epochs": tune.choice([3, 9])}, "`epochs` is searched, but must be one value for the whole search"),
        ({"grace": tune.choice([1])}, "`grace` is not a knob but part of the budget; use --grace"),
    ],
)
def test_an_impossible_domain_is_one_sentence(parameters, sentence):
    problems = make(parameters).problems()
    assert len(problems) == 1
    assert sentence in problems[0]


@pytest.mark.parametrize("domain", [tune.randint(1, 65_537), tune.qrandint(16, 64, 16), tune.choice([1, 2])])
def test_a_domain_that_reaches_exactly_the_bounds_is_accepted(domain):
    assert make({"batch_size": domain}).problems() == []


def test_a_normal_distribution_is_cut_at_the_bounds_of_its_knob():
    space = make({"momentum": tune.randn(0.9, 0.3)})
    assert space.problems() == []
    assert all(0 <= config["momentum"] < 1 for config in space.configurations(0, 30)[1:])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"family": "blurr"},
            "`blurr` is not a family (there are: blur, online_norm, deconv, bn_only, imagenet); did you mean `blur`?",
        ),
        ({"baseline": {"lr": -1}}, "`lr` is -1, but must be greater than 0 (in the baseline)"),
        ({"baseline": {"lr": tune.uniform(0, 1)}}, "`lr` is a domain where one value is expected"),
        ({"points": ({"mode": "all"}, {"sigma": -1})}, "(in point 2 of the grid)"),
        ({"fixed": {"lr": 0.1}}, "`lr` is both searched and fixed"),
        ({"fixed": {"dataset": "digits"}}, "`dataset` is among the knobs, but belongs to the protocol"),
        ({"fixed": {"max_sigma": 1, "min_sigma": 2}}, "`min_sigma` is 2, but must be at most `max_sigma` (1)"),
        ({"protocol": Protocol("digits", "train")}, "`selection` is 'train', but must be 'holdout' or 'test'"),
        ({"active_when": {"sigma": {"mod": (1,)}}}, "`mod` is not a knob of the family blur; did you mean `mode`?"),
        ({"published": (Published({"sigmas": 1}, "val_accuracy", 0.9, "Table 1"),)}, "did you mean `sigma`?"),
        ({"objective": Objective("test_accuracy")}, "the objective's metric is 'test_accuracy'"),
        ({"objective": Objective("val_loss", "max")}, "the objective is to maximise val_loss"),
    ],
)
def test_an_impossible_space_is_one_sentence(changes, sentence):
    problems = make(**changes).problems()
    assert len(problems) == 1
    assert sentence in problems[0]


# By name and by file


def test_every_family_has_its_spaces_and_every_one_loads():
    assert search_spaces.names()["blur"] == ("smoke", "search", "paper")
    for family, names in search_spaces.names().items():
        for name in names:
            assert (search_spaces.load(family, name).family, search_spaces.load(family, name).name) == (family, name)


def test_an_unknown_space_names_the_nearest():
    with pytest.raises(ValueError, match=r"`smok` is not a space of the family blur .* did you mean `smoke`\?"):
        search_spaces.load("blur", "smok")


def test_an_unknown_family_names_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean `blur`\?"):
        search_spaces.load("blurr", "smoke")


def test_listing_the_spaces_imports_neither_ray_nor_torch_nor_numpy():
    code = (
        "import sys, search_spaces; search_spaces.names(); "
        "print(sorted({'ray', 'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


MY_SPACE = """
from __future__ import annotations

from ray import tune

from search_spaces import Budget, Protocol, SearchSpace


def space() -> SearchSpace:
    return SearchSpace(
        family="blur",
        name="sigma-and-lr",
        summary="how much blur does the small network bear?",
        parameters={"sigma": tune.choice([0.5, 1, 2]), "lr": tune.loguniform(1e-3, 1e-1)},
        fixed={"mode": "mix"},
        baseline={"sigma": 1, "lr": 0.01},
        budget=Budget(epochs=9, grace=1, trials=12),
        protocol=Protocol(dataset="digits"),
    )
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "my_space.py"
    path.write_text(text)
    return path


def test_a_users_file_is_a_search_space_like_any_other(tmp_path):
    space = search_spaces.load_file(write(tmp_path, MY_SPACE))
    assert space.problems() == []
    assert {config["mode"] for config in space.configurations(0, 12)} == {"mix"}
    assert list(tmp_path.iterdir()) == [tmp_path / "my_space.py"]  # no bytecode beside the user's file


def test_a_users_file_imports_what_lies_beside_it_and_installed_modules_go_first(tmp_path):
    (tmp_path / "my_ranges.py").write_text("LARGEST = 0.5\n")
    (tmp_path / "numbers.py").write_text("raise ImportError('the file of the user')\n")
    text = MY_SPACE.replace("from ray", "import numbers\n\nfrom my_ranges import LARGEST\nfrom ray").replace(
        "1e-1", "LARGEST"
    )
    before = list(sys.path)
    assert search_spaces.load_file(write(tmp_path, text)).problems() == []
    assert sys.path == before
    assert not (tmp_path / "__pycache__").exists()


def test_the_example_in_the_docstring_of_space_is_this_one():
    import search_spaces.space as module

    example = module.__doc__.split("defines `space()`:\n")[1]
    assert example.split() == MY_SPACE.replace("from __future__ import annotations\n", "").split()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "does not define the function space(); add one that returns a SearchSpace"),
        ("space = 3", "does not define the function space()"),
        ("def space():\n    return 3", "returns int, but must return a SearchSpace"),
        ("def space():\n    return 1 / 0", ", line 2, raises ZeroDivisionError: division by zero; fix the file"),
        ("import search_spaces\n\nsearch_spaces.load('blur', 'x')", ", line 3, raises ValueError: `x` is not a space"),
        ("def space(:\n    pass", ", line 1, raises SyntaxError"),
        ("raise SystemExit(3)", ", line 1, raises SystemExit: 3"),
        ("import no_such_module", ", line 1, raises ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_broken_file_is_one_sentence_with_its_line(tmp_path, text, sentence):
    with pytest.raises(ValueError, match=r"my_space\.py") as error:
        search_spaces.load_file(write(tmp_path, text))
    assert sentence in str(error.value)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"there is no search space file .*none\.py"):
        search_spaces.load_file(tmp_path / "none.py")


def test_the_hint_of_the_cost_holds_until_a_knob_it_was_measured_with_is_set_otherwise():
    budget = dataclasses.replace(BUDGET, seconds_per_replicate_epoch=0.5)
    space = make(fixed={"image_size": 16}, budget=budget)
    for changes in ({"lr": 0.1}, {"epochs": 20}, {"image_size": 16}, {"dataset": "digits"}, {}):
        assert space.with_overrides(changes).budget.seconds_per_replicate_epoch == 0.5
    for changes in ({"image_size": 32}, {"dataset": "cifar10"}, {"train_images": 100}, {"arch": "resnet18"}):
        assert space.with_overrides(changes).budget.seconds_per_replicate_epoch is None
