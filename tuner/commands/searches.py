"""Verbs that run searches: plan, launch, resume, confirm, stop, logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.commands.app import app, err, out, phases, say
from tuner.commands.asked import takes_request
from tuner.commands.cluster import follow_submission
from tuner.commands.options import (
    Address,
    CpusPerTrial,
    GpusPerTrial,
    Head,
    InitFrom,
    MaxConcurrent,
    Name,
    Pretrained,
    Storage,
)
from tuner.commands.session import takes_session
from tuner.errors import BadInput
from tuner.machines.address import is_head, require_head

if TYPE_CHECKING:
    from tuner.commands.session import SessionOptions
    from tuner.experiment.notify import State
    from tuner.experiment.plan import Plan
    from tuner.experiment.request import Request
    from tuner.experiment.running import Running


@app.command(rich_help_panel="Searches", epilog="Example: tuner plan blur search --trials 30")
@takes_request
def plan(
    asked: Request,
    max_concurrent: MaxConcurrent = None,
    address: Address = None,
    init_from: InitFrom = None,
    pretrained: Pretrained = False,
) -> None:
    """Show what a search would do and cost. Starts nothing."""
    from tuner.experiment import fine_tuning
    from tuner.experiment.plan import prepare
    from tuner.experiment.running import Running
    from tuner.tables.plan import plan_view

    asked = fine_tuning.beginning(asked, init_from, pretrained, elsewhere=is_head(address))
    planned = prepare(asked, Running(max_concurrent=max_concurrent))
    out.print(plan_view(planned))
    _look_at_data(planned, address)


@app.command(rich_help_panel="Searches", epilog="Example: tuner launch blur smoke --name first")
@takes_session
@takes_request
def launch(
    asked: Request,
    session: SessionOptions,
    name: Annotated[str | None, typer.Option(help="Name of the experiment.  [default: family-space-time]")] = None,
    init_from: InitFrom = None,
    pretrained: Pretrained = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    or_resume: Annotated[
        bool, typer.Option("--or-resume", help="Continue the search if this request was launched before under --name.")
    ] = False,
) -> None:
    """Run a search and print its leaderboard."""
    from tuner.experiment import fine_tuning, launching, retry
    from tuner.experiment.plan import prepare
    from tuner.records import standard_output
    from tuner.tables.plan import plan_view

    head, storage = session.head, session.storage
    asked = fine_tuning.beginning(asked, init_from, pretrained, elsewhere=head is not None)
    if not dry_run:
        standard_output.outlive_reader()
    if head is not None and not dry_run:
        from tuner.cluster import submission

        phases.end(quiet=True)
        sent = submission.submit_request(head, asked, session.running, name=name, storage=storage, data=session.data)
        follow_submission(sent, session.detach)
    if or_resume and name is None:
        raise BadInput("--or-resume continues a search by its name; give --name")
    if name is None and head is None:
        launching.require_storage(storage)
    if name is not None and not or_resume and head is None:
        launching.require_free_name(name, storage)
    with _shown(session, name or "a search") as shown:
        planned = prepare(asked, shown)
        phases.end(quiet=True)
        out.print(plan_view(planned))
        if dry_run:
            _look_at_data(planned, session.running.address)
            return
        if or_resume:
            outcome = retry.launch_or_resume(asked, shown, name=str(name), storage=storage)
        else:
            outcome = launching.start(asked, shown, name=name, storage=storage)
    _notify_of(session, outcome)
    _conclude(outcome)


@app.command(rich_help_panel="Searches", epilog="Example: tuner resume first --trials 24")
@takes_session
def resume(
    session: SessionOptions,
    name: Name,
    trials: Annotated[
        int | None, typer.Option(help="Extend the search to this many trials.  [default: as many as it has]")
    ] = None,
    cpus_per_trial: CpusPerTrial = None,
    gpus_per_trial: GpusPerTrial = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Go on though code or space changed since the launch.")
    ] = False,
) -> None:
    """Continue a search that was interrupted or killed; with --trials, extend one."""
    from tuner.experiment import launching
    from tuner.records import standard_output

    standard_output.outlive_reader()
    session = session.sharing(cpus_per_trial, gpus_per_trial)
    _go_on_elsewhere(session, "resume", name, trials=trials, accept_changes=accept_changes or None)
    with _shown(session, name) as shown:
        outcome = launching.go_on(name, shown, storage=session.storage, trials=trials, accept_changes=accept_changes)
    _notify_of(session, outcome)
    _conclude(outcome)


@app.command(rich_help_panel="Searches", epilog="Example: tuner confirm first --top 3")
@takes_session
def confirm(
    session: SessionOptions,
    name: Name,
    top: Annotated[int, typer.Option(help="How many of the best trials; the baseline comes along.")] = 3,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the confirmation, fresh.  [default: the search's plus 1]")
    ] = None,
    replicates: Annotated[
        int | None, typer.Option(help="Seeds a trial is trained with.  [default: the search's]")
    ] = None,
    cpus_per_trial: CpusPerTrial = None,
    gpus_per_trial: GpusPerTrial = None,
) -> None:
    """Retrain the best trials and the baseline at full budget on fresh seeds; run it again to continue."""
    from tuner.experiment import confirm as confirming
    from tuner.records import paths, standard_output
    from tuner.tables.confirmation import confirmation_view

    standard_output.outlive_reader()
    session = session.sharing(cpus_per_trial, gpus_per_trial)
    asked: dict[str, Any] = {"top": top, "seed": seed, "replicates": replicates}
    _go_on_elsewhere(session, "confirm", name, **asked)
    searched = paths.experiment(name, session.storage)
    with _shown(session, name) as shown:
        outcome = confirming.confirm(name, storage=session.storage, **asked, running=shown)
    _notify_of(session, outcome)
    if outcome.ending == "interrupted":
        again = searched.command("confirm", "--top", str(top))
        say(f"\ninterrupted; nothing is lost. Continue with: {again}")
    else:
        out.print(confirmation_view(searched))
    raise typer.Exit(outcome.exit_code)


@app.command(rich_help_panel="Searches", epilog="Example: tuner stop first")
def stop(name: Name, storage: Storage = None, address: Head = None) -> None:
    """Ask a running search to checkpoint and end; it can be resumed."""
    from tuner.experiment.interrupt import StopRequest
    from tuner.records import paths
    from tuner.records.lock import is_held

    if address is not None:
        from tuner.cluster import submission

        require_head(address, "stop")
        say(submission.stop(address, name))
        return
    found = paths.experiment(name, storage)
    if not is_held(found.lock):
        raise BadInput(f"`{found.name}` is not running, so there is nothing to stop; see `{found.command('status')}`")
    StopRequest(found.stop_request).make()
    say(f"{found.name} ends after the running epochs; continue it with: {found.command('resume')}")


@app.command(rich_help_panel="Searches", epilog="Example: tuner logs first --follow --address http://127.0.0.1:8265")
def logs(
    name: Name,
    address: Annotated[
        str, typer.Option(help="The cluster it was submitted to, http://HEAD:8265.", show_default=False)
    ],
    follow: Annotated[bool, typer.Option("--follow", help="Go on until it ends; Ctrl-C leaves it running.")] = False,
) -> None:
    """What a search on a cluster has printed so far. `show` has the log of a trial."""
    from tuner.cluster import submission
    from tuner.cluster.screen import Screen

    require_head(address, "logs")
    with Screen(out, table=follow) as screen:
        code = submission.logs(address, name, following=follow, show=screen.show)
    raise typer.Exit(code)


def _look_at_data(planned: Plan, address: str | None) -> None:
    """Say below a plan what is known of its data: here they must be there, with an address the nodes are asked."""
    from tuner.machines import local_data

    if planned.dataset is None:  # the code has its own
        return
    if address is None:
        local_data.require(planned.configurations)
    else:
        say(local_data.asked_there(planned.dataset))


def _go_on_elsewhere(session: SessionOptions, verb: str, name: str, **options: Any) -> None:
    """On a cluster, if that is meant: this process submits the verb, follows it and exits."""
    if session.head is not None:
        phases.end(quiet=True)
        from tuner.cluster import submission

        where: dict[str, Any] = {"storage": session.storage, "data": session.data}
        follow_submission(
            submission.go_on(session.head, verb, name, session.running, **where, **options), session.detach
        )


@contextmanager
def _unexpected(session: SessionOptions, name: str) -> Iterator[None]:
    """Somebody is told of a search that ends by an error; not of a mistake in the command, which its user sees at once."""
    from tuner.errors import TunerError

    try:
        yield
    except BadInput:
        raise
    except TunerError as error:
        _notify(session, name, "needs a person", reason=str(error))
        raise
    except Exception as error:
        _notify(session, name, "failed", reason=type(error).__name__)
        raise


def _notify(
    session: SessionOptions,
    name: str,
    state: State,
    best: str | None = None,
    commands: Sequence[str] = (),
    reason: str | None = None,
) -> None:
    from tuner.experiment import notify

    if session.notify is not None:
        failure = notify.post(session.notify, notify.message(name, state, best, commands, reason))
        if failure is not None:
            say(failure)


def _notify_of(session: SessionOptions, outcome: Any) -> None:
    """Tell how a session ended, with the best median so far and what to do next."""
    if session.notify is None:
        return
    from tuner.results.next_step import next_steps
    from tuner.tables.status import best_line

    paths = outcome.paths
    state: State = "failed" if outcome.exit_code == 1 else outcome.ending
    board = outcome.leaderboard
    steps = [step.command for step in next_steps(board, paths)] if paths.root.name != "confirmation" else []
    _notify(session, paths.name, state, best_line(board.history), steps)


@contextmanager
def _shown(session: SessionOptions, name: str) -> Iterator[Running]:
    """The session shown on this terminal."""
    from tuner.tables.terminal import Terminal

    with Terminal(out, phases) as terminal, _unexpected(session, name):
        yield replace(session.running, tell=terminal.tell, listen=terminal.listen, begin=terminal.begin)


def _conclude(outcome: Any) -> None:
    """Print how a session ended and leave with its exit code."""
    from tuner.tables.results import results_view

    if outcome.ending == "interrupted":
        say(f"\ninterrupted; nothing is lost. Continue with: {outcome.paths.command('resume')}")
    else:
        out.print(results_view(outcome.leaderboard, None))
    if outcome.exit_code == 1:
        from tuner.tables.failures import failures_view

        err.print(failures_view(outcome.paths))
    raise typer.Exit(outcome.exit_code)
