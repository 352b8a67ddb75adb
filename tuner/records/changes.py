"""What has changed since an experiment was launched: the code that decides its numbers, its own space, the libraries."""

from __future__ import annotations

import difflib
import hashlib
import importlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from trainables.config.own.code import OwnCode
from trainables.config.wording import reason
from trainables.storage import Place
from tuner.errors import BadInput, as_bad_input
from tuner.records import sources
from tuner.records.manifest import Manifest, surroundings
from tuner.records.paths import ExperimentPaths

# What is trained and what is drawn. How results are ranked and shown may change freely: it is computed anew each time.
PACKAGES = ("trainables", "search_spaces")
# Digests of what the manifests of earlier code say of its sources, where this code is known to come to the same numbers.
SAME_NUMBERS = {
    "54f86255fac04e50": "before the modules moved into rooms; tests/tuner/test_before_the_move.py resumes such a search",
}
_LIBRARIES = ("python", "torch", "torchvision", "numpy", "scikit-learn")
_SHOWN = 40  # differences listed one by one


def code() -> dict[str, str]:
    """The fingerprint of what every source file of those packages says, by its path from their common root.

    Files that say nothing (an `__init__` with a docstring and imports alone) are not among them.
    """
    said = {name: sources.fingerprint(content) for name, content in _files()}
    return {name: found for name, found in said.items() if found is not None}


def digest() -> str:
    """One fingerprint of all of it, path by path and byte by byte, to compare nodes with."""
    return _digest({name: hashlib.sha256(content).hexdigest() for name, content in _files()})


def fingerprint(path: Place) -> str:
    """The first 48 bits of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def since_launch(paths: ExperimentPaths, manifest: Manifest) -> list[str]:
    """One line for each difference; empty when nothing changed, or when an old manifest does not say."""
    differences = _rewritten(manifest.sources)
    source = manifest.space_fingerprint
    if source is not None and paths.space_source.exists() and fingerprint(paths.space_source) != source:
        differences.append(f"{paths.space_source} has changed")
    differences += _own_code(manifest)
    versions, current = manifest.versions, surroundings()["versions"]
    return differences + [
        f"{library} {versions[library]} -> {current.get(library, 'none')}"
        for library in _LIBRARIES
        if library in versions and versions[library] != current.get(library)
    ]


def own_code_now(manifest: Manifest) -> OwnCode | None:
    """The user's own code as its file on this machine holds it now, checked; None where the experiment has none, or where
    the file is not here: then what the manifest keeps goes on. BadInput for a file that can no longer be used."""
    code = manifest.trained
    if isinstance(code, str) or not code.path or not Path(code.path).is_file():
        return None
    from search_spaces.own_code import load_experiment

    with as_bad_input():
        found = load_experiment(code.path).family
    if isinstance(found, str):
        raise BadInput(f"{code.path} holds nothing that is trained any more; restore it")
    return found


def _own_code(manifest: Manifest) -> list[str]:
    """The lines that differ between the user's file, with what it imports from beside it, and what was launched of it."""
    then = manifest.trained
    if isinstance(then, str) or not then.path or not Path(then.path).is_file():
        return []
    from trainables.config.own.collecting import collect

    try:
        now = dict(collect(Path(then.path)).files)
    except (SyntaxError, ValueError) as error:
        return [f"{then.path} can no longer be read ({reason(error)})"]
    lines: list[str] = []
    for name in sorted(then.files.keys() | now.keys()):
        old, new = then.files.get(name, ""), now.get(name, "")
        lines += difflib.unified_diff(
            old.splitlines(), new.splitlines(), f"{name} as launched", f"{name} now", lineterm="", n=1
        )
    return lines


def _rewritten(then: dict[str, str]) -> list[str]:
    """One line for each source file that says something else now; where it lies does not matter."""
    if not then or _digest(then) in SAME_NUMBERS:
        return []
    now = code()
    gone, new = _unmatched(then, now), _unmatched(now, then)
    return [
        f"{name} {'is new' if name not in gone else 'is gone' if name not in new else 'has changed'}"
        for name in sorted(gone | new)
    ]


def _unmatched(files: dict[str, str], others: dict[str, str]) -> set[str]:
    """The files whose content is nowhere among the others; each of those is the match of one file, of its namesake first."""
    waiting = [name for name, content in files.items() if others.get(name) != content]
    free = Counter(content for name, content in others.items() if files.get(name) != content)
    unmatched = set()
    for name in waiting:
        if free[files[name]]:
            free[files[name]] -= 1
        else:
            unmatched.add(name)
    return unmatched


def _files() -> Iterator[tuple[str, bytes]]:
    """Every source file of those packages: its path from their common root, and its content."""
    for package in PACKAGES:
        origin = importlib.import_module(package).__file__
        assert origin is not None
        root = Path(origin).parent
        for path in sorted(root.rglob("*.py")):
            yield f"{package}/{path.relative_to(root).as_posix()}", path.read_bytes()


def _digest(files: dict[str, str]) -> str:
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]


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
    now = own_code_now(manifest)
    if now is not None:
        manifest.own = now.content()
    if paths.space_source.exists():
        manifest.space_fingerprint = fingerprint(paths.space_source)
    return True
