"""Published figures before there is anything to compare: a line each, with the trials that they will stand beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tuner.results.published import Known, shared, told_apart
from tuner.tables.grid import grid
from tuner.tables.text import MISSING, knob, metric, plain

_SHOWN = 6  # trials named before "..."


def words(values: Mapping[str, Any]) -> str:
    """Knobs and their values, as they would be set."""
    return " ".join(f"{name}={knob(value)}" for name, value in values.items())


def figures_view(published: Sequence[Known], beside: Sequence[Sequence[int]] | None = None) -> RenderableType:
    """A line for each figure: value, metric, where it is read, configuration, trials and the number of its source.

    Args:
        published: the figures, at least one.
        beside: of each the trials that it stands beside; None where there are none yet.
    """
    apart, sources = told_apart(published), list(dict.fromkeys(known.source for known in published))
    columns = ["published", "metric", "read at", "configuration", *([] if beside is None else ["trials"]), "source"]
    rows = []
    for number, known in enumerate(published):
        own = {name: known.when[name] for name in apart if name in known.when}
        rows.append(
            [
                metric(known.value),
                known.metric,
                "best epoch" if known.at == "best" else "last epoch",
                words(own) or MISSING,
                *([] if beside is None else [_trials(beside[number])]),
                f"[{1 + sources.index(known.source)}]",
            ]
        )
    table = grid(columns, rows, left=["metric", "read at", "configuration", "trials"], title="Published figures")
    under = words(shared(published))
    told = [f"[{number}] {source}" for number, source in enumerate(sources, 1)]
    told += [f"all of them: {under}"] if under else []
    return Group(table, Text(plain("\n".join(told)), style="dim"))


def _trials(numbers: Sequence[int]) -> str:
    more = ", ..." if len(numbers) > _SHOWN else ""
    return ", ".join(map(str, numbers[:_SHOWN])) + more
