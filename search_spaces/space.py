"""What a search space is: the knobs, the baseline, the objective, the budget and the protocol of one search. Data only.

A user's own space is a file that defines `space()`:

    from ray import tune
    from search_spaces import Budget, Protocol, SearchSpace

    def space() -> SearchSpace:
        return SearchSpace(
            family="blur",
            name="sigma-and-lr",
            summary="how much blur does the small network bear?",
            parameters={"sigma": tune.choice([0.5, 1, 2]), "lr": tune.loguniform(1e-3, 1e-1)},
            fixed={"mode": "mix"},
            baseline={"sigma": 1, "lr": 0.01},
            budget=Budget(epochs=9, grace=1, trials=12),
            protocol=Protocol(dataset="digits"),
        )
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from search_spaces.budget import MOST_EPOCHS, MOST_REPLICATES, MOST_TRIALS, SMALLEST_REDUCTION, Budget
from search_spaces.definition import (
    SETTINGS,
    Allocation,
    Definition,
    Objective,
    Protocol,
    Published,
    SpaceExhausted,
)

__all__ = [
    "MOST_EPOCHS",
    "MOST_REPLICATES",
    "MOST_TRIALS",
    "SETTINGS",
    "SMALLEST_REDUCTION",
    "Allocation",
    "Budget",
    "Objective",
    "Protocol",
    "Published",
    "SearchSpace",
    "SpaceExhausted",
]


@dataclass(frozen=True, kw_only=True)
class SearchSpace(Definition):
    """A definition that can be checked and drawn from: configuration i is a pure function of (space, seed, i)."""

    def configuration(self, seed: int, index: int) -> dict[str, Any]:
        """Configuration `index` of a search with this seed; 0 is the baseline.

        Costs as much as `configurations(seed, index + 1)`, because duplicates of earlier ones are redrawn.
        """
        return self.configurations(seed, index + 1)[index]

    def configurations(self, seed: int, count: int) -> list[dict[str, Any]]:
        """The first `count` configurations of a search with this seed (>= 0): distinct, valid, JSON-able.

        A longer list begins with the shorter one, so a search can be extended.

        Raises:
            SpaceExhausted: the space holds fewer distinct configurations.
            ValueError: the baseline, or everything that can be drawn, is invalid (`problems` says more).
        """
        from search_spaces.sampling import draw  # Ray and NumPy: only where configurations are really drawn

        return draw(self, seed, count)

    def problems(self) -> list[str]:
        """Everything that is wrong with this space, a sentence each; empty when it can be launched."""
        from search_spaces.validation import problems

        return problems(self)
