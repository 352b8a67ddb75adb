"""Two experiments over their shared configurations, as text."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from tuner.results.comparison import Comparison, Pair
from tuner.results.significance import LEVEL
from tuner.tables.grid import WIDTH, grid, width
from tuner.tables.text import MISSING, knob, metric, plain, spread

_COLUMNS = ["A", "B", "epoch", "median A", "[min, max] A", "median B", "[min, max] B", "B - A"]


def comparison_view(comparison: Comparison) -> RenderableType:
    """The shared configurations in the order of A's trials; at most 100 columns wide."""
    pairs = comparison.pairs
    better = "larger" if comparison.mode == "max" else "smaller"
    heading = f"A: {comparison.a}\nB: {comparison.b}\n{comparison.metric} ({better} is better), {len(pairs)} shared"
    heading += f" configurations; {comparison.only_a} only in A, {comparison.only_b} only in B"
    parts: list[RenderableType] = [Text(plain(heading), style="bold"), Text(), *_table(comparison), Text()]
    parts += [Text(line, style="dim") for line in _legend(comparison)]
    middle = comparison.median_difference
    if middle is not None:
        count = len(comparison.differences)
        parts.append(Text(f"B is better in {comparison.better} of {count}; the median difference is {middle:+.4f}"))
    return Group(*parts)


def _table(comparison: Comparison) -> list[RenderableType]:
    """A line a pair, with the knobs that vary beside it or, where these are too many, below."""
    pairs = comparison.pairs
    names = [
        name
        for name in dict.fromkeys(name for pair in pairs for name in pair.config)
        if len({repr(pair.config.get(name)) for pair in pairs}) > 1
    ]
    measured = [_measured(pair) for pair in pairs]
    knobs = [[knob(pair.config[name]) if name in pair.config else MISSING for name in names] for pair in pairs]
    together = [[*left, *right] for left, right in zip(measured, knobs, strict=True)]
    if width([*_COLUMNS, *names], together) <= WIDTH:
        return [grid([*_COLUMNS, *names], together, left=names)]
    told = [" ".join(f"{name}={value}" for name, value in zip(names, values, strict=True)) for values in knobs]
    below = [[*row[:2], configuration] for row, configuration in zip(measured, told, strict=True)]
    return [grid(_COLUMNS, measured), Text(), grid([*_COLUMNS[:2], "configuration"], below, left=["configuration"])]


def _measured(pair: Pair) -> list[str]:
    difference = MISSING if pair.difference is None else f"{pair.difference:+.4f}"
    return [
        str(pair.a.trial),
        str(pair.b.trial),
        str(pair.epoch),
        metric(pair.a.median),
        spread(pair.a.low, pair.a.high),
        metric(pair.b.median),
        spread(pair.b.low, pair.b.high),
        f"{difference}{'*' if pair.separated else ' '}",
    ]


def _legend(comparison: Comparison) -> list[str]:
    lines = ["epoch: the last one that both recorded, where both medians are taken"]
    if not comparison.paired:
        lines.append("the seeds are not the same, so nothing is said of single configurations")
    elif any(pair.separated for pair in comparison.pairs):
        lines.append(f"* separated by the paired seeds (sign test at two-sided p = {LEVEL:g})")
    else:
        lines.append(f"no configuration is separated by the paired seeds (sign test at two-sided p = {LEVEL:g})")
    if not comparison.same_data:
        lines.append("the data differ: their fingerprints are not the same")
    return lines
