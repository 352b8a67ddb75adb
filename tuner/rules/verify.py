"""Do the recorded decisions follow from the recorded order of arrival? Decides everything again."""

from __future__ import annotations

import math
from collections.abc import Iterable

from trainables.statistics import worst
from tuner.errors import TunerError
from tuner.records import manifest
from tuner.records.lines import Record, read
from tuner.records.paths import ExperimentPaths
from tuner.rules import ranking
from tuner.rules.entries import recorded_median
from tuner.rules.rule import Rule, rule_of
from tuner.rules.rungs import Rungs
from tuner.rules.seeds import Medians, seeds_of

_Promotion = tuple[int, float | None, int]  # rung, cutoff, of


def verify(paths: ExperimentPaths) -> str:
    """A sentence when every decision follows; TunerError listing those that do not."""
    known = manifest.read(paths.manifest)
    records = list(read(paths.records, known))
    found = contradictions(rule_of(known), records)
    if found:
        raise TunerError("\n".join(found))
    count = sum(record["event"] in ("decision", "promote") for record in records)
    return f"all {count} decisions of {paths.name} follow from the recorded order of arrival"


def contradictions(rule: Rule, records: Iterable[Record]) -> list[str]:
    """Decide everything again in the recorded order; one sentence for each decision that would fall otherwise."""
    return _Again(rule).through(records)


class _Again:
    """The rungs filled once more, by what the records say."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._rungs = Rungs(rule)
        self._medians = Medians(rule.metric, rule.mode)
        self._counts: dict[int, int] = {}  # trial -> seeds that its last epoch reports
        self._brackets: dict[int, str] = {}
        self._owed: dict[int, _Promotion] = {}  # by trial: who goes on, while no record has said so yet
        self._found: list[str] = []

    def through(self, records: Iterable[Record]) -> list[str]:
        for record in records:
            match record["event"]:
                case "trial":
                    self._brackets[record["trial"]] = ranking.bracket_of(record["config"], self._rule.bracket)
                    self._rungs.announce(record["trial"])
                case "epoch":
                    self._epoch(record)
                case "late":
                    self._medians.join(record)
                    self._at_rest(record)
                case "decision":
                    self._settle()
                    self._decision(record)
                case "promote":
                    self._promote(record)
                case "end":
                    self._end(record)
                case "session" if record.get("outcome") == "finished":
                    self._settle()
        return self._found

    def _epoch(self, record: Record) -> None:
        trial = record["trial"]
        self._medians.add(trial, recorded_median(self._rule, record), record)
        self._counts[trial] = seeds_of(record)
        self._at_rest(record)

    def _at_rest(self, record: Record) -> None:
        """Nothing is trained of a trial that waits."""
        trial = record["trial"]
        if trial in self._rungs.waiting:
            rung = self._rungs.waiting[trial]
            self._found.append(f"trial {trial} waits at rung {rung}, but epoch {record['epoch']} of it is recorded")

    def _seeds(self, record: Record) -> None:
        """The rung says of how many seeds a decision is, and the epoch there has as many."""
        trial, rung = record["trial"], record["rung"]
        seeds = self._rule.seeds.get(rung)
        if record.get("seeds") != seeds:
            told = {None: "no number of seeds", 1: "1 seed"}
            said, rule = (told.get(count, f"{count} seeds") for count in (record.get("seeds"), seeds))
            self._found.append(f"trial {trial} at rung {rung}: recorded {said}, but the rule says {rule}")
        if seeds is not None and self._counts.get(trial, seeds) != seeds:
            self._found.append(
                f"trial {trial} at rung {rung}: its epoch there reports {self._counts[trial]} seeds, but the rule says {seeds}"
            )

    def _decision(self, record: Record) -> None:
        trial, rung = record["trial"], record["rung"]
        self._seeds(record)
        value = worst(self._rule.mode) if record["value"] is None else float(record["value"])
        known = self._medians[trial][:rung]
        if len(known) == rung and math.isfinite(value):
            ranked = ranking.ranking_value(known, self._rule.rank_window, self._rule.mode)
            if value != ranked:
                self._found.append(
                    f"trial {trial} at rung {rung}: recorded the value {value}, but its epochs give {ranked}"
                )
        bracket = self._brackets.get(trial, "")
        decision = self._rungs.place(trial, bracket, rung, value)
        cutoff = decision.cutoff if decision.cutoff is not None and math.isfinite(decision.cutoff) else None
        self._owed |= dict.fromkeys(decision.released, (rung, cutoff, decision.of))
        if (record["action"], record["cutoff"], record["of"]) != (decision.action, cutoff, decision.of):
            self._found.append(
                f"trial {trial} at rung {rung}: recorded {record['action']} with cutoff "
                f"{record['cutoff']} of {record['of']}, but the rule says {decision.action}, {cutoff}, {decision.of}"
            )
            self._rungs.note(trial, bracket, rung, record["action"])  # what follows is held against what was said

    def _promote(self, record: Record) -> None:
        trial, recorded = record["trial"], (record["rung"], record["cutoff"], record["of"])
        if record.get("seeds") != self._rule.seeds.get(record["rung"]):
            self._seeds(record)
        owed = self._owed.pop(trial, None)
        if owed != recorded:
            rung, cutoff, count = recorded
            rule = "lets it wait" if owed is None else f"says {owed[1]} of {owed[2]} at rung {owed[0]}"
            self._found.append(
                f"trial {trial} at rung {rung}: recorded that it goes on, with cutoff {cutoff} of {count}, but the rule {rule}"
            )
        self._rungs.release(trial)

    def _end(self, record: Record) -> None:
        trial = record["trial"]
        rung = self._rungs.waiting.get(trial)
        if record["status"] == "stopped" and rung is not None and trial not in self._rungs.hopeless():
            self._found.append(f"trial {trial} at rung {rung}: recorded as stopped, but the rule lets it wait")
        self._rungs.end(trial)

    def _settle(self) -> None:
        """Before the next decision everything that followed from the last one is recorded."""
        self._found += [
            f"trial {trial} at rung {rung}: the rule lets it go on, but no record says so"
            for trial, (rung, *_) in self._owed.items()
        ]
        self._owed.clear()
