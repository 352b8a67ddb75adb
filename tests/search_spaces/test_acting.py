"""Every drawn knob acts: what a family calls inert changes nothing in training, what acts does, and no space draws the first."""

from typing import Any

import pytest
import torch
from ray import tune

import search_spaces
from search_spaces.overrides import parse_all
from search_spaces.space import Budget, Protocol, SearchSpace
from trainables import families
from trainables.trial.lockstep import LockStep

SPACES = [(family, name) for family in families.names() for name in search_spaces.names(family)]


def drawn(space, seed=0):
    """Whole configurations, and the knobs that were drawn for each."""
    model = families.config_class(space.family)
    for values in space.configurations(seed, space.budget.trials):
        yield model(**values), set(values) - space.settings.keys()


@pytest.mark.parametrize(("family", "name"), SPACES)
def test_every_drawn_knob_acts_in_every_drawn_configuration(family, name):
    for config, knobs in drawn(search_spaces.load(family, name)):
        assert not knobs & config.inert, config


@pytest.mark.parametrize(
    ("family", "name", "texts"),
    [
        ("deconv", "search", ["revision=2019", "mode=choice(1,2,3,4,5)", "num_groups=choice(8,16,32)"]),
        ("deconv", "search", ["stem_n_iter=choice(5,10)"]),  # ResNets have no such stem
        ("deconv", "search", ["arch=vgg11", "block_fc=0", "stem_n_iter=choice(5,10)", "freeze_iter=choice(10,100)"]),
        ("deconv", "search", ["lr_schedule=choice(cosine,multistep)", "milestone=choice(0.3,0.4)"]),
        ("deconv", "search", ["optimizer=adam", "momentum=choice(0.8,0.9)"]),
        ("deconv", "search", ["arch=mlp"]),
        ("imagenet", "search", ["optimizer=choice(adam,sgd,rmsprop)"]),
        (
            "bn_only",
            "search",
            ["trainable_set=choice(bn,output,random_k)", "k=choice(1,2)", "bn_weight_decay=choice(0.0,0.1)"],
        ),
        ("online_norm", "search", ["norm_mode=choice(online,batch,group)"]),
        ("blur", "search", ["lr_schedule=choice(constant,step)", "lr_step=choice(10,20)"]),
    ],
)
def test_nor_is_an_inert_knob_drawn_beside_what_a_user_sets(family, name, texts):
    space = search_spaces.load(family, name).with_overrides(parse_all(texts))
    assert space.problems() == []
    for config, knobs in drawn(space):
        assert not knobs & config.inert, config


def test_the_code_of_2019_is_searched_with_its_own_blocks_and_a_whitened_end():
    texts = ["revision=2019", "mode=choice(1,2,3,4,5)", "num_groups=choice(8,16,32)", "norm=deconv"]
    space = search_spaces.load("deconv", "search").with_overrides(parse_all(texts))
    configs = [config for config, _ in drawn(space)]
    assert {config.block_fc for config in configs} == {0, 64, 512}
    assert {config.mode for config in configs} == {1, 2, 3, 4, 5}
    assert all("block" not in values for values in space.configurations(0, 20))
    assert all(("num_groups" in values) == (values["mode"] != 2) for values in space.configurations(0, 20)[1:])


def test_a_space_of_a_users_own_draws_no_inert_knob_either():
    space = SearchSpace(
        family="deconv",
        name="own",
        summary="",
        parameters={"mode": tune.choice([1, 2]), "block": tune.choice([8, 16]), "num_groups": tune.choice([8, 16])},
        fixed={"revision": 2019, "norm": "deconv"},
        baseline={"mode": 1, "num_groups": 16, "block": 8},
        budget=Budget(epochs=2, grace=1, trials=3),
        protocol=Protocol(dataset="digits"),
    )
    found = [(c["mode"], c.get("num_groups"), "block" in c) for c in space.configurations(0, 3)]
    assert found[0] == (1, 16, False)
    assert set(found) == {(1, 16, False), (1, 8, False), (2, None, False)}


# What `inert` says is so: one epoch of a tiny network, with the knob changed

TINY: dict[str, Any] = {"dataset": "digits", "image_size": 8, "train_images": 60, "epochs": 1, "batch_size": 18}
VGG = {"arch": "vgg_tiny", "num_groups": 8, "block_fc": 16}
ONLINE = {"depth": 8}
CASES = {
    "deconv 2020": ("deconv", {**VGG, "norm": "deconv"}),
    "deconv 2020, channels before the classifier": ("deconv", {**VGG, "norm": "deconv", "delinear": False}),
    "deconv 2020, nothing at the end": ("deconv", {**VGG, "norm": "deconv", "block_fc": 0}),
    "deconv 2020, bn": ("deconv", {"arch": "vgg_tiny", "norm": "bn"}),
    "deconv 2020, bn and a whitened end": ("deconv", {"arch": "vgg_tiny", "norm": "bn", "block_fc": 16}),
    **{
        f"deconv 2019, mode {mode}": ("deconv", {"arch": "vgg_tiny", "revision": 2019, "norm": "deconv", **given})
        for mode in (1, 2, 3, 4, 5)
        for given in [{"mode": mode, "num_groups": 8, "block_fc": 0, "batch_size": 18}]
    },
    "deconv 2019, bn": ("deconv", {"arch": "vgg_tiny", "revision": 2019, "norm": "bn", "batch_size": 18}),
    "deconv mlp": ("deconv", {"arch": "mlp", "norm": "deconv"}),
    "online": ("online_norm", ONLINE),
    "online, clamped": ("online_norm", {**ONLINE, "norm_mode": "online", "ecm": "ac", "clamp_val": 1.0}),
    "online, scaled": ("online_norm", {**ONLINE, "norm_mode": "online"}),
    "group": ("online_norm", {**ONLINE, "norm_mode": "group"}),
    "bn only": ("bn_only", {"depth": 8}),
    "nothing": ("bn_only", {"depth": 8, "trainable_set": "none"}),
    "random k": ("bn_only", {"depth": 8, "trainable_set": "random_k"}),
    "sharp": ("blur", {}),
    "mix": ("blur", {"mode": "mix"}),
    "random mix": ("blur", {"mode": "random-mix"}),
    "lenet": ("imagenet", {"image_size": 32}),
}
# knob -> another value
OTHER: dict[str, dict[str, Any]] = {
    "deconv": {
        **{"block": 2, "num_groups": 2, "delinear": False, "n_iter": 2, "eps": 0.1, "sampling_stride": 1},
        **{"stem_n_iter": 2, "freeze_iter": 1, "milestone": 0.1, "multistep_gamma": 0.5, "momentum": 0.5},
    },
    "online_norm": {"afwd": 0.5, "abkw": 0.6, "ecm": "none", "ls_eps": 0.1, "clamp_val": 0.5, "gn_num_groups": 2},
    "bn_only": {"lr": 0.3, "momentum": 0.1, "weight_decay": 0.5, "k": 1, "gamma_init": "ones", "bn_weight_decay": 0.5},
    "blur": {"sigma": 2.0, "min_sigma": 1.0, "max_sigma": 9.0, "blurred_fraction": 0.9, "init_sigma": 3.0},
    "imagenet": {"momentum": 0.2, "rmsprop_eps": 0.1, "rmsprop_alpha": 0.5, "weight_decay": 0.3},
}


def trained(family, knobs):
    """Weights after an epoch of three batches, and the loss of validation."""
    trial = LockStep(family, {**TINY, **knobs}, seed=0, replicates=1)
    result = trial.step()
    assert not result["failures"], result["failures"][0]["traceback"]
    state = trial.crew.replicates[0].model.state_dict()
    return torch.cat([value.double().flatten() for value in state.values()]), result["val_loss"]


# A second each.
SLOW = {case for case in CASES if case.startswith("deconv")} - {"deconv 2020", "deconv 2019, mode 2"}


@pytest.mark.parametrize("case", [pytest.param(c, marks=[pytest.mark.slow] if c in SLOW else []) for c in CASES])
def test_a_knob_acts_in_training_exactly_where_the_family_says_so(case):
    family, knobs = CASES[case]
    config = families.config_class(family)(**{**TINY, **knobs})
    weights, loss = trained(family, knobs)
    for knob, value in OTHER[family].items():
        if knob == "delinear" and config.delinear is None:
            continue  # not even accepted in 2019
        if getattr(config, knob) == value:
            continue
        changed, its_loss = trained(family, {**knobs, knob: value})
        same = changed.shape == weights.shape and bool(torch.equal(changed, weights)) and its_loss == loss
        assert same == (knob in config.inert), knob
