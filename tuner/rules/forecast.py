"""How much a search is expected to train: a rule driven over made-up trials, and the epochs that are ahead of a trial."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tuner.rules.rule import BASELINE, DEFAULT, Rule
from tuner.rules.rungs import Rungs

SIMULATED_TRIALS = 200  # a longer search is simulated at this length and scaled
SIMULATIONS = 100


def expected_trials(
    trials: int, rungs: int, reduction: float, *, baseline: bool = True, rule: str = DEFAULT
) -> list[float]:
    """How many trials of a bracket are expected to train each stage; the first element is `trials`.

    The mean over random arrival orders of the rule itself. ASHA lets the first arrivals pass, and promotion those that are
    the best until better ones come: more than trials / reduction^k. A trial keeps its rank from rung to rung, so late survivors
    are good ones, and the estimate errs on the side of more training. The `baseline`, if it is among them, is compared like
    the others but goes on.

    Args:
        trials: of the bracket.
        rungs: how many, the full budget included.
        reduction: larger than 1.
        baseline: whether one of them is the baseline.
        rule: its name.
    """
    simulated = min(trials, SIMULATED_TRIALS)
    generator = random.Random(0)
    totals = [0] * rungs
    for _ in range(SIMULATIONS):
        # The baseline would be trial 0. It is launched first, and its rank is as random as any.
        ranks = generator.sample(range(simulated), simulated)
        for stage, count in enumerate(_stages(ranks, rungs, reduction, baseline, rule)):
            totals[stage] += count
    # The baseline reaches every rung; only the others scale.
    exempt = int(baseline)
    scale = (trials - exempt) / (simulated - exempt) if simulated > exempt else 0.0
    return [exempt + (total / SIMULATIONS - exempt) * scale for total in totals]


def _stages(ranks: Sequence[int], rungs: int, reduction: float, baseline: bool, rule: str) -> list[int]:
    """How many of the trials with these ranks, in order of arrival, train each stage."""
    # Rungs are counted here, so where they lie does not matter.
    known = Rule("rank", "max", rungs, 1, reduction, name=rule)
    memory = Rungs(known, levels=range(1, rungs), exempt=BASELINE if baseline else None)
    alive = list(range(len(ranks)))
    counts = [len(alive)]
    for level in memory.levels:
        survivors = []
        for trial in alive:
            decision = memory.place(trial, "", level, ranks[trial])
            survivors += [trial] * (decision.action == "continue") + list(decision.released)
        alive = survivors
        counts.append(len(alive))
    return counts


def expected_epochs(epoch: int, rungs: Sequence[int], reduction: float, *, exempt: bool = False) -> float:
    """The epochs that a trial at `epoch` is expected to cost yet, if a rung lets 1 / `reduction` of those who arrive go on.

    `rungs` ends with the full budget. A trial standing on a rung is taken to have passed it; an exempt one passes all. Where
    trials wait, it may be another one that its arrival lets go on, and a trial that waits costs nothing by itself.
    """
    expected, share = 0.0, 1.0
    for rung in rungs:
        if rung > epoch:
            expected += share * (rung - epoch)
            epoch = rung
            share /= 1 if exempt else reduction
    return expected
