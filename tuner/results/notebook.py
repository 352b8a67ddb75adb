"""An experiment as Python and notebooks see it: tables made from the records, at any time, without Ray or torch."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from trainables.config.wording import figure
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard, Row

if TYPE_CHECKING:
    import pandas

SHOWN = ("rank", "trial", "status", "rung", "epoch", "median", "min", "max", "replicates_ok", "tied_with_best")


class Experiment:
    """An experiment as its records told it when this object was made; `load` again to see what was recorded since.

    Attributes:
        paths: its files.
        history: every trial with its epochs, decisions and failures.
        leaderboard: the ranked trials.
    """

    def __init__(self, paths: ExperimentPaths) -> None:
        self.paths = paths
        self.history = History.load(paths)
        self.leaderboard = Leaderboard(self.history)

    @property
    def name(self) -> str:
        return self.history.name

    def best(self) -> Row | None:
        """The best trial at the highest rung reached, with its `config`; None while no trial is valid."""
        return self.leaderboard.best

    def frame(self) -> pandas.DataFrame:
        """The leaderboard, a row a trial; the columns are those of `Leaderboard.records`."""
        return self.leaderboard.frame()

    def curves(self) -> pandas.DataFrame:
        """Every epoch of every trial.

        Columns: trial, epoch (1-based), metric, median, min, max (over the living replicates), replicates_ok, and the k
        values as replicate_0 ...; NaN where there is no finite number. Replicates that joined at a later rung have their values
        here as well; median, min and max are of those that trained the epoch with the trial.
        """
        import pandas

        replicates = [f"replicate_{index}" for index in range(self.history.replicates)]
        columns = ["trial", "epoch", "metric", "median", "min", "max", "replicates_ok", *replicates]
        rows = [
            (
                trial.index,
                epoch,
                name,
                median,
                *trial.extremes(epoch, name),
                record["replicates_ok"],
                *values,
                *[None] * (len(replicates) - len(values)),
            )
            for trial in self.history.trials
            for epoch, record in sorted(trial.epochs.items())
            for name, median in trial.metrics(epoch).items()
            if (values := trial.all_values(epoch, name))
        ]
        measured = ["median", "min", "max", *replicates]
        return pandas.DataFrame(rows, columns=columns).astype(dict.fromkeys(measured, "float64"))

    def decisions(self) -> pandas.DataFrame:
        """Every decision of the rule in the order it was made.

        Columns: time (UTC), trial, rung, action (continue, stop, wait, or promote for one that had waited), value (what the
        trial was ranked by), cutoff (NaN for the first to arrive), of (values compared), bracket (empty where the
        space names none), reason.
        """
        import pandas

        columns = ["time", "trial", "rung", "action", "value", "cutoff", "of", "bracket", "reason"]
        found = [decision for trial in self.history.trials for decision in trial.decisions]
        rows = [
            {"bracket": "", **{name: decision[name] for name in columns if name in decision}}
            for decision in sorted(found, key=lambda one: one["time"])
        ]
        frame = pandas.DataFrame(rows, columns=columns).astype({"value": "float64", "cutoff": "float64"})
        frame["time"] = pandas.to_datetime(frame["time"], unit="s", utc=True)
        return frame

    def confirmation(self) -> Experiment | None:
        """What `tuner confirm` made of this search, an experiment of its own; None if it was not confirmed."""
        return Experiment(self.paths.confirmation) if self.paths.confirmation.manifest.exists() else None

    def __repr__(self) -> str:
        best = self.best()
        found = (
            "no valid trial yet"
            if best is None
            else f"best {self.history.metric} {figure(best.median)} (trial {best.trial})"
        )
        return f"<Experiment {self.name}: {self.history.state}, {self.history.planned} trials, {found}>"

    def _repr_html_(self) -> str:
        """The leaderboard in a notebook: its heading, then the ranked trials with the knobs that vary."""
        knobs = [f"config/{name}" for name in self.leaderboard.varying()]
        shown = self.frame()[[*SHOWN, *knobs]].rename(columns=lambda name: name.removeprefix("config/"))
        table = shown.to_html(index=False, escape=True, na_rep="-", float_format="{:.4g}".format, border=0)
        return f"<p><b>{html.escape(repr(self)[1:-1])}</b></p>{table}"
