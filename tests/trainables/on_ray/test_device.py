"""A worker keeps to the share Ray gave it: threads, GPU memory, and no GPU where it was given none."""

import os
from types import SimpleNamespace

import pytest
import torch

from trainables.on_ray import device
from trainables.process import card_memory
from trainables.process.footprint import Load


@pytest.fixture
def card(monkeypatch):
    """A machine with a card; the fractions of its memory that were asked for."""
    fractions = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", fractions.append)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    return fractions


@pytest.fixture
def worker(monkeypatch):
    """As in a process of Ray's that was given these GPUs."""
    given = {"GPU": []}
    context = SimpleNamespace(
        get_accelerator_ids=lambda: given,
        get_node_id=lambda: "a" * 56,
        worker=SimpleNamespace(mode=device.ray.WORKER_MODE),
    )
    monkeypatch.setattr(device.ray, "is_initialized", lambda: True)
    monkeypatch.setattr(device.ray, "get_runtime_context", lambda: context)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    return given


def test_a_quarter_of_a_card_is_a_quarter_of_its_memory(card):
    assert device.take(1, 0.25).type == "cuda"
    assert card == [0.25]


def test_a_whole_card_is_not_capped(card):
    assert device.take(1, 1.0).type == "cuda"
    assert card == []


def test_a_share_leaves_room_for_what_cuda_itself_takes_in_each_process(card, monkeypatch):
    total = 8 * 2**30
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(total_memory=total))
    device.take(1, 0.25)
    assert card == [0.25 - card_memory.CONTEXT_BYTES / total]
    assert 4 * (card[0] * total + card_memory.CONTEXT_BYTES) == total
    assert Load(gpus=0.25).available() == total // 4 - card_memory.CONTEXT_BYTES
    with pytest.raises(
        card_memory.NoGPU, match=r"a share of 0\.05 of a GPU of 8 GiB is 0\.40 GiB, but CUDA itself takes"
    ):
        device.take(1, 0.05)


@pytest.mark.parametrize("promised", [0.25, 1.0, 2.0])
def test_a_promised_gpu_that_is_missing_is_refused(monkeypatch, promised):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(card_memory.NoGPU, match=f"{promised:g} GPUs are promised to this worker .* finds none there"):
        device.take(1, promised)


def test_a_gpu_that_ray_gave_and_torch_does_not_see_is_refused(monkeypatch, worker):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    worker["GPU"] = ["0"]
    with pytest.raises(card_memory.NoGPU, match="launch with --gpus-per-trial 0"):
        device.take(None, None)


def test_outside_of_ray_nobody_promised_a_gpu(monkeypatch):
    monkeypatch.setattr(device.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.take(None, None).type == "cpu"


def test_without_a_gpu_none_is_seen(card, worker):
    assert device.take(1, 0).type == "cpu"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_outside_of_ray_the_environment_is_left_alone(card, monkeypatch):
    monkeypatch.setattr(device.ray, "is_initialized", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert device.take(1, 0).type == "cpu"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_a_flat_configuration_takes_no_gpu_that_ray_did_not_give(card, worker):
    assert device.take(None, None).type == "cpu"
    worker["GPU"] = ["3"]
    assert device.take(None, None).type == "cuda"


def test_a_worker_says_where_it_trains(worker):
    worker["GPU"] = ["3"]
    assert str(device.here()) == f"node {'a' * 12}, GPU 3, process {os.getpid()}"


def test_gpus_that_are_known_to_be_none_leave_a_worker_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(device.NoGPU, match="finds none there"):
        device.take(1, 0.5)
    monkeypatch.setenv("TUNER_FAKE_GPUS", "1")
    assert device.take(1, 0.5) == torch.device("cpu")
