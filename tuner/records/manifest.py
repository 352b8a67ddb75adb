"""The manifest of an experiment: what was launched, on which versions, by which command. Plain JSON, written whole."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from trainables.storage import Place
from trainables.storage.redaction import redact
from tuner.errors import BadInput

Manifest = dict[str, Any]
_PACKAGES = ("tuner", "torch", "torchvision", "ray", "numpy", "scikit-learn")
_REQUIRED = {"objective", "budget", "protocol", "rungs", "baseline"}


def surroundings() -> Manifest:
    """When, where and with which versions: the part of a manifest that no option decides."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "code": code(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "command": redact(shlex.join([Path(sys.argv[0]).name.replace("__main__.py", "tuner"), *sys.argv[1:]])),
    }


def code() -> Manifest:
    """The git commit of the running code and whether every file is as committed; both None outside a checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():  # installed: a repository further up would be somebody else's
        return {"commit": None, "clean": None}
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        return {"commit": commit, "clean": not _git(root, "status", "--porcelain").strip()}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "clean": None}


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout


def _processor() -> str:
    """The processor's name as Linux gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def write(path: Place, manifest: Manifest) -> None:
    """Write the manifest whole or not at all: on a disk under a temporary name, renamed into place."""
    text = json.dumps(manifest, indent=2, default=list) + "\n"
    if not isinstance(path, Path):
        path.write_bytes(text.encode())
        return
    temporary = path.with_suffix(".tmp")
    try:
        temporary.write_text(text)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def read(path: Place) -> Manifest:
    """The manifest, or `BadInput` when it cannot be read."""
    try:
        manifest = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(
            f"cannot read {path} ({error}); it is the experiment's manifest and must be valid JSON"
        ) from None
    if not isinstance(manifest, dict):
        raise BadInput(f"{path} holds a {type(manifest).__name__}, but a manifest is a JSON object; restore the file")
    missing = sorted(_REQUIRED - manifest.keys())
    if missing:
        raise BadInput(f"{path} lacks {', '.join(missing)}; restore it from a copy of the experiment")
    return manifest


def as_json(value: Any) -> Any:
    """The value as it comes back from a JSON file: tuples become lists."""
    return json.loads(json.dumps(value))
