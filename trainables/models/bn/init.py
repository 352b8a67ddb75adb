"""Initial values of the BatchNorm-only networks: gamma and beta of BatchNorm, weights of convolutions and classifier."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

GammaInit = Literal["uniform", "ones", "signed"]
WeightInit = Literal["kaiming_normal", "kaiming_uniform", "orthogonal", "binary"]


@torch.no_grad()
def initialise(
    model: nn.Module,
    gamma: GammaInit = "uniform",
    gamma_scale: float = 1.0,
    beta: float = 0.0,
    weight: WeightInit = "kaiming_normal",
    *,
    zero_output_bias: bool = False,
) -> None:
    """Draw all initial values anew from torch's global generator, layer by layer in the order of `model.modules()`.

    The published ones are the defaults: weights He normal over the fan-in, N(0, 2 / fan_in), also in the classifier;
    gamma U[0, 1), beta 0. The classifier's bias keeps PyTorch's U(-1/sqrt(inputs), 1/sqrt(inputs)), in which a frozen
    classifier stays, unless `zero_output_bias`.

    Args:
        gamma: `uniform` U[0, 1), `signed` U[-1, 1), `ones`; the library open_lth calls them uniform (with beta 0),
            positivenegative (0), fixed (0) and, with beta 1, oneone.
        gamma_scale: factor of every gamma.
        beta: of every BatchNorm.
        weight: `kaiming_normal`, `kaiming_uniform`, `orthogonal`, or `binary`: the sign of a He normal draw times the
            standard deviation of that draw.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            _draw_gamma(module.weight, gamma)
            module.weight.mul_(gamma_scale)
            module.bias.fill_(beta)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            _draw_weight(module.weight, weight)
            if zero_output_bias and isinstance(module, nn.Linear):
                module.bias.zero_()


def _draw_gamma(gamma: Tensor, init: GammaInit) -> None:
    match init:
        case "uniform":
            nn.init.uniform_(gamma)
        case "signed":
            nn.init.uniform_(gamma, -1, 1)
        case "ones":
            nn.init.ones_(gamma)


def _draw_weight(weight: Tensor, init: WeightInit) -> None:
    match init:
        case "kaiming_normal":
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
        case "kaiming_uniform":
            nn.init.kaiming_uniform_(weight, nonlinearity="relu")
        case "orthogonal":
            nn.init.orthogonal_(weight)
        case "binary":
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
            weight.copy_(weight.sign() * weight.std())
