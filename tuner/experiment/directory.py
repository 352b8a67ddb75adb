"""Making an experiment's directory, or its prefix on S3, whole or not at all, and extending one."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search_spaces.space import SearchSpace
from trainables import families
from trainables.storage import Place, StorageError, local_copy, temporary
from tuner.errors import BadInput, sentence
from tuner.experiment import request
from tuner.machines.allocation import rules_of
from tuner.records import changes
from tuner.records import manifest as manifests
from tuner.records.lines import Record, RecordWriter
from tuner.records.lock import DriverLock
from tuner.records.paths import ExperimentPaths, expanded
from tuner.rules import ranking


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
    content = {
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
            "rule": budget.rule,
            "trials": budget.trials,
            "replicates": budget.replicates,
            "cpus_per_trial": budget.cpus_per_trial,
            "gpus_per_trial": budget.gpus_per_trial,
            "placement": budget.placement,
            "gpus_per_replicate": budget.gpus_per_replicate,
            "accelerator_type": budget.accelerator_type,
        },
        "allocations": rules_of(space),
        "rungs": list(ranking.rungs(budget.epochs, budget.grace, budget.reduction)),
        "bracket": list(space.bracket_knobs),
        "protocol": {"dataset": space.protocol.dataset, "selection": space.protocol.selection},
        "data": data,
        "baseline": dict(space.baseline),
        "shown_scalars": list(families.config_class(space.family).shown_scalars),
        "published": [
            {"when": dict(row.when), "metric": row.metric, "value": row.value, "source": row.source, "at": row.at}
            for row in space.published
        ],
        "sources": changes.code(),
        "space_fingerprint": changes.fingerprint(expanded(str(given))) if str(given).endswith(".py") else None,
        **manifests.surroundings(),
    }
    return manifests.of(content)


def create(
    paths: ExperimentPaths,
    manifest: manifests.Manifest,
    trials: Sequence[Record],
    space: str | Path | SearchSpace | None = None,
) -> None:
    """Make the experiment, whole or not at all.

    A directory is built beside its place, then renamed into it. On S3 the manifest is written last; what an attempt that
    died left without one is overwritten.

    Args:
        trials: the records that announce its configurations.
        space: where they came from; a file is copied into the directory.

    Raises:
        BadInput: the name is in use, or nothing can be written there.
    """
    try:
        if isinstance(paths.root, Path):
            _create_folder(paths.root, manifest, trials, space)
        else:
            _create_prefix(paths, manifest, trials, space)
    except OSError as error:
        if paths.in_use:
            raise name_in_use(paths) from None
        raise unwritable(paths.root.parent, error) from None


def name_in_use(paths: ExperimentPaths) -> BadInput:
    return BadInput(
        f"the name `{paths.name}` is already in use in {paths.root.parent}; continue it with "
        f"`{paths.command('resume')}` or choose another --name"
    )


def unwritable(place: Place, error: OSError) -> BadInput:
    if isinstance(error, StorageError):  # says what to do itself
        return BadInput(str(error))
    return BadInput(f"cannot write to {place} ({sentence(error)}); choose another --storage")


def _create_folder(
    root: Path, manifest: manifests.Manifest, trials: Sequence[Record], space: str | Path | SearchSpace | None
) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    staging = root.parent / f".{root.name}.{temporary.mark()}.new"
    staging.mkdir()
    try:
        manifests.write(ExperimentPaths(staging).manifest, manifest)
        _fill(ExperimentPaths(staging), trials, space)
        staging.rename(root)
    except OSError:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _create_prefix(
    paths: ExperimentPaths,
    manifest: manifests.Manifest,
    trials: Sequence[Record],
    space: str | Path | SearchSpace | None,
) -> None:
    with DriverLock(paths.lock):  # of two launches at once the second is refused
        if paths.in_use:
            raise name_in_use(paths)
        for left_over in paths.root.glob("records/*"):
            left_over.unlink()
        _fill(paths, trials, space)
        manifests.write(paths.manifest, manifest)


def _fill(paths: ExperimentPaths, trials: Sequence[Record], space: str | Path | SearchSpace | None) -> None:
    """Everything but the manifest."""
    if str(space).endswith(".py"):
        paths.space_source.write_bytes(expanded(str(space)).read_bytes())
    writer = RecordWriter(paths.records)
    writer.write(*trials)
    writer.close()


def trial_records(first: int, configs: Sequence[dict[str, Any]]) -> list[Record]:
    """The records that announce configurations, the first of them with index `first`."""
    return [
        {"event": "trial", "trial": index, "baseline": index == 0, "config": config}
        for index, config in enumerate(configs, start=first)
    ]


def extension(
    paths: ExperimentPaths, manifest: manifests.Manifest, known: list[dict[str, Any]], trials: int, accept: bool
) -> list[dict[str, Any]]:
    """The configurations that follow the known ones, up to `trials`.

    Of a space that has changed they follow only if that is accepted: then those it draws that are not known yet.
    """
    if trials < len(known):
        raise BadInput(
            f"--trials is {trials}, but `{paths.name}` already has {len(known)} trials; give a larger number"
        )
    if trials == len(known):
        return []
    if not manifest.rebuildable:
        raise BadInput(
            f"`{paths.name}` was launched from Python with a space of its own, so its next configurations are not "
            "known here; launch a new experiment instead"
        )
    texts = [f"{key}={value}" for key, value in manifest.overrides.items()]
    budget = manifest.budget.searched()
    with contextlib.ExitStack() as stack:
        own = manifest.space == "space.py"
        source = stack.enter_context(local_copy(paths.space_source)) if own else manifest.space
        space = request.resolve_space(manifest.family, source, texts).with_budget(**{**budget, "trials": trials})
    # A relative folder means another one where this is run.
    space = space.with_overrides({"dataset": manifest.protocol.dataset})
    problems = request.problems(space)
    if problems:
        raise BadInput.listing(problems)
    if accept:
        drawn = request.draw(space, manifest.seed, trials)
        if manifests.as_json(drawn[: len(known)]) != known:
            drawn = request.draw(space, manifest.seed, trials + len(known))
        fresh = [config for config in drawn if manifests.as_json(config) not in known]
        return fresh[: trials - len(known)]
    configs = request.draw(space, manifest.seed, trials)
    for index, (mine, theirs) in enumerate(zip(manifests.as_json(configs), known, strict=False)):
        if mine != theirs:
            raise BadInput(
                f"the search space has changed since `{paths.name}` was launched: trial {index} was {theirs}, and would "
                f"now be {mine}; restore the space, mix both with --accept-changes, or launch a new experiment"
            )
    new: list[dict[str, Any]] = configs[len(known) :]
    return new
