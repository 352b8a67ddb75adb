"""What a search will train before anything starts: rungs, trials, replicate-epochs, hours, and what looks unwise."""

from __future__ import annotations

import dataclasses
import math
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search_spaces.space import Budget, Published, SearchSpace
from trainables import families
from tuner.experiment.request import Request
from tuner.experiment.running import Running
from tuner.machines.allocation import Allocator, Share
from tuner.machines.capacity import concurrency
from tuner.machines.ray_session import Node, Resources
from tuner.results import published
from tuner.rules import ranking, seeds
from tuner.rules.forecast import expected_trials
from tuner.rules.ranking import bracket_of
from tuner.rules.rule import DEFAULT


@dataclass(frozen=True)
class Stage:
    """The epochs between one rung and the next, for all trials together."""

    rung: int  # the epoch it ends at
    epochs: int  # its length
    expected_trials: float  # that train it; at most `Plan.trials`
    seeds: int  # of a trial there
    work: (
        int  # epochs of single seeds of a trial there, those of seeds that join at its beginning and catch up included
    )


@dataclass(frozen=True)
class Plan:
    """The cost of a search and what to know before starting it."""

    family: str
    space: str
    seed: int
    dataset: str | None  # None where the user's own code has data of its own
    selection: str | None
    objective: str
    replicates: int
    reduction: float
    rank_window: int  # epochs of the running median that trials are ranked by
    concurrent: int | None  # trials at the same time, if known
    seconds_per_replicate_epoch: float | None
    stages: tuple[Stage, ...]
    brackets: Mapping[
        str, int
    ]  # trials that are compared with each other, by their bracket; one without a name at least
    configurations: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]
    shares: tuple[tuple[Share, int], ...] = ()  # what trials ask for, and how many of them
    rule: str = DEFAULT  # who goes on at a rung
    published: tuple[
        tuple[Published, tuple[int, ...]], ...
    ] = ()  # figures, and the trials that are like what they are of
    unlike: int = 0  # how many figures of the space are of other runs than these

    @property
    def trials(self) -> int:
        return len(self.configurations)

    @property
    def epochs(self) -> int:
        return self.stages[-1].rung

    @property
    def rungs(self) -> tuple[int, ...]:
        return tuple(stage.rung for stage in self.stages)

    @property
    def expected_trial_epochs(self) -> float:
        """Epochs of all trials together, with the stops the rule is expected to make."""
        return sum(stage.expected_trials * stage.epochs for stage in self.stages)

    @property
    def maximal_trial_epochs(self) -> int:
        """Epochs of all trials together if none is stopped."""
        return self.trials * self.epochs

    @property
    def expected_replicate_epochs(self) -> float:
        return sum(stage.expected_trials * stage.work for stage in self.stages)

    @property
    def maximal_replicate_epochs(self) -> int:
        return self.maximal_trial_epochs * self.replicates

    @property
    def expected_seconds(self) -> float | None:
        """Wall-clock seconds, or None where the seconds of an epoch have not been measured."""
        return self._seconds(self.expected_replicate_epochs)

    @property
    def maximal_seconds(self) -> float | None:
        return self._seconds(self.maximal_replicate_epochs)

    def _seconds(self, replicate_epochs: float) -> float | None:
        if self.seconds_per_replicate_epoch is None:
            return None
        # The baseline is never stopped, so no number of workers makes the search shorter than one full trial.
        longest = max(replicate_epochs / (self.concurrent or 1), self.epochs * self.replicates)
        return longest * self.seconds_per_replicate_epoch


def prepare(asked: Request, running: Running) -> Plan:
    """The plan of the search that `tuner.experiment.launch` would run for the same request.

    Without `max_concurrent`, the time is for as many trials at once as this machine has cores for; what a cluster
    holds is known only once it is reached. `BadInput` with every problem at once.
    """
    checked = asked.checked(running.problems())
    planned = plan(checked.space, asked.seed, checked.configs, overridden=asked.overridden)
    concurrent = running.max_concurrent
    shares = [share for share, _ in planned.shares]
    if concurrent is None and not any(share.gpus for share in shares):
        concurrent = concurrency(shares, Resources((Node(float(os.cpu_count() or 1)),)), None)
    if concurrent is not None:
        concurrent = min(concurrent, checked.space.budget.trials)
    return dataclasses.replace(planned, concurrent=concurrent)


def plan(
    space: SearchSpace,
    seed: int,
    configs: Sequence[dict[str, Any]] | None = None,
    *,
    concurrent: int | None = None,
    overridden: Collection[str] = (),
) -> Plan:
    """Plan the search of a space without problems.

    Args:
        space: as it would be launched, overrides and budget applied.
        seed: of the experiment.
        configs: those of its trials where they are drawn already.
        concurrent: trials at the same time; None counts the time as if one after another.
        overridden: knobs the user set; one that no configuration has is warned of.

    Raises:
        SpaceExhausted: the space holds fewer configurations than trials.
    """
    budget = space.budget
    configurations = tuple(space.configurations(seed, budget.trials) if configs is None else configs)
    rungs = ranking.rungs(budget.epochs, budget.grace, budget.reduction)
    brackets = Counter(bracket_of(configuration, space.bracket_knobs) for configuration in configurations)
    of_baseline = bracket_of(configurations[0], space.bracket_knobs)
    reached = {
        name: expected_trials(count, len(rungs), budget.reduction, baseline=name == of_baseline, rule=budget.rule)
        for name, count in brackets.items()
    }
    together = [sum(counts) for counts in zip(*reached.values(), strict=True)]
    # The baseline of a bracket goes on in any case.
    hopeless = {name: brackets[name] for name, counts in reached.items() if counts[-1] - (name == of_baseline) < 0.5}
    of_trial = seeds.of_budget(budget)
    stages = tuple(
        Stage(rung, rung - before, count, of_trial.at(rung), of_trial.work(before, rung))
        for rung, before, count in zip(rungs, (0, *rungs), together, strict=False)
    )
    allocator = Allocator.of_space(space)
    shares = Counter(allocator.share(config) for config in configurations)
    figures = published.beside(space.family, configurations, space.published)
    return Plan(
        family=families.title(space.family),
        space=space.name,
        seed=seed,
        dataset=space.protocol.dataset if space.protocol else None,
        selection=space.protocol.selection if space.protocol else None,
        objective=space.objective.metric,
        replicates=budget.replicates,
        reduction=budget.reduction,
        rank_window=budget.rank_window,
        concurrent=concurrent,
        seconds_per_replicate_epoch=budget.seconds_per_replicate_epoch,
        stages=stages,
        brackets=brackets,
        configurations=configurations,
        warnings=(
            *_warnings(space, rungs, configurations, brackets, overridden),
            *_nobody_left(hopeless, budget, rungs),
        ),
        rule=budget.rule,
        published=tuple((known, tuple(trials)) for known, trials in figures if trials),
        unlike=sum(not trials for _, trials in figures),
        shares=tuple(sorted(shares.items(), key=lambda item: (-item[0].gpus, -item[0].cpus))),
    )


def _warnings(
    space: SearchSpace,
    rungs: Sequence[int],
    configurations: Sequence[Mapping[str, Any]],
    brackets: Mapping[str, int],
    overridden: Collection[str],
) -> list[str]:
    budget = space.budget
    found = _unfair_rungs(space, rungs, configurations)
    if space.protocol is not None and space.protocol.selection == "test":
        found.append(
            "val_ metrics are measured on the test set, as the paper did: the best of many trials looks better than it "
            "is; --set selection=holdout tunes on a part of the training set."
        )
    if budget.replicates < 3:
        found.append(
            f"with replicates = {budget.replicates} the median says nothing about how much seeds differ; "
            "--replicates 5 does."
            + (" --rank-window 5 at least steadies the rungs." if len(rungs) > 1 and budget.rank_window == 1 else "")
        )
    few = {bracket: count for bracket, count in brackets.items() if count <= budget.reduction}
    if len(rungs) > 1 and few:
        counted = ", ".join(f"{count} trials{f' with {bracket}' if bracket else ''}" for bracket, count in few.items())
        found.append(
            f"{counted} are too few for a rung to stop one reliably (it keeps about 1 of {budget.reduction:g}); "
            "raise --trials."
        )
    if budget.placement == "spread" and seeds.of_budget(budget).grow:
        found.append(
            f"a trial holds the workers of all {budget.replicates} replicates from the beginning, though fewer seeds train at "
            "its first rungs; --placement packed keeps none of them idle."
        )
    if budget.rank_window > budget.epochs:
        found.append(
            f"the rank window of {budget.rank_window} epochs is longer than the {budget.epochs} that are trained, so trials "
            f"are ranked by the median of all their epochs; --rank-window {budget.epochs} says the same."
        )
    unused = [name for name in overridden if not any(name in configuration for configuration in configurations)]
    if unused:
        found.append(f"no effect: none of the {len(configurations)} configurations has {', '.join(unused)}.")
    return found


def _nobody_left(hopeless: Mapping[str, int], budget: Budget, rungs: Sequence[int]) -> list[str]:
    """Brackets in which hardly a trial would come to the full budget, though there are some beside the baseline."""
    least = math.ceil(budget.reduction ** (len(rungs) - 1))
    counted = [f"{count} trials{f' with {name}' if name else ''}" for name, count in hopeless.items() if count > 1]
    if not counted:
        return []
    return [
        f"of {', '.join(counted)} hardly one would reach the full budget, except the baseline: of {budget.reduction:g} that "
        f"arrive at a rung one goes on. --trials {least} or a smaller --reduction lets one through."
    ]


def _unfair_rungs(space: SearchSpace, rungs: Sequence[int], configurations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rungs that judge a configuration while its training task still changes (a curriculum before its switch)."""
    if len(rungs) == 1:
        return []
    model = families.config_class(space.family)
    settles = [model.model_validate(dict(configuration)).settles_at for configuration in configurations]
    unfair = {index: epoch for index, epoch in enumerate(settles) if epoch >= rungs[0]}
    if not unfair:
        return []
    # The knobs other knobs depend on say what kind of configuration this is: the mode, in the blur family.
    selectors = dict.fromkeys(other for conditions in space.active_when.values() for other in conditions)
    latest: Counter[str] = Counter()
    for index, epoch in unfair.items():
        kind = " ".join(str(configurations[index][name]) for name in selectors if name in configurations[index])
        latest[kind or f"trial {index}"] = max(latest[kind or f"trial {index}"], epoch)
    kinds = ", ".join(f"{kind} at epoch {epoch}" for kind, epoch in latest.most_common(6))
    more = ", ..." if len(latest) > 6 else ""
    grace = max(unfair.values()) + 1
    remedy = (
        f"--grace {grace} puts every rung past it."
        if grace <= space.budget.epochs
        else "some change until the end, so no rung is fair to them; raise --epochs, or --grace to the full budget."
    )
    return [
        f"the first rung (epoch {rungs[0]}) comes before the training images settle in {len(unfair)} of "
        f"{len(configurations)} configurations ({kinds}{more}), which may be stopped only for that; {remedy}"
    ]
