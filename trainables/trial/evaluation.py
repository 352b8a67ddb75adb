"""What a network scores on batches of images, each image weighing the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.config.training import Precision
from trainables.family import View
from trainables.process.precision import autocast, exactly
from trainables.process.team import ALONE, Team

Batches = Iterable[tuple[Tensor, Tensor]]


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
