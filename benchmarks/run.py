"""Every benchmark in turn, each in a process of its own: `make bench`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = (
    "blur",
    "augmentation",
    "decode",
    "replicates",
    "layout",
    "response_norm",
    "online_norm",
    "online_norm_step",
    "bn_only_step",
    "bn_only_memory",
    "bn_only_packing",
    "deconv_root",
    "deconv_step",
    "whitening_precision",
    "replay",
    "plain_ray",
    "policies",
    "service",
    "storage",
    "report",
    "listing",
    "survival",
)
# Those with a `main` of their own that `make bench` leaves out, and why.
LEFT_OUT = {
    "run": "it is `make bench` itself",
    "gpu": "needs a card",
    "start": "compares with another checkout, which it is given",
    "screenshots": "it measures nothing: pictures for the README",
    "gpu_speed": "a phase of gpu, started by it in a process of its own",
}


def main() -> None:
    root = Path(__file__).parent.parent
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=root, check=True)


if __name__ == "__main__":
    main()
