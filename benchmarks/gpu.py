"""Everything to know about this project on a GPU, by one command of a few minutes, without Ray.

    python -m benchmarks.gpu --out FOLDER [--minutes 6] [--cifar cifar10-jpeg.tar.xz] [--only right,speed,...]

Phases in the order of their worth, each within its share of the minutes. Every line is written at once to
FOLDER/gpu.jsonl, so that a run which is cut short still tells. Needs torch, torchvision, NumPy and pydantic alone.
`--device cpu --tiny` is a rehearsal without a card.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import gpu_right, gpu_speed, gpu_team
from benchmarks.gpu_cases import FAMILIES, NETWORKS
from trainables.trial.lockstep import LockStep

# Tests that are skipped without a card, and nothing else.
TESTS = (
    "tests/trainables/cuda/test_on_a_card.py",
    "tests/trainables/layers/blur/test_gaussian.py",
    "tests/trainables/images/test_loaded.py",
    "tests/trainables/layers/online_norm/test_on_triton.py",
)
Rows = Iterator[dict[str, Any]]


class Report:
    """The lines of one run, and how much of its time is left."""

    def __init__(self, folder: Path, minutes: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "gpu.jsonl").open("a", encoding="utf-8")
        self._start = time.perf_counter()
        self._seconds = 60 * minutes

    @property
    def left(self) -> float:
        """Seconds."""
        return self._seconds - (time.perf_counter() - self._start)

    def say(self, phase: str, **row: Any) -> None:
        row = {"phase": phase, "at": round(time.perf_counter() - self._start, 1), **row}
        self._file.write(json.dumps(row, default=str) + "\n")
        self._file.flush()
        shown = (f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in row.items())
        print(" ".join(shown)[:300], flush=True)

    def run(self, name: str, rows: Callable[[], Rows], share: float) -> None:
        """Say every row of a phase, until `share` of all the time is spent on it or none is left."""
        start = time.perf_counter()
        produced = iter(())
        try:
            produced = rows()
            for row in produced:
                self.say(name, **row)
                if time.perf_counter() - start > share * self._seconds or self.left <= 0:
                    self.say(name, cut=f"after {time.perf_counter() - start:.0f} s")
                    break
        except Exception as error:  # the other phases tell something all the same
            self.say(name, FAILED=f"{type(error).__name__}: {error}"[:400], where=traceback.format_exc()[-900:])
        self.say("phase", name=name, seconds=time.perf_counter() - start)


def machine(device: torch.device) -> Rows:
    """Hardware and versions."""
    card = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine()
    yield {
        **{"torch": torch.__version__, "python": platform.python_version(), "card": card, "cpus": os.cpu_count()},
        "cudnn": torch.backends.cudnn.version(),
    }


def tests(device: torch.device, seconds: float) -> Rows:
    """The tests that need a card, by pytest."""
    if device.type != "cuda":
        return
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "(on_a_card or gpu or cuda_blurs or on_triton) and not compile",
    ]
    done = subprocess.run([*command, *TESTS], capture_output=True, text=True, timeout=seconds, check=False)
    yield {"code": done.returncode, "said": done.stdout[-1500:]}


def accuracy(device: torch.device, archive: Path | None, tiny: bool) -> Rows:
    """Medians over five seeds in bfloat16 and in float32: of CIFAR-10 (JPEG) where it is here, else of the digits."""
    with tempfile.TemporaryDirectory() as folder:
        dataset, epochs, knobs = "digits", 2, {"train_images": 300} if tiny else {}
        if archive is not None:
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
            os.environ["TUNER_DATA"] = f"{folder}/decoded"
            dataset, epochs, knobs = f"folder:{folder}", 8, {}
        # Epoch by epoch in turn, so that a run that is cut short has as much of each.
        trials = {
            precision: LockStep(
                "online_norm",
                {
                    **{"dataset": dataset, "depth": 8 if tiny else 20, "norm_mode": "batch", "epochs": epochs},
                    **{"augmentation": "crop-flip", "lr_schedule": "cosine", "precision": precision, **knobs},
                },
                replicates=2 if tiny else 5,
                device=device,
                strategy="graph",
            )
            for precision in ("bf16", "float32")
        }
        for _ in range(1 if tiny else epochs):
            for precision, trial in trials.items():
                result = trial.step()
                said = ("epoch", "val_accuracy", "val_accuracy_values", "train_loss", "epoch_seconds", "strategy")
                yield {"precision": precision, **{key: result[key] for key in said}}


def alike(device: torch.device, tiny: bool) -> Rows:
    """Validation accuracies of many seeds on the digits by each strategy, and how far their distributions are apart.

    That is the Kolmogorov-Smirnov distance: of two samples of 20 from one distribution 5 % are further apart than 0.42.
    """
    seeds, epochs, knobs = (2, 1, {"train_images": 100}) if tiny else (20, 5, {})
    knobs |= {"dataset": "digits", "mode": "mix", "epochs": epochs, "precision": "float32"}
    found = {}
    for strategy in ("serial", "graph"):
        trial = LockStep("blur", knobs, replicates=seeds, device=device, strategy=strategy)
        for _ in range(epochs):
            result = trial.step()
        found[strategy] = np.sort(result["val_accuracy_values"])
        said = {key: result[key] for key in ("epoch", "val_accuracy", "strategy", "strategy_reason")}
        yield {"asked": strategy, **said, "low": found[strategy][0], "high": found[strategy][-1]}
    one, other = found.values()
    below = [np.searchsorted(values, np.union1d(one, other), side="right") / seeds for values in (one, other)]
    yield {"seeds": seeds, "apart": np.abs(below[0] - below[1]).max(), "equal": bool((one == other).all())}


def main(arguments: list[str] | None = None) -> None:
    """Run the phases that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", default="", help="phases, separated by commas")
    parser.add_argument("--cifar", type=Path, default=None, help="archive of CIFAR-10 (JPEG): train/CLASS, test/CLASS")
    parser.add_argument("--tiny", action="store_true", help="a rehearsal: few cases, few steps")
    options = parser.parse_args(arguments)
    device, report = torch.device(options.device), Report(options.out, options.minutes)
    cuda, tiny = device.type == "cuda", options.tiny
    cases = FAMILIES[1:2] if tiny else FAMILIES
    network = "small CNN mix b64" if tiny else "ResNet-20/16 BN b128"
    networks = {network: NETWORKS[network]} if tiny else NETWORKS
    images = 80 if tiny else gpu_right.IMAGES
    steps = 3 if tiny else gpu_speed.STEPS
    # name -> its rows, and the share of the time that it may take
    phases: dict[str, tuple[Callable[[], Rows], float]] = {
        "machine": (lambda: machine(device), 1.0),
        "tests": (lambda: tests(device, 60), 0.2),
        "captured": (lambda: gpu_right.captured(device, cases, images), 0.2),
        "mishaps": (lambda: gpu_right.mishaps(device, images), 0.1),
        "speed": (lambda: gpu_speed.strategies(device, networks, steps), 0.45),
        "right": (lambda: gpu_right.against_the_cpu(device, cases), 0.2),
        "team": (lambda: gpu_team.against_one(device, 1 if tiny else 3), 0.15),
        "waits": (lambda: gpu_right.waits(device, cases) if cuda else iter(()), 0.1),
        "second trial": (lambda: gpu_speed.second_trial(device, 8 if tiny else 20), 0.1),
        "processes": (lambda: gpu_speed.beside_each_other(device, 2 if tiny else 5, steps, network), 0.2),
        "alike": (lambda: alike(device, tiny), 0.2),
        "accuracy": (lambda: accuracy(device, options.cifar, tiny), 0.5),
    }
    for name, (rows, share) in phases.items():
        if (not options.only or name in options.only.split(",")) and report.left > 15:
            report.run(name, rows, share)
    report.say("end", left=report.left)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")  # of this process alone: the lines of a run are what is read
    logging.disable(logging.WARNING)
    main()
