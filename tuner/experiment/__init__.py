"""From a request to a finished directory."""

from tuner.experiment.launching import Outcome, launch, resume

__all__ = ["Outcome", "launch", "resume"]
