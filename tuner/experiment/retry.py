"""Launching as often as one likes: what a try that was cut short has left is continued, another request is refused.

A scheduler that restarts a failed job (KubeRay, a queue) runs the same command again, and that must go on with the search
instead of refusing its name or starting a second one in its folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search_spaces.space import SearchSpace
from tuner import experiment
from tuner.errors import BadInput
from tuner.experiment import request
from tuner.records import manifest as manifests
from tuner.records import paths as places
from tuner.records.lines import read
from tuner.records.paths import ExperimentPaths

# Options of a launch that a continuation takes as well; the others say what is searched, and must not differ.
_OF_A_SESSION = ("storage", "address", "max_concurrent", "checkpoint_seconds", "step_timeout", "tell", "listen")
# Parts of a budget that may differ between two sessions of one search: how long it is, and what it runs on.
_MAY_DIFFER = (
    *("trials", "max_concurrent", "cpus_per_trial", "gpus_per_trial", "placement", "gpus_per_replicate"),
    "accelerator_type",
)


def launch_or_resume(family: str, space: str | Path | SearchSpace, *, name: str, **options: Any) -> experiment.Outcome:
    """`experiment.launch`, or `experiment.resume` where the same request has made the experiment `name` before.

    Takes and raises what `launch` does; BadInput as well when the name is in use by another request, saying by which.
    """
    paths = _existing(name, options.get("storage"))
    if paths is None:
        return experiment.launch(family, space, name=name, **options)
    differences = _differences(paths, family, space, options)
    if differences:
        raise BadInput(
            f"the name `{name}` is in use in {paths.root.parent} by another request ({'; '.join(differences)}); choose "
            "another --name"
        )
    tell = options.get("tell")
    if tell is not None:
        tell(f"{name} was launched by the same request before: continuing it")
    return experiment.resume(name, **{key: value for key, value in options.items() if key in _OF_A_SESSION})


def _existing(name: str, storage: str | Path | None) -> ExperimentPaths | None:
    places.check_name(name)
    try:
        return places.experiment(name, storage)
    except BadInput:
        return None


def _differences(
    paths: ExperimentPaths, family: str, space: str | Path | SearchSpace, options: dict[str, Any]
) -> list[str]:
    """What the request would search otherwise than the experiment does, each in a few words."""
    asked = dict(options)
    for key in _OF_A_SESSION:
        asked.pop(key, None)
    seed, overrides = asked.pop("seed", 0), asked.pop("overrides", ())
    chosen = request.resolve_space(family, space, overrides).with_budget(**asked)
    there = manifests.read(paths.manifest)
    pairs = {
        "family": (there.family, chosen.family),
        "seed": (there.seed, seed),
        "metric": (there.objective.metric, chosen.objective.metric),
        "dataset": (there.protocol.dataset, chosen.protocol.dataset),
        "rule": (there.budget.rule, chosen.budget.rule),
    }
    for key, value in there.budget.searched().items():
        if key not in _MAY_DIFFER:
            pairs[key] = (value, getattr(chosen.budget, key, value))
    found = [f"{key} is {known}, not {wanted}" for key, (known, wanted) in pairs.items() if known != wanted]
    if found:
        return found
    configs = [record["config"] for record in read(paths.records, there) if record["event"] == "trial"]
    drawn = manifests.as_json(request.draw(chosen, seed, chosen.budget.trials))
    # An extension has added trials to those of the request; that is the same search still.
    return [] if configs[: len(drawn)] == drawn else ["its configurations are others"]
