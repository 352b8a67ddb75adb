"""How the weights of a network start: the initialisers that the classic ImageNet models were trained with."""

from __future__ import annotations

from torch import nn

STARTS = ("default", "kaiming", "xavier")


def start(model: nn.Module, how: str, bias: float = 0.0) -> None:
    """Draw the weights of every convolution and linear layer anew, from torch's global generator.

    Args:
        model: a network without normalisation, or one whose normalisation stays as it is.
        how: `default` leaves PyTorch's; `kaiming` draws convolutions normal over the fan-out for ReLU (He et al. 2015),
            `xavier` normal (Glorot and Bengio 2010). With both, linear layers are drawn from N(0, 0.01^2).
        bias: what biases start at, except with `default`.

    Raises:
        ValueError: another name.
    """
    if how not in STARTS:
        raise ValueError(f"`init` is {how!r}, but must be one of {', '.join(STARTS)}")
    if how == "default":
        return
    for module in model.modules():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
        elif how == "kaiming":
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        else:
            nn.init.xavier_normal_(module.weight)
        if module.bias is not None:
            nn.init.constant_(module.bias, bias)
