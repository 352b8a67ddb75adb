"""Folders of images that cannot be trained on, by the command line: one sentence, exit code 2, whichever kind of dataset."""

import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from trainables.models.imagenet import build

KINDS = ("imagenet", "folder")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """train/ and val/ with ten and four images of 40x40 pixels in each of two classes."""
    monkeypatch.setenv("TUNER_DATA", str(tmp_path / "data"))
    generator = np.random.default_rng(0)
    for split, count in (("train", 10), ("val", 4)):
        for label in range(2):
            folder = tmp_path / "photos" / split / f"n0{label}"
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 200, (40, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"n0{label}_{index}.png")
    return tmp_path / "photos"


@pytest.fixture
def train(tuner, root):
    """Train LeNet-5 on the folder for an epoch: (exit code, standard output, standard error)."""

    def run(kind, *settings, command=("train", "imagenet")):
        given = dict(
            setting.split("=") for setting in (f"dataset={kind}:{root}", "image_size=32", "batch_size=9", *settings)
        )
        arguments = [word for knob, value in given.items() for word in ("--set", f"{knob}={value}")]
        return tuner(*command, "--epochs", 1, "--replicates", 1, *arguments)

    return run


def without(split):
    return lambda root: shutil.rmtree(root / split)


def renamed(root):
    (root / "val" / "n01").rename(root / "val" / "n09")


def truncated(root):
    path = root / "train" / "n01" / "n01_7.png"
    path.write_bytes(path.read_bytes()[:300])


def not_an_image(root):
    (root / "val" / "n00" / "n00_2.png").write_bytes(b"<html>")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("spoil", "settings", "sentence"),
    [
        (without("train"), (), "has no train/; it must hold"),
        (without("val"), (), r"has (no val/|neither test/ nor val/); it must hold"),
        (renamed, (), r"different class folders \(only in train/: n01; only in val/: n09\); make them the same"),
        (
            truncated,
            (),
            r"n01_7\.png cannot be decoded \(image file is truncated\); replace or remove it, or set skip_unr",
        ),
        (
            not_an_image,
            (),
            r"n00_2\.png cannot be decoded \(it is not an image\); replace or remove it, or set skip_unr",
        ),
        (None, ("batch_size=19",), "`batch_size` is 19, but .* leaves only 18 images to train on; lower it"),
        (None, ("model=alexnet_v2",), "`image_size` is 32, but alexnet_v2 needs at least 63 pixels; set image_size=64"),
    ],
    ids=["no train", "no val", "other classes", "truncated", "no image", "small", "too small for the model"],
)
def test_what_cannot_be_trained_on_is_one_sentence(root, train, kind, spoil, settings, sentence):
    if spoil is not None:
        spoil(root)
    code, _, error = train(kind, *settings)
    assert (code, error.count("\n")) == (2, 1)
    assert re.search(sentence, error)


@pytest.mark.parametrize("kind", KINDS)
def test_broken_images_are_left_out_when_asked_and_unusual_ones_converted(root, train, kind):
    truncated(root)
    not_an_image(root)
    generator = np.random.default_rng(1)
    Image.fromarray(generator.integers(0, 255, (40, 40, 4), dtype=np.uint8), mode="CMYK").save(
        root / "train" / "n00" / "cmyk.jpg"
    )
    Image.fromarray(generator.integers(0, 65_535, (40, 40), dtype=np.uint16)).save(root / "train" / "n01" / "deep.png")
    code, out, error = train(kind, "skip_unreadable=true")
    assert (code, "1 replicates" in out) == (0, True), error


@pytest.mark.parametrize("command", ["evaluate", "predict", "train"])
def test_a_foreign_checkpoint_of_another_architecture_is_one_sentence(root, tuner, tmp_path, command):
    checkpoint = tmp_path / "mobilenet.pth"
    torch.save({"state_dict": build("mobilenet_v1", 2, width=0.25).state_dict(), "epoch": 3}, checkpoint)
    settings = ["--set", f"dataset=imagenet:{root}", "--set", "model=resnet18", "--set", "image_size=32"]
    image = next((root / "val").rglob("*.png"))
    words = {
        "evaluate": ["evaluate", checkpoint, "--family", "imagenet"],
        "predict": ["predict", checkpoint, image, "--family", "imagenet", "--out", tmp_path],
        "train": ["train", "imagenet", "--replicates", 1, "--resume-from", checkpoint, "--set", "batch_size=9"],
    }
    code, _, error = tuner(*words[command], *settings)
    assert (code, error.count("\n")) == (2, 1)
    assert "holds the weights of another network (missing: conv1.weight, " in error
    assert "; build the one it was trained with" in error
