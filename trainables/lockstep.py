"""Face of `trainables.trial.lockstep`."""

from trainables.trial.lockstep import LockStep

__all__ = ["LockStep"]
