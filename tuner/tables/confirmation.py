"""Selection and confirmation side by side: what each trial was picked by, and what it reaches on fresh seeds."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from tuner.errors import BadInput
from tuner.records.paths import ExperimentPaths
from tuner.results import optimism
from tuner.results.confirmed import claims
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard, Row
from tuner.results.significance import pairs_needed
from tuner.tables import heading
from tuner.tables.grid import grid
from tuner.tables.results import ties
from tuner.tables.text import MISSING, metric, plain, spread

_COLUMNS = ("#", "trial", "selection", "epoch", "confirmation", "[min, max]", "ok", "change", "test", "status")


def confirmation_view(
    searched: ExperimentPaths, searched_for: Leaderboard | None = None, board: Leaderboard | None = None
) -> RenderableType:
    """The confirmed trials of a search, ranked by their confirmation; at most 100 columns wide.

    Args:
        searched_for, board: of the search and of its confirmation, where the caller has loaded them.
    """
    searched_for = searched_for or Leaderboard(History.load(searched))
    selection = {row.trial: row for row in searched_for.rows}
    board = board or Leaderboard(History.load(searched.confirmation))
    history = board.history
    shown = [row for row in board.rows if history.trial(row.trial) is not None]
    strange = next((row.trial for row in shown if row.trial not in selection), None)
    if strange is not None:
        raise BadInput(
            f"{searched.confirmation.records} confirms trial {strange}, but {searched.records} announces no such trial; "
            "restore both from one copy of the experiment"
        )
    styles = ["bold green" if row.incumbent else "cyan" if row.baseline else "" for row in shown]
    rows = [_row(board, row, selection[row.trial]) for row in shown]
    title = f"{searched.name}: confirmed on seed {history.manifest.seed}, {heading.counts(history)}"
    parts: list[RenderableType] = [heading.protocol(history), Text(plain(title)), Text()]
    parts += [grid(_COLUMNS, rows, left=["status"], styles=styles), Text()]
    flatters = optimism.sentence(searched_for)
    told = [*_legend(board), *([f"selection: {flatters}"] if flatters else [])]
    parts += [Text(line, style="dim") for line in told]
    verdict = verdict_of(searched_for, board)
    return Group(*parts, *([Text(verdict)] if verdict else []))


def _row(board: Leaderboard, row: Row, selected: Row) -> list[str]:
    full = row.epoch >= board.history.budget
    changed = None
    if full and selected.epoch >= board.history.budget and row.median is not None and selected.median is not None:
        changed = row.median - selected.median
    return [
        (f"{row.rank}~" if row.tied_with_best else f"{row.rank} ") if row.valid else f"{MISSING} ",
        f"{row.trial} base" if row.baseline else str(row.trial),
        metric(selected.median),
        str(selected.rung or selected.epoch or MISSING),
        metric(row.median),
        spread(row.low, row.high),
        str(row.replicates_ok) if row.epoch else MISSING,
        MISSING if changed is None else f"{changed:+.4f}",
        metric(row.metrics.get(board.test_metric or "")) if full else MISSING,
        row.status,
    ]


def _legend(board: Leaderboard) -> list[str]:
    """How to read the two medians, which are of different seeds and never pooled."""
    lines = [
        "selection: the median a trial was picked by, at that epoch; the best of many looks better than it is",
        "confirmation: the median at the full budget on seeds that took no part in picking",
        "change: confirmation minus selection, where both are at the full budget",
    ]
    if sum(not row.baseline for row in board.rows) > 1:
        lines.append("one look: the trial that the search ranked first; another one is corrected for all confirmed")
    if board.best is not None and any(row.tied_with_best for row in board.rows):
        lines.append(ties(board.best.trial, board.history.replicates))
    return lines


def verdict_of(searched_for: Leaderboard, board: Leaderboard) -> str | None:
    """Whether the fresh seeds of a confirmation separate a trial from the baseline; None while they cannot say."""
    history, best = board.history, board.best
    if history.state != "finished" or best is None or pairs_needed(history.replicates) is None:
        return None
    found = claims(searched_for, board)
    if best.baseline or not found:
        return "On fresh seeds no trial is better than the baseline."
    seeds = history.replicates
    told = [f"{'is separated from' if one.better else 'cannot be told from'} the baseline" for one in found]
    if best.trial == found[0].trial:
        return f"On fresh seeds trial {best.trial} {told[0]} by the {seeds} paired seeds."
    after = f"{found[-1].ahead} of {seeds} paired seeds favour it, p = {found[-1].p:.4g} corrected for {found[-1].looks} looks"
    said = (
        f"On fresh seeds another trial is the best, {best.trial}: as one of {found[-1].looks} it {told[-1]} ({after})."
    )
    return f"{said} Trial {found[0].trial}, the best of the search, {told[0]}." if len(found) > 1 else said
