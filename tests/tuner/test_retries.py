"""Each way a trial is tried again, forced on real workers: a full GPU, a hang, a death; and where trying ends."""

import os
import time
from pathlib import Path

import pytest
import torch

from tests.tuner.searches import TINY
from trainables.blur import Blur, BlurTrainable
from trainables.lockstep import LockStep
from trainables.on_ray.trainable import TRAINABLES
from trainables.trial.guarded import ONE_BY_ONE
from tuner import experiment
from tuner.errors import BadInput, TunerError
from tuner.experiment import trials as search
from tuner.experiment import watch
from tuner.records import manifest
from tuner.records.lines import read
from tuner.results.history import History

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

HUNGRY, INSATIABLE, HANGING, DYING, BROKEN = 1, 2, 3, 4, 5  # trials, by what befalls them
PLAIN = Blur.train_inputs


class Unlucky(BlurTrainable):
    """A trial of the blur family that meets the fate of its index."""

    def setup(self, config):
        Unlucky.index, Unlucky.folder = config["trial"]["index"], Path(config["trial"]["directory"])
        if Unlucky.index == BROKEN:
            raise ValueError("broken in the set-up")
        Blur.train_inputs = unlucky_inputs
        super().setup(config)


def unlucky_inputs(self, config, images, epoch, generator, positions):
    """Something happens in the second epoch; to the dying one in the third as well."""
    index, mark = Unlucky.index, Unlucky.folder / f"befell_{epoch}"
    if index == INSATIABLE or (index == HUNGRY and epoch == 1 and not (Unlucky.folder / ONE_BY_ONE).exists()):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
    if index in (HANGING, DYING) and epoch in (1, 2) and not mark.exists():
        mark.touch()
        if index == DYING:
            os._exit(1)
        if epoch == 1:
            time.sleep(3600)
    return PLAIN(self, config, images, epoch, generator, positions)


def untimed(metrics):
    return {name: reported["values"] for name, reported in metrics.items()}


@pytest.fixture(scope="module")
def survived(cluster, tmp_path_factory):
    """One search in which every one of these things happens; a trial may fail once in a row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TRAINABLES, "blur", Unlucky)
        patch.setattr(search, "MAX_FAILURES", 1)
        return experiment.launch(
            "blur",
            "smoke",
            name="unlucky",
            storage=tmp_path_factory.mktemp("store"),
            trials=6,
            replicates=2,
            epochs=3,
            grace=3,
            overrides=TINY,
            checkpoint_seconds=0,
            step_timeout=30,
        )


def errors(outcome, index):
    return [record for record in read(outcome.paths.records) if record["event"] == "error" and record["trial"] == index]


def trial(outcome, index):
    return History.load(outcome.paths).trial(index)


@pytest.mark.parametrize("index", [HUNGRY, HANGING, DYING])
def test_what_is_tried_again_ends_with_the_numbers_of_an_undisturbed_trial(survived, index):
    found = trial(survived, index)
    assert found.status == "completed"
    alone = LockStep("blur", found.config, replicates=2)
    for epoch in (1, 2, 3):
        result = alone.step()
        values = {name: result[f"{name}_values"] for name in result["metrics"]}
        assert untimed(found.epochs[epoch]["metrics"]) == values


def test_out_of_memory_is_recorded_and_tried_once_one_by_one(survived):
    [error] = errors(survived, HUNGRY)
    assert (error["kind"], error["final"]) == ("out of memory", False)
    assert "replicate 0 at epoch 2: CUDA out of memory" in error["message"]
    assert "trying again, one replicate at a time" in survived.paths.trial_log(HUNGRY).read_text()


def test_out_of_memory_also_one_by_one_is_recorded_as_failed(survived):
    found = trial(survived, INSATIABLE)
    assert found.status == "failed"
    assert found.reason.startswith("out of GPU memory: replicate 0 at epoch 1")
    assert len(errors(survived, INSATIABLE)) == 2


def test_a_hang_leaves_its_stacks_in_the_records(survived):
    [error] = errors(survived, HANGING)
    assert (error["kind"], error["final"]) == ("hung", False)
    assert "in unlucky_inputs" in error["traceback"]


def test_a_worker_that_dies_again_after_a_new_epoch_is_replaced_again(survived):
    assert [(error["kind"], error["final"]) for error in errors(survived, DYING)] == [("lost", False)] * 2


def test_a_trial_that_fails_in_a_row_without_a_new_epoch_is_given_up(survived):
    assert trial(survived, BROKEN).status == "failed"
    assert [error["final"] for error in errors(survived, BROKEN)] == [False, True]
    assert "broken in the set-up" in errors(survived, BROKEN)[0]["message"]
    assert survived.exit_code == 0
    assert trial(survived, 0).status == "completed"


def test_a_search_that_finds_no_room_says_so_instead_of_waiting_for_ever(cluster, tmp_path, monkeypatch):
    import ray

    others = ray.util.placement_group([{"CPU": 2}])
    ray.get(others.ready())
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr(watch, "PATIENCE", 3.0)
            with pytest.raises(TunerError, match="no trial found room on the cluster within 3 s, though it is large"):
                experiment.launch("blur", "smoke", name="late", storage=tmp_path, trials=1, epochs=1, overrides=TINY)
    finally:
        ray.util.remove_placement_group(others)
    assert experiment.resume("late", storage=tmp_path).exit_code == 0


def test_other_code_on_resume_is_shown_and_needs_to_be_accepted(cluster, tmp_path):
    outcome = experiment.launch("blur", "smoke", name="old", storage=tmp_path, trials=1, epochs=1, overrides=TINY)
    said = manifest.read(outcome.paths.manifest)
    mine = dict(said.sources)
    said.sources["trainables/engine.py"] = "0" * 12
    manifest.write(outcome.paths.manifest, said)
    with pytest.raises(BadInput, match=r"trainables/engine\.py has changed(.|\n)*--accept-changes"):
        experiment.resume("old", storage=tmp_path, trials=2)
    assert experiment.resume("old", storage=tmp_path, trials=2, accept_changes=True).exit_code == 0
    said = manifest.read(outcome.paths.manifest)
    assert said.accepted_changes[0]["changes"] == ["trainables/engine.py has changed"]
    assert said.sources == mine
