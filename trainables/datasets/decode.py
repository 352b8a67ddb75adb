"""One image to 8-bit RGB of one size, as torchvision's `Resize(side)` and `CenterCrop(side)` would make it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from trainables.config.wording import printable
from trainables.datasets.arrays import DatasetError, Images

_MAKE_PIXELS = ("decode.py", "workers.py", "cifar.py")
# Of the code that turns files into pixels: images that other code decoded are other images, whoever keeps them.
CODE = hashlib.sha256(b"".join(Path(__file__).with_name(name).read_bytes() for name in _MAKE_PIXELS)).hexdigest()[:16]


def read(path: str | os.PathLike[str], side: int | None) -> Images:
    """uint8 [3, H, W] of an image file, brought to `side` x `side` when a side is given.

    `DatasetError` names the file that cannot be decoded.
    """
    rgb = rgb_image(path)
    return to_array(rgb if side is None else fit(rgb, side))


def rgb_image(path: str | os.PathLike[str]) -> Image.Image:
    """The whole image of a file as 8-bit RGB; `DatasetError` names the file that cannot be decoded.

    EXIF orientation is ignored, as torchvision does.
    """
    try:
        with Image.open(path) as image:
            return to_rgb(image)
    except Exception as error:  # Pillow's decoders raise nearly anything at a damaged file
        raise DatasetError(
            f"{printable(os.fspath(path))} cannot be decoded ({_reason(error)}); replace or remove it"
        ) from error


def size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(width, height) from the file's header alone; `DatasetError` names a file that is not an image."""
    try:
        with Image.open(path) as image:
            return image.size
    except Exception as error:  # as above
        raise DatasetError(
            f"{printable(os.fspath(path))} cannot be decoded ({_reason(error)}); replace or remove it"
        ) from error


def is_image(path: str | os.PathLike[str]) -> bool:
    """Whether a file's header is that of an image."""
    try:
        size(path)
    except DatasetError:
        return False
    return True


def to_rgb(image: Image.Image) -> Image.Image:
    """Grayscale, palette, CMYK and transparent images as RGB (transparency is dropped), 16 bits scaled to 8."""
    if image.mode.startswith("I"):  # 16-bit grayscale, which Pillow would clip at 255
        levels = (np.asarray(image).astype(np.int64).clip(0, 65535) + 128) // 257
        return Image.fromarray(levels.astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if image.mode == "P" and "transparency" in image.info:
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")


def fit(image: Image.Image, side: int) -> Image.Image:
    """Shorter side to `side` (bilinear with antialiasing, longer side rounded down), then the central square."""
    width, height = image.size
    shorter = min(width, height)
    if shorter != side:
        width, height = int(side * width / shorter), int(side * height / shorter)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return image.crop((left, top, left + side, top + side)) if (width, height) != (side, side) else image


def to_array(image: Image.Image) -> Images:
    """An RGB image as uint8 [3, H, W]."""
    return np.asarray(image).transpose(2, 0, 1)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is not an image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
