"""The command line: its entry point, and what each kind of error becomes."""

from __future__ import annotations

import atexit
import gc
import sys

from rich.console import Console

from trainables.storage import StorageError
from tuner.commands.app import app
from tuner.commands.cluster import cluster_app
from tuner.commands.entry import settle
from tuner.commands.given import require_text
from tuner.commands.slurm import slurm_app
from tuner.errors import BadInput, StorageUnavailable, TunerError, unreachable
from tuner.records import standard_output

# Each module registers its verbs when it is imported; `tuner --help` shows them in this order.
# isort: off
from tuner.commands import searches as searches
from tuner.commands import listing as listing
from tuner.commands import results as results
from tuner.commands import networks as networks
from tuner.commands import machine as machine
# isort: on

# As it ends Python looks for cycles among all objects there are, and Ray and pandas make a million: half a second of every
# command, for memory that is given back anyway.
atexit.register(gc.freeze)

app.add_typer(cluster_app, name="cluster", rich_help_panel="Clusters")
app.add_typer(slurm_app, name="slurm", rich_help_panel="Clusters")


def main() -> None:
    """Run the command line; a mistake of the user ends in one sentence and its exit code, never in a stack trace."""
    standard_output.settle()
    code = 0
    try:
        code = _run()
        sys.stdout.flush()
    except standard_output.OutputLost as lost:
        code = code or lost.exit_code
        if lost.exit_code:
            _complain(lost)
    sys.exit(code)


def _run() -> int:
    """Run the command line: its exit code."""
    try:
        settle()
        require_text(sys.argv[1:])
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except TunerError as error:
        _complain(error)
        return error.exit_code
    except StorageError as error:
        _complain(error)
        return StorageUnavailable.exit_code
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.filename is None:
            raise
        _complain(unreachable(error))
        return BadInput.exit_code
    return 0


def _complain(error: object) -> None:
    Console(stderr=True).print(f"tuner: {error}", markup=False, highlight=False, soft_wrap=True)
