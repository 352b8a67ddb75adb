"""Policies judged on tables of real trainings, written to results/policies.md.

    python -m benchmarks.policies build [TABLE ...] [--images CIFAR_FOLDER] [--jobs 2] [--configurations 64]
    python -m benchmarks.policies [--bootstraps 500] [--workers 4]
    python -m benchmarks.policies sampling [--repetitions 40]
    python -m benchmarks.policies live --storage FOLDER [--seeds 5]

`build` trains what is missing; `cifar-crops` needs the images of CIFAR-10 as files, train/CLASS/*.jpg and test/CLASS/*.jpg.
`sampling` and `live` write a result of their own, policies-sampling.md and policies-live.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    from benchmarks.policies import live, sampling

    apart = {"sampling": sampling.main, "live": live.main}
    if arguments and arguments[0] in apart:
        apart[arguments[0]](arguments[1:])
    else:
        _tables(arguments)


def _tables(arguments: list[str]) -> None:
    from benchmarks.policies.build import CONFIGURATIONS, SOURCES, build
    from benchmarks.policies.report import report

    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstraps", type=int, default=500)
    parser.add_argument("--workers", type=int, default=4)
    verbs = parser.add_subparsers(dest="verb")
    building = verbs.add_parser("build")
    building.add_argument("tables", nargs="*", metavar="TABLE")
    building.add_argument("--images", type=Path)
    building.add_argument("--jobs", type=int, default=2)
    building.add_argument("--configurations", type=int, default=CONFIGURATIONS)
    given = parser.parse_args(arguments)
    if given.verb is None:
        print(report(given.bootstraps, given.workers))
        return
    for name in given.tables or SOURCES:
        if SOURCES[name].images and given.images is None:
            print(f"{name} left out: give --images")
        else:
            print(build(name, given.images, given.jobs, given.configurations))


if __name__ == "__main__":
    main(sys.argv[1:])
