"""The records of a simulated search: the rule itself, on made-up curves, costs and a start-up, without any training."""

import heapq
import random

from tests.tuner.experiments import made_up
from tuner.rules import asha


def search(
    *, trials, epochs, reduction, concurrent, seed, startup=40.0, step=30.0, spread=2.0, overhead=0.5, noise=0.1
):
    """(manifest, records) of a whole search.

    Args:
        concurrent: trials at the same time.
        startup: seconds before the first epoch begins.
        step: seconds of a typical step; those of a trial differ from it by at most the factor `spread`.
        overhead: seconds between two steps.
        noise: of a median, where the trials differ by a standard deviation of 1.
    """
    draw = random.Random(seed)
    rungs = list(asha.rungs(epochs, 1, reduction))
    budget = {"epochs": epochs, "grace": 1, "reduction": reduction, "trials": trials, "replicates": 5}
    manifest = made_up(budget=budget, rungs=rungs)
    records = [
        {"event": "trial", "time": 0.0, "trial": index, "baseline": index == 0, "config": {}} for index in range(trials)
    ]
    records.append({"event": "session", "time": 0.0, "action": "start", "pid": 1, "host": "node"})
    quality = [draw.gauss(0, 1) for _ in range(trials)]
    cost = [step * spread ** draw.uniform(-1, 1) for _ in range(trials)]
    recorded = {rung: [] for rung in rungs}
    waiting = list(range(trials))
    busy = []  # (when the present step ends, trial, its epoch, seconds of the step)

    def begin(trial, epoch, now):
        seconds = cost[trial] * draw.uniform(0.9, 1.1)
        heapq.heappush(busy, (now + seconds + overhead, trial, epoch, seconds))

    def start(now):
        if waiting:
            trial = waiting.pop(0)
            records.append({"event": "start", "time": now, "trial": trial, "epoch": 0})
            begin(trial, 1, now)

    for _ in range(concurrent):
        start(startup)
    while busy:
        now, trial, epoch, seconds = heapq.heappop(busy)
        value = quality[trial] + draw.gauss(0, noise)
        epoch_record = {"event": "epoch", "time": now, "trial": trial, "epoch": epoch, "replicates_ok": 5}
        epoch_record |= {"epoch_seconds": seconds, "step_seconds": seconds}
        records.append(epoch_record | {"metrics": {"val_accuracy": {"median": value, "values": [value] * 5}}})
        status = "completed" if epoch == epochs else None
        if epoch in recorded and status is None:
            decision = asha.decide(recorded[epoch], value, reduction)
            recorded[epoch].append(value)
            action = "continue" if trial == 0 else decision.action
            records.append(
                {
                    "event": "decision",
                    "time": now,
                    "trial": trial,
                    "epoch": epoch,
                    "rung": epoch,
                    "action": action,
                    "value": value,
                }
            )
            status = "stopped" if action == "stop" else None
        if status is None:
            begin(trial, epoch + 1, now)
        else:
            records.append({"event": "end", "time": now, "trial": trial, "status": status, "epoch": epoch})
            start(now)
    return manifest, records
