"""A search under fire: SIGKILLs at random moments to its driver, its workers and its raylets, against one left alone.

    python -m benchmarks.survival --kills 50 --save benchmarks/results/survival.md

Every epoch's medians must be bit-equal to those of the uninterrupted run (which stops no trial, so that it has them all),
every decision must follow from the recorded order, and no trial may be lost. Real raylets, one machine, GPUs that Ray
counts and nobody has. The next kill comes one to four epochs later, whether or not the last one has been recovered from.
Recovery: seconds from a kill to the next new epoch of a trial it hit. Lost: epochs that were trained again.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.harness import hardware
from benchmarks.raylets import Raylets
from tests.tuner.searches import count_epochs, medians, options, repeats, run, start
from tuner.records.lines import Record, read
from tuner.records.manifest import read as read_manifest
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History
from tuner.rules.rule import rule_of
from tuner.rules.verify import contradictions

KINDS = ("driver", "worker", "raylet")
STALLED = 600.0  # seconds without a new epoch: not a matter of a slow machine any more


@dataclass
class Soak:
    """What a search went through, and what became of it."""

    trials: int
    kills: list[tuple[str, float]] = field(default_factory=list)  # kind, unix time
    recoveries: dict[str, list[float]] = field(default_factory=dict)  # kind -> seconds
    seconds: float = 0.0
    epochs: int = 0
    lost_epochs: int = 0
    failed_trials: list[int] = field(default_factory=list)
    unlike: list[tuple[int, int]] = field(
        default_factory=list
    )  # (trial, epoch) whose medians differ from the reference
    contradictions: list[str] = field(default_factory=list)

    @property
    def unharmed(self) -> bool:
        """Whether nothing was lost and nothing differs."""
        return not (self.failed_trials or self.unlike or self.contradictions)


def soak(storage: Path, raylets: Raylets, *, kills: int, trials: int, epochs: int, seed: int = 0) -> Soak:
    """Run the search left alone and then the one under fire, killed that often unless it has finished before.

    A finished search `alone` that is in the storage already is the reference.
    """
    share = ["--gpus-per-trial", 1, "--cpus-per-trial", 1, "--replicates", 3]
    alone = ExperimentPaths(storage / "alone")
    if not alone.root.exists():
        code, output = run(
            *options(storage, "alone", trials=trials, epochs=epochs), *share, "--grace", epochs, address=raylets.address
        )
        assert code == 0, output
    paths = ExperimentPaths(storage / "soaked")
    begun = time.monotonic()
    found = Soak(trials)
    arguments = [*options(storage, "soaked", trials=trials, epochs=epochs), *share, "--grace", max(1, epochs // 3)]
    driver = start(*arguments, address=raylets.address)
    resumed = ["resume", "soaked", "--storage", storage, "--checkpoint-every", 0]
    draw = random.Random(seed)
    for number in range(kills):
        _await(paths, driver, count_epochs(paths.records) + draw.randint(1, 4))
        time.sleep(draw.random())
        if driver.poll() is not None:
            print(f"the search ended after {number} of {kills} kills; more trials or epochs last longer", flush=True)
            break
        kind = draw.choice(KINDS)
        found.kills.append((kind, time.time()))
        print(f"kill {number + 1} of {kills}: {kind} at {count_epochs(paths.records)} epochs", flush=True)
        if kind == "driver":
            driver.kill()
            driver.communicate()
            driver = start(*resumed, address=raylets.address)
        elif kind == "worker":
            victims = raylets.trial_workers()
            if victims:
                with contextlib.suppress(psutil.NoSuchProcess):
                    draw.choice(victims).kill()
        else:
            raylets.kill_node(draw.randrange(len(raylets)))
            raylets.add()
    output, _ = driver.communicate()
    assert driver.returncode == 0, output
    found.seconds = time.monotonic() - begun
    _compare(found, paths, alone)
    return found


def _compare(found: Soak, paths: ExperimentPaths, alone: ExperimentPaths) -> None:
    mine, theirs = medians(paths), medians(alone)
    found.epochs, found.lost_epochs = len(mine), len(repeats(paths))
    found.unlike = [key for key, metrics in mine.items() if theirs[key] != metrics]
    found.unlike += [
        (record["trial"], record["epoch"])
        for record in repeats(paths)
        if record["metrics"] != theirs[record["trial"], record["epoch"]]
    ]
    found.recoveries = _recoveries(found.kills, list(read(paths.records)))
    history = History.load(paths)
    found.failed_trials = [
        trial.index for trial in history.trials if trial.status not in ("completed", "stopped") or not trial.is_valid
    ]
    found.contradictions = contradictions(rule_of(read_manifest(paths.manifest)), read(paths.records))


def _recoveries(kills: list[tuple[str, float]], records: list[Record]) -> dict[str, list[float]]:
    """Seconds from each kill to the next new epoch of a trial it hit; kills that another one overtook are left out."""
    found: dict[str, list[float]] = {}
    ends = [at for _, at in kills[1:]] + [float("inf")]
    for (kind, at), until in zip(kills, ends, strict=True):
        hit: set[int] | None = None if kind == "driver" else set()
        for record in records:
            if not at < record["time"] < until:
                continue
            if hit is not None and record["event"] == "error":
                hit.add(record["trial"])
            if record["event"] == "epoch" and (hit is None or record["trial"] in hit):
                found.setdefault(kind, []).append(record["time"] - at)
                break
    return found


def _await(paths: ExperimentPaths, driver: subprocess.Popen[str], epochs: int) -> None:
    """Wait until the records hold that many epochs, or the driver has ended."""
    deadline = time.monotonic() + STALLED
    while count_epochs(paths.records) < epochs and driver.poll() is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"no progress for {STALLED:g} s at {count_epochs(paths.records)} epochs")
        time.sleep(0.05)


def table(found: Soak) -> str:
    """The result as Markdown."""
    lines = [
        f"{len(found.kills)} random SIGKILLs over one search of {found.trials} trials; {hardware()}; "
        f"{time.strftime('%Y-%m-%d')}; `python -m benchmarks.survival --kills {len(found.kills)}`.",
        "",
        "| killed | times | recovered before the next kill | median | longest |",
        "|---|---|---|---|---|",
    ]
    for kind in KINDS:
        times, seconds = sum(killed == kind for killed, _ in found.kills), found.recoveries.get(kind, [])
        shown = f"{statistics.median(seconds):.0f} s | {max(seconds):.0f} s" if seconds else "- | -"
        lines.append(f"| {kind} | {times} | {len(seconds)} | {shown} |")
    lines += [
        "",
        f"{found.epochs} epochs of trials in {found.seconds / 60:.0f} min. Trained again: {found.lost_epochs}. Trials lost: "
        f"{len(found.failed_trials)}. Epochs whose medians differ from the uninterrupted run's: {len(found.unlike)}. "
        f"Decisions that do not follow from the records: {len(found.contradictions)}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=27)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--gpus", type=int, default=1, help="of each node")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--storage", type=Path, help="keep both searches in this folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Raylets(given.nodes, cpus=given.gpus, gpus=given.gpus) as raylets:
        storage = given.storage or Path(folder)
        found = soak(storage, raylets, kills=given.kills, trials=given.trials, epochs=given.epochs, seed=given.seed)
    text = table(found)
    print(text)
    if given.save is not None:
        given.save.write_text("# Survival\n\n" + text)
    if not found.unharmed:
        raise SystemExit(f"harmed: {found}")
    if len(found.kills) < given.kills:
        raise SystemExit(f"{len(found.kills)} of {given.kills} kills: give it more trials or epochs")


if __name__ == "__main__":
    main()
