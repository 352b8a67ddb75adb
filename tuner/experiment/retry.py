"""Launching as often as one likes: what a try that was cut short has left is continued, another request is refused.

A scheduler that restarts a failed job (KubeRay, a queue) runs the same command again, and that must go on with the search
instead of refusing its name or starting a second one in its folder.
"""

from __future__ import annotations

from search_spaces.budget import OPTIONS
from trainables import families
from trainables.config.own.code import OwnCode
from trainables.storage import Place
from tuner.errors import BadInput
from tuner.experiment import launching
from tuner.experiment.request import Request
from tuner.experiment.running import Running
from tuner.records import manifest as manifests
from tuner.records import paths as places
from tuner.records.lines import read
from tuner.records.paths import ExperimentPaths


def launch_or_resume(
    asked: Request, running: Running, *, name: str, storage: str | Place | None = None
) -> launching.Outcome:
    """A new search, or the next session of the experiment `name` where the same request has made it before.

    Raises what `launch` does; BadInput as well when the name is in use by another request, saying by which.
    """
    paths = _existing(name, storage)
    if paths is None:
        return launching.start(asked, running, name=name, storage=storage)
    differences = _differences(paths, asked)
    if differences:
        raise BadInput(
            f"the name `{name}` is in use in {paths.root.parent} by another request ({'; '.join(differences)}); choose "
            "another --name"
        )
    running.tell(f"{name} was launched by the same request before: continuing it")
    return launching.go_on(name, running, storage=storage)


def _existing(name: str, storage: str | Place | None) -> ExperimentPaths | None:
    places.check_name(name)
    try:
        return places.experiment(name, storage)
    except BadInput:
        return None


def _differences(paths: ExperimentPaths, asked: Request) -> list[str]:
    """What the request would search otherwise than the experiment does, each in a few words."""
    chosen = asked.resolved
    there = manifests.read(paths.manifest)
    pairs = {
        "family": (there.family, families.title(chosen.family)),
        "seed": (there.seed, asked.seed),
        "metric": (there.objective.metric, chosen.objective.metric),
        "dataset": (
            there.protocol and there.protocol.dataset,
            chosen.protocol and chosen.protocol.dataset,
        ),
    }
    if isinstance(chosen.family, OwnCode) and isinstance(there.trained, OwnCode):
        pairs["code"] = (there.trained.digest, chosen.family.digest)
    for option, value in chosen.budget.options().items():
        if not OPTIONS[option].may_differ:
            pairs[option] = (getattr(there.budget, option), value)
    found = [f"{key} is {known}, not {wanted}" for key, (known, wanted) in pairs.items() if known != wanted]
    if found:
        return found
    configs = [record["config"] for record in read(paths.records, there) if record["event"] == "trial"]
    drawn = manifests.as_json(asked.checked().configs)
    # An extension has added trials to those of the request; that is the same search still.
    return [] if configs[: len(drawn)] == drawn else ["its configurations are others"]
