"""What the tables say of the `search` spaces: where a family must let its trials train for long, is there a cheaper policy?

A rung may not lie before a switch, a drop of the learning rate or the end of a head start, so the first one stays where the
lab note of the space puts it, scaled to the epochs of a table; rule, reduction and seeds by rung are free.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import search_spaces
from benchmarks.policies.build import EPOCHS
from benchmarks.policies.judge import Judgment, no_worse
from benchmarks.policies.simulate import Policy
from tuner.experiment.plan import plan
from tuner.rules import ranking

SPACE = "search"
SEEDS = ((5,), (3, 5), (1, 5), (1, 3, 5))


@dataclass(frozen=True)
class Shape:
    """A `search` space as it would be with five seeds at every rung.

    Attributes:
        grace: the first rung, of so many epochs in all.
    """

    family: str
    grace: int
    epochs: int
    reduction: float = 3.0

    @property
    def first(self) -> int:
        """The first rung in a table."""
        return round(self.grace / self.epochs * EPOCHS)

    @property
    def before(self) -> Policy:
        return Policy("asha", self.reduction, self.first)

    def candidates(self) -> list[Policy]:
        """Itself first, then what it might have instead."""
        free = itertools.product(("asha", "promotion"), sorted({self.reduction, 3.0, 4.0}), SEEDS)
        found = [Policy(rule, reduction, self.first, seeds) for rule, reduction, seeds in free]
        fit = (one for one in found if len(one.seeds) <= len(ranking.rungs(EPOCHS, one.grace, one.reduction)))
        return [self.before, *(one for one in fit if one != self.before)]

    def expected(self, **options: Any) -> int:
        """Replicate-epochs that `tuner plan` expects, by default with what the space has."""
        return round(plan(search_spaces.load(self.family, SPACE).with_budget(**options), 0).expected_replicate_epochs)

    def planned(self, policy: Policy) -> int:
        """The same with the rule, the reduction and the seeds of a policy."""
        seeds = policy.seeds if len(policy.seeds) > 1 else None
        return self.expected(rule=policy.rule, reduction=policy.reduction, seeds=seeds, replicates=5)


SHAPES = (
    Shape("blur", 45, 60),
    Shape("bn_only", 4, 40),
    Shape("deconv", 4, 20, reduction=2.0),
    Shape("imagenet", 30, 90),
    Shape("online_norm", 55, 125),
)
POLICIES = tuple(dict.fromkeys(policy for shape in SHAPES for policy in shape.candidates()))


def told(judged: Mapping[str, Sequence[Judgment]]) -> list[str]:
    """A section: for each space what it was and everything that is cheaper at a regret no worse on every table."""
    about = (
        "The first rung is where the lab note of the space needs it, scaled to the epochs of a table. The first row of a space "
        "is five seeds at every rung under stopping; the others cost less on every table at a regret no worse within its "
        f"error, of the {len(POLICIES)} policies judged. Cost, regret and P are those of the tables {', '.join(judged)}. "
        "Expected: replicate-epochs by `tuner plan FAMILY --space search` with these options."
    )
    lines = ["## The search spaces", "", *textwrap.wrap(about, 118), ""]
    lines += ["| space | policy on the tables | cost | regret | P | expected |", "|---|---|---|---|---|---|"]
    for shape in SHAPES:
        lines += [_row(shape, one, judged) for one in (shape.before, *cheaper(shape, judged))]
    return [*lines, ""]


def cheaper(shape: Shape, judged: Mapping[str, Sequence[Judgment]]) -> list[Policy]:
    """What costs less on every table at a regret no worse, by what the space is expected to train with it."""
    fit = [
        one
        for one in shape.candidates()
        if all(no_worse(_of(one, found), _of(shape.before, found)) for found in judged.values())
    ]
    return sorted(fit, key=shape.planned)


def _row(shape: Shape, policy: Policy, judged: Mapping[str, Sequence[Judgment]]) -> str:
    each = [_of(policy, found) for found in judged.values()]
    costs = ", ".join(f"{one.cost:.1%}" for one in each)
    regrets = ", ".join(f"{one.regret:.3f} ± {one.regret_error:.3f}" for one in each)
    chances = ", ".join(f"{one.within:.2f}" for one in each)
    return f"| {shape.family} | {policy.name} | {costs} | {regrets} | {chances} | {shape.planned(policy):,} |"


def _of(policy: Policy, found: Sequence[Judgment]) -> Judgment:
    return next(one for one in found if one.policy == policy)
