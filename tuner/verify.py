"""Do the recorded decisions follow from the recorded order? Decides everything again."""

from __future__ import annotations

from tuner import manifest
from tuner.errors import TunerError
from tuner.judge import contradictions, rule_of
from tuner.paths import ExperimentPaths
from tuner.records import read


def verify(paths: ExperimentPaths) -> str:
    """A sentence when every decision follows; TunerError listing those that do not."""
    records = list(read(paths.records))
    found = contradictions(rule_of(manifest.read(paths.manifest)), records)
    if found:
        raise TunerError("\n".join(found))
    count = sum(record["event"] == "decision" for record in records)
    return f"all {count} decisions of {paths.name} follow from the recorded order of arrival"
