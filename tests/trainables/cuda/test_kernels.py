"""How many kernels a training step starts on a card: a budget for the network of each family, so that none come unseen.

A small network is bound by starting kernels, not by their work. A budget is what a step takes and 3 to 7 % more; what makes
a step cheaper lowers it.
"""

import pytest

from tests.trainables.cuda import cases, steps

pytestmark = pytest.mark.filterwarnings("ignore")

BUDGETS = [
    (("blur", {"arch": "small_cnn", "mode": "mix"}), 80),
    (("blur", {"arch": "alexnet_cifar", "mode": "mix"}), 130),
    (("online_norm", {"depth": 20, "norm_mode": "batch"}), 325),
    (("online_norm", {"depth": 20, "norm_mode": "group"}), 410),
    (("online_norm", {"depth": 20, "norm_mode": "online"}), 350),
    (("online_norm", {"depth": 20, "norm_mode": "online", "ecm": "ac"}), 350),
    (("deconv", {"arch": "vgg_tiny", "norm": "deconv", "block": 8}), 255),
    (("deconv", {"arch": "resnet", "norm": "bn"}), 310),
    (("deconv", {"arch": "resnet", "norm": "deconv", "block": 64}), 1400),
    (("bn_only", {"depth": 20, "trainable_set": "bn"}), 335),
    (("bn_only", {"depth": 56, "trainable_set": "bn"}), 860),
    (("imagenet", {"model": "lenet5"}), 92),
    (("imagenet", {"model": "resnet18", "image_size": 64}), 310),
    (("imagenet", {"model": "mobilenet_v1", "image_size": 64}), 435),
]


@pytest.mark.parametrize(("case", "budget"), BUDGETS, ids=[cases.name(case) for case, _ in BUDGETS])
def test_a_step_keeps_to_its_budget_of_kernels(case, budget):
    family, knobs = case
    if knobs.get("norm_mode") == "online":
        pytest.importorskip("triton", reason="Triton comes with CUDA's torch alone")
    assert steps.kernels(family, knobs) <= budget
