"""What the spaces of the deconv family have in common: the paper's setting, and which knobs exist beside which."""

from __future__ import annotations

from typing import Any

from trainables.config.deconv_rules import EXTENSIONS, OF_CONVOLUTIONS

# The paper's setting.
PUBLISHED = {"norm": "deconv", "block": 64, "sampling_stride": 3, "n_iter": 5}
OF_DECONV = ("block_fc", "sampling_stride", "n_iter", "eps", *EXTENSIONS)
OF_2020 = ("block", "delinear", *OF_CONVOLUTIONS)
OF_2019 = ("mode", "num_groups")
ACTIVE_WHEN: dict[str, dict[str, tuple[Any, ...]]] = {
    **{knob: {"norm": ("deconv",)} for knob in OF_DECONV},
    **{knob: {"norm": ("deconv",), "revision": (2020,)} for knob in OF_2020},
    **{knob: {"norm": ("deconv",), "revision": (2019,)} for knob in OF_2019},
}
