"""Training one configuration in this process, without Ray: for debugging, and for machines that have no Ray."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tuner.errors import BadInput


def train(family: str, settings: Sequence[str], *, epochs: int, replicates: int, seed: int) -> Iterator[dict[str, Any]]:
    """Train a configuration and yield the result of each epoch (see `trainables.lockstep.LockStep.step`).

    Args:
        family: `blur`, ...
        settings: texts such as "lr=0.05"; constants only, there is nothing to search.
        epochs: the full budget.
        replicates: seeds trained in lock-step.
        seed: the experiment's.

    Raises:
        BadInput: a knob that is unknown, out of range or not a constant; data that is missing.
    """
    from pydantic import ValidationError

    from search_spaces.overrides import parse_all
    from trainables import families
    from trainables.config.training import problems

    try:
        knobs = {"epochs": epochs, **parse_all(list(settings))}
        for name, value in knobs.items():
            if hasattr(value, "sample") or (isinstance(value, dict) and "grid_search" in value):
                raise ValueError(f"`{name}` is a range, but one configuration needs one value; give a constant")
        families.config_class(family)(**knobs)
        if seed < 0:
            raise ValueError(f"--seed is {seed}, but must be at least 0; raise it")
        if replicates < 1:
            raise ValueError(f"--replicates is {replicates}, but must be at least 1; raise it")
    except ValidationError as error:
        raise BadInput.listing(problems(error)) from None
    except ValueError as error:
        raise BadInput(str(error)) from None
    import torch

    from trainables import preflight
    from trainables.host_memory import keep_freed_memory
    from trainables.lockstep import LockStep

    found = preflight.check(family, [knobs])["problems"]
    if found:
        raise BadInput.listing(found)
    keep_freed_memory()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trial = LockStep(family, knobs, seed=seed, replicates=replicates, device=device)
    while not trial.finished:
        yield trial.step()


def lines(result: dict[str, Any]) -> Iterator[str]:
    """A result as text: one line for the epoch, one for each replicate that failed in it."""
    shown = [
        f"{name} {result[name]:.4f} [{result[f'{name}_min']:.4f}, {result[f'{name}_max']:.4f}]"
        for name in result["metrics"]
        if not name.endswith("loss") and not name.startswith("train")
    ]
    yield (
        f"epoch {result['epoch']}: {', '.join(shown)}; {result['replicates_ok']} replicates, "
        f"{result['epoch_seconds']:.2f} s, {result['images_per_second']:.0f} images/s"
    )
    for failure in result["failures"]:
        yield f"replicate {failure['replicate']} failed: {failure['message']}"
        yield failure["traceback"].rstrip()
