"""The verbs `tuner cluster ...`, and what the other verbs do when --address names the head of a cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from tuner.commands.app import out
from tuner.commands.given import Verbs
from tuner.machines.address import require_head
from tuner.records import standard_output

if TYPE_CHECKING:
    from tuner.cluster.submission import Submission

cluster_app = Verbs(help="Clusters: check the file that starts one, make its token.", no_args_is_help=True)


@cluster_app.command("check", epilog="Example: tuner cluster check cluster.yaml")
def check_file(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="cluster.yaml, or a RayJob.", show_default=False)],
) -> None:
    """Find what is wrong with the file that starts a cluster, before it costs anything."""
    from tuner.cluster.checks import launcher_file

    problems = launcher_file.check(path)
    for problem in problems:
        typer.echo(f"tuner: {problem}", err=True)
    if problems:
        raise typer.Exit(2)
    typer.echo(f"{path}: nothing found against it")
    if needed := launcher_file.run_in(path):
        folder, names = needed
        typer.echo(f"run `ray up` in {folder}, for it reads relative paths from where it runs: {', '.join(names)}")


@cluster_app.command("token", epilog="Example: tuner cluster token")
def token() -> None:
    """Make the token that the nodes of a cluster ask for, readable by you alone; one that is there is kept."""
    from tuner.machines import auth_token

    path, made = auth_token.ensure()
    typer.echo(f"{path}: {'made' if made else 'was there'}, readable by you alone; `ray up` copies it to the nodes")


def follow_submission(submission: Submission, detach: bool) -> NoReturn:
    """Say what was submitted, show what it prints unless `detach`, and leave with its exit code.

    Ctrl-C leaves the search running: it lives on the cluster.
    """
    from tuner.cluster.screen import Screen

    name = submission.name
    typer.echo(f"{name} was submitted to {submission.head.address}; it runs on when this machine is switched off.")
    typer.echo(f"follow it: {submission.command('logs', '--follow')}\nstop it:   {submission.command('stop')}\n")
    if detach:
        raise typer.Exit(0)
    standard_output.end_with_reader()
    try:
        with Screen(out) as screen:
            code = submission.follow(screen.show)
        raise typer.Exit(code)
    except KeyboardInterrupt:
        typer.echo(f"\n{name} runs on; follow it again with: {submission.command('logs', '--follow')}")
        raise typer.Exit(0) from None


def print_reading(
    address: str | None, verb: str, name: str | None, *positional: str, storage: str | None, **options: Any
) -> None:
    """Run a reading verb on the head, print what it says and leave with its exit code; nothing without an address."""
    if address is None:
        return
    from tuner.cluster import relay

    require_head(address, verb)
    code, text = relay.read(address, verb, name, *positional, storage=storage, **options)
    (sys.stderr if code else sys.stdout).write(text)
    raise typer.Exit(code)
