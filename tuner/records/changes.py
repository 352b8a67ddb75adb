"""What has changed since an experiment was launched: the code that decides its numbers, its own space, the libraries."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path

from trainables.storage import Place
from tuner.errors import BadInput
from tuner.records.manifest import Manifest, surroundings
from tuner.records.paths import ExperimentPaths

# What is trained and what is drawn. How results are ranked and shown may change freely: it is computed anew each time.
PACKAGES = ("trainables", "search_spaces")
_LIBRARIES = ("python", "torch", "torchvision", "numpy", "scikit-learn")
_SHOWN = 20  # differences listed one by one


def code() -> dict[str, str]:
    """The fingerprint of every source file of those packages, by its path from their common root."""
    found = {}
    for package in PACKAGES:
        origin = importlib.import_module(package).__file__
        assert origin is not None
        root = Path(origin).parent
        for path in sorted(root.rglob("*.py")):
            found[f"{package}/{path.relative_to(root).as_posix()}"] = fingerprint(path)
    return found


def digest() -> str:
    """One fingerprint of all of it, to compare nodes with."""
    return hashlib.sha256(repr(sorted(code().items())).encode()).hexdigest()[:16]


def fingerprint(path: Place) -> str:
    """The first 48 bits of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def since_launch(paths: ExperimentPaths, manifest: Manifest) -> list[str]:
    """One line for each difference; empty when nothing changed, or when an old manifest does not say."""
    then, now = manifest.sources, code()
    differences = []
    if then:
        for name in sorted(then.keys() | now.keys()):
            if then.get(name) != now.get(name):
                what = "is new" if name not in then else "is gone" if name not in now else "has changed"
                differences.append(f"{name} {what}")
    source = manifest.space_fingerprint
    if source is not None and paths.space_source.exists() and fingerprint(paths.space_source) != source:
        differences.append(f"{paths.space_source} has changed")
    versions, current = manifest.versions, surroundings()["versions"]
    return differences + [
        f"{library} {versions[library]} -> {current.get(library, 'none')}"
        for library in _LIBRARIES
        if library in versions and versions[library] != current.get(library)
    ]


def require_accepted(paths: ExperimentPaths, manifest: Manifest, accept: bool) -> bool:
    """Whether anything changed; BadInput with the difference unless it is accepted, and then the manifest says so."""
    differences = since_launch(paths, manifest)
    if not differences:
        return False
    if not accept:
        shown = differences[:_SHOWN]
        if len(differences) > _SHOWN:
            shown.append(f"and {len(differences) - _SHOWN} more")
        raise BadInput(
            f"`{paths.name}` was launched with other code, so its trials would no longer be comparable:\n  "
            + "\n  ".join(shown)
            + "\nrestore what it was launched with, or mix both with --accept-changes"
        )
    here = surroundings()
    accepted = {"time": here["created"], "changes": differences}
    manifest.accepted_changes = [*manifest.accepted_changes, accepted]
    manifest.versions = here["versions"]
    manifest.sources = code()
    if paths.space_source.exists():
        manifest.space_fingerprint = fingerprint(paths.space_source)
    return True
