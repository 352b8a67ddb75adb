"""The training of one replicate for one epoch, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trainables.process.precision import autocast, exactly
from trainables.trial.finite import require_finite

if TYPE_CHECKING:
    from trainables.trial.replicate import Replicate


class TrainingPass:
    """One 0-based epoch of one replicate, a batch at a time; the loss and accuracy are those seen on the fly."""

    def __init__(self, replicate: Replicate, epoch: int) -> None:
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
            require_finite(self._loss_sum)

    def finish(self) -> dict[str, float]:
        """Mean loss and accuracy of the epoch, each sample weighing the same; `NonFinite` when the sum of losses is not."""
        # Nobody needs them any more, and the other replicates of a trial have the memory while they train.
        self._replicate.optimizer.zero_grad(set_to_none=True)
        seen = torch.full_like(self._loss_sum, self.seen)
        loss, correct, seen = self._team.summed(torch.stack([self._loss_sum, self._correct.double(), seen]))
        require_finite(loss)
        return {"loss": (loss / seen).item(), "accuracy": (correct / seen).item()}


def train_epoch(replicate: Replicate, epoch: int) -> dict[str, float]:
    """Train one replicate for one 0-based epoch; the loss and accuracy are those seen on the fly, sample-weighted.

    Raises:
        NonFinite: the summed loss is NaN or infinite.
    """
    batches = replicate.train_batches(epoch)
    training = TrainingPass(replicate, epoch)
    for images, labels in batches:
        training.step(images, labels)
    return training.finish()
