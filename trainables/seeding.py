"""Every random stream of a replicate, named by (experiment seed, replicate, stream, epoch).

A stream is not carried along but drawn afresh at each epoch from its name: its whole state is the name. So the k seeds are
the same for every configuration (paired comparison), one replicate's draws never depend on another's, and a trial resumed
at epoch e draws what it would have drawn without the interruption, on any machine.
"""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


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

    Dropout and weight initialisers draw from these: they take no generator of their own.
    """
    import torch

    value = derive(seed, replicate, stream, epoch)
    torch.manual_seed(value)
    np.random.seed(value % 2**32)
    random.seed(value)
