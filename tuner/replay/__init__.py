"""A scheduler's settings replayed over recorded curves."""

from tuner.replay.rule import RULES, Replay, Setting, replay, run

__all__ = ["RULES", "Replay", "Setting", "replay", "run"]
