"""Verbs about all searches of a storage: list, note, tag; and which of them is meant where none is named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tuner.commands.app import app, err, out, say
from tuner.commands.cluster import print_reading
from tuner.commands.options import Head, Name, Storage

if TYPE_CHECKING:
    from tuner.records.paths import ExperimentPaths

NewestName = Annotated[
    str | None,
    typer.Argument(
        help="Name of the experiment, or its folder or s3:// address.  [default: the newest]", show_default=False
    ),
]


@app.command("list", rich_help_panel="Results", epilog="Example: tuner list --state finished --sort median")
def list_(
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Only those that are running, finished, interrupted, failed, ... Repeatable.  [default: all]"
        ),
    ] = None,
    family: Annotated[
        list[str] | None, typer.Option(help="Only those of this family. Repeatable.  [default: all]")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only those with this tag. Repeatable: with all of them.  [default: any]")
    ] = None,
    sort: Annotated[
        str, typer.Option(help="age, name, state, family, trials, median, distance or cost; the best first.")
    ] = "age",
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, a row an experiment.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON.")] = False,
    storage: Storage = None,
    address: Head = None,
) -> None:
    """All searches of a storage: state, best median, distance to the baseline, cost, tags and notes."""
    from tuner.records import paths
    from tuner.results import all_searches
    from tuner.tables import searches

    given = {"state": state, "family": family, "tag": tag, "sort": sort, "csv": csv, "json": json}
    print_reading(address, "list", None, storage=storage, **given)
    asked = (state or [], family or [], tag or [])
    searches.ordered(searches.chosen([], asked[0], [], asked[2]), sort)  # what is wrong is said at once
    root = paths.storage_root(storage)
    with err.status(f"looking through {root}"):
        found = all_searches.load(storage)
    rows = searches.ordered(searches.chosen(found, *asked), sort)
    missing = searches.nothing(found, *asked) if found and not rows else None
    if json or csv:
        if missing is not None:
            say(missing, err)
        sys.stdout.write(searches.to_json(rows, str(root)) if json else searches.to_csv(rows))
        return
    count = f"{len(found)} experiment{'' if len(found) == 1 else 's'}"
    shown = count if len(rows) == len(found) else f"{len(rows)} of {count}"
    say(f"{shown} in {paths.described(root, storage)}")
    if missing is None:
        out.print(searches.listing_view(rows))
    else:
        say(missing)
    if not found:
        say("start one with: tuner launch blur")


@app.command(rich_help_panel="Results", epilog="Example: tuner note first 'batch size was too small'")
def note(
    name: Name,
    text: Annotated[
        str | None, typer.Argument(help="The note; without it the present one is shown.", show_default=False)
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove the note.")] = False,
    storage: Storage = None,
) -> None:
    """Keep a note with an experiment; `tuner list` shows it."""
    from tuner.errors import BadInput
    from tuner.records import labels, paths

    if text is not None and clear:
        raise BadInput("a text and --clear contradict each other; give one of them")
    found = paths.experiment(name, storage)
    said = labels.write_note(found, text or "") if text is not None or clear else labels.read(found)
    say(f"{found.name}: {said.note or 'no note'}")


@app.command(rich_help_panel="Results", epilog="Example: tuner tag first paper")
def tag(
    name: Name,
    tags: Annotated[
        list[str] | None,
        typer.Argument(help="Tags to add; without any the present ones are shown.", show_default=False),
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A tag to remove. Repeatable.  [default: none]")] = None,
    storage: Storage = None,
) -> None:
    """Tag an experiment; `tuner list --tag` finds it by them."""
    from tuner.records import labels, paths

    found = paths.experiment(name, storage)
    said = labels.write_tags(found, tags or [], remove or []) if tags or remove else labels.read(found)
    say(f"{found.name}: {' '.join(f'#{tag}' for tag in said.tags) or 'no tags'}")


def named_or_newest(name: str | None, storage: str | None, *, quiet: bool = False) -> ExperimentPaths:
    """The experiment of that name; without one the newest, which is said: beside the output where that is for a program."""
    from tuner.records import paths

    if name is not None:
        return paths.experiment(name, storage)
    from tuner.results import all_searches

    found, count = all_searches.newest(storage)
    among = "the only experiment" if count == 1 else f"the newest of {count} experiments"
    said = f"{found.name}: {among} in {paths.described(found.root.parent, storage)}"
    say(said, err if quiet else out)
    return found
