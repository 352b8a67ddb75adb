"""Do the recorded decisions follow from the recorded order? Decides everything again."""

from __future__ import annotations

from tuner.errors import TunerError
from tuner.records import manifest
from tuner.records.lines import read
from tuner.records.paths import ExperimentPaths
from tuner.rules.judge import contradictions, rule_of


def verify(paths: ExperimentPaths) -> str:
    """A sentence when every decision follows; TunerError listing those that do not."""
    known = manifest.read(paths.manifest)
    records = list(read(paths.records, known))
    found = contradictions(rule_of(known), records)
    if found:
        raise TunerError("\n".join(found))
    count = sum(record["event"] == "decision" for record in records)
    return f"all {count} decisions of {paths.name} follow from the recorded order of arrival"
