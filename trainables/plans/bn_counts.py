"""Parameters, multiply-accumulates and activation memory of the BatchNorm-only networks, from numbers alone: no torch.

Everything is derived from one list of the network's layers (`layers`), in the order in which they are built. The sums
are the published closed forms, with n = (D - 2) / 6 on 32x32 images with 3 channels and 10 classes: BatchNorm
224 W (D + 1) / 3, projection shortcuts 2560 W^2, output 640 W + 10, other convolutions 432 W + 2304 W^2 (42n - 10);
saved activations 64 W (2816 + 7168 n) bytes for an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainables.plans.bn_names import FILTERS
from trainables.plans.resnets import blocks_in_stage

TrainableSet = Literal["none", "output", "bn", "bn_output", "shortcut_output", "bn_shortcut_output", "all", "random_k"]
FLOAT = 4  # bytes
MASK = 1  # byte that a ReLU keeps of an element when its convolutions are frozen

# Which classes of tensors are trained; `shortcut` is the 1x1 convolution alone, its BatchNorm belongs to `bn`.
TRAINED: dict[str, frozenset[str]] = {
    "none": frozenset(),
    "output": frozenset({"output"}),
    "bn": frozenset({"bn"}),
    "bn_output": frozenset({"bn", "output"}),
    "shortcut_output": frozenset({"shortcut_conv", "output"}),
    "bn_shortcut_output": frozenset({"bn", "shortcut_conv", "output"}),
    "all": frozenset({"bn", "shortcut_conv", "output", "conv"}),
}


@dataclass(frozen=True)
class Conv:
    """A convolution without bias and the BatchNorm behind it."""

    inputs: int
    outputs: int
    kernel: int
    side: int  # of its output maps

    @property
    def weights(self) -> int:
        return self.inputs * self.outputs * self.kernel**2

    @property
    def macs(self) -> int:
        return self.weights * self.side**2

    @property
    def elements(self) -> int:
        """Of the output maps of one image."""
        return self.outputs * self.side**2


@dataclass(frozen=True)
class Plan:
    """The layers of one CIFAR network: the stem, the two convolutions of each block, the projections, the classifier."""

    stem: Conv
    blocks: tuple[tuple[Conv, Conv], ...]
    projections: tuple[Conv, ...]
    features: int
    classes: int

    @property
    def convs(self) -> tuple[Conv, ...]:
        """All but the projections."""
        return (self.stem, *(conv for block in self.blocks for conv in block))

    def parameters(self) -> dict[str, int]:
        """Number of parameters of each class of tensors; the classes are disjoint."""
        return {
            "conv": sum(conv.weights for conv in self.convs),
            "shortcut_conv": sum(conv.weights for conv in self.projections),
            "bn": 2 * self.bn_features(),
            "output": (self.features + 1) * self.classes,
        }

    def bn_features(self) -> int:
        """Number of gammas, F."""
        return sum(conv.outputs for conv in (*self.convs, *self.projections))

    def trainable(self, trainable_set: str, k: int = 2) -> int:
        """Number of parameters that a set trains; `random_k` trains k weights of each filter, k F in all."""
        if trainable_set == "random_k":
            return k * self.bn_features()
        return sum(count for name, count in self.parameters().items() if name in TRAINED[trainable_set])

    def macs(self) -> int:
        """Multiply-accumulates of the convolutions and the classifier for one image, forward."""
        convs = sum(conv.macs for conv in (*self.convs, *self.projections))
        return convs + self.features * self.classes

    def training_macs(self, trainable_set: str) -> int:
        """Multiply-accumulates of one image in training: forward, input gradients, and weight gradients where trained.

        No input gradient is taken at the stem, nor below the first trainable layer where only the output is trained.
        """
        forward, output = self.macs(), self.features * self.classes
        if trainable_set in ("none", "output"):
            return forward + (output if trainable_set == "output" else 0)
        inputs = forward - self.stem.macs
        trained = TRAINED.get(trainable_set, TRAINED["all"] - {"output", "bn"})
        weights = {
            "conv": sum(conv.macs for conv in self.convs),
            "shortcut_conv": sum(conv.macs for conv in self.projections),
            "output": output,
        }
        return forward + inputs + sum(count for name, count in weights.items() if name in trained)

    def activation_bytes(self) -> int:
        """Bytes of float32 maps kept for the backward pass of one image where everything is trained.

        Two for each convolution of the stem and the blocks, what its BatchNorm normalises and what its ReLU gives; one
        for each projection, whose sum is kept as the block's own.
        """
        return FLOAT * (2 * sum(conv.elements for conv in self.convs) + sum(conv.elements for conv in self.projections))

    def kept_bytes(self, trainable_set: str, recompute_blocks: int = 0) -> int:
        """Bytes kept for the backward pass of one image by a set, as this project trains it.

        A frozen convolution keeps no input, so that a ReLU keeps a byte for each element in place of four. With
        `recompute_blocks` = g the input of every g-th block is kept beside all of the largest group of g blocks.
        """
        if trainable_set in ("none", "output"):
            return FLOAT * self.features
        relu = FLOAT if trainable_set in ("all", "random_k") else MASK
        stem = (FLOAT + relu) * self.stem.elements
        projected = {conv.outputs: FLOAT * conv.elements for conv in self.projections}
        blocks = []
        for first, second in self.blocks:
            projection = projected.get(first.outputs, 0) if first.inputs != first.outputs else 0
            blocks.append((FLOAT + relu) * (first.elements + second.elements) + projection)
        if recompute_blocks == 0:
            return stem + sum(blocks)
        starts = range(0, len(blocks), recompute_blocks)
        inputs = [self.stem, *(second for _, second in self.blocks)]
        kept = sum(FLOAT * inputs[start].elements for start in starts)
        return stem + kept + max(sum(blocks[start : start + recompute_blocks]) for start in starts)


def plan(depth: int, width: int = 1, *, channels: int = 3, size: int = 32, classes: int = 10) -> Plan:
    """The layers of the network of this depth and width for square images; `ValueError` for a depth that is not 6n+2."""
    repeats, filters = blocks_in_stage(depth), FILTERS * width
    stem = Conv(channels, filters, 3, size)
    blocks: list[tuple[Conv, Conv]] = []
    projections: list[Conv] = []
    inputs = filters
    for segment in range(3):
        outputs = filters * 2**segment
        for number in range(repeats):
            if segment > 0 and number == 0:
                size = (size + 1) // 2
                projections.append(Conv(inputs, outputs, 1, size))
            blocks.append((Conv(inputs, outputs, 3, size), Conv(outputs, outputs, 3, size)))
            inputs = outputs
    return Plan(stem, tuple(blocks), tuple(projections), inputs, classes)


def counts(layers: Plan, trainable_set: str, k: int = 2) -> dict[str, int]:
    """Parameters by class, multiply-accumulates forward and bytes of activations, the last two of one image.

    Keys: total, bn, trainable, shortcut_conv (without its BatchNorm, which `bn` holds), output, macs, activation_bytes
    (those of training everything: the formula of the module's docstring).
    """
    parameters = layers.parameters()
    return {
        "total": sum(parameters.values()),
        "bn": parameters["bn"],
        "trainable": layers.trainable(trainable_set, k),
        "shortcut_conv": parameters["shortcut_conv"],
        "output": parameters["output"],
        "macs": layers.macs(),
        "activation_bytes": layers.activation_bytes(),
    }
