"""Which tensors of a network are trained: BatchNorm, shortcuts, the classifier, everything, or k weights of each filter."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from trainables.plans.bn_counts import TRAINED

SETS = (*TRAINED, "random_k")


def select_trainable(model: nn.Module, trainable_set: str, k: int = 2, seed: int = 0) -> nn.Module:
    """Freeze everything but a set of tensors, chosen by the type of their module; returns the model.

    Sets: `none`; `output`, the linear layer; `bn`, gamma and beta of every BatchNorm, those of the stem and of the
    shortcuts included; `bn_output`; `shortcut_output`, the 1x1 convolutions of the shortcuts (without their BatchNorm)
    and the linear layer; `bn_shortcut_output`; `all`; `random_k`, k weights of each filter of each convolution, drawn
    without replacement. Running statistics go on moving in training whatever the set.

    With `random_k` the weight of a convolution becomes a parametrization: the k weights of each filter are a tensor of
    their own, put into a constant base, so that weight decay and momentum cannot reach the others. A network is given
    this set once.

    Args:
        model: with nn.Conv2d, nn.BatchNorm2d and one nn.Linear; a shortcut's convolution is one with a 1x1 kernel in a
            submodule named `skip` or `downsample`.
        trainable_set: see above.
        k: of `random_k`, at least 1 and at most the smallest fan-in.
        seed: of the choice of `random_k`; the global generator is left alone.

    Raises:
        ValueError: no such set, or no such k.
    """
    if trainable_set not in SETS:
        raise ValueError(f"the trainable set is {trainable_set!r}, but must be one of {', '.join(SETS)}")
    trained = TRAINED.get(trainable_set, frozenset())
    for kind, module in _classes(model):
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(kind in trained)
    if trainable_set == "random_k":
        _train_k_weights(model, k, seed)
    return model


def trained_parameters(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that are trained: what an optimizer should be given."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def frozen_state(model: nn.Module) -> list[str]:
    """The names in `model.state_dict()` of everything that training leaves as it was built."""
    names = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    for prefix, module in model.named_modules():
        if isinstance(module, Chosen):
            names += [f"{prefix}.{name}" for name, _ in module.named_buffers()]
    return names


class Chosen(nn.Module):
    """A parametrization: k weights of each filter [out, k], scattered into a constant base [out, in, h, w]."""

    base: Tensor
    positions: Tensor

    def __init__(self, base: Tensor, positions: Tensor) -> None:
        super().__init__()
        self.register_buffer("base", base)
        self.register_buffer("positions", positions)

    def forward(self, values: Tensor) -> Tensor:
        return self.base.flatten(1).scatter(1, self.positions, values).view_as(self.base)

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight.flatten(1).gather(1, self.positions)


def _train_k_weights(model: nn.Module, k: int, seed: int) -> None:
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    smallest = min(conv.weight[0].numel() for conv in convolutions)
    if not 1 <= k <= smallest:
        raise ValueError(
            f"`k` is {k}, but must be from 1 to {smallest}, the weights of the smallest filter; published is 2"
        )
    generator = torch.Generator().manual_seed(seed)
    for conv in convolutions:
        base = conv.weight.detach().clone()
        draws = torch.rand(base.flatten(1).shape, generator=generator)
        positions = draws.topk(k, dim=1).indices.to(base.device)
        parametrize.register_parametrization(conv, "weight", Chosen(base, positions))
    for name, parameter in model.named_parameters():
        if name.endswith(".parametrizations.weight.original"):
            parameter.requires_grad_(True)


def _classes(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module with the class of tensors its parameters belong to; the classes are disjoint."""
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            yield "bn", module
        elif isinstance(module, nn.Linear):
            yield "output", module
        elif isinstance(module, nn.Conv2d):
            on_shortcut = module.kernel_size == (1, 1) and {"skip", "downsample"} & set(name.split("."))
            yield "shortcut_conv" if on_shortcut else "conv", module
