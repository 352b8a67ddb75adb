"""What Ray is given: a trial that is stopped before Ray has started it."""

from types import SimpleNamespace

from ray import tune
from ray.train._internal import storage
from ray.tune.experiment import Experiment

from tuner.experiment.dispatch import Dispatch


def test_a_trial_that_was_given_and_never_started_has_the_place_that_ray_asks_for_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "_get_ray_train_session_dir", lambda: str(tmp_path))  # a running Ray says it
    judge = SimpleNamespace(last_epoch={}, waiting=set(), promoted={}, ended={})
    dispatch = Dispatch(judge, [0, 1], 1, lambda: False, pauses=False)
    grid = {"trial": tune.grid_search([{"index": 0}, {"index": 1}])}
    search = Experiment("ray", run=lambda config: None, config=grid, storage_path=str(tmp_path))
    dispatch.add_configurations([search])
    trial = dispatch.next_trial()
    assert trial.config["trial"]["index"] == 0
    assert trial.path.startswith(str(tmp_path))
