"""Where MLflow keeps its runs: a folder of one's own or a tracking URI, checked before anything is written."""

from __future__ import annotations

import logging
import os
import shlex
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from trainables.config.wording import one_line
from trainables.storage.redaction import redact
from tuner.errors import BadInput, sentence
from tuner.records.paths import expanded

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_SERVERS = ("http", "https")
_PATIENCE = 5  # seconds for a database to take a connection
# A command that a person waits for gives up after seconds, not after MLflow's minutes, and tells nobody that it ran. What
# the environment says already holds.
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines a run
}


@dataclass(frozen=True)
class Store:
    """A tracking URI of MLflow, and the folder whose database it is where a folder was named."""

    uri: str
    folder: Path | None = None

    @classmethod
    def of(cls, text: str) -> Store:
        """The store that the words after --mlflow mean: a folder, with MLflow's database in it, or a URI.

        Raises:
            BadInput: a URI that MLflow tracks nothing under, or a path that is no folder.
        """
        path = expanded(text).absolute()
        before, colon, _ = text.partition(":")
        if text != "databricks" and (not colon or "/" in before or path.exists()):
            if path.exists() and not path.is_dir():
                raise BadInput(
                    f"--mlflow is {text}, which is no folder; name a folder, or a database as {'sqlite:///' + str(path)}"
                )
            return cls(f"sqlite:///{path / 'mlflow.db'}", path)
        scheme = _parts(text).scheme.partition("+")[0]
        sound = {
            "http": bool(_parts(text).hostname),
            "https": bool(_parts(text).hostname),
            "sqlite": text.startswith("sqlite:///") and text != "sqlite:///" and not text.endswith(":memory:"),
            "databricks": True,
        }
        if text != "databricks" and not sound.get(scheme, scheme in _PORTS and "://" in text):
            raise BadInput(
                f"--mlflow is {redact(text)}, but must be a folder (its mlflow.db is made), or a tracking URI with "
                "http://HOST, https://HOST, sqlite:///FILE, postgresql://, mysql://, mssql:// or databricks; correct it"
            )
        return cls(text)

    def __str__(self) -> str:
        return redact(self.uri) if self.folder is None else str(self.folder)

    @contextmanager
    def client(self) -> Iterator[MlflowClient]:
        """MLflow's client of this store; what fails inside is a `BadInput` of one sentence.

        What was written before stays there, and the next export goes on behind it.
        """
        for name, value in _SETTINGS.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError:
            raise BadInput(
                "MLflow's client is not installed; run `pip install 'mlflow-skinny>=3.5'` where tuner is installed, and retry"
            ) from None
        from sqlalchemy.exc import SQLAlchemyError

        logging.getLogger("mlflow").setLevel(logging.ERROR)  # how it makes the tables of a new database
        try:
            self._require_database()
            yield MlflowClient(self.uri, self.uri)
        except (MlflowException, SQLAlchemyError, OSError, sqlite3.Error) as error:
            raise BadInput(
                f"cannot write to MLflow's store {self} ({_why(error)}); see to it, or name another"
            ) from None
        except ImportError as error:
            raise BadInput(
                f"MLflow cannot use {self} ({error}); install the driver of that database, and retry"
            ) from None

    def artifacts(self, name: str) -> str | None:
        """Where MLflow would keep the files of an experiment; None: where it keeps them by itself."""
        return None if self.folder is None else (self.folder / "artifacts" / name).as_uri()

    def look(self, experiment: str) -> str:
        """How to look at an experiment in MLflow's pages."""
        if _parts(self.uri).scheme in _SERVERS:
            return f"look at it at:\n{redact(self.uri.rstrip('/'))}/#/experiments/{experiment}"
        command = ["mlflow", "ui", "--backend-store-uri", redact(self.uri)]
        return f"look at it with (its pages come with the package `mlflow`):\n{shlex.join(command)}"

    def _require_database(self) -> None:
        """Raise what is wrong with a database, which MLflow would try again for minutes."""
        parts = _parts(self.uri)
        port = _PORTS.get(parts.scheme.partition("+")[0])
        if port is not None and parts.hostname:
            socket.create_connection((parts.hostname, parts.port or port), _PATIENCE).close()
        elif parts.scheme == "sqlite":
            file = Path(self.uri.removeprefix("sqlite:///").partition("?")[0]).absolute()
            file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(file)) as database:
                database.execute("BEGIN IMMEDIATE")
                database.execute("PRAGMA schema_version").fetchone()


def _parts(text: str) -> SplitResult:
    """The parts of a URI; none of them where it cannot be one."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def _why(error: BaseException) -> str:
    """What the system said at the root of an error, else the error's own words."""
    said = one_line(redact(str(error)))
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            said = sentence(cause)
        cause = cause.__cause__ or cause.__context__
    return said if len(said) <= 300 else f"{said[:300]}..."
