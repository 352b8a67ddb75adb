"""A Slurm of the tests' own on this machine: munged, slurmctld and two slurmd with two GPUs each, which are character devices.

Everything of it lies in one folder, asks for free ports and a key of its own, and ends by the ids of its processes.
"""

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.tuner.cluster.head import free_ports

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch")
CPUS = 4  # of each node: Slurm counts them, this machine need not have them
GPUS = 2


def missing():
    """Why no Slurm can run here, as a sentence; None when it can."""
    absent = [program for program in NEEDED if shutil.which(program, path=_path()) is None]
    if absent:
        return (
            f"Slurm is not installed here ({', '.join(absent)} not found); `apt-get install slurm-wlm munge` brings it"
        )
    return None if os.getuid() == 0 else "Slurm's daemons and the devices that stand for GPUs need root"


def _path():
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _as(user):
    """What `subprocess` is told to run something as a user."""
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


class PrivateSlurm:
    """A running Slurm; `environment` makes commands speak to it. Ends with the block."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="ts-"))  # short: munge's socket has a long name
        self.folder.chmod(0o755)
        self.host = socket.gethostname()
        self._processes = {}
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if "slurmctld" in self._processes:
            self.run("scancel", "--state=PENDING", check=False)
            self.run("scancel", "--state=RUNNING", "--signal=KILL", "--full", check=False)
            deadline = time.monotonic() + 60
            while self.run("squeue", "-h", check=False) and time.monotonic() < deadline:
                time.sleep(0.3)
        for process in reversed(self._processes.values()):
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
        for process in self.processes():  # of jobs that outlived their slurmd
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self, **said):
        """The ids of everything that runs on this Slurm, or of what has these variables as well."""
        wanted = {
            f"{name}={value}".encode() for name, value in {"SLURM_CONF": self.folder / "slurm.conf", **said}.items()
        }
        found = []
        for place in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if place.parent.name != str(os.getpid()) and wanted <= set(place.read_bytes().split(b"\0")):
                    found.append(int(place.parent.name))
        return found

    def environment(self, **changes):
        """Of a user at the login node: nothing of Ray's, the tests' own home, this Slurm."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "SLURM_", "SBATCH_"))}
        path = f"{Path(sys.executable).parent}:{_path()}"
        own = {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path, "COLUMNS": "100", "TUNER_FAKE_GPUS": "1"}
        # Another Slurm of the tests has jobs of the same numbers.
        return {**kept, **own, "TMPDIR": str(self.folder / "t"), **changes}

    def run(self, *command, check=True):
        """What a command of Slurm prints."""
        done = subprocess.run(
            list(map(str, command)), env=self.environment(), capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout.strip()

    def tuner(self, *arguments, user=None, cwd=None, **changes):
        """`tuner ...` on the login node to its end: (exit code, everything it printed)."""
        done = subprocess.run(
            [sys.executable, "-m", "tuner", *map(str, arguments)],
            cwd=cwd or Path(__file__).parents[4],
            env=self.environment(**changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
            **_as(user),
        )
        return done.returncode, done.stdout

    def job(self, job_id):
        """What `scontrol` says of a job, by key."""
        return dict(re.findall(r"(\S+?)=(\S*)", self.run("scontrol", "show", "job", job_id)))

    def wait_for(self, condition, limit=600.0, job_id=None):
        """Wait for what the running job brings about."""
        deadline = time.monotonic() + limit
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(self.told(job_id))
            time.sleep(0.2)
        return found

    def wait_for_state(self, job_id, *states, limit=600.0):
        """Wait until a job is in one of these states; what `scontrol` says of it then."""

        def reached():
            found = self.job(job_id)
            return found if found["JobState"] in states else None

        return self.wait_for(reached, limit, job_id)

    def told(self, job_id):
        """Everything that helps to see why a job did not do what was expected."""
        parts = [self.run("squeue", "-l", check=False), self.run("sinfo", "-N", "-l", check=False)]
        if job_id is not None:
            parts.append(self.run("scontrol", "show", "job", job_id, check=False))
            log = re.search(r"StdOut=(\S+)", parts[-1])
            parts.append(Path(log[1]).read_text() if log and Path(log[1]).exists() else "no log")
        parts += [path.read_text()[-3000:] for path in sorted(self.folder.glob("slurm*.log"))]
        return "\n".join(parts)

    def _begin(self):
        controller, *nodes = free_ports(3)
        for name in ("state", "spool", "munge", "dev"):
            (self.folder / name).mkdir(mode=0o755)
        (self.folder / "t").mkdir()
        (self.folder / "t").chmod(0o1777)
        for number in range(GPUS):
            os.mknod(self.folder / "dev" / f"g{number}", 0o666 | 0o020000, os.makedev(1, 3))
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        (self.folder / "slurm.conf").write_text(self._configuration(controller, nodes))
        (self.folder / "gres.conf").write_text(
            "".join(f"NodeName=n{i} Name=gpu File={self.folder}/dev/g[0-{GPUS - 1}]\n" for i in (1, 2))
        )
        munge = self.folder / "munge"
        self._start(
            "munged",
            "--foreground",
            "--force",
            f"--socket={munge}/s",
            f"--key-file={key}",
            f"--pid-file={munge}/pid",
            f"--log-file={munge}/log",
            f"--seed-file={munge}/seed",
        )
        self.wait_for((munge / "s").exists, 20)
        self._start("slurmctld", "-D")
        for node in ("n1", "n2"):
            self._start("slurmd", "-D", "-N", node, name=node)
        self.wait_for(
            lambda: self.run("sinfo", "-h", "-N", "-o", "%T", "-p", "main", check=False).split() == ["idle"] * 2, 60
        )

    def _start(self, *command, name=None):
        name = name or command[0]
        with (self.folder / f"{name}.out").open("w") as out:
            self._processes[name] = subprocess.Popen(
                [shutil.which(command[0], path=_path()), *command[1:]],
                env=self.environment(),
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _configuration(self, controller, ports):
        nodes = "\n".join(
            f"NodeName=n{number} NodeHostname={self.host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} RealMemory=4000 "
            f"Gres=gpu:{GPUS}"
            for number, port in enumerate(ports, 1)
        )
        return f"""\
ClusterName=tests
SlurmctldHost={self.host}(127.0.0.1)
SlurmUser={pwd.getpwuid(os.getuid()).pw_name}
AuthType=auth/munge
# A requeued job waits for as long as a credential is good for, by itself two minutes.
AuthInfo=socket={self.folder}/munge/s,cred_expire=6
SlurmctldPort={controller}
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool/%n
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd-%n.pid
SlurmctldLogFile={self.folder}/slurmctld.log
SlurmdLogFile={self.folder}/slurmd-%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=2,bf_interval=2
GresTypes=gpu
DefMemPerNode=1500
KillWait=60
ReturnToService=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=1-00:00:00 DefaultTime=10:00 State=UP PriorityTier=1 GraceTime=90
PartitionName=urgent Nodes=n1,n2 MaxTime=1-00:00:00 State=UP PriorityTier=2 PreemptMode=OFF
"""
