"""Streamed images: decoded once for all replicates, other crops for each, and what they train is what others train."""

import itertools
import multiprocessing
import os
import re
import signal

import numpy as np
import pytest
import torch
from PIL import Image

from trainables import families
from trainables.datasets.arrays import DatasetError, DecoderLost
from trainables.images.opened import forget, open_images
from trainables.lockstep import LockStep
from trainables.trial import preflight

SIZE = 32
CLASSES = 3


def knobs(photographs, **more):
    shared = {"dataset": f"imagenet:{photographs}", "image_size": SIZE, "batch_size": 8, "epochs": 2}
    return {**shared, "model": "lenet5", "lr_schedule": "constant", "augmentation": "crop-flip", **more}


def load(photographs, **more):
    return open_images(families.config_class("imagenet")(**knobs(photographs, **more)), "cpu")


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_replicates_share_the_order_and_each_crops_for_itself(photographs):
    data = load(photographs)
    batches = list(data.shared_train_batches(8, *generators(0), generators(1, 2, 1), "crop-flip"))
    assert sum(len(labels) for _, labels in batches) == data.train_size == 25
    for (first, second, third), _ in batches:
        assert first.shape[1:] == (3, SIZE, SIZE)
        assert torch.equal(first, third)
        assert not torch.equal(first, second)
    centres = list(data.shared_train_batches(8, *generators(0), generators(1, 2), "none"))
    for ((first, second), labels), (_, others) in zip(centres, batches, strict=True):
        assert torch.equal(first, second)
        assert torch.equal(labels, others)
        assert torch.equal(first.mean((2, 3)).argmax(1), labels)  # each image with its own label


def test_an_epoch_is_a_function_of_its_generators(photographs):
    data = load(photographs)
    once, again, other = (
        torch.cat([images for images, _ in data.train_batches(8, *generators(seed), "resized-crop")])
        for seed in (3, 3, 4)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_validation_is_a_holdout_of_train_and_the_test_set_is_val(photographs):
    data = load(photographs)
    assert (data.train_size, data.validation_size, data.test_size) == (25, 2, 18)
    tested = torch.cat([labels for _, labels in data.test_batches()])
    assert tested.tolist() == sorted([*range(CLASSES)] * 6)
    whole = load(photographs, selection="test")
    assert (whole.train_size, whole.validation_size, whole.test_size) == (27, 18, 0)
    assert len(load(photographs, train_images=20)._train) == 18


def test_pixels_are_normalised_with_imagenets_statistics(photographs):
    data = load(photographs, selection="test")
    images = torch.cat([images for images, _ in data.validation_batches()])
    with Image.open(photographs / "val" / "n00" / "n00_0.png") as image:
        larger = image.resize((46, 37), Image.Resampling.BILINEAR).crop((7, 2, 39, 34))
    pixels = torch.from_numpy(np.array(larger)).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    assert torch.allclose(images[0], (pixels - mean) / std, atol=1e-5)


def test_a_replicate_trains_as_it_would_alone(photographs):
    """Random numbers of dropout, crops and weights do not depend on how many others train beside."""
    data = {"dataset": f"imagenet:{photographs}", "image_size": SIZE, "augmentation": "crop-flip"}
    more = {"arch": "squeezenet1_1", "mode": "random-mix", "batch_size": 13, "epochs": 1, "evaluation_sigmas": ()}
    alone, several = (LockStep("blur", {**data, **more}, replicates=count).step() for count in (1, 2))
    assert several["train_loss_values"][0] == alone["train_loss_values"][0]
    assert several["val_loss_values"][0] == alone["val_loss_values"][0]
    assert len(set(several["train_loss_values"])) == 2


def test_five_replicates_decode_every_image_once(photographs, monkeypatch, tmp_path):
    from trainables.datasets import decode

    log, real = tmp_path / "decoded", decode.rgb_image

    def counted(path):
        with log.open("a") as file:  # from the workers, which inherit this function
            file.write(f"{path}\n")
        return real(path)

    monkeypatch.setattr(decode, "rgb_image", counted)
    forget()
    trial = LockStep("imagenet", knobs(photographs), replicates=5)
    trial.step()
    decoded = log.read_text().splitlines()
    assert len(decoded) == len(set(decoded)) == 25 + 2
    trial.step()
    assert len(log.read_text().splitlines()) == 2 * 27 + 18
    forget()


def test_a_resumed_trial_sees_what_it_would_have_seen(photographs):
    through, first, second = (LockStep("imagenet", knobs(photographs), replicates=2) for _ in range(3))
    expected = [through.step() for _ in range(2)][-1]
    first.step()
    second.load(first.state())
    found = second.step()
    assert found["train_loss_values"] == expected["train_loss_values"]
    assert found["val_loss_values"] == expected["val_loss_values"]


def test_a_replicate_that_fails_leaves_the_others_alone(photographs, monkeypatch):
    trial = LockStep("imagenet", knobs(photographs), replicates=3)

    def crash(*_):
        raise RuntimeError("crash")

    trial.replicates[1].model.forward = crash
    results = [trial.step() for _ in range(2)]
    assert [len(result["failures"]) for result in results] == [1, 0]
    assert [result["replicates_ok"] for result in results] == [2, 2]
    whole = [LockStep("imagenet", knobs(photographs), replicates=3).step()]
    assert results[0]["val_loss_values"][2] == whole[0]["val_loss_values"][2]


@pytest.mark.parametrize(
    ("family", "more", "at_the_end"),
    [
        ("blur", {"arch": "squeezenet1_1", "mode": "mix", "sigma": 1, "augmentation": "resized-crop"}, "sigma_0"),
        ("online_norm", {"arch": "resnet_cifar", "depth": 8, "norm_mode": "online", "lr_milestones": ()}, None),
        pytest.param("deconv", {"arch": "resnet18d", "norm": "deconv"}, None, marks=pytest.mark.slow),
        ("deconv", {"arch": "vgg_tiny", "norm": "deconv", "revision": 2019, "block_fc": 0, "num_groups": 8}, None),
        pytest.param(
            *("bn_only", {"arch": "resnet18", "init_evaluation": "estimated"}, "pruned_0.001"), marks=pytest.mark.slow
        ),
        ("bn_only", {"depth": 8, "trainable_set": "random_k", "init_evaluation": "as-built"}, "untrained"),
    ],
)
@pytest.mark.filterwarnings("ignore:layer .* whitens")
def test_every_family_trains_on_the_same_images_and_resumes_bit_equal(photographs, family, more, at_the_end):
    data = {"dataset": f"imagenet:{photographs}", "image_size": SIZE, "batch_size": 9, "epochs": 2, "train_images": 20}
    assert preflight.check(family, [{**data, **more}])["problems"] == []
    through, first, second = (LockStep(family, {**data, **more}, replicates=1) for _ in range(3))
    results = [through.step() for _ in range(2)]
    assert [result["failures"] for result in results] == [[], []]
    first.step()
    second.load(first.state())
    again = second.step()
    assert {name: again[f"{name}_values"] for name in again["metrics"]} == {
        name: results[1][f"{name}_values"] for name in results[1]["metrics"]
    }
    if at_the_end in ("sigma_0", "pruned_0.001"):  # nothing is blurred, and no gamma is that small
        assert again[f"val_accuracy_{at_the_end}"] == again["val_accuracy"]
    assert at_the_end is None or f"val_accuracy_{at_the_end}" in again["metrics"]


def test_sixteen_classes_are_trained_on_with_the_head_replaced(photographs, tmp_path):
    image = photographs / "train" / "n00" / "n00_0.png"
    for split in ("train", "val"):
        for synset in range(1000):
            (tmp_path / split / f"n{synset:04d}").mkdir(parents=True)
            os.link(image, tmp_path / split / f"n{synset:04d}" / "a.png")
    config = {"dataset": f"imagenet16:{tmp_path}", "image_size": SIZE, "batch_size": 14, "epochs": 1}
    trial = LockStep("blur", {**config, "arch": "squeezenet1_1", "mode": "all", "sigma": 1}, replicates=1)
    assert trial.data.num_classes == 16
    assert (trial.data.train_size, trial.data.validation_size, trial.data.test_size) == (29, 3, 32)
    result = trial.step()
    assert result["failures"] == []
    assert trial.replicates[0].model(torch.zeros(2, 3, SIZE, SIZE)).shape == (2, 16)


def test_an_image_that_cannot_be_decoded_is_named_and_left_out_only_when_asked(photographs, tmp_path):
    root = tmp_path / "broken"
    for split in ("train", "val"):
        for label in range(CLASSES):
            (root / split / f"n0{label}").mkdir(parents=True)
            for file in (photographs / split / f"n0{label}").iterdir():
                os.link(file, root / split / f"n0{label}" / file.name)
    broken = root / "train" / "n01" / "n01_4.png"
    broken.unlink()
    broken.write_bytes(b"no image")
    sentence = f"{broken} cannot be decoded (it is not an image); replace or remove it, or set skip_unreadable=true"
    with pytest.raises(DatasetError, match=f"^{re.escape(sentence)}$"):  # the trial's failure, and no replicate's
        LockStep("imagenet", knobs(root, selection="test"), replicates=2).step()
    result = LockStep("imagenet", knobs(root, selection="test", skip_unreadable=True), replicates=2).step()
    assert result["failures"] == []


def test_what_does_not_fit_is_refused_before_training(photographs):
    small = knobs(photographs, batch_size=26)
    sentence = f"`batch_size` is 26, but imagenet:{photographs} leaves only 25 images to train on; lower it"
    assert preflight.check("imagenet", [small])["problems"] == [sentence]
    assert preflight.fingerprints("imagenet", [small, knobs(photographs)])["problems"] == [sentence]
    with pytest.raises(DatasetError, match="`augmentation` is 'resized-crop', but digits is not imagenet:PATH"):
        open_images(families.config_class("imagenet")(augmentation="resized-crop"), "cpu")
    found = preflight.check("imagenet", [knobs(photographs)])
    assert (found["problems"], found["data"]["train_images"], found["data"]["classes"]) == ([], 25, 3)


def test_a_decoding_process_that_is_killed_is_one_sentence_and_the_next_epoch_has_new_ones(photographs):
    data = load(photographs)
    batches = data.train_batches(8, generators(0)[0])
    next(batches)
    for process in multiprocessing.active_children():
        if process.name.startswith("Process"):
            os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(DecoderLost, match=r"a process that decodes the images of imagenet:.* ended") as caught:
        list(itertools.chain(batches, *(data.train_batches(8, generators(0)[0]) for _ in range(9))))
    assert "\n" not in str(caught.value)
    assert sum(len(labels) for _, labels in data.train_batches(8, generators(0)[0])) == 25


@pytest.mark.parametrize("ending", [ConnectionResetError(104, "Connection reset by peer"), EOFError()], ids=str)
def test_one_that_is_killed_while_it_hands_over_a_batch_is_the_same_sentence(photographs, monkeypatch, ending):
    data = load(photographs)
    next(data.train_batches(8, generators(0)[0]))

    def killed(loader):
        for process in loader._iterator._workers:
            os.kill(process.pid, signal.SIGKILL)
        raise ending

    with monkeypatch.context() as patched:
        patched.setattr(type(data._loader), "__iter__", killed)
        with pytest.raises(DecoderLost, match="a process that decodes the images of imagenet"):
            next(data.train_batches(8, generators(0)[0]))
    assert sum(len(labels) for _, labels in data.train_batches(8, generators(0)[0])) == 25
