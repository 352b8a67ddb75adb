"""What the ResNets are made of, known without building one: blocks, and the channels of every normalisation layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

DEPTH_RULE = "6n+2 with n at least 1, such as 8, 14, 20, 32, 44, 56 or 110"

# arch -> blocks in each stage, convolutions in a block, channels inside a bottleneck relative to its stage's
IMAGENET = {
    "resnet18": ((2, 2, 2, 2), 2, 1),
    "resnet34": ((3, 4, 6, 3), 2, 1),
    "resnet50": ((3, 4, 6, 3), 3, 1),
    "resnet101": ((3, 4, 23, 3), 3, 1),
    "resnet152": ((3, 8, 36, 3), 3, 1),
    "resnext50_32x4d": ((3, 4, 6, 3), 3, 2),
    "resnext101_32x8d": ((3, 4, 23, 3), 3, 4),
}
EXPANSION = 4  # a bottleneck ends with this many times its stage's channels


def is_depth(depth: int) -> bool:
    """Whether a CIFAR ResNet of this depth exists: 6n+2, two convolutions in each of 3n blocks, stem and classifier."""
    return depth >= 8 and depth % 6 == 2


def blocks_in_stage(depth: int) -> int:
    """n of a CIFAR ResNet of depth 6n+2; `ValueError` for any other depth."""
    if not is_depth(depth):
        raise ValueError(f"`depth` is {depth}, but must be {DEPTH_RULE}; the nearest is {_nearest(depth)}")
    return (depth - 2) // 6


def cifar_norms(depth: int, width: int = 1) -> dict[str, int]:
    """Name and channels of each normalisation layer of `resnet_cifar`, from the input on: 21 at depth 20."""
    return {"norm1": 16 * width, **dict(_cifar_blocks(blocks_in_stage(depth), width))}


def imagenet_norms(arch: str) -> dict[str, int]:
    """Name and channels of each normalisation layer of an ImageNet ResNet as torchvision names them: 53 in resnet50."""
    return {"bn1": 64, **dict(_imagenet_blocks(*IMAGENET[arch]))}


def check_groups(norms: Mapping[str, int], groups: int) -> None:
    """Refuse a number of groups that does not divide the channels of every layer; the `ValueError` lists all such layers.

    Args:
        norms: name -> channels, of `cifar_norms` or `imagenet_norms`.
        groups: of each group normalisation.
    """
    refused: dict[int, list[str]] = {}
    for name, channels in norms.items():
        if groups < 1 or channels % groups:
            refused.setdefault(channels, []).append(name)
    if refused:
        layers = "; ".join(f"{channels} in {', '.join(names)}" for channels, names in refused.items())
        usable = [str(n) for n in range(1, min(norms.values()) + 1) if all(c % n == 0 for c in norms.values())]
        raise ValueError(
            f"`gn_num_groups` is {groups}, but must divide the channels of every group normalisation, which it does not "
            f"for {layers}; use {', '.join(usable)}"
        )


def _nearest(depth: int) -> int:
    return max(8, round((depth - 2) / 6) * 6 + 2)


def _cifar_blocks(blocks: int, width: int) -> Iterator[tuple[str, int]]:
    for stage, channels in enumerate((16 * width, 32 * width, 64 * width), start=1):
        for block in range(blocks):
            prefix = f"layer{stage}.{block}"
            yield f"{prefix}.norm1", channels
            yield f"{prefix}.norm2", channels
            if stage > 1 and block == 0:
                yield f"{prefix}.shortcut.1", channels


def _imagenet_blocks(stages: tuple[int, ...], convolutions: int, widening: int) -> Iterator[tuple[str, int]]:
    for stage, blocks in enumerate(stages, start=1):
        channels = 64 * 2 ** (stage - 1)
        inside = channels * widening
        end = channels * EXPANSION if convolutions == 3 else channels
        for block in range(blocks):
            prefix = f"layer{stage}.{block}"
            for number in range(1, convolutions):
                yield f"{prefix}.bn{number}", inside
            yield f"{prefix}.bn{convolutions}", end
            # A bottleneck widens its input in the first stage as well, where a basic block keeps it.
            if block == 0 and (stage > 1 or convolutions == 3):
                yield f"{prefix}.downsample.1", end
