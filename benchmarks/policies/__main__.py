"""Policies judged on tables of real trainings, written to results/policies.md.

    python -m benchmarks.policies build [TABLE ...] [--images CIFAR_FOLDER] [--jobs 2]
    python -m benchmarks.policies [--bootstraps 500]

`build` trains what is missing; `cifar-crops` needs the images of CIFAR-10 as files, train/CLASS/*.jpg and test/CLASS/*.jpg.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    from benchmarks.policies.build import SOURCES, build

    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb")
    building = verbs.add_parser("build")
    building.add_argument("tables", nargs="*", choices=[[], *SOURCES])
    building.add_argument("--images", type=Path)
    building.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args(arguments)
    if given.verb == "build":
        for name in given.tables or SOURCES:
            if SOURCES[name].images and given.images is None:
                print(f"{name} left out: give --images")
            else:
                print(build(name, given.images, given.jobs))


if __name__ == "__main__":
    main(sys.argv[1:])
