"""The bn_only family: accuracy against depth and width for each trainable set, and what became of the gammas."""

from __future__ import annotations

from typing import Any

from tuner.report.panels.panel import Figure, Panel, error_bars, label, leading, ranked
from tuner.results.history import Trial
from tuner.results.leaderboard import Leaderboard

KINDS = {"freeze": "bn", "resnet": "all"}  # kind of a name such as cifar_freeze_14_2 -> its trainable set
_QUANTILES = ("min", "q05", "q25", "q50", "q75", "q95", "max")
_SHARES = (0.05, 0.20, 0.25, 0.25, 0.20, 0.05)  # of the gammas between one quantile and the next


def panel(board: Leaderboard) -> Panel:
    """Depth, width and the distribution of gamma."""
    return Panel("BatchNorm only", [_against(board, "depth"), _against(board, "width"), _gammas(board)])


def network(config: dict[str, Any]) -> tuple[int, int, str] | None:
    """Depth, width and trainable set of a configuration, from its fields or its name; None if it says neither."""
    parts = str(config.get("name") or "").split("_")
    if len(parts) in (3, 4) and parts[1] in KINDS and all(part.isdecimal() for part in parts[2:]):
        return int(parts[2]), int(parts[3]) if len(parts) == 4 else 1, KINDS[parts[1]]
    depth, width = config.get("depth"), config.get("width", 1)
    if not isinstance(depth, int) or not isinstance(width, int):  # of another version of the family
        return None
    return depth, width, str(config.get("trainable_set", "bn"))


def _against(board: Leaderboard, knob: str) -> Figure:
    """The best trial of each network against its depth, a line a width and trainable set; or the other way round."""
    lines: dict[str, dict[int, Trial]] = {}
    for trial in ranked(board):
        known = network(trial.config)
        if known is not None and trial.last_epoch == board.history.budget:
            depth, width, trained = known
            at, other = (depth, f"width {width}") if knob == "depth" else (width, f"depth {depth}")
            lines.setdefault(f"{trained}, {other}", {}).setdefault(at, trial)
    data = []
    for name, trials in sorted(lines.items()):
        places = sorted(trials)
        medians = [trials[at].median(board.history.budget) for at in places]
        bars = error_bars(medians, [trials[at].extremes(board.history.budget) for at in places])
        data.append(
            {"type": "scatter", "mode": "lines+markers", "name": name, "x": places, "y": medians, "error_y": bars}
        )
    note = f"Median {board.history.metric} of the best trial of each network and trainable set at the full budget, with the "
    note += "extremes of its replicates."
    if not data:
        note += f" No valid trial with a `{knob}` has trained that long yet."
    axis: dict[str, Any] = {"title": {"text": knob}}
    if len({at for trials in lines.values() for at in trials}) > 1:
        axis["type"] = "log"
    return Figure(
        f"Accuracy against {knob}", note, data, {"xaxis": axis, "yaxis": {"title": {"text": board.history.metric}}}
    )


def _gammas(board: Leaderboard) -> Figure:
    data = []
    for trial in leading(board, 3):
        edges = [trial.median(trial.last_epoch, f"gamma_{quantile}") for quantile in _QUANTILES]
        there = [edge for edge in edges if edge is not None]
        if len(there) == len(edges):
            densities = [
                share / max(right - left, 1e-9)
                for share, left, right in zip(_SHARES, there[:-1], there[1:], strict=True)
            ]
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "line": {"shape": "hv"},
                    "name": label(trial),
                    "x": there,
                    "y": [*densities, 0.0],
                }
            )
    note = (
        "Density of the gammas at the full budget, a histogram whose edges are the extremes and the quantiles 5, 25, "
    )
    note += "50, 75 and 95 %; each edge is the median over the replicates. The best three trials and the baseline."
    if not data:
        note += " No valid trial has reported them."
    layout = {"xaxis": {"title": {"text": "gamma"}}, "yaxis": {"title": {"text": "density"}, "rangemode": "tozero"}}
    return Figure("Histogram of gamma", note, data, layout)
