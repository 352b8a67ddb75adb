"""What each trial is given: by the budget, by a rule of the space, split over workers."""

import dataclasses

import pytest
from ray import tune

from search_spaces import Allocation, Budget, Protocol, SearchSpace
from tests.tuner.experiments import made_up
from tuner.experiment.directory import describe
from tuner.experiment.request import Request
from tuner.machines.allocation import Allocator, Share
from tuner.records.manifest import Manifest, as_json

WIDE, NARROW = {"arch": "resnet50"}, {"arch": "small_cnn"}


def make(**budget):
    return SearchSpace(
        family="blur",
        name="test",
        summary="a space for tests",
        parameters={"lr": tune.loguniform(1e-3, 1e-1)},
        baseline={},
        budget=Budget(**{"epochs": 9, "grace": 1, "trials": 4, "cpus_per_trial": 2, "gpus_per_trial": 0.25, **budget}),
        protocol=Protocol("digits"),
        allocations=(Allocation({"arch": ("resnet50", "vgg16")}, gpus=1),),
    )


def test_a_wide_network_takes_a_whole_card_and_a_narrow_one_the_budgets_quarter():
    allocator = Allocator.of_space(make())
    assert allocator.share(WIDE) == Share(2, 1)
    assert allocator.share(NARROW) == Share(2, 0.25)


def test_a_knob_that_is_left_out_has_its_default():
    space = dataclasses.replace(make(), allocations=(Allocation({"arch": ("small_cnn",)}, cpus=1),))
    assert Allocator.of_space(space).share({}) == Share(1, 0.25)


def test_a_share_given_for_the_whole_search_is_everyones():
    allocator = Allocator.of_space(make().with_budget(gpus_per_trial=0))
    assert allocator.share(WIDE) == allocator.share(NARROW) == Share(2, 0)


def test_spread_replicates_divide_the_share_and_never_ask_for_more_than_it():
    assert Allocator.of_space(make(placement="spread")).share(WIDE) == Share(0.4, 0.2, workers=5)
    thirds = Allocator.of_space(make(placement="spread", replicates=3, gpus_per_trial=1)).share(NARROW)
    assert thirds == Share(0.6666, 0.3333, workers=3)


def test_replicates_on_several_cards_each_take_whole_ones_whatever_a_rule_says():
    packed = make().with_budget(gpus_per_replicate=4)
    assert packed.problems() == []
    assert packed.budget.gpus_per_trial == 4
    for config in (WIDE, NARROW):
        assert Allocator.of_space(packed).share(config) == Share(0.5, 1, workers=4, team=4)
    spread = make().with_budget(gpus_per_replicate=2, placement="spread", replicates=3)
    assert Allocator.of_space(spread).share(WIDE) == Share(0.3333, 1, workers=6, team=2)
    assert Allocator.of_space(make().with_budget(gpus_per_replicate=1)).share(WIDE) == Share(2, 1)
    manifest = Manifest.model_validate(as_json(describe(Request("blur", spread).checked(), "x", {}).content()))
    assert Allocator.of_manifest(manifest).share(WIDE) == Allocator.of_space(spread).share(WIDE)
    manifest.budget.replicates = 5
    assert Allocator.of_manifest(manifest).share(WIDE) == Share(0.2, 1, workers=10, team=2)


def test_a_card_type_is_asked_for_by_trials_that_want_a_card():
    space = make(accelerator_type="A10G")
    assert Allocator.of_space(space).share(WIDE).accelerator_type == "A10G"
    assert Allocator.of_space(space.with_budget(gpus_per_trial=0)).share(WIDE).accelerator_type is None


def test_a_manifest_allocates_as_its_space_did():
    space = make(placement="spread")
    manifest = Manifest.model_validate(as_json(describe(Request("blur", space).checked(), "x", {}).content()))
    for config in (WIDE, NARROW):
        assert Allocator.of_manifest(manifest).share(config) == Allocator.of_space(space).share(config)


def test_a_manifest_of_before_there_were_rules_is_packed():
    manifest = made_up({"cpus_per_trial": 1, "gpus_per_trial": 0})
    assert Allocator.of_manifest(manifest).share(WIDE) == Share(1, 0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"gpus_per_replicate": 0},
            "`gpus_per_replicate` is 0, but must be a whole number of at least 1; set --gpus-per-replicate",
        ),
        (
            {"gpus_per_replicate": 2, "gpus_per_trial": 3},
            "`gpus_per_trial` is 3, but with `gpus_per_replicate` 2 and packed replicates a trial takes 2; leave "
            "--gpus-per-trial out",
        ),
        (
            {"gpus_per_replicate": 2, "strategy": "graph"},
            "`strategy` is graph, but a replicate on 2 GPUs sums over its workers within a step, which no captured step "
            "can; leave --strategy or --gpus-per-replicate out",
        ),
        ({"placement": "heap"}, "`placement` is 'heap', but must be packed or spread; set --placement"),
        (
            {"placement": "spread", "gpus_per_trial": 7},
            "`gpus_per_trial` is 7, but spread over 5 replicates must leave each at most 1 or a whole number; "
            "set --gpus-per-trial",
        ),
    ],
)
def test_a_placement_that_cannot_be_is_a_problem_of_the_space(changes, sentence):
    assert make(**changes).problems() == [sentence]


def test_a_rule_about_an_unknown_knob_or_without_a_tuple_is_a_problem():
    rules = (Allocation({"width": (2,)}, gpus=1), Allocation({"arch": "vgg16"}, gpus=-1))
    said = "\n".join(dataclasses.replace(make(), allocations=rules).problems())
    assert "`width` is not a knob of the family blur" in said
    assert "`arch` is 'vgg16' in allocation 2, but must be a tuple of values; write ('vgg16',)" in said
    assert "`gpus_per_trial` is -1 (in allocation 2), but must be at least 0" in said
