"""The blur family: the sigma each trial trained with, epoch by epoch, and its accuracy on images of every blur."""

from __future__ import annotations

import contextlib
import math
from typing import Any

from pydantic import ValidationError

from trainables.config.blur import BlurConfig, sigma_at
from tuner.report.panels.panel import Figure, Panel, error_bars, label, leading
from tuner.results.history import Trial
from tuner.results.leaderboard import Leaderboard

_PREFIX = "val_accuracy_sigma_"


def panel(board: Leaderboard) -> Panel:
    """The schedules and the robustness of the best trials and the baseline."""
    trials = leading(board)
    return Panel("Blur", [_schedules(trials), _robustness(board)])


def _schedules(trials: list[Trial]) -> Figure:
    data = []
    for trial in trials:
        sigmas = _sigmas(trial.config)
        if sigmas:
            epochs = list(range(1, len(sigmas) + 1))
            name = f"{label(trial)}, {trial.config.get('mode', 'normal')}"
            data.append(
                {"type": "scatter", "mode": "lines", "line": {"shape": "hv"}, "name": name, "x": epochs, "y": sigmas}
            )
    note = (
        "Sigma of the training blur in pixels of the network's input, of the best trials and the baseline; 0 is sharp."
    )
    note += " In mix and random-mix it holds for a part of each batch; of random-mix the mean is shown."
    layout = {"xaxis": {"title": {"text": "epoch"}}, "yaxis": {"title": {"text": "sigma"}, "rangemode": "tozero"}}
    return Figure("Sigma over the epochs", note, data, layout)


def _sigmas(config: dict[str, Any]) -> list[float]:
    try:
        full = BlurConfig(**config)
    except ValidationError:  # written by another version of the family
        return []
    return [sigma_at(full, epoch) for epoch in range(full.epochs)]


def _robustness(board: Leaderboard) -> Figure:
    data = []
    for trial in leading(board):
        measured = _measured(trial)
        if not measured:
            continue
        sigmas = sorted(measured)
        medians = [trial.median(trial.last_epoch, measured[sigma]) for sigma in sigmas]
        extremes = [trial.extremes(trial.last_epoch, measured[sigma]) for sigma in sigmas]
        name = f"{label(trial)}, {trial.config.get('mode', 'normal')}"
        bars = error_bars(medians, extremes)
        data.append(
            {"type": "scatter", "mode": "lines+markers", "name": name, "x": sigmas, "y": medians, "error_y": bars}
        )
    note = (
        "Median accuracy on validation images blurred with each evaluation sigma, with the extremes of the replicates."
    )
    if not data:
        note += " It is measured at the full budget, which no valid trial has reached."
    layout = {"xaxis": {"title": {"text": "evaluation sigma"}}, "yaxis": {"title": {"text": "val_accuracy"}}}
    return Figure("Accuracy on blurred images", note, data, layout)


def _measured(trial: Trial) -> dict[float, str]:
    """The metrics of blurred images at the last epoch, by their sigma."""
    found = {}
    for name in trial.metrics(trial.last_epoch):
        if name.startswith(_PREFIX):
            with contextlib.suppress(ValueError):  # named so by another version
                found[float(name.removeprefix(_PREFIX))] = name
    return {sigma: name for sigma, name in found.items() if math.isfinite(sigma)}
