"""What became of gamma and beta: disabled features, the summary at the end, pruning by threshold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

THRESHOLD = 1e-2  # |gamma| below it counts as a disabled feature
THRESHOLDS = (1e-3, 1e-2, 1e-1)
PRUNING_THRESHOLDS = (1e-3, 1e-2, 3e-2, 1e-1)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def batch_norms(model: nn.Module) -> dict[str, nn.BatchNorm2d]:
    """Every BatchNorm of a network by its name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}


def disabled_fraction(model: nn.Module, threshold: float = THRESHOLD) -> float:
    """Share of all gammas, those of every BatchNorm, whose absolute value is below the threshold, in [0, 1].

    A gamma from U[0, 1) is below 0.01 with probability 0.01. A small gamma makes a constant map, which beta may keep
    from being zero. `ValueError` for a network without BatchNorm.
    """
    return _below(_joined(batch_norms(model), "weight"), threshold)


def summary(model: nn.Module) -> dict[str, float]:
    """gamma and beta at a glance: mean, standard deviation, extremes, quantiles, negative share; gammas near zero.

    Keys: `gamma_mean`, `gamma_std`, `gamma_min`, `gamma_max`, `gamma_q05` ... `gamma_q95`, `gamma_fraction_negative`, the
    same for beta; `gamma_fraction_below_T` for each threshold; for the CIFAR networks also
    `gamma_fraction_below_0.01_PLACE` with the places stem, bn1, bn2, skip, segment1, segment2 and segment3.
    """
    norms = batch_norms(model)
    gamma, beta = _joined(norms, "weight"), _joined(norms, "bias")
    found = {f"gamma_{key}": value for key, value in _distribution(gamma).items()}
    found |= {f"beta_{key}": value for key, value in _distribution(beta).items()}
    found |= {f"gamma_fraction_below_{threshold:g}": _below(gamma, threshold) for threshold in THRESHOLDS}
    places: dict[str, list[Tensor]] = {}
    for name, norm in norms.items():
        for place in _places(name, norm.num_features, norms):
            places.setdefault(place, []).append(norm.weight.detach())
    for place, gammas in places.items():
        found[f"gamma_fraction_below_{THRESHOLD:g}_{place}"] = _below(torch.cat(gammas), THRESHOLD)
    return found


@contextmanager
def pruned(model: nn.Module, threshold: float) -> Iterator[None]:
    """Inside, every gamma with |gamma| < threshold is 0; beta stays. Afterwards everything is as before."""
    gammas = [norm.weight.data for norm in batch_norms(model).values()]
    kept = [gamma.clone() for gamma in gammas]
    try:
        for gamma in gammas:
            gamma.masked_fill_(gamma.abs() < threshold, 0.0)
        yield
    finally:
        for gamma, before in zip(gammas, kept, strict=True):
            gamma.copy_(before)


def _below(gamma: Tensor, threshold: float) -> float:
    return (gamma.abs() < threshold).double().mean().item()


def _joined(norms: dict[str, nn.BatchNorm2d], name: str) -> Tensor:
    if not norms:
        raise ValueError("the network has no BatchNorm, so there are no gammas; give one that has")
    return torch.cat([getattr(norm, name).detach() for norm in norms.values()])


def _distribution(values: Tensor) -> dict[str, float]:
    values = values.double()
    quantiles = torch.quantile(values, torch.tensor(QUANTILES, dtype=values.dtype, device=values.device)).tolist()
    return {
        "mean": values.mean().item(),
        "std": values.std().item(),
        "min": values.min().item(),
        "max": values.max().item(),
        **{f"q{round(100 * q):02d}": value for q, value in zip(QUANTILES, quantiles, strict=True)},
        "fraction_negative": (values < 0).double().mean().item(),
    }


def _places(name: str, features: int, norms: dict[str, nn.BatchNorm2d]) -> Iterator[str]:
    """Where in a CIFAR network a BatchNorm is: what it does, and in which of the three segments."""
    if name == "bn":
        yield "stem"
    elif name.startswith("blocks."):
        kind = name.split(".")[2]
        yield kind
        yield f"segment{(features // norms['bn'].num_features).bit_length()}"
