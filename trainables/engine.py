"""One epoch of one replicate: its training, what it scores, and the strategies by which all replicates of a trial train."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.config.training import Precision, TrainingConfig
from trainables.family import Family, View
from trainables.process.precision import autocast, exactly
from trainables.process.team import ALONE, Team

Batches = Iterable[tuple[Tensor, Tensor]]


class Learner(Protocol):
    """What of a replicate (`trainables.trial.replicate`) an epoch of training concerns."""

    family: Family[Any]
    config: TrainingConfig
    data: Any
    device: torch.device
    team: Team
    model: nn.Module
    optimizer: torch.optim.Optimizer
    input_generator: torch.Generator

    def batch_sizes(self) -> Iterator[int]: ...

    def train_batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]: ...


class NonFinite(ArithmeticError):
    """A loss turned NaN or infinite."""


class TrainingPass:
    """One 0-based epoch of one replicate, a batch at a time; the loss and accuracy are those seen on the fly."""

    def __init__(self, replicate: Learner, epoch: int) -> None:
        self._replicate = replicate
        self._team = replicate.team
        self._network = self._team.joined(replicate.model.train())
        # Sums stay on the device until the end of the epoch: reading one back per batch would stall a GPU. On the CPU a
        # look costs nothing, and an epoch that is lost is not trained to its end.
        # Of a team one worker may see first what concerns them all, so they look together, at the end.
        self._looks = replicate.device.type == "cpu" and self._team.alone
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=replicate.device)
        self._correct = torch.zeros((), dtype=torch.int64, device=replicate.device)
        self.restart(epoch)

    def restart(self, epoch: int) -> None:
        """Begin a 0-based epoch, with the sums where they are."""
        self._epoch = epoch
        self._sizes = self._replicate.batch_sizes()
        self._loss_sum.zero_()
        self._correct.zero_()
        self.seen = 0
        self._network.train()

    def replayed(self, count: int) -> None:
        """What a step of `count` images counts here, where the card did it again by itself."""
        self.seen += count

    def step(self, images: Tensor, labels: Tensor) -> None:
        """Train on one batch: normalised images [N, C, H, W] and labels [N] on the replicate's device.

        Of a team it is this worker's part of the batch.
        """
        replicate = self._replicate
        count = len(labels)
        whole = count if self._team.alone else next(self._sizes)
        family, config, optimizer = replicate.family, replicate.config, replicate.optimizer
        positions = self._team.positions(whole)
        inputs = family.train_inputs(config, images, self._epoch, replicate.input_generator, positions)
        if replicate.device.type == "cuda":
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad(set_to_none=True)
        fixed = not replicate.data.streamed and whole == config.batch_size
        with exactly(replicate.device, config.precision, fixed_shapes=fixed):
            with autocast(replicate.device, config.precision):
                outputs = self._network(inputs)
                loss = family.loss(config, outputs, labels)
            if loss.requires_grad:  # not where nothing is trained
                (loss * self._team.weight(count, whole)).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        logits = outputs[0] if isinstance(outputs, tuple) else outputs  # auxiliary heads come after the output
        self._loss_sum += loss.detach() * count
        self._correct += (logits.detach().argmax(1) == labels).sum()
        self.seen += count
        if self._looks:
            _require_finite(self._loss_sum)

    def finish(self) -> dict[str, float]:
        """Mean loss and accuracy of the epoch, each sample weighing the same; `NonFinite` when the sum of losses is not."""
        # Nobody needs them any more, and the other replicates of a trial have the memory while they train.
        self._replicate.optimizer.zero_grad(set_to_none=True)
        seen = torch.full_like(self._loss_sum, self.seen)
        loss, correct, seen = self._team.summed(torch.stack([self._loss_sum, self._correct.double(), seen]))
        _require_finite(loss)
        return {"loss": (loss / seen).item(), "accuracy": (correct / seen).item()}


def train_epoch(replicate: Learner, epoch: int) -> dict[str, float]:
    """Train one replicate for one 0-based epoch; the loss and accuracy are those seen on the fly, sample-weighted.

    Raises:
        NonFinite: the summed loss is NaN or infinite.
    """
    batches = replicate.train_batches(epoch)
    training = TrainingPass(replicate, epoch)
    for images, labels in batches:
        training.step(images, labels)
    return training.finish()


def _require_finite(loss_sum: Tensor) -> None:
    if not torch.isfinite(loss_sum):
        raise NonFinite(f"the training loss became {loss_sum.item()}")


def checked(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics as floats; a family's slip fails this replicate and not the search."""
    for name, value in metrics.items():
        if not isinstance(value, int | float):
            raise TypeError(f"the family reported {name} = {value!r}, but a metric must be a number")
        if not math.isfinite(value):
            raise NonFinite(f"{name} became {value}")
    return {name: float(value) for name, value in metrics.items()}


class Tally:
    """Loss and hits of one model over the batches of an evaluation, each sample weighing the same.

    Args:
        model: in eval mode.
        view: transform of the images before the model sees them.
        top5: whether to count hits among the five likeliest classes as well.
        team: the worker's place in it; the means are those of all its workers' batches.
        precision: as a configuration's; none is the device's own.
    """

    def __init__(
        self,
        model: nn.Module,
        view: View | None = None,
        top5: bool = False,
        team: Team = ALONE,
        precision: Precision | None = None,
    ) -> None:
        self._model = model
        self._precision = precision
        self._team = team
        self._view = view
        self._ranks = {"accuracy": 1} | ({"top5_accuracy": 5} if top5 else {})
        self._sums: list[Tensor] = []  # of each batch: loss and hits, read back once at the end
        self._seen = 0

    @torch.no_grad()
    def add(self, images: Tensor, labels: Tensor) -> None:
        """Evaluate one batch: normalised images [N, C, H, W] and labels [N] on the model's device."""
        inputs = images if self._view is None else self._view(images)
        with exactly(inputs.device, self._precision), autocast(inputs.device, self._precision):
            outputs = self._model(inputs)
        loss = F.cross_entropy(outputs.float(), labels, reduction="sum").double()
        hits = [_hits(outputs, labels, rank) for rank in self._ranks.values()]
        self._sums.append(torch.stack([loss, *hits]))
        self._seen += len(labels)

    def means(self) -> dict[str, float]:
        """`loss`, `accuracy` in [0, 1] and, if asked for, `top5_accuracy`; `ValueError` when no sample was added."""
        mine = torch.stack(self._sums).sum(0) if self._sums else torch.zeros(1 + len(self._ranks)).double()
        if not self._team.alone:  # whose device is the model's, also of a worker that has seen nothing
            mine = mine.to(next(self._model.parameters()).device)
        seen = torch.full_like(mine[:1], self._seen)
        *sums, seen = self._team.summed(torch.cat([mine, seen])).tolist()
        if seen == 0:
            raise ValueError(
                "there are no images to evaluate on, but at least one is needed; check the dataset's split"
            )
        return {name: total / seen for name, total in zip(("loss", *self._ranks), sums, strict=True)}


def _hits(outputs: Tensor, labels: Tensor, rank: int) -> Tensor:
    if rank == 1:
        return (outputs.argmax(1) == labels).sum().double()
    likeliest = outputs.topk(min(rank, outputs.shape[1]), dim=1).indices
    return (likeliest == labels[:, None]).sum().double()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in eval mode, and in its former mode again afterwards."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def evaluate(
    model: nn.Module,
    batches: Batches,
    view: View | None = None,
    top5: bool = False,
    team: Team = ALONE,
    precision: Precision | None = None,
) -> dict[str, float]:
    """Mean cross-entropy and top-1 accuracy in [0, 1] over all batches, each sample weighing the same.

    Args:
        model: put into eval mode; its former mode is restored afterwards.
        batches: (images [N, C, H, W], labels [N]) pairs on the model's device; in a team this worker's part of them.
        view, top5, team, precision: see `Tally`.

    Raises:
        ValueError: there is no sample to evaluate.
    """
    tally = Tally(model, view, top5, team, precision)
    with evaluating(model):
        for images, labels in batches:
            tally.add(images, labels)
    return tally.means()


def _strategy(place: str) -> Any:
    module, _, name = place.partition(".")
    return getattr(importlib.import_module(f"trainables.trial.{module}"), name)()


# name -> what makes the `trainables.trial.strategies.Strategy` of a trial on one device; found when one is asked for, as the
# families are, since each is built on this file
STRATEGIES: Mapping[str, Callable[[], Any]] = {
    "auto": partial(_strategy, "strategies.Auto"),
    "serial": partial(_strategy, "serial.Serial"),
    "graph": partial(_strategy, "graph.Graph"),
}
