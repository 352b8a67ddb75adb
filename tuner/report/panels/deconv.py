"""The deconv family: batch normalisation against network deconvolution, network by network, at the budget and before it."""

from __future__ import annotations

from typing import Any

from tuner.report.panels.panel import Figure, Panel, error_bars, ranked
from tuner.results.history import Trial
from tuner.results.leaderboard import Leaderboard
from tuner.results.published import figures

NORMS = {"bn": "BN", "deconv": "ND"}


def panel(board: Leaderboard) -> Panel:
    """The best trial of each network with either normaliser: where they end, and the lead of ND on the way."""
    pairs = _pairs(board)
    return Panel("Deconvolution", [_at_budget(board, pairs), _lead(board, pairs)])


def _pairs(board: Leaderboard) -> dict[str, dict[str, Trial]]:
    """network -> normaliser -> its best trial by rank."""
    pairs: dict[str, dict[str, Trial]] = {}
    for trial in ranked(board):
        norm = str(trial.config.get("norm", "deconv"))
        if norm in NORMS:
            pairs.setdefault(str(trial.config.get("arch", "default network")), {}).setdefault(norm, trial)
    return pairs


def _at_budget(board: Leaderboard, pairs: dict[str, dict[str, Trial]]) -> Figure:
    budget = board.history.budget
    data: list[dict[str, Any]] = []
    for norm, name in NORMS.items():
        there = {arch: pair[norm] for arch, pair in pairs.items() if norm in pair and budget in pair[norm].epochs}
        if there:
            medians = [trial.median(budget) for trial in there.values()]
            bars = error_bars(medians, [trial.extremes(budget) for trial in there.values()])
            texts = [f"trial {trial.index}" for trial in there.values()]
            data.append(
                {
                    "type": "bar",
                    "name": name,
                    "x": list(there),
                    "y": medians,
                    "error_y": bars,
                    "text": texts,
                    "textposition": "none",
                    "offsetgroup": norm,
                }
            )
    known = figures(board)
    for norm, name in NORMS.items():
        published = {
            str(figure.when.get("arch")): figure.published
            for figure in known
            if figure.trial is not None and figure.metric == board.history.metric and figure.when.get("norm") == norm
        }
        if published:
            markers = {"symbol": "line-ew-open", "size": 16}
            data.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": f"{name}, published",
                    "x": list(published),
                    "y": list(published.values()),
                    "marker": markers,
                    "offsetgroup": norm,
                }
            )
    note = f"Median {board.history.metric} of the best trial of each network after the budget of {budget} epochs, with the "
    note += "extremes of its replicates."
    if not data:
        note += " No valid trial has trained that long yet."
    layout = {"barmode": "group", "scattermode": "group", "xaxis": {"title": {"text": "network"}, "type": "category"}}
    return Figure("BN against ND at the full budget", note, data, {**layout, "yaxis": _axis(board)})


def _lead(board: Leaderboard, pairs: dict[str, dict[str, Trial]]) -> Figure:
    data = []
    for arch, pair in pairs.items():
        if len(pair) < len(NORMS):
            continue
        ours, theirs = pair["deconv"], pair["bn"]
        epochs, leads = [], []
        for epoch in sorted(ours.epochs.keys() & theirs.epochs.keys()):
            with_nd, with_bn = ours.median(epoch), theirs.median(epoch)
            if with_nd is not None and with_bn is not None:
                epochs.append(epoch)
                leads.append(with_nd - with_bn)
        if epochs:
            data.append({"type": "scatter", "mode": "lines+markers", "name": arch, "x": epochs, "y": leads})
    note = "Median of ND less median of BN at the same epoch of the same budget; above 0 ND is ahead."
    if not data:
        note += " No network has trials with both normalisers yet."
    layout = {"xaxis": {"title": {"text": "epoch"}}, "yaxis": {"title": {"text": "ND - BN"}, "zeroline": True}}
    return Figure("The lead of ND", note, data, layout)


def _axis(board: Leaderboard) -> dict[str, Any]:
    return {"title": {"text": board.history.metric}}
