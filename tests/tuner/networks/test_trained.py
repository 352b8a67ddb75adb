"""`tuner evaluate` and `tuner predict`: what they print, the picture, every mistake in one sentence."""

import numpy as np
import pytest
from PIL import Image

from trainables import checkpoints
from trainables.lockstep import LockStep
from tuner.errors import BadInput
from tuner.networks import picture, trained


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
