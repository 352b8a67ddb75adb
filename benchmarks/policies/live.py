"""Live searches of digits, today's rule against a cheaper policy: the same configurations, the winners confirmed on fresh seeds.

    python -m benchmarks.policies live --storage FOLDER [--seeds 5] [--trials 64]

Real training and a Ray of its own for each search. Interrupted, it goes on where it was: what is finished in the folder stays,
what is not is resumed. It writes what is there to results/policies-live.md after each search.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import hardware
from benchmarks.policies.policies import RECOMMENDED, TODAY
from benchmarks.policies.simulate import Policy
from tuner.records.paths import ExperimentPaths
from tuner.results.early_stopping import EarlyStopping
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard

RESULT = Path(__file__).parents[1] / "results" / "policies-live.md"
EPOCHS = 27
FRESH = 1000  # what is added to the seed of a search for its confirmation
SPACE = ("--set", "image_size=8", "--set", "train_images=250", "--set", "batch_size=choice(64,128)")


@dataclass(frozen=True)
class Search:
    """One finished search with its confirmation.

    Attributes:
        epochs: of single seeds that were trained.
        seconds: of the sessions, what Ray takes to start included.
        training: seconds that its trials trained, added up.
        winner: its trial.
        confirmed: the median of the winner on fresh seeds.
        test: the same on the test set, which is larger than the holdout that selects.
    """

    epochs: int
    seconds: float
    training: float
    winner: int
    confirmed: float
    test: float


def options(policy: Policy) -> list[str]:
    """The policy as options of `tuner launch`."""
    found = ["--rule", policy.rule, "--reduction", f"{policy.reduction:g}", "--grace", str(policy.grace)]
    return found + (["--seeds", ",".join(map(str, policy.seeds))] if len(policy.seeds) > 1 else [])


def search(policy: Policy, seed: int, trials: int, storage: Path) -> Search:
    """Run a search and its confirmation, or what is left of them."""
    paths = ExperimentPaths(storage / f"{policy.rule}-{policy.reduction:g}-{seed}")
    where = ["--storage", str(storage)]
    if not paths.manifest.exists():
        size = ["--epochs", str(EPOCHS), "--trials", str(trials), "--seed", str(seed)]
        _tuner("launch", "blur", "--space", "smoke", "--name", paths.name, *where, *size, *SPACE, *options(policy))
    elif not _finished(paths):
        _tuner("resume", paths.name, *where)
    if not (paths.confirmation.manifest.exists() and _finished(paths.confirmation)):
        _tuner("confirm", paths.name, *where, "--top", "1", "--seed", str(seed + FRESH))
    history = History.load(paths)
    winner = next(row.trial for row in Leaderboard(history).rows if row.valid and not row.baseline)
    again = History.load(paths.confirmation).trial(winner)
    assert again is not None, paths.confirmation.root
    confirmed, test = again.median(EPOCHS), again.median(EPOCHS, "test_accuracy")
    assert confirmed is not None, paths.confirmation.root
    assert test is not None, paths.confirmation.root
    trained = EarlyStopping.of(history).replicate_epochs
    return Search(trained, history.seconds, sum(trial.seconds for trial in history.trials), winner, confirmed, test)


def _finished(paths: ExperimentPaths) -> bool:
    return all(trial.has_ended for trial in History.load(paths).trials)


def _tuner(*arguments: str) -> None:
    print("tuner", *arguments, flush=True)
    subprocess.run([sys.executable, "-m", "tuner", *arguments], check=True, stdout=subprocess.DEVNULL)


def write(found: dict[int, dict[Policy, Search]], trials: int) -> None:
    """What is there, a row for each experiment seed that both have."""
    both = {seed: each for seed, each in found.items() if len(each) == 2}
    lines = [
        "# Live: today's rule against a cheaper policy",
        "",
        f"* Date: {time.strftime('%Y-%m-%d')}. Hardware: {hardware()}; n = {len(both)} experiment seeds.",
        "* Command: `python -m benchmarks.policies live --storage FOLDER`; `blur smoke`, 250 digits at 8 pixels,",
        f"  {trials} configurations (the same under both), {EPOCHS} epochs.",
        f"* Today: {TODAY.name}. Cheaper: `{' '.join(options(RECOMMENDED))}`.",
        "* Confirmed: the median over five fresh seeds of the winner, the baseline left out, on the holdout. Test: the same on",
        "  the test set. Training: seconds of all trials.",
        "",
        "| seed | replicate-epochs | cheaper | seconds | cheaper | training | cheaper | winner | cheaper | confirmed | cheaper "
        "| test | cheaper |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for seed, each in both.items():
        one, other = each[TODAY], each[RECOMMENDED]
        lines.append(
            f"| {seed} | {one.epochs:,} | {other.epochs:,} | {one.seconds:.0f} | {other.seconds:.0f} | {one.training:.0f} | "
            f"{other.training:.0f} | {one.winner} | {other.winner} | {one.confirmed:.4f} | {other.confirmed:.4f} | "
            f"{one.test:.4f} | {other.test:.4f} |"
        )
    if both:
        pairs = [(each[TODAY], each[RECOMMENDED]) for each in both.values()]
        share = sum(other.epochs for _, other in pairs) / sum(one.epochs for one, _ in pairs)
        seconds = statistics.median(other.seconds / one.seconds for one, other in pairs)
        better = statistics.mean(100 * (other.confirmed - one.confirmed) for one, other in pairs)
        tested = [100 * (other.test - one.test) for one, other in pairs]
        error = f" ± {statistics.stdev(tested) / len(tested) ** 0.5:.2f}" if len(tested) > 1 else ""
        lines += [
            "",
            f"Cheaper trained {share:.0%} of today's replicate-epochs in {seconds:.0%} of the seconds (median of the",
            f"pairs); its winners are {better:+.2f} points from today's on the holdout and {statistics.mean(tested):+.2f}{error}",
            "on the test set (means over fresh seeds; the error is that of the pairs).",
        ]
    RESULT.write_text("\n".join(lines) + "\n")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.policies live")
    parser.add_argument("--storage", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=64)
    given = parser.parse_args(arguments)
    found: dict[int, dict[Policy, Search]] = {}
    for seed in range(given.seeds):
        for policy in (TODAY, RECOMMENDED):
            found.setdefault(seed, {})[policy] = search(policy, seed, given.trials, given.storage)
            write(found, given.trials)
