"""torchvision's classification architectures by name, untrained, with any number of classes and image channels."""

from __future__ import annotations

from typing import Any

import torchvision
from torch import Tensor, nn

from trainables.config.wording import nearest

# Their training output is a tuple with auxiliary logits; the auxiliary heads are left out.
_WITHOUT_AUX = ("googlenet", "inception_v3")


def names() -> list[str]:
    """The architectures that torchvision can classify with."""
    return list(torchvision.models.list_models(module=torchvision.models))


def build(arch: str, channels: int = 3, classes: int = 1000, **options: Any) -> nn.Module:
    """A torchvision network with its own initialisers; gray images are shown to it as three equal channels.

    `options` go to the architecture as they are, such as `norm_layer`.

    Raises:
        ValueError: no such architecture; the sentence names the nearest one.
    """
    known = names()
    if arch not in known:
        hint = nearest(arch, [*known, "small_cnn", "alexnet_cifar"], before="; ")
        raise ValueError(f"`arch` is {arch!r}, but must be small_cnn, alexnet_cifar or a torchvision model{hint}")
    if arch in _WITHOUT_AUX:
        options = {"init_weights": True, "aux_logits": False, **options}
    model: nn.Module = torchvision.models.get_model(arch, weights=None, num_classes=classes, **options)
    return gray_to_rgb(model) if channels == 1 else model


def gray_to_rgb(model: nn.Module) -> nn.Module:
    """The same network for images of one channel, shown to it as three equal ones."""
    return nn.Sequential(_GrayToRGB(), model)


class _GrayToRGB(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.expand(-1, 3, -1, -1)
