"""The configuration of the classic models: each model's published values, and what contradicts itself."""

import pytest
from pydantic import ValidationError

from trainables.config.imagenet import ImageNetConfig
from trainables.config.training import problems
from trainables.models.imagenet import BUILDERS

# model -> batch, optimizer, lr, weight decay, schedule, epochs
PUBLISHED = {
    "lenet5": (64, "adam", 0.001, 0, "plateau", 50),
    "alexnet_v1": (128, "sgd", 0.01, 5e-4, "plateau", 200),
    "alexnet_v2": (128, "sgd", 0.01, 5e-4, "plateau", 200),
    "vgg16": (128, "sgd", 0.01, 5e-4, "step", 200),
    "vgg19": (64, "sgd", 0.01, 5e-4, "step", 200),
    "resnet18": (256, "sgd", 0.1, 1e-4, "plateau", 200),
    "resnet18_projection": (256, "sgd", 0.1, 1e-4, "plateau", 200),
    "resnet34": (256, "sgd", 0.1, 1e-4, "plateau", 200),
    "resnet50": (256, "sgd", 0.1, 1e-4, "plateau", 200),
    "resnet152": (256, "sgd", 0.1, 1e-4, "plateau", 200),
    "inception_v1": (128, "sgd", 0.01, 2e-4, "poly", 200),
    "mobilenet_v1": (128, "rmsprop", 0.045, 0, "step", 200),
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_a_model_has_its_published_training_configuration(model):
    config = ImageNetConfig(model=model)
    found = (config.batch_size, config.optimizer, config.lr, config.weight_decay, config.lr_schedule, config.epochs)
    assert found == PUBLISHED[model]
    assert config.jitter == (0.2 if model in ("vgg19", "resnet50", "mobilenet_v1") else 0)
    assert config.input_scale == "unit"


def test_every_network_has_a_configuration():
    assert PUBLISHED.keys() == BUILDERS.keys()


def test_lenet_is_the_default_and_its_defaults_are_those_shown():
    shown = {name: field.default for name, field in ImageNetConfig.model_fields.items()}
    assert ImageNetConfig().model_dump() == shown | {"image_size": 32}


def test_other_optimizer_values_are_the_published_ones():
    mobilenet, alexnet = ImageNetConfig(model="mobilenet_v1"), ImageNetConfig(model="alexnet_v2")
    assert (mobilenet.rmsprop_alpha, mobilenet.rmsprop_eps, mobilenet.width) == (0.9, 1.0, 1.0)
    assert (alexnet.momentum, alexnet.plateau_patience, alexnet.lr_factor, alexnet.dropout) == (0.9, 10, 0.1, 0.5)
    inception = ImageNetConfig(model="inception_v1")
    assert (inception.dropout, inception.aux_weight, inception.init, inception.lrn) == (0.4, 0.3, "xavier", "channels")


def test_a_given_value_stands_and_every_value_is_recorded():
    config = ImageNetConfig(model="vgg16", lr=0.1, dropout=0)
    assert (config.lr, config.dropout, config.lr_schedule) == (0.1, 0, "step")
    assert ImageNetConfig(**config.model_dump()) == config


def test_imagenet_is_trained_at_224_pixels_and_other_images_at_their_own():
    assert ImageNetConfig(model="vgg16", dataset="imagenet:/data").image_size == 224
    assert ImageNetConfig(model="vgg16", dataset="folder:/data").image_size is None
    assert ImageNetConfig(model="vgg16", dataset="folder:/data").augmentation == "crop-flip"
    assert ImageNetConfig(model="vgg16", dataset="digits").augmentation == "none"


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({"model": "resnet18", "dropout": 0.5}, "`dropout` is 0.5, but resnet18 has none; leave it out"),
        ({"model": "vgg16", "lrn": "5"}, "`lrn` is '5', but vgg16 has none"),
        ({"model": "lenet5", "width": 2}, "`width` is 2.0, but lenet5 has none"),
        ({"model": "inception_v1", "aux_weight": None}, "`aux_weight` is none, but inception_v1 needs it"),
        ({"model": "resnet35"}, "`model` is 'resnet35', but must be 'lenet5', 'alexnet_v1'"),
        ({"jitter": 1}, "`jitter` is 1"),
    ],
)
def test_bad_knobs_are_refused_in_one_sentence(knobs, sentence):
    with pytest.raises(ValidationError) as caught:
        ImageNetConfig(**knobs)
    [said] = problems(caught.value)
    assert sentence in said
    assert "\n" not in said
