"""The folder of a job on its nodes: Ray's sockets, logs and address. Called by the batch script, prints the folder's path.

It lies in the first of RAY_TMPDIR, SLURM_TMPDIR, TMPDIR and /tmp that will do.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

from trainables.storage import temporary
from tuner.errors import BadInput, sentence

_CANDIDATES = ("RAY_TMPDIR", "SLURM_TMPDIR", "TMPDIR")
# Of the 107 bytes of a socket's path Ray needs those of /r/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store.12;
# in a folder in this one, since it opens its own to everybody.
_LONGEST = 107 - 72
_LEAST_FREE = 256 * 1024**2  # bytes, for logs


def choose(job: str, run: str) -> Path:
    """Make the folder of the `run`-th run of a job; BadInput where no place will do, saying why of each."""
    reasons = []
    for place in dict.fromkeys([*(os.environ[name] for name in _CANDIDATES if os.environ.get(name)), "/tmp"]):
        folder = Path(place) / f"slurm-{job}-{run}"
        if len(os.fsencode(folder)) > _LONGEST:
            reasons.append(f"{place} is too long a path for sockets")
            continue
        try:
            free = shutil.disk_usage(place).free
            if free < _LEAST_FREE:
                reasons.append(f"{place} has {free / 2**20:.0f} MiB left")
                continue
            sweep(Path(place))
            return made(folder)
        except OSError as error:
            reasons.append(f"{place} cannot be used: {sentence(error)}")
    raise BadInput(
        f"no folder of this node can keep Ray's files ({'; '.join(reasons)}); set RAY_TMPDIR to a short folder on a local disk"
    )


def made(folder: Path) -> Path:
    """The folder, readable by this user alone, signed by this process; OSError where somebody else has one of that name."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(13, "it belongs to another user", str(folder))
    return folder


def sign(folder: Path) -> None:
    """Say in the folder that this process uses it."""
    (folder / f"owner-{temporary.mark()}").touch()


def sweep(place: Path) -> None:
    """Remove what jobs of this user have left there that were killed: folders whose owners are all dead."""
    for folder in place.glob("slurm-*-*"):
        owners = list(folder.glob("owner-*"))
        if (
            owners
            and all(temporary.owner_is_dead(owner.name) for owner in owners)
            and folder.lstat().st_uid == os.getuid()
        ):
            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    try:
        print(choose(os.environ["SLURM_JOB_ID"], os.environ.get("SLURM_RESTART_COUNT", "0")))
    except BadInput as error:
        print(f"tuner: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
