"""Confirming a search: its best trials and the baseline again, at full budget, on seeds that took no part in selecting.

A confirmation is an experiment directory of its own inside the search's, with its own manifest, records and checkpoints:
nothing of it ever enters the search's leaderboard, and it is interrupted and continued like any experiment. Its trials
keep the numbers they have in the search.
"""

from __future__ import annotations

from pathlib import Path

from trainables.storage import probe
from tuner.errors import BadInput, StorageUnavailable
from tuner.experiment import Outcome, session
from tuner.experiment.directory import create
from tuner.experiment.launching import go_on_with_data, reached, require_same_data
from tuner.experiment.running import HERE, Running
from tuner.machines import preflight, scratch
from tuner.machines.allocation import Allocator
from tuner.records import manifest as manifests
from tuner.records import paths as places
from tuner.records.lines import Record, read
from tuner.records.lock import DriverLock
from tuner.records.manifest import Manifest
from tuner.records.paths import ExperimentPaths
from tuner.records.standard_output import enduring
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard


def confirm(
    name: str,
    *,
    storage: str | Path | None = None,
    top: int = 3,
    seed: int | None = None,
    replicates: int | None = None,
    running: Running = HERE,
) -> Outcome:
    """Retrain the `top` best trials of a search, and its baseline, on fresh seeds; continue or extend a confirmation.

    Args:
        name: of the search, or its folder; it must not be running.
        storage: folder of experiments, default `~/ray_results`.
        top: how many of the best valid trials beside the baseline; those confirmed earlier are not trained again.
        seed: of the confirmation; default the search's plus 1. Replicate i draws from the streams (seed, i), so another
            seed means that every replicate is another one. A confirmation keeps the seed it began with.
        replicates: seeds a trial is trained with; default as many as in the search.
        running: how the session runs.

    Raises:
        BadInput: no such search, no valid trial, seeds that are not fresh, changed data; nothing was started.
        StorageUnavailable: nothing can be written there.
        ClusterUnreachable: nobody answers at `address`.
    """
    running.require()
    searched = places.experiment(name, storage)
    chosen = selected(searched, top)
    paths = searched.confirmation
    known: list[Record] = []
    if paths.manifest.exists():
        with DriverLock(paths.lock):
            pass  # refuse early, as resuming does
        manifest = manifests.read(paths.manifest)
        known = [record for record in read(paths.records, manifest) if record["event"] == "trial"]
        _require_unchanged(searched, manifest, seed, replicates)
    else:
        manifest = _describe(manifests.read(searched.manifest), seed, replicates)
        try:
            probe(searched.root)
        except OSError as error:
            raise StorageUnavailable.to_begin(searched.root, error, searched.command("confirm")) from None
    have = {record["trial"] for record in known}
    more = [record for record in chosen if record["trial"] not in have]
    budget = manifest.budget
    budget.extend(len(known) + len(more))
    if running.max_concurrent is not None:
        budget.max_concurrent = running.max_concurrent
    if not more and all(trial.has_ended for trial in History.load(paths).trials):
        return Outcome(paths, "finished")
    revised = running.takes_share(manifest)
    scratch.require(paths)
    go_on_with_data(manifest)
    with reached(running) as resources:
        configs = [manifest.knobs(record["config"]) for record in [*known, *more]]
        limit = budget.max_concurrent
        allocator = Allocator.of_manifest(manifest)
        found = preflight.check(allocator, configs, paths.root.parent, resources, limit, known=True)
        require_same_data(searched, manifest.data.fingerprints, found["fingerprints"])
        if not known:
            create(paths, manifest, more)
            more = []
        enduring(running.tell)(
            f"confirming {budget.trials} trials of `{searched.name}` on seed {manifest.seed}, in {paths.root}"
        )
        return Outcome(paths, session.hold(paths, manifest, resources, running, more=more, revised=revised))


def selected(searched: ExperimentPaths, top: int) -> list[Record]:
    """The records that announce the baseline and the `top` best other trials of a search; BadInput when none is valid."""
    if top < 1:
        raise BadInput(f"--top is {top}, but must be at least 1; raise it")
    history = History.load(searched)
    if history.live:
        raise BadInput(
            f"`{searched.name}` is still running, so its best trials are not known yet; wait for it, or stop it with "
            f"`{searched.command('stop')}`"
        )
    best = [row for row in Leaderboard(history).rows if row.valid and not row.baseline][:top]
    if not best:
        raise BadInput(
            f"`{searched.name}` has no valid trial beside its baseline, so there is nothing to confirm; extend it with "
            f"`{searched.command('resume', '--trials N')}`"
        )
    configs = {0: history.baseline.config} | {row.trial: row.config for row in best}
    return [
        {"event": "trial", "trial": index, "baseline": index == 0, "config": config}
        for index, config in sorted(configs.items())
    ]


def _describe(searched: Manifest, seed: int | None, replicates: int | None) -> Manifest:
    """The manifest of a new confirmation: the search's, with fresh seeds, without early stopping."""
    budget = searched.budget.content()
    fresh = searched.seed + 1 if seed is None else seed
    if fresh < 0:
        raise BadInput(f"--seed is {fresh}, but must be at least 0; raise it")
    if fresh == searched.seed:
        raise BadInput(f"--seed is {fresh}, the search's own, so nothing would be confirmed; choose another")
    if replicates is not None and replicates < 1:
        raise BadInput(f"--replicates is {replicates}, but must be at least 1; raise it")
    budget |= {"grace": budget["epochs"], "replicates": replicates or budget["replicates"], "seeds": None}
    return manifests.of(
        {
            **searched.content(),
            "name": f"{searched.name}/confirmation",
            "rebuildable": False,
            "seed": fresh,
            "budget": budget,
            "rungs": [budget["epochs"]],
            **manifests.surroundings(),
        }
    )


def _require_unchanged(searched: ExperimentPaths, manifest: Manifest, seed: int | None, replicates: int | None) -> None:
    """Refuse to mix seeds in one confirmation."""
    for option, asked, has in (
        ("--seed", seed, manifest.seed),
        ("--replicates", replicates, manifest.budget.replicates),
    ):
        if asked is not None and asked != has:
            raise BadInput(
                f"{option} is {asked}, but the confirmation of `{searched.name}` began with {has}; leave it out, or move "
                f"{searched.confirmation.root} away"
            )
