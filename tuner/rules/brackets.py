"""Brackets: at the rungs a trial is compared only with the trials that share its values of the space's bracket knobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def bracket_of(config: Mapping[str, Any], knobs: Sequence[str]) -> str:
    """The bracket of a configuration, such as `norm=bn`; a knob that it does not have is left out.

    Empty without `knobs`: then all trials are compared with each other.
    """
    return " ".join(f"{knob}={config[knob]}" for knob in knobs if knob in config)
