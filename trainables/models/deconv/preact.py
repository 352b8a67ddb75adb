"""The pre-activation ResNet-18 and SENet-18 with batch normalisation or network deconvolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.deconv.factory import Layers


class PreAct18(nn.Module):
    """A 3x3 stem, eight pre-activation blocks of widths 64 to 512, global average pooling, linear layer.

    Images [N, in_channels, H, W] to logits [N, num_classes]. Sources: He et al., "Identity Mappings in Deep Residual
    Networks", ECCV 2016; Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018.

    Args:
        layers: makes the layers.
        squeeze: squeeze-and-excitation with reduction 16 in each block. The stem of that network is normalised and
            rectified; without it the stem has a norm that is never used (its 128 parameters belong to the published
            counts).
    """

    def __init__(self, layers: Layers, num_classes: int, in_channels: int, squeeze: bool) -> None:
        super().__init__()
        self.squeeze = squeeze
        self.conv1 = layers.stem(in_channels, 64, n_iter=15 if squeeze else 10)
        self.norm1 = layers.norm(64)
        inputs, blocks = 64, list[nn.Module]()
        for width in (64, 128, 256, 512):
            blocks.append(PreActBlock(layers, inputs, width, 1 if width == 64 else 2, squeeze))
            blocks.append(PreActBlock(layers, width, width, 1, squeeze))
            inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.channel = layers.channel(inputs)
        self.classifier = layers.classifier(inputs, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.conv1(images)
        if self.squeeze:
            maps = F.relu(self.norm1(maps))
        logits: Tensor = self.classifier(self.channel(self.blocks(maps)).mean(dim=(2, 3)))
        return logits


class PreActBlock(nn.Module):
    """conv(relu(norm(conv(a)))) + shortcut with a = relu(norm(x)): x itself, or a bare 1x1 projection of a."""

    def __init__(self, layers: Layers, inputs: int, width: int, stride: int, squeeze: bool) -> None:
        super().__init__()
        self.norm1 = layers.norm(inputs)
        self.conv1 = layers.conv(inputs, width, 3, stride)
        self.norm2 = layers.norm(width)
        self.conv2 = layers.conv(width, width)
        self.shortcut = layers.conv(inputs, width, 1, stride) if stride != 1 or inputs != width else None
        self.excite = SqueezeExcite(layers, width) if squeeze else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        active = F.relu(self.norm1(maps))
        residual = self.conv2(F.relu(self.norm2(self.conv1(active))))
        shortcut = maps if self.shortcut is None else self.shortcut(active)
        total: Tensor = self.excite(residual) + shortcut
        return total


class SqueezeExcite(nn.Module):
    """Scales each map by a gate in (0, 1) that two 1x1 convolutions compute from the means of all maps."""

    def __init__(self, layers: Layers, width: int, reduction: int = 16) -> None:
        super().__init__()
        self.conv1 = layers.conv(width, width // reduction, 1, bias=True)
        self.conv2 = layers.conv(width // reduction, width, 1, bias=True)

    def forward(self, maps: Tensor) -> Tensor:
        gates = self.conv2(F.relu(self.conv1(maps.mean(dim=(2, 3), keepdim=True)))).sigmoid()
        scaled: Tensor = maps * gates
        return scaled
