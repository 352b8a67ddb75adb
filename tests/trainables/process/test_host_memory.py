"""Freed memory stays with the process."""

import subprocess
import sys

import pytest

FAULTS_OF_SECOND_USE = """
import resource, sys
import numpy as np
from trainables.process.host_memory import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    values = np.ones(256 << 20, np.uint8)
    del values
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults_of_second_use(mode: str) -> int:
    run = subprocess.run([sys.executable, "-c", FAULTS_OF_SECOND_USE, mode], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_memory_used_again_needs_no_pages_from_the_system():
    assert faults_of_second_use("keep") < 50
    assert faults_of_second_use("leave") > 100  # 256 MiB in pages of 4 KiB or 2 MiB
