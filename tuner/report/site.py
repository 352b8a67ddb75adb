"""What a dashboard serves: the searches of one storage, each read when somebody asks for it."""

from __future__ import annotations

import threading
from collections import OrderedDict

from trainables.storage import Place, StorageError
from tuner.errors import as_bad_input
from tuner.records.paths import ExperimentPaths
from tuner.report.acting import Actor
from tuner.report.live import Feed, ListFeed, MonitorFeed
from tuner.report.refusal import Refusal

_KEPT = 8  # searches whose content is kept in memory; one of 1,000 trials takes some tens of megabytes


class Site:
    """The searches of a storage, for a server.

    Args:
        storage: folder or prefix that holds them.
        described: the storage in words, where not its address alone.
        tensorboard: name of a search -> address of its TensorBoard, where one runs.
        actor: what runs the commands of its buttons; None for one that only reads.
    """

    def __init__(
        self,
        storage: Place,
        described: str = "",
        tensorboard: dict[str, str] | None = None,
        actor: Actor | None = None,
    ) -> None:
        self.storage = storage
        self.tensorboard = tensorboard or {}
        self.actor = actor
        self.all = ListFeed(storage, described or str(storage))
        self._lock = threading.Lock()
        self._feeds: OrderedDict[str, tuple[Feed, MonitorFeed]] = OrderedDict()

    def paths(self, name: str) -> ExperimentPaths:
        """The paths of a search of this storage; `Refusal` where there is none of that name."""
        with as_bad_input(StorageError):
            if _is_name(name) and (self.storage / name / "manifest.json").is_file():
                return ExperimentPaths(self.storage / name)
        raise Refusal(404, f"there is no search `{name}` in {self.storage}; all that there are: /")

    def feed(self, name: str) -> Feed:
        """What is shown of a search, made on demand; `Refusal` where there is none of that name."""
        return self._feeds_of(name)[0]

    def monitor(self, name: str) -> MonitorFeed:
        """What happens in a search, made on demand; `Refusal` where there is none of that name."""
        return self._feeds_of(name)[1]

    def _feeds_of(self, name: str) -> tuple[Feed, MonitorFeed]:
        paths = self.paths(name)
        with self._lock:
            if name not in self._feeds:
                self._feeds[name] = Feed(paths), MonitorFeed(paths)
            self._feeds.move_to_end(name)
            while len(self._feeds) > _KEPT:
                self._feeds.popitem(last=False)
            return self._feeds[name]


def _is_name(name: str) -> bool:
    """Whether it can be the name of a folder in the storage, and of nothing above or below it."""
    return name not in ("", ".", "..") and len(name.encode()) < 256 and not any(mark in name for mark in "/\0")
