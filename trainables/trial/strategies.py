"""How the replicates of a trial train an epoch on one device, by name (`engine.STRATEGIES`): in turn, as a graph, the faster.

Stacking the replicates into one set of kernels (`torch.func`) is none of them: on a CPU it took 1.06 to 1.43 times the time of
one after another, and Online Normalization, dropout and recomputation do not go through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from trainables.trial.graph import Graph, unsuitable
from trainables.trial.serial import Serial

if TYPE_CHECKING:
    from trainables.trial.replicate import Replicate

SLOWER = 1.1  # of an epoch of the strategy not chosen: from there on that one is


class Strategy(Protocol):
    """Trains and evaluates epochs; it belongs to one trial.

    Attributes:
        used: name of what trained the last epoch.
        why: a sentence to be recorded with that epoch, if there is one.
        steady: seconds that the training of an epoch takes when nothing is done for the first time.
    """

    used: str
    why: str | None
    steady: float

    def run_epoch(self, replicates: Sequence[Replicate], epoch: int, last: bool) -> float:
        """Train and evaluate every living replicate for one 0-based epoch; the seconds spent in training alone."""
        ...


class Auto:
    """The faster of both: each trains one real epoch, then the faster one goes on, as long as it is the faster one.

    On a CPU, and where nothing can be captured, that is `Serial`.
    """

    def __init__(self) -> None:
        self.used = "serial"
        self.why: str | None = None
        self.steady = 0.0
        self._strategies: dict[str, Strategy] = {"graph": Graph(), "serial": Serial()}
        self._seconds: dict[str, float] = {}
        self._chosen: str | None = None

    def run_epoch(self, replicates: Sequence[Replicate], epoch: int, last: bool) -> float:
        self.why = None
        living = next((replicate for replicate in replicates if replicate.failure is None), None)
        if self._chosen is None and living is not None:
            reason = unsuitable(living)
            if living.device.type == "cpu" or reason is not None:
                self._chosen = "serial"
                self.why = None if living.device.type == "cpu" else f"trained one after another: {reason}"
                del self._strategies["graph"]
        name = self._chosen or ("serial" if living is None or "graph" in self._seconds else "graph")
        strategy = self._strategies[name]
        seconds = strategy.run_epoch(replicates, epoch, last)
        self.used, self.steady = strategy.used, strategy.steady
        self.why = strategy.why or self.why
        if strategy.used != name:  # it has given up
            self._keep("serial")
        elif len(self._strategies) == 2 and living is not None:
            self._seconds[name] = strategy.steady
            self._choose()
        return seconds

    def _choose(self) -> None:
        if len(self._seconds) < 2:
            return
        best = min(self._seconds, key=lambda name: self._seconds[name])
        if self._chosen is None or self._seconds[self._chosen] > SLOWER * self._seconds[best]:
            self._chosen = best
            times = " and ".join(f"{name} {seconds:.3g} s" for name, seconds in self._seconds.items())
            self.why = f"{best} from the next epoch on: the training of one took {times}"

    def _keep(self, name: str) -> None:
        self._chosen = name
        self._strategies = {name: self._strategies[name]}
