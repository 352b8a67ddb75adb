"""Whether the nodes of a Slurm cluster see a folder of the login node, as far as the login node can tell."""

from __future__ import annotations

import os
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
# File systems of one machine's own disk or memory. What is none of them is taken for one that machines share.
_OWN = {
    "ext2",
    "ext3",
    "ext4",
    "xfs",
    "btrfs",
    "zfs",
    "tmpfs",
    "ramfs",
    "overlay",
    "squashfs",
    "vfat",
    "f2fs",
    "devtmpfs",
}
_OF_ONE_MACHINE = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/proc", "/sys")


def problem(folder: Path, shared: bool, known: bool) -> str | None:
    """Why the nodes do not see a folder, as a sentence; None when nothing speaks against it.

    Args:
        folder: absolute; need not exist yet.
        shared: the user says that all nodes see it.
        known: whether this machine belongs to the cluster, so that its mounts say something.
    """
    if shared:
        return None
    remedy = (
        "give a folder that all nodes mount, or s3://BUCKET/PREFIX; if they do mount this one, add --storage-is-shared"
    )
    for place in _OF_ONE_MACHINE:
        if folder.is_relative_to(place):
            return f"--storage is {folder}, but {place} is every machine's own, so the nodes do not see it; {remedy}"
    if not known:
        return None
    kind, place = mount_of(folder, MOUNTS.read_text() if MOUNTS.exists() else "")
    if kind in _OWN:
        return (
            f"--storage is {folder}, on the {kind} file system {place} of {os.uname().nodename} alone, so the nodes do not see "
            f"it; {remedy}"
        )
    return None


def mount_of(folder: Path, mounts: str) -> tuple[str, str]:
    """The kind of file system that a folder lies on, and where it is mounted, by the text of /proc/self/mountinfo."""
    resolved = Path(os.path.realpath(folder))
    best = ("unknown", "")
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = before.split()[4].replace("\\040", " ")
        if resolved.is_relative_to(point) and len(point) >= len(best[1]):
            best = (after.split()[0], point)
    return best
