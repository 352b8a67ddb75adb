"""k replicates of one configuration trained in lock-step, and the median they report. Knows nothing of Ray."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trainables import families, statistics
from trainables.config import earlier
from trainables.config.strategy import check as check_strategy
from trainables.trial import assembly
from trainables.trial.seeds import Seeds

if TYPE_CHECKING:
    import torch

    from trainables.trial.crew import Member

STATE_FORMAT = 1
Result = dict[str, Any]


class LockStep:
    """One trial: k replicates of one configuration.

    Args:
        family: name of the family, or a user's own code.
        knobs: the configuration, validated against the family's configuration class (pydantic's ValidationError).
        seed: the experiment's seed; replicate r of every configuration draws from the streams (seed, r).
        replicates: k, at least 1.
        seeds: how many of them train from which epoch on; default all from the beginning.
        device: where to train.
        crew: where the replicates live; default all in this process.
        one_by_one: in this process only the one that trains is on the device.
        strategy: how they train on one device, a name of `engine.STRATEGIES`; on a CPU `auto` is `serial`.
    """

    def __init__(
        self,
        family: families.Ref,
        knobs: dict[str, Any],
        *,
        seed: int = 0,
        replicates: int = 5,
        seeds: Seeds | None = None,
        device: torch.device | str = "cpu",
        crew: assembly.MakeCrew | None = None,
        one_by_one: bool = False,
        strategy: str = "auto",
    ) -> None:
        check_strategy(strategy)
        if replicates < 1:
            raise ValueError(f"`replicates` is {replicates}, but must be at least 1; the median of none is undefined")
        self.config = families.config_class(family)(**knobs)
        self.seed = seed
        self.seeds = seeds or Seeds.all_along(replicates)
        if self.seeds.most != replicates:
            raise ValueError(
                f"`seeds` end with {self.seeds.most}, but `replicates` is {replicates}; make them the same"
            )
        self.epoch = 0  # epochs completed
        self.late: int | None = None  # of these, by the replicates that joined last; None: all
        self.history: list[Result] = []
        self.parts: Any = assembly.parts(family, self.config, knobs, device)
        here = self.parts.one_by_one if one_by_one else self.parts.packed
        self.crew = (crew or here)(self.parts.recipe(seed, range(self.seeds.at(1)), strategy, most=replicates))
        self._reported: set[int] = set()

    @property
    def family(self) -> Any:
        """The family that is trained; a user's own code has none."""
        return self.parts.family

    @property
    def data(self) -> Any:
        """The images of a family."""
        return self.parts.data

    @property
    def replicates(self) -> Sequence[Member]:
        """Those that have begun."""
        return self.crew.replicates

    @property
    def finished(self) -> bool:
        """Whether the full budget is spent or no majority of the replicates lives; one epoch is always reported."""
        return self.epoch >= self.config.epochs or (self.diverged and self.epoch > 0)

    @property
    def diverged(self) -> bool:
        """Whether so many replicates failed that their median says nothing."""
        return not statistics.has_majority(self._alive(), len(self.replicates))

    def step(self) -> Result:
        """Train every living replicate for one epoch and evaluate it.

        Where replicates join, only they are trained, one epoch a step, until they have caught up with the others.

        Returns:
            A flat result. For each metric m: `m` (median over the replicates), `m_values` (the k values), `m_min`,
            `m_max`; a failed replicate holds the worst value. Then `epoch` (epochs completed), `replicates_ok`,
            `learning_rate`, `scalars` (the family's further numbers of the epoch, by name), `epoch_seconds`,
            `images_per_second` (training images of all replicates over the seconds spent training; of a user's own code
            `samples_per_second`, where it reports `samples`), `diverged`,
            `finished`, `metrics` (the names), `failures` (new in this epoch), `strategy` (what trained it),
            `strategy_reason` (a sentence where there is something to say about that) and `precision` (in effect).
            Of those that catch up: `late` (epochs they have completed; `epoch` stays what the others have) and `first` (the
            index of the first of them); metrics and values are theirs, `replicates_ok` and `diverged` are of all.

        Raises:
            OutOfMemory: the epoch did not fit into the GPU; this object is of no use any more.
        """
        joining = self.seeds.joining(self.epoch)
        if self.late is None and len(self.replicates) < joining.stop:
            self.crew.grow(range(len(self.replicates), joining.stop))
            self.late = 0
        if self.late is None:
            result = self._train(self.epoch, self.replicates)
            self.epoch += 1
        else:
            result = self._catch_up(self.late, joining.start)
        self.history.append(result)
        return result

    def _catch_up(self, late: int, first: int) -> Result:
        """The next epoch of the replicates from index `first` on."""
        group = self.replicates[first:]
        result = self._train(late, group) | {"epoch": self.epoch, "late": late + 1, "first": first}
        result["finished"] = self.diverged
        # Where none of them lives there is nothing left to wait for.
        joined = late + 1 >= self.epoch or not _living(group)
        self.late = None if joined else late + 1
        return result

    def _train(self, epoch: int, group: Sequence[Member]) -> Result:
        """A 0-based epoch of the replicates of a group, the last of all."""
        start = time.perf_counter()
        last = epoch + 1 >= self.config.epochs
        living = _living(group)
        training = self.crew.run_epoch(epoch, last, group[0].index)
        result = self._report(time.perf_counter() - start, epoch, group)
        result |= self.parts.speed(living, group, training)
        return result

    def _report(self, seconds: float, epoch: int, group: Sequence[Member]) -> Result:
        names = list(self.parts.always)
        for replicate in group:
            names += [name for name in replicate.metrics if name not in names]
        result: Result = {
            "epoch": epoch + 1,
            "replicates_ok": self._alive(),
            "learning_rate": self._learning_rate(epoch, group),
            "scalars": self._scalars(epoch, group),
            "epoch_seconds": seconds,
            "diverged": self.diverged,
            "finished": epoch + 1 >= self.config.epochs or self.diverged,
            "metrics": names,
            "strategy": self.crew.how.strategy,
            "strategy_reason": self.crew.how.reason,
            "precision": self.crew.how.precision,
            "failures": self._new_failures(),
        }
        for name in names:
            mode = self.parts.always.get(name) or statistics.mode_of(name)
            worst = statistics.worst(mode)
            values = [
                worst if replicate.failure is not None else float(replicate.metrics.get(name, worst))
                for replicate in group
            ]
            result |= {
                name: statistics.median(values, mode),
                f"{name}_values": values,
                f"{name}_min": min(values),
                f"{name}_max": max(values),
            }
        return result

    def _scalars(self, epoch: int, group: Sequence[Member]) -> dict[str, float]:
        living = next((replicate for replicate in group if replicate.failure is None), None)
        of_model = {} if living is None else living.model_scalars()
        return {**of_model, **self.parts.scalars_at(epoch)}

    def _learning_rate(self, epoch: int, group: Sequence[Member]) -> float | None:
        """Of this epoch: the median over the living replicates, which differ where a schedule follows their metrics."""
        rates = [r.learning_rate for r in group if r.failure is None and r.learning_rate is not None]
        return statistics.median(rates, "max") if rates else self.parts.learning_rate_at(epoch)

    def _alive(self) -> int:
        return _living(self.replicates)

    def _new_failures(self) -> list[dict[str, Any]]:
        fresh = [
            replicate.failure
            for replicate in self.replicates
            if replicate.failure is not None and replicate.index not in self._reported
        ]
        self._reported.update(failure["replicate"] for failure in fresh)
        return fresh

    def state(self) -> dict[str, Any]:
        """The whole trial as plain containers and tensors, loadable with `torch.load(weights_only=True)`.

        Models, optimizers, the epoch and the results so far; learning rates and random streams are functions of
        (configuration, seed, epoch) and so are held by those three.
        """
        return {
            "format": STATE_FORMAT,
            **self.parts.marks,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "epoch": self.epoch,
            "late": self.late,
            "history": self.history,
            "replicates": self.crew.states(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from a state; ValueError if it belongs to another configuration, seed or number of replicates."""
        mine: dict[str, Any] = {"format": STATE_FORMAT, **self.parts.marks, "seed": self.seed}
        mine["config"] = self.config.model_dump(mode="json")
        late, count = state.get("late"), len(state.get("replicates", ()))
        mine["replicates"] = self._expected(state.get("epoch"), late, count)
        theirs = {key: state.get(key) for key in mine} | {"replicates": count}
        if isinstance(theirs["config"], dict) and "own" not in mine:  # knobs younger than some checkpoints
            theirs["config"] = earlier.completed(
                self.family.name, {"precision": None, "init_from": None, **theirs["config"]}
            )
            for config in (mine["config"], theirs["config"]):  # under two names it may be the same
                if config["normalisation"] == "published":
                    config["normalisation"] = self.config.published_normalisation
        for key, value in mine.items():
            if theirs[key] != value:
                raise ValueError(
                    f"the checkpoint's `{key}` is {theirs[key]}, but this trial's is {value}; it is another trial's"
                )
        self.epoch, self.late = state["epoch"], late
        self.crew.grow(range(len(self.replicates), count))
        self.history = list(state["history"])
        self.crew.load(state["replicates"])
        self._reported = {replicate.index for replicate in self.replicates if replicate.failure is not None}

    def _expected(self, epoch: Any, late: int | None, count: int) -> int:
        """How many replicates a state of this epoch holds, where it holds `count`: before or after some joined."""
        if not isinstance(epoch, int):
            return self.seeds.most
        joining = self.seeds.joining(epoch)
        return joining.stop if late is not None or count > joining.start else joining.start


def _living(group: Sequence[Member]) -> int:
    return sum(replicate.failure is None for replicate in group)
