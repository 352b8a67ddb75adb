"""Every space of every family: without problems, its configurations valid and distinct."""

import pytest

import search_spaces
from trainables import families

SPACES = [(family, name) for family, names in search_spaces.names().items() for name in names]


@pytest.mark.parametrize(("family", "name"), SPACES)
def test_a_shipped_space_has_no_problems(family, name):
    assert search_spaces.load(family, name).problems() == []


@pytest.mark.parametrize(("family", "name"), SPACES)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_configuration_is_valid_and_distinct(family, name, seed):
    space, config_class = search_spaces.load(family, name), families.config_class(family)
    drawn = space.configurations(seed, space.budget.trials)
    assert len({config_class(**config).model_dump_json() for config in drawn}) == space.budget.trials
