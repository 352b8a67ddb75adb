"""`tuner evaluate` and `tuner predict`: what they print, the picture, every mistake in one sentence."""

import csv
import math

import numpy as np
import pytest
import torch
from PIL import Image

from trainables import checkpoints
from trainables.lockstep import LockStep
from trainables.models.imagenet import build
from tuner.errors import BadInput, TunerError
from tuner.networks import picture, trained
from tuner.networks.train import require_median


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    trial = LockStep("imagenet", {"train_images": 100, "epochs": 1, "batch_size": 45}, replicates=1)
    return str(checkpoints.save(tmp_path_factory.mktemp("trial"), trial.state(), 1))


def test_evaluate_prints_a_line_for_each_set(checkpoint):
    lines = list(trained.evaluate(trained.load(checkpoint, None, [], 0)))
    assert [line.partition(":")[0] for line in lines] == ["validation", "test"]
    for line in lines:
        assert all(name in line for name in ("top-1 0.", "top-5 0.", "loss 2."))


def test_predict_prints_five_classes_and_writes_a_picture(checkpoint, tmp_path):
    Image.new("L", (40, 40), 90).save(tmp_path / "one.png")
    lines = list(trained.predict(trained.load(checkpoint, None, [], 0), [str(tmp_path / "one.png")], tmp_path / "out"))
    assert lines[0] == f"{tmp_path}/one.png (picture: {tmp_path}/out/one.predicted.png)"
    assert len(lines) == 6
    assert sum(float(line.split("%")[0]) for line in lines[1:]) <= 100.1
    with Image.open(tmp_path / "out" / "one.predicted.png") as shown:
        assert shown.width > shown.height > 300


def test_the_bars_of_a_picture_are_as_long_as_the_probabilities(tmp_path):
    picture.write(tmp_path / "a.png", np.full((3, 8, 8), 10, np.uint8), [("tench", 0.75), ("goldfish", 0.2)])
    with Image.open(tmp_path / "a.png") as drawn:
        pixels = np.asarray(drawn)
    assert (pixels[100, 100] == 10).all()
    blue = (pixels == picture.BLUE).all(2).sum(1)
    lengths = sorted(set(blue[blue > 0].tolist()))
    assert lengths == pytest.approx([0.2 * picture.BARS, 0.75 * picture.BARS], abs=2)


@pytest.mark.parametrize(
    ("family", "settings", "sentence"),
    [
        (None, ["lr=choice(1,2)"], "`lr` is a range, but one configuration needs one value"),
        (None, ["model=resnet35"], "`model` is 'resnet35', but must be"),
        (None, ["model=mobilenet_v1", "width=0.25"], "holds the weights of another network (missing: "),
        (None, ["dataset=imagenet:/nowhere"], "there is no folder /nowhere"),
        ("blurr", [], "`blurr` is not a family"),
    ],
)
def test_what_does_not_fit_is_one_sentence(checkpoint, family, settings, sentence):
    with pytest.raises(BadInput) as caught:
        trained.load(checkpoint, family, settings, 0)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_and_folders_that_cannot_be_used_are_one_sentence(checkpoint, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    loaded = trained.load(checkpoint, None, [], 0)
    with pytest.raises(BadInput, match=r"text.png cannot be decoded \(it is not an image\)"):
        list(trained.predict(loaded, [str(tmp_path / "text.png")], tmp_path))
    with pytest.raises(BadInput, match="choose another --out"):
        list(trained.predict(loaded, [], tmp_path / "text.png"))
    with pytest.raises(BadInput, match="there is no checkpoint"):
        trained.load(str(tmp_path / "nowhere.pt"), None, [], 0)


def test_weights_of_a_run_that_diverged_and_files_that_are_none_end_in_one_sentence(tmp_path, tuner):
    weights = {name: value * float("nan") for name, value in build("lenet5").state_dict().items()}
    torch.save(weights, tmp_path / "nan.pth")
    (tmp_path / "page.pth").write_text("<html>Not Found</html>")
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    known = ("--family", "imagenet", "--set", "model=lenet5", "--set", "dataset=digits")
    for file, said in (("nan.pth", "are not finite numbers"), ("page.pth", "it is a web page")):
        for command in (("evaluate", tmp_path / file), ("predict", tmp_path / file, tmp_path / "a.png")):
            code, _, error = tuner(*command, *known)
            assert (code, error.count("\n")) == (2, 1)
            assert said in error
        code, _, error = tuner("train", "imagenet", "--resume-from", tmp_path / file, "--replicates", 1, *known[2:])
        assert (code, error.count("\n")) == (2, 1)
        assert said in error


def test_a_network_that_says_nothing_finite_of_an_image_is_one_sentence(checkpoint, tmp_path):
    Image.new("L", (40, 40), 90).save(tmp_path / "one.png")
    loaded = trained.load(checkpoint, None, [], 0)
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            parameter.fill_(float("inf"))
    with pytest.raises(BadInput, match=r"one\.png is not a number; its weights diverged"):
        list(trained.predict(loaded, [str(tmp_path / "one.png")], tmp_path))


def test_the_whole_test_set_is_predicted_into_a_csv(checkpoint, tmp_path, tuner):
    code, out, error = tuner("predict", checkpoint, "--split", "test", "--csv", tmp_path / "test.csv")
    assert code == 0, error
    rows = list(csv.DictReader((tmp_path / "test.csv").open()))
    scores = trained.load(checkpoint, None, [], 0).evaluate()
    hits = [row["label"] == row["class_1"] for row in rows]
    assert sum(hits) / len(rows) == pytest.approx(scores["test_accuracy"])
    among = [row["label"] in [row[f"class_{place}"] for place in range(1, 6)] for row in rows]
    assert sum(among) / len(rows) == pytest.approx(scores["test_top5_accuracy"])
    assert [row["image"] for row in rows[:2]] == ["0", "1"]
    assert float(rows[0]["probability_1"]) >= float(rows[0]["probability_5"])
    assert f"{len(rows)} images of the test set, top-1 {scores['test_accuracy']:.4f}" in out
    for words in ((), ("--split", "test"), ("--csv", "a.csv"), ("a.png", "--split", "test", "--csv", "a.csv")):
        assert "give image files, or --split test --csv FILE" in tuner("predict", checkpoint, *words)[2]
    assert "--split is val, but must be test" in tuner("predict", checkpoint, "--split", "val", "--csv", "a.csv")[2]


def test_images_of_a_folder_are_named_by_their_files(tmp_path):
    for split in ("train", "val"):
        for name in ("ant", "bee"):
            (tmp_path / split / name).mkdir(parents=True)
            for index in range(2):
                Image.new("RGB", (40, 40), (90 * index, 9, 9)).save(tmp_path / split / name / f"{index}.png")
    torch.save(build("lenet5", 2, in_channels=3).state_dict(), tmp_path / "weights.pt")
    for kind in ("folder", "imagenet"):
        settings = [f"dataset={kind}:{tmp_path}", "image_size=32", "model=lenet5"]
        loaded = trained.load(str(tmp_path / "weights.pt"), "imagenet", settings, 0)
        trained.predict_test_set(loaded, tmp_path / "test.csv")
        rows = list(csv.DictReader((tmp_path / "test.csv").open()))
        assert [(row["image"], row["label"]) for row in rows] == [
            (f"val/{name}/{index}.png", name) for name in ("ant", "bee") for index in range(2)
        ]
        for row in rows:
            [(name, probability), *_] = loaded.predict(tmp_path / row["image"])
            assert (row["class_1"], float(row["probability_1"])) == (name, pytest.approx(probability, abs=1e-5))


def test_a_checkpoint_is_evaluated_on_blurred_images(checkpoint, tuner):
    code, out, _ = tuner("evaluate", checkpoint, "--sigmas", "0,1.5")
    assert code == 0
    heads = [line.partition(": ")[0] for line in out.splitlines()]
    assert heads == ["validation", "test", "validation at sigma 1.5", "test at sigma 1.5"]
    found = trained.load(checkpoint, None, [], 0)
    assert found.evaluate(1.5)["test_loss"] != found.evaluate()["test_loss"]
    for text in ("-1", "one", "nan"):
        assert f"--sigmas is {text}, but must be numbers" in tuner("evaluate", checkpoint, "--sigmas", text)[2]
    assert "--sigmas is empty, but must say something" in tuner("evaluate", checkpoint, "--sigmas", "")[2]


def test_training_without_a_median_is_one_sentence_whatever_is_measured():
    result = {
        "diverged": True,
        "metrics": ["cost"],
        "cost_values": [1.0, math.nan, math.nan],
        "replicates_ok": 1,
        "epoch": 2,
    }
    with pytest.raises(TunerError, match="2 of 3 replicates failed by epoch 2"):
        require_median(result)
