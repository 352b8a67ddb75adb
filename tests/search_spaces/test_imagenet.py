"""The spaces of the imagenet family."""

import search_spaces
from search_spaces.overrides import parse_all
from trainables.config.imagenet import OF_MODELS, TRAINING, ImageNetConfig
from tuner.rules.ranking import rungs


def load(name):
    return search_spaces.load("imagenet", name)


def configurations(name, count=None):
    space = load(name)
    return space.configurations(0, count or space.budget.trials)


def test_smoke_starts_from_lenet_as_published():
    baseline = ImageNetConfig(**configurations("smoke", 1)[0])
    published = ImageNetConfig(dataset="digits", epochs=9)
    assert baseline == published


def test_knobs_appear_beside_the_models_that_have_them():
    searched = [knob for knob in OF_MODELS if knob in load("search").parameters]
    assert len(searched) == len(OF_MODELS) - 1  # all but the place of a bottleneck's stride
    for config in configurations("search", 80):
        for knob in searched:
            assert (knob in config) == (config["model"] in OF_MODELS[knob])
        assert ("momentum" in config) == (config["model"] != "mobilenet_v1")
        assert ("rmsprop_eps" in config) == (config["model"] == "mobilenet_v1")
        assert ("plateau_patience" in config) == (config["lr_schedule"] == "plateau")
        assert ("lrn_k" in config) == (config.get("lrn") in ("5", "channels"))


def test_the_learning_rate_is_searched_around_each_models_own():
    drawn = [ImageNetConfig(**config) for config in configurations("search", 80)]
    assert {config.model for config in drawn} == set(TRAINING) - {"lenet5", "resnet18_projection"}
    for config in drawn:
        assert config.lr == TRAINING[config.model]["lr"]
        assert 0.1 <= config.lr_multiple <= 5


def test_paper_is_the_published_runs_with_their_figures():
    space, drawn = load("paper"), [ImageNetConfig(**config) for config in configurations("paper")]
    assert rungs(space.budget.epochs, space.budget.grace, space.budget.reduction) == (200,)
    assert space.protocol.selection == "test"
    for config in drawn:
        assert (config.lr, config.input_scale, config.image_size) == (TRAINING[config.model]["lr"], "raw255", 224)
        [top1, top5] = [row for row in space.published if row.when["model"] == config.model]
        assert 0.5 < top1.value < top5.value < 1
        assert (top1.metric, top5.metric, top1.at) == ("val_accuracy", "val_top5_accuracy", "best")
    [resnet] = [config for config in drawn if config.model == "resnet18"]
    assert (resnet.batch_size, resnet.plateau_metric) == (512, "loss")


def test_smoke_can_be_asked_of_alexnet_on_a_folder():
    knobs = {"dataset": "folder:/data", "model": "alexnet_v2", "image_size": 64, "optimizer": "sgd"}
    space = load("smoke").with_overrides({**knobs, **parse_all(["lrn=choice(off,5,channels)"])})
    assert space.problems() == []
    assert {ImageNetConfig(**config).model for config in space.configurations(0, 8)} == {"alexnet_v2"}
