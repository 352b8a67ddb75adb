"""What a worker is told about its trial, and how it comes back from Ray's configuration."""

import json

import pytest

from trainables.trial.assignment import Assignment, Share

WHOLE = Assignment(
    {"lr": 0.1},
    3,
    4,
    index=7,
    share=Share(0.5, 1, workers=4, team=2, accelerator_type="A10G"),
    directory="s3://bucket/trials/00007",
    stop_file="/stop",
    recorded_epoch=2,
    checkpoint_seconds=60.0,
    checkpoint_at=(1, 3),
    step_timeout=9.0,
)


def test_it_comes_back_from_rays_configuration_as_it_was():
    assert Assignment.of({"trial": WHOLE.told()}) == WHOLE
    assert Assignment.of({"trial": json.loads(json.dumps(WHOLE.told()))}) == WHOLE


def test_a_flat_configuration_is_the_knobs_with_replicates_and_seed():
    assert Assignment.of({"lr": 0.1, "replicates": 2, "seed": 9}) == Assignment({"lr": 0.1}, 9, 2)
    assert Assignment.of({}) == Assignment({}, 0, 5)


def test_outside_of_the_service_nobody_said_what_a_trial_holds():
    assert Assignment.of({"lr": 0.1}).share is None
    assert Assignment.of({"trial": {"config": {}}}).share is None


def test_what_no_trial_can_be_told_is_an_error_and_not_forgotten():
    with pytest.raises(TypeError, match="recorded_epochs"):
        Assignment.of({"trial": {"config": {}, "recorded_epochs": 3}})
    with pytest.raises(TypeError, match="gpus"):
        Assignment.of({"trial": {"config": {}, "cpus": 3}})


@pytest.mark.parametrize(("cpus", "threads"), [(0.2, 1), (1, 1), (1.9, 1), (2.0, 2), (16, 16)])
def test_threads_are_whole_and_never_more_than_the_share(cpus, threads):
    assert Share(cpus, 0).threads == threads
