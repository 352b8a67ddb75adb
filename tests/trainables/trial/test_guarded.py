"""Out of GPU memory: told apart, tried again one by one, then given up; the numbers stay what they would have been."""

import pytest
import torch

from trainables import checkpoints
from trainables.blur import FAMILY, Blur, BlurTrainable
from trainables.lockstep import LockStep
from trainables.process.out_of_memory import OutOfMemory, is_out_of_memory
from trainables.trial.crew import OneByOne
from trainables.trial.guarded import ONE_BY_ONE, GuardedTrial

KNOBS = {"dataset": "digits", "image_size": 8, "train_images": 120, "epochs": 3, "batch_size": 40}


def build(one_by_one, limit):
    kinds = {"crew": OneByOne} if one_by_one else {}
    return LockStep("blur", KNOBS, replicates=3, **kinds)


def untimed(result):
    return {
        key: value for key, value in result.items() if "second" not in key and key not in ("errors", "replayed", "done")
    }


@pytest.fixture
def full(monkeypatch):
    """A card that is full: raises what torch raises, as often as asked, from the given call on."""
    real = Blur.train_inputs
    state = {"calls": 0, "from": 0, "times": 0}

    def train_inputs(self, *args):
        state["calls"] += 1
        if state["calls"] > state["from"] and state["times"] > 0:
            state["times"] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(self, *args)

    monkeypatch.setattr(Blur, "train_inputs", train_inputs)
    return state


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (MemoryError(), False),
    ],
)
def test_out_of_gpu_memory_is_told_apart(error, expected):
    assert is_out_of_memory(error) is expected


def test_a_full_card_is_no_failure_of_a_replicate(full):
    full["times"] = 1
    with pytest.raises(OutOfMemory, match="replicate 0 at epoch 1: CUDA out of memory"):
        LockStep("blur", KNOBS, replicates=3).step()


def test_one_by_one_gives_the_numbers_of_all_at_once():
    packed, single = build(False, None), build(True, None)
    assert [untimed(packed.step()) for _ in range(3)] == [untimed(single.step()) for _ in range(3)]


def test_out_of_memory_goes_back_to_the_checkpoint_and_on_one_by_one(full, tmp_path):
    reference = build(False, None)
    expected = [untimed(reference.step()) for _ in range(3)]
    guarded = GuardedTrial(build, tmp_path)
    assert untimed(guarded.step()) == expected[0]
    checkpoints.save(tmp_path, guarded.trial.state(), 1)
    full["from"], full["times"] = full["calls"] + 4, 1  # in the second replicate: the first has trained its epoch
    replayed, second = guarded.step(), guarded.step()
    assert replayed["replayed"]
    assert untimed(second) == expected[1]
    assert isinstance(guarded.trial.crew, OneByOne)
    [error] = replayed["errors"]
    assert error["kind"] == "out of memory"
    assert "replicate 1 at epoch 2: CUDA out of memory" in error["message"]
    assert "torch.OutOfMemoryError" in error["traceback"] or "OutOfMemoryError" in error["traceback"]
    assert untimed(guarded.step()) == expected[2]


def test_out_of_memory_one_by_one_as_well_is_the_end(full, tmp_path):
    full["times"] = 2
    result = GuardedTrial(build, tmp_path).step()
    assert result["failed"].startswith("out of GPU memory: replicate 0 at epoch 1")
    assert result["failed"].endswith("also with one replicate at a time")
    assert len(result["errors"]) == 2
    assert result["val_accuracy"] == float("-inf")


def test_a_worker_that_continues_starts_one_by_one(tmp_path):
    (tmp_path / ONE_BY_ONE).touch()
    assert isinstance(GuardedTrial(build, tmp_path).trial.crew, OneByOne)


def test_a_network_that_does_not_fit_at_all_gives_up_in_the_set_up(monkeypatch, tmp_path):
    def build_model(*args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(FAMILY), "build_model", build_model)
    assert "replicate 0 at epoch 0" in GuardedTrial(build, tmp_path).step()["failed"]


def test_outside_of_the_service_out_of_memory_is_raised(full):
    full["times"] = 1
    with pytest.raises(OutOfMemory):
        BlurTrainable({**KNOBS, "replicates": 1}).step()
