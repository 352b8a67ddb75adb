"""The `graph` strategy: the training step of every replicate as one branch of a CUDA graph, replayed step after step.

A small network keeps a card waiting for the host, which launches kernels one by one. A captured step is launched as a whole,
and the branches of the replicates run beside each other. What changes from step to step is read out of memory that stays
where it is: order, crops and mirroring of the epoch, the place in it, the learning rate, the sums, the random numbers.
Everything else is built in, and part of the capture's key: where it changes, the next steps are run one by one and captured
anew. So are the first steps, a short last batch, and the steps after a replicate has failed. On a CPU nothing is captured,
and the same code gives bit by bit what `engine.train_epoch` does.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import torch

from trainables import engine
from trainables.process.out_of_memory import is_out_of_memory
from trainables.trial.branch import Branch
from trainables.trial.serial import Serial

if TYPE_CHECKING:
    from trainables.trial.replicate import Replicate

WARM_UP = 3  # steps run one by one before a capture, so that whatever is made at first use is there


class Graph:
    """All living replicates of a trial on one device.

    Attributes:
        used: what trained the last epoch: `graph`, or `serial` where that cannot be.
        why: a sentence to be recorded with that epoch, if there is one.
        steady: seconds that the training of an epoch takes once everything is captured.
    """

    def __init__(self) -> None:
        self.used = "graph"
        self.why: str | None = None
        self.steady = 0.0
        self.replayed = 0  # steps of the last epoch
        self.captures = 0  # of the last epoch
        self._given_up = False
        self._serial = Serial()
        self._branches: dict[int, Branch] = {}
        self._graph: torch.cuda.CUDAGraph | None = None
        self._key: Hashable = None  # of the capture, or of the steps that lead to it
        self._warm = 0  # steps run one by one with that key

    def run_epoch(self, replicates: Sequence[Replicate], epoch: int, last: bool) -> float:
        """Train and evaluate every living replicate for one 0-based epoch; returns the seconds spent in training alone."""
        self.why = None
        living = [replicate for replicate in replicates if replicate.failure is None]
        reason = None if self._given_up or not living else unsuitable(living[0])
        if reason is not None:
            self._give_up(reason)
        if self._given_up or not living:
            self.used = "serial"
            return self._serial.run_epoch(replicates, epoch, last)
        start = time.perf_counter()
        trained = self._train(living, epoch)
        self.used = "serial" if self._given_up else "graph"
        seconds = time.perf_counter() - start
        self.steady = self.steady or seconds
        for replicate in living:
            if replicate.failure is None:
                with replicate.catching(epoch):
                    metrics = trained[replicate.index] | replicate.evaluate(epoch, last)
                    replicate.end_epoch(engine.checked(metrics), epoch)
        return seconds

    def _give_up(self, reason: str) -> None:
        self._given_up, self.why = True, f"trained one after another: {reason}"
        self._forget()
        self._branches = {}

    def _forget(self) -> None:
        """Let the capture go, and its memory."""
        self._graph, self._key, self._warm = None, None, 0

    def _train(self, living: Sequence[Replicate], epoch: int) -> dict[int, dict[str, float]]:
        """The training metrics of each replicate that has not failed."""
        self._branches = {r.index: self._branches.get(r.index) or Branch(r) for r in living}
        branches = list(self._branches.values())
        first = living[0]
        for branch in branches:
            with branch.replicate.catching(epoch):
                branch.begin_epoch(epoch)
        self._steps(branches, epoch, list(first.batch_sizes()), first.config.batch_size)
        metrics = {}
        for branch in branches:
            if branch.replicate.failure is None:
                with branch.replicate.catching(epoch):
                    metrics[branch.replicate.index] = {f"train_{k}": v for k, v in branch.finish().items()}
        return metrics

    def _steps(self, branches: list[Branch], epoch: int, sizes: list[int], whole: int) -> None:
        self.replayed, self.captures, self.steady, since = 0, 0, 0.0, time.perf_counter()
        since_capture = 0  # steps replayed
        for step, count in enumerate(sizes):
            branches = [branch for branch in branches if branch.replicate.failure is None]
            if not branches:
                return
            for branch in branches:
                with branch.replicate.catching(epoch):
                    branch.begin_step(step)
            if count != whole or branches[0].replicate.device.type != "cuda" or self._given_up:
                self._one_by_one(branches, epoch, count)
                continue
            key = tuple(branch.key() for branch in branches)
            if key != self._key:
                self._forget()
                self._key = key
            if self._graph is None and self._warm >= WARM_UP:
                self._capture(branches, count)
                self.captures += 1
                since, since_capture = time.perf_counter(), 0
            elif self._graph is not None:
                for branch in branches:
                    branch.replayed(count)
            if self._graph is None:
                self._one_by_one(branches, epoch, count)
                self._warm += 1
            else:
                self._graph.replay()
                self.replayed += 1
                since_capture += 1
        if since_capture and self.captures <= 1:  # where a step changes again and again, every epoch pays for that
            torch.cuda.synchronize()
            self.steady = (time.perf_counter() - since) / since_capture * len(sizes)

    def _one_by_one(self, branches: Sequence[Branch], epoch: int, count: int) -> None:
        """A step of each branch, not captured; a branch that fails is left out from then on."""
        for branch in branches:
            if branch.replicate.failure is None:
                with branch.replicate.catching(epoch), branch.random_numbers():
                    if self._warm != WARM_UP - 1:
                        branch.step(count)
                    elif (reason := branch.watched_step(count)) is not None:
                        self._give_up(reason)

    def _capture(self, branches: Sequence[Branch], count: int) -> None:
        """Capture a step of every branch. Nothing is computed by that; what it counts is counted for the replay to come."""
        graph = torch.cuda.CUDAGraph()
        counted = [branch.counters() for branch in branches]
        try:
            for branch in branches:
                branch.replicate.optimizer.zero_grad(set_to_none=True)
                branch.register(graph)
            # Other threads of this process may use the card meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                here = torch.cuda.current_stream()
                for branch in branches:
                    branch.fork(here, count)
                for branch in branches:
                    branch.join(here)
        except Exception as error:
            for branch, before in zip(branches, counted, strict=True):
                branch.set_back(before)
            torch.cuda.synchronize()
            del graph
            _take_back(branches)
            self._give_up(_sentence(error))
            torch.cuda.empty_cache()
        else:
            self._graph = graph


def _take_back(branches: Sequence[Branch]) -> None:
    """Let random numbers be drawn again after a capture that failed.

    Torch leaves every generator of such a capture waiting for a replay, the default one as well, and the next dropout of this
    process raises. The end of a capture that succeeds sets them free, whatever it holds.
    """
    graph = torch.cuda.CUDAGraph()
    for branch in branches:
        branch.register(graph)
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        torch.zeros(1, device="cuda")


def _sentence(error: BaseException) -> str:
    """Why a capture failed. Its end raises an error of its own, in whose context the first one is."""
    chain = [error]
    while chain[-1].__context__ is not None:
        chain.append(chain[-1].__context__)
    if any(map(is_out_of_memory, chain)):
        return "their steps at once do not fit into the memory of the GPU"
    first = next(iter(str(chain[-1]).splitlines()), "")
    return f"a step cannot be captured ({type(chain[-1]).__name__}: {first})"


def unsuitable(replicate: Replicate) -> str | None:
    """Why the steps of a trial cannot be captured, in one sentence; None where they can, as far as is known beforehand."""
    if not replicate.team.alone:
        return "the gradients of a replicate on several GPUs are summed with those of other processes"
    if replicate.data.streamed:
        return "images that are decoded as they come are not on the GPU when a step is replayed"
    return replicate.family.uncapturable(replicate.config)
