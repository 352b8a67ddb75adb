"""Executing a user's file from its text: with relative imports, and with what lies beside it, on any machine.

The file becomes the module `own_NAME.FILE`, where `own_NAME` is a package of everything that came along; what it imports
by an absolute name is found there only when nothing of that name is installed.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePosixPath
from types import CodeType, ModuleType

_loaded: dict[str, dict[str, ModuleType]] = {}  # digest -> its modules by name


def module(name: str, entry: str, files: Mapping[str, str], path: str, digest: str) -> ModuleType:
    """The executed module of `entry`, one for each digest in a process."""
    found = _finder()
    if found.digest != digest:
        _set_aside(found)
        found.digest, found.files = digest, files
        found.prefix = f"own_{''.join(letter if letter.isalnum() else '_' for letter in name)}"
        found.entry, found.path = entry, path
        sys.modules.update(_loaded.get(digest, {}))
    dotted = ".".join((found.prefix, *PurePosixPath(entry).with_suffix("").parts))
    try:
        return importlib.import_module(dotted)
    except BaseException:
        _set_aside(found)  # half of it may be there
        _loaded.pop(digest, None)
        found.digest = ""
        raise


def is_own(spec: ModuleSpec) -> bool:
    """Whether a module was found among the texts of a user's code."""
    return isinstance(spec.loader, _Loader)


def _set_aside(found: _Files) -> None:
    """Take the modules of what was loaded before out of the way: another file may have the same names."""
    mine = {name: one for name, one in sys.modules.items() if isinstance(getattr(one, "__loader__", None), _Loader)}
    if found.digest:
        _loaded[found.digest] = mine
    for name in mine:
        del sys.modules[name]


def _finder() -> _Files:
    """The one of this process, behind all others: what is installed goes first."""
    for one in sys.meta_path:
        if isinstance(one, _Files):
            return one
    found = _Files()
    sys.meta_path.append(found)
    return found


class _Files(importlib.abc.MetaPathFinder):
    """Finds modules among the texts of one user's code."""

    digest = ""
    prefix = ""
    entry = ""
    path = ""

    def __init__(self) -> None:
        self.files: Mapping[str, str] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self.digest:
            return None
        parts = fullname.split(".")
        inside = parts[0] == self.prefix
        roots = [PurePosixPath()] if inside else [PurePosixPath(self.entry).parent, PurePosixPath()]
        for root in roots:
            place = root.joinpath(*(parts[1:] if inside else parts))
            for file in (f"{place}.py", str(place / "__init__.py")):
                if file in self.files:
                    return self._spec(fullname, file, file.endswith("__init__.py"))
            if any(name.startswith("" if str(place) == "." else f"{place}/") for name in self.files):
                return self._spec(fullname, "", True)
        return None

    def _spec(self, name: str, file: str, package: bool) -> ModuleSpec:
        folder = Path(self.path).parents[len(PurePosixPath(self.entry).parts) - 1]
        origin = str(folder / file) if file else None
        loader = _Loader(name, self.files.get(file, ""), origin or f"<{name}>", package)
        spec = ModuleSpec(name, loader, origin=origin, is_package=package)
        spec.has_location = origin is not None
        return spec


class _Loader(importlib.abc.InspectLoader):
    """Executes one text; tracebacks show its lines, and no bytecode is left anywhere."""

    def __init__(self, name: str, text: str, origin: str, package: bool) -> None:
        self._name, self._text, self._origin, self._package = name, text, origin, package

    def get_source(self, fullname: str) -> str:
        return self._text

    def is_package(self, fullname: str) -> bool:
        return self._package

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self._origin, "exec", dont_inherit=True)
