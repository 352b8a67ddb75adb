"""ImageNet networks by name, plain or with deconvolution: resnet18d, 34d, 50d, 101d, vgg11d, 16d, vgg11_bn, densenet121d."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from trainables.layers.deconv import FastDeconv2d
from trainables.models.deconv.densenet import DenseNet121
from trainables.models.deconv.factory import BatchNormLayers, Layers, check_2019_blocks, layers_of
from trainables.models.deconv.options import Options, check_options
from trainables.models.deconv.resnet import ResNet
from trainables.models.deconv.vgg import VGGImageNet
from trainables.plans import deconv_networks as cifar_plan


def build(
    arch: str,
    num_classes: int = 1000,
    norm: str = "bn",
    *,
    in_channels: int = 3,
    image_size: int = 224,
    **options: Any,
) -> nn.Module:
    """torchvision's topology from images [N, in_channels, H, W], usually 224x224, to logits [N, num_classes].

    The "d" stands for deconvolution. The plain ResNets and DenseNet have batch normalisation, the plain VGGs have none.
    With deconvolution the image's convolution freezes and takes 15 iterations, the ResNets keep batch normalisation
    in their projection shortcuts, as published, and the classifiers are whitened in blocks of 64 (32 in 2019).

    Args:
        arch: a name of `trainables.plans.deconv_networks.IMAGENET_ARCHS`.
        num_classes: outputs.
        norm: `bn` or `deconv`.
        in_channels: image channels.
        image_size: side of the images in pixels, at least 32; the network is the same for all.
        options: fields of `trainables.models.deconv.options.Options`; `block_fc` is 0 by default with `bn`.

    Raises:
        ValueError: no such architecture, norm or option; images too small; `num_groups` that does not divide the channels.
    """
    flag = cifar_plan.canonical(arch, cifar_plan.IMAGENET_ARCHS)
    check_options(flag, options, ())
    cifar_plan.check_images(flag, num_classes, in_channels, image_size)
    if norm == "deconv" and "block_fc" not in options:
        options["block_fc"] = 32 if options.get("revision") == 2019 else 64
    whitening = Options(**options)
    layers = layers_of(norm, whitening)
    if norm == "deconv" and whitening.revision == 2019:
        with torch.device("meta"):
            check_2019_blocks(_network(flag, BatchNormLayers(), num_classes, in_channels), whitening)
    return _network(flag, layers, num_classes, in_channels)


def _network(arch: str, layers: Layers, num_classes: int, in_channels: int) -> nn.Module:
    plan = arch.removesuffix("d")
    if plan.startswith("vgg"):
        return VGGImageNet(layers, plan.removesuffix("_bn"), num_classes, in_channels, with_norm=plan.endswith("_bn"))
    if plan == "densenet121":
        densenet = DenseNet121(layers, num_classes, in_channels, imagenet=True)
        _start_kaiming(densenet, (nn.Conv2d,), "fan_in")
        return densenet
    resnet = ResNet(layers, "resnet" if plan == "resnet18" else plan, num_classes, in_channels, imagenet=True)
    # The 2019 networks kept the default start of their convolutions, whose class the published code did not look for.
    _start_kaiming(resnet, (nn.Conv2d, FastDeconv2d), "fan_out")
    return resnet


def _start_kaiming(model: nn.Module, kinds: tuple[type[nn.Module], ...], mode: Any) -> None:
    """Kaiming normal weights in every convolution of these kinds; biases stay as they are."""
    for module in model.modules():
        if type(module) in kinds:
            nn.init.kaiming_normal_(module.get_parameter("weight"), mode=mode, nonlinearity="relu")
