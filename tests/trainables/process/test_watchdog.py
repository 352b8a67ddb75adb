"""An epoch that hangs ends its process and says where; one that does not leaves no trace."""

import subprocess
import sys

from trainables.process.watchdog import FACTOR, FIRST, LEAST, bounded, limit, take_stacks

HANG = """
import ctypes, pathlib, sys
from trainables.process.watchdog import bounded, file_name
with bounded(0.3, pathlib.Path(sys.argv[1]) / file_name()):
    ctypes.PyDLL(None).sleep(60)  # holds the interpreter's lock, as a driver call may
"""


def test_the_bound_is_the_given_one_or_far_more_than_any_epoch_took():
    assert limit(5.0, [100.0]) == 5.0
    assert limit(None, []) == FIRST
    assert limit(None, [1.0, 2.0]) == LEAST
    assert limit(None, [100.0, 200.0]) == FACTOR * 200


def test_a_process_that_hangs_with_the_interpreters_lock_dies_and_leaves_its_stacks(tmp_path):
    done = subprocess.run([sys.executable, "-c", HANG, str(tmp_path)], timeout=60, check=False)
    assert done.returncode != 0
    stacks = take_stacks(tmp_path)
    assert "Timeout" in stacks
    assert "<string>" in stacks
    assert list(tmp_path.iterdir()) == []


def test_an_epoch_in_time_leaves_nothing(tmp_path):
    with bounded(60, tmp_path / "stacks.txt"):
        pass
    assert list(tmp_path.iterdir()) == []
    assert take_stacks(tmp_path) == ""
