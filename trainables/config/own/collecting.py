"""What of a user's file travels: its text and that of every module that it imports from beside it, found without running it."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from trainables.config.own import loading
from trainables.config.own.code import OwnCode
from trainables.config.wording import reason

LARGEST = 5 * 2**20  # bytes of all texts together: code is small, data have other places


def collect(file: Path) -> OwnCode:
    """The code of a file, not executed.

    Raises:
        ValueError: it cannot be read, or is larger than code can be.
        SyntaxError: in this file or in one that it imports.
    """
    file = file.absolute()
    base = file.parent
    while (base / "__init__.py").is_file() and base.parent != base:
        base = base.parent
    texts: dict[str, str] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(base).as_posix()
        if name in texts:
            continue
        try:
            texts[name] = importlib.util.decode_source(path.read_bytes())
        except OSError as error:
            raise ValueError(f"cannot read {path} ({reason(error)}); make it readable, or give another file") from None
        except (UnicodeDecodeError, LookupError) as error:
            raise SyntaxError(reason(error), (str(path), None, None, None)) from None
        waiting += _imported(ast.parse(texts[name], str(path)), path, base, file.parent)
    size = sum(map(len, texts.values()))
    if size > LARGEST:
        largest = max(texts, key=lambda name: len(texts[name]))
        raise ValueError(
            f"{file} and the modules that it imports from beside it have {size / 2**20:.0f} MiB, but at most "
            f"{LARGEST // 2**20} MiB of code travel; move data out of {largest} into a file that the code reads"
        )
    return OwnCode(file.stem, file.relative_to(base).as_posix(), dict(sorted(texts.items())), str(file))


def _imported(tree: ast.AST, path: Path, base: Path, beside: Path) -> Iterator[Path]:
    """The files under `base` that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _absolute(alias.name.split("."), base, beside)
        elif isinstance(node, ast.ImportFrom):
            parts = node.module.split(".") if node.module else []
            for alias in node.names:
                if node.level == 0:
                    yield from _absolute([*parts, alias.name], base, beside)
                    continue
                root = path
                for _ in range(node.level):
                    root = root.parent
                if root == base or base in root.parents:
                    yield from _files([*parts, alias.name], root)


def _absolute(parts: list[str], base: Path, beside: Path) -> Iterator[Path]:
    if parts[0] in sys.stdlib_module_names or _is_installed(parts[0], base):
        return
    for root in (beside, base):
        yield from _files(parts, root)


def _is_installed(name: str, base: Path) -> bool:
    """Whether something of that name is found elsewhere than beside the file."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return False
    if spec is None or loading.is_own(spec):  # of another file that was loaded here before
        return False
    places = [spec.origin, *(spec.submodule_search_locations or ())]
    return any(place and base not in Path(place).absolute().parents for place in places)


def _files(parts: list[str], root: Path) -> Iterator[Path]:
    """The files of a dotted name under a folder; its last part may be no module but something in one."""
    place = root
    if (root / "__init__.py").is_file():
        yield root / "__init__.py"
    for part in parts:
        place = place / part
        if place.with_name(f"{part}.py").is_file():
            yield place.with_name(f"{part}.py")
            return
        if (place / "__init__.py").is_file():
            yield place / "__init__.py"
        elif not place.is_dir():
            return
