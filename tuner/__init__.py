"""The service: launches, watches, resumes and shows searches. Knows nothing about models.

import tuner
experiment = tuner.search("my_experiment.py", trials=16)  # or tuner.load("first")
experiment.frame()  # .curves(), .decisions(), .best()
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.config.own.protocol import Replicate

if TYPE_CHECKING:
    from search_spaces.space import SearchSpace
    from tuner.results.notebook import Experiment

__all__ = ["Replicate", "load", "search"]


def load(path: str | Path, storage: str | Path | None = None) -> Experiment:
    """The experiment in a folder, or of a name under `storage` (default `~/ray_results`); needs neither Ray nor torch.

    Raises:
        tuner.errors.BadInput: there is none (the nearest name is suggested), or its records cannot be read (the line is
            named).
    """
    from tuner.records import paths
    from tuner.results import notebook

    return notebook.Experiment(paths.experiment(str(path), storage))


def search(space: str | Path | SearchSpace, *, trainable: Any = None, **options: Any) -> Experiment:
    """Run a search to its end, as `tuner launch` does, and return what `tuner.load` returns.

    Progress is shown as it comes, in a notebook as a table that renews itself. Ctrl-C, or the interrupt of a notebook, lets
    the running epochs end, checkpoints, and returns what there is; `tuner resume NAME` goes on from there.

    Args:
        space: a file that holds a space and what it trains; or a space.
        trainable: what is trained, if the space does not say it: a class of the protocol `Replicate`, a `Family`, a
            trainable of Ray Tune.
        options: name and storage of the experiment, seed, overrides, show (default true: progress is shown); trials, epochs,
            replicates and the other options of a budget; address, max_concurrent, checkpoint_seconds, step_timeout.

    Raises:
        tuner.errors.BadInput: with every problem at once; nothing was started.
    """
    from tuner.commands import from_python

    return from_python.search(space, trainable=trainable, **options)
