"""The images of a configuration are opened once per process, whichever trial asks for them."""

import torch

from trainables import datasets
from trainables.config.training import TrainingConfig
from trainables.images import opened
from trainables.images.opened import open_images

CPU = torch.device("cpu")


def test_digits_have_one_channel_and_ten_classes() -> None:
    data = open_images(TrainingConfig(), "cpu")
    assert (data.channels, data.image_size, data.num_classes) == (1, 16, 10)
    assert (data.train_size, data.validation_size, data.test_size) == (1298, 144, 355)
    assert data.fingerprint == datasets.load("digits").fingerprint


def test_a_process_loads_the_same_data_once_and_keeps_two() -> None:
    opened._opened.cache_clear()
    first = open_images(TrainingConfig(lr=0.1), CPU)
    assert open_images(TrainingConfig(lr=0.2, epochs=3), "cpu") is first
    assert open_images(TrainingConfig(image_size=32), CPU) is not first
    assert open_images(TrainingConfig(), CPU) is first
    open_images(TrainingConfig(train_images=100), CPU)
    open_images(TrainingConfig(selection="test"), CPU)
    assert opened._opened.cache_info().currsize == 2
    assert open_images(TrainingConfig(), CPU) is not first
