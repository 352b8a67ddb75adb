"""The report: all that an experiment has to say on one page, in one file that needs no network."""

from tuner.report.page import write

__all__ = ["write"]
