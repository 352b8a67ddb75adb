"""One epoch of all replicates of a trial batch by batch, so that streamed images are decoded once for all of them.

Each replicate draws what it would draw alone: its random numbers are set aside while the others train.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, cast

import torch

from trainables import seeding
from trainables.engine import Tally, TrainingPass, checked
from trainables.process.out_of_memory import OutOfMemory, is_out_of_memory

if TYPE_CHECKING:
    from trainables.images.streamed import StreamedData
    from trainables.trial.replicate import Replicate

Metrics = dict[str, float]


class RandomNumbers:
    """Torch's global generators as one replicate left them."""

    def __init__(self) -> None:
        self._keep()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Put them in place, and set them aside again afterwards."""
        torch.set_rng_state(self._cpu)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda)
        yield
        self._keep()

    def _keep(self) -> None:
        self._cpu = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None


def run_epoch(replicates: Sequence[Replicate], epoch: int, last: bool) -> float:
    """Train and evaluate every living replicate for one 0-based epoch; returns the seconds spent in training alone.

    A replicate that fails is marked by itself and never disturbs its siblings.

    Raises:
        DatasetError: an image that cannot be decoded. Whatever is wrong with the images is no replicate's failure: it is
            raised, and the trial's state is no longer of one epoch.
    """
    metrics: dict[int, Metrics] = {replicate.index: {} for replicate in replicates}
    start = time.perf_counter()
    training = 0.0
    try:
        _train(_living(replicates), epoch, metrics)
        training = time.perf_counter() - start
        _evaluate(_living(replicates), epoch, last, metrics)
    except Exception as error:
        if is_out_of_memory(error):
            raise OutOfMemory(f"epoch {epoch + 1}: {error}") from error
        raise
    for replicate in _living(replicates):
        with replicate.catching(epoch):
            replicate.end_epoch(checked(metrics[replicate.index]), epoch)
    return training


def _living(replicates: Sequence[Replicate]) -> list[Replicate]:
    return [replicate for replicate in replicates if replicate.failure is None]


def _train(replicates: Sequence[Replicate], epoch: int, metrics: dict[int, Metrics]) -> None:
    passes: list[tuple[Replicate, TrainingPass, RandomNumbers]] = []
    for replicate in replicates:
        with replicate.catching(epoch):
            replicate.begin_epoch(epoch)
            passes.append((replicate, TrainingPass(replicate, epoch), RandomNumbers()))
    if not passes:
        return
    first, config = passes[0][0], passes[0][0].config
    order = seeding.generator(first.seed, 0, "shared order", epoch)
    streams = [seeding.generator(replicate.seed, replicate.index, "batches", epoch) for replicate, _, _ in passes]
    data = cast("StreamedData", first.data)
    batches = data.shared_train_batches(config.batch_size, order, streams, config.augmentation, first.team)
    for step, (versions, labels) in enumerate(batches):
        for (replicate, training, numbers), images in zip(passes, versions, strict=True):
            if replicate.failure is None:
                with replicate.catching(epoch), numbers.in_use():
                    replicate.begin_batch(epoch, step)
                    training.step(images, labels)
        if not _living(replicates):
            return
    for replicate, training, _ in passes:
        if replicate.failure is None:
            with replicate.catching(epoch):
                metrics[replicate.index] |= {f"train_{name}": value for name, value in training.finish().items()}


def _evaluate(replicates: Sequence[Replicate], epoch: int, last: bool, metrics: dict[int, Metrics]) -> None:
    """Every look of every replicate, with one pass over the images of each split."""
    if not replicates:
        return
    first = replicates[0]
    looks = first.looks(epoch, last)
    with ExitStack() as modes:
        for replicate in replicates:
            modes.enter_context(replicate.evaluating())
        for split in dict.fromkeys(look.split for look in looks):
            chosen = [look for look in looks if look.split == split]
            tallies = [
                (r, look, Tally(r.model, top5=r.top5, team=r.team, precision=r.config.precision))
                for look in chosen
                for r in replicates
            ]
            for images, labels in chosen[0].batches(first.data, first.team):
                seen = {look: images if look.view is None else look.view(images) for look in chosen}
                for replicate, look, tally in tallies:
                    if replicate.failure is None:
                        with replicate.catching(epoch):
                            tally.add(seen[look], labels)
            for replicate, look, tally in tallies:
                if replicate.failure is None:
                    with replicate.catching(epoch):
                        metrics[replicate.index] |= look.named(tally.means())
        for replicate in replicates:
            if replicate.failure is None:
                with replicate.catching(epoch):
                    metrics[replicate.index] |= replicate.further_metrics(last)
