"""Memory and work of a trial of the CIFAR networks of BatchNorm-only training, from closed forms: no torch."""

from __future__ import annotations

import math

from trainables.config.bn_only import BNOnlyConfig
from trainables.plans.bn_counts import FLOAT, Plan
from trainables.process.footprint import Footprint

PROCESS = 600 * 2**20  # bytes of a worker before it has a network
MAPS_IN_FLIGHT = 5  # maps of the widest layer that exist at once beside those that are kept


def footprint(config: BNOnlyConfig, plan: Plan, train_images: int, evaluation_batch: int, replicates: int) -> Footprint:
    """Of one trial of `replicates` replicates, with the changes of `recompute_blocks` and `batch_size` that take less.

    The bytes are a worker's own, the weights of all replicates with gradient and momentum of what they train, and the
    larger of two peaks: the kept maps of one training batch and those in flight, or an evaluation batch in flight.
    """
    parameters = plan.parameters()
    trained = plan.trainable(config.trainable_set, config.k)
    weights = FLOAT * replicates * (sum(parameters.values()) + 2 * trained)
    widest = FLOAT * plan.stem.elements * MAPS_IN_FLIGHT

    def total(batch_size: int, recompute_blocks: int) -> int:
        kept = plan.kept_bytes(config.trainable_set, recompute_blocks)
        return PROCESS + weights + max(batch_size * (kept + widest), evaluation_batch * widest)

    smaller: dict[str, int] = {}
    root = math.isqrt(len(plan.blocks))
    if config.recompute_blocks == 0 and config.trainable_set not in ("none", "output"):
        smaller[f"recompute_blocks {root}"] = total(config.batch_size, root)
    for divisor in (2, 4, 8):
        if config.batch_size >= 2 * divisor:
            batch_size = config.batch_size // divisor
            smaller[f"batch_size {batch_size}"] = total(batch_size, config.recompute_blocks)
            smaller[f"batch_size {batch_size} with recompute_blocks {root}"] = total(batch_size, root)
    images = train_images * config.epochs * replicates
    macs = float(images) * plan.training_macs(config.trainable_set)
    return Footprint(total(config.batch_size, config.recompute_blocks), macs, smaller)
