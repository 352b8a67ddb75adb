"""Every path of an experiment, in one place.

STORAGE/NAME/
    manifest.json               what was launched: space, budget, seeds, versions, command
    records.jsonl               everything that happened, one JSON object a line, in order of arrival; on S3 the same
                                bytes in records/00000.jsonl, 00001.jsonl, ...
    space.py                    copy of a user's own search space, when one was given
    driver.lock                 held by the process that runs the search
    stop                        present when someone asked the search to stop
    trials/00007/               checkpoints and log.txt of trial 7
    tensorboard/00007/          event files of trial 7; of an experiment on S3 on the machine that shows them
    confirmation/               an experiment of its own: the best trials again, on fresh seeds
    labels.json                 its note and tags, where somebody gave it any
    nodes.json                  what the driver last heard of the machines that train
    summary.json                its row in a list of searches, as its last session left it

STORAGE is a folder or s3://BUCKET/PREFIX. A folder or prefix is an experiment when its manifest is there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path

from trainables.config.wording import nearest, some
from trainables.storage import Place, StorageError, home, place, temporary
from tuner.errors import BadInput, as_bad_input
from tuner.records import chosen_storage

NAME_LENGTH = 100


def default_storage() -> Path | None:
    """Ray's own default place for results; None for a user without a home folder."""
    found = home.found()
    return None if found is None else found / "ray_results"


def storage_root(storage: str | Place | None) -> Place:
    """The absolute folder, or prefix of a bucket, that holds experiments.

    Where none is given: TUNER_STORAGE, then `storage` in the project's tuner.toml, then `~/ray_results`.
    """
    if storage is not None:
        return whole(storage)
    chosen = chosen_storage.chosen()
    if chosen is not None:
        try:
            return whole(chosen.text)
        except BadInput as error:
            raise BadInput(f"{chosen.by} names the storage, and {error}") from None
    default = default_storage()
    if default is None:
        raise BadInput("this user has no home folder, so there is no default storage; give --storage, or set HOME")
    return default


def storage_words(root: Place) -> tuple[str, ...]:
    """The words of a command line that name this storage from any folder; none where it is what no word would mean.

    What a variable or a project's file names is said all the same: neither is there in every shell.
    """
    if root == default_storage() and not _otherwise_chosen():
        return ()
    return ("--storage", shlex.quote(str(root)))


def _otherwise_chosen() -> bool:
    try:
        return chosen_storage.chosen() is not None
    except BadInput:
        return True


def whole(text: str | Place) -> Place:
    """The place that a text means, a folder made absolute; BadInput for what is almost an address."""
    with as_bad_input():
        found = place(required(str(text), "the storage"))
        return home.absolute(found) if isinstance(found, Path) else found


def expanded(path: str | Path) -> Path:
    """The path with `~` and `~name` replaced; BadInput where nobody knows whose folder that is."""
    with as_bad_input(home.UnusablePath):
        return home.expanded(path)


def required(text: str, what: str) -> str:
    """The text itself; BadInput when it is blank, as a variable of the shell is that was never set."""
    if not text.strip():
        raise BadInput(f"{what} is empty, but must name a place; give one, or leave it out for the default")
    return text


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
    """The files of one experiment under its root."""

    root: Place
    events: Path | None = None  # where the event files are instead of beside the trials

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def in_use(self) -> bool:
        """Whether there is something already where the experiment would be made."""
        return self.root.exists() if isinstance(self.root, Path) else self.manifest.exists()

    def command(self, verb: str, *more: str) -> str:
        """The command line that does something with this experiment, as it works from any folder."""
        return " ".join(["tuner", verb, shlex.quote(self.name), *storage_words(self.root.parent), *more])

    @property
    def manifest(self) -> Place:
        return self.root / "manifest.json"

    @property
    def records(self) -> Place:
        return self.root / "records.jsonl"

    @property
    def space_source(self) -> Place:
        return self.root / "space.py"

    @property
    def labels(self) -> Place:
        return self.root / "labels.json"

    @property
    def nodes(self) -> Place:
        return self.root / "nodes.json"

    @property
    def summary(self) -> Place:
        return self.root / "summary.json"

    @property
    def lock(self) -> Place:
        return self.root / "driver.lock"

    @property
    def stop_request(self) -> Place:
        return self.root / "stop"

    @property
    def scratch(self) -> Path:
        """Ray's own files while a session runs: on the driver's disk, wherever the experiment is."""
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"tuner-{os.getuid()}-{digest}"

    @property
    def tensorboard(self) -> Path:
        """The event files. TensorBoard reads folders only: for an experiment on S3 the process that shows it has its own."""
        if self.events is not None:
            return self.events
        return self.root / "tensorboard" if isinstance(self.root, Path) else self._temporary

    @property
    def _temporary(self) -> Path:
        return self.scratch.with_name(f"{self.scratch.name}-tensorboard-{temporary.mark()}")

    def elsewhere(self) -> ExperimentPaths:
        """The same with event files in the temporary folder of this process: for those who may only look."""
        return dataclasses.replace(self, events=self._temporary)

    @property
    def confirmation(self) -> ExperimentPaths:
        return ExperimentPaths(self.root / "confirmation")

    def trial(self, index: int) -> Place:
        return self.root / "trials" / trial_name(index)

    def trial_log(self, index: int) -> Place:
        return self.trial(index) / "log.txt"


def trial_name(index: int) -> str:
    """The name of a trial's folder: its index in five digits."""
    return f"{index:05d}"


class NoExperiment(BadInput):
    """There is none of that name yet, though there may be."""


def experiment(name: str, storage: str | Place | None = None) -> ExperimentPaths:
    """The paths of an experiment that exists, by its name under the storage or by its place; `BadInput` otherwise."""
    required(name, "the name of the experiment")
    try:
        direct = whole(name)
    except BadInput:
        if "/" in name or name.startswith("~"):
            raise
        direct = storage_root(storage) / name  # a name still, in a working directory whose own is not UTF-8
    with as_bad_input(StorageError):
        if (direct / "manifest.json").is_file():
            return ExperimentPaths(direct)
        root = storage_root(storage)
        if "/" not in name and name not in (".", "..") and (root / name / "manifest.json").is_file():
            return ExperimentPaths(root / name)
        if name.endswith(".py"):
            return _of_file(name, root)
        known = sorted(path.parent.name for path in root.glob("*/manifest.json"))
    raise NoExperiment(f"there is no experiment `{name}` in {described(root, storage)}{_instead(name, root, known)}")


def described(root: Place, storage: str | Place | None) -> str:
    """The storage, and where no option named it who did."""
    chosen = None if storage is not None else chosen_storage.chosen()
    return f"{root}" if chosen is None else f"{root} (by {chosen.by})"


def _instead(name: str, root: Place, known: list[str]) -> str:
    """What is there instead of an experiment that is not."""
    if known:
        near = nearest(name, known, before="; ")
        return f"{near} There is {some(known)}" if near else f"; there is {some(known)}"
    if isinstance(root, Path) and not root.exists():
        return "; there is no such folder, so give the right --storage"
    return "; there is none at all, so give the --storage where it is"


def _of_file(name: str, root: Place) -> ExperimentPaths:
    """The newest experiment under a storage that was launched from a user's own file, of this path before one of its name."""
    file = expanded(name).absolute()
    found = []
    for manifest in root.glob("*/manifest.json"):
        try:
            known = json.loads(manifest.read_bytes())
            lay = Path(known["own"]["path"])
        except (OSError, ValueError, KeyError, TypeError):  # no own code, or unreadable: none of this file
            continue
        if lay.name == file.name:
            found.append((lay == file, str(known.get("created")), manifest.parent))
    if not found:
        raise NoExperiment(f"no experiment in {root} was launched from {name}; launch one with `tuner launch {name}`")
    return ExperimentPaths(max(found, key=lambda one: one[:2])[2])
