"""Every random stream of a replicate, named by (experiment seed, replicate, stream, epoch).

A stream is not carried along but drawn afresh at each epoch from its name: its whole state is the name. So the k seeds are
the same for every configuration (paired comparison), one replicate's draws never depend on another's, and a trial resumed
at epoch e draws what it would have drawn without the interruption, on any machine.
"""

from __future__ import annotations

import hashlib
import random
import sys
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Generator


def derive(seed: int, replicate: int, stream: str, epoch: int = 0) -> int:
    """A 63-bit seed that depends on nothing but its name; different names give independent streams."""
    name = f"{seed}/{replicate}/{stream}/{epoch}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") >> 1


def generator(
    seed: int, replicate: int, stream: str, epoch: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A torch generator positioned at the start of the named stream."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(seed, replicate, stream, epoch))


def seed_globals(seed: int, replicate: int, stream: str, epoch: int = 0) -> None:
    """Put the global generators of torch (every device), NumPy and `random` at the start of the named stream.

    Dropout and weight initialisers draw from these: they take no generator of their own. Where nobody has imported torch,
    it has none.
    """
    value = derive(seed, replicate, stream, epoch)
    torch = sys.modules.get("torch")
    if torch is not None:
        # `torch.manual_seed` keeps the words of the whole stack for a card that may come, which takes longer than all else.
        (torch if torch.cuda.is_available() else torch.default_generator).manual_seed(value)
    np.random.seed(value % 2**32)
    random.seed(value)


class ReplicateSeed(int):
    """The seed of one replicate, for a user's own code: a whole number of 32 bits that any library takes, and the way to
    as many independent streams as the code likes, each by its name and epoch.

    Attributes:
        experiment: the seed of the experiment.
        replicate: the index of the replicate.
    """

    experiment: int
    replicate: int

    @classmethod
    def of(cls, experiment: int, replicate: int) -> Self:
        made = cls(derive(experiment, replicate, "own") % 2**32)
        made.experiment, made.replicate = experiment, replicate
        return made

    def stream(self, name: str, epoch: int = 0) -> int:
        """The seed of a named stream, 32 bits."""
        return derive(self.experiment, self.replicate, f"own {name}", epoch) % 2**32

    def numpy(self, name: str, epoch: int = 0) -> np.random.Generator:
        """A generator of NumPy at the start of a named stream."""
        return np.random.default_rng(self.stream(name, epoch))

    def torch(self, name: str, epoch: int = 0) -> Generator:
        """A generator of torch, on the CPU, at the start of a named stream."""
        return generator(self.experiment, self.replicate, f"own {name}", epoch)

    def __reduce__(self) -> tuple[object, ...]:
        return ReplicateSeed.of, (self.experiment, self.replicate)
