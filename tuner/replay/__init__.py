"""A scheduler's settings replayed over recorded curves."""

from tuner.replay.outcome import Replay
from tuner.replay.rule import replay, run
from tuner.replay.settings import RULES, Setting

__all__ = ["RULES", "Replay", "Setting", "replay", "run"]
