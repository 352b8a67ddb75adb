"""The imagenet family: the learning rate that each trial really trained with, epoch by epoch."""

from __future__ import annotations

from tuner.report.panels.panel import Figure, Panel, label, leading
from tuner.results.leaderboard import Leaderboard


def panel(board: Leaderboard) -> Panel:
    """The traces of the best trials and the baseline."""
    data = []
    for trial in leading(board):
        rates = {epoch: record.get("learning_rate") for epoch, record in sorted(trial.epochs.items())}
        known = {epoch: rate for epoch, rate in rates.items() if rate is not None}
        if known:
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "line": {"shape": "hv"},
                    "name": ", ".join(filter(None, (label(trial), str(trial.config.get("model") or "")))),
                    "x": list(known),
                    "y": list(known.values()),
                }
            )
    note = (
        "The learning rate of each epoch, as recorded, of the best trials and the baseline; plateau schedules drop it "
    )
    note += "where the validation stood still."
    if not data:
        note += " No valid trial has reported one yet."
    layout = {
        "xaxis": {"title": {"text": "epoch"}},
        "yaxis": {"title": {"text": "learning rate"}, "type": "log", "exponentformat": "power"},
    }
    return Panel("Learning rates", [Figure("Learning-rate traces", note, data, layout)])
