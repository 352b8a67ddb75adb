"""How two knobs act together: what the forest predicts over the plane of both, and how much of it neither does alone.

The prediction is the partial dependence (Friedman, "Greedy function approximation", Annals of Statistics 29, 2001): its mean
over all trials, with the two knobs set as the cell says. The share that neither knob does alone is Friedman's and Popescu's
H^2 over the cells ("Predictive learning via rule ensembles", Annals of Applied Statistics 2, 2008).
"""

from __future__ import annotations

import functools
from typing import Any

CELLS = 6  # a side
TREES = 50


@functools.lru_cache(maxsize=16)
def _together(rows: tuple[tuple[float, ...], ...], targets: tuple[float, ...], pair: tuple[int, int]) -> dict[str, Any]:
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    features, objective = np.array(rows), np.array(targets)
    forest = RandomForestRegressor(TREES, random_state=0).fit(features, objective)
    sides = [_side(sorted(set(features[:, at].tolist()))) for at in pair]
    seen = features[np.linspace(0, len(features) - 1, min(len(features), 200)).astype(int)]
    asked = np.tile(seen, (len(sides[0]) * len(sides[1]), 1))
    cells = [(first, second) for second in sides[1] for first in sides[0]]
    asked[:, list(pair)] = np.repeat(np.array(cells), len(seen), axis=0)
    means = forest.predict(asked).reshape(len(cells), len(seen)).mean(axis=1).reshape(len(sides[1]), len(sides[0]))
    centred = means - means.mean()
    alone = centred.mean(axis=0, keepdims=True) + centred.mean(axis=1, keepdims=True)
    total = float((centred**2).sum())
    return {
        "values": sides,
        "means": [[float(f"{mean:.5g}") for mean in row] for row in means.tolist()],
        "share": float(((centred - alone) ** 2).sum()) / total if total > 0 else 0.0,
    }


def together(rows: tuple[tuple[float, ...], ...], targets: tuple[float, ...], pair: tuple[int, int]) -> dict[str, Any]:
    """Keys: values (of the first and of the second knob, at most six each, all of them codes that trials have), means (a
    list a value of the second knob), share (of the variance over the cells, 0 to 1, that neither knob explains alone).

    Args:
        rows: the knobs of each trial as numbers.
        targets: its objective.
        pair: the positions of the two knobs in a row.
    """
    return dict(_together(rows, targets, pair))


def _side(values: list[float]) -> list[float]:
    """All values, or so many of them, evenly among their order."""
    if len(values) <= CELLS:
        return values
    return [values[round(at * (len(values) - 1) / (CELLS - 1))] for at in range(CELLS)]
