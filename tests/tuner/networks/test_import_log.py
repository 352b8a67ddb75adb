"""Logs of the classic ImageNet collection become experiments that every reader understands."""

import json
import re

import pytest

from tests.tuner.published_logs import LENET5, RESNET34, VGG16
from tuner.errors import BadInput
from tuner.networks.import_log import import_log, parse
from tuner.records.paths import ExperimentPaths
from tuner.results import leaderboard, summary, summary_file
from tuner.results.history import History

HEAD = """Using 8 GPUs!
CUDA is available: True
Number of train images:  1281167
            Conv2d-1         [-1, 64, 112, 112]           9,408
Total params: 23,379,024
Epoch: 0, Validation Top 1 acc: 0.1003
Epoch: 0, Validation Top 5 acc: 0.5223
Epoch: 0, Validation Set Loss: 1281.43
"""


def validation(epoch, top1, top5=80.0, loss=1.5):
    return (
        f"Epoch: {epoch}, Validation Top 1 acc: {top1}\n"
        f"Epoch: {epoch}, Validation Top 5 acc: {top5}\n"
        f"Epoch: {epoch}, Validation Set Loss: {loss}\n"
    )


def training(epoch, losses, lr=0.1, word="Avg. Loss", hour=5):
    lines = [f"Start training epoch {epoch}\n"]
    for index, loss in enumerate(losses):
        time = f"2019-01-01T{hour:02d}:{epoch:02d}:{index:02d}"
        lines.append(f"Time, {time}, Epoch: {epoch}, Batch: {10 * (index + 1)}, {word}: {loss}, LR: {lr}\n")
    return "".join(lines)


@pytest.mark.parametrize("word", ["Avg. Loss", "Training Loss"])
def test_both_versions_are_read_and_epoch_0_and_unfinished_epochs_are_not(word):
    text = HEAD + training(1, [7.0, 5.0], word=word) + validation(1, 16.77) + training(2, [4.0], 0.01, word=word)
    [[epoch]] = parse(text.splitlines())
    assert (epoch.number, epoch.learning_rate, epoch.train_losses) == (1, 0.1, [7.0, 5.0])
    assert epoch.metrics == pytest.approx({"val_accuracy": 0.1677, "val_top5_accuracy": 0.8, "val_loss": 1.5})


def test_an_old_run_appears_on_a_leaderboard(tmp_path):
    log = tmp_path / "resnet34 2019.log"
    text = HEAD + training(1, [7.0, 5.0]) + validation(1, 16.77)
    text += training(2, [4.0, 3.0], lr=0.01) + validation(2, 68.968, 88.615)
    # A resume: the stray validation of epoch 0, then epoch 2 once more and on.
    text += (
        HEAD
        + training(2, [4.5], lr=0.01, hour=7)
        + validation(2, 60.0)
        + training(3, [2.0], 0.01)
        + validation(3, 68.87)
    )
    log.write_text(text)
    found = import_log(str(log), "imagenet", ["model=resnet18", "batch_size=512"], None, tmp_path / "store")
    assert found.name == "resnet34-2019"
    history = History.load(found)
    assert history.state == "finished"
    [trial] = history.trials
    assert (trial.status, trial.last_epoch, trial.config) == (
        *("completed", 3),
        {"model": "resnet18", "batch_size": 512, "epochs": 3},
    )
    assert trial.median(2) == pytest.approx(0.68968)
    assert trial.best_epoch("val_accuracy") == 2
    assert trial.median(1, "train_loss") == 6.0
    assert [record["learning_rate"] for record in trial.epochs.values()] == [0.1, 0.01, 0.01]
    assert summary_file.read(found) == summary.of(found)
    [row] = leaderboard.load(found).rows
    assert (row.median, row.replicates_ok, row.valid) == (pytest.approx(0.6887), 1, True)


# Whole logs, by the command line


@pytest.mark.parametrize(
    ("run", "knobs", "counted", "best", "at_best", "rates"),
    [
        (RESNET34, ("resnet18", 512), 129, 113, (0.69017, 0.88625), [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7]),
        (LENET5, ("lenet5", 64), 50, 50, (0.9907, 1.0), [1e-3, 1e-4]),
        (VGG16, ("vgg16", 128), 34, 31, (0.6687, 0.8766), [0.01, 0.005, 0.0025, 0.00125]),
    ],
    ids=["resnet34", "lenet5", "vgg16"],
)
def test_a_whole_log_is_read_to_the_last_epoch_it_holds(tmp_path, tuner, run, knobs, counted, best, at_best, rates):
    text = run.text()
    if run is VGG16:  # published as far as the middle of a line
        text = text[: text.index("Batch: 5000", text.index("Start training epoch 35")) + 4]
    (tmp_path / "run.log").write_text(text, newline="\r\n" if run is LENET5 else "\n")
    model, batch = knobs
    settings = ("--set", f"model={model}", "--set", f"batch_size={batch}")
    code, out, _ = tuner("import-log", tmp_path / "run.log", "--storage", tmp_path, *settings)
    assert (code, out.split(";")[0]) == (0, "imported as run")
    [trial] = History.load(ExperimentPaths(tmp_path / "run")).trials
    assert (list(trial.epochs), trial.best_epoch("val_accuracy")) == (list(range(1, counted + 1)), best)
    assert trial.median(best) == pytest.approx(at_best[0])
    assert trial.median(best, "val_top5_accuracy") == pytest.approx(at_best[1])
    seen = [record["learning_rate"] for record in trial.epochs.values()]
    assert list(dict.fromkeys(seen)) == pytest.approx(rates)
    assert [1 + seen.index(rate) for rate in dict.fromkeys(seen)][1:] == list(run.drops)


def test_an_imported_run_is_ranked_shown_replayed_and_reported(tmp_path, tuner):
    first, second = RESNET34.text(1, 8), RESNET34.text(7, 12)
    # Killed within a line of the validation of epoch 8, and gone on with from the checkpoint of epoch 6.
    (tmp_path / "old.log").write_text(first[: first.rindex("Loss")] + second)
    here = ("--storage", tmp_path)
    assert tuner("import-log", tmp_path / "old.log", "--name", "old", *here)[0] == 0
    records = [json.loads(line) for line in (tmp_path / "old" / "records.jsonl").read_text().splitlines()]
    told = [(record["event"], record["epoch"]) for record in records if record["event"] in ("epoch", "repeat")]
    assert told == [*(("epoch", n) for n in range(1, 8)), ("repeat", 7), *(("epoch", n) for n in range(8, 13))]
    code, out, _ = tuner("results", "old", "--json", *here)
    [row] = json.loads(out)["trials"]
    assert (code, row["epoch"], row["median"]) == (0, 12, pytest.approx(0.2969, abs=1e-4))
    code, out, _ = tuner("show", "old", "best", *here)
    assert code == 0
    assert re.search(r"\n +12\* +0\.2969 .* 0\.1 ", out)
    code, out, _ = tuner("replay", "old", "--grace", "2", *here)
    assert code == 0
    assert "1 curves of 12 epochs" in out
    code, out, _ = tuner("report", "old", "-o", tmp_path / "old.html", *here)
    assert code == 0
    assert "0.2969" in (tmp_path / "old.html").read_text()


def test_of_a_log_with_several_runs_one_is_chosen(tmp_path, tuner):
    (tmp_path / "both.log").write_text(LENET5.text(1, 4) + RESNET34.text(1, 2))
    here = ("--storage", tmp_path / "store")
    code, _, error = tuner("import-log", tmp_path / "both.log", *here)
    assert (code, error.count("\n")) == (2, 1)
    assert "holds 2 runs (1: epochs 1 to 4, 2: epochs 1 to 2); choose one with --run" in error
    assert "--run is 3, but" in tuner("import-log", tmp_path / "both.log", "--run", 3, *here)[2]
    assert not (tmp_path / "store").exists()
    for run, last in ((1, 4), (2, 2)):
        assert tuner("import-log", tmp_path / "both.log", "--run", run, *here)[0] == 0
        [trial] = History.load(ExperimentPaths(tmp_path / "store" / f"both-{run}")).trials
        assert trial.last_epoch == last


def test_a_run_that_turned_nan_is_read(tmp_path, tuner):
    (tmp_path / "vgg.log").write_text(training(1, ["nan"]) + validation(1, 0.1, 0.5, "nan"))
    assert tuner("import-log", tmp_path / "vgg.log", "--storage", tmp_path)[0] == 0
    code, out, _ = tuner("show", "vgg", "0", "--storage", tmp_path)
    assert (code, "0.0010" in out) == (0, True)


@pytest.mark.parametrize(
    ("text", "settings", "sentence"),
    [
        (HEAD, [], "holds no epoch with its three validation lines"),
        (validation(1, 16), ["model=resnet35"], "`model` is 'resnet35', but must be"),
        (validation(1, "sixteen"), [], "cannot read .*could not convert string to float"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence_and_leaves_nothing(tmp_path, text, settings, sentence):
    (tmp_path / "a.log").write_text(text)
    with pytest.raises(BadInput, match=sentence):
        import_log(str(tmp_path / "a.log"), "imagenet", settings, None, tmp_path / "store")
    with pytest.raises(BadInput, match="cannot read"):
        import_log(str(tmp_path / "b.log"), "imagenet", [], None, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_name_in_use_is_refused(tmp_path):
    (tmp_path / "a.log").write_text(validation(1, 16))
    import_log(str(tmp_path / "a.log"), "imagenet", [], "old", tmp_path)
    with pytest.raises(BadInput, match="the name `old` is already in use"):
        import_log(str(tmp_path / "a.log"), "imagenet", [], "old", tmp_path)
