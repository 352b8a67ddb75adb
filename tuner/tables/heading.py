"""The lines above a table: what was trained on, how trials are selected, and which experiment this is."""

from __future__ import annotations

from rich.text import Text

from trainables.config.own.code import OwnCode
from tuner.results.history import History
from tuner.tables.text import plain

TEST_SELECTION = "test-set selection, as the paper did"


def protocol(history: History) -> Text:
    """Dataset and protocol in one line, and that every number is a median over the seeds."""
    given = history.manifest.protocol
    seeds = "1 seed only" if history.replicates == 1 else f"a median over {_by_rung(history)} seeds"
    if given is None:
        code = history.manifest.trained
        told = f"{code.trains} of {code.entry}" if isinstance(code, OwnCode) and code.entry else history.manifest.family
        return Text(plain(f"{told}: every number is {seeds}"), style="bold")
    selection = TEST_SELECTION if given.selection == "test" else "selected on a holdout of the training images"
    return Text(plain(f"{given.dataset}: {selection}; every number is {seeds}"), style="bold")


def _by_rung(history: History) -> str:
    """How many seeds; where more join at a rung, from the fewest to the most."""
    fewest = history.seeds.at(1)
    return f"{fewest} to {history.replicates}" if history.seeds.grow else str(history.replicates)


def experiment(history: History) -> Text:
    """Name, space, objective and budget of the experiment; below, how far it is."""
    manifest = history.manifest
    space = f"{named(manifest.family, manifest.space)}, seed {manifest.seed}"
    objective = f"{history.metric} ({'larger' if history.mode == 'max' else 'smaller'} is better)"
    told = f"{history.name}: {space}, {objective}, {history.budget} epochs\n{history.state}, {counts(history)}"
    return Text(plain(told))


def named(family: str, space: str) -> str:
    """A space with its family; once where a user's own file gave both the same name."""
    return family if family == space else f"{family}/{space}"


def counts(history: History) -> str:
    """The trials by status, as `12 trials: 1 running, 4 completed, 7 stopped`."""
    present = ", ".join(f"{count} {status}" for status, count in history.counts().items() if count)
    return f"{history.planned} trials: {present}"
