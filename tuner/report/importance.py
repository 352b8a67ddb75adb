"""How much each knob mattered: permutation importance on trials that the model has not seen, with its uncertainty.

A random forest predicts the objective from the knobs. It is fitted on four fifths of the trials and asked about the other
fifth, once as they are and once with one knob's values shuffled among them; what R2 loses is the knob's importance
(Breiman, "Random Forests", Machine Learning 45, 2001). Five folds with four shufflings each give a median and a range.
"""

from __future__ import annotations

import functools
from typing import Any

from tuner.report import interaction

FEWEST = 10  # trials
FOLDS = 5
SHUFFLES = 4
TREES = 50
_LARGEST = 1e30  # numbers beyond are taken by their order: the forest holds single precision
ABSENT = -1.0  # of a knob that a trial does not have; text is coded from 0 on


def importances(seen: dict[str, Any]) -> list[dict[str, Any]]:
    """One dictionary for each rung with at least ten trials that differ, if there are two searched knobs.

    Keys: epoch, trials, r2 (of all trials, each predicted from the folds without it), knobs (name, median, low, high of
    the loss of R2, most important first; the range holds the middle 80 %), together (how the two most important knobs
    act together, see `tuner.report.interaction`). Where `r2` is not positive the forest knows nothing, and neither do the
    importances; `together` is None then. Trials without a finite median at the rung are left out.

    Args:
        seen: what `tuner.report.knobs.knobs` returns.
    """
    names = tuple(axis["name"] for axis in seen["axes"])
    if len(names) < 2:
        return []
    columns = [_codes(axis["values"], axis["numeric"]) for axis in seen["axes"]]
    found = []
    for rung in seen["rungs"]:
        there = [i for i, median in enumerate(rung["medians"]) if median is not None]
        targets = tuple(rung["medians"][i] for i in there)
        if len(there) >= FEWEST and _vary(targets):
            rows = tuple(tuple(column[i] for column in columns) for i in there)
            measured = measure(names, rows, targets)
            together = None
            if measured["r2"] > 0:
                pair = [names.index(knob["name"]) for knob in measured["knobs"][:2]]
                told = [dict(zip(columns[at], seen["axes"][at]["values"], strict=True)) for at in pair]
                together = interaction.together(rows, targets, (pair[0], pair[1])) | {
                    "names": [names[at] for at in pair]
                }
                together["values"] = [
                    [words[code] for code in codes] for words, codes in zip(told, together["values"], strict=True)
                ]
            found.append({"epoch": rung["epoch"], "trials": len(there), **measured, "together": together})
    return found


def opens_at(seen: dict[str, Any], measured: list[dict[str, Any]]) -> int | None:
    """The position of the rung to show at first: where the forest explains most of what it has not seen; where it explains
    nothing anywhere, the one with trials enough."""
    best = max(measured, key=lambda found: found["r2"], default=None)
    if best is None or best["r2"] <= 0:
        return seen["first"]  # type: ignore[no-any-return]
    return [rung["epoch"] for rung in seen["rungs"]].index(best["epoch"])


@functools.lru_cache(maxsize=16)  # a live page asks again and again about the same trials
def measure(names: tuple[str, ...], rows: tuple[tuple[float, ...], ...], targets: tuple[float, ...]) -> dict[str, Any]:
    """The importances over trials, a row of numbers each, that reached these objectives: r2 and knobs as above."""
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold

    features, objective = np.array(rows), np.array(targets)
    variance = float(objective.var())
    generator = np.random.default_rng(0)
    errors, losses = 0.0, []
    for train, test in KFold(FOLDS, shuffle=True, random_state=0).split(features):
        forest = RandomForestRegressor(TREES, random_state=0).fit(features[train], objective[train])
        # As they are, then with each knob shuffled, several times: one question to the forest, for each has its overhead.
        asked = np.tile(features[test], (1 + SHUFFLES * len(names), 1, 1))
        for block in range(1, len(asked)):
            knob = (block - 1) // SHUFFLES
            asked[block, :, knob] = generator.permutation(asked[block, :, knob])
        predicted = forest.predict(asked.reshape(-1, len(names))).reshape(len(asked), len(test))
        missed = ((predicted - objective[test]) ** 2).sum(axis=1)
        errors += float(missed[0])
        losses.append((missed[1:] - missed[0]).reshape(len(names), SHUFFLES) / len(test) / variance)
    low, middle, high = np.quantile(np.concatenate(losses, axis=1), [0.1, 0.5, 0.9], axis=1).tolist()
    ranked = sorted(zip(names, middle, low, high, strict=True), key=lambda knob: -knob[1])
    return {
        "r2": 1 - errors / (variance * len(rows)),
        "knobs": [{"name": name, "median": m, "low": lo, "high": hi} for name, m, lo, hi in ranked],
    }


def _vary(targets: tuple[float, ...]) -> bool:
    """Whether they differ by more than a float's square can tell."""
    mean = sum(targets) / len(targets)
    return sum((target - mean) ** 2 for target in targets) > 0


def _codes(values: list[Any], numeric: bool) -> list[float]:
    """A column of numbers for the forest: trees ask only what lies above, so text is numbered in its order."""
    numbers = [value for value in values if value is not None]
    if numeric and all(abs(value) <= _LARGEST for value in numbers):
        return [ABSENT if value is None else float(value) for value in values]
    order = {text: float(code) for code, text in enumerate(sorted(set(numbers)))}
    return [ABSENT if value is None else order[value] for value in values]
