"""What the spaces of the online_norm family have in common: the paper's setting, and which knobs exist beside which."""

from __future__ import annotations

from typing import Any

PUBLISHED = {"norm_mode": "online", "h_fwd": 1024, "h_bwd": 128, "ecm": "ls"}
OTHERS = ("batch", "group", "instance", "layer")
# Which knob exists beside which.
ACTIVE_WHEN: dict[str, dict[str, tuple[Any, ...]]] = {
    "h_fwd": {"norm_mode": ("online",)},
    "h_bwd": {"norm_mode": ("online",)},
    "ecm": {"norm_mode": ("online",)},
    "clamp_val": {"ecm": ("ac",)},
    "gn_num_groups": {"norm_mode": ("group",)},
}
