"""Evaluation: every sample weighs the same, whatever batch it came in."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainables.engine import evaluate


class Fixed(nn.Module):
    """Takes images [N, 1, 1, 1] that hold a row number; gives that row of the logits."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, images):
        return self.logits[images.flatten().long()]


def batches(labels, sizes):
    rows = torch.arange(len(labels)).float().view(-1, 1, 1, 1)
    return list(zip(rows.split(sizes), labels.split(sizes), strict=True))


def test_batches_of_4_4_and_2_with_two_hits_are_20_percent():
    logits = F.one_hot(torch.zeros(10, dtype=torch.int64), 2).float()
    labels = torch.tensor([0, 1, 1, 1, 0, 1, 1, 1, 1, 1])  # the mean of the batches' means would be 16.67 %
    assert evaluate(Fixed(logits), batches(labels, [4, 4, 2]))["accuracy"] == 0.2


def test_the_loss_is_the_mean_over_samples():
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(10, 7, generator=generator), torch.randint(7, (10,), generator=generator)
    found = evaluate(Fixed(logits), batches(labels, [4, 4, 2]))
    assert found["loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-6)
    assert found.keys() == {"loss", "accuracy"}


def test_top_5_counts_a_label_among_the_five_likeliest():
    logits = torch.arange(8.0).expand(8, 8)  # the likeliest are 7, 6, 5, 4, 3
    labels = torch.arange(8)
    assert evaluate(Fixed(logits), batches(labels, [3, 5]), top5=True)["top5_accuracy"] == 5 / 8
    few = torch.zeros(4, 3)
    assert evaluate(Fixed(few), batches(torch.tensor([0, 1, 2, 2]), [4]), top5=True)["top5_accuracy"] == 1


def test_evaluation_leaves_the_model_in_its_mode_and_needs_an_image():
    model = Fixed(torch.zeros(1, 2)).train()
    evaluate(model, batches(torch.tensor([0]), [1]))
    assert model.training
    with pytest.raises(ValueError, match="there are no images to evaluate on"):
        evaluate(model, [])
