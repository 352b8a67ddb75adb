"""What one family has to show beyond the tabs that all share: a panel a family, by its name.

A panel is a function of the leaderboard that returns a `Panel`: figures as plain dictionaries of plotly's `data` and
`layout`, which the page draws in its own colours. It is the `panel` of the module here that has its family's name; a
family without such a module has none.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from trainables import families
from tuner.report.panels.panel import Panel
from tuner.results.leaderboard import Leaderboard

# family name -> its panel
PANELS: dict[str, Callable[[Leaderboard], Panel]] = {
    family: importlib.import_module(f"{__name__}.{family}").panel
    for family in families.names()
    if importlib.util.find_spec(f"{__name__}.{family}") is not None
}


def panel(board: Leaderboard) -> dict[str, Any] | None:
    """The panel of the experiment's family as plain data (title, note, figures); None for a family without one."""
    known = board.history.manifest
    family = known.family.replace("-", "_")
    return dataclasses.asdict(PANELS[family](board)) if family in PANELS and known.own is None else None
