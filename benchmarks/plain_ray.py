"""Median-of-five under ASHA beside bare Ray Tune, on the same estimator: seconds, whole sets of five seeds, epochs trained.

    python -m benchmarks.plain_ray --configurations 32

Bare Ray Tune tries each configuration as five trials of a seed each, stops each by its own value under ASHA, and takes the
median over seeds afterwards: as a function, and as a class whose actors are reused.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from ray import tune
from ray.tune.schedulers import ASHAScheduler

import tuner
from search_spaces.own_code import load_experiment

EXAMPLE = Path(__file__).parent.parent / "examples" / "own_sklearn.py"
SEEDS = 5


def bare(how: str, configs: list[dict[str, Any]], epochs: int, storage: str) -> tuple[float, int, int, float]:
    """Seconds, configurations with all five seeds at the full budget, epochs trained, and the best median of those."""
    import ray

    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    start = time.perf_counter()
    ray.init(num_cpus=os.cpu_count(), include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    grid = [{**config, "index": index, "seed": seed} for index, config in enumerate(configs) for seed in range(SEEDS)]
    found = tune.Tuner(
        _function if how == "function" else _Class,
        param_space={"trial": tune.grid_search(grid)},
        tune_config=tune.TuneConfig(
            metric="error",
            mode="min",
            scheduler=ASHAScheduler(max_t=epochs, grace_period=1, reduction_factor=3),
            reuse_actors=how == "class",
        ),
        run_config=tune.RunConfig(storage_path=storage, name=how, verbose=0, stop={"training_iteration": epochs}),
    ).fit()
    ends = [(one.config["trial"]["index"], one.metrics["training_iteration"], one.metrics["error"]) for one in found]
    frame = pandas.DataFrame(ends, columns=["index", "epoch", "error"])
    whole = frame[frame["epoch"] == epochs].groupby("index")["error"].agg(["count", "median"])
    whole = whole[whole["count"] == SEEDS]
    seconds = time.perf_counter() - start
    ray.shutdown()
    return seconds, len(whole), int(frame["epoch"].sum()), float(whole["median"].min()) if len(whole) else float("nan")


def _made(config: dict[str, Any]) -> Any:
    from trainables.seeding import ReplicateSeed

    spec = importlib.util.spec_from_file_location("own_sklearn", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Linear(config["trial"], ReplicateSeed.of(0, config["trial"]["seed"]), "cpu")


def _function(config: dict[str, Any]) -> None:
    trained = _made(config)
    for _ in range(config["trial"]["epochs"]):
        tune.report(trained.epoch())


class _Class(tune.Trainable):
    def setup(self, config: dict[str, Any]) -> None:
        self.trained = _made(config)

    def step(self) -> dict[str, Any]:
        return self.trained.epoch()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.trained = _made(new_config)
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        np.save(Path(checkpoint_dir) / "none.npy", 0)

    def load_checkpoint(self, checkpoint: str) -> None:
        pass


def ours(configurations: int, storage: str) -> tuple[float, int, int, float]:
    """The same of `tuner.search`."""
    start = time.perf_counter()
    found = tuner.search(EXAMPLE, trials=configurations, storage=storage, name="ours", show=False)
    seconds = time.perf_counter() - start
    trials = found.history.trials
    whole = [trial for trial in trials if trial.last_epoch == found.history.budget and trial.replicates_ok == SEEDS]
    best = min(trial.median(trial.last_epoch) or 1.0 for trial in whole)
    return seconds, len(whole), SEEDS * sum(len(trial.epochs) for trial in trials), best


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configurations", type=int, default=32)
    count = parser.parse_args().configurations
    space = load_experiment(EXAMPLE)
    configs = space.configurations(0, count)
    with tempfile.TemporaryDirectory() as storage:
        rows = {"tuner.search": ours(count, storage)}
        for how in ("function", "class"):
            rows[f"bare Ray Tune, {how}"] = bare(how, configs, space.budget.epochs, storage)
    print(
        "| | seconds | configurations with all five seeds | epochs trained | best median of those |\n|---|---|---|---|---|"
    )
    for name, (seconds, whole, epochs, best) in rows.items():
        print(f"| {name} | {seconds:.0f} | {whole} | {epochs} | {best:.4f} |")


if __name__ == "__main__":
    main()
