"""Making an experiment directory, whole or not at all, and extending one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search_spaces.space import SearchSpace
from trainables import families
from tuner import asha, request
from tuner import manifest as manifests
from tuner.errors import BadInput
from tuner.paths import ExperimentPaths
from tuner.records import Record, RecordWriter


def describe(
    space: SearchSpace,
    given: str | Path | SearchSpace,
    overrides: request.Overrides,
    seed: int,
    name: str,
    data: dict[str, Any],
) -> manifests.Manifest:
    """The manifest of a new experiment."""
    budget = space.budget
    texts = (
        {key: str(value) for key, value in overrides.items()}
        if isinstance(overrides, Mapping)
        else dict(text.split("=", 1) for text in overrides)
    )
    return {
        "name": name,
        "family": space.family,
        "space": "space.py" if str(given).endswith(".py") else space.name,
        "rebuildable": not isinstance(given, SearchSpace) and not isinstance(overrides, Mapping),
        "summary": space.summary,
        "overrides": texts,
        "seed": seed,
        "objective": {"metric": space.objective.metric, "mode": space.objective.mode},
        "budget": {
            "epochs": budget.epochs,
            "grace": budget.grace,
            "reduction": budget.reduction,
            "rank_window": budget.rank_window,
            "trials": budget.trials,
            "replicates": budget.replicates,
            "cpus_per_trial": budget.cpus_per_trial,
            "gpus_per_trial": budget.gpus_per_trial,
        },
        "rungs": list(asha.rungs(budget.epochs, budget.grace, budget.reduction)),
        "bracket": list(space.bracket_knobs),
        "protocol": {"dataset": space.protocol.dataset, "selection": space.protocol.selection},
        "data": data,
        "baseline": dict(space.baseline),
        "shown_scalars": list(families.config_class(space.family).shown_scalars),
        "published": [
            {"when": dict(row.when), "metric": row.metric, "value": row.value, "source": row.source, "at": row.at}
            for row in space.published
        ],
        **manifests.surroundings(),
    }


def create(
    paths: ExperimentPaths,
    manifest: manifests.Manifest,
    trials: Sequence[Record],
    space: str | Path | SearchSpace | None = None,
) -> None:
    """Make the experiment directory whole or not at all: built beside its place, then renamed into it.

    Args:
        trials: the records that announce its configurations.
        space: where they came from; a file is copied into the directory.
    """
    try:
        paths.root.parent.mkdir(parents=True, exist_ok=True)
        staging = ExperimentPaths(paths.root.parent / f".{paths.name}.{os.getpid()}.new")
        staging.root.mkdir()
    except OSError as error:
        raise BadInput(f"cannot write to {paths.root.parent} ({error}); choose another --storage") from None
    try:
        manifests.write(staging.manifest, manifest)
        if str(space).endswith(".py"):
            shutil.copyfile(str(space), staging.space_source)
        writer = RecordWriter(staging.records)
        writer.write(*trials)
        writer.close()
        staging.root.rename(paths.root)
    except OSError:
        shutil.rmtree(staging.root, ignore_errors=True)
        raise BadInput(
            f"the name `{paths.name}` is already in use in {paths.root.parent}; continue it with "
            f"`{paths.command('resume')}` or choose another --name"
        ) from None


def trial_records(first: int, configs: Sequence[dict[str, Any]]) -> list[Record]:
    """The records that announce configurations, the first of them with index `first`."""
    return [
        {"event": "trial", "trial": index, "baseline": index == 0, "config": config}
        for index, config in enumerate(configs, start=first)
    ]


def extension(
    paths: ExperimentPaths, manifest: manifests.Manifest, known: list[dict[str, Any]], trials: int
) -> list[dict[str, Any]]:
    """The configurations that follow the known ones, up to `trials`."""
    if trials < len(known):
        raise BadInput(
            f"--trials is {trials}, but `{paths.name}` already has {len(known)} trials; give a larger number"
        )
    if trials == len(known):
        return []
    if not manifest.get("rebuildable", True):
        raise BadInput(
            f"`{paths.name}` was launched from Python with a space of its own, so its next configurations are not "
            "known here; launch a new experiment instead"
        )
    source = paths.space_source if manifest["space"] == "space.py" else manifest["space"]
    texts = [f"{key}={value}" for key, value in manifest["overrides"].items()]
    budget = {key: value for key, value in manifest["budget"].items() if key != "max_concurrent"}
    space = request.resolve_space(manifest["family"], source, texts).with_budget(**{**budget, "trials": trials})
    # A relative folder means another one where this is run.
    space = space.with_overrides({"dataset": manifest["protocol"]["dataset"]})
    problems = space.problems()
    if problems:
        raise BadInput.listing(problems)
    configs = request.draw(space, manifest["seed"], trials)
    drawn = manifests.as_json(configs)
    for index, (mine, theirs) in enumerate(zip(drawn, known, strict=False)):
        if mine != theirs:
            raise BadInput(
                f"the search space has changed since `{paths.name}` was launched: trial {index} was {theirs}, and would "
                f"now be {mine}; restore the space or launch a new experiment"
            )
    new: list[dict[str, Any]] = configs[len(known) :]
    return new
