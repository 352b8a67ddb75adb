"""DenseNet-121 with batch normalisation or network deconvolution: stem for small images or for ImageNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.deconv.factory import Layers

GROWTH = 32
BLOCKS = (6, 12, 24, 16)


class DenseNet121(nn.Module):
    """Dense blocks of 6, 12, 24 and 16 layers with growth 32, halving transitions, last norm and ReLU, linear layer.

    Images [N, in_channels, H, W] to logits [N, num_classes]. For small images the stem is a 3x3 convolution, and new
    features come before those they were computed from, as in the published CIFAR networks; for ImageNet the stem is
    7x7 with stride 2, norm, ReLU and 3x3 max-pooling, and they come after. The ChannelDeconv of the 2020 revision
    follows the last ReLU in the deconvolution form alone.
    Source: Huang et al., "Densely Connected Convolutional Networks", CVPR 2017.
    """

    def __init__(self, layers: Layers, num_classes: int, in_channels: int, imagenet: bool = False) -> None:
        super().__init__()
        width = 2 * GROWTH
        if imagenet:
            stem = layers.stem(in_channels, width, 7, 2, n_iter=15)
            self.stem = nn.Sequential(stem, layers.norm(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        else:
            self.stem = nn.Sequential(layers.conv(in_channels, width))
        stages: list[nn.Module] = []
        for number, repeats in enumerate(BLOCKS):
            if number > 0:
                stages.append(_transition(layers, width))
                width //= 2
            for _ in range(repeats):
                stages.append(DenseLayer(layers, width, new_first=not imagenet))
                width += GROWTH
        self.stages = nn.Sequential(*stages)
        self.norm = layers.norm(width)
        self.channel = layers.channel(width) if layers.whitens else nn.Identity()
        self.classifier = layers.classifier(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = F.relu(self.norm(self.stages(self.stem(images))))
        logits: Tensor = self.classifier(self.channel(maps).mean(dim=(2, 3)))
        return logits


class DenseLayer(nn.Module):
    """Adds 32 maps: norm, ReLU, 1x1 convolution to 128, norm, ReLU, 3x3 convolution to 32."""

    def __init__(self, layers: Layers, inputs: int, new_first: bool) -> None:
        super().__init__()
        self.new_first = new_first
        self.norm1 = layers.norm(inputs)
        self.conv1 = layers.conv(inputs, 4 * GROWTH, 1)
        self.norm2 = layers.norm(4 * GROWTH)
        self.conv2 = layers.conv(4 * GROWTH, GROWTH)

    def forward(self, maps: Tensor) -> Tensor:
        new = self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(maps))))))
        return torch.cat((new, maps) if self.new_first else (maps, new), dim=1)


def _transition(layers: Layers, inputs: int) -> nn.Sequential:
    return nn.Sequential(layers.norm(inputs), nn.ReLU(), layers.conv(inputs, inputs // 2, 1), nn.AvgPool2d(2))
