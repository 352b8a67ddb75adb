"""What travels to the cluster: the project as a wheel built on the spot, unpacked, and nothing else of the checkout.

Ray would install a wheel with `pip install --target` together with everything it depends on, PyTorch included, on every
node. The dependencies are the image's; what a wheel holds is ready to import as it is, so it is shipped unpacked, as the
working directory of the job, which Ray puts on the path of the driver and of every worker.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from trainables.process import child_process
from tuner.errors import BadInput, TunerError

LIMIT = 100 * 1024**2  # bytes that Ray's Jobs API takes in one upload; it packs without compressing
PACKAGES = ("tuner", "trainables", "search_spaces")
_SOURCE = Path(__file__).parents[2]
_BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


def stage(folder: Path, *, files: Iterable[Path] = (), texts: Mapping[str, str] = MappingProxyType({})) -> Path:
    """Fill `folder` with what the wheel of this project holds, and with `files` and `texts` (path -> text) under `request/`;
    returns the folder.

    Raises:
        BadInput: it is larger than `LIMIT`, naming the largest files.
        TunerError: the wheel cannot be built.
    """
    if (_SOURCE / "pyproject.toml").is_file():
        with zipfile.ZipFile(build(folder / ".build")) as wheel:
            wheel.extractall(folder)
        shutil.rmtree(folder / ".build")
    else:
        _copy_installed(folder)
    for path in files:
        target = folder / "request" / path.name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
    for name, text in texts.items():
        target = folder / "request" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    require_small(folder)
    return folder


def build(folder: Path) -> Path:
    """Build the wheel of the source tree in `folder`, from a copy: setuptools would also pack what an earlier build left."""
    tree = folder / "tree"
    tree.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(_SOURCE / name, tree / name)
    for package in PACKAGES:
        shutil.copytree(_SOURCE / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    command = child_process.python("-c", _BUILD, str(folder))
    environment = child_process.environment()
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        last = child_process.last_line(done.stderr) or "no message"
        raise TunerError(
            f"cannot build the wheel of the project ({last}); run `pip install 'setuptools>=77'` and retry"
        )
    return folder / done.stdout.split()[-1]


def require_small(folder: Path) -> None:
    """BadInput naming the largest files when a folder is larger than what an upload may be."""
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    total = sum(sizes.values())
    if total <= LIMIT:
        return
    largest = sorted(sizes, key=lambda path: -sizes[path])[:3]
    named = ", ".join(f"{path.relative_to(folder)} ({sizes[path] / 1024**2:.0f} MiB)" for path in largest)
    raise BadInput(
        f"what would be uploaded is {total / 1024**2:.0f} MiB, but Ray's Jobs API takes at most {LIMIT // 1024**2} MiB; "
        f"move data out of the packages, to the storage or an image. Largest: {named}"
    )


def _copy_installed(folder: Path) -> None:
    """The same from an installed wheel, where there is no source tree."""
    distribution = importlib.metadata.distribution("tuner")
    for file in distribution.files or ():
        if ".." in file.parts or "__pycache__" in file.parts:
            continue  # the command line script, and what the interpreter compiled
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(distribution.locate_file(file)), target)
