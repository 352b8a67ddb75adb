"""The command line: its entry point, and what each kind of error becomes."""

from __future__ import annotations

import io
import sys

from rich.console import Console

from trainables.storage import StorageError
from tuner.commands.app import app
from tuner.commands.cluster import cluster_app
from tuner.commands.entry import settle
from tuner.commands.given import require_text
from tuner.errors import BadInput, StorageUnavailable, TunerError, unreachable

# Each module registers its verbs when it is imported; `tuner --help` shows them in this order.
# isort: off
from tuner.commands import searches as searches
from tuner.commands import results as results
from tuner.commands import networks as networks
from tuner.commands import machine as machine
# isort: on

app.add_typer(cluster_app, name="cluster", rich_help_panel="Clusters")


def main() -> None:
    """Run the command line; a mistake of the user ends in one sentence and its exit code, never in a stack trace."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # the name of an odd folder must not end in an encoding error
            stream.reconfigure(errors="backslashreplace")
    try:
        settle()
        require_text(sys.argv[1:])
        app()
    except TunerError as error:
        Console(stderr=True).print(f"tuner: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except StorageError as error:
        Console(stderr=True).print(f"tuner: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(StorageUnavailable.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)  # `tuner results NAME | head` has read enough
    except OSError as error:
        if error.filename is None:
            raise
        Console(stderr=True).print(f"tuner: {unreachable(error)}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(BadInput.exit_code)
