"""The Ray Trainable: Ray's contract, reuse without reloading, and results that a dead driver missed."""

import logging

import pytest
import torch
from ray import tune

from trainables import checkpoints
from trainables.blur import BlurTrainable
from trainables.images import loaded as data
from trainables.lockstep import LockStep
from trainables.on_ray import trainable as replicated
from trainables.on_ray.trainable import TRAINABLES
from trainables.replicated import ReplicatedTrainable
from trainables.storage import S3Path, StorageError

FLAT = {"dataset": "digits", "image_size": 8, "train_images": 120, "epochs": 3, "batch_size": 40, "replicates": 3}
KNOBS = {key: value for key, value in FLAT.items() if key != "replicates"}


def assigned(tmp_path, **changes):
    assignment = {
        "index": 7,
        "config": KNOBS,
        "seed": 0,
        "replicates": 3,
        "cpus": 1,
        "gpus": 0,
        "directory": str(tmp_path / "trial"),
        "stop_file": str(tmp_path / "stop"),
        "recorded_epoch": 0,
        "checkpoint_seconds": 0.0,
    }
    return {"trial": assignment | changes}


def untimed(result):
    volatile = ("epoch_seconds", "step_seconds", "images_per_second", "done", "interrupted", "replayed")
    return {key: value for key, value in result.items() if key not in volatile}


def test_a_family_has_one_trainable_reached_through_its_module():
    assert issubclass(BlurTrainable, ReplicatedTrainable)
    assert issubclass(BlurTrainable, tune.Trainable)
    assert TRAINABLES["blur"] is BlurTrainable


def test_a_flat_configuration_trains_to_done():
    trainable = BlurTrainable(FLAT)
    results = [trainable.train() for _ in range(3)]
    assert [result["done"] for result in results] == [False, False, True]
    assert [result["epoch"] for result in results] == [1, 2, 3]
    assert len(results[0]["val_accuracy_values"]) == 3
    trainable.stop()


def test_rays_save_and_restore_go_on_bit_equal(tmp_path):
    first = BlurTrainable(FLAT)
    first.train()
    first.save(str(tmp_path))
    rest = [untimed(first.step()) for _ in range(2)]
    second = BlurTrainable(FLAT)
    second.restore(str(tmp_path))
    assert [untimed(second.step()) for _ in range(2)] == rest


def test_an_assignment_leaves_the_ending_to_the_scheduler_and_checkpoints_itself(tmp_path):
    trainable = BlurTrainable(assigned(tmp_path))
    results = [trainable.step() for _ in range(3)]
    assert results[-1]["finished"]
    assert not results[-1]["done"]
    names = sorted(path.name for path in (tmp_path / "trial").glob("*.pt"))
    assert names == ["checkpoint_000002.pt", "checkpoint_000003.pt"]
    assert "epoch 3: val_accuracy" in (tmp_path / "trial" / "log.txt").read_text()
    trainable.stop()


def test_checkpoints_are_taken_by_time_and_at_the_end(tmp_path):
    trainable = BlurTrainable(assigned(tmp_path, checkpoint_seconds=3600))
    for _ in range(3):
        trainable.step()
    assert [path.name for path in (tmp_path / "trial").glob("*.pt")] == ["checkpoint_000003.pt"]
    trainable.stop()


def test_a_continued_worker_first_reports_what_the_dead_driver_had_not_recorded(tmp_path):
    first = BlurTrainable(assigned(tmp_path))
    results = [untimed(first.step()) for _ in range(2)]
    second = BlurTrainable(assigned(tmp_path, recorded_epoch=0))
    assert [untimed(second.step()) for _ in range(2)] == results
    third = BlurTrainable(assigned(tmp_path, recorded_epoch=1))
    assert untimed(third.step()) == results[1]
    assert third.step()["epoch"] == 3
    fourth = BlurTrainable(assigned(tmp_path, recorded_epoch=2))
    assert fourth.step()["epoch"] == 3


def test_an_unreadable_newest_checkpoint_costs_one_interval_only(tmp_path):
    first = BlurTrainable(assigned(tmp_path))
    first.step()
    expected = untimed(first.step())
    (tmp_path / "trial" / "checkpoint_000002.pt").write_bytes(b"torn")
    again = BlurTrainable(assigned(tmp_path, recorded_epoch=1))
    assert untimed(again.step()) == expected


def test_what_is_reported_again_without_training_says_so(tmp_path):
    BlurTrainable(assigned(tmp_path)).step()
    again = BlurTrainable(assigned(tmp_path))
    assert again.step()["replayed"]
    assert "replayed" not in again.step()


def test_a_checkpoint_that_fits_half_way_leaves_nothing_of_itself_behind(tmp_path):
    expected = untimed(BlurTrainable(assigned(tmp_path / "fresh")).step())
    BlurTrainable(assigned(tmp_path)).step()
    [path] = (tmp_path / "trial").glob("*.pt")
    state = checkpoints.load_file(path)
    state["replicates"][1]["model"].popitem()
    checkpoints.save_file(path, state)
    assert untimed(BlurTrainable(assigned(tmp_path)).step()) == expected


def test_a_step_takes_its_epoch_and_what_comes_with_it(tmp_path):
    trainable = BlurTrainable(assigned(tmp_path))
    trainable.step()
    trainable.reset_config(assigned(tmp_path / "next"))
    result = trainable.step()  # builds, trains, writes a checkpoint
    assert result["step_seconds"] > result["epoch_seconds"] > 0
    trainable.stop()


def test_a_stop_request_checkpoints_after_the_epoch_and_says_so(tmp_path):
    trainable = BlurTrainable(assigned(tmp_path, checkpoint_seconds=3600))
    assert not trainable.step()["interrupted"]
    (tmp_path / "stop").touch()
    assert trainable.step()["interrupted"]
    assert [path.name for path in (tmp_path / "trial").glob("*.pt")] == ["checkpoint_000002.pt"]
    trainable.stop()


def test_reset_config_equals_a_fresh_worker_and_reloads_no_data(tmp_path, monkeypatch):
    other = assigned(tmp_path / "b", config=KNOBS | {"lr": 0.1, "mode": "all"})
    fresh = untimed(BlurTrainable(other).step())
    reused = BlurTrainable(assigned(tmp_path / "a"))
    reused.step()

    def load(*args, **kwargs):
        raise AssertionError("the dataset was loaded again")

    monkeypatch.setattr(data.datasets, "load", load)
    assert reused.reset_config(assigned(tmp_path / "c", config=KNOBS | {"lr": 0.1, "mode": "all"}))
    assert untimed(reused.step()) == fresh
    reused.stop()


def test_threads_follow_the_cpu_share(tmp_path):
    before = torch.get_num_threads()
    try:
        for cpus, threads in ((0.5, 1), (1, 1), (2, 2)):
            BlurTrainable(assigned(tmp_path, cpus=cpus))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_the_resource_request_follows_the_assignment(tmp_path):
    request = BlurTrainable.default_resource_request(assigned(tmp_path, cpus=2, gpus=0.25))
    assert request.required_resources == {"CPU": 2.0, "GPU": 0.25}
    assert BlurTrainable.default_resource_request(FLAT).required_resources == {"CPU": 1.0}


@pytest.mark.parametrize("value", [None, "0.9", 1])
def test_a_metric_that_is_no_float_never_leaves_the_worker(value, monkeypatch):
    trainable = BlurTrainable(FLAT)
    real = trainable.trial.step
    monkeypatch.setattr(trainable.trial, "step", lambda: real() | {"val_accuracy": value})
    with pytest.raises(TypeError, match=r"val_accuracy = .*, but a metric must be a float"):
        trainable.step()


def test_logs_end_with_the_trial(tmp_path):
    trainable = BlurTrainable(assigned(tmp_path))
    count = len(logging.getLogger("trainables").handlers)
    trainable.stop()
    assert len(logging.getLogger("trainables").handlers) == count - 1


def test_a_full_disk_stops_no_training_and_the_checkpoint_comes_later(tmp_path, monkeypatch):
    monkeypatch.setattr(replicated, "SAVE_AGAIN_SECONDS", 0.0)
    save, failures = checkpoints.save, []

    def full_at_first(directory, state, epoch):
        if epoch < 3:
            failures.append(epoch)
            raise OSError(28, "No space left on device")
        return save(directory, state, epoch)

    monkeypatch.setattr(checkpoints, "save", full_at_first)
    trainable = BlurTrainable(assigned(tmp_path))
    assert [trainable.step()["epoch"] for _ in range(3)] == [1, 2, 3]
    assert failures == [1, 2]
    assert [path.name for path in (tmp_path / "trial").glob("checkpoint_*")] == ["checkpoint_000003.pt"]
    trainable.stop()
    assert "cannot save a checkpoint at epoch 1" in (tmp_path / "trial" / "log.txt").read_text()


def test_a_trial_on_s3_goes_on_from_its_checkpoint_there_as_soon_as_it_can_be_asked(bucket, monkeypatch):
    first = BlurTrainable(assigned(bucket))
    first.step()
    rest = [untimed(first.step()) for _ in range(2)]
    first.stop()
    (bucket / "trial" / "checkpoint_000003.pt").unlink()
    ask, questions = S3Path._children, []

    def down_at_first(path, start):
        questions.append(start)
        if len(questions) == 1:
            raise StorageError("S3 does not answer")
        return ask(path, start)

    monkeypatch.setattr(S3Path, "_children", down_at_first)
    second = BlurTrainable(assigned(bucket, recorded_epoch=2))
    assert len(questions) == 2
    assert untimed(second.step()) == rest[1]
    second.stop()
    assert (bucket / "trial" / "log.txt").read_text().count("continuing from checkpoint_000002.pt, epoch 2") == 1


@pytest.mark.parametrize("asked", ["before it is built", "while it is built", "at a reset"])
def test_a_request_to_stop_is_seen_before_the_first_epoch(tmp_path, monkeypatch, asked):
    built = []
    build = BlurTrainable._build
    monkeypatch.setattr(BlurTrainable, "_build", lambda *arguments: built.append(1) or build(*arguments))
    stop = tmp_path / "stop"
    if asked == "before it is built":
        stop.touch()
    trainable = BlurTrainable(assigned(tmp_path))
    if asked == "at a reset":
        assert trainable.step()["epoch"] == 1
        assert trainable.reset_config(assigned(tmp_path, directory=str(tmp_path / "other")))
        built.clear()
    stop.touch()
    result = trainable.train()
    assert (result["untrained"], result["interrupted"], result["done"]) == (True, True, False)
    assert len(built) == (asked == "while it is built")
    assert not list((tmp_path / ("other" if asked == "at a reset" else "trial")).glob("*.pt"))
    trainable.stop()


def test_epochs_that_the_driver_missed_are_no_reason_to_begin_after_a_request_to_stop(tmp_path):
    first = BlurTrainable(assigned(tmp_path))
    for _ in range(2):
        first.step()
    (tmp_path / "stop").touch()
    assert BlurTrainable(assigned(tmp_path, recorded_epoch=1)).step()["untrained"]
    (tmp_path / "stop").unlink()
    again = BlurTrainable(assigned(tmp_path, recorded_epoch=1)).step()
    assert (again["epoch"], again["replayed"]) == (2, True)


def test_the_state_after_the_best_epoch_is_kept_where_the_figures_are_read_there(tmp_path):
    trainable = BlurTrainable(assigned(tmp_path, keep_best="val_accuracy", config={**KNOBS, "epochs": 6}))
    results = [trainable.step() for _ in range(6)]
    medians = [result["val_accuracy"] for result in results]
    kept = checkpoints.load_file(tmp_path / "trial" / "best.pt")
    assert kept["epoch"] == 1 + medians.index(max(medians))  # the earliest of several
    assert [path.name for path in sorted((tmp_path / "trial").glob("*.pt"))] == [
        "best.pt",
        "checkpoint_000005.pt",
        "checkpoint_000006.pt",
    ]
    trainable.stop()


def test_a_killed_worker_loses_no_best_epoch(tmp_path, monkeypatch):
    knobs = {**KNOBS, "epochs": 4}
    medians = iter([0.5, 0.9, 0.7, 0.8, 0.7, 0.8])

    def step(trial, original=LockStep.step):
        result = original(trial)
        result["val_accuracy"] = trial.history[-1]["val_accuracy"] = next(medians)
        return result

    monkeypatch.setattr(LockStep, "step", step)
    first = BlurTrainable(assigned(tmp_path, keep_best="val_accuracy", config=knobs))
    best = tmp_path / "trial" / "best.pt"
    for expected in (1, 2, 2, 2):
        first.step()
        assert checkpoints.load_file(best)["epoch"] == expected
    (tmp_path / "trial" / "checkpoint_000004.pt").unlink()  # as if the kill had come before it
    second = BlurTrainable(assigned(tmp_path, keep_best="val_accuracy", recorded_epoch=3, config=knobs))
    assert second.step()["epoch"] == 4
    assert checkpoints.load_file(best)["epoch"] == 2


def test_a_best_epoch_that_cannot_be_written_stops_no_training(tmp_path, monkeypatch, caplog):
    def refuse(path, state):
        raise OSError(28, "No space left on device")

    trainable = BlurTrainable(assigned(tmp_path, keep_best="val_loss", checkpoint_seconds=3600))
    monkeypatch.setattr(checkpoints, "save_file", refuse)
    with caplog.at_level(logging.WARNING, logger="trainables"):
        assert trainable.step()["epoch"] == 1
    assert "cannot keep the state of epoch 1, the best so far" in caplog.text
