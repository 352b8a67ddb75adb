"""Verbs that show what is there: spaces, status, results, show, compare, replay, report, dashboard."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tuner.commands.app import app, aside, err, out, say, write
from tuner.commands.cluster import print_reading
from tuner.commands.listing import NewestName, named_or_newest
from tuner.commands.options import (
    Head,
    Name,
    Storage,
)
from tuner.errors import BadInput
from tuner.machines.address import require_head
from tuner.rules.registry import NAMES

if TYPE_CHECKING:
    from tuner.records.paths import ExperimentPaths
    from tuner.results.leaderboard import Leaderboard


@app.command(rich_help_panel="Results", epilog="Example: tuner spaces blur smoke")
def spaces(
    family: Annotated[str | None, typer.Argument(help="Show one family's spaces.", show_default=False)] = None,
    space: Annotated[str | None, typer.Argument(help="Show one space, every knob.", show_default=False)] = None,
) -> None:
    """List the search spaces, or show one with every knob, its range, default and meaning."""
    from tuner.tables import spaces as view

    whole = family is not None and (space is not None or family.endswith(".py"))
    out.print(view.one(str(family), space or "") if whole else view.listing(family))


@app.command(rich_help_panel="Results", epilog="Example: tuner status first")
def status(
    name: NewestName = None,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, a row a trial.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON.")] = False,
    storage: Storage = None,
    address: Head = None,
) -> None:
    """Where a search stands: trials, rungs, what is training, time left."""
    from tuner.records import paths
    from tuner.results.history import History
    from tuner.tables import status_export
    from tuner.tables.status import status_view

    print_reading(address, "status", name, storage=storage, csv=csv, json=json)
    if name is None:
        name = str(named_or_newest(None, storage, quiet=csv or json).root)
    jobs = [] if json or csv else _jobs_of_slurm(name, storage)
    for line in jobs:
        say(line)
    try:
        found = paths.experiment(name, storage)
    except BadInput:
        if not jobs:
            raise
        return  # it has not begun
    history = History.load(found)
    if json or csv:
        sys.stdout.write(status_export.to_json(history) if json else status_export.to_csv(history))
        return
    out.print(status_view(history, paths=found), crop=False)


@app.command(rich_help_panel="Results", epilog="Example: tuner results first --top 5")
def results(
    name: NewestName = None,
    top: Annotated[int | None, typer.Option(help="Only the best this many, and the baseline.  [default: all]")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, every column.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON, every column.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Decide everything again in the recorded order, and compare.")
    ] = False,
    storage: Storage = None,
    address: Head = None,
) -> None:
    """The leaderboard: medians over the replicates, ranked by rung reached, then median."""
    from tuner.results import confirmed, leaderboard
    from tuner.tables import machine_readable as export
    from tuner.tables.results import results_view

    if top is not None and top < 1:
        raise BadInput(f"--top is {top}, but must be at least 1; raise it")
    print_reading(address, "results", name, storage=storage, top=top, csv=csv, json=json, verify=verify)
    found = named_or_newest(name, storage, quiet=csv or json)
    if verify:
        from tuner.rules import verify as verification

        with aside.during(f"deciding everything of {found.name} again"):
            verified = verification.verify(found)
        say(verified)
        return
    board = leaderboard.load(found)
    if json or csv:
        sys.stdout.write(export.to_json(board, top) if json else export.to_csv(board, top))
        return
    out.print(results_view(board, top))
    confirmation = confirmed.load(found)
    if confirmation is not None:
        from tuner.tables.confirmation import confirmation_view

        out.print()
        out.print(confirmation_view(found, board, confirmation))
    _print_next(board, found, confirmation)


@app.command(rich_help_panel="Results", epilog="Example: tuner show first best")
def show(
    name: Name,
    trial: Annotated[str | None, typer.Argument(help="Its number, `best` or `baseline`.", show_default=False)] = None,
    storage: Storage = None,
    address: Head = None,
) -> None:
    """One trial: configuration, curve, decisions, failures, log; without NAME of the newest experiment."""
    from tuner.results.leaderboard import is_trial
    from tuner.tables.trial import trial_view

    of: str | None = name
    if trial is None:
        if not is_trial(name):
            raise BadInput(f"no trial of `{name}` is named; give its number, `best` or `baseline` after it")
        of, trial = None, name
    print_reading(address, "show", of, trial, storage=storage)
    out.print(trial_view(named_or_newest(of, storage), trial))


@app.command(rich_help_panel="Results", epilog="Example: tuner compare first second")
def compare(
    a: Annotated[str, typer.Argument(help="An experiment, by name or folder.", show_default=False)],
    b: Annotated[str, typer.Argument(help="Another one.", show_default=False)],
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, a row a shared configuration.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON.")] = False,
    storage: Storage = None,
) -> None:
    """Two experiments: the winner of each and what it cost to get there, then the configurations they share, seed by seed."""
    from tuner.records import paths
    from tuner.results import comparison, searches_compared
    from tuner.results.history import History
    from tuner.tables.comparison import comparison_view
    from tuner.tables.searches_compared import searches_view

    places = [paths.experiment(name, storage) for name in (a, b)]
    first, second = (History.load(place) for place in places)
    if first.name == second.name and places[0] != places[1]:  # of two storages: the folder tells which is which
        first.name, second.name = (str(place.root) for place in places)
    nothing = None
    try:
        found = comparison.compare(first, second)
    except comparison.NothingShared as error:  # searches can be compared all the same
        found, nothing = error.comparison, str(error)
    if csv and not json:
        if nothing is not None:
            say(nothing, err)
        sys.stdout.write(comparison.to_csv(found))
        return
    both = searches_compared.searches(list(zip((first, second), places, strict=True)))
    if json:
        sys.stdout.write(comparison.to_json(found, {"nothing_shared": nothing, **searches_compared.told(both)}))
        return
    out.print(searches_view(both))
    out.print()
    if nothing is None:
        out.print(comparison_view(found))
    else:
        say(nothing)


@app.command(rich_help_panel="Results", epilog="Example: tuner replay first --grace 1 --grace 3")
def replay(
    source: Annotated[
        str, typer.Argument(help="An experiment, or a CSV with model, epoch, split, metric, value.", show_default=False)
    ],
    rule: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(('halving', *NAMES))}. Repeatable.  [default: halving and asha]"),
    ] = None,
    grace: Annotated[list[int] | None, typer.Option(help="First rung in epochs. Repeatable.  [default: 1]")] = None,
    reduction: Annotated[
        list[float] | None, typer.Option(help="About 1/REDUCTION go on at a rung. Repeatable.  [default: 3]")
    ] = None,
    window: Annotated[
        list[int] | None, typer.Option(help="Rank by the median over this many epochs. Repeatable.  [default: 1, 5]")
    ] = None,
    rungs: Annotated[
        list[str] | None,
        typer.Option(help="Rungs such as 20,40,84, instead of --grace. Repeatable.  [default: those of --grace]"),
    ] = None,
    seeds: Annotated[
        list[str] | None,
        typer.Option(
            help="Seeds by rung, as 1,1,3,5, from what was recorded. Repeatable.  [default: all at every rung]"
        ),
    ] = None,
    models: Annotated[str, typer.Option(help="Only these curves, such as 'cifar_freeze_*'.")] = "*",
    metric: Annotated[
        str | None, typer.Option(help="Such as val_loss.  [default: val_accuracy, or the objective]")
    ] = None,
    order: Annotated[
        int | None, typer.Option(help="Shuffle the order of arrival with this seed.  [default: as recorded]")
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="Also print every decision with its reason.")] = False,
    storage: Storage = None,
) -> None:
    """What other scheduler settings would have done with recorded curves; every combination, without Ray."""
    from tuner.replay import curves, run
    from tuner.replay import settings as replay_settings
    from tuner.tables.replay import replay_view

    settings = replay_settings.product(rule, grace, reduction, window, rungs, order, seeds)
    with aside.during("reading the curves"):
        recorded = curves.load(source, storage, metric).matching(models)
    replay_settings.require_windows(window, max(map(len, recorded.values.values())))
    done = aside.awaiting(f"replaying setting {{}} of {len(settings)}", (run(recorded, one) for one in settings))
    out.print(replay_view(list(done), reasons=why))


@app.command(rich_help_panel="Results", epilog="Example: tuner report first -o first.html")
def report(
    name: NewestName = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="File to write.  [default: NAME.html, here]", show_default=False),
    ] = None,
    storage: Storage = None,
) -> None:
    """Write everything about an experiment as one HTML file that needs no network."""
    from tuner import report as reporting

    found = named_or_newest(name, storage)
    with aside.during(f"making the report of {found.name}"):
        written = reporting.write(found, output or f"{found.name}.html")
    say(f"report of {found.name}: {written}")


@app.command(rich_help_panel="Results", epilog="Example: tuner dashboard first")
def dashboard(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Name of the experiment, or its folder or s3:// address; waited for where it is not there yet.  "
            "[default: all of the storage]",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port on this machine; the next free one is taken if it is busy.")
    ] = 6006,
    act: Annotated[
        bool, typer.Option("--act", help="With buttons that stop, resume, confirm and extend, for who has the address.")
    ] = False,
    on_head: Annotated[bool, typer.Option(hidden=True, help="This runs as a job on the head of a cluster.")] = False,
    storage: Storage = None,
    address: Head = None,
) -> None:
    """Serve the pages of all searches, or live that of one with TensorBoard, until Ctrl-C, to this machine alone.

    With --address they are served on the head of the cluster.
    """
    from tuner.records import standard_output
    from tuner.report import dashboard as serving
    from tuner.report.acting import Actor

    standard_output.outlive_reader()
    if address is not None:
        from tuner.cluster import relay

        require_head(address, "dashboard")
        raise typer.Exit(relay.serve(address, name, storage=storage, port=port, act=act, show=write))
    actor = None
    if act:
        from tuner.cluster import head

        actor = Actor(head.here() if on_head else None)
    if name is None:
        serving.serve_all(storage, port, say, actor)
        return
    found = serving.awaited(name, storage, say)
    if found is not None:
        serving.serve(found, port, say, actor)


def _jobs_of_slurm(name: str, storage: str | None) -> list[str]:
    """How the jobs of an experiment stand on the Slurm cluster that this machine belongs to; a line each."""
    import shutil

    if shutil.which("squeue") is None:
        return []
    from tuner.cluster.slurm import queue
    from tuner.records import paths

    place = paths.whole(name) if "/" in name else paths.storage_root(storage) / name
    return queue.lines(place.name, place.parent)


def _print_next(board: Leaderboard, found: ExperimentPaths, confirmation: Leaderboard | None) -> None:
    """What to do next, each with its command."""
    from tuner.results.next_step import next_steps

    steps = next_steps(board, found, confirmation)
    if steps:
        out.print()
    for step in steps:
        say(f"{step.label}: {step.command}")
