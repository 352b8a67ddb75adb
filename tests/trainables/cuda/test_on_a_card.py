"""What only a real card can show. Skipped without one; `benchmarks/gpu.py` runs them, and measures the rest."""

import pytest
import torch

from tests.trainables.training import untimed
from trainables.lockstep import LockStep
from trainables.process.precision import exactly
from trainables.trial.crew import OneByOne

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    pytest.mark.filterwarnings("ignore"),
]

SMALL = {"dataset": "digits", "train_images": 400, "batch_size": 32, "epochs": 3, "precision": "float32"}
NETWORK = {**SMALL, "arch": "small_cnn", "mode": "mix"}

# cuDNN adds in no fixed order: two runs of the same epochs differ by up to 1.5e-3 on an H200.
BY_CHANCE = 1e-2


def trained(device, strategy, epochs=2, state=None, **more):
    trial = LockStep("blur", {**NETWORK, **more}, replicates=3, device=device, strategy=strategy)
    if state is not None:
        trial.load(state)
    for _ in range(epochs):
        trial.step()
    return trial


def test_graph_trains_as_serial_does_and_says_so():
    serial, graph = trained("cuda", "serial"), trained("cuda", "graph")
    assert [result["strategy"] for result in graph.history] == ["graph", "graph"]
    for one, other in zip(untimed(serial.history), untimed(graph.history), strict=True):
        assert other["train_loss_values"] == pytest.approx(one["train_loss_values"], rel=BY_CHANCE)


@pytest.mark.parametrize(("here", "there"), [("cpu", "cuda"), ("cuda", "cpu")])
def test_a_checkpoint_of_one_device_is_continued_on_the_other(here, there):
    state = trained(here, "serial", epochs=1).state()
    continued = trained(there, "graph", epochs=2, state=state)
    straight = trained(here, "serial", epochs=3)
    assert continued.epoch == 3
    expected = straight.history[-1]["train_loss_values"]
    assert continued.history[-1]["train_loss_values"] == pytest.approx(expected, rel=BY_CHANCE)


def test_adam_one_by_one_waits_for_nothing_within_a_step():
    knobs = {**SMALL, "model": "lenet5", "image_size": 32}
    trial = LockStep("imagenet", knobs, replicates=2, device="cuda", crew=OneByOne)
    trial.step()
    replicate = trial.replicates[0]
    replicate.move(replicate.device)
    torch.cuda.synchronize()
    for parameter in replicate.model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    torch.cuda.set_sync_debug_mode("error")
    try:
        replicate.optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_float32_is_float32_and_what_was_set_before_comes_back():
    before = torch.backends.cudnn.conv.fp32_precision, torch.backends.cudnn.benchmark
    conv = torch.nn.Conv2d(64, 64, 3, padding=1).cuda()
    x = torch.randn(8, 64, 16, 16, device="cuda")
    with exactly(x.device, "float32", fixed_shapes=True), torch.no_grad():
        found = conv(x)
    expected = conv.double()(x.double()).float()
    assert (found - expected).abs().max() < 1e-4
    assert (torch.backends.cudnn.conv.fp32_precision, torch.backends.cudnn.benchmark) == before
