"""mnist:PATH, handwritten digits in IDX files where they lie: MNIST (LeCun et al., 1998) and what is laid out like it.

PATH holds the four files as published, compressed by gzip or not, or torchvision's MNIST/raw with them. Nothing is
downloaded. At 32 pixels the images of 28 are framed by black, as LeNet-5 saw them; at other sides they are resized.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from trainables.datasets.arrays import DatasetError, Images, Info, Labels
from trainables.datasets.cache import Allocate
from trainables.datasets.dataset import Decoded

SIDE, FRAMED = 28, 32
# part -> images, labels
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_WHERE = ("", "MNIST/raw", "raw")
_UBYTE = 8  # the type of an IDX file's numbers


class Mnist(Decoded):
    """The four files."""

    classes = tuple(str(digit) for digit in range(10))

    def __init__(self, path: Path) -> None:
        """`DatasetError` when a file is missing."""
        self.name = f"mnist:{path}"
        self.path = path
        if not path.is_dir():
            raise DatasetError(f"there is no folder {path}; give mnist:PATH a folder with the four IDX files of MNIST")
        self._files = {name: self._found(name) for pair in FILES.values() for name in pair}

    @classmethod
    def open(cls, name: str, skip_unreadable: bool) -> Self:
        return cls(Path(name.partition(":")[2]))

    @property
    def listing(self) -> list[Any]:
        stats = [(name, file.stat()) for name, file in self._files.items()]
        return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]

    def info(self, side: int | None) -> Info:
        """All images are read and checked."""
        fingerprint = self.fingerprint(side)
        train, test = (len(self._part(part)[1]) for part in ("train", "test"))
        return Info(self.name, train, test, len(self.classes), 1, side or SIDE, fingerprint)

    def decode(self, side: int | None, allocate: Allocate) -> tuple[Labels, Labels]:
        labels = []
        for part in ("train", "test"):
            images, of_part = self._part(part)
            size = side or SIDE
            allocate(part, (len(images), 1, size, size))[:, 0] = resized(images, size)
            labels.append(of_part)
        return labels[0], labels[1]

    def _found(self, name: str) -> Path:
        spellings = (name, f"{name}.gz", name.replace("-idx", ".idx"), name.replace("-idx", ".idx") + ".gz")
        for folder in _WHERE:
            for spelling in spellings:
                if (file := self.path / folder / spelling).is_file():
                    return file
        raise DatasetError(f"{self.path} has no {name} (or {name}.gz); put the four IDX files of MNIST there")

    def _part(self, part: str) -> tuple[Images, Labels]:
        images, labels = (
            _idx(self._files[name], dimensions) for name, dimensions in zip(FILES[part], (3, 1), strict=True)
        )
        if len(images) != len(labels) or images.shape[1:] != (SIDE, SIDE) or (len(labels) and labels.max() > 9):
            raise DatasetError(
                f"the {part} files in {self.path} hold {len(images)} images of {'x'.join(map(str, images.shape[1:]))} and "
                f"{len(labels)} labels, but must hold as many of both, images of {SIDE}x{SIDE} and labels from 0 to 9; "
                "replace them"
            )
        return images, labels.astype(np.int64)


def resized(images: Images, side: int) -> Images:
    """uint8 [N, 28, 28] at another side, see above."""
    if side == SIDE:
        return images
    if side == FRAMED:
        return np.pad(images, ((0, 0), *(((FRAMED - SIDE) // 2,) * 2,) * 2))
    bilinear = Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(image).resize((side, side), bilinear)) for image in images])


def _idx(file: Path, dimensions: int) -> Images:
    """The numbers of an IDX file: two zeros, their type, how many dimensions, the size of each (big-endian), the bytes."""
    try:
        content = file.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is cut off or damaged"
        raise DatasetError(f"{file} cannot be read ({reason}); replace it") from error
    header = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(content[4:header], dtype=">u4").tolist()) if len(content) >= header else ()
    if content[:4] != bytes((0, 0, _UBYTE, dimensions)) or len(content) != header + int(np.prod(shape)):
        raise DatasetError(f"{file} is no IDX file of bytes in {dimensions} dimensions, or is cut off; replace it")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
