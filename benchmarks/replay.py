"""What a running median at the rungs is worth: schedulers replayed over recorded curves, written to results/replay.md.

    python -m benchmarks.replay [CURVES.csv [EXPERIMENT ...]]

The CSV holds 18 real training runs of ResNets on CIFAR-10, 160 epochs each, one seed (learning rate divided by 10 at epochs
80 and 120; default: ../shared/reference/bn_only_curves.csv beside the checkout). Each EXPERIMENT is the folder of a search
that ran without early stopping; by default one is run first, which takes some minutes. It is replayed on its medians and on
its single replicates.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import hardware
from tuner import experiment
from tuner.records import paths
from tuner.replay import Replay, Setting, run
from tuner.replay.curves import Curves, load, of_history
from tuner.results.history import History

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT.parent / "shared" / "reference" / "bn_only_curves.csv"
RESULT = ROOT / "benchmarks" / "results" / "replay.md"
WINDOWS = (1, 3, 5, 9)
REDUCTIONS = (2.0, 3.0, 4.0)
ORDERS = 20  # shuffled orders of arrival for every setting of asha

# (setting, what it shows) on the nine BN-only runs
CASES = (
    (Setting("halving", 10, 2), "as published"),
    (Setting("halving", 2, 3), "as published"),
    (Setting("halving", 20, 2), "as published: the best run dips at epoch 80, the last before a milestone"),
    (Setting("halving", 20, 2, window=3), "median of 3 epochs"),
    (Setting("halving", 20, 2, window=5), "median of 5 epochs"),
    (Setting("halving", 21, 2), "last rung moved past the milestone"),
    (Setting("halving", 20, 2, rungs=(20, 40, 84)), "last rung alone moved past the milestone"),
)

CONCLUSION = (
    "## What follows",
    "",
    "* Where one seed is ranked on a schedule with milestones, a window of 5 loses the best run less often than the value at",
    "  the rung, in every pool, for at most one point more of the epochs; 9 gains little more and looks further back.",
    "* Where the rank is a median of five seeds on a constant rate, there is nothing left to gain: the best was never lost.",
    "* A window also looks back across the switch of a curriculum, and its value is no epoch's median on the leaderboard.",
    "",
    "So `rank_window` is 1 unless a space or `--rank-window` says otherwise: 5 for one or two replicates, and for spaces whose",
    "learning rate falls in steps.",
)


def settings(last: int, window: int) -> list[Setting]:
    """ASHA with every grace up to a quarter of the budget, each reduction, in shuffled orders of arrival."""
    return [
        Setting("asha", grace, reduction, window, order=order)
        for grace in range(1, last // 4 + 1)
        for reduction in REDUCTIONS
        for order in range(ORDERS)
    ]


def by_window(pools: list[Curves]) -> list[tuple[int, list[Replay]]]:
    """The replays of every setting over every pool, by window."""
    last = max(len(values) for values in pools[0].values.values())
    return [(window, [run(pool, one) for pool in pools for one in settings(last, window)]) for window in WINDOWS]


def line(name: str, window: int, replays: list[Replay]) -> str:
    """One row of the table of windows."""
    regrets = [one.regret for one in replays]
    lost = statistics.mean(one.regret > 0 for one in replays)
    epochs = statistics.mean(one.epochs / one.full_epochs for one in replays)
    shown = f"{statistics.mean(regrets):.4f} | {max(regrets):.3g} | {lost:.1%} | {epochs:.1%}"
    return f"| {name} | {window} | {len(replays):,} | {shown} |"


def replicates(history: History) -> list[Curves]:
    """One pool for each replicate: what a search with that seed alone would have seen, without the trials that failed."""
    pools = []
    for index in range(history.replicates):
        values = {
            f"trial {trial.index}": [_number(trial.values(epoch)[index]) for epoch in sorted(trial.epochs)]
            for trial in history.trials
            if trial.status == "completed"
        }
        pools.append(Curves(values, history.mode))
    return pools


def searched(storage: str) -> Path:
    """Run the search without early stopping whose medians are replayed; its folder."""
    overrides = ["image_size=8", "batch_size=32"]
    outcome = experiment.launch(
        "blur", "smoke", name="curves", storage=storage, trials=16, epochs=27, grace=27, overrides=overrides
    )
    return Path(str(outcome.paths.root))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def main() -> None:
    curves, *folders = sys.argv[1:] or [str(REFERENCE)]
    if not Path(curves).is_file():
        print(f"skipped: there is no {curves}; name the CSV of the reference curves")
        return
    with tempfile.TemporaryDirectory() as storage:
        histories = [History.load(paths.experiment(folder)) for folder in folders or [str(searched(storage))]]
    report(load(curves, None, None), histories)


def report(reference: Curves, histories: list[History]) -> None:
    """Replay everything and write the tables."""
    lines = [
        "# Schedulers replayed over recorded curves",
        "",
        f"* Date: {time.strftime('%Y-%m-%d')}. Hardware: {hardware()}; no training, no Ray.",
        "* Command: `python -m benchmarks.replay`; the search was `tuner launch blur --trials 16 --epochs 27 --grace 27 --set",
        "  image_size=8 --set batch_size=32`.",
        "* Regret: best final value minus the winner's, in points of accuracy for the runs of the CSV, else as a fraction.",
        "",
        "## Nine BN-only runs, successive halving",
        "",
        "| grace | reduction | window | rungs | winner | epochs of 1,440 | regret | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    freeze = reference.matching("cifar_freeze_*")
    for setting, shows in CASES:
        one = run(freeze, setting)
        rungs = " ".join(map(str, one.rungs))
        given = f"{setting.grace} | {setting.reduction:g} | {setting.window} | {rungs}"
        lines.append(f"| {given} | {one.winner} | {one.epochs} | {one.regret:.2f} | {shows} |")
    lines += [
        "",
        "## The window of ASHA's ranking",
        "",
        "Every grace up to a quarter of the budget, reductions 2, 3 and 4, 20 orders of arrival each.",
        "",
        "| curves | window | replays | mean regret | worst regret | best lost | epochs of all |",
        "|---|---|---|---|---|---|---|",
    ]
    pools = {
        "9 BN-only runs": [freeze],
        "9 full runs": [reference.matching("cifar_resnet_*")],
        "all 18 runs": [reference],
    }
    for history in histories:
        title = f"{history.manifest.family}, {len(history.trials)} trials x {history.budget} epochs"
        pools[f"{title}: single seeds"] = replicates(history)
        pools[f"{title}: medians of {history.replicates}"] = [of_history(history)]
    for name, chosen in pools.items():
        lines += [line(name, window, replays) for window, replays in by_window(chosen)]
    lines += ["", *CONCLUSION]
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
