"""While the storage fails, lines wait in memory; a decision waits for the storage; the order never changes."""

import errno
import json

import pytest

from trainables.storage import patience
from tuner.errors import StorageUnavailable, TunerError
from tuner.records import outage
from tuner.records.lines import RecordWriter
from tuner.records.outage import PatientJournal


class Storage:
    """A journal that fails `failures` times from now on."""

    def __init__(self):
        self.lines = []
        self.failures = 0
        self.attempts = 0

    def append(self, data):
        self.attempts += 1
        if self.failures:
            self.failures -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        self.lines.append(data)

    def close(self):
        pass


@pytest.fixture
def storage():
    return Storage()


@pytest.fixture
def said():
    return []


@pytest.fixture
def patient(storage, said, monkeypatch):
    monkeypatch.setattr(patience, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(patience, "_LONGEST_PAUSE", 0.02)
    return PatientJournal(storage, "store/exp", said.append, "tuner resume exp")


def test_epochs_wait_in_memory_and_the_caller_does_not(storage, patient, said):
    seen = []
    writer = RecordWriter(patient, lambda record: seen.append(record["event"]))
    storage.failures = 1000
    for _ in range(5):
        writer.write({"event": "epoch"})
    assert storage.lines == []
    assert seen == ["epoch"] * 5
    assert said == [
        "cannot write to store/exp (No space left on device); training goes on, writing is tried again",
    ]
    assert storage.attempts < 5


def test_a_decision_waits_until_everything_is_written_in_order(storage, patient, said):
    writer = RecordWriter(patient)
    storage.failures = 4
    writer.write({"event": "epoch", "n": 1})
    writer.write({"event": "epoch", "n": 2}, {"event": "decision", "n": 3})
    assert [json.loads(line)["n"] for line in b"".join(storage.lines).splitlines()] == [1, 2, 3]
    assert said[-2].startswith("waiting for the storage (No space left on device): a decision must be written")
    assert said[-1] == "the storage is back; everything that waited is written"


def test_what_waits_is_bounded(storage, patient, monkeypatch):
    monkeypatch.setattr(outage, "MOST_WAITING", 10)
    storage.failures = 20
    for index in range(30):
        patient.append(b"%d\n" % index)
        assert len(patient._waiting) <= 10
    patient.settle()
    assert b"".join(storage.lines).split() == [b"%d" % index for index in range(30)]


def test_what_waits_is_written_without_anything_new(storage, patient):
    storage.failures = 1
    patient.append(b"one\n")
    assert storage.lines == []
    while not storage.lines:
        patient.settle(wait=False)
    assert storage.lines == [b"one\n"]


def test_where_writes_are_requests_epochs_are_gathered_and_decisions_wait_for_nothing(storage, said):
    writer = RecordWriter(PatientJournal(storage, "store/exp", said.append, "tuner resume exp", gathering=3600.0))
    for _ in range(5):
        writer.write({"event": "epoch"})
    assert storage.attempts == 1
    writer.write({"event": "epoch"}, {"event": "decision"})
    assert storage.attempts == 2
    assert b"".join(storage.lines).count(b"\n") == 7
    assert said == []


def test_a_storage_that_never_returns_ends_in_one_sentence_with_what_to_do(storage, patient, monkeypatch):
    monkeypatch.setattr(outage, "PATIENCE", 0.1)
    storage.failures = 10**9
    with pytest.raises(StorageUnavailable, match=r"store/exp could not be written .* \(No space .*`tuner resume exp`"):
        RecordWriter(patient).write({"event": "end"})
    assert isinstance(patient.failure, StorageUnavailable)
    storage.failures = 0
    patient.append(b"after the failure\n")
    assert storage.lines == []


def test_somebody_who_leaves_does_not_wait(storage, patient):
    storage.failures = 10**9
    patient.leave()
    RecordWriter(patient).write({"event": "session"})
    assert storage.lines == []


def test_what_ctrl_c_cuts_off_is_never_written_twice(storage, patient):
    def interrupted(data):
        storage.lines.append(data)
        raise KeyboardInterrupt

    write, storage.append = storage.append, interrupted
    with pytest.raises(KeyboardInterrupt):
        patient.append(b"one\n")
    storage.append = write
    patient.leave()
    patient.append(b"end\n")
    assert storage.lines == [b"one\n", b"end\n"]


def test_a_driver_that_lost_its_lock_writes_nothing_more(storage, said):
    def lost():
        raise TunerError("taken over")

    patient = PatientJournal(storage, "store/exp", said.append, "tuner resume exp", lost)
    with pytest.raises(TunerError, match="taken over"):
        patient.append(b"line\n")
    patient.append(b"line\n")
    assert storage.lines == []
