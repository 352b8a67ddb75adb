"""The options of a budget are defined once: bounds, remedies and the sentence of `--set` follow from the definition."""

import dataclasses

import pytest

import search_spaces
from search_spaces import Budget
from search_spaces.budget import OPTIONS, Number, flag, numbers, written

SPACE = search_spaces.load("blur", "smoke")
NUMBERS = ("3", float("nan"), -1)
WRONG = {True: (*NUMBERS, 0, 10**9, True, 1.5), False: NUMBERS, None: (3, True)}  # by whether it is a whole number


def test_every_field_of_a_budget_is_an_option_but_the_measured_cost():
    fields = {field.name for field in dataclasses.fields(Budget)}
    assert fields - OPTIONS.keys() == {"seconds_per_replicate_epoch"}


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "epochs"])
def test_an_option_that_is_set_like_a_knob_is_answered_with_its_own_name(name):
    value = "spread" if name == "placement" else 3
    said = SPACE.with_overrides({name: value}).problems()
    assert said == [f"`{name}` is not a knob but part of the budget; use {flag(name)}"]


def wrong_values():
    for name, option in OPTIONS.items():
        for value in WRONG[option.rule.whole if isinstance(option.rule, Number) else None]:
            yield pytest.param(name, value, id=f"{name}={value!r}")


@pytest.mark.parametrize(("name", "value"), list(wrong_values()))
def test_a_value_that_an_option_cannot_have_is_a_sentence_with_its_remedy(name, value):
    budget = dataclasses.replace(SPACE.budget, **{name: value})
    said = dataclasses.replace(SPACE, budget=budget).problems()
    assert any(f"`{name}` is {value}" in each or f"`{name}` is {value!r}" in each for each in said), said
    assert any(flag(name) in each for each in said)


def test_what_is_no_option_is_no_change_of_a_budget():
    with pytest.raises(TypeError, match="a budget has no option seconds_per_replicate_epoch; it has epochs, grace"):
        SPACE.with_budget(seconds_per_replicate_epoch=1.0)


SEEDS = [
    ({"seeds": (1, 3)}, (1, 3), 3),
    ({"seeds": [1, 5]}, (1, 5), 5),
    ({"seeds": (1, 7), "replicates": 7}, (1, 7), 7),
    ({"replicates": 3}, None, 3),
    ({"grace": 9}, None, 5),
]


@pytest.mark.parametrize(("given", "seeds", "replicates"), SEEDS)
def test_the_last_of_the_seeds_by_rung_is_how_many_replicates_there_are(given, seeds, replicates):
    space = dataclasses.replace(SPACE, budget=dataclasses.replace(SPACE.budget, seeds=(1, 1, 5)))
    changed = space.with_budget(**given)
    assert (changed.budget.seeds, changed.budget.replicates) == (seeds, replicates)
    assert changed.problems() == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seeds": (3, 1)}, "`seeds` is 3,1, but none may be smaller than the one before it; change --seeds"),
        ({"seeds": (0,)}, "`seeds` is 0, but each must be at least 1; raise it in --seeds"),
        ({"seeds": (-1, 2)}, "`seeds` is -1,2, but each must be at least 1; raise it in --seeds"),
        ({"seeds": ()}, "`seeds` is (), but must be whole numbers such as 1,1,3,5; set --seeds"),
        ({"seeds": (1, 2.5)}, "`seeds` is (1, 2.5), but must be whole numbers such as 1,1,3,5; set --seeds"),
        ({"seeds": "1;5"}, "`seeds` is '1;5', but must be whole numbers such as 1,1,3,5; set --seeds"),
        (
            {"seeds": (1, 7)},
            "`seeds` is 1,7, but must end with at most the `replicates` (5); change --seeds or give --replicates 7",
        ),
        (
            {"seeds": (1, 3), "replicates": 5},
            "`seeds` is 1,3, but must end with the `replicates` (5); change --seeds or give --replicates 3",
        ),
    ],
)
def test_seeds_by_rung_that_cannot_be_are_one_sentence_with_its_remedy(given, said):
    assert SPACE.with_budget(**given).problems() == [said]


def test_numbers_are_read_from_a_text_and_written_as_they_are_read():
    assert numbers("1, 1,3,5") == (1, 1, 3, 5)
    assert written(numbers("1,1,3,5")) == "1,1,3,5"
    assert [numbers(text) for text in ("", "1,,3", "1,x", "²")] == ["", "1,,3", "1,x", "²"]
