"""One trial as a file that retrains it: everything its median depends on, and what was recorded, to compare with."""

from __future__ import annotations

import datetime
import shlex
from pathlib import Path
from typing import Any

import yaml

from tuner.errors import BadInput
from tuner.machines.allocation import Allocator, Share
from tuner.records import manifest as manifests
from tuner.records import output
from tuner.records.manifest import Manifest
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History, Trial
from tuner.results.leaderboard import find

FORMAT = 1
SUFFIXES = (".yaml", ".yml")


def export_trial(paths: ExperimentPaths, which: str, path: Path | None = None) -> str:
    """Write a trial, given by its number, `best` or `baseline`, as YAML.

    Args:
        path: of the file; default EXPERIMENT-trial-N.yaml in the working directory.

    Returns:
        A sentence that names the file and, on a line of its own, the command that retrains the trial.

    Raises:
        BadInput: no such trial, one that has recorded nothing, or a path that cannot be written.
    """
    history = History.load(paths)
    trial = find(history, which)
    content = describe(history, trial)
    target = Path(f"{paths.name}-trial-{trial.index}.yaml") if path is None else path
    if target.suffix not in SUFFIXES:
        raise BadInput(f"the file is {target.name}, but must end in .yaml, by which `tuner train` knows it; rename it")
    command = f"tuner train {shlex.quote(str(target))}"
    text = f"# Trial {trial.index} of {paths.name}; retrain it with: {command}\n" + yaml.safe_dump(
        manifests.as_json(content), sort_keys=False, allow_unicode=True, width=110
    )
    return f"wrote {output.write(target, text.encode())}; retrain the trial with:\n{command}"


def describe(history: History, trial: Trial) -> dict[str, Any]:
    """The content of the file: plain containers.

    Keys: format, family, own (a user's own code, where that was trained), config, seed, replicates, device, threads (these
    decide the numbers: those of the process that trained each replicate), recorded (metric, epoch, median, values: the
    objective where the trial was compared), manifest (where it comes from).
    """
    if not trial.epochs:
        raise BadInput(
            f"trial {trial.index} of `{history.name}` has recorded no epoch yet, so there is no figure to retrain; let it "
            "train, or choose another"
        )
    known = history.manifest
    share, epoch = Allocator.recorded(known).share(trial.config), trial.compared_epoch
    return {
        "format": FORMAT,
        "family": known.family,
        **({"own": known.own} if known.own is not None else {}),
        "config": {**known.defaults, **trial.config},  # what an earlier version left out, retraining knows
        "seed": known.seed,
        "replicates": history.replicates,
        "device": share.device,
        "threads": share.threads,
        "recorded": {
            "metric": history.metric,
            "epoch": epoch,
            "median": trial.median(epoch),
            "values": trial.values(epoch),
        },
        "manifest": _origin(history, trial, known, share),
    }


def _origin(history: History, trial: Trial, known: Manifest, share: Share) -> dict[str, Any]:
    """Where the trial comes from: experiment, code, packages, hardware, data, command."""
    content = known.content()
    return {
        "experiment": history.name,
        "trial": trial.index,
        "baseline": trial.baseline,
        "status": trial.status,
        **{
            key: content.get(key) for key in ("space", "protocol", "code", "versions", "platform", "processor", "cores")
        },
        "resources": {"workers": share.workers, "cpus": share.cpus, "gpus": share.gpus},  # of each worker
        "data": content.get("data"),
        "launched": known.created,
        "command": known.command,
        "exported": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
