"""The page docs/cluster.md followed to the letter, from the data to the report, as far as one machine can.

Its commands are read from it and run one after the other. What a machine alone has not is stood in for: S3 by moto's server,
the three instances by a head without CPUs and two raylets, started by the commands of cluster.yaml itself, each with a home
of its own; CIFAR-10 is of a few random images; and options beside the page's make the search short.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from tests import small_cifar
from tests.tuner.cluster.head import free_ports, has_started

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROOT = Path(__file__).parent.parent
SHORT = [
    "--trials",
    "2",
    "--epochs",
    "1",
    "--replicates",
    "1",
    "--grace",
    "1",
    "--set",
    "batch_size=64",
    "--set",
    "arch=small_cnn",
]


def section(title):
    """The commands of a section of the page, without what is remarked beside them."""
    page = (ROOT / "docs" / "cluster.md").read_text()
    text = page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]


class Machines:
    """The laptop, the head and two nodes: homes on one machine, and a folder with the files that the page tells to edit."""

    def __init__(self, folder, bucket):
        self.folder, self.bucket = folder, bucket
        self.dashboard, self.gcs = free_ports(2)
        self.tree = folder / "tree"
        self.tree.mkdir()
        for name in ("cluster.yaml", "pyproject.toml", "constraints.txt"):
            text = (ROOT / name).read_text()
            # As the page says: your bucket's name in the place of BUCKET.
            (self.tree / name).write_text(text.replace("BUCKET", bucket))
        self.config = yaml.safe_load((self.tree / "cluster.yaml").read_text())
        self.laptop = self.home("laptop")
        self.running = []

    def home(self, name):
        home = self.folder / name
        home.mkdir()
        return home

    def environment(self, home, **more):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "TUNER_", "PYTHONPATH"))}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        known = {"HOME": str(home), "PATH": path, "PYTHONPATH": str(self.folder / "hook"), "COLUMNS": "100"}
        return {**kept, **known, "OMP_NUM_THREADS": "1", **more}

    def run(self, line, *more, timeout=900):
        """A command of the page at the laptop: (exit code, everything it printed)."""
        line = line.replace("BUCKET", self.bucket).replace(
            "http://127.0.0.1:8265", f"http://127.0.0.1:{self.dashboard}"
        )
        words = [*shlex.split(line), *more]
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.tree,
            env=self.environment(self.laptop),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        return done.returncode, done.stdout

    def up(self):
        """`ray up`: what cluster.yaml copies to each node, and the commands with which it starts Ray there."""
        self.start("head", "head", 0, 0)
        for name in ("node-1", "node-2"):
            self.start(name, "worker", 2, 1)

    def start(self, name, part, cpus, gpus):
        home = self.home(name)
        for there, here in self.config["file_mounts"].items():
            target = Path(there.replace("~", str(home), 1))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.tree / Path(here.replace("~", str(self.laptop), 1)), target)
        command = next(line for line in self.config[f"{part}_start_ray_commands"] if "ray start" in line)
        # What three machines have each to themselves, and the autoscaler, which would start instances.
        command = command.replace("--autoscaling-config=~/ray_bootstrap_config.yaml", "").replace(
            "ulimit -n 65536; ", ""
        )
        command = command.replace("--port=6379", f"--port={self.gcs}").replace("8265", str(self.dashboard))
        command = command.replace("$RAY_HEAD_IP:6379", f"127.0.0.1:{self.gcs}")
        (agent,) = free_ports(1)
        command += f" --num-cpus={cpus} --num-gpus={gpus} --object-store-memory=100000000 --block"
        command += f" --dashboard-agent-listen-port={agent} --disable-usage-stats"
        command += f" --temp-dir={self.folder}/r" if part == "head" else ""
        assert "TUNER_DATA=s3://" in command
        log = self.folder / f"{name}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                ["bash", "-c", command.replace("ray start", "exec ray start")],
                cwd=home,
                env=self.environment(home, TUNER_FAKE_GPUS="1"),
                stdout=file,
                stderr=file,
            )
        self.running.append(process)
        assert has_started(process, log), log.read_text()

    def down(self):
        """`ray down`."""
        for process in reversed(self.running):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.running):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
            process.kill()
        self.running.clear()

    def cache(self, name):
        return self.folder / name / ".cache" / "tuner" / "data"


@pytest.fixture
def machines(bucket):
    folder = Path(tempfile.mkdtemp(prefix="tp-"))  # short: Ray's sockets have long names
    found = Machines(folder, bucket.bucket)
    # As if the download of the page's first command had been done: here is no network.
    small_cifar.make(found.cache("laptop"), folder / "hook")
    try:
        yield found
    finally:
        found.down()
        shutil.rmtree(folder, ignore_errors=True)


def test_from_an_empty_account_to_the_report_by_the_commands_of_the_page(machines, bucket):
    lines = [line for line in section("AWS, from an empty account") if line.startswith(("tuner ", "ray "))]
    said = {}
    for line in lines:
        if line.startswith("ray up"):
            machines.up()
        elif line.startswith("ray down"):
            machines.down()
        elif line.startswith("ray dashboard"):
            continue  # the tunnel: here the head is this machine
        else:
            code, said[line] = machines.run(line, *(SHORT if line.startswith("tuner launch") else ()))
            assert code == 0, (line, said[line], *machines.folder.glob("*.log"))
    assert [line.split()[1] for line in said] == [
        *("data", "data", "cluster", "cluster", "doctor", "plan", "launch", "results", "report")
    ]
    by_verb = {line.split()[1]: text for line, text in said.items()}
    # Both nodes were asked for the data of the search, and have fetched them by that.
    fit = re.findall(
        r"ok     node     node \S+ \(\w{8}\): cifar10 at 32 pixels is (\w{16}); writes to s3://", by_verb["doctor"]
    )
    assert len(fit) == 2
    assert len(set(fit)) == 1
    for name in ("node-1", "node-2"):
        assert (machines.cache(name) / small_cifar.FOLDER / "data_batch_5").is_file()
    assert not machines.cache("head").exists()
    assert "2 replicate-epochs trained" in by_verb["results"]
    assert [path for path in machines.tree.glob("*.html") if path.stat().st_size > 100_000]
    assert (bucket / "data" / "cifar10.sha256.json").exists()


def test_a_search_whose_data_no_node_can_have_is_refused_and_doctor_says_so_before(machines):
    machines.run("tuner cluster token")
    machines.up()
    address = "--address http://127.0.0.1:8265 --storage s3://BUCKET/results"
    code, said = machines.run(f"tuner doctor blur --space search {address}")
    assert code == 2, said
    assert (
        len(
            re.findall(
                r"FAILED node     node \S+ .*cifar10 is neither in \S+/node-\d/.cache/tuner/data nor in s3://", said
            )
        )
        == 2
    )
    assert "`tuner data put cifar10 --to s3://" in said
    code, said = machines.run(f"tuner launch blur --space search --name none {address}", *SHORT)
    assert code == 2, said
    assert "`tuner data put cifar10 --to s3://" in said
