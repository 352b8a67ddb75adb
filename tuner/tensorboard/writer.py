"""What TensorBoard shows of an experiment: per trial the medians, every replicate, the spread, and one HParams row.

Written with TensorBoard's own protocol buffers and record format, without torch or TensorFlow. Everything in it comes
from the records, so it can be thrown away and rebuilt.
"""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import time
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from tuner.records import lines as records
from tuner.records import manifest as manifests
from tuner.records.lines import Record
from tuner.records.manifest import Manifest
from tuner.records.paths import ExperimentPaths, trial_name
from tuner.tensorboard import margin_charts
from tuner.tensorboard.event_file import EventFile

_SUCCESSES = ("completed", "stopped")
_ABSENT = "-"  # the value of a knob in a trial that does not have it


class TensorBoardWriter:
    """Turns records, fed in order of arrival by `update`, into event files.

    Scalars, at step = epoch (1-based): `median/METRIC`, `replicates/METRIC/I`, `spread/METRIC_min` and `_max` over the
    living replicates, `replicates_ok`, `learning_rate`. A number that is not finite is written as NaN, so that a
    diverged trial does not keep its last good value. In HParams each trial that began is a row with all its knobs,
    constant ones too, and the last medians of what is reported epoch by epoch; its status is success if it completed or
    was stopped early, failure if it diverged or failed. TensorBoard's parallel coordinates leave out a trial that lacks
    one of the columns: so a knob that a trial does not have is `-` there, and medians of the full budget alone, which
    stopped trials lack, are scalars only. Custom scalars have a margin chart for each metric of the table.

    The configurations that the records hold already are known from the start; a resumed search calls `rebuild` first.
    """

    def __init__(self, paths: ExperimentPaths, manifest: Manifest) -> None:
        self._root = paths.tensorboard
        self._files: dict[int, EventFile] = {}
        self._metrics = [manifest.objective.metric]  # reported epoch by epoch, not only at the end
        self._configs: dict[int, dict[str, Any]] = {}
        self._kinds: dict[str, int] = {}  # knob -> type of its column
        self._described = False
        for record in records.read(paths.records):
            self._learn(record)

    def update(self, record: Record) -> None:
        """Write what a record adds; without a `time` it happened now."""
        self._learn(record)
        at = float(record.get("time", time.time()))
        match record["event"]:
            case "start":
                self._file(record["trial"], at)
            case "epoch":
                self._describe(at)
                self._file(record["trial"], at).write(_scalars(record), at=at, step=int(record["epoch"]))
            case "end":
                status = api_pb2.STATUS_SUCCESS if record["status"] in _SUCCESSES else api_pb2.STATUS_FAILURE
                info = HParamsPluginData(session_end_info=SessionEndInfo(status=status, end_time_secs=at))
                self._file(record["trial"], at).write([_hparams(metadata.SESSION_END_INFO_TAG, info)], at=at)
                self._files.pop(record["trial"]).close()

    def close(self) -> None:
        """Close every file; what was written is readable before that too."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _learn(self, record: Record) -> None:
        """Take in which configurations and metrics there are; new ones make the description out of date."""
        if record["event"] == "trial" and self._configs.get(record["trial"]) != record["config"]:
            self._configs[record["trial"]] = record["config"]
            self._described = False
        elif record["event"] == "epoch" and record["epoch"] == 1:
            new = [name for name in record["metrics"] if name not in self._metrics]
            self._metrics += new
            self._described &= not new

    def _file(self, trial: int, at: float) -> EventFile:
        """The open file of a trial; the first one in its folder begins with the knobs."""
        if trial not in self._files:
            folder = self._root / trial_name(trial)
            began = folder.exists()
            self._files[trial] = EventFile(folder)
            if not began:
                self._describe(at)
                self._files[trial].write([_hparams(metadata.SESSION_START_INFO_TAG, self._knobs(trial, at))], at=at)
        return self._files[trial]

    def _knobs(self, trial: int, at: float) -> HParamsPluginData:
        info = SessionStartInfo(start_time_secs=at)
        for name in self._kinds:
            value = self._configs[trial].get(name, _ABSENT)
            if self._kinds[name] == api_pb2.DATA_TYPE_BOOL:
                info.hparams[name].bool_value = value
            elif self._kinds[name] == api_pb2.DATA_TYPE_FLOAT64:
                info.hparams[name].number_value = value
            else:
                info.hparams[name].string_value = _text(value)
        return HParamsPluginData(session_start_info=info)

    def _describe(self, at: float) -> None:
        """Write which knobs and metrics the HParams table has, whenever that changed.

        Without it TensorBoard makes a column of every scalar, replicates and all. It heeds the first description it
        reads, so there is only ever one.
        """
        if self._described:
            return
        columns = self._columns()
        self._kinds = {name: _kind(values) for name, values in columns.items()}
        experiment = api_pb2.Experiment(
            hparam_infos=[
                api_pb2.HParamInfo(
                    name=name, type=kind, differs=any(value != columns[name][0] for value in columns[name])
                )
                for name, kind in self._kinds.items()
            ],
            metric_infos=[
                api_pb2.MetricInfo(name=api_pb2.MetricName(tag=f"median/{name}"), display_name=f"median {name}")
                for name in self._metrics
            ],
        )
        file = EventFile(self._root)
        description = _hparams(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment))
        file.write([description, margin_charts.layout(self._metrics)], at=at)
        file.close()
        for older in self._root.glob("events.out.tfevents.*"):
            if older != file.path:
                older.unlink()
        self._described = True

    def _columns(self) -> dict[str, list[Any]]:
        """Every knob with its values over all trials."""
        names = dict.fromkeys(name for config in self._configs.values() for name in config)
        return {name: [config.get(name, _ABSENT) for config in self._configs.values()] for name in names}


def rebuild(paths: ExperimentPaths) -> None:
    """Write all event files of an experiment anew from its records.

    Only for the experiment's driver, or while it has none: the files a driver writes would vanish under it. They are
    written beside the old ones and take their place when all of them are there. OSError when that fails, on a full disk or
    where nothing may be written; the old ones are as they were then.
    """
    fresh = dataclasses.replace(
        paths, events=paths.tensorboard.with_name(f".{paths.tensorboard.name}.{os.getpid()}.new")
    )
    for left_by_a_kill in paths.tensorboard.parent.glob(f".{paths.tensorboard.name}.*"):
        shutil.rmtree(left_by_a_kill, ignore_errors=True)
    try:
        fresh.tensorboard.mkdir(parents=True)
        writer = TensorBoardWriter(fresh, manifests.read(paths.manifest))
        for record in records.read(paths.records):
            writer.update(record)
        writer.close()
        _replace(paths.tensorboard, fresh.tensorboard)
    finally:
        shutil.rmtree(fresh.tensorboard, ignore_errors=True)


def _replace(old: Path, new: Path) -> None:
    """Put a folder in the place of another one, which is back if that fails."""
    aside = new.with_suffix(".old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        old.rename(aside)
    try:
        new.rename(old)
    except OSError:
        if aside.exists():
            aside.rename(old)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _scalars(record: Record) -> list[Summary.Value]:
    values = []
    for name, reported in record["metrics"].items():
        values.append(_scalar(f"median/{name}", reported["median"]))
        values += [_scalar(f"replicates/{name}/{i}", value) for i, value in enumerate(reported["values"])]
        alive = [value for value in reported["values"] if value is not None and math.isfinite(value)]
        values.append(_scalar(f"spread/{name}_min", min(alive, default=None)))
        values.append(_scalar(f"spread/{name}_max", max(alive, default=None)))
    values.append(_scalar("replicates_ok", record["replicates_ok"]))
    if record.get("learning_rate") is not None:
        values.append(_scalar("learning_rate", record["learning_rate"]))
    values += [_scalar(f"schedule/{name}", value) for name, value in record.get("scalars", {}).items()]
    return values


def _scalar(tag: str, value: float | None) -> Summary.Value:
    finite = value is not None and math.isfinite(value)
    return Summary.Value(tag=tag, simple_value=value if finite else math.nan)


def _hparams(tag: str, content: HParamsPluginData) -> Summary.Value:
    return Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(content), tensor=metadata.NULL_TENSOR)


def _kind(values: list[Any]) -> int:
    """One type for the column of a knob: with a single value that is not a number, all of them are shown as text."""
    if all(isinstance(value, bool) for value in values):
        return int(api_pb2.DATA_TYPE_BOOL)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return int(api_pb2.DATA_TYPE_FLOAT64)
    return int(api_pb2.DATA_TYPE_STRING)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return str(value).encode(errors="backslashreplace").decode()  # the name of an odd folder
