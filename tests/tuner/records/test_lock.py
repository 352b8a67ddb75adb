"""One driver an experiment, on a disk and on S3, however the driver dies; with real processes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from trainables.storage import StorageError
from trainables.storage.s3path import S3Path
from tuner.errors import BadInput, TunerError
from tuner.records import lease
from tuner.records.lock import DriverLock, is_held, last_beat
from tuner.records.owner import UNKNOWN, read_owner

# As a process of another machine when told so: this one's kernel and process ids say nothing about it then.
HOLDER = """
import sys, time
from trainables.storage import place
from tuner.records import lease, owner
lease.BEAT = 0.2
if sys.argv[2] == "elsewhere":
    lease.Owner = lambda: owner.Owner(machine="another machine")
    lease.fcntl.flock = lambda file, how: None
from tuner.records.lock import DriverLock
with DriverLock(place(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


class Holder:
    """A process that holds a lock until it is killed or told to leave."""

    def __init__(self, place, where="here"):
        command = [sys.executable, "-c", HOLDER, str(place), where]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "held\n"

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def leave(self):
        self.process.communicate("\n", timeout=60)
        assert self.process.returncode == 0


@pytest.fixture(params=["disk", "s3"])
def place(request, tmp_path):
    root = request.getfixturevalue("bucket") if request.param == "s3" else tmp_path
    return root / "exp" / "driver.lock"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.2)
    monkeypatch.setattr(lease, "_LOOK", 0.1)


def refused(place, holder):
    with (
        pytest.raises(BadInput, match=rf"`exp` is already being run by process {holder.process.pid} on "),
        DriverLock(place),
    ):
        pass


def keep_checking(lock):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        lock.check()
        time.sleep(0.05)


def test_a_second_driver_is_refused_by_the_name_of_the_first_until_it_is_killed(place):
    holder = Holder(place)
    try:
        assert is_held(place)
        assert last_beat(place) == pytest.approx(time.time(), abs=30)
        refused(place, holder)
    finally:
        holder.kill()
    assert not is_held(place)
    with DriverLock(place):
        assert is_held(place)
    assert not is_held(place)


def test_a_driver_of_another_machine_is_refused_while_its_heart_beats_and_taken_over_after(place, quick, monkeypatch):
    holder = Holder(place, "elsewhere")
    try:
        assert is_held(place)
        refused(place, holder)
    finally:
        holder.kill()
    assert is_held(place)  # nobody can know yet
    monkeypatch.setattr(lease, "GRACE", 2.0)
    said = []
    with DriverLock(place, said.append):
        assert is_held(place)
    assert not is_held(place)
    assert said or isinstance(place, S3Path)  # there the server's clock may tell at once
    assert all(f"`exp` was run by process {holder.process.pid} on" in sentence for sentence in said)


def test_a_lock_given_back_on_another_machine_is_free_at_once(place):
    Holder(place, "elsewhere").leave()
    assert not is_held(place)
    with DriverLock(place):
        pass


def test_a_driver_whose_lock_was_taken_over_is_told(place, quick):
    with DriverLock(place) as lock:
        lock.check()
        place.write_bytes(b'{"pid": 1, "host": "other", "machine": "other", "token": "other"}')
        with pytest.raises(TunerError, match="`exp` was taken over by another process"):
            keep_checking(lock)


def test_an_outage_takes_no_lock_away(bucket, quick, monkeypatch):
    write, failures = S3Path.replace, []

    def lose_every_other_answer(path, data, tag):
        done = write(path, data, tag)
        failures.append(path)
        if len(failures) % 2:
            raise StorageError("S3 does not answer")
        return done

    with DriverLock(bucket / "exp" / "driver.lock") as lock:
        monkeypatch.setattr(S3Path, "replace", lose_every_other_answer)
        deadline = time.monotonic() + 30
        while len(failures) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        lock.check()


def test_an_experiment_never_driven_is_not_held(place):
    assert not is_held(place)


@pytest.mark.parametrize("pid", ["1e400", "-1", "true", '"4"', "null", "9" * 400, "[" * 4000])
def test_an_entry_of_the_wrong_form_is_somebody_unknown(pid):
    assert read_owner(f'{{"pid": {pid}, "host": "a", "machine": "b", "token": "c"}}'.encode()) == UNKNOWN
    assert read_owner(b"\xff\xfe") == UNKNOWN
    assert not UNKNOWN.is_alive


def test_a_folder_in_place_of_the_lock_is_one_sentence(tmp_path):
    (tmp_path / "driver.lock").mkdir()
    assert not is_held(tmp_path / "driver.lock")
    with (
        pytest.raises(BadInput, match=r"driver\.lock is a folder, but must be the file"),
        DriverLock(tmp_path / "driver.lock"),
    ):
        pass
