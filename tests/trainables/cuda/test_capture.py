"""What a captured training step must keep to, on a card that is not there: no number looked at, no copy, all in place."""

from unittest import mock

import pytest
import torch

from tests.trainables.cuda import cases, steps
from tests.trainables.cuda.fake_cuda import fake_cuda
from trainables.trial import branch
from trainables.trial.branch import Branch
from trainables.trial.graph import unsuitable

pytestmark = pytest.mark.filterwarnings("ignore")

CASES = [
    ("blur", {"arch": "small_cnn", "mode": "mix"}),
    ("online_norm", {"depth": 8, "norm_mode": "batch"}),
    ("online_norm", {"depth": 8, "norm_mode": "online"}),
    ("deconv", {**cases.VGG, "block_fc": 16, "lr_schedule": "cosine"}),
    ("deconv", {**cases.VGG, "optimizer": "adam"}),
    ("deconv", {**cases.OF_2019, "mode": 1}),
    ("bn_only", {"depth": 14, "trainable_set": "bn", "recompute_blocks": 2}),
    ("imagenet", {"model": "mobilenet_v1", "image_size": 32, "width": 0.25, "optimizer": "rmsprop", "jitter": 0.0}),
]


class Generator:
    """A generator of a card, as far as a branch asks one."""

    def clone_state(self):
        return Generator()

    def graphsafe_get_state(self):
        return self

    def graphsafe_set_state(self, state):
        pass


@pytest.fixture
def _no_streams(monkeypatch):
    monkeypatch.setattr(branch, "_default_generator", Generator)
    monkeypatch.setattr(torch.cuda, "Stream", mock.Mock)


@pytest.mark.usefixtures("_no_streams")
@pytest.mark.parametrize("case", CASES, ids=cases.name)
def test_a_step_of_a_branch_can_be_captured(case):
    with fake_cuda() as seen:
        replicate = steps.build(*case, images=40)
        assert unsuitable(replicate) is None
        made = Branch(replicate)
        made.begin_epoch(0)
        for step in range(2):
            made.begin_step(step)
            made.step(8)
        made.begin_step(2)
        seen.clear()
        assert made.watched_step(8) is None
        assert seen.problems() == []
        assert not seen.uploads, "memory of the host that a replay would read again"
        before = made.key()
        made.begin_step(3)
        made.step(8)
        assert made.key() == before


@pytest.mark.usefixtures("_no_streams")
def test_the_learning_rate_is_a_number_again_after_the_epoch():
    with fake_cuda():
        replicate = steps.build("blur", {"arch": "small_cnn", "mode": "normal", "lr": 0.03})
        made = Branch(replicate)
        made.begin_epoch(0)
        made.begin_step(0)
        group = replicate.optimizer.param_groups[0]
        assert isinstance(group["lr"], torch.Tensor)
        made.step(8)
        made.finish()
        assert group["lr"] == 0.03
        assert isinstance(group["lr"], float)
