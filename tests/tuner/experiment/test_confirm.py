"""What is confirmed of a search, what is refused, and how both medians are shown; `test_after_search` really confirms."""

import pytest
from typer.testing import CliRunner

from tests.test_docs import options_of
from tests.tuner.experiments import Experiment, around, finished, made_up
from tuner.cli import app
from tuner.cluster import arguments
from tuner.errors import BadInput
from tuner.experiment import confirm as confirming
from tuner.experiment.running import Running
from tuner.leaderboard import load as leaderboard
from tuner.machines.allocation import Allocator
from tuner.report.verdict import verdict
from tuner.results import confirmed
from tuner.tables.confirmation import confirmation_view, verdict_of


def test_the_best_trials_and_the_baseline_are_confirmed_under_their_own_numbers(tmp_path):
    searched = finished(tmp_path).paths
    assert [(record["trial"], record["baseline"]) for record in confirming.selected(searched, 1)] == [
        (0, True),
        (1, False),
    ]
    assert [record["trial"] for record in confirming.selected(searched, 3)] == [0, 1, 2]  # 3 diverged
    assert confirming.selected(searched, 1)[1]["config"]["lr"] == 0.05


def test_a_search_without_a_valid_trial_has_nothing_to_confirm(tmp_path):
    made = Experiment(tmp_path)
    made.session()
    made.trial(0)
    made.trial(1)
    made.complete(0, around(0.8))
    with pytest.raises(
        BadInput, match="`made-up` has no valid trial beside its baseline, so there is nothing to confirm"
    ):
        confirming.confirm(str(made.paths.root))
    assert not made.paths.confirmation.root.exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"top": 0}, "--top is 0, but must be at least 1"),
        ({"seed": 0}, "--seed is 0, the search's own, so nothing would be confirmed"),
        ({"seed": -1}, "--seed is -1, but must be at least 0"),
        ({"replicates": 0}, "--replicates is 0, but must be at least 1"),
    ],
)
def test_a_confirmation_that_makes_no_sense_is_refused(tmp_path, options, sentence):
    searched = finished(tmp_path).paths
    with pytest.raises(BadInput, match=sentence):
        confirming.confirm(str(searched.root), **options)
    assert not searched.confirmation.root.exists()


def confirm_all(searched):
    made = Experiment(searched.root, folder="confirmation", seed=1, rungs=[9])
    made.session()
    for index, lr in enumerate([0.01, 0.05, 0.001]):
        made.trial(index, lr=lr)
    made.complete(0, around(0.78), test_accuracy=0.77)
    made.complete(1, around(0.85), test_accuracy=0.84)
    made.complete(2, around(0.75), test_accuracy=0.74)
    made.session("end")


def test_a_confirmation_is_part_of_what_results_and_the_report_say(tmp_path):
    searched = finished(tmp_path).paths
    said = "On fresh seeds trial 1 is separated from the baseline by the 5 paired seeds."
    assert said not in CliRunner().invoke(app, ["results", str(searched.root)]).output
    confirm_all(searched)
    assert said in CliRunner().invoke(app, ["results", str(searched.root)]).output
    evidence = verdict(leaderboard(searched), searched)["evidence"]
    assert evidence[-1] == f"{said} Its median there: 0.8500."


def test_both_medians_stand_side_by_side(tmp_path):
    searched = finished(tmp_path).paths
    confirm_all(searched)
    lines = text_of(confirmation_view(searched)).splitlines()
    rows = [" ".join(line.split()) for line in lines if "completed" in line and "[" in line]
    assert rows == [
        "1 1 0.9000 9 0.8500 [0.830, 0.870] 5 -0.0500 0.8400 completed",
        "2 0 base 0.8000 9 0.7800 [0.760, 0.800] 5 -0.0200 0.7700 completed",
        "3 2 0.7000 3 0.7500 [0.730, 0.770] 5 - 0.7400 completed",
    ]
    assert lines[-1] == "On fresh seeds trial 1 is separated from the baseline by the 5 paired seeds."
    assert max(map(len, lines)) <= 100
    assert [row.median for row in leaderboard(searched).rows][:3] == [0.9, 0.8, 0.7]


@pytest.mark.parametrize(
    ("fresh", "seeds", "said"),
    [
        # 5 seeds of 5 are 0.0625, as the best of two 0.125
        (
            (0.8, 0.82, 0.9),
            5,
            "On fresh seeds another trial is the best, 2: as one of 2 it cannot be told from the baseline (5 of 5 paired seeds "
            "favour it, p = 0.125 corrected for 2 looks). Trial 1, the best of the search, is separated from the baseline.",
        ),
        (
            (0.8, 0.75, 0.9),
            7,
            "On fresh seeds another trial is the best, 2: as one of 2 it is separated from the baseline (7 of 7 paired seeds "
            "favour it, p = 0.03125 corrected for 2 looks). Trial 1, the best of the search, cannot be told from the baseline.",
        ),
        ((0.8, 0.85, 0.82), 5, "On fresh seeds trial 1 is separated from the baseline by the 5 paired seeds."),
        ((0.9, 0.85, 0.82), 5, "On fresh seeds no trial is better than the baseline."),
    ],
)
def test_the_trial_that_was_picked_is_one_look_and_the_best_of_several_is_corrected_for_all(
    tmp_path, fresh, seeds, said
):
    searched = finished(tmp_path)
    budget = {**searched.manifest.content()["budget"], "replicates": seeds}
    made = Experiment(searched.paths.root, folder="confirmation", seed=1, rungs=[9], budget=budget)
    made.session()
    for index, (lr, median) in enumerate(zip([0.01, 0.05, 0.001], fresh, strict=True)):
        made.trial(index, lr=lr)
        made.complete(index, [round(median + 0.001 * step, 4) for step in range(seeds)])
    made.session("end")
    board = leaderboard(searched.paths)
    told = confirmed.load(searched.paths)
    assert verdict_of(board, told) == said
    assert confirmed.beats_baseline(board, told) == ("is separated" in said)
    assert "one look: the trial that the search ranked first" in text_of(confirmation_view(searched.paths))


def text_of(view):
    from rich.console import Console

    console = Console(width=100)
    with console.capture() as capture:
        console.print(view)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"cpus_per_trial": -1.0}, "`cpus_per_trial` is -1.0, but must be at least 0; raise --cpus-per-trial"),
        ({"gpus_per_trial": float("nan")}, "`gpus_per_trial` is nan, but must be a number; set --gpus-per-trial"),
    ],
)
def test_a_share_that_cannot_be_is_refused(tmp_path, options, sentence):
    searched = finished(tmp_path).paths
    with pytest.raises(BadInput, match=sentence):
        confirming.confirm(str(searched.root), running=Running(**options))


def test_a_search_on_gpus_goes_on_without_them_where_that_is_asked_for():
    rules = [{"when": {"arch": ["alexnet"]}, "cpus": 2.0, "gpus": 1.0}]
    searched = made_up({"gpus_per_trial": 0.25, "cpus_per_trial": 4.0}, allocations=rules)
    assert not Running().takes_share(searched)
    assert Running(gpus_per_trial=0.0).takes_share(searched)
    shares = [Allocator.recorded(searched).share({"arch": arch}) for arch in ("alexnet", "small_cnn")]
    assert [(share.cpus, share.gpus, share.device) for share in shares] == [(2.0, 0.0, "cpu"), (4.0, 0.0, "cpu")]
    words = arguments.words("resume", "x", **Running(gpus_per_trial=0.0).options())
    assert words == ["resume", "x", "--gpus-per-trial", "0.0"]  # on a cluster as well
    teams = made_up({"gpus_per_replicate": 4})
    with pytest.raises(BadInput, match="trains on 4 GPUs, which says what a trial takes; leave it out"):
        Running(gpus_per_trial=0.0).takes_share(teams)


@pytest.mark.parametrize("verb", ["resume", "confirm"])
def test_the_options_that_a_session_without_gpus_is_advised_to_change_are_there(verb):
    assert {"--cpus-per-trial", "--gpus-per-trial"} <= options_of(["tuner", verb])
