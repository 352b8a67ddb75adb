"""The report of a large search: seconds to write it, megabytes, and how fast Chromium opens and sorts it.

    python -m benchmarks.report [REPEATS]

The records are made up, with 5 replicates and six metrics: 60 trials x 27 epochs judged by ASHA, and 1,000 trials x 100
epochs, once judged by ASHA and once with nothing stopped (the largest page there can be). Reading the records and measuring
the knobs' importance count as writing.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.harness import hardware
from tests.tuner.browser import chromium
from tuner import report
from tuner.records import manifest as manifests
from tuner.records.lines import RecordWriter
from tuner.records.paths import ExperimentPaths
from tuner.report import importance
from tuner.rules import ranking
from tuner.rules.judge import Judge
from tuner.rules.rule import rule_of

REPLICATES = 5
METRICS = ("val_accuracy", "val_loss", "train_accuracy", "train_loss")
MODES = ("normal", "all", "mix", "random-mix", "single-step")
REPEATS = 3
SIZES = {
    "60 trials, ASHA": {"trials": 60, "epochs": 27},
    "1,000 trials, ASHA": {},
    "1,000 trials, nothing stopped": {"grace": 100},
}


def generate(folder: Path, *, trials: int = 1000, epochs: int = 100, grace: int = 1, seed: int = 0) -> ExperimentPaths:
    """Write a made-up finished experiment, decided by the real judge, in a new folder, and return its paths.

    A trial's curve rises to a level that depends on its lr, momentum and mode; its replicates lie around it.
    """
    draw = random.Random(seed)
    configs = [_config(draw, epochs) for _ in range(trials)]
    folder.mkdir(parents=True)
    paths = ExperimentPaths(folder)
    manifest = _manifest(paths.name, trials, epochs, grace, configs[0])
    writer = RecordWriter(paths.records)
    judge = Judge(rule_of(manifest), writer)
    manifests.write(paths.manifest, manifest)
    for index, config in enumerate(configs):
        writer.write({"event": "trial", "trial": index, "baseline": index == 0, "config": config})
    writer.write({"event": "session", "action": "start", "pid": 1, "host": "node"})
    for index, config in enumerate(configs):
        writer.write({"event": "start", "trial": index, "epoch": 0})
        for result in _results(draw, config, epochs):
            if judge.observe(index, result) == "stop":
                break
    writer.write({"event": "session", "action": "end", "outcome": "finished"})
    writer.close()
    return paths


def _config(draw: random.Random, epochs: int) -> dict[str, Any]:
    mode = draw.choice(MODES)
    return {
        "mode": mode,
        "lr": 10 ** draw.uniform(-4, -0.5),
        "momentum": draw.uniform(0.5, 0.99),
        "weight_decay": 10 ** draw.uniform(-6, -2),
        "batch_size": draw.choice([32, 64, 128, 256]),
        **({} if mode == "normal" else {"sigma": draw.choice([0.5, 1.0, 2.0, 4.0])}),
        "arch": "small_cnn",
        "dataset": "digits",
        "epochs": epochs,
    }


def _manifest(name: str, trials: int, epochs: int, grace: int, baseline: dict[str, Any]) -> manifests.Manifest:
    budget = {"epochs": epochs, "grace": grace, "reduction": 3, "trials": trials, "replicates": REPLICATES}
    content = {
        "name": name,
        "family": "blur",
        "space": "made-up",
        "seed": 0,
        "objective": {"metric": "val_accuracy", "mode": "max"},
        "budget": {**budget, "cpus_per_trial": 1.0, "gpus_per_trial": 0.0},
        "rungs": list(ranking.rungs(epochs, grace, 3)),
        "protocol": {"dataset": "digits", "selection": "holdout"},
        "baseline": baseline,
        "published": [],
    }
    return manifests.of(content)


def _results(draw: random.Random, config: dict[str, Any], epochs: int) -> Iterator[dict[str, Any]]:
    """What `LockStep.step` returns, epoch by epoch."""
    level = 0.95 - 0.06 * abs(statistics.fmean([config["lr"], 0.02]) - 0.02) - 0.05 * MODES.index(config["mode"])
    level -= 0.2 * abs(config["momentum"] - 0.9)
    offsets = [draw.gauss(0, 0.01) for _ in range(REPLICATES)]
    pace = draw.uniform(3, 15)
    for epoch in range(1, epochs + 1):
        accuracy = [level * (1 - 0.8 * 2 ** (-epoch / pace)) + o + draw.gauss(0, 0.004) for o in offsets]
        values = {name: accuracy if "accuracy" in name else [2.3 * (1 - a) for a in accuracy] for name in METRICS}
        if epoch == epochs:
            values |= {"test_accuracy": accuracy, "val_accuracy_sigma_2": [a - 0.1 for a in accuracy]}
        result: dict[str, Any] = {
            "epoch": epoch,
            "replicates_ok": REPLICATES,
            "learning_rate": config["lr"],
            "scalars": {},
            "epoch_seconds": 0.5,
            "images_per_second": 5000.0,
            "diverged": False,
            "finished": epoch == epochs,
            "metrics": list(values),
            "failures": [],
        }
        for name, found in values.items():
            result |= {name: statistics.median(found), f"{name}_values": found}
        yield result


def _opened(page: Path) -> dict[str, float]:
    """Seconds in Chromium: to the first screen, to its chart, to open the leaderboard, to sort it, to draw the curves."""
    with chromium() as browser:
        seconds = {}
        start = time.perf_counter()
        browser.get(page.as_uri())
        browser.find_element("id", "headline")
        seconds["open"] = time.perf_counter() - start
        seconds["first chart"] = seconds["open"] + browser.execute_async_script(
            "const done = arguments[0], start = performance.now();"
            "(function look() { document.querySelector('#overview .main-svg')"
            "? done((performance.now() - start) / 1000) : setTimeout(look, 10) })()"
        )
        for name, script in {
            "leaderboard": "document.getElementById('tab-leaderboard').click()",
            "sort": "document.querySelector('[data-column=\"lr\"]').click()",
            "filter": "const box = document.getElementById('leaderboard-filter'); box.value = 'lr<0.01';"
            "box.dispatchEvent(new Event('input'))",
        }.items():
            # Two frames later what the click asked for is on the screen.
            seconds[name] = browser.execute_async_script(
                f"const done = arguments[0], start = performance.now(); {script};"
                "requestAnimationFrame(() => requestAnimationFrame(() => done((performance.now() - start) / 1000)))"
            )
        seconds["curves"] = browser.execute_async_script(
            "const done = arguments[0], start = performance.now(); document.getElementById('tab-curves').click();"
            "(function look() { document.querySelector('#curves .main-svg .scatterlayer path')"
            "? done((performance.now() - start) / 1000) : setTimeout(look, 10) })()"
        )
        return seconds


def main() -> None:
    console = Console(width=130)
    console.print(f"{hardware()}; {time.strftime('%Y-%m-%d')}")
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    table = Table(title=f"Reports with 5 replicates, medians of n = {repeats}", title_justify="left")
    columns = (
        "records",
        "epochs",
        "write s",
        "CPU s",
        "MB",
        "open s",
        "first chart",
        "leaderboard",
        "sort",
        "filter",
        "curves",
    )
    for column in columns:
        table.add_column(column, justify="left" if column == "records" else "right")
    with tempfile.TemporaryDirectory() as storage:
        for name, size in SIZES.items():
            paths = generate(Path(storage) / name.replace(" ", "-"), **size)
            page = Path(storage) / f"{paths.name}.html"
            written, cpu, opened = [], [], []
            for _ in range(repeats):
                importance.measure.cache_clear()  # a page that is written once has nothing to remember
                start, began = time.perf_counter(), time.process_time()
                report.write(paths, page)
                written.append(time.perf_counter() - start)
                cpu.append(time.process_time() - began)
                opened.append(_opened(page))
            epochs = sum('"event": "epoch"' in line for line in paths.records.read_text().splitlines())
            seconds = [statistics.median(found[key] for found in opened) for key in opened[0]]
            table.add_row(
                name,
                str(epochs),
                f"{statistics.median(written):.1f}",
                f"{statistics.median(cpu):.1f}",
                f"{page.stat().st_size / 1e6:.1f}",
                *(f"{value:.2f}" for value in seconds),
            )
    console.print(table)


if __name__ == "__main__":
    main()
