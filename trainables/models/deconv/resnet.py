"""The four-stage ResNets with batch normalisation or network deconvolution: stem for small images or for ImageNet."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.deconv.factory import Layers

# name -> blocks in each stage, whether they are bottlenecks
PLANS = {
    "resnet": ((2, 2, 2, 2), False),
    "resnet34": ((3, 4, 6, 3), False),
    "resnet50": ((3, 4, 6, 3), True),
    "resnet101": ((3, 4, 23, 3), True),
}


class ResNet(nn.Module):
    """Widths 64, 128, 256 and 512 (four times that with bottlenecks), global average pooling, linear layer.

    Images [N, in_channels, H, W] to logits [N, num_classes]. For small images the stem is a 3x3 convolution without
    pooling and is like every other one. For ImageNet it is 7x7 with stride 2 and 3x3 max-pooling; the projection
    shortcuts then keep their batch normalisation in the deconvolution form too (the published networks have it), and
    convolutions start Kaiming normal over the fan-out.
    Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.

    Args:
        layers: makes the layers.
        plan: a key of `PLANS`.
        imagenet: see above.
    """

    def __init__(self, layers: Layers, plan: str, num_classes: int, in_channels: int, imagenet: bool = False) -> None:
        super().__init__()
        stages, bottlenecks = PLANS[plan]
        if imagenet:
            self.conv1 = layers.stem(in_channels, 64, 7, 2, n_iter=15)
        else:
            self.conv1 = layers.conv(in_channels, 64)
        self.norm1 = layers.norm(64)
        self.pool = nn.MaxPool2d(3, 2, 1) if imagenet else nn.Identity()
        inputs, blocks = 64, list[nn.Module]()
        for stage, repeats in enumerate(stages):
            width = 64 * 2**stage
            for number in range(repeats):
                stride = 2 if stage > 0 and number == 0 else 1
                blocks.append(Block(layers, inputs, width, stride, bottlenecks, keep_shortcut_norm=imagenet))
                inputs = width * (4 if bottlenecks else 1)
        self.blocks = nn.Sequential(*blocks)
        self.channel = layers.channel(inputs)
        self.classifier = layers.classifier(inputs, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pool(F.relu(self.norm1(self.conv1(images))))
        logits: Tensor = self.classifier(self.channel(self.blocks(maps)).mean(dim=(2, 3)))
        return logits


class Block(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3 and 1x1 in a bottleneck; the shortcut projects only where the shape changes."""

    def __init__(
        self, layers: Layers, inputs: int, width: int, stride: int, bottleneck: bool, keep_shortcut_norm: bool
    ) -> None:
        super().__init__()
        if bottleneck:
            outputs = 4 * width
            convolutions = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        else:
            outputs = width
            convolutions = [(inputs, width, 3, stride), (width, width, 3, 1)]
        modules: list[nn.Module] = []
        for before, after, kernel, step in convolutions:
            if modules:
                modules.append(nn.ReLU())
            modules += [layers.conv(before, after, kernel, step), layers.norm(after)]
        self.residual = nn.Sequential(*modules)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            norm = nn.BatchNorm2d(outputs) if keep_shortcut_norm else layers.norm(outputs)
            self.shortcut = nn.Sequential(layers.conv(inputs, outputs, 1, stride), norm)

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.residual(maps) + self.shortcut(maps))
