"""The protocol of a user's own training code, known to others as `tuner.Replicate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from trainables.seeding import ReplicateSeed


class Replicate(Protocol):
    """One seed of one configuration, in training. A class need not extend this, only have what it has.

    Five of them make a trial: they are trained in lock-step, an epoch each, and the median of what they report is what the
    rule decides on. Before they are made, and before each epoch, the global generators of Python, NumPy and torch are put
    at the start of a stream of their own, so that code which draws from those is repeatable, also after a resume.
    """

    def __init__(self, config: Any, seed: ReplicateSeed, device: str) -> None:
        """Begin.

        Args:
            config: the knobs of this configuration and `epochs`, the full budget: a dictionary, or the pydantic model or
                dataclass that the annotation of this parameter names.
            seed: of this replicate, a whole number of 32 bits; `seed.numpy("name", epoch)`, `seed.torch(...)` and
                `seed.stream(...)` give independent streams.
            device: "cpu" or "cuda".
        """

    def epoch(self) -> Mapping[str, Any]:
        """Train an epoch, or any other piece of work, and evaluate: the objective and any other numbers by name.

        `samples` is how many were seen, for the speed; `learning_rate` is shown beside the metrics. What raises, or reports
        an objective that is no finite number, is this replicate's failure.
        """

    def state(self) -> Any:
        """All that `load` needs to go on from here: anything that Python can pickle."""

    def load(self, state: Any) -> None:
        """Go on from a state, in an object that was made of the same configuration and seed."""
