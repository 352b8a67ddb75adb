"""The worker's side of streamed images: decode a file once, and make as many random versions of it as are wanted."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from trainables.datasets import decode
from trainables.datasets.arrays import DatasetError

LARGER = 256 / 224  # the shorter side of an image before it is cropped, relative to the side of the crop
# One image: its number among all files, what is done to it, and a seed for each version that is wanted of it.
Wanted = tuple[int, str, tuple[int, ...]]
# Its number and its versions uint8 [k, 3, side, side], or the sentence that says why it cannot be decoded.
Made = tuple[int, Tensor] | str
# Versions uint8 [k, B, 3, side, side], the numbers [B] of their images, and a sentence for each image left out.
Collated = tuple[Tensor, Tensor, list[str]]


class Decoder(torch.utils.data.Dataset[Made]):
    """Decodes files on demand.

    Args:
        files: of all images, numbered in this order.
        side: of the versions in pixels.
    """

    def __init__(self, files: list[str], side: int) -> None:
        self._files = files
        resize = v2.Resize(round(side * LARGER))
        mirror = v2.RandomHorizontalFlip()
        # what is done -> to the decoded image, once; then for each version
        self._steps: dict[str, tuple[v2.Transform, v2.Transform]] = {
            "none": (v2.Compose([resize, v2.CenterCrop(side)]), v2.Identity()),
            "flip": (v2.Compose([resize, v2.CenterCrop(side)]), mirror),
            "crop-flip": (resize, v2.Compose([v2.RandomCrop(side), mirror])),
            "resized-crop": (v2.Identity(), v2.Compose([v2.RandomResizedCrop(side), mirror])),
        }

    def __getitem__(self, wanted: Wanted) -> Made:
        number, how, seeds = wanted
        try:
            image = decode.rgb_image(self._files[number])
        except DatasetError as error:
            return str(error)
        return number, self.versions(image, how, seeds)

    def versions(self, image: Image.Image, how: str, seeds: tuple[int, ...]) -> Tensor:
        """uint8 [k, 3, side, side], a version for each seed; torch's global generator is left at the last of them."""
        once, each = self._steps[how]
        prepared, versions = once(image), []
        for seed in seeds:
            torch.manual_seed(seed)
            versions.append(functional.pil_to_tensor(each(prepared)))
        return torch.stack(versions)


def collated(made: list[Made]) -> Collated:
    """A batch of what could be decoded."""
    good = [item for item in made if not isinstance(item, str)]
    versions = torch.stack([tensor for _, tensor in good], dim=1) if good else torch.empty(0)
    return versions, torch.tensor([number for number, _ in good]), [item for item in made if isinstance(item, str)]
