"""Everything that can be wrong with a space, found at once and before anything starts: one sentence a problem."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from pydantic import ValidationError

from search_spaces import domains
from search_spaces.budget import OPTIONS, SMALLEST_REDUCTION, Budget, flag, written
from search_spaces.definition import Definition, Objective
from search_spaces.sampling import Resolver
from trainables import families
from trainables.config import originals, strategy
from trainables.config.own.code import RAY_FUNCTION, OwnCode
from trainables.config.training import TrainingConfig
from trainables.config.training import problems as config_problems
from trainables.config.wording import among, nearest
from trainables.statistics import RESERVED

# Every family reports these after every epoch; the test set never selects, so its metrics are no objectives.
OBJECTIVES = ("val_accuracy", "val_loss", "train_accuracy", "train_loss")
_BELOW = ("reduction", "cpus_per_trial", "gpus_per_trial")


def problems(space: Definition) -> list[str]:
    """Every problem of the space, a sentence each, without repetition."""
    try:
        model = families.config_class(space.family)
    except ValueError as error:
        return [str(error), *_budget(space.budget), *_objective(space)]
    settings = dict(space.settings)
    if not _at_least_one(settings["epochs"]):
        del settings["epochs"]  # the budget's sentence says it
    found = [
        *_budget(space.budget),
        *_objective(space),
        *_protocol(space),
        *_allocations(space),
        *_names(space, model),
        *_bracket(space),
        *_constants(model, settings, ""),
        *_constants(model, space.fixed, ""),
        *_constants(model, space.baseline, " (in the baseline)"),
    ]
    for number, point in enumerate(space.points, 1):
        found += _constants(model, point, f" (in point {number} of the grid)")
    for name, domain in space.parameters.items():
        found += _domain(model, name, domain)
    if not found:
        found = _together(space)
    return list(dict.fromkeys(found))


def _budget(budget: Budget) -> list[str]:
    found = _values(budget)
    if _at_least_one(budget.grace) and _at_least_one(budget.epochs) and budget.grace > budget.epochs:
        found.append(
            f"`grace` is {budget.grace}, but must be at most `epochs` ({budget.epochs}); "
            "lower --grace or raise --epochs"
        )
    if not _finite(budget.reduction) or budget.reduction <= 1:
        found.append(
            f"`reduction` is {_number(budget.reduction)}, but must be a number greater than 1; "
            "set --reduction, 3 or 4 is usual"
        )
    elif budget.reduction < SMALLEST_REDUCTION:
        found.append(
            f"`reduction` is {budget.reduction!r}, but must be at least {SMALLEST_REDUCTION}; "
            "raise --reduction, 3 or 4 is usual"
        )
    found += _share(budget.cpus_per_trial, budget.gpus_per_trial, budget, "")
    found += [f"{sentence}; set --strategy" for sentence in [strategy.problem(budget.strategy)] if sentence]
    found += _teams(budget)
    found += _seeds(budget)
    seconds = budget.seconds_per_replicate_epoch
    if seconds is not None and (not _finite(seconds) or seconds <= 0):
        found.append(f"`seconds_per_replicate_epoch` is {_number(seconds)}, but must be greater than 0, or None")
    return found


def _values(budget: Budget) -> list[str]:
    """What is wrong with the options of a budget one by one, but for those that say it with a better remedy below."""
    found = []
    for name, value in budget.options().items():
        optional = value is None and OPTIONS[name].default is None
        sentence = None if optional or name in _BELOW else OPTIONS[name].rule.problem(name, value)
        if sentence is not None:
            found.append(f"{sentence} {flag(name)}")
    return found


def _seeds(budget: Budget) -> list[str]:
    """Where seeds by rung do not end with all replicates; how many rungs there are is for the search to say."""
    seeds, replicates = budget.seeds, budget.replicates
    if seeds is None or OPTIONS["seeds"].rule.problem("seeds", seeds) or not _at_least_one(replicates):
        return []
    if seeds[-1] == replicates:
        return []
    bound = "must end with at most" if seeds[-1] > replicates else "must end with"
    return [
        f"`seeds` is {written(seeds)}, but {bound} the `replicates` ({replicates}); "
        f"change --seeds or give --replicates {seeds[-1]}"
    ]


def _teams(budget: Budget) -> list[str]:
    """What is wrong with replicates that train on several GPUs each."""
    size = budget.gpus_per_replicate
    if size is None:
        return []
    if budget.strategy == "graph" and _at_least_one(size) and size > 1:
        return [
            f"`strategy` is graph, but a replicate on {size} GPUs sums over its workers within a step, which no captured "
            "step can; leave --strategy or --gpus-per-replicate out"
        ]
    if (
        _at_least_one(size)
        and _at_least_one(budget.replicates)
        and budget.gpus_per_trial not in (0, budget.gpus_of_teams)
    ):
        return [
            f"`gpus_per_trial` is {_number(budget.gpus_per_trial)}, but with `gpus_per_replicate` {size} and "
            f"{budget.placement} replicates a trial takes {budget.gpus_of_teams}; leave --gpus-per-trial out"
        ]
    return []


def _allocations(space: Definition) -> list[str]:
    found = []
    for number, allocation in enumerate(space.allocations, 1):
        cpus = space.budget.cpus_per_trial if allocation.cpus is None else allocation.cpus
        gpus = space.budget.gpus_per_trial if allocation.gpus is None else allocation.gpus
        found += _share(cpus, gpus, space.budget, f" (in allocation {number})")
        found += [
            f"`{name}` is {values!r} in allocation {number}, but must be a tuple of values; write ({values!r},)"
            for name, values in allocation.when.items()
            if not isinstance(values, tuple)
        ]
    return found


def _share(cpus: float, gpus: float, budget: Budget, where: str) -> list[str]:
    """What is wrong with the CPUs and GPUs of a trial."""
    found = []
    if not _finite(cpus) or cpus <= 0:
        found.append(f"`cpus_per_trial` is {_number(cpus)}{where}, but must be greater than 0; set --cpus-per-trial")
    if not _finite(gpus) or gpus < 0:
        found.append(f"`gpus_per_trial` is {_number(gpus)}{where}, but must be at least 0; set --gpus-per-trial")
        return found
    workers = budget.replicates if budget.placement == "spread" and _at_least_one(budget.replicates) else 1
    each = gpus / workers
    if each > 1 and each != int(each):
        rule = "above 1 must be a whole number"
        if workers > 1:
            rule = f"spread over {workers} replicates must leave each at most 1 or a whole number"
        found.append(f"`gpus_per_trial` is {_number(gpus)}{where}, but {rule}; set --gpus-per-trial")
    return found


def _protocol(space: Definition) -> list[str]:
    own = isinstance(space.family, OwnCode) and space.family.in_lock_step
    if own or space.protocol is not None:
        return []
    return ["the space has no `protocol`, but a family must know its dataset; add protocol=Protocol(dataset=...)"]


def _objective(space: Definition) -> list[str]:
    objective, found = space.objective, list[str]()
    if isinstance(space.family, OwnCode) and space.family.kind == RAY_FUNCTION:
        if space.budget.placement != "spread":
            found.append(
                f"the function {space.family.trains} of Ray Tune is trained by itself until it returns, so its replicates cannot "
                "be kept in lock-step in one process; leave --placement packed out, each then has a worker of its own"
            )
        if space.budget.gpus_per_replicate is not None:
            found.append(
                f"the function {space.family.trains} of Ray Tune knows nothing of other workers; leave --gpus-per-replicate out"
            )
        return [*found, *_own_objective(objective)]
    if isinstance(space.family, OwnCode) and space.family.in_lock_step:
        return _own_objective(objective)
    if objective.metric not in OBJECTIVES:
        found.append(
            f"the objective's metric is {objective.metric!r}, but must be one that every epoch reports and that is not "
            f"of the test set: {among(objective.metric, OBJECTIVES, ', '.join(OBJECTIVES))}"
        )
    if objective.mode not in ("max", "min"):
        found.append(f"the objective's mode is {objective.mode!r}, but must be 'max' or 'min'")
    elif objective.metric in OBJECTIVES and (objective.mode == "max") != objective.metric.endswith("accuracy"):
        found.append(
            f"the objective is to {objective.mode}imise {objective.metric}, but that keeps the worst configurations; "
            "use mode 'max' for an accuracy and 'min' for a loss"
        )
    return found


def _own_objective(objective: Objective) -> list[str]:
    """A user's own code may report what it likes, and its first epoch says whether it reports this."""
    found = []
    if not objective.metric or objective.metric in RESERVED:
        found.append(
            f"the objective's metric is {objective.metric!r}, but must be a name of your own that no record has: not "
            f"{', '.join(RESERVED)}; rename it"
        )
    if objective.mode not in ("max", "min"):
        found.append(f"the objective's mode is {objective.mode!r}, but must be 'max' or 'min'; choose one of these")
    return found


def _names(space: Definition, model: type[TrainingConfig]) -> list[str]:
    """Knobs the family does not have, and knobs in a place where they cannot be."""
    knobs = model.model_fields
    used: list[Iterable[str]] = [space.fixed, space.baseline, *space.points, space.parameters]
    used += [
        space.bracket_knobs,
        space.active_when,
        *space.active_when.values(),
        *(row.when for row in space.published),
        *(allocation.when for allocation in space.allocations),
    ]
    found = [
        _unknown(name, families.title(space.family), knobs) for names in used for name in names if name not in knobs
    ]
    for name in space.settings:
        if name in space.parameters or any(name in point for point in space.points):
            found.append(f"`{name}` is searched, but must be one value for the whole search; set a constant")
        if name in space.fixed or name in space.baseline:
            where = "budget" if name == "epochs" else "protocol"
            found.append(f"`{name}` is among the knobs, but belongs to the {where} of the space; move it there")
    found += [
        f"`{name}` is both searched and fixed; remove it from one of `parameters` and `fixed`"
        for name in space.parameters
        if name in space.fixed
    ]
    return found


def _bracket(space: Definition) -> list[str]:
    """Bracket knobs that would leave every trial alone with itself."""
    return [
        f"`{name}` is a bracket and drawn from a range, so hardly two trials would ever be compared; "
        "give it listed values, or take it out of `bracket`"
        for name in space.bracket_knobs
        if name in space.parameters
        and domains.is_domain(space.parameters[name])
        and domains.values(space.parameters[name]) is None
    ]


def _unknown(name: str, family: str, knobs: Iterable[str]) -> str:
    if name in OPTIONS:
        return f"`{name}` is not a knob but part of the budget; use {flag(name)}"
    if found := originals.answer(family, name):
        return originals.sentence(name, found)
    hint = nearest(name, knobs, f"they are: {', '.join(knobs)}")
    return f"`{name}` is not a knob of the family {family}; {hint}"


def _constants(model: type[TrainingConfig], values: Mapping[str, Any], where: str) -> list[str]:
    return [_located(sentence, where) for name, value in values.items() for sentence in _value(model, name, value)]


def _located(sentence: str, where: str) -> str:
    """The sentence with its place named before the remedy."""
    fact, semicolon, remedy = sentence.partition("; ")
    return f"{fact}{where}{semicolon}{remedy}"


def _value(model: type[TrainingConfig], name: str, value: Any) -> list[str]:
    """What is wrong with one knob's value on its own; its agreement with other knobs is not judged here."""
    if name not in model.model_fields:
        return []
    if domains.is_domain(value):
        return [f"`{name}` is a domain where one value is expected; move it to `parameters`"]
    try:
        model.model_validate({name: value})
    except ValidationError as error:
        return config_problems(error, of=name)
    return []


def _domain(model: type[TrainingConfig], name: str, domain: Any) -> list[str]:
    """What is wrong with a searched knob: each listed value, or the ends of the range and one draw from it."""
    if not domains.is_domain(domain):
        return [
            f"`{name}` is {domain!r} in `parameters`, but must be a Ray Tune domain such as tune.choice([...]); "
            "move a constant to `fixed`"
        ]
    if domains.is_function(domain):
        return [
            f"`{name}` is a sample_from function, whose draws cannot be repeated from a seed; "
            "use another domain, and `active_when` for a knob that exists only beside certain values"
        ]
    listed = domains.choices(domain)
    if listed is not None:
        if not listed:
            return [f"`{name}` has no values to choose from; list at least one"]
        return [_located(s, " (one of its choices)") for value in listed for s in _value(model, name, value)]
    ends = domains.bounds(domain)
    if ends is None:  # a normal distribution: draws outside the knob's bounds are redrawn
        return []
    if ends[0] > ends[1] or domain.lower >= domain.upper:
        return [f"`{name}` has a range from {domain.lower} to {domain.upper}; the lower end must be the smaller one"]
    found = [_located(s, " (an end of its range)") for end in ends for s in _value(model, name, end)]
    return found or [
        s + " (drawn from its range); use randint for whole numbers"
        for s in _value(model, name, domain.sample(random_state=np.random.RandomState(0)))
    ]


def _together(space: Definition) -> list[str]:
    """Where values that are fine one by one contradict each other: in the baseline or in a complete point.

    Points that leave some open, and what is drawn, need no check: a draw that does not fit is drawn again.
    """
    resolve = Resolver(space)
    whole = {" (in the baseline)": space.baseline}
    for number, point in enumerate(space.points, 1):
        if space.parameters.keys() <= point.keys():
            whole[f" (in point {number} of the grid)"] = point
    found = []
    for where, values in whole.items():
        try:
            resolve(values)
        except ValidationError as error:
            found += [_located(sentence, where) for sentence in config_problems(error)]
    return found


def _at_least_one(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: Any) -> str:
    return f"{value:g}" if _finite(value) else repr(value)
