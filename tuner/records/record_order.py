"""Whether records agree with those before them and with their manifest: trials announced, epochs in order, k values each."""

from __future__ import annotations

from tuner.records.manifest import Manifest
from tuner.records.record_forms import Record

_BASELINE = 0
_OF_A_TRIAL = ("start", "epoch", "repeat", "late", "decision", "promote", "replicate_failed", "error", "end")


class RecordOrder:
    """Takes the records of an experiment in order of arrival, each of the right form, and says what contradicts."""

    def __init__(self, manifest: Manifest) -> None:
        self._objective = manifest.objective.metric
        self._epochs = manifest.budget.epochs
        self._replicates = manifest.budget.replicates
        self._seeds = manifest.seeds
        self._late: dict[int, int] = {}  # trial -> the last epoch of those that joined at its present rung
        self._last: dict[int, int] = {}  # trial -> the last epoch recorded
        self._seen: dict[int, set[int]] = {}
        self._in_session = False

    def complaint(self, record: Record) -> str | None:
        """What is wrong with the next record, in words; None when nothing is."""
        event = record["event"]
        if event in _OF_A_TRIAL:
            trial = record["trial"]
            if trial not in self._last:
                return f"`trial` is {trial}, but no record above announces that trial"
            if event == "late" or (event == "repeat" and "first" in record):
                return self._joined(record, trial)
            if event in ("epoch", "repeat"):
                return self._epoch(record, trial)
            return self._beside(record) if event in ("decision", "promote", "replicate_failed") else None
        if event == "trial":
            return self._trial(record)
        return self._session(record) if event == "session" else None

    def _trial(self, record: Record) -> str | None:
        trial = record["trial"]
        if trial in self._last:
            return f"`trial` is {trial}, but a record above announces that trial already"
        if "baseline" not in record:
            return "`baseline` is missing"
        if record["baseline"] != (trial == _BASELINE):
            told = str(record["baseline"]).lower()
            return f"`baseline` is {told} of trial {trial}, but must be true of trial {_BASELINE} and of no other"
        self._last[trial], self._seen[trial] = 0, set()
        return None

    def _session(self, record: Record) -> str | None:
        if record["action"] == "start":
            absent = next((name for name in ("pid", "host") if name not in record), None)
            self._in_session = True
        else:
            absent = None if "outcome" in record else "outcome"
            if not self._in_session:
                return "`action` is end, but no record above starts a session"
        return f"`{absent}` is missing" if absent else None

    def _epoch(self, record: Record, trial: int) -> str | None:
        epoch, last, seen = record["epoch"], self._last[trial], self._seen[trial]
        if epoch <= last:
            # Trained again after a crash; of an imported log also an epoch that was not complete the first time.
            if record["event"] == "epoch" and epoch not in seen:
                return f"`epoch` is {epoch}, but comes after epoch {last} of trial {trial}; epochs must be in order"
        elif record["event"] == "repeat":
            return f"`epoch` is {epoch}, but trial {trial} has recorded no such epoch that could be repeated"
        elif missing := self._missing(trial):
            return f"`epoch` is {epoch}, but {missing}"
        else:
            self._last[trial] = epoch
            self._late.pop(trial, None)
            seen.add(epoch)
        return self._reported(record, self._seeds.at(record["epoch"]))

    def _missing(self, trial: int) -> str | None:
        """What must be recorded of seeds that join before a trial goes on."""
        last, late = self._last[trial], self._late.get(trial, 0)
        if not self._seeds.grow or not self._seeds.joining(last) or late >= last:
            return None
        return f"the seeds that join trial {trial} at rung {last} have recorded {late} epochs"

    def _joined(self, record: Record, trial: int) -> str | None:
        """An epoch of seeds that joined at a rung."""
        epoch, rung = record["epoch"], record.get("rung", 0)
        joining = self._seeds.joining(rung)
        if not joining or rung > self._last[trial]:
            return f"`rung` is {rung}, but no seeds join trial {trial} there"
        if record["first"] != joining.start:
            return (
                f"`first` is {record['first']}, but must be {joining.start}, the first seed that joins at rung {rung}"
            )
        late = self._late.get(trial, 0) if rung == self._last[trial] else rung
        if epoch > rung or epoch > late + 1 or (epoch == late + 1 and record["event"] == "repeat"):
            return f"`epoch` is {epoch}, but must be at most {min(rung, late + 1)}; epochs must be in order"
        if epoch > late:
            values = record["metrics"].get(self._objective, {"values": []})["values"]
            # Where none of them lives the others go on at once.
            self._late[trial] = epoch if any(value is not None for value in values) else rung
        return self._reported(record, len(joining), joining.start)

    def _reported(self, record: Record, count: int, first: int = 0) -> str | None:
        """What contradicts the manifest in an epoch of so many seeds, the first of them `first`."""
        replicates, metrics = first + count, record["metrics"]
        if record["epoch"] > self._epochs:
            return f"`epoch` is {record['epoch']}, but must be at most {self._epochs}, the full budget"
        if record["replicates_ok"] > replicates:
            return f"`replicates_ok` is {record['replicates_ok']}, but must be at most {replicates}, the replicates"
        if self._objective not in metrics:
            return f"`metrics.{self._objective}`, the objective, is missing"
        for name, reported in metrics.items():
            if len(reported["values"]) != count:
                return (
                    f"`metrics.{name}.values` holds {len(reported['values'])} values, but must hold {count}, one a "
                    "replicate"
                )
        return None

    def _beside(self, record: Record) -> str | None:
        """What contradicts the manifest in a decision or a failure."""
        if record.get("rung", 0) > self._epochs:
            return f"`rung` is {record['rung']}, but must be at most {self._epochs}, the full budget"
        if record.get("replicate", 0) >= self._replicates:
            return f"`replicate` is {record['replicate']}, but must be at most {self._replicates - 1}, the last one"
        return None
