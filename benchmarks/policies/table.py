"""A table of real trainings: every configuration with ten seeds to the end, so that any policy can be replayed on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[1] / "results" / "policies"


@dataclass(frozen=True)
class Table:
    """Curves of one metric, larger is better.

    Attributes:
        name: of the table.
        values: [configurations, seeds, epochs], fractions in [0, 1]; NaN from where a seed failed.
        configs: the knobs of each configuration.
        about: one sentence on what was trained.
    """

    name: str
    values: np.ndarray
    configs: list[dict[str, Any]]
    about: str

    @classmethod
    def load(cls, name: str, folder: Path = FOLDER) -> Table:
        with np.load(folder / f"{name}.npz") as stored:
            text = json.loads(str(stored["text"]))
            return cls(name, stored["values"].astype(float), text["configs"], text["about"])

    def save(self, folder: Path = FOLDER) -> Path:
        path = folder / f"{self.name}.npz"
        text = json.dumps({"configs": self.configs, "about": self.about})
        np.savez_compressed(path, values=self.values.astype(np.float32), text=np.array(text))
        return path


def names(folder: Path = FOLDER) -> list[str]:
    """The tables that are there."""
    return sorted(path.stem for path in folder.glob("*.npz"))
