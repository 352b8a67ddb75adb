"""A network read from a checkpoint scores what training reported, and sees images as training did."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.tuner.experiments import finished
from trainables import checkpoints
from trainables.images.opened import open_images
from trainables.lockstep import LockStep
from trainables.models.imagenet import build
from trainables.trial.inference import Trained, imagenet_names

KNOBS = {"train_images": 200, "epochs": 1, "batch_size": 45}


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """A trained trial of two replicates and its checkpoint."""
    trial = LockStep("imagenet", KNOBS, replicates=2)
    trial.step()
    return trial, checkpoints.save(tmp_path_factory.mktemp("trial"), trial.state(), 1)


def make_folder(path, side=40, kind="test"):
    generator = np.random.default_rng(0)
    for split in ("train", kind):
        for name in ("ant", "bee"):
            (path / split / name).mkdir(parents=True)
            for index in range(6):
                pixels = generator.integers(0, 256, (side, side + 10, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(path / split / name / f"{name}_{index}.png")
    return path


@pytest.mark.parametrize("replicate", [0, 1])
def test_a_replicate_scores_what_it_reported(trial, replicate):
    trained = Trained.load(trial[1], replicate=replicate)
    found, reported = trained.evaluate(), trial[0].history[-1]
    for name in ("val_accuracy", "val_loss", "val_top5_accuracy", "test_accuracy", "test_loss"):
        assert found[name] == pytest.approx(reported[f"{name}_values"][replicate], rel=1e-6)


def test_a_foreign_state_dictionary_needs_a_family_and_scores_the_same(trial, tmp_path):
    weights = {f"module.{k}": v for k, v in trial[0].replicates[0].model.state_dict().items()}
    torch.save({"state_dict": weights, "epoch": 7}, tmp_path / "published.pt")
    with pytest.raises(ValueError, match=r"is not a trial's checkpoint, so its family is unknown; give --family"):
        Trained.load(tmp_path / "published.pt")
    foreign = Trained.load(tmp_path / "published.pt", "imagenet", {"dataset": "digits", **KNOBS})
    assert foreign.evaluate() == Trained.load(trial[1]).evaluate()
    with pytest.raises(ValueError, match=r"published\.pt holds the weights of another network"):
        Trained.load(tmp_path / "published.pt", "imagenet", {"dataset": "digits", "model": "mobilenet_v1"})
    with pytest.raises(ValueError, match="is of the family imagenet, not blur; leave --family out"):
        Trained.load(trial[1], "blur")


@pytest.mark.parametrize("kind", ["folder", "imagenet"])
def test_predicted_images_are_the_pixels_of_validation(tmp_path, kind):
    root = make_folder(tmp_path / "data", kind="val")
    knobs = {"dataset": f"{kind}:{root}", "image_size": 32, "selection": "test", "model": "lenet5"}
    torch.save(build("lenet5", 2, in_channels=3).state_dict(), tmp_path / "weights.pt")
    trained = Trained.load(tmp_path / "weights.pt", "imagenet", knobs)
    data = open_images(trained.config.model_copy(update={"batch_size": 6}), "cpu")
    batch = torch.cat([images for images, _ in data.validation_batches()])
    files = [root / "val" / name / f"{name}_{index}.png" for name in ("ant", "bee") for index in range(6)]
    for file, image in zip(files, batch, strict=True):
        mean, std = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) if kind == "imagenet" else ((0.5,) * 3, (0.5,) * 3)
        seen = (trained.image(file) / 255 - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)
        assert torch.allclose(seen, image, atol=1e-5)
        with torch.no_grad():
            expected = trained.model(image[None]).softmax(1)[0]
        found = dict(trained.predict(file))
        assert found.keys() == {"ant", "bee"}
        assert [found["ant"], found["bee"]] == pytest.approx(expected.tolist(), abs=1e-5)
    hits = torch.tensor([trained.predict(file, 1)[0][0] == file.parent.name for file in files])
    assert trained.evaluate()["val_accuracy"] == pytest.approx(hits.double().mean().item())
    likeliest = [probability for _, probability in trained.predict(files[0])]
    assert likeliest == sorted(likeliest, reverse=True)


def test_imagenets_classes_are_known_without_its_images(tmp_path):
    torch.save(build("mobilenet_v1", width=0.25).state_dict(), tmp_path / "weights.pt")
    Image.new("CMYK", (300, 260)).save(tmp_path / "a.jpg")
    trained = Trained.load(tmp_path / "weights.pt", "imagenet", {"model": "mobilenet_v1", "width": 0.25})
    assert trained.image(tmp_path / "a.jpg").shape == (3, 224, 224)
    likeliest = trained.predict(tmp_path / "a.jpg")
    assert len(likeliest) == 5
    assert {name for name, _ in likeliest} <= set(imagenet_names())
    assert (imagenet_names()[0], imagenet_names()[151]) == ("tench", "Chihuahua")
    with pytest.raises(ValueError, match="there are no images to evaluate on; set dataset=imagenet:PATH"):
        trained.evaluate()


def test_gray_networks_see_gray_images(trial, tmp_path):
    Image.new("RGB", (50, 40), (200, 0, 0)).save(tmp_path / "red.png")
    trained = Trained.load(trial[1])
    assert trained.image(tmp_path / "red.png").unique().tolist() == [60]  # luma of that red
    assert {name for name, _ in trained.predict(tmp_path / "red.png")} <= {str(digit) for digit in range(10)}
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match=r"text.png cannot be decoded \(it is not an image\)"):
        trained.predict(tmp_path / "text.png")


@pytest.mark.parametrize("given", [True, False])
def test_the_notebook_of_the_examples_runs_and_as_it_stands_where_a_search_is(trial, given, tmp_path, monkeypatch):
    notebook = json.loads((Path(__file__).parents[3] / "examples" / "predict.ipynb").read_text())
    Image.new("L", (40, 40), 90).save(tmp_path / "one.png")
    if given:
        monkeypatch.setenv("CHECKPOINT", str(trial[1]))
        monkeypatch.setenv("IMAGE", str(tmp_path / "one.png"))
    else:
        paths = finished(tmp_path / "results").paths
        paths.trial(1).mkdir(parents=True)
        shutil.copy(trial[1], paths.trial(1) / "checkpoint_000009.pt")
        monkeypatch.setenv("TUNER_STORAGE", str(paths.root.parent))
    names = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert names["scores"] == Trained.load(trial[1]).evaluate()
    assert len(names["likeliest"]) == 5
    assert names["drawn"].is_file()
    assert (names["drawn"] == tmp_path / "one.predicted.png") is given


def test_exported_weights_know_their_family_and_configuration(trial, tmp_path):
    state = trial[0].state()
    metadata = {"family": state["family"], "config": json.dumps(state["config"]), "replicate": "0"}
    save_file(state["replicates"][0]["model"], tmp_path / "exported.safetensors", metadata)
    assert Trained.load(tmp_path / "exported.safetensors").evaluate() == Trained.load(trial[1]).evaluate()
    save_file(state["replicates"][0]["model"], tmp_path / "foreign.safetensors")
    with pytest.raises(ValueError, match="so its family is unknown"):
        Trained.load(tmp_path / "foreign.safetensors")


def test_a_checkpoint_that_leaves_out_what_its_seed_gives_is_made_whole(tmp_path):
    knobs = {"depth": 14, "image_size": 8, "train_images": 60, "epochs": 1, "batch_size": 27}
    trial = LockStep("bn_only", knobs, replicates=2)
    result = trial.step()
    path = checkpoints.save(tmp_path, trial.state(), 1)
    for replicate in (0, 1):
        found = Trained.load(path, replicate=replicate).evaluate()["val_loss"]
        assert found == pytest.approx(result["val_loss_values"][replicate], rel=1e-5)
