"""Rules that the configurations of the residual networks share: depths of whole blocks, milestones or a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainables.plans.resnets import DEPTH_RULE, is_depth


def whole_blocks(depth: int) -> int:
    """The depth of a CIFAR ResNet; ValueError with the rule when it has no whole blocks."""
    if not is_depth(depth):
        raise ValueError(DEPTH_RULE)
    return depth


def without_milestones(given: Mapping[str, Any]) -> dict[str, Any]:
    """The published milestones taken away where another schedule was chosen and no milestones were given."""
    chosen = given.get("lr_schedule", "constant") != "constant" and "lr_milestones" not in given
    return {"lr_milestones": ()} if chosen else {}


def means_small_network(given: Mapping[str, Any]) -> bool:
    """Whether the knobs given, without `arch`, are those of the ResNets for small images alone."""
    return "arch" not in given and any(given.get(knob) is not None for knob in ("name", "depth", "width"))


def check_milestones(milestones: tuple[float, ...], lr_schedule: str) -> None:
    """ValueError when lr would follow milestones and a schedule at once."""
    if milestones and lr_schedule != "constant":
        raise ValueError(
            f"`lr_milestones` is {milestones}, but must be () beside lr_schedule {lr_schedule!r}; leave one of them out"
        )
