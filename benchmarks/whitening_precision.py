"""How much of a whitening convolution's result is rounding, in bfloat16 and in TF32, beside a plain convolution's.

    python -m benchmarks.whitening_precision

The stem of a network on images with the correlations of photographs, and a layer in the middle: output and weight gradient
against float64, relative. Both types round what they multiply and add in float32, as a card does; here by rounding the
operands. The inverse root is in float64 for all, as the layers never compute it in less than float32.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from trainables.layers.deconv import FastDeconv2d

# title -> in, out, side of the images, options of the layer
LAYERS = {
    "stem 3x3, 5 iterations": (3, 64, 32, {"n_iter": 5}),
    "stem 3x3, 15 iterations": (3, 64, 32, {"n_iter": 15}),
    "64 channels, block 64": (64, 64, 16, {"block": 64}),
    "64 channels, block 16": (64, 64, 16, {"block": 16}),
}
KEPT_BITS = {"bfloat16": 7, "TF32": 10}
IMAGES = 32


def rounded(x: Tensor, bits: int) -> Tensor:
    """`x` with so many bits after the leading one of each number, to the nearest."""
    mantissa, exponent = torch.frexp(x)
    return torch.ldexp(torch.round(mantissa * 2 ** (bits + 1)) / 2 ** (bits + 1), exponent)


class _Convolved(torch.autograd.Function):
    """A convolution whose operands are rounded in both directions, and sums are not."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bits: int) -> Tensor:
        x, weight = rounded(x, bits), rounded(weight, bits)
        ctx.save_for_backward(x, weight)
        ctx.bits = bits
        return F.conv2d(x, weight, padding=1)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        grad = rounded(grad, ctx.bits)
        of_x = torch.nn.grad.conv2d_input(x.shape, weight, grad, padding=1)
        return of_x, torch.nn.grad.conv2d_weight(x, weight.shape, grad, padding=1), None


def photographs(channels: int, side: int, generator: torch.Generator) -> Tensor:
    """Noise as alike as a photograph's neighbouring pixels and channels are, 0.95: [IMAGES, channels, side, side]."""
    shared = torch.randn(IMAGES, 1, side, side, generator=generator, dtype=torch.float64)
    own = 0.2 * torch.randn(IMAGES, channels, side, side, generator=generator, dtype=torch.float64)
    smooth = shared + own
    for _ in range(2):
        smooth = F.avg_pool2d(smooth, 5, 1, 2, count_include_pad=False)
    return smooth / smooth.std()


def errors(title: str, bits: int, whitened: bool) -> tuple[float, float]:
    """Relative error of the output and of the weight's gradient."""
    channels, outputs, side, options = LAYERS[title]
    generator = torch.Generator().manual_seed(0)
    x = photographs(channels, side, generator)
    torch.manual_seed(0)
    layer = FastDeconv2d(channels, outputs, 3, padding=1, bias=False, **options).double().train()
    toward = torch.randn(IMAGES, outputs, side, side, generator=generator, dtype=torch.float64)

    def run(convolved: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        layer.zero_grad()
        if whitened:
            from trainables.layers.deconv.folding import fold

            features = layer.running_deconv.shape[-1]
            mean, root = layer.statistics(x, layer.samples, 1, features)
            weight, bias = fold(layer.weight, None, mean, root)
        else:
            weight, bias = layer.weight, torch.zeros(outputs, dtype=torch.float64)
        out = convolved(x, weight) + bias[:, None, None]
        (out * toward).sum().backward()
        return out.detach(), layer.weight.grad.clone()

    exact = run(lambda x, weight: F.conv2d(x, weight, padding=1))
    found = run(lambda x, weight: _Convolved.apply(x, weight, bits))
    output, gradient = (((a - b).norm() / b.norm()).item() for a, b in zip(found, exact, strict=True))
    return output, gradient


def main() -> None:
    print(
        f"{'layer':26s} {'type':9s} {'plain: output':>14s} {'gradient':>9s} {'whitened: output':>17s} {'gradient':>9s}"
    )
    for title in LAYERS:
        for kind, bits in KEPT_BITS.items():
            plain, whitened = errors(title, bits, False), errors(title, bits, True)
            print(
                f"{title:26s} {kind:9s} {plain[0]:14.2%} {plain[1]:9.2%} {whitened[0]:17.2%} {whitened[1]:9.2%}"
                f"   x{whitened[0] / plain[0]:.0f}, x{whitened[1] / plain[1]:.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
