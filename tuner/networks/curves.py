"""The curves of a search as one CSV file."""

from __future__ import annotations

from pathlib import Path

from tuner.errors import BadInput
from tuner.records import output
from tuner.records.paths import ExperimentPaths
from tuner.results.notebook import Experiment


def export_curves(paths: ExperimentPaths, path: Path) -> str:
    """Write a row for each trial, epoch and metric: median, extremes and the value of each replicate.

    The columns are those of `Experiment.curves`; an empty cell is no finite number.

    Returns:
        A sentence that names the file.

    Raises:
        BadInput: nothing has been recorded yet, or a path that cannot be written.
    """
    target = output.require_writable(path)
    curves = Experiment(paths).curves()
    if curves.empty:
        raise BadInput(f"`{paths.name}` has recorded no epoch yet, so there are no curves; let it train")
    trials = curves["trial"].nunique()
    written = output.write(target, curves.to_csv(index=False, lineterminator="\n").encode())
    return f"wrote {written}: {trials} trials, {len(curves)} rows"
