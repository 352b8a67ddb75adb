"""What a trial takes, predicted: who fits, the sentence that refuses, and what it says would fit."""

import pytest
import torch

from trainables.bn_only import FAMILY, BNOnlyConfig
from trainables.family import Shape
from trainables.images.batches import STREAMED_EVALUATION
from trainables.images.loaded import EVALUATION_BATCH_SIZE
from trainables.lockstep import LockStep
from trainables.models.bn import memory as bn_memory
from trainables.process import footprint
from trainables.process.footprint import GIB, Footprint, Load
from trainables.trial import preflight

CIFAR = Shape(3, 32, 10)


@pytest.fixture
def _four_gib(monkeypatch):
    monkeypatch.setattr(footprint, "main_memory", lambda: 4 * GIB)


def predicted(replicates=5, **knobs):
    return FAMILY.footprint(BNOnlyConfig(dataset="cifar10", **knobs), CIFAR, 45_000, replicates)


@pytest.mark.usefixtures("_four_gib")
def test_what_fits_is_no_problem_and_what_does_not_says_what_would():
    takes = Footprint(3 * GIB, 1.5e15, {"batch_size 64": 2 * GIB, "batch_size 128": int(3.9 * GIB)})
    assert takes.problem("the network", Load(replicates=5)) is None
    sentence = takes.problem("the network", Load(replicates=5, at_once=2))
    assert sentence == (
        "the network needs about 3.0 GiB for 5 replicates (and 1.5e+15 multiply-accumulates to the full budget), but each "
        "of 2 trials at once has 2.0 GiB; what fits is --max-concurrent 1, or batch_size 64 (2.0 GiB)"
    )


@pytest.mark.usefixtures("_four_gib")
def test_where_nothing_fits_the_machine_is_named():
    sentence = Footprint(9 * GIB, 1e9, {"batch_size 64": 8 * GIB}).problem("the network", Load())
    assert "but this machine has 4.0 GiB; use a machine with more memory" in sentence


def test_main_memory_is_that_of_the_machine_or_of_its_container(monkeypatch, tmp_path):
    whole = footprint.main_memory()
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(footprint, "_LIMITS", (limit, tmp_path / "absent"))
    for text, expected in (("max\n", whole), ("1073741824\n", GIB), (f"{2**63}\n", whole)):
        limit.write_text(text)
        assert footprint.main_memory() <= whole
        assert footprint.main_memory() == expected or text == "max\n"


def test_deep_networks_take_less_with_blocks_recomputed_and_more_with_everything_trained():
    deep = predicted(depth=866).bytes
    assert predicted(depth=866, trainable_set="all").bytes > 1.5 * deep
    assert predicted(depth=866, recompute_blocks=20).bytes < 0.4 * deep
    assert predicted(depth=866, trainable_set="output").bytes < 0.4 * deep
    assert predicted(depth=866).smaller["recompute_blocks 20"] == predicted(depth=866, recompute_blocks=20).bytes
    assert predicted(depth=866).smaller["batch_size 32"] == predicted(depth=866, batch_size=32).bytes


def test_wide_networks_take_the_weights_of_all_replicates():
    five, one = predicted(depth=14, width=32), predicted(1, depth=14, width=32)
    assert five.bytes - one.bytes == 4 * 4 * (177_279_498 + 2 * 35_840)
    everything = predicted(depth=14, width=32, trainable_set="all").bytes
    assert everything - predicted(1, depth=14, width=32, trainable_set="all").bytes == 4 * 4 * 3 * 177_279_498


def test_the_work_is_that_of_the_full_budget_of_all_replicates():
    forward, inputs = 26_657_408, 26_657_408 - 27 * 16 * 1024
    assert predicted(depth=14).macs == 45_000 * 160 * 5 * (forward + inputs)


@pytest.mark.usefixtures("_four_gib")
def test_preflight_refuses_what_cannot_fit_before_building_it():
    knobs = {"dataset": "digits", "name": "cifar_resnet_14_32", "batch_size": 64}
    report = preflight.check("bn_only", [knobs, {**knobs, "name": "cifar_freeze_14"}], Load(replicates=5))
    [problem] = report["problems"]
    assert problem.startswith("the network of `arch` resnet_cifar, `depth` 14, `width` 32, `trainable_set` all")
    assert "this machine has 4.0 GiB" in problem


@pytest.mark.parametrize(
    ("family", "knobs"),
    [("blur", {}), ("bn_only", {"depth": 14}), ("deconv", {"arch": "vgg_tiny", "norm": "bn", "image_size": 16})],
)
def test_the_predicted_size_of_a_checkpoint_is_that_of_its_tensors(family, knobs):
    knobs = {"dataset": "digits", "image_size": 8, "train_images": 80, "epochs": 2, "batch_size": 40, **knobs}
    trial = LockStep(family, knobs, replicates=2)
    trial.step()
    predicted = 2 * preflight.check(family, [knobs])["replicate_bytes"]
    assert tensor_bytes(trial.state()) == pytest.approx(predicted, rel=0.1)


def tensor_bytes(node):
    if isinstance(node, torch.Tensor):
        return node.numel() * node.element_size()
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list | tuple) else ()
    return sum(tensor_bytes(child) for child in children)


def test_streamed_images_are_evaluated_in_smaller_batches_and_predicted_so():
    shape = Shape(3, 224, 1000)
    small = {"batch_size": 8, "image_size": 224, "depth": 8}
    streamed, loaded = (
        FAMILY.footprint(BNOnlyConfig(dataset=name, **small), shape, 1_281_167, 5).bytes
        for name in ("imagenet:/data", "folder:/data")
    )
    maps = 4 * 16 * 224**2 * bn_memory.MAPS_IN_FLIGHT
    assert loaded - streamed == (EVALUATION_BATCH_SIZE - STREAMED_EVALUATION) * maps
