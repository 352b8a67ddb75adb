"""Every kind of image file becomes the RGB that torchvision would have made of it, or one sentence naming the file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms

from trainables.datasets import DatasetError, decode


def gradient(width: int, height: int) -> Image.Image:
    generator = np.random.default_rng(width * height)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(("width", "height"), [(40, 40), (57, 40), (40, 63), (333, 500), (17, 20), (32, 32), (33, 32)])
def test_fitting_is_torchvisions_resize_and_centre_crop(width: int, height: int) -> None:
    image = gradient(width, height)
    reference = transforms.Compose([transforms.Resize(32), transforms.CenterCrop(32)])(image)
    assert (np.asarray(decode.fit(image, 32)) == np.asarray(reference)).all()


def saved(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


def test_grayscale_fills_three_equal_channels(tmp_path: Path) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    decoded = decode.read(saved(Image.fromarray(pixels), tmp_path / "gray.png"), None)
    assert decoded.shape == (3, 16, 16)
    assert all((channel == pixels).all() for channel in decoded)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    pixels = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    decoded = decode.read(saved(Image.fromarray(pixels), tmp_path / "deep.png"), None)
    assert decoded[0].tolist() == [[0, 1, 128, 255]]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("transparency", [None, 0, bytes([0, 128, 255])])
def test_a_palette_is_looked_up(tmp_path: Path, transparency: int | bytes | None) -> None:
    image = Image.new("P", (3, 1))
    image.putdata([0, 1, 2])
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    options = {} if transparency is None else {"transparency": transparency}
    image.save(tmp_path / "palette.png", **options)
    decoded = decode.read(tmp_path / "palette.png", None)
    assert decoded.reshape(3, 3).T.tolist() == [[10, 20, 30], [40, 50, 60], [70, 80, 90]]


def test_transparency_is_dropped(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 2), (10, 20, 30, 0))
    assert decode.read(saved(image, tmp_path / "clear.png"), None)[:, 0, 0].tolist() == [10, 20, 30]


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red, green, blue = decode.read(saved(image, tmp_path / "print.tif"), None)[:, 4, 4].tolist()
    assert (red, green, blue) == (255, 0, 0)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = saved(gradient(64, 64), tmp_path / "cut.jpg")
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DatasetError, match=r"cut\.jpg cannot be decoded \(.*truncated.*\); replace or remove it$"):
        decode.read(path, None)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
@pytest.mark.parametrize("function", [lambda path: decode.read(path, None), decode.size])
def test_a_file_that_is_no_image_is_named(tmp_path: Path, content: bytes, function) -> None:
    path = tmp_path / "fake.png"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"fake\.png cannot be decoded \(.+\); replace or remove it$") as caught:
        function(path)
    assert "\n" not in str(caught.value)


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    path = saved(Image.fromarray(np.ones((4, 4), dtype=np.float32)), tmp_path / "float.tiff")
    with pytest.raises(DatasetError, match=r"float\.tiff cannot be decoded \(.*unknown range\)"):
        decode.read(path, None)
