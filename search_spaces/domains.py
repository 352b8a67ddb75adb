"""What a Ray Tune domain holds: its kind, its values, its bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ray.tune.search.sample import Categorical, Domain, Float, Function, Integer, LogUniform, Normal, Quantized

# An integer range longer than this is treated as continuous: nobody will try all of it.
ENUMERABLE = 1000


def is_grid(value: Any) -> bool:
    """Whether this is `tune.grid_search([...])`."""
    return isinstance(value, dict) and set(value) == {"grid_search"}


def is_domain(value: Any) -> bool:
    """Whether this is something to search over rather than a constant."""
    return isinstance(value, Domain) or is_grid(value)


def is_function(value: Any) -> bool:
    """Whether this is `tune.sample_from(...)`, whose draws no seed reaches."""
    return isinstance(value, Function)


def choices(domain: Any) -> list[Any] | None:
    """The values of a grid or a choice as its author listed them; `None` for a range."""
    if is_grid(domain):
        return list(domain["grid_search"])
    return list(domain.categories) if isinstance(domain, Categorical) else None


def bounds(domain: Any) -> tuple[float, float] | None:
    """Smallest and largest value of a range, both inclusive (a float's upper end is not drawn); `None` if unbounded."""
    if not isinstance(domain, (Float, Integer)) or not (math.isfinite(domain.lower) and math.isfinite(domain.upper)):
        return None
    step = quantum(domain)
    if isinstance(domain, Integer) and step in (None, 1):
        return domain.lower, domain.upper - 1
    if step is None:
        return domain.lower, domain.upper
    return _first_multiple(domain, step) * step, _last_multiple(domain, step) * step


def quantum(domain: Any) -> float | None:
    """The step of a quantised range (`quniform`, `qrandint`, ...); `None` for every other domain."""
    sampler = domain.get_sampler()
    return sampler.q if isinstance(sampler, Quantized) else None


def values(domain: Any) -> list[Any] | None:
    """Every value the domain can give, or `None` where that is a continuum or more than `ENUMERABLE`."""
    listed = choices(domain)
    if listed is not None:
        return listed
    ends, step = bounds(domain), quantum(domain)
    if ends is None or (step is None and not isinstance(domain, Integer)):
        return None
    step = step or 1
    first, last = round(ends[0] / step), round(ends[1] / step)
    return [domain.cast(k * step) for k in range(first, last + 1)] if last - first < ENUMERABLE else None


def signature(domain: Any) -> tuple[str, tuple[float, ...]]:
    """The function of `ray.tune` that makes this range, and its arguments: ("loguniform", (0.001, 0.1))."""
    sampler, step = domain.get_sampler(), quantum(domain)
    inner = sampler.get_sampler() if isinstance(sampler, Quantized) else sampler
    tail = () if step is None else (step,)
    prefix = "q" if tail else ""
    if isinstance(inner, Normal):
        return f"{prefix}randn", (inner.mean, inner.sd, *tail)
    log = "log" if isinstance(inner, LogUniform) else ""
    kind = "randint" if isinstance(domain, Integer) else "uniform"
    return f"{prefix}{log}{kind}", (domain.lower, domain.upper, *tail)


def ranges(parameters: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Of each searched knob the function of `ray.tune` and its arguments: {"lr": ["loguniform", 0.001, 0.1]}.

    A grid is a choice here. What no seed reaches, and values that JSON has not, are left out.
    """
    found: dict[str, list[Any]] = {}
    for knob, domain in parameters.items():
        if not is_domain(domain) or is_function(domain):
            continue
        listed = choices(domain)
        kind, values = signature(domain) if listed is None else ("choice", tuple(listed))
        finite = all(not isinstance(value, float) or math.isfinite(value) for value in values)
        if finite and all(isinstance(value, str | int | float | bool) for value in values):
            found[knob] = [kind, *values]
    return found


# As Ray does: a bound within rounding of a multiple is that multiple.
def _first_multiple(domain: Any, step: float) -> int:
    scaled = domain.lower / step
    return int(round(scaled) if math.isclose(scaled, round(scaled)) else math.ceil(scaled))


def _last_multiple(domain: Any, step: float) -> int:
    scaled = domain.upper / step
    return int(round(scaled) if math.isclose(scaled, round(scaled)) else math.floor(scaled))
