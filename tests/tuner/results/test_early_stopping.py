"""The report of what ASHA stopped and what that saved."""

from tests.tuner.experiments import Experiment, around, finished
from tuner.results.early_stopping import EarlyStopping, RungCount
from tuner.results.history import History


def test_every_trial_that_entered_a_rung_was_kept_stopped_or_lost(tmp_path):
    report = EarlyStopping.of(History.load(finished(tmp_path).paths))
    assert report.rungs == (RungCount(1, 4, 3, 0, 1), RungCount(3, 3, 2, 1, 0), RungCount(9, 2, 2, 0, 0))
    assert all(rung.entered == rung.kept + rung.stopped + rung.lost for rung in report.rungs)


def test_epochs_are_counted_against_all_trials_at_full_budget(tmp_path):
    report = EarlyStopping.of(History.load(finished(tmp_path).paths))
    assert (report.epochs, report.full_epochs) == (9 + 9 + 3 + 1, 4 * 9)
    # The diverged trial had no replicate left at the only epoch it reported.
    assert (report.replicate_epochs, report.full_replicate_epochs) == (5 * (9 + 9 + 3), 5 * 4 * 9)
    assert report.saved == 1 - 105 / 180


def test_a_trial_that_has_not_begun_counts_neither_as_spent_nor_as_saved(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    report = EarlyStopping.of(History.load(experiment.paths))
    assert (report.full_epochs, report.saved) == (0, 0.0)


def test_an_epoch_trained_twice_counts_once(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.train(0, around(0.5), to=2)
    experiment.epoch(0, 2, around(0.5), event="repeat")
    assert EarlyStopping.of(History.load(experiment.paths)).epochs == 2
