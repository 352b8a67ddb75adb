"""Face of `tuner.results.leaderboard`."""

from tuner.results.leaderboard import Leaderboard, Row, load

__all__ = ["Leaderboard", "Row", "load"]
