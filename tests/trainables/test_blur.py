"""The blur family: sigma at each epoch, which samples are blurred, what is frozen, what is evaluated."""

import math
import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from trainables import families
from trainables.blur import FAMILY, BlurConfig, learning_rate_at, mix_batch, sigma_at
from trainables.family import Shape
from trainables.images.augmentation import lighting
from trainables.layers.blur import gaussian_blur
from trainables.lockstep import LockStep
from trainables.models.first_conv import first_conv

SHAPE = Shape(channels=1, size=16, classes=10)


def sigmas(epochs, **knobs):
    config = BlurConfig(epochs=epochs, **knobs)
    return [sigma_at(config, epoch) for epoch in range(epochs)]


def test_normal_never_blurs_and_all_always_does():
    assert sigmas(3, mode="normal", sigma=4) == [0, 0, 0]
    assert sigmas(3, mode="all", sigma=4) == [4, 4, 4]
    assert sigmas(3, mode="mix", sigma=2.5) == [2.5, 2.5, 2.5]


@pytest.mark.parametrize("mode", ["single-step", "fixed-single-step"])
@pytest.mark.parametrize(("epochs", "switch"), [(60, 30), (61, 30), (9, 4), (2, 1)])
def test_single_steps_blur_until_half_of_the_budget_rounded_down(mode, epochs, switch):
    assert sigmas(epochs, mode=mode, sigma=3) == [3] * switch + [0] * (epochs - switch)


def test_reversed_single_step_blurs_the_second_half_with_sigma():
    assert sigmas(5, mode="reversed-single-step", sigma=2) == [0, 0, 2, 2, 2]


def test_multi_steps_has_absolute_epochs_whatever_the_budget_and_sigma():
    expected = [4] * 10 + [3] * 10 + [2] * 10 + [1] * 10 + [0] * 20
    assert sigmas(60, mode="multi-steps") == expected
    assert sigmas(20, mode="multi-steps", sigma=9) == expected[:20]
    assert sigmas(90, mode="multi-steps") == expected + [0] * 30


def test_multi_steps_can_be_scaled_to_the_budget():
    assert sigmas(60, mode="multi-steps", multi_steps_scaled=True) == sigmas(60, mode="multi-steps")
    assert sigmas(12, mode="multi-steps", multi_steps_scaled=True) == [4, 4, 3, 3, 2, 2, 1, 1, 0, 0, 0, 0]


def test_cbt_decays_every_five_epochs_and_never_reaches_zero():
    values = sigmas(60, mode="multi-steps-cbt")
    assert values[::5][:5] == pytest.approx([2, 1.8, 1.62, 1.458, 1.3122])
    assert values[0:5] == [2.0] * 5
    assert values[55:] == pytest.approx([0.6276] * 5, abs=5e-5)


def test_the_names_of_the_cifar_code_mean_the_same_modes():
    for alias, mode in {
        "blur-all": "all",
        "blur-half-data": "mix",
        "blur-half-epochs": "single-step",
        "blur-step": "multi-steps",
    }.items():
        assert BlurConfig(mode=alias).mode == mode


@pytest.mark.parametrize(
    ("knobs", "settles"),
    [
        ({"mode": "mix"}, 0),
        ({"mode": "multi-steps-cbt"}, 0),
        ({"mode": "single-step"}, 30),
        ({"mode": "reversed-single-step", "switch_fraction": 0.2}, 12),
        ({"mode": "multi-steps"}, 40),
        ({"mode": "multi-steps", "epochs": 20}, 20),
        ({"mode": "multi-steps", "epochs": 12, "multi_steps_scaled": True}, 8),
    ],
)
def test_a_schedule_settles_at_its_switch(knobs, settles):
    assert BlurConfig(**({"epochs": 60} | knobs)).settles_at == settles


@pytest.mark.parametrize("count", [1, 2, 5, 64])
def test_mix_blurs_the_first_half_rounded_up_and_leaves_the_rest(count):
    images = torch.randn(count, 3, 12, 12)
    mixed = mix_batch(images, BlurConfig(mode="mix", sigma=1.5), torch.Generator())
    half = math.ceil(count / 2)
    assert torch.equal(mixed[half:], images[half:])
    assert torch.allclose(mixed[:half], gaussian_blur(images[:half], 1.5), atol=1e-6)
    assert not torch.equal(mixed[:half], images[:half])


def test_random_mix_draws_a_sigma_for_each_blurred_sample_in_order():
    images = torch.randn(6, 1, 10, 10)
    config = BlurConfig(mode="random-mix", min_sigma=1, max_sigma=3)
    mixed = mix_batch(images, config, torch.Generator().manual_seed(4))
    drawn = 1 + 2 * torch.rand(3, generator=torch.Generator().manual_seed(4))
    for index in range(3):
        one = gaussian_blur(images[index : index + 1], float(drawn[index]))
        assert torch.allclose(mixed[index : index + 1], one, atol=1e-6)
    assert torch.equal(mixed[3:], images[3:])


def test_a_blurred_fraction_of_zero_and_a_sigma_of_zero_leave_the_batch_as_it_is():
    images = torch.randn(4, 1, 8, 8)
    assert mix_batch(images, BlurConfig(mode="mix", blurred_fraction=0), torch.Generator()) is images
    assert mix_batch(images, BlurConfig(mode="mix", sigma=0), torch.Generator()) is images


def test_training_inputs_follow_the_schedule():
    images = torch.randn(4, 1, 8, 8)
    config = BlurConfig(mode="single-step", sigma=2, epochs=4)
    inputs = [FAMILY.train_inputs(config, images, epoch, torch.Generator(), range(len(images))) for epoch in range(4)]
    assert torch.allclose(inputs[1], gaussian_blur(images, 2.0))
    assert inputs[2] is images


def test_fixed_single_step_freezes_the_first_convolution_against_momentum_and_decay():
    knobs = {"mode": "fixed-single-step", "epochs": 4, "image_size": 8, "train_images": 80, "weight_decay": 0.5}
    trial = LockStep("blur", knobs, replicates=1)
    model = trial.replicates[0].model
    start = first_conv(model).weight.detach().clone()
    trial.step()
    trial.step()
    at_switch = first_conv(model).weight.detach().clone()
    assert not torch.equal(start, at_switch)
    others = [parameter.detach().clone() for parameter in list(model.parameters())[1:]]
    trial.step()
    trial.step()
    assert torch.equal(first_conv(model).weight, at_switch)
    assert not any(torch.equal(a, b) for a, b in zip(others, list(model.parameters())[1:], strict=True))


def test_the_freeze_holds_after_a_resume():
    knobs = {"mode": "fixed-single-step", "epochs": 4, "image_size": 8, "train_images": 80}
    first = LockStep("blur", knobs, replicates=1)
    for _ in range(3):
        first.step()
    second = LockStep("blur", knobs, replicates=1)
    second.load(first.state())
    before = first_conv(second.replicates[0].model).weight.detach().clone()
    second.step()
    assert torch.equal(first_conv(second.replicates[0].model).weight, before)


def test_evaluation_blur_depends_on_its_own_list_and_not_on_the_schedule():
    config = BlurConfig(mode="all", sigma=3, evaluation_sigmas=(0, 2, 0.5))
    assert FAMILY.validation_views(config, 5, last=False) == {}
    views = FAMILY.validation_views(config, 59, last=True)
    assert list(views) == ["sigma_0", "sigma_2", "sigma_0.5"]
    images = torch.randn(2, 1, 9, 9)
    assert torch.equal(views["sigma_2"](images), gaussian_blur(images, 2.0))
    assert torch.equal(views["sigma_0"](images), images)


def test_validation_with_the_current_sigma_is_a_metric_of_its_own():
    config = BlurConfig(mode="single-step", sigma=3, epochs=4, blur_val=True)
    images = torch.randn(2, 1, 9, 9)
    assert torch.equal(FAMILY.validation_views(config, 0, False)["blur_val"](images), gaussian_blur(images, 3.0))
    assert torch.equal(FAMILY.validation_views(config, 3, False)["blur_val"](images), images)


def test_learning_rate_schedules():
    assert [learning_rate_at(BlurConfig(lr=0.1), epoch) for epoch in (0, 59)] == [0.1, 0.1]
    step = BlurConfig(lr=0.01, lr_schedule="step")
    assert [learning_rate_at(step, e) for e in (0, 19, 20, 39, 40)] == pytest.approx([0.01, 0.01, 1e-3, 1e-3, 1e-4])
    cosine = BlurConfig(lr=0.2, lr_schedule="cosine", epochs=10)
    assert [learning_rate_at(cosine, e) for e in (0, 5, 10)] == pytest.approx([0.2, 0.1, 0.0], abs=1e-12)


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({"sigma": -1}, "`sigma` is -1, but must be greater than or equal to 0"),
        ({"min_sigma": 3, "max_sigma": 2}, "`min_sigma` is 3, but must be at most `max_sigma`"),
        ({"mode": "blurry"}, "`mode` is 'blurry', but must be 'normal', 'all'"),
        ({"kernel_size": 3}, "`kernel_size` is not a knob of this family"),
        ({"blurred_fraction": 1.5}, "`blurred_fraction` is 1.5"),
        ({"evaluation_sigmas": (1, math.nan)}, "finite sigmas"),
        ({"lr": math.inf}, "`lr` is inf"),
    ],
)
def test_bad_knobs_are_refused_in_one_sentence(knobs, sentence):
    from trainables.config.training import problems

    with pytest.raises(ValidationError) as caught:
        BlurConfig(**knobs)
    [said] = problems(caught.value)
    assert sentence in said
    assert "\n" not in said


def test_an_unknown_architecture_suggests_the_nearest():
    with pytest.raises(ValueError, match="did you mean `resnet18`"):
        FAMILY.check(BlurConfig(arch="resnet_18"), Shape(3, 64, 10))
    with pytest.raises(ValueError, match="did you mean `alexnet_cifar`"):
        FAMILY.check(BlurConfig(arch="alexnet_cifr"), Shape(3, 32, 10))


def test_a_network_without_convolution_cannot_be_fixed():
    with pytest.raises(ValueError, match="has no convolution to fix"):
        first_conv(torch.nn.Linear(2, 2))


def test_a_network_too_large_for_its_images_is_refused_before_training():
    with pytest.raises(ValueError, match="alexnet_cifar needs at least 8 pixels"):
        FAMILY.check(BlurConfig(arch="alexnet_cifar"), Shape(3, 4, 10))
    with pytest.raises((ValueError, RuntimeError)):
        FAMILY.check(BlurConfig(arch="alexnet"), Shape(3, 16, 10))


def test_the_family_trains_without_ray_installed():
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from trainables.blur import BlurConfig, mix_batch, sigma_at\n"
        "from trainables.lockstep import LockStep\n"
        "knobs = {'image_size': 8, 'train_images': 80, 'epochs': 1, 'mode': 'random-mix'}\n"
        "print(LockStep('blur', knobs, replicates=1).step()['epoch'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "1\n", done.stderr


def test_on_imagenet_the_learning_rate_falls_to_a_tenth_every_20_epochs():
    config = BlurConfig(dataset="imagenet:/data")
    assert [learning_rate_at(config, epoch) for epoch in (0, 19, 20, 39, 40, 59)] == pytest.approx(
        [0.01, 0.01, 1e-3, 1e-3, 1e-4, 1e-4]
    )
    assert learning_rate_at(BlurConfig(dataset="cifar10"), 59) == 0.01


def test_colours_change_before_the_blur_and_within_the_normalisation():
    images = torch.rand(6, 3, 16, 16)  # as they are normalised by ImageNet's constants
    knobs = {"dataset": "imagenet16:/data", "mode": "all", "sigma": 1.0, "jitter": 0.0}
    config = BlurConfig(**knobs)
    seen = FAMILY.train_inputs(config, images, 0, torch.Generator().manual_seed(0), range(6))
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    lit = (lighting(images * std + mean, 0.05, torch.Generator().manual_seed(0)) - mean) / std
    torch.testing.assert_close(seen, gaussian_blur(lit, 1.0), atol=1e-5, rtol=1e-5)
    plain = BlurConfig(**{**knobs, "lighting": 0.0})
    assert torch.equal(FAMILY.train_inputs(plain, images, 0, torch.Generator(), range(6)), gaussian_blur(images, 1.0))
    assert "host" in FAMILY.uncapturable(config)
    with pytest.raises(ValueError, match=r"`lighting` is 0\.05, but these images have 1 channel"):
        FAMILY.check(BlurConfig(lighting=0.05), Shape(1, 16, 10))


def test_top_5_is_reported_of_a_thousand_classes_in_every_family():
    for name in families.names():
        assert families.get(name).reports_top5(1000)
        assert families.get(name).reports_top5(16) == (name == "imagenet")
