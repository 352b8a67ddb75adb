"""torchvision's ImageNet ResNets and ResNeXts with any normalisation in place of batch normalisation."""

from __future__ import annotations

from typing import Any

from torch import nn

from trainables.models import torchvision_nets
from trainables.models.normalised.norms import Norm
from trainables.plans.resnets import IMAGENET, check_groups, imagenet_norms


def resnet_imagenet(
    arch: str, num_classes: int = 1000, norm: str = "batch", *, in_channels: int = 3, **norm_options: Any
) -> nn.Module:
    """torchvision's network, which is the one of the experiments of Chiley et al., NeurIPS 2019, in every mode.

    7x7 stem and max-pooling, the stride of a bottleneck on its 3x3 convolution, Kaiming normal over the fan-out, gamma 1
    in the last norm of a block too. One seed gives the same convolutions in every mode. ResNet-50 has 25,557,032
    parameters and 53 norms. Layer normalisation has one gamma and beta for each channel, so that any size of image will
    do.

    Args:
        arch: resnet18, 34, 50, 101 or 152, resnext50_32x4d or resnext101_32x8d.
        num_classes: outputs.
        norm: batch, group, layer, instance, online or none (see `trainables.models.normalised.norms`).
        in_channels: image channels; gray images are shown to the network as three equal ones.
        norm_options: afwd, abkw, ecm, ls_eps, clamp_val (online); gn_num_groups, default 8 (group).

    Raises:
        ValueError: no such arch, norm or option, or `gn_num_groups` does not divide the channels of a layer.
    """
    if arch not in IMAGENET:
        raise ValueError(f"`arch` is {arch!r}, but must be one of {', '.join(IMAGENET)}")
    make = Norm.of(norm, **norm_options)
    if norm == "group":
        check_groups(imagenet_norms(arch), make.gn_num_groups)
    return torchvision_nets.build(arch, in_channels, num_classes, norm_layer=make)
