"""Several searches beside each other, as text: winners, fresh seeds, and what it cost to reach them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from tuner.results.searches_compared import Level, Search, levels
from tuner.tables.grid import grid
from tuner.tables.text import MISSING, knob, metric, spread

_COLUMNS = ["search", "trials", "winner", "median", "[min, max]", "fresh seeds", "baseline", "rep-epochs"]


def searches_view(found: Sequence[Search]) -> RenderableType:
    """A row a search, then a row a figure to reach; at most 100 columns wide."""
    unit = found[0].reached.unit
    rows = [
        [
            search.name,
            str(search.trials),
            MISSING if search.best is None else f"trial {search.best.trial}",
            metric(search.best.median) if search.best else MISSING,
            spread(search.best.low, search.best.high) if search.best else MISSING,
            metric(search.confirmed),
            metric(search.baseline),
            str(search.reached.replicate_epochs),
            knob(search.reached.hours),
        ]
        for search in found
    ]
    better = "larger" if found[0].mode == "max" else "smaller"
    notes = [
        f"{found[0].metric}, {better} is better; the winner at the epoch where it is compared, over its seeds",
        "fresh seeds: the winner's median where `tuner confirm` trained it again; - where it has not",
    ]
    parts: list[RenderableType] = [grid([*_COLUMNS, unit], rows, left=["search"]), Text()]
    reaching = levels(found)
    if reaching:
        columns = ["to reach", "the best of", *(search.name for search in found)]
        parts += [grid(columns, [_level(level, found) for level in reaching], left=columns[1:]), Text()]
        notes.append(
            "to reach: replicate-epochs and hours that the whole search had spent when a median was first that good"
        )
    return Group(*parts, *(Text(line, style="dim") for line in notes))


def _level(level: Level, found: Sequence[Search]) -> list[str]:
    costs = [
        "never" if cost is None else f"{cost[0]} rep-epochs, {knob(cost[1])} {search.reached.unit}"
        for search, cost in zip(found, level.costs, strict=True)
    ]
    return [metric(level.median), level.of, *costs]
