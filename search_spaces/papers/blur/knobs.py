"""What the spaces of the blur family have in common: published values, which knobs exist in which modes, the studied grid."""

from __future__ import annotations

from typing import Any

from trainables.config.blur import MODES_OF, SWITCHING

# The optimiser of the published CIFAR-10 code.
PUBLISHED = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "batch_size": 64}
# Which knob exists in which modes.
ACTIVE_WHEN: dict[str, dict[str, tuple[Any, ...]]] = {knob: {"mode": modes} for knob, modes in MODES_OF.items()}

_SIGMAS = (1.0, 2.0, 3.0, 4.0)
# What the paper's authors studied, beside `normal`.
GRID: tuple[dict[str, Any], ...] = (
    *({"mode": mode, "sigma": sigma} for mode in ("all", *SWITCHING) for sigma in _SIGMAS),
    *({"mode": "mix", "sigma": sigma} for sigma in (*_SIGMAS, 5.0, 10.0)),
    *({"mode": "random-mix", "max_sigma": largest} for largest in (2.0, 4.0, 5.0, 8.0, 10.0, 16.0)),
    *({"mode": "multi-steps-cbt", "init_sigma": s, "cbt_rate": rate} for s in _SIGMAS for rate in (0.9, 0.8)),
    {"mode": "multi-steps"},
)
