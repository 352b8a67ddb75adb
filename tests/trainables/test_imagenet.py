"""The imagenet family: learning rates as published, plateaus that survive a resume, losses, inputs, training."""

import math

import pytest
import torch
from torch.nn import functional as F

from trainables import families
from trainables.engine import TrainingPass
from trainables.family import Shape
from trainables.imagenet import FAMILY, ImageNetConfig, ImageNetTrainable, learning_rate_at
from trainables.lockstep import LockStep
from trainables.on_ray.trainable import TRAINABLES
from trainables.trial import preflight

KNOBS = {"train_images": 100, "epochs": 2, "batch_size": 45}


def rates(epochs, **knobs):
    config = ImageNetConfig(**knobs)
    return [learning_rate_at(config, epoch) for epoch in epochs]


def test_the_family_is_reached_by_name():
    assert families.get("imagenet") is FAMILY
    assert TRAINABLES["imagenet"] is ImageNetTrainable


# The schedules; published epochs count from 1, ours from 0


def test_vgg_halves_its_learning_rate_every_ten_epochs():
    assert rates([0, 9, 10, 20, 30], model="vgg16") == pytest.approx([0.01, 0.01, 0.005, 0.0025, 0.00125])


def test_mobilenet_multiplies_by_094_every_two_epochs():
    assert rates([0, 1, 2, 3, 4], model="mobilenet_v1") == pytest.approx(
        [0.045, 0.045, 0.045 * 0.94, 0.045 * 0.94, 0.045 * 0.94**2]
    )


def test_inception_follows_a_root_for_60_epochs_then_two_constants():
    found = rates([0, 1, 45, 59, 60, 74, 75, 199], model="inception_v1")
    roots = [0.01 * math.sqrt(1 - epoch / 60) for epoch in (0, 1, 45, 59)]
    assert found == pytest.approx([*roots, 1e-4, 1e-4, 1e-5, 1e-5])


def test_multistep_drops_at_its_milestones():
    found = rates([29, 30, 45, 80, 95], model="alexnet_v2", lr_schedule="multistep")
    assert found == pytest.approx([1e-2, 1e-3, 1e-4, 1e-5, 1e-6])


def test_the_multiple_scales_every_schedule():
    for schedule in ("constant", "step", "cosine", "multistep", "poly", "plateau"):
        one, two = (rates([0, 7], model="vgg16", lr_schedule=schedule, lr_multiple=k) for k in (1, 2))
        assert two == pytest.approx([2 * rate for rate in one])


def plateau(metrics, **knobs):
    config = ImageNetConfig(model="alexnet_v2", **knobs)
    return [learning_rate_at(config, epoch, metrics) for epoch in range(len(metrics) + 1)]


def test_a_metric_flat_from_the_12th_epoch_drops_the_rate_from_the_24th():
    found = plateau([59.0 + epoch for epoch in range(12)] + [70.0] * 30)
    assert found[:23] == [0.01] * 23
    assert found[23:34] == pytest.approx([1e-3] * 11)
    assert found[34] == pytest.approx(1e-4)


def test_less_than_a_relative_1e4_is_no_improvement():
    flat, better = [69.0, *[70.0] * 5], 70.0
    assert plateau([*flat, *[better + 0.004] * 7])[-1] == pytest.approx(1e-3)
    assert plateau([*flat, better + 0.008, *[better] * 6])[-1] == 0.01


def test_the_plateau_of_a_loss_waits_for_it_to_fall():
    losses = [1 / (1 + epoch) for epoch in range(8)]
    assert plateau(losses, plateau_metric="loss", plateau_patience=2) == [0.01] * 9
    assert plateau(losses[::-1], plateau_metric="loss", plateau_patience=2, lr_factor=0.5)[-1] == pytest.approx(0.0025)


def test_each_replicate_drops_by_its_own_metric_and_a_resume_remembers():
    knobs = {**KNOBS, "epochs": 5, "plateau_patience": 0, "lr": 1e-6}  # nothing is learnt, so accuracy stands still
    through, first, second = (LockStep("imagenet", knobs, replicates=1) for _ in range(3))
    results = [through.step() for _ in range(5)]
    for _ in range(3):
        first.step()
    second.load(first.state())
    resumed = [second.step() for _ in range(2)]
    expected = [learning_rate_at(through.config, e, [r["val_accuracy"] for r in results]) for e in range(5)]
    assert [result["learning_rate"] for result in results] == expected
    assert expected[-1] < expected[0]
    assert [result["learning_rate"] for result in resumed] == expected[3:]
    assert [result["val_loss"] for result in resumed] == [result["val_loss"] for result in results[3:]]


# Optimizers, losses, inputs


def test_optimizers_have_the_published_constants():
    layer = torch.nn.Linear(1, 1)
    rmsprop = FAMILY.build_optimizer(ImageNetConfig(model="mobilenet_v1"), layer).param_groups[0]
    assert (rmsprop["alpha"], rmsprop["eps"], rmsprop["momentum"], rmsprop["lr"]) == (0.9, 1.0, 0, 0.045)
    adam = FAMILY.build_optimizer(ImageNetConfig(), layer).param_groups[0]
    assert (adam["betas"], adam["eps"], adam["lr"]) == ((0.9, 0.999), 1e-8, 1e-3)
    sgd = FAMILY.build_optimizer(ImageNetConfig(model="resnet34"), layer).param_groups[0]
    assert (sgd["momentum"], sgd["weight_decay"], sgd["nesterov"]) == (0.9, 1e-4, False)


def test_auxiliary_losses_count_by_their_weight():
    heads = tuple(torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    labels = torch.tensor([0, 1, 2, 0])
    losses = [F.cross_entropy(head, labels) for head in heads]
    config = ImageNetConfig(model="inception_v1", aux_weight=0.3)
    assert torch.allclose(FAMILY.loss(config, heads, labels), losses[0] + 0.3 * (losses[1] + losses[2]))
    assert torch.equal(FAMILY.loss(config, heads[0], labels), losses[0])


def test_inception_trains_with_its_auxiliary_heads():
    trial = LockStep("imagenet", {**KNOBS, "model": "inception_v1", "image_size": 80}, replicates=1)
    [replicate] = trial.replicates
    before = {name: p.clone() for name, p in replicate.model.named_parameters()}
    replicate.begin_epoch(0)
    TrainingPass(replicate, 0).step(torch.randn(4, 1, 80, 80), torch.arange(4))
    after = dict(replicate.model.named_parameters())
    assert not [name for name in before if torch.equal(before[name], after[name])]


@pytest.mark.parametrize(("dataset", "mean", "std"), [("digits", 0.5, 0.5), ("imagenet:/data", 0.485, 0.229)])
def test_raw255_skips_the_division_by_255_and_keeps_the_names_of_the_parameters(dataset, mean, std):
    shape = Shape(3, 32, 10)
    knobs = {"dataset": dataset, "image_size": 32}
    models = []
    for scale in ("unit", "raw255"):
        torch.manual_seed(0)
        models.append(FAMILY.build_model(ImageNetConfig(**knobs, input_scale=scale), shape).eval())
    unit, raw = models
    assert unit.state_dict().keys() == raw.state_dict().keys()
    seen = []
    raw[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    pixels = torch.randint(0, 256, (1, 1, 32, 32), generator=torch.Generator().manual_seed(1)).expand(1, 3, 32, 32)
    raw((pixels / 255 - mean) / torch.tensor([std]).view(-1, 1, 1))
    assert torch.allclose(seen[0][:, 0], (pixels[:, 0] - mean) / std, atol=1e-3)


def test_jitter_changes_training_inputs_alone_and_by_the_generator():
    images = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    config = ImageNetConfig(model="mobilenet_v1", jitter=0.2)
    one, again, other = (
        FAMILY.train_inputs(config, images, 0, torch.Generator().manual_seed(seed), range(len(images)))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.allclose(one, other, atol=0.01)
    assert one.min() >= -1
    assert one.max() <= 1
    assert FAMILY.train_inputs(ImageNetConfig(), images, 0, torch.Generator(), range(len(images))) is images


# Training


def test_lenet_learns_the_digits_and_reports_top_1_and_top_5():
    trial = LockStep("imagenet", {"epochs": 3, "train_images": 600, "batch_size": 32}, replicates=1)
    while not trial.finished:
        result = trial.step()
    assert result["val_accuracy"] > 0.6
    assert result["val_top5_accuracy"] > result["val_accuracy"]
    assert {"test_accuracy", "test_top5_accuracy"} <= set(result["metrics"])


def test_a_model_that_needs_larger_images_is_refused_before_training():
    found = preflight.check("imagenet", [{"model": "alexnet_v2"}, {"model": "lenet5", "image_size": 16}])["problems"]
    assert found == [
        "`image_size` is 16, but alexnet_v2 needs at least 63 pixels; set image_size=64",
        "`image_size` is 16, but lenet5 needs at least 32 pixels; set image_size=32",
    ]
