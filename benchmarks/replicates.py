"""Epoch seconds and images per second of one and of five replicates: what a fused execution of replicates must beat.

    python -m benchmarks.replicates --dataset folder:PATH --arch resnet18 --epochs 3 --save benchmarks/results/NAME.json

Runs without Ray, on the GPU when there is one. The first epoch of each is a warm-up and not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from benchmarks.harness import hardware
from trainables.trial.lockstep import LockStep


def measure(knobs: dict[str, object], replicates: int, device: str) -> dict[str, float]:
    """Medians over the epochs after the first."""
    trial = LockStep("blur", knobs, replicates=replicates, device=device)
    results = []
    while not trial.finished:
        results.append(trial.step())
    counted = results[1:]
    return {
        "replicates": replicates,
        "epochs_counted": len(counted),
        "epoch_seconds": statistics.median(result["epoch_seconds"] for result in counted),
        "images_per_second": statistics.median(result["images_per_second"] for result in counted),
        "val_accuracy": results[-1]["val_accuracy"],
        "peak_gpu_gib": torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0.0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--arch", default="small_cnn")
    parser.add_argument("--mode", default="mix")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    knobs = {name: getattr(options, name) for name in ("dataset", "arch", "mode", "batch_size", "epochs")}
    report = {
        "date": time.strftime("%Y-%m-%d"),
        "hardware": torch.cuda.get_device_name() if device == "cuda" else hardware(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "knobs": knobs,
        "measured": [measure(knobs, replicates, device) for replicates in (1, 5)],
    }
    text = json.dumps(report, indent=2)
    print(text)
    if options.save is not None:
        options.save.write_text(text + "\n")


if __name__ == "__main__":
    main()
