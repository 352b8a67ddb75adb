"""In which memory format a network is computed: channels-last (NHWC) on a GPU, and on a CPU where it was measured to win.

A convolution whose weights are channels-last gives channels-last activations, so that of the weights decides for all. The
numbers are the same up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from trainables.config.training import TrainingConfig

# By family, the knobs and their values of networks whose step takes at most 0.95 times as long in channels-last on a CPU:
# `benchmarks/layout.py` measures, `benchmarks/results/layout.md` holds the table, and who loses.
# Group normalisation is left out, of which two measurements disagree (0.87 and 1.13).
WINS_ON_CPU: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "blur": {"arch": ("small_cnn",)},
    "online_norm": {"arch": ("resnet_cifar",), "norm_mode": ("batch", "none")},
    "deconv": {"arch": ("vgg_tiny",), "norm": ("bn",)},
    "bn_only": {"arch": ("resnet_cifar",)},
    "imagenet": {"model": ("lenet5", "mobilenet_v1")},
}


def memory_format(family: str, config: TrainingConfig, device: torch.device) -> torch.memory_format:
    """Of the weights of a configuration's network on a device."""
    if device.type != "cpu":
        return torch.channels_last
    wins = WINS_ON_CPU.get(family)
    if wins is not None and all(getattr(config, knob) in values for knob, values in wins.items()):
        return torch.channels_last
    return torch.contiguous_format


def place(model: nn.Module, family: str, config: TrainingConfig, device: torch.device) -> nn.Module:
    """Move a configuration's network to its device, its weights into their memory format there."""
    if memory_format(family, config, device) == torch.channels_last:
        model = model.to(memory_format=torch.channels_last)
    return model.to(device)
