"""Training logs of the classic ImageNet collection as experiments of ours, so that old runs appear beside new ones.

The lines that are read, of either version of its scripts; all others are passed over:

    Time, 2019-01-01T05:48:43, Epoch: 1, Batch: 10, Avg. Loss: 7.002, LR: 0.1      (or `Training Loss`: the mean of ten)
    Epoch: 1, Validation Top 1 acc: 16.77
    Epoch: 1, Validation Top 5 acc: 37.9
    Epoch: 1, Validation Set Loss: 4.3

Percentages become fractions. Epoch 0, the validation before training and again after each resume, is left out; so are
epochs without all three validation lines, and a last line without its end. What is logged of an epoch a second time is a
`repeat`; an epoch 1 after a complete one begins another run.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainables.config.wording import reason, some
from tuner.errors import BadInput, as_bad_input
from tuner.experiment import directory
from tuner.networks import log_text
from tuner.records import manifest as manifests
from tuner.records import paths
from tuner.records.lines import Record
from tuner.results import summary_file

BATCH = re.compile(r"Time, (\S+), Epoch: (\d+), Batch: (\d+), (?:Avg\. Loss|Training Loss): (\S+), LR: (\S+)\s*$")
VALIDATION = re.compile(r"Epoch: (\d+), Validation (Top 1 acc|Top 5 acc|Set Loss): (\S+)\s*$")
# what a line is called -> metric, unit
METRICS = {
    "Top 1 acc": ("val_accuracy", 0.01),
    "Top 5 acc": ("val_top5_accuracy", 0.01),
    "Set Loss": ("val_loss", 1.0),
}


@dataclass
class Epoch:
    """What a log says of one epoch; `train_losses` are means of ten batches each."""

    number: int
    metrics: dict[str, float] = field(default_factory=dict)
    train_losses: list[float] = field(default_factory=list)
    learning_rate: float | None = None
    times: list[datetime.datetime] = field(default_factory=list)

    batch: int = 0  # logged last

    @property
    def complete(self) -> bool:
        return len(self.metrics) == len(METRICS)


def parse(lines: Iterable[str]) -> list[list[Epoch]]:
    """The runs of a log, each with its complete epochs from epoch 1 on, in the order of the log.

    `ValueError` for a number that is none.
    """
    epochs: list[Epoch] = []
    for line in lines:
        found = BATCH.match(line) or VALIDATION.match(line)
        if found is None:
            continue
        number, batch = (int(found[2]), int(found[3])) if found.re is BATCH else (int(found[1]), None)
        # A batch after a validation, or not after the batch before it, begins an epoch anew: the run was resumed.
        anew = batch is not None and epochs and (epochs[-1].complete or batch <= epochs[-1].batch)
        if not epochs or epochs[-1].number != number or anew:
            epochs.append(Epoch(number))
        epoch = epochs[-1]
        if batch is not None:
            epoch.batch = batch
            epoch.times.append(datetime.datetime.fromisoformat(found[1]))
            epoch.train_losses.append(float(found[4]))
            epoch.learning_rate = float(found[5])
        else:
            metric, unit = METRICS[found[2]]
            epoch.metrics[metric] = float(found[3]) * unit
    runs: list[list[Epoch]] = []
    for epoch in epochs:
        if epoch.complete and epoch.number > 0:
            if not runs or epoch.number == 1:
                runs.append([])
            runs[-1].append(epoch)
    return runs


def import_log(
    file: str,
    family: str,
    settings: Sequence[str],
    name: str | None,
    storage: str | Path | None,
    run: int | None = None,
) -> paths.ExperimentPaths:
    """Make an experiment of one trial with one replicate out of a log.

    Args:
        file: the log.
        family: that the run would belong to.
        settings: texts such as "model=resnet18": what is known of its configuration.
        name: of the experiment; default the name of the file, and the number of the run where it holds several.
        storage: folder of experiments.
        run: which one of the log, from 1; None where it holds one alone.

    Raises:
        BadInput: no such file, nothing to read in it, several runs, a knob that the family refuses, a name in use.
    """
    log = paths.expanded(paths.required(file, "the log"))
    try:
        # The last line of a log that was cut may end in a part of a number.
        runs = parse(log_text.read(log).split("\n")[:-1])
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {log} ({reason(error)}); give a log of a training run") from None
    epochs = _chosen(log, runs, run)
    budget = max(epoch.number for epoch in epochs)
    config = _checked(family, settings, budget)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", log.stem).strip("-.") or "imported"
    if len(runs) > 1:
        stem += f"-{run}"
    found = paths.ExperimentPaths(paths.storage_root(storage) / paths.check_name(name or stem))
    directory.create(found, _manifest(found.name, family, config, budget, log), list(_records(epochs, config)))
    summary_file.leave(found)
    return found


def _chosen(log: Path, runs: list[list[Epoch]], run: int | None) -> list[Epoch]:
    """The run that is asked for, or the only one."""
    if not runs:
        raise BadInput(f"{log} holds no epoch with its three validation lines; see `tuner import-log --help`")
    if run is not None and not 1 <= run <= len(runs):
        raise BadInput(f"--run is {run}, but {log} holds {len(runs)}; choose from 1 to {len(runs)}")
    if run is None and len(runs) > 1:
        spans = [f"{number}: epochs {epochs[0].number} to {epochs[-1].number}" for number, epochs in enumerate(runs, 1)]
        raise BadInput(f"{log} holds {len(runs)} runs ({some(spans)}); choose one with --run")
    return runs[(run or 1) - 1]


def _checked(family: str, settings: Sequence[str], budget: int) -> dict[str, Any]:
    from search_spaces.overrides import constants
    from trainables import families

    with as_bad_input():
        model = families.config_class(family)
        config = {**constants(settings, model.model_fields), "epochs": budget}
        model(**config)
    return config


def _manifest(name: str, family: str, config: dict[str, Any], budget: int, log: Path) -> manifests.Manifest:
    content = {
        "name": name,
        "family": family,
        "space": "imported",
        "rebuildable": False,
        "summary": f"imported from {log.name}",
        "overrides": {},
        "seed": 0,
        "objective": {"metric": "val_accuracy", "mode": "max"},
        "budget": {"epochs": budget, "grace": budget, "reduction": 3, "trials": 1, "replicates": 1},
        "rungs": [budget],
        "protocol": {"dataset": str(config.get("dataset", "imagenet")), "selection": "test"},
        "data": {},
        "baseline": config,
        "published": [],
        **manifests.surroundings(),
    }
    return manifests.of(content)


def _records(epochs: list[Epoch], config: dict[str, Any]) -> Iterator[Record]:
    begun = _stamp(epochs[0], 0)
    yield from ({"time": begun, **record} for record in directory.trial_records(0, [config]))
    yield {"time": begun, "event": "session", "action": "start", "pid": 0, "host": "imported"}
    yield {"time": begun, "event": "start", "trial": 0, "epoch": 0}
    seen: set[int] = set()
    for epoch in epochs:
        values = {**epoch.metrics}
        if epoch.train_losses:
            values["train_loss"] = sum(epoch.train_losses) / len(epoch.train_losses)
        yield {
            "time": _stamp(epoch, -1),
            "event": "repeat" if seen and epoch.number <= max(seen) else "epoch",
            "trial": 0,
            "epoch": epoch.number,
            "metrics": {metric: {"median": value, "values": [value]} for metric, value in values.items()},
            "replicates_ok": 1,
            "learning_rate": epoch.learning_rate,
            "epoch_seconds": (epoch.times[-1] - epoch.times[0]).total_seconds() if epoch.times else 0.0,
            "images_per_second": 0.0,
        }
        seen.add(epoch.number)
    ended = _stamp(epochs[-1], -1)
    last = max(seen)
    yield {"time": ended, "event": "end", "trial": 0, "status": "completed", "epoch": last, "reason": "end of the log"}
    yield {"time": ended, "event": "session", "action": "end", "outcome": "finished"}


def _stamp(epoch: Epoch, index: int) -> float:
    """Seconds of a time of the log, which names no zone: taken as UTC; 0 without any."""
    return epoch.times[index].replace(tzinfo=datetime.UTC).timestamp() if epoch.times else 0.0
