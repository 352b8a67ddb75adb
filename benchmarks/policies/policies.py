"""The policies that are judged: today's, those that options of a search give, and those that only a table has tried."""

from __future__ import annotations

import itertools

from benchmarks.policies.simulate import Policy

TODAY = Policy()
RECOMMENDED = Policy("promotion", 6.0, 1, (3, 5))  # what is run live beside it
_SEEDS = {
    1: ((5,), (1, 1, 3, 5), (1, 3, 5), (1, 1, 5), (1, 2, 5), (3, 5), (1, 5)),
    3: ((5,), (1, 2, 5), (1, 3, 5), (3, 5)),
    9: ((5,), (1, 5)),
}
_ALL = (Policy("asha", 3.0, 27, (1,)), Policy("asha", 3.0, 27, (5,)))
_GRID = tuple(
    Policy(rule, reduction, grace, seeds)
    for rule, reduction, grace in itertools.product(("asha", "promotion"), (3.0, 4.0), _SEEDS)
    for seeds in _SEEDS[grace]
)
_LARGER = tuple(
    Policy("promotion", reduction, grace, seeds)
    for reduction, grace in itertools.product((6.0, 9.0), (1, 2, 3))
    for seeds in ((5,), (3, 5), (1, 5))
)
_LATER = (
    *(Policy("promotion", 4.0, 2, seeds) for seeds in ((5,), (3, 5), (1, 3, 5), (1, 5))),
    Policy("promotion", 9.0, 9, (1, 5)),
)
_RANKED = tuple(
    Policy("promotion", 4.0, grace, seeds, kind)
    for kind in ("median of 3 epochs", "mean", "difference", "extrapolation")
    for grace, seeds in ((1, (3, 5)), (2, (3, 5)), (2, (1, 3, 5)))
)
_RACING = tuple(
    Policy(rule, reduction, 1, seeds, race=errors)
    for rule, reduction in (("asha", 3.0), ("promotion", 4.0))
    for seeds in ((3, 3, 3, 5), (2, 2, 2, 5), (1, 1, 1, 5))
    for errors in (1.0, 2.0)
)
_ON_THE_FLY = tuple(
    Policy("asha", reduction, 1, seeds, sure=sure)
    for reduction, seeds in ((3.0, (5,)), (4.0, (5,)), (4.0, (3, 5)), (4.0, (1, 5)))
    for sure in (0.6, 0.8, 0.9)
)
POLICIES = (*_GRID, *_ALL, *_LARGER, *_LATER, *_RANKED, *_RACING, *_ON_THE_FLY)
