"""The online_norm family: a heat map of the objective over the two horizons, and the norms beside each other."""

from __future__ import annotations

from typing import Any

from tuner.report.panels.panel import Figure, Panel, error_bars, ranked
from tuner.results.history import Trial
from tuner.results.leaderboard import Leaderboard

# horizon -> the decay that stands for it, 1 - 1/horizon
DECAYS = {"h_fwd": "afwd", "h_bwd": "abkw"}


def panel(board: Leaderboard) -> Panel:
    """Where in the plane of the horizons it trains well, and how online normalisation compares."""
    epoch = min(board.history.rungs)
    return Panel("Online norm", [_horizons(board, epoch), _norms(board, epoch)])


def _horizons(board: Leaderboard, epoch: int) -> Figure:
    cells: dict[tuple[float, float], list[Trial]] = {}
    for trial in ranked(board):
        forward, backward = (_horizon(trial.config, name) for name in DECAYS)
        online = trial.config.get("norm_mode", "online") == "online"
        if online and forward and backward and trial.median(epoch) is not None:
            cells.setdefault((forward, backward), []).append(trial)
    forwards, backwards = sorted({f for f, _ in cells}), sorted({b for _, b in cells})
    best = {place: _best(trials, epoch, board.history.mode) for place, trials in cells.items()}
    grid = [[best.get((f, b)) for f in forwards] for b in backwards]
    data = []
    if best:
        data = [
            {
                "type": "heatmap",
                "x": [f"{f:g}" for f in forwards],
                "y": [f"{b:g}" for b in backwards],
                "z": [[trial.median(epoch) if trial else None for trial in row] for row in grid],
                "text": [[f"{trial.median(epoch):.4f}" if trial else "" for trial in row] for row in grid],
                "customdata": [[f"trial {trial.index}" if trial else "" for trial in row] for row in grid],
                "texttemplate": "%{text}",
                "hovertemplate": "h_fwd %{x}, h_bwd %{y}<br>%{z:.4f}, %{customdata}<extra></extra>",
                "hoverongaps": False,
                "xgap": 2,
                "ygap": 2,
            }
        ]
    note = (
        f"Median {board.history.metric} at epoch {epoch}, where every trial was compared; of several trials with the "
    )
    note += "same horizons the best."
    if not data:
        note += " No trial with online normalisation has reported there yet."
    layout = {
        "xaxis": {"title": {"text": "h_fwd, horizon of the statistics (samples)"}, "type": "category"},
        "yaxis": {"title": {"text": "h_bwd, horizon of the control (samples)"}, "type": "category"},
    }
    return Figure("The two horizons", note, data, layout)


def _norms(board: Leaderboard, epoch: int) -> Figure:
    best: dict[str, Trial] = {}
    for trial in ranked(board):
        if trial.median(epoch) is not None:
            name = str(trial.config.get("norm_mode", "batch"))
            best[name] = _best([trial, *([best[name]] if name in best else [])], epoch, board.history.mode)
    medians = [trial.median(epoch) for trial in best.values()]
    data: list[dict[str, Any]] = []
    if best:
        bars = error_bars(medians, [trial.extremes(epoch) for trial in best.values()])
        texts = [f"trial {trial.index}" for trial in best.values()]
        data = [{"type": "bar", "x": list(best), "y": medians, "error_y": bars, "text": texts, "textposition": "none"}]
    note = f"The best trial of each norm at epoch {epoch}, with the extremes of its replicates."
    layout = {"xaxis": {"title": {"text": "norm_mode"}}, "yaxis": {"title": {"text": board.history.metric}}}
    return Figure("The norms", note, data, layout)


def _horizon(config: dict[str, Any], name: str) -> float | None:
    horizon, decay = config.get(name), config.get(DECAYS[name])
    if isinstance(horizon, int | float):
        return float(horizon)
    return round(1 / (1 - decay), 6) if isinstance(decay, int | float) and decay < 1 else None


def _best(trials: list[Trial], epoch: int, mode: str) -> Trial:
    sign = 1 if mode == "max" else -1
    return max(trials, key=lambda trial: sign * (trial.median(epoch) or 0.0))
