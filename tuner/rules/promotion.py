"""Successive halving with promotion: a trial waits at its rung until it is among the best of those that arrived there.

Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2. Of the n trials that
have arrived at a rung the best floor(n / reduction) go on; the others wait with their checkpoints, and each further arrival
may let one of them go on. Who has gone on stays gone on, though better ones come later. A worker that is free takes the
trial promoted from the highest rung, and a new configuration only where there is none (`tuner.experiment.dispatch`).

Each arrival frees one worker and lets at most one trial go on, itself or one that waits, so whoever is promoted starts at
once: promoting on arrival is promoting when a worker asks, as the algorithm is written (a test compares the two). Only the
baseline, which never waits, may keep its worker while another one is promoted; that one then starts on the next.
"""

from __future__ import annotations

import math

from tuner.rules.rule import Action, Arrival, Rung, Told


class Promotion:
    """The rule as `Algorithm`."""

    title = "promotion"
    summary = "lets what is not among the best wait until it is"
    pauses = True

    def arrive(self, rung: Rung, arrival: Arrival) -> Told:
        count = len(rung.values) + 1
        kept = math.floor(count / rung.rule.reduction + 1e-9)  # 10 / (10 / 3) is a hair less than 3
        place = 1 + rung.not_worse(arrival.value)
        joins = place <= kept and math.isfinite(arrival.value)
        best = rung.top(kept - 1 if joins else kept)
        values = [rung.values[trial] for trial in best]
        if joins:
            values.insert(place - 1, arrival.value)
        limit = f"{count}{rung.within}; {_best(kept)}"
        action: Action = "continue" if joins else "wait"
        reason = f"rung {rung.epoch}: {rung.shown(arrival.value)} is place {place} of {limit}"
        released = {
            trial: f"rung {rung.epoch}: {rung.shown(rung.values[trial])} is place {number} of {limit}"
            for number, trial in enumerate(best, start=1)
            if trial in rung.waiting
        }
        return Told(action, values[-1] if values else None, count, reason, released)


RULE = Promotion()


def _best(kept: int) -> str:
    if kept == 0:
        return "none goes on yet"
    return "the best one goes on" if kept == 1 else f"the best {kept} go on"
