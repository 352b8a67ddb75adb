"""What one family has to show beyond the tabs that all share: a panel a family, by its name.

A panel is a function of the leaderboard that returns a `Panel`: figures as plain dictionaries of plotly's `data` and
`layout`, which the page draws in its own colours. A new family adds a room here and its name below.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from tuner.report.panels import blur, bn_only, deconv, imagenet, online_norm
from tuner.report.panels.panel import Panel
from tuner.results.leaderboard import Leaderboard

PANELS: dict[str, Callable[[Leaderboard], Panel]] = {
    "blur": blur.panel,
    "bn_only": bn_only.panel,
    "deconv": deconv.panel,
    "imagenet": imagenet.panel,
    "online_norm": online_norm.panel,
}


def panel(board: Leaderboard) -> dict[str, Any] | None:
    """The panel of the experiment's family as plain data (title, note, figures); None for a family without one."""
    family = board.history.manifest.family.replace("-", "_")
    return dataclasses.asdict(PANELS[family](board)) if family in PANELS else None
