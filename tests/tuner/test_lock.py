"""One driver an experiment, freed by the kernel however the driver dies."""

import os
import signal
import subprocess
import sys

import pytest

from tuner.errors import BadInput
from tuner.lock import DriverLock, is_held

HOLDER = """
import sys, time
from pathlib import Path
from tuner.lock import DriverLock
with DriverLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_driver_is_refused_by_the_name_of_the_first_until_it_is_killed(tmp_path):
    path = tmp_path / "exp" / "driver.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        assert is_held(path)
        with (
            pytest.raises(BadInput, match=rf"`exp` is already being run by process {holder.pid} on "),
            DriverLock(path),
        ):
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert not is_held(path)
    with DriverLock(path):
        assert is_held(path)
    assert not is_held(path)


def test_an_experiment_never_driven_is_not_held(tmp_path):
    assert not is_held(tmp_path / "driver.lock")
