"""Online Normalization: each sample is normalised by what came before it, and gradients are kept unbiased likewise.

Chiley et al., "Online Normalization for Training Neural Networks", NeurIPS 2019. The batch plays no role: cut into
smaller ones, each with its forward and backward pass, it gives the same numbers. These layers follow the recurrences of
the paper exactly (`online_recurrences` states them), with no factor clamped or linearised.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, Self, cast, get_args

import torch
from torch import Tensor, nn
from torch._compile import _disable_dynamo
from torch.nn import functional as F

from trainables.layers.online_norm.state import ErrorCompensation, Settings, State, Step
from trainables.layers.online_norm.step import OnlineNormFunction

STATE = ("mu", "var", "u", "v")
# Forward passes of one layer that may await their recomputation at a time; of each a few numbers per channel are kept.
STEPS_KEPT = 64


class _OnlineNorm(nn.Module):
    """What both ranks share; `OnlineNorm2d` documents it."""

    shape: str
    mu: Tensor
    var: Tensor
    u: Tensor
    v: Tensor

    def __init__(
        self,
        num_features: int,
        afwd: float = 0.999,
        abkw: float = 0.99,
        eps: float = 1e-5,
        affine: bool = True,
        ecm: ErrorCompensation = "ls",
        ls_eps: float = 1e-5,
        clamp_val: float = 5.0,
    ) -> None:
        super().__init__()
        if num_features < 1:
            raise ValueError(f"`num_features` is {num_features}, but must be at least 1; give the number of channels")
        if ecm not in get_args(ErrorCompensation):
            raise ValueError(
                f"`ecm` is {ecm!r}, but must be 'ls' (layer scaling), 'ac' (activation clamping) or 'none'; choose one"
            )
        for name, epsilon in (("eps", eps), ("ls_eps", ls_eps)):
            if not 0 <= epsilon < math.inf:
                raise ValueError(f"`{name}` is {epsilon:g}, but must be finite and at least 0; published is 1e-5")
        if not clamp_val > 0:
            raise ValueError(f"`clamp_val` is {clamp_val:g}, but must be larger than 0; published is 5")
        self.num_features = num_features
        self.eps = eps
        self.ecm: ErrorCompensation = ecm
        self.ls_eps = ls_eps
        self.clamp_val = clamp_val
        self.loss_scale = 1.0
        self._afwd = _decay("afwd", afwd)
        self._abkw = _decay("abkw", abkw)
        self._steps: deque[Step] = deque(maxlen=STEPS_KEPT)
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        for name in STATE:
            value = 1.0 if name == "var" else 0.0
            self.register_buffer(name, torch.full((num_features,), value, dtype=torch.float32))

    @property
    def afwd(self) -> float:
        """Decay of the streams; may be assigned at any time."""
        return self._afwd

    @afwd.setter
    def afwd(self, value: float) -> None:
        self._afwd = _decay("afwd", value)

    @property
    def abkw(self) -> float:
        """Decay of the controls; may be assigned at any time, the correction (1 - abkw) u, (1 - abkw) v goes on as it is."""
        return self._abkw

    @abkw.setter
    def abkw(self, value: float) -> None:
        before, self._abkw = self._abkw, _decay("abkw", value)
        with torch.no_grad():
            for control in (self.u, self.v):
                control.mul_((1 - before) / (1 - value))

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        if not self.training:
            return self._evaluate(x)
        return self._uncompiled(x) if torch.compiler.is_compiling() else self._train(x)

    # The compiler would trace NumPy as torch, and lose what becomes of the state. It is imported when it is used only.
    @_disable_dynamo
    def _uncompiled(self, x: Tensor) -> Tensor:
        return self._train(x)

    def _train(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float64:
            for name in STATE:
                self._buffers[name] = self.get_buffer(name).double()
        if not (x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)):
            x = x.contiguous()
        state = State(self.mu, self.var, self.u, self.v, self._steps)
        settings = Settings(self.afwd, self.abkw, self.eps, self.ecm, self.ls_eps, self.clamp_val, self.loss_scale)
        return cast(Tensor, OnlineNormFunction.apply(x, self.weight, self.bias, state, settings))

    def _evaluate(self, x: Tensor) -> Tensor:
        """By the frozen streams; an ordinary function of `x`, with an ordinary gradient."""
        computed_in = torch.promote_types(x.dtype, torch.float32)
        mu, var, weight, bias = (
            None if t is None else t.to(computed_in) for t in (self.mu, self.var, self.weight, self.bias)
        )
        z = F.batch_norm(x.to(computed_in), mu, var, weight, bias, training=False, eps=self.eps)
        if self.ecm == "ls":
            z = z * torch.rsqrt(z.square().mean(tuple(range(1, z.dim())), keepdim=True) + self.ls_eps)
        elif self.ecm == "ac":
            z = z.clamp(-self.clamp_val, self.clamp_val)
        return z.to(x.dtype)

    def _check(self, x: Tensor) -> None:
        if x.dim() != self.shape.count(",") + 1:
            raise ValueError(
                f"the input has shape {list(x.shape)}, but {type(self).__name__} takes {self.shape}; "
                "reshape it, or use the layer for its rank"
            )
        if x.shape[1] != self.num_features:
            raise ValueError(
                f"the input has {x.shape[1]} channels, but this layer has {self.num_features}; "
                "make them equal by `num_features`"
            )
        if not x.is_floating_point():
            raise ValueError(f"the input is {x.dtype}, but must be floating point; convert it with `.float()`")
        if self.training and x.numel() == 0:
            raise ValueError(
                f"the input has shape {list(x.shape)} and no values, but training needs some; drop the batch"
            )

    def extra_repr(self) -> str:
        affine = self.weight is not None
        return f"{self.num_features}, afwd={self.afwd}, abkw={self.abkw}, eps={self.eps}, affine={affine}, ecm={self.ecm!r}"

    def __getstate__(self) -> dict[str, Any]:
        # A copy continues from the state alone; no graph refers to the steps that it would take along.
        return self.__dict__ | {"_steps": deque(maxlen=STEPS_KEPT)}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Also `.half()` and `.bfloat16()` leave the state in float32: such streams would stop moving.
        before = {name: self.get_buffer(name) for name in STATE}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in before.items():
            after = self.get_buffer(name)
            if torch.promote_types(after.dtype, torch.float32) != after.dtype:
                self._buffers[name] = buffer.to(after.device, torch.float32)
        return self


class OnlineNorm2d(_OnlineNorm):
    """Online Normalization of images [N, C, H, W], in the order of the samples.

    The result is y = (x - mu) / sqrt(var + eps) of the streams before each sample, then weight y + bias, then error
    compensation. In evaluation mode the streams are frozen. Training moves the buffers `mu`, `var` (in the forward
    pass) and `u`, `v` (in the backward pass), each once a step, also with activation checkpointing and `retain_graph`.
    They are float32, or float64 from the first float64 input on, and part of the state_dict.

    With several processes each keeps streams of its own: give DistributedDataParallel `broadcast_buffers=False`.

    Args:
        num_features: channels C, at least 1.
        afwd: decay of `mu` and `var` per sample, in (0, 1); 1 - 1/h has a horizon of h samples.
        abkw: decay of the corrections (1 - abkw) u and (1 - abkw) v per sample, in (0, 1). Both decays are attributes
            that may be assigned; with `abkw`, `u` and `v` are rescaled so that the corrections go on as they are.
        eps: added to the variance under the root.
        affine: learn `weight` (from 1) and `bias` (from 0), [C] each; None otherwise.
        ecm: error compensation. "ls", layer scaling: divide each sample by sqrt(mean(z^2) + ls_eps) over C, H, W.
            "ac", activation clamping to [-clamp_val, clamp_val], without gradient at and beyond the bounds. Or "none".
        ls_eps: as above.
        clamp_val: as above.

    Attributes:
        loss_scale: by what the loss is multiplied before the backward pass, default 1; `set_loss_scale` sets it for a
            whole model. `u` and `v` are kept as without it, so it may change at any time.

    Raises:
        ValueError: an argument out of its range; an input of another rank or number of channels, or not floating; in
            training, an input without values or of one sample of 1x1, which has no variance to speak of.
    """

    shape = "[N, C, H, W]"

    def _check(self, x: Tensor) -> None:
        super()._check(x)
        if self.training and x.numel() == self.num_features:
            raise ValueError(
                f"the input has shape {list(x.shape)}, one value for each channel, but training needs more than one; "
                "use larger images or a larger batch"
            )


class OnlineNorm1d(_OnlineNorm):
    """Online Normalization of features [N, C]: `OnlineNorm2d` of images of one pixel, and also of a single sample."""

    shape = "[N, C]"


def streams(model: nn.Module) -> dict[str, Tensor]:
    """The state of every Online Normalization in a model, by its name there: what each of several processes has alone."""
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, _OnlineNorm)}
    return {f"{name}.{part}": layer.get_buffer(part) for name, layer in layers.items() for part in STATE}


def set_loss_scale(model: nn.Module, scale: float) -> None:
    """Tell every online layer of a model by what its loss is about to be multiplied.

    With `torch.amp.GradScaler`, call it with `scaler.get_scale()` before each forward pass.

    Raises:
        ValueError: `scale` is not finite or not above 0.
    """
    if not 0 < scale < math.inf:
        raise ValueError(f"`scale` is {scale:g}, but must be finite and larger than 0; give 1 for an unscaled loss")
    for module in model.modules():
        if isinstance(module, _OnlineNorm):
            module.loss_scale = scale


def _decay(name: str, value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(
            f"`{name}` is {value:g}, but must lie between 0 and 1, both excluded; a horizon of h samples is 1 - 1/h"
        )
    return float(value)
