"""What killed processes left is removed by the next session, and nothing that somebody may still use."""

import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from tests.tuner.experiments import finished
from tests.tuner.searches import options, run, start
from trainables.storage import temporary
from tuner.errors import BadInput
from tuner.machines import scratch
from tuner.records import leftovers, output
from tuner.records.owner import Owner
from tuner.records.paths import ExperimentPaths

LONG_AGO = time.time() - 3 * 24 * 3600


@pytest.fixture
def dead():
    """The number of a process of this machine that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


@pytest.fixture(autouse=True)
def room(tmp_path, monkeypatch):
    """A temporary folder of the test's own."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def marks(dead):
    here = temporary.mark().partition("@")[0]
    return f"{here}@{dead}", [f"{here}@{os.getppid()}", f"0123abcd@{dead}"]  # of a dead one; of living and unknown ones


def test_a_name_tells_whether_its_process_is_known_to_be_dead(dead):
    gone, others = marks(dead)
    assert temporary.owner_is_dead(f".probe-{gone}-77")
    assert [temporary.owner_is_dead(f".probe-{other}") for other in others] == [False, False]
    assert temporary.owner_is_dead(".probe-12ab34cd") is None


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_probes_and_unfinished_experiments_of_the_dead_go_and_those_of_others_stay(where, tmp_path, dead, request):
    paths = finished(tmp_path).paths
    storage = paths.root.parent
    if where == "s3":
        storage = request.getfixturevalue("bucket") / "store"
        paths = ExperimentPaths(storage / "some")
    gone, others = marks(dead)
    for mark in (gone, *others):
        for folder in (f".probe-{mark}-0011", f".made-up.{mark}.new"):
            (storage / folder).mkdir(parents=True)
            (storage / folder / "driver").touch()
    leftovers.clear(paths)
    for mark in (gone, *others):
        for folder in (f".probe-{mark}-0011", f".made-up.{mark}.new"):
            assert (storage / folder / "driver").exists() == (mark != gone)


def test_scratch_folders_go_with_their_dead_owner(room, tmp_path, dead):
    def folder(name, owner=None, changed=None):
        made = room / f"tuner-{os.getuid()}-{name}"
        (made / "ray").mkdir(parents=True)
        if owner is not None:
            (made / "owner").write_bytes(owner.entry())
        if changed is not None:
            for path in (made / "ray", made):
                os.utime(path, (changed, changed))
        return made

    living = [
        folder("00000000aaaa", Owner()),
        folder("00000000bbbb", Owner(pid=dead, machine="another")),
        folder("cccc"),
    ]
    gone = [
        folder("00000000dddd", Owner(pid=dead)),
        folder("00000000eeee", changed=LONG_AGO),
        folder(f"00000000ffff-tensorboard-{marks(dead)[0]}"),
    ]
    leftovers.clear(finished(tmp_path).paths)
    assert all(path.exists() for path in living)
    assert not any(path.exists() for path in gone)


def test_half_a_manifest_and_empty_stacks_of_killed_workers_go(tmp_path):
    paths = finished(tmp_path).paths
    trial = paths.trial(0)
    trial.mkdir(parents=True)
    half, empty, told = paths.root / "manifest.tmp", trial / "stacks-a-1.txt", trial / "stacks-a-2.txt"
    half.write_text("{")
    empty.touch()
    told.write_text("Thread")
    leftovers.clear(paths)
    assert [path.exists() for path in (half, empty, told, paths.manifest)] == [False, False, True, True]


def test_a_file_written_for_a_person_clears_up_behind_the_dead_ones_that_wrote_it(tmp_path, dead):
    gone, others = marks(dead)
    for mark in (gone, *others):
        (tmp_path / f".report.html.{mark}.tmp").touch()
    output.write(tmp_path / "report.html", b"page")
    assert sorted(path.name for path in tmp_path.glob(".*")) == sorted(f".report.html.{mark}.tmp" for mark in others)


def test_a_scratch_folder_whose_name_is_taken_is_one_sentence(tmp_path, room):
    paths = finished(tmp_path).paths
    paths.scratch.write_text("")
    for use in (scratch.require, lambda paths: scratch.made(paths).__enter__()):
        with pytest.raises(BadInput, match=r"Ray's own files cannot be kept in .* \(there is something of that name"):
            use(paths)
    assert paths.scratch.is_file()


@pytest.mark.slow
@pytest.mark.searches
def test_a_launch_that_is_killed_while_it_looks_around_leaves_nothing_after_the_next_one(cluster, tmp_path):
    storage = tmp_path / "storage"
    process = start(*options(storage, "first", trials=1, epochs=1), address=cluster)
    while process.poll() is None and not list(storage.glob(".probe-*")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert list(storage.glob(".probe-*"))
    code, told = run(*options(storage, "second", trials=1, epochs=1), address=cluster)
    assert code == 0, told
    assert list(storage.glob(".*")) == []
