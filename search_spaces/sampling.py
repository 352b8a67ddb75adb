"""The configurations of a space: Ray's sampling with a seed for every draw, dependent knobs dropped, no duplicates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count as integers
from itertools import islice
from typing import Any

import numpy as np
from pydantic import ValidationError
from ray import tune
from ray.tune.search.variant_generator import generate_variants

from search_spaces import domains
from search_spaces.definition import Definition, SpaceExhausted
from trainables import families
from trainables.config.training import TrainingConfig
from trainables.config.training import problems as config_problems

DRAWS = 100  # draws for one configuration before a grid point is given up; all fail only where few new values are left
# Spawn key of the grid's order; draws have keys (index, attempt) with index >= 1.
GRID_ORDER = (0,)

Values = dict[str, Any]


def draw(space: Definition, seed: int, count: int) -> list[Values]:
    """The first `count` configurations; see `SearchSpace.configurations`."""
    if seed < 0:
        raise ValueError(f"the seed is {seed}, but must be at least 0; choose another")
    found = list(islice(_generate(space, seed), count))
    if len(found) < count:
        plural = "s" if len(found) > 1 else ""
        raise SpaceExhausted(
            f"the space holds only {len(found)} distinct configuration{plural}, but {count} trials were asked for; "
            "lower --trials"
        )
    return found


@dataclass(frozen=True)
class Resolved:
    config: Values  # as trained and recorded: plain JSON types
    identity: str  # equal for configurations that train alike, whichever defaults they spell out


class Resolver:
    """Turns drawn values into a configuration of the family."""

    def __init__(self, space: Definition) -> None:
        self._space = space
        self._model: type[TrainingConfig] = families.config_class(space.family)

    def __call__(self, values: Mapping[str, Any]) -> Resolved:
        """The configuration; `ValidationError` where the family refuses these values or their combination."""
        merged = {**self._space.fixed, **values}
        order = dict.fromkeys((*self._space.searched, *merged))  # searched knobs first, alike in every configuration
        dropped = self.dropped(merged)
        kept = {name: merged[name] for name in order if name in merged and name not in dropped} | self._space.settings
        config = self._model.model_validate(kept)
        inert = (config.inert & kept.keys()) - self._space.settings.keys()
        gone = {name for name in inert if not self._is_meant(name, kept)}
        if gone:
            kept = {name: value for name, value in kept.items() if name not in gone}
            config = self._model.model_validate(kept)
        dumped = config.model_dump(mode="json")
        return Resolved({name: dumped[name] for name in kept}, json.dumps(dumped, sort_keys=True))

    def dropped(self, values: Mapping[str, Any], undecided: frozenset[str] = frozenset()) -> set[str]:
        """The knobs that do not exist beside these values; a condition on an `undecided` knob counts as met."""
        dropped: set[str] = set()
        size = -1
        while size != len(dropped):  # again until nothing changes: a knob may depend on one that was dropped
            size = len(dropped)
            for knob, conditions in self._space.active_when.items():
                if any(
                    other in dropped or (other not in undecided and self._value(other, values) not in allowed)
                    for other, allowed in conditions.items()
                ):
                    dropped.add(knob)
        return dropped

    def _is_meant(self, name: str, values: Mapping[str, Any]) -> bool:
        """Whether the space itself says that an inert knob exists beside just these values."""
        if name not in self._space.active_when:
            return False
        named = {other: values[other] for other in self._space.active_when[name] if other in values}
        try:
            return name in self._model.model_validate(named).inert
        except ValidationError:
            return False

    def _value(self, name: str, values: Mapping[str, Any]) -> Any:
        """The knob's value as the family understands it: its default when absent, a published alias under its name."""
        if name not in values:
            return self._model.model_fields[name].default
        try:
            return getattr(self._model.model_validate({name: values[name]}), name)
        except ValidationError:  # judged with the whole configuration, where it may be fine
            return values[name]


def _generate(space: Definition, seed: int) -> Iterator[Values]:
    """Configurations in order until no new one is left."""
    resolve = Resolver(space)
    try:
        baseline = resolve(space.baseline)
    except ValidationError as error:
        raise ValueError("; ".join(config_problems(error)) + " (in the baseline)") from None
    yield baseline.config
    seen = {baseline.identity}
    candidates = _Candidates(space, seed, resolve)
    for index in integers(1):
        found = _first_new(candidates(index), resolve, seen)
        if found is None:
            return
        seen.add(found.identity)
        yield found.config


def _first_new(candidates: Iterator[Values], resolve: Resolver, seen: set[str]) -> Resolved | None:
    """The first valid candidate not seen before; `None` when there is none, `ValueError` when none was even valid."""
    refusal: ValidationError | None = None
    valid = False
    for values in candidates:
        try:
            resolved = resolve(values)
        except ValidationError as error:
            refusal = error
            continue
        if resolved.identity not in seen:
            return resolved
        valid = True
    if refusal is not None and not valid:
        raise ValueError("; ".join(config_problems(refusal)) + " (and so in every configuration drawn)")
    return None


class _Candidates:
    """What to try for one configuration, in this order: the next grid point, the ones after it, every combination."""

    def __init__(self, space: Definition, seed: int, resolve: Resolver) -> None:
        self._seed = seed
        self._sampled = {name: domain for name, domain in space.parameters.items() if not domains.is_grid(domain)}
        grid = _grid(space, resolve, frozenset(self._sampled))
        self._points = [grid[i] for i in _random_state(seed, GRID_ORDER).permutation(len(grid))]
        self._position = 0  # in the endless cycle through the points

    def __call__(self, index: int) -> Iterator[Values]:
        attempts = integers()
        for _ in self._points:
            point = self._points[self._position % len(self._points)]
            self._position += 1
            for _ in range(DRAWS if self._sampled else 1):
                yield from _variants(self._sampled, point, _random_state(self._seed, (index, next(attempts))))
        exhaustive = {name: _as_grid(domain) for name, domain in self._sampled.items()}
        for point in self._points:
            yield from _variants(exhaustive, point, _random_state(self._seed, (index, next(attempts))))


def _grid(space: Definition, resolve: Resolver, sampled: frozenset[str]) -> list[Values]:
    """Every point of the grid once: `points` times the `grid_search` knobs; one empty point where there is no grid."""
    searched = {name: domain for name, domain in space.parameters.items() if domains.is_grid(domain)}
    unique: dict[str, Values] = {}
    for partial in space.points or ({},):
        for values in _variants(searched, partial, None):
            undecided = sampled - values.keys()
            dropped = resolve.dropped({**space.fixed, **values}, undecided)
            point = {name: value for name, value in values.items() if name not in dropped}
            try:
                # Only a whole configuration can be judged and compared; a partial one counts by what it sets.
                identity = repr(sorted(point.items())) if undecided else resolve(point).identity
            except ValidationError:  # values that are fine one by one but not together: no point of the grid
                continue
            unique.setdefault(identity, point)
    return list(unique.values())


def _variants(
    searched: Mapping[str, Any], point: Mapping[str, Any], random_state: np.random.RandomState | None
) -> Iterator[Values]:
    """Ray's variants of the knobs that the point leaves open, with the point's own values."""
    open_knobs = {name: domain for name, domain in searched.items() if name not in point}
    for _, values in generate_variants(open_knobs, random_state=random_state):
        yield {**values, **point}


def _as_grid(domain: Any) -> Any:
    """The domain as a grid of all its values; a continuum stays as it is."""
    values = domains.values(domain)
    return domain if values is None else tune.grid_search(values)


def _random_state(seed: int, key: tuple[int, ...]) -> np.random.RandomState:
    """An independent stream for each key. The legacy class, because NumPy promises that its streams never change."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed, spawn_key=key)))
