"""Logs of the classic ImageNet collection become experiments that every reader understands."""

import pytest

from tuner import leaderboard
from tuner.errors import BadInput
from tuner.history import History
from tuner.import_log import import_log, parse

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
    [epoch] = parse(iter(text.splitlines()))
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
    [row] = leaderboard.load(found).rows
    assert (row.median, row.replicates_ok, row.valid) == (pytest.approx(0.6887), 1, True)


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
