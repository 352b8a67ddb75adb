"""Every family on a card that is not there: a training step waits for nothing, copies nothing, mixes no devices.

Every mode in the small here; every architecture under `slow`.
"""

import pytest

from tests.trainables.cuda import cases, steps

pytestmark = pytest.mark.filterwarnings("ignore")


def _is_sound(case, images=steps.IMAGES):
    trained = steps.train(*case, images)
    assert trained.steps >= 2
    assert trained.in_steps == []
    assert trained.in_evaluation == []
    assert steps.resident(trained.replicate) == {"cuda"}
    assert trained.kernels > 0


@pytest.mark.parametrize("case", cases.SMALL, ids=cases.name)
def test_a_step_on_a_card_is_sound(case):
    _is_sound(case)


_MINUTES = {"densenet121", "resnet34", "resnet50", "dpn", "pnasnetA", "pnasnetB", "mobilev2", "resnext"}  # of deconv


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.long] * (case[1].get("arch") in _MINUTES)) for case in cases.LONG],
    ids=cases.name,
)
def test_a_step_of_every_architecture_on_a_card_is_sound(case):
    _is_sound(case, images=20)  # two batches of eight, and a short one
