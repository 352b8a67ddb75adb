"""A search from Python: a notebook or a script says what to search and gets what was found."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import search_spaces
from search_spaces.budget import OPTIONS
from search_spaces.space import SearchSpace
from tuner.errors import as_bad_input
from tuner.experiment import launching, own_objects
from tuner.experiment.request import Overrides, Request
from tuner.experiment.running import Running
from tuner.results.notebook import Experiment


def search(
    space: str | Path | SearchSpace,
    *,
    trainable: Any = None,
    name: str | None = None,
    storage: str | Path | None = None,
    seed: int = 0,
    overrides: Overrides = (),
    show: bool = True,
    **options: Any,
) -> Experiment:
    """Run a search to its end, as `tuner launch` does; see `tuner.search`."""
    budget = {option: options.pop(option) for option in OPTIONS if option in options}
    if trainable is not None:
        if not isinstance(space, SearchSpace):
            with as_bad_input():
                space = search_spaces.load_file(space)
        space = own_objects.bound(space, trainable)
    elif isinstance(space, SearchSpace) and space.trainable is not None:
        space = own_objects.bound(space, space.trainable)
    if isinstance(space, SearchSpace):
        asked = Request(space.family, space, overrides, seed, budget)
    else:
        asked = Request(str(space), overrides=overrides, seed=seed, budget=budget)
    running = Running(**options)
    with _screen() as screen:
        if show:
            running = dataclasses.replace(running, tell=screen.tell, listen=screen.listen)
        outcome = launching.start(asked, running, name=name, storage=storage)
        if outcome.ending == "interrupted":
            running.tell(f"interrupted; nothing is lost. Continue with: {outcome.paths.command('resume')}")
    return Experiment(outcome.paths)


def _screen() -> AbstractContextManager[Any]:
    """Where progress is shown: in a notebook a table that renews itself, else the terminal."""
    from tuner.tables import inline
    from tuner.tables.terminal import Terminal

    if inline.in_notebook():
        return inline.Cell()
    from rich.console import Console

    return Terminal(Console())
