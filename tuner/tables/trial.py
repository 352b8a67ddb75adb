"""One trial in full: configuration, curve, decisions with their reasons, failures, and the end of its log."""

from __future__ import annotations

import os

from rich.console import Group, RenderableType
from rich.text import Text

from trainables.storage import Place
from tuner.errors import sentence
from tuner.records.lines import Record
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History, Trial
from tuner.results.leaderboard import find
from tuner.results.progress import duration
from tuner.tables import heading
from tuner.tables.grid import grid
from tuner.tables.text import MISSING, knob, metric, plain, spread

_LOG_LINES = 20
_LOG_BYTES = 16_384


def trial_view(paths: ExperimentPaths, which: str) -> RenderableType:
    """All that is known of one trial, given by its number, `best` or `baseline`; `BadInput` if there is none such."""
    history = History.load(paths)
    trial = find(history, which)
    parts: list[RenderableType] = [heading.protocol(history), _bold(_title(history, trial))]
    parts += [Text(), _configuration(history, trial)]
    if trial.epochs:
        parts += [Text(), _curve(history, trial), Text(), _last(trial)]
    if trial.decisions:
        lines = [f"{decision['action']:<8}  {decision['reason']}" for decision in trial.decisions]
        parts += _section("Decisions", lines)
    if trial.failures:
        lines = [f"replicate {f['replicate']}, epoch {f['epoch']}, {f['kind']}: {f['message']}" for f in trial.failures]
        parts += _section("Failed replicates", lines) + _traceback(trial.failures)
    if trial.errors:
        parts += _section("Lost workers", [str(error["message"]).strip() for error in trial.errors])
        parts += _traceback(trial.errors)
    log = paths.trial_log(trial.index)
    lines = log_tail(log)
    return Group(*parts, *(_section(f"End of {log.name}", lines) if lines else []))


def log_tail(path: Place, lines: int = _LOG_LINES) -> list[str]:
    """The last lines of a text file, at most 16 kB of it; empty if there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    except (IsADirectoryError, PermissionError) as error:
        return [f"cannot read {path} ({sentence(error)})"]
    return text.splitlines()[-lines:]


def _title(history: History, trial: Trial) -> str:
    name = f"trial {trial.index} (baseline)" if trial.baseline else f"trial {trial.index}"
    where = f" at epoch {trial.last_epoch}" if trial.epochs else ""
    spent = f", {duration(trial.seconds)} of training" if trial.epochs else ""
    reason = f"\n{trial.reason}" if trial.reason else ""
    return f"{history.name}, {name}: {trial.standing}{where}{spent}{reason}"


def _configuration(history: History, trial: Trial) -> RenderableType:
    """The knobs, with the baseline's value beside those that differ from it."""
    baseline = history.baseline.config
    rows = [
        [name, knob(value, None), knob(baseline[name]) if name in baseline and baseline[name] != value else ""]
        for name, value in trial.config.items()
    ]
    columns = ["knob", "value", "baseline, where it differs"]
    return grid(columns, rows, left=columns)


def _curve(history: History, trial: Trial) -> RenderableType:
    """The objective at every epoch, with the training loss and accuracy where they are reported."""
    others = [name for name in ("train_loss", "train_accuracy") if name in trial.metrics(trial.last_epoch)]
    rows = [
        [
            f"{epoch}{'*' if epoch in history.rungs else ' '}",
            metric(trial.median(epoch)),
            spread(*trial.extremes(epoch)),
            *([str(history.seeds.at(epoch))] if history.seeds.grow else []),
            str(record["replicates_ok"]),
            *(metric(trial.median(epoch, name)) for name in others),
            knob(record["learning_rate"]) if record.get("learning_rate") is not None else MISSING,
            f"{record['epoch_seconds']:.1f} s" if record.get("epoch_seconds") is not None else MISSING,
        ]
        for epoch, record in sorted(trial.epochs.items())
    ]
    seeds = ["n"] if history.seeds.grow else []
    columns = ["epoch ", history.metric, "[min, max]", *seeds, "ok", *others, "lr", "time"]
    notes = [Text("* a rung, where the rule decides", style="dim")]
    if trial.late:
        late = sum(len(record["metrics"][history.metric]["values"]) for record in trial.late)
        told = f"n: seeds of the median; those that joined later trained {late} replicate-epochs to catch up"
        notes.append(Text(told, style="dim"))
    return Group(grid(columns, rows), *notes)


def _last(trial: Trial) -> RenderableType:
    """Every metric at the last epoch, replicate by replicate."""
    epoch = trial.last_epoch
    rows = [
        [name, metric(median), " ".join(metric(value) for value in trial.values(epoch, name))]
        for name, median in trial.metrics(epoch).items()
    ]
    columns = ["metric", "median", "every replicate"]
    record = trial.epochs[epoch]
    how = [f"{key} {record[key]}" for key in ("precision", "strategy") if record.get(key)]
    title = ", ".join([f"At epoch {epoch}", *how])
    return grid(columns, rows, left=["metric", "every replicate"], title=title)


def _section(title: str, lines: list[str]) -> list[RenderableType]:
    return [Text(), _bold(title), *(Text(plain(line)) for line in lines)]


def _traceback(records: list[Record]) -> list[RenderableType]:
    """The first traceback among failures of one kind."""
    text = next((str(record["traceback"]).strip() for record in records if record.get("traceback")), "")
    return [Text(plain(text), style="dim")] if text else []


def _bold(text: str) -> Text:
    return Text(plain(text), style="bold")
