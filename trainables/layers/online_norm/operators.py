"""The kernels of Online Normalization as operators of torch: what each allocates and starts, and its results without numbers.

As operators they pass where tensors have shapes alone (FakeTensorMode, the compiler). Each allocates its results and starts
one kernel. Arguments are those of the kernels, see there.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor

TILE = 4096  # activations that a program holds at a time
WALK = 32  # channels of a program that walks along the samples
WARPS = 8

kernels: Any = None  # the module `kernels`, once it has been asked for: it needs Triton


def load() -> None:
    """Import the kernels; `ImportError` without Triton."""
    global kernels
    if kernels is None:
        kernels = importlib.import_module("trainables.layers.online_norm.kernels")


def _moments(x: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    mean, variance = _fake_moments(x, like)
    _start(kernels.moments, (len(x),), x, x, mean, variance, *_plane(x), **_tile(x), num_warps=WARPS)
    return mean, variance


def _fake_moments(x: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    mean = like.new_empty(x.shape[:2])
    return mean, torch.empty_like(mean)


def _walk(
    mean: Tensor, variance: Tensor, mu: Tensor, var: Tensor, afwd: float, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    samples, channels = mean.shape
    results = _fake_walk(mean, variance, mu, var, afwd, eps)
    _start(
        *(kernels.walk_streams, _walks(channels), mean),
        mean,
        variance,
        mu,
        var,
        *results,
        samples,
        channels,
        afwd,
        1 - afwd,
        eps,
        BLOCK_C=WALK,
        num_warps=1,
    )
    return results


def _fake_walk(
    mean: Tensor, variance: Tensor, mu: Tensor, var: Tensor, afwd: float, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    channels = mean.shape[1]
    return torch.empty_like(mean), torch.empty_like(mean), mean.new_empty(3, channels), mean.new_empty(2, channels)


def _normalise(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    center: Tensor,
    reciprocal: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    end: Tensor,
    mu: Tensor,
    var: Tensor,
    move: bool,
    ecm: str,
    ls_eps: float,
    clamp: float,
) -> tuple[Tensor, Tensor]:
    out, layer = torch.empty_like(x), mean.new_empty(len(x))
    _start(
        *(kernels.normalise, _blocks(x), x),
        *(x, out, mean, variance, center, reciprocal, weight, bias, layer, end, mu, var, *_plane(x), ls_eps, clamp),
        **_tile(x),
        ECM=ecm,
        MOVE=move,
        num_warps=WARPS,
    )
    return out, layer


def _sums(
    grad: Tensor,
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    center: Tensor,
    reciprocal: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    layer: Tensor,
    ecm: str,
    clamp: float,
) -> tuple[Tensor, Tensor, Tensor]:
    sums, products, along = torch.empty_like(mean), torch.empty_like(mean), torch.empty_like(layer)
    _start(
        *(kernels.plane_sums, (len(x),), x),
        *(grad, x, mean, variance, center, reciprocal, weight, bias, layer, mean, sums, products, along),
        *(*_plane(x), clamp),
        **_tile(x),
        ECM=ecm,
        num_warps=WARPS,
    )
    return sums, products, along


def _controls(
    sums: Tensor,
    products: Tensor,
    mean: Tensor,
    variance: Tensor,
    center: Tensor,
    reciprocal: Tensor,
    layer: Tensor,
    weight: Tensor | None,
    u: Tensor,
    v: Tensor,
    abkw: float,
    loss_scale: float,
    pixels: int,
    ecm: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    samples, channels = mean.shape
    k = 1 - abkw
    results = _fake_controls(sums, products, mean)
    _start(
        *(kernels.walk_controls, _walks(channels), mean),
        *(sums, products, mean, variance, center, reciprocal, layer, weight, u, v, *results, samples, channels),
        *(k, abkw, -k / pixels, -k * loss_scale),
        LAYER=ecm == "ls",
        BLOCK_C=WALK,
        num_warps=1,
    )
    return results


def _fake_controls(
    sums: Tensor, products: Tensor, mean: Tensor, *_: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    channels = mean.shape[1]
    begin, end = mean.new_empty(2, channels), mean.new_empty(2, channels)
    return (
        torch.empty_like(mean),
        torch.empty_like(mean),
        begin,
        end,
        mean.new_empty(channels),
        mean.new_empty(channels),
    )


def _gradient(
    grad: Tensor,
    x: Tensor,
    center: Tensor,
    reciprocal: Tensor,
    layer: Tensor,
    along: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    of_y: Tensor,
    constant: Tensor,
    end: Tensor,
    u: Tensor,
    v: Tensor,
    move: bool,
    ecm: str,
    clamp: float,
) -> Tensor:
    result = torch.empty_like(x)
    _start(
        *(kernels.gradient, _blocks(x), x),
        *(grad, x, result, center, reciprocal, layer, along, weight, bias, of_y, constant, end, u, v),
        *(*_plane(x), clamp),
        **_tile(x),
        ECM=ecm,
        MOVE=move,
        num_warps=WARPS,
    )
    return result


def _start(kernel: Any, grid: tuple[int, ...], on: Tensor, *arguments: Any, **options: Any) -> None:
    """Start a kernel on the card of a tensor; Triton starts it on the current one."""
    with torch.cuda.device_of(on):  # type: ignore[no-untyped-call]
        kernel[grid](*arguments, **options)


def _plane(x: Tensor) -> tuple[int, ...]:
    """Channels and pixels of an activation, and its strides from sample to sample, channel and pixel."""
    of_sample, of_channel = x.stride()[:2]
    return x.shape[1], x[0, 0].numel(), of_sample, of_channel, x.stride(3) if x.dim() == 4 else 1


def _tile(x: Tensor) -> dict[str, Any]:
    """The blocks of pixels and channels that a program takes, and the type it computes in."""
    channels = _power_of_two(x.shape[1])
    pixels = min(_power_of_two(x[0, 0].numel()), max(1, TILE // channels))
    wide = kernels.tl.float64 if x.dtype == torch.float64 else kernels.tl.float32
    return {"WIDE": wide, "BLOCK_P": pixels, "BLOCK_C": channels}


def _blocks(x: Tensor) -> tuple[int, int]:
    return len(x), -(-x[0, 0].numel() // int(_tile(x)["BLOCK_P"]))


def _walks(channels: int) -> tuple[int]:
    return (-(-channels // WALK),)


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


_SCHEMAS = (
    ("online_moments(Tensor x, Tensor like) -> (Tensor, Tensor)", _moments, _fake_moments),
    (
        "online_walk(Tensor mean, Tensor variance, Tensor mu, Tensor var, float afwd, float eps)"
        " -> (Tensor, Tensor, Tensor, Tensor)",
        _walk,
        _fake_walk,
    ),
    (
        "online_normalise(Tensor x, Tensor mean, Tensor variance, Tensor center, Tensor reciprocal, Tensor? weight,"
        " Tensor? bias, Tensor end, Tensor(a!) mu, Tensor(b!) var, bool move, str ecm, float ls_eps, float clamp)"
        " -> (Tensor, Tensor)",
        _normalise,
        lambda x, mean, *_: (torch.empty_like(x), mean.new_empty(len(x))),
    ),
    (
        "online_sums(Tensor grad, Tensor x, Tensor mean, Tensor variance, Tensor center, Tensor reciprocal,"
        " Tensor? weight, Tensor? bias, Tensor layer, str ecm, float clamp) -> (Tensor, Tensor, Tensor)",
        _sums,
        lambda grad, x, mean, *_: (torch.empty_like(mean), torch.empty_like(mean), mean.new_empty(len(x))),
    ),
    (
        "online_controls(Tensor sums, Tensor products, Tensor mean, Tensor variance, Tensor center, Tensor reciprocal,"
        " Tensor layer, Tensor? weight, Tensor u, Tensor v, float abkw, float loss_scale, int pixels, str ecm)"
        " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
        _controls,
        _fake_controls,
    ),
    (
        "online_gradient(Tensor grad, Tensor x, Tensor center, Tensor reciprocal, Tensor layer, Tensor along,"
        " Tensor? weight, Tensor? bias, Tensor of_y, Tensor constant, Tensor end, Tensor(a!) u, Tensor(b!) v, bool move,"
        " str ecm, float clamp) -> Tensor",
        _gradient,
        lambda grad, x, *_: torch.empty_like(x),
    ),
)


def _define() -> tuple[torch.library.Library, Any]:
    library = torch.library.Library("trainables", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema, run, fake in _SCHEMAS:
        name = schema.partition("(")[0]
        library.define(schema)  # type: ignore[no-untyped-call]
        library.impl(name, run, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]
        torch.library.register_fake(f"trainables::{name}", fake, lib=library)
    return library, torch.ops.trainables


_library, OPERATORS = _define()  # the operators live as long as their library
