"""A search as runs in an MLflow store: an experiment a search, a run a trial, nested runs for its replicates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from tuner.errors import BadInput
from tuner.networks.mlflow_store import Store
from tuner.records import labels
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History, Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# An interrupted trial trains on after `tuner resume`; the next export says so.
_STATUS = {
    "running": "RUNNING",
    "waiting": "SCHEDULED",
    "interrupted": "KILLED",
    "completed": "FINISHED",
    "stopped": "KILLED",
    "diverged": "FAILED",
    "failed": "FAILED",
}
_IDENTITY = ("tuner.created", "tuner.family", "tuner.space", "tuner.seed")
_POINTS = "tuner.points"  # how many points of the run's curves are in the store
_METRICS, _PARAMS = 800, 100  # of one call; MLflow takes 1000 things, 100 of them parameters and 100 tags
_PAGE = 1000

Point = tuple[str, float, float, int]  # metric, value, unix seconds, 1-based epoch
Key = tuple[str, str]  # trial and replicate, as the tags say them


@dataclass
class Wanted:
    """A run as it should be in the store. `points` are in an order to which later exports only append."""

    name: str
    status: str
    tags: dict[str, str]
    points: list[Point]
    started: float
    ended: float | None
    params: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.tags["tuner.trial"], self.tags["tuner.replicate"]


def export_runs(paths: ExperimentPaths, store: Store) -> str:
    """Write every trial that has begun into the MLflow store; what an earlier export wrote there is brought up to date.

    A trial's run has its knobs as parameters and the median of every metric at every epoch (step: the epoch, time: the
    record's); the runs nested in it have the values of its replicates. A number that is not finite is left out.

    Returns:
        A sentence on what is in the store, what was left out, and how to look at it.

    Raises:
        BadInput: no trial has begun, MLflow is not installed, the store cannot be used, or its experiment of that name is
            none of this search.
    """
    history = History.load(paths)
    begun = [trial for trial in history.trials if trial.status != "pending"]
    if not begun:
        raise BadInput(
            f"`{history.name}` has no records of a trial yet, so MLflow would show nothing; let it train first"
        )
    said = labels.read(paths)
    told = {"tuner.note": said.note or "-", "tuner.tags": ", ".join(said.tags) or "-"}
    with store.client() as client:
        experiment = _experiment(client, store, history, {**_of_search(paths, history), **told})
        runs = _runs(client, experiment)
        replicates = 0
        for trial in begun:
            parent = _update(client, experiment, _of_trial(trial, told), runs)
            for replicate in of_replicates(trial):
                replicate.tags["mlflow.parentRunId"] = parent
                _update(client, experiment, replicate, runs)
                replicates += 1
    pending = len(history.trials) - len(begun)
    left_out = f", {pending} not begun left out" if pending else ""
    what = (
        f"{len(begun)} trials and {replicates} replicates are runs of the MLflow experiment `{history.name}`{left_out}"
    )
    return f"{what}; {store.look(experiment)}"


def _of_search(paths: ExperimentPaths, history: History) -> dict[str, str]:
    manifest = history.manifest
    return {
        "tuner.storage": str(paths.root.parent),
        "tuner.created": manifest.created or "-",
        "tuner.family": manifest.family,
        "tuner.space": manifest.space,
        "tuner.seed": str(manifest.seed),
        "tuner.objective": f"{history.mode} {history.metric}",
        "tuner.command": manifest.command or "-",
    }


def _of_trial(trial: Trial, told: Mapping[str, str]) -> Wanted:
    medians = ((epoch, record, trial.metrics(epoch)) for epoch, record in sorted(trial.epochs.items()))
    points = [
        (_name(metric), value, float(record["time"]), epoch)
        for epoch, record, metrics in medians
        for metric, value in metrics.items()
        if value is not None
    ]
    tags = {
        "tuner.trial": str(trial.index),
        "tuner.replicate": "-",
        "tuner.status": trial.status,
        "tuner.rung": str(trial.rung),
        "tuner.reason": trial.reason or "-",
        "tuner.baseline": str(trial.baseline).lower(),
        **told,
    }
    params = {_name(knob): _text(value) for knob, value in trial.config.items()}
    return Wanted(f"trial {trial.index}", _STATUS[trial.status], tags, points, *_times(trial), params)


def of_replicates(trial: Trial) -> Iterator[Wanted]:
    """A run for each seed: of those that joined at a rung the epochs by which they caught up come first."""
    points: dict[int, list[Point]] = {}
    for record in sorted([*trial.late, *trial.epochs.values()], key=lambda one: int(one["epoch"])):
        for metric, reported in record["metrics"].items():
            for replicate, value in enumerate(reported["values"], start=int(record.get("first", 0))):
                curve = points.setdefault(replicate, [])
                if value is not None:
                    curve.append((_name(metric), float(value), float(record["time"]), int(record["epoch"])))
    dead = {int(failure["replicate"]): str(failure["message"]) for failure in trial.failures}
    for replicate, curve in sorted(points.items()):
        status = "FAILED" if replicate in dead else "KILLED" if trial.status == "diverged" else _STATUS[trial.status]
        tags = {
            "tuner.trial": str(trial.index),
            "tuner.replicate": str(replicate),
            "tuner.reason": dead.get(replicate) or trial.reason or "-",
        }
        yield Wanted(f"trial {trial.index} replicate {replicate}", status, tags, curve, *_times(trial))


def _times(trial: Trial) -> tuple[float, float | None]:
    """When it began and when it ended, in unix seconds; None while it has not."""
    times = [float(record["time"]) for record in trial.epochs.values()]
    if times:
        times.append(min(times) - float(trial.epochs[min(trial.epochs)].get("epoch_seconds") or 0.0))
    known = [*times, *(time for time in (trial.began, trial.ended) if time is not None)]
    return min(known, default=0.0), trial.ended


def _experiment(client: MlflowClient, store: Store, history: History, tags: Mapping[str, str]) -> str:
    """The identifier of the search's experiment in the store, made where there is none."""
    note = {"mlflow.note.content": history.manifest.summary}  # what its page says on top
    found = client.get_experiment_by_name(history.name)
    if found is None:
        return str(client.create_experiment(history.name, store.artifacts(history.name), {**tags, **note}))
    if found.lifecycle_stage != "active":
        raise BadInput(
            f"the MLflow experiment `{history.name}` in {store} was deleted there; restore it with "
            f"`mlflow experiments restore --experiment-id {found.experiment_id}`, or name another store"
        )
    if any(found.tags.get(key) != tags[key] for key in _IDENTITY):
        raise BadInput(
            f"the MLflow experiment `{history.name}` in {store} is not of this search; rename it there, or name another store"
        )
    for key, value in tags.items():
        if found.tags.get(key) != value:
            client.set_experiment_tag(found.experiment_id, key, value)
    return str(found.experiment_id)


def _runs(client: MlflowClient, experiment: str) -> dict[Key, Run]:
    """What earlier exports wrote."""
    runs: dict[Key, Run] = {}
    token = None
    while True:
        page = client.search_runs([experiment], max_results=_PAGE, page_token=token)
        for run in page:
            if "tuner.trial" in run.data.tags:
                runs[run.data.tags["tuner.trial"], run.data.tags.get("tuner.replicate", "-")] = run
        token = page.token
        if not token:
            return runs


def _update(client: MlflowClient, experiment: str, wanted: Wanted, runs: Mapping[Key, Run]) -> str:
    """Bring one run up to date, and say its identifier; a run that is so already costs no call."""
    run = runs.get(wanted.key)
    fresh = run is None
    if run is None:
        run = client.create_run(experiment, _milliseconds(wanted.started), wanted.tags, wanted.name)
    there: dict[str, str] = run.data.tags
    changed = {key: value for key, value in wanted.tags.items() if there.get(key) != value}
    written = int(there.get(_POINTS, 0))
    if fresh or changed or written < len(wanted.points):
        _log(client, run.info.run_id, wanted, written, changed)
    if run.info.status != wanted.status:
        if wanted.ended is None:
            client.update_run(run.info.run_id, wanted.status)
        else:
            client.set_terminated(run.info.run_id, wanted.status, _milliseconds(wanted.ended))
    return str(run.info.run_id)


def _log(client: MlflowClient, run: str, wanted: Wanted, written: int, changed: Mapping[str, str]) -> None:
    """In as few calls as MLflow allows, each of which says how far the curves are, so that a broken export can go on."""
    from mlflow.entities import Metric, Param, RunTag

    params = [Param(key, value) for key, value in wanted.params.items()]
    points = [Metric(key, value, _milliseconds(time), epoch) for key, value, time, epoch in wanted.points[written:]]
    batches: Iterable[tuple[list[Metric], list[Param]]]
    batches = zip_longest(_parts(points, _METRICS), _parts(params, _PARAMS), fillvalue=[])
    for some, few in batches:
        written += len(some)
        tags = [RunTag(key, value) for key, value in {**changed, _POINTS: str(written)}.items()]
        client.log_batch(run, some, few, tags)


def _parts(items: list[Any], size: int) -> Iterable[list[Any]]:
    """The items in lists of at most `size`; one empty list where there are none."""
    return [items[at : at + size] for at in range(0, len(items), size)] or [[]]


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _name(text: str) -> str:
    """The name of a metric or knob with the characters that MLflow takes."""
    return re.sub(r"[^\w.\- ]", "_", text)


def _text(value: Any) -> str:
    return str(value) if value is None or isinstance(value, str | int | float | bool) else json.dumps(value)
