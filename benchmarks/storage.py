"""What a storage costs the driver: writing an epoch's record, taking the lock, and reading the results of a long search.

    python -m benchmarks.storage

The same records on a disk and on an S3 server of this machine (moto's, in a process of its own), in one run.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import hardware
from trainables.storage import Place, S3Path
from tuner.records.lines import RecordWriter, read
from tuner.records.lock import DriverLock

EPOCHS = 2000
READS = 5
_VALUES = [0.123456789012345] * 5
RECORD = {
    "event": "epoch",
    "trial": 7,
    "epoch": 1,
    "metrics": {name: {"median": _VALUES[0], "values": _VALUES} for name in ("train_loss", "val_loss", "val_accuracy")},
    "replicates_ok": 5,
    "learning_rate": 0.01,
    "epoch_seconds": 1.234,
    "images_per_second": 1234.5,
    "scalars": {},
}


def main() -> None:
    print(hardware())
    print(f"{EPOCHS} epoch records; medians, milliseconds\n")
    print("| storage | write a record | slowest of 100 | take and give back the lock | read all records |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, server() as bucket:
        for name, root in (("disk", Path(folder)), ("S3", bucket)):
            print(f"| {name} | " + " | ".join(f"{milliseconds:.2f}" for milliseconds in measure(root)) + " |")


def measure(root: Place) -> list[float]:
    """The figures of one row."""
    writer = RecordWriter(root / "records.jsonl")
    writes = [timed(lambda: writer.write(RECORD)) for _ in range(EPOCHS)]
    writer.close()

    def lock() -> None:
        with DriverLock(root / "driver.lock"):
            pass

    locks = [timed(lock) for _ in range(READS)]
    reads = [timed(lambda: list(read(root / "records.jsonl"))) for _ in range(READS)]
    return [
        statistics.median(writes),
        statistics.quantiles(writes, n=100)[-1],
        statistics.median(locks),
        statistics.median(reads),
    ]


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)


@contextmanager
def server() -> Iterator[S3Path]:
    """A bucket on a server of its own."""
    from trainables.storage import s3client

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.1)
        s3client.client().create_bucket(Bucket="benchmark")
        yield S3Path("benchmark")
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
