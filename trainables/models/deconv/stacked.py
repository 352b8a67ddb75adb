"""What several networks are: a convolution on the image, blocks one after another, average pooling, a linear layer."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.deconv.factory import Layers


class Stacked(nn.Module):
    """Images [N, in_channels, H, W] to logits [N, num_classes].

    Args:
        layers: makes the layers.
        maps: channels after the stem, whose deconvolution takes 10 Newton-Schulz steps.
        blocks: made after the stem and before the classifier.
        features: channels after the last block.
        kernel: of the stem.
    """

    def __init__(
        self,
        layers: Layers,
        num_classes: int,
        in_channels: int,
        maps: int,
        blocks: Iterable[nn.Module],
        features: int,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        self.conv1 = layers.stem(in_channels, maps, kernel, n_iter=10)
        self.norm1 = layers.norm(maps)
        self.blocks = nn.Sequential(*blocks)
        self.channel = layers.channel(features)
        self.classifier = layers.classifier(features, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.blocks(F.relu(self.norm1(self.conv1(images))))
        logits: Tensor = self.classifier(self.channel(maps).mean(dim=(2, 3)))
        return logits


def narrow(
    layers: Layers,
    inputs: int,
    inner: int,
    outputs: int,
    stride: int,
    groups: int,
    n_iter: int | None = None,
    last: tuple[int, int] | None = None,
) -> nn.Sequential:
    """1x1, grouped 3x3 and 1x1 convolution with their norms, ReLU between them.

    Args:
        layers: makes the layers.
        inner: channels of the 3x3 convolution.
        stride: of the 3x3 convolution.
        groups: of the 3x3 convolution.
        n_iter: Newton-Schulz steps of the 3x3 convolution; None is the network's number.
        last: Newton-Schulz steps and block of the last convolution; None is the network's.
    """
    steps, block = last or (None, None)
    return nn.Sequential(
        layers.conv(inputs, inner, 1),
        layers.norm(inner),
        nn.ReLU(),
        layers.conv(inner, inner, 3, stride, groups=groups, n_iter=n_iter),
        layers.norm(inner),
        nn.ReLU(),
        layers.conv(inner, outputs, 1, n_iter=steps, block=block),
        layers.norm(outputs),
    )


def projection(layers: Layers, inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """A shortcut: 1x1 convolution with its norm where the shape changes, else the input as it is."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(layers.conv(inputs, outputs, 1, stride), layers.norm(outputs))
