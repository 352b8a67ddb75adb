"""What a worker makes of a file: the same versions from the same seeds, the pixels that torchvision makes."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from trainables.images.decoder import Decoder, collated


def picture(width=80, height=60, mode="RGB"):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height)).convert(mode)


@pytest.fixture
def decoder(tmp_path):
    picture().save(tmp_path / "a.png")
    return Decoder([str(tmp_path / "a.png")], 28)


@pytest.mark.parametrize("size", [(80, 60), (33, 50), (32, 32), (500, 333), (300, 400)])
def test_the_evaluated_pixels_are_torchvisions_resize_and_centre_crop(size):
    image = picture(*size)
    expected = transforms.Compose([transforms.Resize(32), transforms.CenterCrop(28), transforms.PILToTensor()])(image)
    [version] = Decoder([], 28).versions(image, "none", (0,))
    assert torch.equal(version, expected)


def test_the_longer_side_is_rounded_down_and_224_pixels_come_from_256():
    for size, larger in (((300, 400), (256, 341)), ((333, 500), (256, 384))):
        image = picture(*size)
        crop = image.resize(larger, Image.Resampling.BILINEAR)
        left, top = round((larger[0] - 224) / 2), round((larger[1] - 224) / 2)
        expected = np.asarray(crop.crop((left, top, left + 224, top + 224)))
        [version] = Decoder([], 224).versions(image, "none", (0,))
        assert np.array_equal(version.permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("how", ["flip", "crop-flip", "resized-crop"])
def test_a_version_is_a_function_of_its_seed(decoder, how):
    number, versions = decoder[(0, how, (5, 6, 5, 7, 8, 9, 10, 11))]
    assert (number, versions.shape, versions.dtype) == (0, (8, 3, 28, 28), torch.uint8)
    assert torch.equal(versions[0], versions[2])
    different = len({version.numpy().tobytes() for version in versions})
    assert different == 2 if how == "flip" else different > 4
    assert torch.equal(decoder[(0, how, (7,))][1][0], versions[3])


def test_crops_are_taken_anywhere_from_the_larger_image():
    rows = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None, None], (32, 32, 3))
    versions = Decoder([], 28).versions(Image.fromarray(rows), "crop-flip", tuple(range(60)))
    assert {int(version[0, 0, 0]) for version in versions} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("mode", ["CMYK", "I;16", "L", "P", "RGBA"])
def test_other_kinds_of_images_become_rgb(tmp_path, mode):
    if mode == "I;16":
        levels = np.full((40, 40), 0x8080, dtype=np.uint16)
        Image.fromarray(levels).save(tmp_path / "a.png")
    else:
        Image.new("RGB", (40, 40), (128, 128, 128)).convert(mode).save(
            tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
        )
    [file] = tmp_path.iterdir()
    _, versions = Decoder([str(file)], 28)[(0, "none", (0,))]
    assert versions.shape == (1, 3, 28, 28)
    assert (versions.int() - 128).abs().max() <= (20 if mode == "P" else 1)  # a palette of few colours is dithered


def test_a_batch_leaves_out_what_cannot_be_decoded(decoder, tmp_path):
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "torn.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no image")
    broken = Decoder([str(tmp_path / name) for name in ("torn.png", "text.png")], 28)
    sentences = [broken[(number, "none", (0,))] for number in (0, 1)]
    assert "torn.png cannot be decoded" in sentences[0]
    assert "text.png cannot be decoded (it is not an image)" in sentences[1]
    versions, numbers, unreadable = collated([decoder[(0, "flip", (1, 2))], *sentences])
    assert (versions.shape, numbers.tolist(), unreadable) == ((2, 1, 3, 28, 28), [0], sentences)
    assert collated(sentences)[1].tolist() == []
