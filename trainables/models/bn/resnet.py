"""The CIFAR ResNet of BatchNorm-only training: depth 6n+2, width times 16, 32 and 64 filters, projection shortcuts."""

from __future__ import annotations

from torch import Tensor, nn

from trainables.layers.frozen.conv import FrozenConv2d
from trainables.layers.frozen.recompute import recomputed
from trainables.layers.frozen.relu import relu
from trainables.plans.bn_names import FILTERS
from trainables.plans.resnets import blocks_in_stage


class BNResNet(nn.Module):
    """Images [N, in_channels, H, W] to logits [N, num_classes].

    conv 3x3 to 16 W maps, BatchNorm, ReLU; three segments of n blocks with 16 W, 32 W and 64 W maps, the first block of
    the second and the third with stride 2 and a projection shortcut; global average pooling; linear layer with bias.
    Parameters are named conv, bn, blocks.K.{conv1,bn1,conv2,bn2}, blocks.K.skip.{0,1} and fc, K counting through all
    segments, and modules are made in this order, each drawing PyTorch's own initial values.
    Source: Frankle, Schwab, Morcos, "Training BatchNorm and Only BatchNorm", ICLR 2021 (arXiv 2003.00152), after He et
    al., CVPR 2016.

    Args:
        depth: 6n+2, at least 8.
        width: factor of the number of maps.
        recompute_blocks: g keeps the input of every g-th block alone and computes the rest again in the backward pass;
            0 keeps everything.

    Raises:
        ValueError: no such depth.
    """

    def __init__(
        self, depth: int, width: int = 1, num_classes: int = 10, in_channels: int = 3, recompute_blocks: int = 0
    ) -> None:
        super().__init__()
        self.recompute_blocks = recompute_blocks
        repeats, filters = blocks_in_stage(depth), FILTERS * width
        self.conv = FrozenConv2d(in_channels, filters, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(filters)
        blocks, inputs = list[Block](), filters
        for segment in range(3):
            outputs = filters * 2**segment
            for number in range(repeats):
                blocks.append(Block(inputs, outputs, stride=2 if segment > 0 and number == 0 else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(inputs, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        first: Block = self.blocks[0]  # type: ignore[assignment]  # a Sequential does not know what it holds
        maps = relu(self.bn(self.conv(images)), followed_by=first.conv1)
        if self.recompute_blocks and self.training:
            for start in range(0, len(self.blocks), self.recompute_blocks):
                maps = recomputed(self.blocks[start : start + self.recompute_blocks], maps)
        else:
            maps = self.blocks(maps)
        logits: Tensor = self.fc(maps.mean(dim=(2, 3)))
        return logits


class Block(nn.Module):
    """relu(bn(conv(relu(bn(conv(x))))) + skip(x)), where the skip projects if the stride is not 1."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = FrozenConv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = FrozenConv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.skip: nn.Module = nn.Identity()
        if stride != 1:
            projection = FrozenConv2d(inputs, outputs, 1, stride, bias=False)
            self.skip = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, maps: Tensor) -> Tensor:
        residual = relu(self.bn1(self.conv1(maps)), followed_by=self.conv2)
        total = self.bn2(self.conv2(residual)).add_(self.skip(maps))  # nobody keeps what a BatchNorm gives
        # All 3x3 convolutions are frozen or none is, so this block's tells what the next one will keep.
        return relu(total, followed_by=self.conv2)
