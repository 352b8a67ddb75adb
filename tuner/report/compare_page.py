"""The page of several searches beside each other: winners, cost to reach a figure, and the configurations they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuner.errors import BadInput
from tuner.records.paths import ExperimentPaths
from tuner.report import page
from tuner.results.comparison import Comparison, NothingShared, compare
from tuner.results.history import History
from tuner.results.searches_compared import searches, told
from tuner.tables.text import knob

MOST = 8  # searches on one page
_SCRIPTS = ("dom", "state", "format", "glossary", "table", "chart", "print", "compare")


def content(found: Sequence[ExperimentPaths]) -> dict[str, Any]:
    """What the page shows as JSON-able values.

    Keys: metric, mode, searches and to_reach (as `compare --json` has them), and pairs: the first search against each of the
    others over the configurations both have.

    Raises:
        BadInput: fewer than two searches, more than eight, or other objectives.
    """
    if not 2 <= len(found) <= MOST:
        raise BadInput(
            f"{len(found)} searches are named, but 2 to {MOST} can be compared; name them as names=first,second"
        )
    histories = [History.load(paths) for paths in found]
    compared = searches(list(zip(histories, found, strict=True)))
    return {
        "metric": compared[0].metric,
        "mode": compared[0].mode,
        **told(compared),
        "pairs": [_pairs(histories[0], other) for other in histories[1:]],
    }


def render(shown: dict[str, Any], live: dict[str, Any]) -> str:
    """The page as HTML; `live` names the way back to all searches (`all`)."""
    title = " and ".join(search["name"] for search in shown["searches"])
    return page.filled("compare.html", _SCRIPTS, shown, live=live, charts=True, title=title)


def _pairs(a: History, b: History) -> dict[str, Any]:
    """Keys: a, b (their names), and either `nothing` (a sentence) or what the comparison says, and its rows."""
    try:
        found = compare(a, b)
    except NothingShared as nothing:
        return {"a": a.name, "b": b.name, "nothing": str(nothing)}
    names = _varying(found)
    return {
        "a": a.name,
        "b": b.name,
        "paired": found.paired,
        "same_data": found.same_data,
        "only_a": found.only_a,
        "only_b": found.only_b,
        "better": found.better,
        "median_difference": found.median_difference,
        "knobs": names,
        "rows": [
            {
                "epoch": pair.epoch,
                "a": _side(pair.a),
                "b": _side(pair.b),
                "difference": pair.difference,
                "separated": pair.separated,
                "knobs": [knob(pair.config[name], None) if name in pair.config else None for name in names],
            }
            for pair in found.pairs
        ],
    }


def _side(side: Any) -> dict[str, Any]:
    return {"trial": side.trial, "median": side.median, "low": side.low, "high": side.high}


def _varying(found: Comparison) -> list[str]:
    names = dict.fromkeys(name for pair in found.pairs for name in pair.config)
    return [name for name in names if len({repr(pair.config.get(name)) for pair in found.pairs}) > 1]
