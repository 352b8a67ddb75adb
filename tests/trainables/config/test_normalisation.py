"""What images are normalised with: each original's constants by family and dataset, and what older records meant."""

import numpy as np
import pytest
import torch

from trainables import families
from trainables.config import earlier, normalisation
from trainables.datasets.arrays import Arrays, DatasetError
from trainables.images import opened

CIFAR10, CIFAR100 = (0.4914, 0.4822, 0.4465), (0.5071, 0.4865, 0.4409)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize(
    ("family", "dataset", "expected"),
    [
        ("blur", "cifar10", HALF),
        ("bn_only", "cifar10", HALF),
        ("online_norm", "cifar10", (CIFAR10, (0.2470, 0.2435, 0.2616))),
        ("online_norm", "cifar100", (CIFAR100, (0.2673, 0.2564, 0.2762))),
        ("deconv", "cifar10", (CIFAR10, (0.2023, 0.1994, 0.2010))),
        ("deconv", "cifar100", (CIFAR100, (0.2009, 0.1984, 0.2023))),
        ("imagenet", "mnist:/data", ((0.1307,), (0.3081,))),
        ("deconv", "mnist:/data", ((0.1307,), (0.3081,))),
        *((family, "imagenet:/data", IMAGENET) for family in families.names()),
        *((family, "imagenet16:/data", IMAGENET) for family in families.names()),
        *((family, "folder:/data", HALF) for family in families.names()),
    ],
)
def test_each_family_normalises_as_its_original_published(family, dataset, expected):
    config = families.config_class(family)(dataset=dataset)
    assert normalisation.constants(config.constants, len(expected[0])) == expected


def test_a_folder_with_a_network_for_imagenet_has_imagenets_constants():
    for family, arch in (("deconv", "resnet18d"), ("online_norm", "resnet50")):
        assert families.config_class(family)(dataset="folder:/data", arch=arch).constants == "imagenet"


def test_other_constants_can_be_set_and_must_fit_the_channels():
    config = families.config_class("bn_only")(dataset="cifar10", normalisation="imagenet")
    assert normalisation.constants(config.constants, 3) == IMAGENET
    assert normalisation.constants("half", 1) == ((0.5,), (0.5,))
    with pytest.raises(
        ValueError, match="`normalisation` is 'cifar10', which is for images of 3 channels, but these have 1; "
    ):
        normalisation.constants("cifar10", 1)
    config = families.config_class("bn_only")(normalisation="cifar10")
    with pytest.raises(DatasetError, match="`normalisation` is 'cifar10'"):
        opened.open_images(config, "cpu")


def test_batches_are_normalised_with_the_configurations_constants(monkeypatch):
    pixels, labels = np.full((20, 3, 4, 4), 255, np.uint8), np.arange(20) % 2
    arrays = Arrays("cifar10", pixels, labels, pixels, labels, ("a", "b"), "0")
    monkeypatch.setattr(opened.datasets, "load", lambda *_: arrays)
    for given, expected in (("published", 1 - torch.tensor(CIFAR10)), ("half", torch.ones(3))):
        opened.forget()
        config = families.config_class("online_norm")(dataset="cifar10", normalisation=given, batch_size=2)
        images, _ = next(opened.open_images(config, "cpu").validation_batches())
        deviation = torch.tensor((0.2470, 0.2435, 0.2616)) if given == "published" else torch.ones(3)
        torch.testing.assert_close(images[0, :, 0, 0], expected / deviation)
    opened.forget()


def test_what_an_older_record_leaves_out_means_what_it_meant():
    assert earlier.completed("deconv", {"dataset": "cifar10"})["normalisation"] == "half"
    assert earlier.completed("deconv", {"dataset": "imagenet:/data"})["normalisation"] == "imagenet"
    blur = families.config_class("blur")(**earlier.completed("blur", {"dataset": "imagenet:/data"}))
    assert (blur.arch, blur.batch_size, blur.lr_schedule, blur.augmentation) == ("small_cnn", 64, "constant", "none")
    online = families.config_class("online_norm")(**earlier.completed("online_norm", {"dataset": "imagenet:/data"}))
    assert (online.arch, online.augmentation, online.epochs) == ("resnet18", "flip", 90)
    knobs = {"dataset": "imagenet:/data", "arch": "resnet50"}
    frozen = families.config_class("bn_only")(**earlier.completed("bn_only", knobs))
    assert (frozen.augmentation, frozen.warmup_epochs, frozen.lr) == ("flip", 0, 0.4)


@pytest.mark.parametrize("family", families.names())
def test_a_record_of_today_is_taken_as_it_is(family):
    config = {"dataset": "imagenet:/data", **earlier.SAID}
    assert earlier.completed(family, config) == config
    whole = families.config_class(family)(**config).model_dump(mode="json")
    assert earlier.completed(family, whole) == whole
