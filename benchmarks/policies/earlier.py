"""The figures of an earlier replay, by another program on other tables, beside those of this one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.policies.judge import Judgment
from benchmarks.policies.simulate import Policy

SEARCHES = 100  # 80 to 150 were bootstrapped
# Policy -> table -> cost, regret in points, P.
FIGURES: dict[Policy, dict[str, tuple[float, float, float]]] = {
    Policy(): {"digits": (0.196, 0.08, 0.89), "cifar-crops": (0.186, 0.19, 0.91)},
    Policy("asha", 4.0): {"digits": (0.177, 0.08, 0.89), "cifar-crops": (0.170, 0.10, 0.95)},
    Policy("promotion", 4.0): {"digits": (0.128, 0.08, 0.94), "cifar-crops": (0.140, 0.24, 0.88)},
    Policy("promotion", 4.0, 1, (1, 1, 3, 5)): {"digits": (0.070, 0.12, 0.87), "cifar-crops": (0.083, 0.50, 0.77)},
    Policy("promotion", 4.0, 1, (1, 3, 5)): {"digits": (0.096, 0.06, 0.94), "cifar-crops": (0.112, 0.37, 0.81)},
    Policy("asha", 3.0, 1, (2, 2, 2, 5), race=1.0): {"digits": (0.163, 0.07, 0.91), "cifar-crops": (0.169, 0.17, 0.91)},
    Policy("asha", 3.0, 3, (1, 2, 5)): {"digits": (0.227, 0.07, 0.90), "cifar-crops": (0.242, 0.05, 0.94)},
    Policy("promotion", 9.0, 9, (1, 5)): {"digits": (0.121, 0.07, 0.93), "cifar-crops": (0.169, 0.21, 0.91)},
    Policy("asha", 3.0, 27, (1,)): {"digits": (0.20, 0.46, 0.48)},
}


def compared(judged: Mapping[str, Sequence[Judgment]]) -> list[str]:
    """A section: cost, regret and P then and now, and by how many standard errors P differs."""
    lines = [
        "## Against an earlier replay",
        "",
        "Then: 96 configurations of digits and 42 of CIFAR-10 crops, 80 to 150 bootstraps, 4 workers, another program; the",
        "error of a regret is 0.02 to 0.08 points. Now: the tables below. Apart: the difference of P in standard errors of",
        "both bootstraps; that the tables have other configurations is in none of them.",
        "",
        "| policy | table | cost then | now | regret then | now | P then | now | apart |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for policy, figures in FIGURES.items():
        for name, (cost, regret, chance) in figures.items():
            for one in (each for each in judged.get(name, ()) if each.policy == policy):
                error = math.hypot(one.within_error, math.sqrt(chance * (1 - chance) / SEARCHES))
                lines.append(
                    f"| {policy.name} | {name} | {cost:.1%} | {one.cost:.1%} | {regret:.2f} | {one.regret:.2f} | "
                    f"{chance:.2f} | {one.within:.2f} | {(one.within - chance) / error:+.1f} |"
                )
    return [*lines, ""]
