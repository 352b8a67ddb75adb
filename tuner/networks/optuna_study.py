"""A search as an Optuna study, for the tools that read one: pruned, failed and complete trials with their medians."""

from __future__ import annotations

import datetime
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.errors import BadInput
from tuner.records import output
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History, Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LOG_RATIO = 100  # positive numbers further apart than this are drawn on a logarithmic axis


def export_study(paths: ExperimentPaths, path: Path) -> str:
    """Write the ended trials of an experiment into an SQLite file, as a study of the experiment's name.

    Intermediate values are the objective's medians at each epoch. A trial that the rule stopped is pruned, one that diverged
    or failed is failed. The knobs that vary are parameters, the others user attributes of the study; a trial's user
    attributes hold its number, status, reason, replicates and seconds. A list is written as JSON.

    Returns:
        A sentence on what was written, what was left out, and how to look at it.

    Raises:
        BadInput: no trial has ended, the file holds a study of that name already, or it cannot be written.
    """
    history = History.load(paths)
    ended = [trial for trial in history.trials if trial.has_ended]
    if not ended:
        raise BadInput(f"`{history.name}` has no finished trial yet, so a study would be empty; let it train first")
    target = output.require_writable(path)
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = _distributions(history)
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{target}",
            study_name=history.name,
            direction="maximize" if history.mode == "max" else "minimize",
        )
        study.set_user_attr("metric", history.metric)
        known = history.manifest.content()
        for key in ("family", "space", "seed", "protocol", "rungs"):
            study.set_user_attr(key, known[key])
        for name, value in history.baseline.config.items():
            if name not in distributions:
                study.set_user_attr(f"config/{name}", value)
        study.add_trials([_trial(history, trial, distributions) for trial in ended])
    except optuna.exceptions.DuplicatedStudyError:
        raise BadInput(
            f"{target} already holds a study `{history.name}`; name another file, or remove that one"
        ) from None
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"cannot write a study into {target} ({reason}); name another file") from None
    unfinished = len(history.trials) - len(ended)
    left_out = f", {unfinished} unfinished left out" if unfinished else ""
    command = ["optuna-dashboard", f"sqlite:///{path}"]
    return f"wrote {len(ended)} trials to the study `{history.name}`{left_out}; look at it with:\n{shlex.join(command)}"


def _trial(history: History, trial: Trial, distributions: dict[str, BaseDistribution]) -> Any:
    import optuna

    states = {"completed": optuna.trial.TrialState.COMPLETE, "stopped": optuna.trial.TrialState.PRUNED}
    state = states.get(trial.status, optuna.trial.TrialState.FAIL)
    medians = {epoch: trial.median(epoch) for epoch in sorted(trial.epochs)}
    if state == optuna.trial.TrialState.COMPLETE and not trial.is_valid:
        state = optuna.trial.TrialState.FAIL
    params = {name: _plain(trial.config[name]) for name in distributions if name in trial.config}
    frozen = optuna.trial.create_trial(
        state=state,
        value=None if state == optuna.trial.TrialState.FAIL else medians[trial.last_epoch],
        params=params,
        distributions={name: distributions[name] for name in params},
        intermediate_values={epoch: float("nan") if value is None else value for epoch, value in medians.items()},
        user_attrs={
            "trial": trial.index,
            "baseline": trial.baseline,
            "status": trial.status,
            "reason": trial.reason,
            "replicates": trial.values(trial.last_epoch),
            "replicates_ok": trial.replicates_ok,
            "seconds": trial.seconds,
        },
    )
    times = [float(record["time"]) for record in trial.epochs.values()]
    if times:
        first = min(times) - float(trial.epochs[min(trial.epochs)].get("epoch_seconds") or 0.0)
        frozen.datetime_start = datetime.datetime.fromtimestamp(first)
        frozen.datetime_complete = datetime.datetime.fromtimestamp(max(times))
    return frozen


def _distributions(history: History) -> dict[str, BaseDistribution]:
    """A distribution for each knob that varies, from the values that were tried."""
    names = dict.fromkeys(name for trial in history.trials for name in trial.config)
    found = {}
    for name in names:
        tried = [_plain(trial.config[name]) for trial in history.trials if name in trial.config]
        if len({repr(value) for value in tried}) > 1 or len(tried) < len(history.trials):
            found[name] = _distribution(tried)
    return found


def _distribution(tried: list[Any]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in tried):
        return CategoricalDistribution(list(dict.fromkeys(tried)))
    low, high = min(tried), max(tried)
    log = low > 0 and high / low > LOG_RATIO
    whole = all(isinstance(value, int) for value in tried)
    return IntDistribution(low, high, log=log) if whole else FloatDistribution(float(low), float(high), log=log)


def _plain(value: Any) -> Any:
    """What Optuna can hold of a knob's value: lists become JSON."""
    return value if value is None or isinstance(value, str | int | float | bool) else json.dumps(value)
