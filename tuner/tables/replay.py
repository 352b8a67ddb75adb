"""Replays side by side: what each setting of a scheduler would have cost, missed and stopped, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from search_spaces.budget import written
from tuner.replay import Replay
from tuner.tables.grid import grid
from tuner.tables.text import plain

_COLUMNS = ("rule", "grace", "reduction", "window", "rungs", "epochs", "saved", "winner", "regret", "best lost at")


def replay_view(replays: Sequence[Replay], *, reasons: bool) -> RenderableType:
    """One line a setting; with `reasons`, below it every decision of each."""
    first = replays[0]
    by_seeds = any(one.setting.seeds is not None for one in replays)
    heading = f"{first.models} curves of {first.last} epochs, {first.full_epochs:,} in all; the best is {first.best}"
    columns = [*_COLUMNS[:5], *(["seeds"] if by_seeds else []), *_COLUMNS[5:]]
    table = grid(columns, [_row(one, by_seeds) for one in replays], left=["rungs", "seeds", "winner"])
    parts: list[RenderableType] = [Text(plain(heading), style="bold"), Text(), table]
    unknown = sorted({name for one in replays for name in one.unknown})
    if unknown:
        sentence = f"epochs marked + are at least that many: the records of {', '.join(unknown)} end before these settings would"
        parts.append(Text(plain(sentence), style="yellow"))
    for one in replays if reasons else ():
        parts += [Text(), Text(_title(one), style="bold")]
        parts += [Text(plain(f"{told.action:<8}  {told.model}: {told.reason}")) for told in one.decisions]
    return Group(*parts)


def _row(one: Replay, by_seeds: bool) -> list[str]:
    setting = one.setting
    given = setting.rungs is not None
    return [
        setting.rule,
        "" if given else str(setting.grace),
        f"{setting.reduction:g}",
        str(setting.window),
        " ".join(map(str, one.rungs)),
        *([str(written(setting.seeds) or "")] if by_seeds else []),
        f"{one.epochs:,.0f}{'+' if one.unknown else ''}",
        f"{one.saved:.0%}",
        one.winner,
        "unknown" if math.isnan(one.regret) else f"{one.regret:.4g}",
        "" if one.lost_at is None else f"rung {one.lost_at}",
    ]


def _title(one: Replay) -> str:
    setting = one.setting
    where = f"rungs {' '.join(map(str, one.rungs))}"
    where += "" if setting.seeds is None else f", seeds {written(setting.seeds)}"
    return f"{setting.rule}, {where}, reduction {setting.reduction:g}, window {setting.window}"
