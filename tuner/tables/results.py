"""The leaderboard as text: ranked trials, ties, published figures, and what early stopping saved."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from tuner.results import lead, optimism, published
from tuner.results.early_stopping import EarlyStopping, RungCount
from tuner.results.leaderboard import Leaderboard, Row
from tuner.results.significance import LEVEL, pairs_needed
from tuner.rules import registry
from tuner.rules.rule import rule_of
from tuner.tables import heading
from tuner.tables.grid import WIDTH, grid, width
from tuner.tables.published import words
from tuner.tables.text import MISSING, count, knob, metric, spread


def results_view(board: Leaderboard, top: int | None = None) -> RenderableType:
    """The leaderboard, its best `top` trials (all by default) and always the baseline; at most 100 columns wide."""
    shown = board.top(top)
    parts: list[RenderableType] = [heading.protocol(board.history), heading.experiment(board.history), Text()]
    parts += [*_trials(board, shown), Text(), *(Text(line, style="dim") for line in _legend(board, shown))]
    if board.best is None:
        parts.append(Text("No trial has a valid result.", style="bold"))
    figures = _published(board)
    if figures is not None:
        parts += [Text(), figures]
    parts += [Text(), early_stopping_view(board.early_stopping, finished=board.history.state == "finished")]
    return Group(*parts)


def early_stopping_view(report: EarlyStopping, *, finished: bool) -> RenderableType:
    """Who entered, passed and left each rung, and the training spent."""
    waits = any(rung.waiting for rung in report.rungs)
    columns = ["rung", "entered", "kept", "stopped", "lost", *(["waiting"] if waits else [])]
    rows = [_counts(rung, waits) for rung in report.rungs]
    if report.brackets:
        columns = [*columns, "bracket"]
        rows = [[*_counts(rung, waits), bracket] for bracket, rungs in report.brackets.items() for rung in rungs]
    spent = f"{report.replicate_epochs} replicate-epochs trained"
    if report.full_replicate_epochs:
        spent += f", of {report.full_replicate_epochs} had the same trials run to the full budget"
        spent += f": {report.saved:.0%} saved" if finished else ""
    return Group(grid(columns, rows, left=["bracket"]), Text(spent))


def _counts(rung: RungCount, waits: bool) -> list[str]:
    counts = [rung.epoch, rung.entered, rung.kept, rung.stopped, rung.lost, *([rung.waiting] if waits else [])]
    return [str(count) for count in counts]


def _trials(board: Leaderboard, shown: list[Row]) -> list[RenderableType]:
    """The ranked trials with a column for each knob that varies; where these are too many, the knobs come below."""
    columns = [
        "#",
        "trial",
        "median",
        "[min, max]",
        *(["n"] if board.history.seeds.grow else []),
        "ok",
        "rung",
        "epoch",
    ]
    columns += [*(["test"] if board.test_metric else []), *board.shown_scalars, "status"]
    measured = [_measured(board, row, columns) for row in shown]
    names = board.varying()
    knobs = [[knob(row.config[name]) if name in row.config else MISSING for name in names] for row in shown]
    styles = [
        "bold green" if row.incumbent else "cyan" if row.baseline else "" if row.valid else "dim" for row in shown
    ]
    together = [[*left, *right] for left, right in zip(measured, knobs, strict=True)]
    if width([*columns, *names], together) <= WIDTH:
        return [grid([*columns, *names], together, left=["status", *names], styles=styles)]
    told = [" ".join(f"{name}={value}" for name, value in zip(names, values, strict=True)) for values in knobs]
    below = [[*row[:2], configuration] for row, configuration in zip(measured, told, strict=True)]
    return [
        grid(columns, measured, left=["status"], styles=styles),
        Text(),
        grid([*columns[:2], "configuration"], below, left=["configuration"], styles=styles),
    ]


def _measured(board: Leaderboard, row: Row, columns: list[str]) -> list[str]:
    """The cells of a trial under the columns that every experiment has."""
    at_full_budget = board.test_metric is not None and row.epoch >= board.history.budget
    content = {
        "#": (f"{row.rank}~" if row.tied_with_best else f"{row.rank} ") if row.valid else f"{MISSING} ",
        "trial": f"{row.trial} base" if row.baseline else str(row.trial),
        "median": metric(row.median),
        "[min, max]": spread(row.low, row.high),
        "n": str(row.seeds or MISSING),
        "ok": str(row.replicates_ok) if row.epoch else MISSING,
        "rung": str(row.rung or MISSING),
        "epoch": str(row.epoch or MISSING),
        "test": metric(row.metrics.get(board.test_metric or "")) if at_full_budget else MISSING,
        "status": _status(board, row),
        **{name: count(row.scalars.get(name)) for name in board.shown_scalars},
    }
    return [content[name] for name in columns]


def _status(board: Leaderboard, row: Row) -> str:
    """The status with its reason in short: `stopped <0.4471` is a median below the cutoff 0.4471."""
    trial = board.history.trial(row.trial)
    if row.status != "stopped" or trial is None or not trial.decisions:
        return row.standing
    cutoff = trial.decisions[-1]["cutoff"]
    if cutoff is None or cutoff == trial.decisions[-1]["value"]:
        return row.standing
    return f"stopped {'<' if board.history.mode == 'max' else '>'}{metric(cutoff)}"


def _legend(board: Leaderboard, shown: list[Row]) -> list[str]:
    history = board.history
    what = "the paper's values" if history.manifest.own is None else "the baseline"
    of = "n, the seeds trained up to its rung" if history.seeds.grow else str(history.replicates)
    lines = [f"base: {what}, never stopped early; ok: replicates alive of {of}"]
    if any(row.status == "stopped" for row in shown):
        side = "below" if history.mode == "max" else "above"
        window = history.manifest.budget.rank_window
        ranked = "median" if window == 1 else f"median of {window} epochs"
        waits = registry.get(rule_of(history.manifest).name).pauses
        later = " and stayed there until nothing was left to train" if waits else ""
        lines.append(
            f"stopped: its {ranked} was {side} the cutoff of its rung{later}; `tuner show` gives the reason in full"
        )
    if board.best is not None and any(row.tied_with_best for row in shown):
        lines.append(ties(board.best.trial, board.best.seeds))
    ahead = lead.sentence(board)
    if ahead is not None and board.best is not None:
        lines.append(f"trial {board.best.trial}: {ahead}")
    flatters = optimism.sentence(board)
    if flatters is not None:
        lines.append(flatters)
    same = len(board.knobs()) - len(board.varying())
    if same:
        lines.append(f"knobs that do not vary: {same}; `tuner show` lists them")
    return lines


def ties(best: int, replicates: int) -> str:
    """What `~` claims, exactly."""
    needed = pairs_needed(replicates)
    if needed is None:
        rule = f"{replicates} paired seeds can separate no two trials at two-sided p = {LEVEL}"
    else:
        rule = f"sign test at two-sided p = {LEVEL}: {needed} of the {replicates} paired seeds must agree"
    return (
        f"~ not separated from trial {best} ({rule}); each pair by itself, so a trial further down may be tied where one above "
        "it is not"
    )


def _published(board: Leaderboard) -> RenderableType | None:
    """The published figures beside ours, by the rule they were published by, for trials that ran to the full budget."""
    figures = published.figures(board)
    if not figures:
        return None
    apart = published.told_apart(figures) or tuple(figures[0].when)
    rows = [
        [
            MISSING if figure.trial is None else str(figure.trial),
            figure.metric,
            metric(figure.median),
            spread(figure.low, figure.high),
            MISSING if figure.epoch is None else str(figure.epoch),
            metric(figure.published),
            words({name: figure.when[name] for name in apart if name in figure.when}),
            figure.source,
        ]
        for figure in figures
    ]
    columns = ["trial", "metric", "ours", "[min, max]", "epoch", "published", "configuration", "source"]
    return grid(columns, rows, left=["metric", "configuration", "source"], title="Published figures")
