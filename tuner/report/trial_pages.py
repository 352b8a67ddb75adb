"""What the page of one trial shows beyond the tabs: its seeds epoch by epoch, all its metrics, and what to run.

The configuration, the decisions and the failures of a trial stand in the content already, once.
"""

from __future__ import annotations

import shlex
from typing import Any

from tuner.records.paths import ExperimentPaths
from tuner.report.curves import kept
from tuner.results.history import Trial
from tuner.results.leaderboard import Leaderboard
from tuner.results.significance import LEVEL, sign_test

# Epochs kept of all trials together, each with the value of every seed, the learning rate and the seconds.
POINTS = 8_000
TRIAL = "{trial}"  # stands for a trial's number in `commands`


def trial_pages(board: Leaderboard, paths: ExperimentPaths) -> dict[str, Any]:
    """Keys: place (the folder of the experiment), commands (label, command with `{trial}` in it), significance (level, and p:
    the p-value of the sign test by pairs won and lost), metrics (their names), stride, and trials by index.

    A trial has epochs and for each of them `seeds` (the values of the objective, seeds that joined later behind the others),
    `rates` and `seconds`; `last`, for each of the metrics the median and every value at its last epoch, None where it reported
    none; `how` it was trained there; and `late`, the replicate-epochs of seeds that joined.
    """
    history, metrics = board.history, board.metrics()
    stride, epochs = kept(history, POINTS)
    return {
        "place": str(paths.root),
        "commands": _commands(paths, history.manifest.own is not None),
        "significance": {"level": LEVEL, "p": _p_values(history.replicates)},
        "metrics": metrics,
        "stride": stride,
        "trials": {trial.index: _page(trial, epochs[trial.index], metrics) for trial in history.trials if trial.epochs},
    }


def _page(trial: Trial, epochs: list[int], metrics: list[str]) -> dict[str, Any]:
    records = [trial.epochs[epoch] for epoch in epochs]
    last = trial.epochs[trial.last_epoch]
    reported = trial.metrics(trial.last_epoch)
    return {
        "epochs": epochs,
        "seeds": [[_exact(value) for value in trial.all_values(epoch)] for epoch in epochs],
        "rates": [_exact(record.get("learning_rate")) for record in records],
        "seconds": [_exact(record.get("epoch_seconds")) for record in records],
        "last": [
            [_exact(value) for value in (reported[name], *trial.values(trial.last_epoch, name))]
            if name in reported
            else None
            for name in metrics
        ],
        "how": ", ".join(f"{key} {last[key]}" for key in ("precision", "strategy") if last.get(key)),
        "late": sum(len(record["metrics"][trial.objective]["values"]) for record in trial.late),
    }


def _exact(value: float | None) -> float | None:
    """The value as a single-precision number holds it: seeds that differ still do, so the sign test counts them alike."""
    return None if value is None else float(f"{value:.8g}")


def _p_values(replicates: int) -> list[list[float]]:
    """p[won][lost] for up to k pairs: the page looks up what is computed here."""

    def p(won: int, lost: int) -> float:
        return sign_test([1.0] * won + [0.0] * lost, [0.0] * won + [1.0] * lost)

    return [[p(won, lost) for lost in range(replicates - won + 1)] for won in range(replicates + 1)]


def _commands(paths: ExperimentPaths, own_code: bool) -> list[dict[str, str]]:
    """What a reader does with a trial. Networks of a user's own code are evaluated by that code alone."""
    of_trial = ("--trial", TRIAL)
    found = [
        ("All of it in a terminal, with the end of its log", paths.command("show", TRIAL)),
        ("Write the file that retrains it", paths.command("export", *of_trial)),
        ("Retrain it from that file", f"tuner train {shlex.quote(paths.name)}-trial-{TRIAL}.yaml"),
    ]
    if not own_code:
        found += [
            ("Evaluate its network, where the checkpoint is kept", paths.command("evaluate", *of_trial)),
            ("Write its weights, where the checkpoint is kept", paths.command("export", *of_trial, "--weights")),
        ]
    return [{"label": label, "command": command} for label, command in found]
