"""A search is the same wherever it is stored, and a storage that fails while it runs costs time and nothing else."""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.conftest import SECRET
from tests.tuner.searches import TINY, VOLATILE, judgements, medians, options, run, start
from tests.tuner.tensorboard.test_writer import scalars
from trainables.storage import S3Path, s3client
from tuner import experiment
from tuner.errors import BadInput, StorageUnavailable
from tuner.records import manifest, outage
from tuner.records.journal import lines
from tuner.records.lines import read
from tuner.records.lock import is_held
from tuner.records.paths import ExperimentPaths
from tuner.results import summary, summary_file
from tuner.results.history import History
from tuner.tensorboard.feed import Follower

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

TRIALS = 4


def launch(storage, name="exp", **changes):
    chosen = {"trials": TRIALS, "max_concurrent": 1, "checkpoint_seconds": 0, "overrides": TINY}
    return experiment.launch("blur", "smoke", name=name, storage=storage, **(chosen | changes))


@pytest.fixture(scope="module")
def on_disk(cluster, tmp_path_factory):
    """The reference: a search on a disk, one trial at a time, left alone."""
    return launch(tmp_path_factory.mktemp("reference")).paths


def told(paths):
    """Every record without what depends on the clock and the process."""
    return [
        {key: value for key, value in record.items() if key not in {*VOLATILE, "pid"}} for record in read(paths.records)
    ]


def assert_same_search(paths, reference):
    assert medians(paths) == medians(reference)
    assert judgements(paths) == judgements(reference)


def test_a_search_on_s3_is_the_search_on_a_disk(cluster, bucket, on_disk):
    outcome = launch(bucket / "store")
    paths = outcome.paths
    assert outcome.exit_code == 0
    assert told(paths) == told(on_disk)
    assert b"".join(lines(paths.records)).count(b"\n") == len(told(on_disk))
    for trial in History.load(paths).trials:
        kept = [path.name for path in paths.trial(trial.index).glob("checkpoint_*")]
        assert kept == (["checkpoint_000009.pt"] if trial.status == "completed" else [])
    left = {path.name for path in paths.root.glob("*")}
    assert left - {"nodes.json"} == {"manifest.json", "records", "summary.json", "trials"}  # nodes: for whoever watches
    assert summary_file.read(paths) == summary.of(paths)
    assert not is_held(paths.lock)
    assert not paths.scratch.exists()
    # Every command reads it where it is, from another process.
    where = ("exp", "--storage", f"{bucket}/store")
    for verb, expected in {
        ("status", *where): "finished after",
        ("results", str(paths.root), "--verify"): "decisions of exp follow from the recorded order",
        ("show", "exp", "best", *where[1:]): "End of log.txt",
        ("stop", *where): "`exp` is not running",
    }.items():
        code, output = run(*verb)
        assert (code, expected in output) == (2 if verb[0] == "stop" else 0, True), output
    with Follower(paths):
        assert len(list(paths.tensorboard.glob("*/events.out.tfevents.*"))) == TRIALS
    assert not paths.tensorboard.exists()
    # It goes on where it is, too.
    extended = experiment.resume("exp", storage=f"{bucket}/store", trials=TRIALS + 1)
    assert [trial.has_ended for trial in History.load(extended.paths).trials] == [True] * (TRIALS + 1)
    assert manifest.read(paths.manifest).budget.trials == TRIALS + 1
    assert told(paths)[: len(told(on_disk))] == told(on_disk)
    # And nowhere is the key.
    for key in s3client.client().list_objects_v2(Bucket=bucket.bucket)["Contents"]:
        assert SECRET.encode() not in S3Path(bucket.bucket, key["Key"]).read_bytes()


class Server:
    """An S3 server as a process of its own, which keeps its objects in a folder."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.begin()

    def begin(self):
        command = [sys.executable, "-m", "tests.tuner.s3_server", str(self.port), str(self.folder)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert self.process.poll() is None
            time.sleep(0.05)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server(tmp_path, monkeypatch):
    server = Server(tmp_path / "objects")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
    s3client.client.cache_clear()
    s3client.client().create_bucket(Bucket="remote")
    yield server
    server.kill()
    s3client.client.cache_clear()


def test_an_s3_server_killed_and_restarted_mid_run_costs_no_record_and_no_decision(server, on_disk):
    paths = ExperimentPaths(S3Path("remote", "store/exp"))
    process = start(*options("s3://remote/store", "exp", trials=TRIALS), "--max-concurrent", 1)
    output = []

    def until(sentence):
        while True:
            line = process.stdout.readline()
            assert line, "".join(output)
            output.append(line)
            if sentence in line:
                return

    try:
        for moment in ("goes on: rung 1", "trial 1 goes on: rung 1"):
            until(moment)
            server.kill()
            until("cannot write to s3://remote/store/exp (S3 does not answer at")
            until("waiting for the storage")
            during = server.folder.stat().st_mtime_ns
            server.begin()
            until("the storage is back")
            assert server.folder.stat().st_mtime_ns > during
        output.append(process.communicate(timeout=600)[0])
    finally:
        process.kill()
    assert process.returncode == 0, "".join(output)
    assert "Traceback" not in "".join(output)
    assert_same_search(paths, on_disk)
    assert told(paths) == told(on_disk)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, a little larger than what a search asks for before it starts."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1040m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"mounting a small file system is not allowed here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Filler:
    """Fills the disk when the search has recorded some epochs, and frees it when it is told of the waiting."""

    def __init__(self, folder, *, epochs, frees):
        self.ballast = folder / "ballast"
        self.epochs = epochs
        self.frees = frees
        self.said = []

    def listen(self, paths, manifest):
        return self.look

    def look(self, record):
        self.epochs -= record["event"] == "epoch"
        if self.epochs == 0 and record["event"] == "epoch":
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                self.fill()

    def fill(self):
        with self.ballast.open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(2**20))
            while True:
                file.write(bytes(4096))

    def tell(self, text):
        self.said.append(text)
        if text.startswith("waiting") and self.frees:
            self.ballast.unlink()


def test_a_full_disk_pauses_the_search_until_there_is_room(cluster, small_disk, on_disk, monkeypatch):
    filler = Filler(small_disk, epochs=4, frees=True)
    outcome = launch(small_disk / "store", tell=filler.tell, listen=filler.listen)
    assert_same_search(outcome.paths, on_disk)
    assert told(outcome.paths) == told(on_disk)
    said = "\n".join(filler.said)
    assert "(No space left on device); training goes on" in said
    assert "the storage is back; everything that waited is written" in said
    # TensorBoard's files, which the full disk has torn, are whole again.
    for row in outcome.leaderboard.rows:
        shown = scalars(outcome, row.trial)["median/val_accuracy"]
        assert [step for step, _ in shown] == list(range(1, row.epoch + 1))
    # A file system that cannot be written at all is refused before anything starts.
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(BadInput, match=r"cannot write to .*store \(Read-only file system\); choose another --storage"):
        launch(small_disk / "store", "another")
    with pytest.raises(StorageUnavailable, match=r"\(Read-only file system\); once it can be, continue with"):
        experiment.resume("exp", storage=small_disk / "store", trials=TRIALS + 1)


def test_a_disk_that_stays_full_ends_the_session_in_one_sentence_and_resume_loses_nothing(
    cluster, small_disk, on_disk, monkeypatch
):
    monkeypatch.setattr(outage, "PATIENCE", 1.0)
    filler = Filler(small_disk, epochs=5, frees=False)
    with pytest.raises(
        StorageUnavailable, match=r"\(No space left on device\); once it can, continue with `tuner resume exp"
    ):
        launch(small_disk / "store", tell=filler.tell, listen=filler.listen)
    before = medians(ExperimentPaths(small_disk / "store" / "exp"))
    assert 0 < len(before) < len(medians(on_disk))
    with pytest.raises(BadInput, match=r"store has 0 MiB left, but at least 1 GiB is needed; make room there"):
        experiment.resume("exp", storage=small_disk / "store")
    filler.ballast.unlink()
    resumed = experiment.resume("exp", storage=small_disk / "store", max_concurrent=1)
    assert resumed.exit_code == 0
    assert_same_search(resumed.paths, on_disk)
