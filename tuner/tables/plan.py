"""What a search will cost: a line for each stage between rungs, the total, the time, and the warnings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from tuner.results.progress import duration
from tuner.rules import registry
from tuner.tables.grid import grid
from tuner.tables.heading import TEST_SELECTION, named
from tuner.tables.published import figures_view
from tuner.tables.text import plain

if TYPE_CHECKING:
    from tuner.experiment.plan import Plan
    from tuner.machines.allocation import Share

_COLUMNS = ("up to rung", "trials", "trial-epochs", "replicate-epochs", "if none is stopped")


def plan_view(plan: Plan) -> RenderableType:
    """The plan of a search."""
    protocol = TEST_SELECTION if plan.selection == "test" else "selected on a holdout of the training images"
    if plan.dataset is None:
        protocol = "as the code reports it after each epoch"
    grow = len({stage.seeds for stage in plan.stages}) > 1
    heading = (
        f"{named(plan.family, plan.space)}: {plan.trials} trials of {plan.replicates} replicates, {plan.epochs} epochs, "
        f"seed {plan.seed}\n{plan.dataset or plan.objective}: {protocol}"
    )
    rows = [
        [
            str(stage.rung),
            *([str(stage.seeds)] if grow else []),
            str(plan.trials) if stage.expected_trials == plan.trials else f"about {stage.expected_trials:.0f}",
            f"{stage.expected_trials * stage.epochs:,.0f}",
            f"{stage.expected_trials * stage.work:,.0f}",
            f"{plan.trials * stage.work:,}",
        ]
        for stage in plan.stages
    ]
    total = [
        "total",
        *([""] if grow else []),
        "",
        f"{plan.expected_trial_epochs:,.0f}",
        f"{plan.expected_replicate_epochs:,.0f}",
        f"{plan.maximal_replicate_epochs:,}",
    ]
    columns = [_COLUMNS[0], *(["seeds"] if grow else []), *_COLUMNS[1:]]
    parts: list[RenderableType] = [Text(plain(heading), style="bold"), Text(), grid(columns, [*rows, total]), Text()]
    parts += [Text(_stopping(plan)), *(Text(line) for line in _packing(plan)), Text(_time(plan))]
    parts += [Text(plain(f"warning: {sentence}"), style="yellow") for sentence in plan.warnings]
    return Group(*parts, *_published(plan))


def _published(plan: Plan) -> Iterator[RenderableType]:
    """The published figures that the search will be compared with, and how many are of other runs."""
    if plan.published:
        known, trials = zip(*plan.published, strict=True)
        yield Text()
        yield figures_view(known, trials)
    if plan.unlike:
        yield Text(
            f"{plan.unlike} published figure{'s are' if plan.unlike > 1 else ' is'} of other runs than these (dataset, epochs, "
            "images, network or setting) and will not be shown beside them.",
            style="dim",
        )


def _stopping(plan: Plan) -> str:
    if len(plan.stages) == 1:
        return "No early stopping: every trial trains the full budget."
    compared = ", ".join(f"{count} with {bracket}" for bracket, count in plan.brackets.items() if bracket)
    within = f"Compared with each other are {compared}. " if compared else ""
    saved = 1 - plan.expected_replicate_epochs / plan.maximal_replicate_epochs
    ranked = "" if plan.rank_window == 1 else f", ranked by the median of {plan.rank_window} epochs"
    rule = registry.get(plan.rule)
    others = " while the others wait" if rule.pauses else ""
    joining = [f"{stage.seeds} up to epoch {stage.rung}" for stage in plan.stages]
    by_rung = (
        f" Seeds of a trial: {', '.join(joining)}; those that join first train from the beginning to where it stands."
        if len({stage.seeds for stage in plan.stages}) > 1
        else ""
    )
    return (
        f"{within}At a rung about the best 1/{plan.reduction:g} go on{ranked}{others}, and the baseline always: "
        f"{rule.title} is expected to save {saved:.0%} of the epochs.{by_rung}"
    )


def _packing(plan: Plan) -> list[str]:
    """A line for each share: how many trials ask for it, and how they lie on the cards."""
    lines = []
    for share, count in plan.shares:
        who = "Each trial" if len(plan.shares) == 1 else f"{count} trial{'' if count == 1 else 's'}"
        each = (
            f"{_amount(share.cpus, 'CPU')} and {_amount(share.gpus, 'GPU')}"
            if share.gpus
            else _amount(share.cpus, "CPU")
        )
        kind = f" of type {share.accelerator_type}" if share.accelerator_type else ""
        spread = f"{share.workers} workers, {_each(share)}, of " if share.workers > 1 else ""
        lines.append(f"{who}: {spread}{each}{kind}{_on_cards(share)}.")
    return lines


def _each(share: Share) -> str:
    """What one worker trains."""
    if share.team == 1:
        return "a replicate each"
    return (
        f"{share.team} for each replicate" if share.workers > share.team else "all of them for each replicate in turn"
    )


def _amount(number: float, unit: str) -> str:
    return f"{number:g} {unit}{'' if number <= 1 else 's'}"


def _on_cards(share: Share) -> str:
    """What a share of a card means for its neighbours."""
    if not 0 < share.gpus < 1:
        return ""
    together = int(1 / share.gpus + 1e-6)
    if together == 1:
        return f"; a card to itself, held to {share.gpus:.0%} of its memory"
    what = "workers" if share.workers > 1 else "trials"
    return f"; {together} {what} share a card, each held to {share.gpus:.0%} of its memory"


def _time(plan: Plan) -> str:
    expected, most = plan.expected_seconds, plan.maximal_seconds
    if expected is None or most is None:
        return "Time: unknown; measure the seconds of an epoch with `tuner train`."
    concurrent = plan.concurrent or 1
    at_once = "one trial at a time" if concurrent == 1 else f"{concurrent} trials at a time"
    return (
        f"Time: about {duration(expected)}, at most {duration(most)}, with {at_once} and "
        f"{plan.seconds_per_replicate_epoch:g} s for an epoch of a replicate."
    )
