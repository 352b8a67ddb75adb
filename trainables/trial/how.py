"""How an epoch was trained, as it is recorded beside it."""

from __future__ import annotations

from dataclasses import dataclass

from trainables.config.training import Precision


@dataclass(frozen=True)
class How:
    """The way in which an epoch was trained: the strategy, a sentence about its choice where there is one, the precision
    (None where the user's own code computes)."""

    strategy: str
    reason: str | None
    precision: Precision | None
