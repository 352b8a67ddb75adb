"""Verbs that run searches: plan, launch, resume, confirm, stop, logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from tuner.commands.app import app, out
from tuner.commands.cluster import follow_submission
from tuner.commands.options import (
    Accelerator,
    Address,
    CheckpointEvery,
    Cpus,
    Detach,
    Epochs,
    Family,
    Gpus,
    GpusPerReplicate,
    Grace,
    Head,
    MaxConcurrent,
    Name,
    Placement,
    RankWindow,
    Reduction,
    Replicates,
    Rule,
    Seed,
    Setting,
    Space,
    StepTimeout,
    Storage,
    Trials,
)
from tuner.errors import BadInput
from tuner.machines.address import is_head, require_head

if TYPE_CHECKING:
    from tuner.experiment.plan import Plan


@app.command(rich_help_panel="Searches")
def plan(
    family: Family,
    space: Space = "smoke",
    trials: Trials = None,
    replicates: Replicates = None,
    epochs: Epochs = None,
    grace: Grace = None,
    reduction: Reduction = None,
    seed: Seed = 0,
    cpus_per_trial: Cpus = None,
    gpus_per_trial: Gpus = None,
    rank_window: RankWindow = None,
    rule: Rule = None,
    placement: Placement = None,
    gpus_per_replicate: GpusPerReplicate = None,
    accelerator_type: Accelerator = None,
    max_concurrent: MaxConcurrent = None,
    address: Address = None,
    set_: Setting = None,
) -> None:
    """Show what a search would do and cost. Starts nothing."""
    from tuner.experiment import plan as planning
    from tuner.tables.plan import plan_view

    budget = _budget(trials, replicates, epochs, grace, reduction, cpus_per_trial, gpus_per_trial, rank_window)
    budget |= {"placement": placement, "gpus_per_replicate": gpus_per_replicate, "accelerator_type": accelerator_type}
    budget |= {"rule": rule}
    planned = planning.prepare(family, space, set_ or [], seed, max_concurrent, budget)
    out.print(plan_view(planned))
    _look_at_data(planned, address)


@app.command(rich_help_panel="Searches")
def launch(
    family: Family,
    space: Space = "smoke",
    trials: Trials = None,
    replicates: Replicates = None,
    epochs: Epochs = None,
    grace: Grace = None,
    reduction: Reduction = None,
    seed: Seed = 0,
    name: Annotated[str | None, typer.Option(help="Name of the experiment.  [default: family-space-time]")] = None,
    storage: Storage = None,
    address: Address = None,
    cpus_per_trial: Cpus = None,
    gpus_per_trial: Gpus = None,
    rank_window: RankWindow = None,
    rule: Rule = None,
    placement: Placement = None,
    gpus_per_replicate: GpusPerReplicate = None,
    accelerator_type: Accelerator = None,
    max_concurrent: MaxConcurrent = None,
    checkpoint_every: CheckpointEvery = None,
    step_timeout: StepTimeout = None,
    set_: Setting = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    or_resume: Annotated[
        bool, typer.Option("--or-resume", help="Continue the search if this request was launched before under --name.")
    ] = False,
    detach: Detach = False,
) -> None:
    """Run a search and print its leaderboard."""
    from tuner import cluster, experiment
    from tuner.experiment import launching, retry
    from tuner.experiment import plan as planning
    from tuner.records import standard_output
    from tuner.tables.plan import plan_view

    budget = _budget(trials, replicates, epochs, grace, reduction, cpus_per_trial, gpus_per_trial, rank_window)
    budget |= {"placement": placement, "gpus_per_replicate": gpus_per_replicate, "accelerator_type": accelerator_type}
    budget |= {"rule": rule}
    if not dry_run:
        standard_output.outlive_reader()
    if is_head(address) and not dry_run:
        session = {"seed": seed, "max_concurrent": max_concurrent, "checkpoint_every": checkpoint_every}
        session["step_timeout"] = step_timeout
        request = {"name": name, "storage": storage, "set_": set_, "tell": print, **session, **budget}
        follow_submission(cluster.submit(str(address), family, space, **request), detach)
    if or_resume and name is None:
        raise BadInput("--or-resume continues a search by its name; give --name")
    if name is None and not is_head(address):
        launching.require_storage(storage)
    if name is not None and not or_resume and not is_head(address):
        launching.require_free_name(name, storage)
    planned = planning.prepare(family, space, set_ or [], seed, max_concurrent, budget)
    out.print(plan_view(planned))
    if dry_run:
        _look_at_data(planned, address)
        return
    from tuner.tables.terminal import Terminal

    with Terminal(out) as terminal:
        run: Any = retry.launch_or_resume if or_resume else experiment.launch
        outcome = run(
            family,
            space,
            name=name,
            storage=storage,
            seed=seed,
            overrides=set_ or [],
            address=address,
            max_concurrent=max_concurrent,
            checkpoint_seconds=checkpoint_every,
            step_timeout=step_timeout,
            tell=terminal.tell,
            listen=terminal.listen,
            **budget,
        )
    _conclude(outcome)


@app.command(rich_help_panel="Searches")
def resume(
    name: Name,
    trials: Annotated[int | None, typer.Option(help="Extend the search to this many trials.")] = None,
    storage: Storage = None,
    address: Address = None,
    max_concurrent: MaxConcurrent = None,
    checkpoint_every: CheckpointEvery = None,
    detach: Detach = False,
    step_timeout: StepTimeout = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Go on though code or space changed since the launch.")
    ] = False,
) -> None:
    """Continue a search that was interrupted or killed; with --trials, extend one."""
    from tuner import experiment
    from tuner.records import standard_output
    from tuner.tables.terminal import Terminal

    standard_output.outlive_reader()
    if is_head(address):
        from tuner.cluster import submission

        options = {"trials": trials, "max_concurrent": max_concurrent, "checkpoint_every": checkpoint_every}
        options |= {"step_timeout": step_timeout, "accept_changes": accept_changes or None}
        request: dict[str, Any] = {"storage": storage, "tell": print, **options}
        follow_submission(submission.go_on(str(address), "resume", name, **request), detach)

    with Terminal(out) as terminal:
        outcome = experiment.resume(
            name,
            storage=storage,
            trials=trials,
            address=address,
            max_concurrent=max_concurrent,
            checkpoint_seconds=checkpoint_every,
            step_timeout=step_timeout,
            accept_changes=accept_changes,
            tell=terminal.tell,
            listen=terminal.listen,
        )
    _conclude(outcome)


@app.command(rich_help_panel="Searches")
def confirm(
    name: Name,
    top: Annotated[int, typer.Option(help="How many of the best trials; the baseline comes along.")] = 3,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the confirmation, fresh.  [default: the search's plus 1]")
    ] = None,
    replicates: Annotated[
        int | None, typer.Option(help="Seeds a trial is trained with.  [default: the search's]")
    ] = None,
    storage: Storage = None,
    address: Address = None,
    max_concurrent: MaxConcurrent = None,
    checkpoint_every: CheckpointEvery = None,
    detach: Detach = False,
) -> None:
    """Retrain the best trials and the baseline at full budget on fresh seeds; run it again to continue."""
    from tuner.experiment import confirm as confirming
    from tuner.records import paths, standard_output
    from tuner.tables.confirmation import confirmation_view
    from tuner.tables.terminal import Terminal

    standard_output.outlive_reader()
    if is_head(address):
        from tuner.cluster import submission

        options = {"top": top, "seed": seed, "replicates": replicates, "max_concurrent": max_concurrent}
        request: dict[str, Any] = {"storage": storage, "tell": print, "checkpoint_every": checkpoint_every, **options}
        follow_submission(submission.go_on(str(address), "confirm", name, **request), detach)
    searched = paths.experiment(name, storage)
    with Terminal(out) as terminal:
        outcome = confirming.confirm(
            name,
            storage=storage,
            top=top,
            seed=seed,
            replicates=replicates,
            address=address,
            max_concurrent=max_concurrent,
            checkpoint_seconds=checkpoint_every,
            tell=terminal.tell,
            listen=terminal.listen,
        )
    if outcome.ending == "interrupted":
        again = searched.command("confirm", "--top", str(top))
        _say(f"\ninterrupted; nothing is lost. Continue with: {again}")
    else:
        out.print(confirmation_view(searched))
    raise typer.Exit(outcome.exit_code)


@app.command(rich_help_panel="Searches")
def stop(name: Name, storage: Storage = None, address: Head = None) -> None:
    """Ask a running search to checkpoint and end; it can be resumed."""
    from tuner.experiment.interrupt import StopRequest
    from tuner.records import paths
    from tuner.records.lock import is_held

    if address is not None:
        from tuner.cluster import submission

        require_head(address, "stop")
        out.print(submission.stop(address, name), markup=False, highlight=False)
        return
    found = paths.experiment(name, storage)
    if not is_held(found.lock):
        raise BadInput(f"`{found.name}` is not running, so there is nothing to stop; see `{found.command('status')}`")
    StopRequest(found.stop_request).make()
    _say(f"{found.name} ends after the running epochs; continue it with: {found.command('resume')}")


@app.command(rich_help_panel="Searches")
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


def _say(sentence: str) -> None:
    """Print a sentence that may hold a command, which is never broken."""
    out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _look_at_data(planned: Plan, address: str | None) -> None:
    """Say below a plan what is known of its data: here they must be there, with an address the nodes are asked."""
    from tuner.machines import local_data

    if address is None:
        local_data.require(planned.configurations)
    else:
        _say(local_data.asked_there(planned.dataset))


def _budget(
    trials: int | None,
    replicates: int | None,
    epochs: int | None,
    grace: int | None,
    reduction: float | None,
    cpus_per_trial: float | None,
    gpus_per_trial: float | None,
    rank_window: int | None,
) -> dict[str, Any]:
    return {
        "trials": trials,
        "replicates": replicates,
        "epochs": epochs,
        "grace": grace,
        "reduction": reduction,
        "cpus_per_trial": cpus_per_trial,
        "gpus_per_trial": gpus_per_trial,
        "rank_window": rank_window,
    }


def _conclude(outcome: Any) -> None:
    """Print how a session ended and leave with its exit code."""
    from tuner.tables.results import results_view

    if outcome.ending == "interrupted":
        _say(f"\ninterrupted; nothing is lost. Continue with: {outcome.paths.command('resume')}")
    else:
        out.print(results_view(outcome.leaderboard, None))
    if outcome.exit_code == 1:
        from tuner.tables.failures import failures_view

        Console(stderr=True).print(failures_view(outcome.paths))
    raise typer.Exit(outcome.exit_code)
