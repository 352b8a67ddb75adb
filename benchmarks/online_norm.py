"""Online normalisation, forward and backward: `trainables.layers.online_norm` against batch normalisation and a loop.

    python -m benchmarks.online_norm [--pairs 11] [--threads 1 2] [--ecm ls] [--calls 20]

Three things are timed on the same activations, each alternately with ours:

* `batch`: torch's own batch normalisation, `nn.BatchNorm2d` or `nn.BatchNorm1d`;
* `loop`: the same mathematics sample by sample in torch, with scale, bias and layer scaling left to autograd;
* and the bytes that ours saves for the backward pass are counted, in units of the activation.

On one thread it is CPU time that is compared, which other processes disturb less than the time passed. One timing is 20
forward and backward passes in a row. With `--calls 1` the sides alternate pass by pass: then each meets caches that the
other has filled, which costs ours more, because it runs more code.

Goals at the three image shapes, with `ls`: at most 0.8, 1.0 and 1.25 times batch, a loop at least 7 times ours, at most 1.1
activations saved.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))  # for `python benchmarks/online_norm.py`

from benchmarks.harness import Ratio, hardware, paired
from trainables.layers.online_norm import OnlineNorm1d, OnlineNorm2d

SHAPES = ((128, 16, 32, 32), (128, 32, 16, 16), (128, 64, 8, 8), (128, 500), (32, 500))
LOOP_CALLS = 5  # forward and backward passes of the loop, and of ours beside it, in one timing


class Loop(torch.autograd.Function):
    """y of the recurrences, one sample after the other; `state` is mu, var, u, v."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, state: list[Tensor], afwd: float, abkw: float, eps: float) -> Tensor:
        mu, var, _, _ = state
        y, roots = torch.empty_like(x), []
        for t, sample in enumerate(x.flatten(2)):
            roots.append((var + eps).sqrt())
            y[t] = ((sample - mu[:, None]) / roots[-1][:, None]).view(x.shape[1:])
            mean = sample.mean(1)
            distance = mean - mu
            variance = (sample - mean[:, None]).square().mean(1)
            var = afwd * var + (1 - afwd) * variance + afwd * (1 - afwd) * distance.square()
            mu = mu + (1 - afwd) * distance
        state[:2] = mu, var
        ctx.save_for_backward(y)
        ctx.state, ctx.roots, ctx.k = state, roots, 1 - abkw
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        _, _, u, v = ctx.state
        grad_x = torch.empty_like(grad)
        for t, (g, sample) in enumerate(zip(grad.flatten(2), y.flatten(2), strict=True)):
            g = g - (ctx.k * v)[:, None] * sample
            v = v + (g * sample).mean(1)
            g = g / ctx.roots[t][:, None] - (ctx.k * u)[:, None]
            u = u + g.mean(1)
            grad_x[t] = g.view(grad.shape[1:])
        ctx.state[2:] = u, v
        return grad_x, None, None, None, None


class LoopNorm(nn.Module):
    """A layer like `OnlineNorm2d`, by the loop."""

    def __init__(self, like: OnlineNorm1d | OnlineNorm2d) -> None:
        super().__init__()
        self.like = like
        self.weight = nn.Parameter(torch.ones(like.num_features))
        self.bias = nn.Parameter(torch.zeros(like.num_features))
        self.state = [buffer.clone() for buffer in (like.mu, like.var, like.u, like.v)]

    def forward(self, x: Tensor) -> Tensor:
        like, images = self.like, x if x.dim() == 4 else x[:, :, None, None]
        y = Loop.apply(images, self.state, like.afwd, like.abkw, like.eps)
        z = y * self.weight[:, None, None] + self.bias[:, None, None]
        if like.ecm == "ls":
            z = z / (z.square().mean((1, 2, 3), keepdim=True) + like.ls_eps).sqrt()
        elif like.ecm == "ac":
            z = z.clamp(-like.clamp_val, like.clamp_val)
        return z.view(x.shape)


def passes(layer: nn.Module, x: Tensor, grad: Tensor, calls: int) -> Callable[[], None]:
    """A call that goes forward and backward through a layer so many times."""

    def run() -> None:
        for _ in range(calls):
            layer.zero_grad(set_to_none=True)
            x.grad = None
            layer(x).backward(grad)

    return run


def saved(layer: nn.Module, x: Tensor) -> float:
    """What a forward pass saves for the backward pass, in units of `x`."""
    sizes = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layer(x)
    return sum(sizes.values()) / x.untyped_storage().nbytes()


def compare(shape: tuple[int, ...], ecm: str, threads: int, pairs: int, calls: int) -> tuple[Ratio, Ratio, float]:
    """Ours over batch, the loop over ours, and what ours saves."""
    generator = torch.Generator().manual_seed(0)
    x, grad = torch.randn(shape, generator=generator).requires_grad_(), torch.randn(shape, generator=generator)
    ours, batch = (OnlineNorm2d, nn.BatchNorm2d) if len(shape) == 4 else (OnlineNorm1d, nn.BatchNorm1d)
    layer = ours(shape[1], ecm=ecm)
    loop = LoopNorm(layer)
    torch.testing.assert_close(layer(x), loop(x), rtol=1e-4, atol=1e-4)
    clock = time.process_time if threads == 1 else time.perf_counter
    return (
        paired(passes(layer, x, grad, calls), passes(batch(shape[1]), x, grad, calls), pairs, clock),
        paired(passes(loop, x, grad, LOOP_CALLS), passes(layer, x, grad, LOOP_CALLS), pairs, clock),
        saved(layer, x),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=11, help="timed pairs (default 11)")
    parser.add_argument("--threads", type=int, nargs="+", help="of all sides (default 1, and as many as torch uses)")
    parser.add_argument("--ecm", choices=("ls", "ac", "none"), default="ls", help="error compensation (default ls)")
    parser.add_argument("--calls", type=int, default=20, help="passes in one timing against batch (default 20)")
    options = parser.parse_args()

    console = Console(width=120)
    console.print(
        f"{hardware()}\ntorch {torch.__version__}, {date.today()}; forward and backward, ecm {options.ecm}; "
        f"median of {options.pairs} pairs of {options.calls} (lowest to highest)",
        highlight=False,
    )
    table = Table("activation", "threads")
    for heading in ("ours ms", "batch ms", "ours / batch", "loop ms", "loop / ours", "saved"):
        table.add_column(heading, justify="right", no_wrap=True)
    for threads in options.threads or sorted({1, torch.get_num_threads()}):
        torch.set_num_threads(threads)
        for shape in SHAPES:
            to_batch, to_loop, activations = compare(shape, options.ecm, threads, options.pairs, options.calls)
            table.add_row(
                "x".join(map(str, shape)),
                str(threads),
                f"{to_batch.seconds_a / options.calls * 1e3:.2f}",
                f"{to_batch.seconds_b / options.calls * 1e3:.2f}",
                shown(to_batch),
                f"{to_loop.seconds_a / LOOP_CALLS * 1e3:.1f}",
                shown(to_loop),
                f"{activations:.3f}",
            )
    console.print(table)


def shown(ratio: Ratio) -> str:
    return f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


if __name__ == "__main__":
    main()
