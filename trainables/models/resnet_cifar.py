"""The ResNets for small images with any normalisation: depth 6n+2, three stages, projection shortcuts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.normalised.norms import Norm
from trainables.plans.resnets import blocks_in_stage, check_groups, cifar_norms

MakeNorm = Callable[[int, int | None], nn.Module]


def resnet_cifar(
    depth: int,
    num_classes: int = 10,
    width: int = 1,
    norm: str = "batch",
    *,
    in_channels: int = 3,
    image_size: int | None = None,
    **norm_options: Any,
) -> nn.Module:
    """conv 3x3 to 16 maps, three stages of n basic blocks with 16, 32 and 64 maps, global average pooling, linear.

    Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2, with the type B shortcuts
    (1x1 convolution and norm at the entry of stages 2 and 3) and the initialisers of the experiments of Chiley et al.,
    NeurIPS 2019: convolutions without bias, in every mode, Kaiming normal over the fan-out; linear layer as PyTorch
    does. No norm draws a random number, so one seed gives the same convolutions and classifier in every mode.
    Depth 20 has 272,474 parameters and 21 norms at 10 classes, 270,906 parameters without norms.

    Args:
        depth: 6n+2, at least 8.
        num_classes: outputs.
        width: factor of the number of maps in every stage.
        norm: batch, group, layer, instance, online or none (see `trainables.models.normalised.norms`).
        in_channels: image channels.
        image_size: side of the images in pixels, where `layer` shall have its own gamma and beta for every element of
            a map, as the experiments of 2019 intended; otherwise images of any size will do and it has one for each
            channel.
        norm_options: afwd, abkw, ecm, ls_eps, clamp_val (online); gn_num_groups, default 8 (group).

    Raises:
        ValueError: no such depth, width, norm or option, or `gn_num_groups` does not divide the channels of a layer.
    """
    if width < 1:
        raise ValueError(f"`width` is {width}, but must be at least 1; raise it")
    make = Norm.of(norm, **norm_options)
    if norm == "group":
        check_groups(cifar_norms(depth, width), make.gn_num_groups)
    return ResNetCifar(blocks_in_stage(depth), num_classes, width, make, in_channels, image_size)


class ResNetCifar(nn.Module):
    """See `resnet_cifar`; images [N, in_channels, H, W] to logits [N, num_classes]."""

    def __init__(
        self, blocks: int, num_classes: int, width: int, norm: MakeNorm, in_channels: int, image_size: int | None
    ) -> None:
        super().__init__()
        half = None if image_size is None else (image_size + 1) // 2
        quarter = None if half is None else (half + 1) // 2
        self.conv1 = _conv3x3(in_channels, 16 * width)
        self.norm1 = norm(16 * width, image_size)
        self.layer1 = _stage(blocks, 16 * width, 16 * width, norm, image_size)
        self.layer2 = _stage(blocks, 16 * width, 32 * width, norm, half)
        self.layer3 = _stage(blocks, 32 * width, 64 * width, norm, quarter)
        self.fc = nn.Linear(64 * width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        maps = F.relu(self.norm1(self.conv1(images)), inplace=True)
        maps = self.layer3(self.layer2(self.layer1(maps)))
        logits: Tensor = self.fc(maps.mean(dim=(2, 3)))
        return logits


class BasicBlock(nn.Module):
    """relu(norm(conv(relu(norm(conv(x))))) + shortcut(x)), where the shortcut projects if the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: MakeNorm, size: int | None) -> None:
        super().__init__()
        self.conv1 = _conv3x3(inputs, outputs, stride)
        self.norm1 = norm(outputs, size)
        self.conv2 = _conv3x3(outputs, outputs)
        self.norm2 = norm(outputs, size)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, norm(outputs, size))

    def forward(self, maps: Tensor) -> Tensor:
        residual = F.relu(self.norm1(self.conv1(maps)), inplace=True)
        residual = self.norm2(self.conv2(residual))
        return F.relu(residual + self.shortcut(maps), inplace=True)


def _stage(blocks: int, inputs: int, outputs: int, norm: MakeNorm, size: int | None) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, 1 if inputs == outputs else 2, norm, size)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1, norm, size) for _ in range(blocks - 1)))


def _conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
