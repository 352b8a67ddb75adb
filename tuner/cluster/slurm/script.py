"""The batch script of a search: `batch.sh`, with what is asked for in it."""

from __future__ import annotations

import shlex
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from trainables.process import child_process
from trainables.storage import Place
from tuner.cluster.slurm.job import MARGIN, Job

_TEMPLATE = Path(__file__).with_name("batch.sh")


@dataclass(frozen=True)
class Batch:
    """A batch script in the making.

    Attributes:
        name: of the experiment, and of the job.
        storage: where the experiments are.
        words: of the search, from `launch` on.
        job: what is asked of Slurm.
    """

    name: str
    storage: Place
    words: Sequence[str]
    job: Job

    @property
    def output(self) -> str:
        """The file of what the job prints: beside the experiment, or where it was submitted if that is on S3."""
        beside = f"{self.name}.slurm-%j.log"
        folder = f"{self.storage}/".replace("%", "%%") if isinstance(self.storage, Path) else ""
        return self.job.output or folder + beside

    def log(self, job: str) -> str:
        """The path of that file for a job."""
        return self.output.replace("%j", job).replace("%%", "%")

    def text(self) -> str:
        """The script."""
        said = {
            "NAME": self.name,
            "DIRECTIVES": "\n".join(self._directives()),
            "BIN": shlex.quote(str(Path(sys.executable).parent)),
            "PYTHONPATH": _python_path(),
            "WARNING": str(self.job.warning),
            "PATIENCE": str(self.job.warning - MARGIN),
            "LAUNCH": shlex.join(["python", "-m", "tuner", *self.words]),
            "PROGRESS": shlex.join([self.name, str(self.storage), str(self.job.restarts)]),
        }
        text = _TEMPLATE.read_text()
        for word, value in said.items():
            text = text.replace(f"@{word}@", value)
        return text

    def _directives(self) -> list[str]:
        ours = [
            ("--job-name", self.name),
            ("--comment", comment(self.name, self.storage)),
            ("--output", self.output),
            ("--open-mode", "append"),
        ]
        lines = [f"#SBATCH {option}={shlex.quote(value)}" for option, value in [*ours, *self.job.options()]]
        return [
            *lines,
            f"# This script gets USR1 {self.job.warning} s before the limit, and the job may be requeued, by it or by Slurm.",
            f"#SBATCH --signal=B:USR1@{self.job.warning}",
            "#SBATCH --requeue",
            "# The environment is that of whoever submits, also in a requeued job.",
            "#SBATCH --export=ALL",
            *(f"#SBATCH {text}" for text in self.job.more),
        ]


def comment(name: str, storage: Place) -> str:
    """What tells the jobs of this experiment from those of others that have its name."""
    return "tuner:" + quote(str(storage / name), safe="/:")  # Slurm prints it among other words


def _python_path() -> str:
    """Where the code is, if it is not installed."""
    installed = child_process.ROOT in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    return "" if installed else f' PYTHONPATH={shlex.quote(child_process.ROOT)}"${{PYTHONPATH:+:$PYTHONPATH}}"'
