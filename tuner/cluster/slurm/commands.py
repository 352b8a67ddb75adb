"""Running Slurm's own commands: what they print, or the one sentence that they failed with."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tuner.errors import BadInput, ClusterUnreachable

_PATIENCE = 60.0  # seconds; a controller that is busy retries by itself


class Refused(Exception):
    """A command of Slurm said no; the text is its own first reason."""


def installed() -> bool:
    """Whether this machine belongs to a Slurm cluster: it has the commands, and the configuration of one.

    Without a configuration every command looks for one in the network, for seconds, before it gives up.
    """
    program = shutil.which("sbatch")
    if program is None:
        return False
    places = [Path(folder) for folder in ("/etc/slurm", "/etc/slurm-llnl", "/run/slurm/conf")]
    places += [Path(program).resolve().parents[1] / "etc"]  # of a Slurm that was built into a folder of its own
    return "SLURM_CONF" in os.environ or any((place / "slurm.conf").exists() for place in places)


def require() -> None:
    """BadInput where there is no Slurm."""
    if not installed():
        raise BadInput(
            "there is no Slurm on this machine (`sbatch` and its slurm.conf), so it is no login node of a cluster; run this "
            "there, or print the script with `tuner slurm script`"
        )


def run(command: Sequence[str], given: str | None = None) -> str:
    """What a command prints, with `given` as its input.

    Raises:
        Refused: it failed, for a reason that it gives.
        ClusterUnreachable: the controller does not answer.
    """
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, check=False, timeout=_PATIENCE, errors="replace"
        )
    except subprocess.TimeoutExpired:
        raise ClusterUnreachable(
            f"Slurm's controller did not answer `{command[0]}` within {_PATIENCE:g} s; see `scontrol ping`"
        ) from None
    if done.returncode == 0:
        return done.stdout
    reason = _reason(done.stderr or done.stdout)
    if "Unable to contact" in reason or "Connection refused" in reason:
        raise ClusterUnreachable(f"Slurm's controller does not answer ({reason}); see `scontrol ping`")
    raise Refused(reason)


def _reason(text: str) -> str:
    """Slurm's reason, without the name of the program in front of it: the last line is the one that matters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no reason given"]
    return lines[-1].removeprefix("sbatch:").strip().removeprefix("error:").strip()
