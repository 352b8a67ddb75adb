"""Making an experiment's directory, or its prefix on S3, whole or not at all, and extending one."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search_spaces.domains import ranges
from search_spaces.space import SearchSpace
from trainables import families
from trainables.config import earlier
from trainables.storage import local_copy, temporary
from tuner.errors import BadInput, unwritable
from tuner.experiment.request import Checked, Request, draw, problems
from tuner.machines.allocation import Allocator, rules_of
from tuner.records import changes
from tuner.records import manifest as manifests
from tuner.records.lines import Record, RecordWriter
from tuner.records.lock import DriverLock
from tuner.records.paths import ExperimentPaths, expanded
from tuner.rules import ranking


def describe(checked: Checked, name: str, data: dict[str, Any]) -> manifests.Manifest:
    """The manifest of a new experiment."""
    asked, space = checked.request, checked.space
    budget = space.budget
    content = {
        "name": name,
        "family": families.title(space.family),
        "own": asked.code.content() if asked.code is not None else None,
        "space": "space.py" if asked.own_file else space.name,
        "rebuildable": not isinstance(asked.space, SearchSpace) and not isinstance(asked.overrides, Mapping),
        "summary": space.summary,
        "overrides": asked.texts,
        "seed": asked.seed,
        "objective": {"metric": space.objective.metric, "mode": space.objective.mode},
        "budget": budget.options(),
        "allocations": rules_of(space),
        "rungs": list(ranking.rungs(budget.epochs, budget.grace, budget.reduction)),
        "ranges": ranges(space.parameters),
        "bracket": list(space.bracket_knobs),
        "protocol": dataclasses.asdict(space.protocol) if space.protocol is not None else None,
        "data": data,
        "baseline": dict(space.baseline),
        "precision": _precision(space),
        "shown_scalars": list(families.config_class(space.family).shown_scalars),
        "defaults": dict(earlier.SAID) if space.protocol is not None else {},
        "published": [
            {"when": dict(row.when), "metric": row.metric, "value": row.value, "source": row.source, "at": row.at}
            for row in space.published
        ],
        "sources": changes.code(),
        "space_fingerprint": changes.fingerprint(expanded(str(asked.space))) if asked.own_file else None,
        **manifests.surroundings(),
    }
    return manifests.of(content)


def _precision(space: SearchSpace) -> str:
    """What the baseline is computed in, by its knob or by the device that it is given; each epoch's record has its own."""
    chosen = {**space.fixed, **space.baseline}.get("precision")
    on_a_gpu = Allocator.of_space(space).share(space.baseline).gpus > 0
    return str(chosen) if chosen else "bf16" if on_a_gpu else "float32"


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
        trained = (changes.own_code_now(manifest) if accept else None) or manifest.trained
        space = Request(trained, source, texts, budget={**budget, "trials": trials}).resolved
    if manifest.protocol is not None:  # a relative folder means another one where this is run
        space = space.with_overrides({"dataset": manifest.protocol.dataset})
    if found := problems(space):
        raise BadInput.listing(found)
    if accept:
        drawn = draw(space, manifest.seed, trials)
        if manifests.as_json(drawn[: len(known)]) != known:
            drawn = draw(space, manifest.seed, trials + len(known))
        fresh = [config for config in drawn if manifests.as_json(config) not in known]
        return fresh[: trials - len(known)]
    configs = draw(space, manifest.seed, trials)
    for index, (mine, theirs) in enumerate(zip(manifests.as_json(configs), known, strict=False)):
        if mine != theirs:
            raise BadInput(
                f"the search space has changed since `{paths.name}` was launched: trial {index} was {theirs}, and would "
                f"now be {mine}; restore the space, mix both with --accept-changes, or launch a new experiment"
            )
    new: list[dict[str, Any]] = configs[len(known) :]
    return new
