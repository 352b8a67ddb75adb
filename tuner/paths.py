"""Every path of an experiment, in one place.

STORAGE/NAME/
    manifest.json               what was launched: space, budget, seeds, versions, command
    records.jsonl               everything that happened, one JSON object a line, in order of arrival
    space.py                    copy of a user's own search space, when one was given
    driver.lock                 held by the process that runs the search
    stop                        present when someone asked the search to stop
    trials/00007/               checkpoints and log.txt of trial 7
    tensorboard/00007/          event files of trial 7
    confirmation/               an experiment of its own: the best trials again, on fresh seeds
    .ray/                       Ray's own files, while a session runs
"""

from __future__ import annotations

import difflib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tuner.errors import BadInput

NAME_LENGTH = 100


def default_storage() -> Path:
    """Ray's own default place for results."""
    return Path.home() / "ray_results"


def storage_root(storage: str | Path | None) -> Path:
    """The absolute folder that holds experiments; default `~/ray_results`."""
    if storage is None:
        return default_storage()
    text = str(storage)
    if "://" in text:
        raise BadInput(
            f"--storage is {text}, but this version writes to a folder; give a path that every node can reach"
        )
    return Path(text).expanduser().absolute()


def check_name(name: str) -> str:
    """The name itself, or `BadInput`: letters, digits, `.`, `_`, `-`, at most 100, not starting with a dot or dash."""
    if len(name) > NAME_LENGTH:
        raise BadInput(
            f"the experiment name has {len(name)} characters, but must have at most {NAME_LENGTH}; choose a shorter one"
        )
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
        raise BadInput(
            f"the experiment name is {name!r}, but must hold only letters, digits, '.', '_' and '-' "
            "and start with a letter or digit; choose another"
        )
    return name


@dataclass(frozen=True)
class ExperimentPaths:
    """The files of one experiment under its root folder."""

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    def command(self, verb: str, *more: str) -> str:
        """The command line that does something with this experiment, as it works from any folder."""
        storage = () if self.root.parent == default_storage() else ("--storage", shlex.quote(str(self.root.parent)))
        return " ".join(["tuner", verb, self.name, *storage, *more])

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.json"

    @property
    def records(self) -> Path:
        return self.root / "records.jsonl"

    @property
    def space_source(self) -> Path:
        return self.root / "space.py"

    @property
    def lock(self) -> Path:
        return self.root / "driver.lock"

    @property
    def stop_request(self) -> Path:
        return self.root / "stop"

    @property
    def scratch(self) -> Path:
        return self.root / ".ray"

    @property
    def tensorboard(self) -> Path:
        return self.root / "tensorboard"

    @property
    def confirmation(self) -> ExperimentPaths:
        return ExperimentPaths(self.root / "confirmation")

    def trial(self, index: int) -> Path:
        return self.root / "trials" / trial_name(index)

    def trial_log(self, index: int) -> Path:
        return self.trial(index) / "log.txt"


def trial_name(index: int) -> str:
    """The name of a trial's folder: its index in five digits."""
    return f"{index:05d}"


def experiment(name: str, storage: str | Path | None = None) -> ExperimentPaths:
    """The paths of an experiment that exists, by its name under the storage or by its folder; `BadInput` otherwise."""
    direct = Path(name).expanduser()
    if (direct / "manifest.json").is_file():
        return ExperimentPaths(direct.absolute())
    root = storage_root(storage)
    if "/" not in name and name not in (".", "..") and (root / name / "manifest.json").is_file():
        return ExperimentPaths(root / name)
    known = sorted(path.parent.name for path in root.glob("*/manifest.json"))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    raise BadInput(f"there is no experiment `{name}` in {root}{hint}")
