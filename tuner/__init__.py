"""The service: launches, watches, resumes and shows searches. Knows nothing about models.

from tuner import load
experiment = load("first")  # .frame(), .curves(), .decisions(), .best()
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuner.results.notebook import Experiment

__all__ = ["load"]


def load(path: str | Path, storage: str | Path | None = None) -> Experiment:
    """The experiment in a folder, or of a name under `storage` (default `~/ray_results`); needs neither Ray nor torch.

    Raises:
        tuner.errors.BadInput: there is none (the nearest name is suggested), or its records cannot be read (the line is
            named).
    """
    from tuner.records import paths
    from tuner.results import notebook

    return notebook.Experiment(paths.experiment(str(path), storage))
