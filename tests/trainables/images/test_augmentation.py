"""Crops and mirror images of a batch are those of torchvision, image by image, with the same draws."""

import itertools

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as vision
from PIL import Image

from trainables.images.augmentation import colour_jitter, crop_flip, flip, lighting


def random_batch(count: int, channels: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, height, width), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("padding", [1, 4, 40])
def test_each_image_is_torchvisions_crop_and_flip_at_the_same_offsets(padding: int) -> None:
    images = random_batch(64, 3, 32, 32)
    generator = torch.Generator().manual_seed(1)
    tops, lefts = torch.randint(0, 2 * padding + 1, (2, 64), generator=generator)
    flips = torch.arange(64) % 2 == 0
    tops[:2], lefts[:2] = torch.tensor([0, 2 * padding]), torch.tensor([2 * padding, 0])  # the far corners
    batch = crop_flip(images, tops, lefts, flips, padding)
    assert batch.dtype == torch.uint8
    for i, image in enumerate(images):
        pil = vision.pad(Image.fromarray(image.permute(1, 2, 0).numpy()), padding)
        pil = vision.crop(pil, int(tops[i]), int(lefts[i]), 32, 32)
        reference = np.asarray(vision.hflip(pil) if flips[i] else pil)
        assert (batch[i].permute(1, 2, 0).numpy() == reference).all()


def test_offsets_in_the_middle_leave_the_image_as_it_is() -> None:
    images = random_batch(3, 1, 16, 16)
    middle = torch.full((3,), 4)
    assert torch.equal(crop_flip(images, middle, middle, torch.zeros(3, dtype=torch.bool), 4), images)


def test_images_need_not_be_square() -> None:
    images = random_batch(2, 3, 5, 9)
    batch = crop_flip(images, torch.tensor([0, 2]), torch.tensor([2, 1]), torch.tensor([False, False]), 1)
    assert torch.equal(batch[0, :, 1:, :-1], images[0, :, :-1, 1:])
    assert torch.equal(batch[1, :, :-1], images[1, :, 1:])


def test_flip_mirrors_only_the_images_it_is_told_to() -> None:
    images = random_batch(2, 3, 8, 8)
    mirrored = flip(images, torch.tensor([True, False]))
    assert torch.equal(mirrored[0], images[0].flip(-1))
    assert torch.equal(mirrored[1], images[1])


@pytest.mark.parametrize("channels", [1, 3])
def test_colours_are_torchvisions_in_some_order_of_the_three_for_each_image(channels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(40, channels, 6, 6, generator=generator)
    jittered = colour_jitter(images, 0.3, torch.Generator().manual_seed(1))
    factors = 1 + 0.3 * (2 * torch.rand(3, 40, generator=torch.Generator().manual_seed(1)) - 1)
    changes = (vision.adjust_brightness, vision.adjust_contrast, vision.adjust_saturation)
    orders = set()
    for image, result, values in zip(images, jittered, factors.T.tolist(), strict=True):
        for order in itertools.permutations(range(3)):
            expected = image
            for change in order:
                expected = changes[change](expected, values[change])
            if torch.allclose(result, expected, atol=1e-5):
                orders.add(order)
                break
        else:
            pytest.fail("no order of the three changes gives this image")
    assert len(orders) > 3 or channels == 1


def test_lighting_adds_one_colour_to_an_image_along_the_principal_components() -> None:
    images = torch.rand(500, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    changed = lighting(images, 0.05, torch.Generator().manual_seed(0))
    added = changed - images
    torch.testing.assert_close(added, added[:, :, :1, :1].expand_as(added), atol=1e-6, rtol=0)
    colours = added[:, :, 0, 0].double()
    vectors = torch.tensor(
        [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
    ).double()
    along = colours @ vectors  # the components are orthonormal, to four digits
    deviations = 0.05 * torch.tensor([0.2175, 0.0188, 0.0045]).double()
    assert along.std(0).tolist() == pytest.approx(deviations.tolist(), rel=0.1)
    assert along.mean(0).abs().max() < 0.002


def test_a_worker_lights_its_part_of_a_batch_as_one_process_does() -> None:
    images = torch.rand(8, 3, 2, 2)
    whole = lighting(images, 0.1, torch.Generator().manual_seed(0))
    part = lighting(images[1::2], 0.1, torch.Generator().manual_seed(0), range(1, 8, 2))
    assert torch.equal(part, whole[1::2])
