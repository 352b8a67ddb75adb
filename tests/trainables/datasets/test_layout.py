"""Folders as people bring them: droppings are passed over, strangers named at once, splits called otherwise understood."""

import os
import shutil
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from trainables import datasets

KINDS = ("folder", "imagenet")
DROPPINGS = (
    *(
        "Thumbs.db",
        "desktop.ini",
        ".DS_Store",
        "._0.png",
        ".directory",
        "ehthumbs.db",
        "Icon\r",
        "0.png:Zone.Identifier",
    ),
    *(
        "@eaDir/0.png",
        ".ipynb_checkpoints/0.png",
        "#recycle/0.png",
        ".@__thumb/0.png",
        "lost+found/",
        "__MACOSX/._0.png",
    ),
    *("$RECYCLE.BIN/desktop.ini", "System Volume Information/x", ".Trash-1000/files/0.png", "THUMBS.DB"),
)


def make(path: Path, train: str = "train", test: str = "val", classes: tuple[str, ...] = ("n01", "n02")) -> Path:
    for split in (train, test):
        for name in classes:
            (path / split / name).mkdir(parents=True)
            for index in range(2):
                Image.new("RGB", (8, 8), (index, 0, 0)).save(path / split / name / f"{index}.png")
    return path


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch() if not str(path).endswith("/") else path.mkdir()


def refusal(kind: str, path: Path) -> str:
    with pytest.raises(datasets.DatasetError) as caught:
        datasets.check(f"{kind}:{path}")
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_operating_systems_leave_is_no_image_and_no_class(tmp_path: Path, kind: str) -> None:
    before = datasets.check(f"{kind}:{make(tmp_path)}")
    for place in (tmp_path, tmp_path / "train", tmp_path / "val", tmp_path / "train" / "n01", tmp_path / "val" / "n02"):
        for name in DROPPINGS:
            put(place / name)
    after = datasets.check(f"{kind}:{tmp_path}")
    assert (after.train_images, after.test_images, after.classes) == (4, 4, 2)
    assert after.fingerprint == before.fingerprint


@pytest.mark.parametrize("kind", KINDS)
def test_all_strangers_are_named_at_once(tmp_path: Path, kind: str) -> None:
    make(tmp_path)
    for name in ("n01/notes.txt", "n02/more/", "n02/labels.csv"):
        put(tmp_path / "train" / name) if not name.endswith("/") else (tmp_path / "train" / name).mkdir()
    said = refusal(kind, tmp_path)
    assert said.startswith("3 are not images by their names")
    assert all(name in said for name in ("n01/notes.txt", "n02/more (a folder)", "n02/labels.csv"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("train", "test"), [("Train", "Val"), ("training", "validation"), ("TRAIN", "valid"), ("Training", "Validation")]
)
def test_splits_are_known_by_the_names_that_people_use(tmp_path: Path, kind: str, train: str, test: str) -> None:
    make(tmp_path, train, test)
    info = datasets.check(f"{kind}:{tmp_path}")
    assert (info.train_images, info.test_images) == (4, 4)
    if kind == "folder":
        assert len(datasets.load(f"folder:{tmp_path}").test_labels) == 4


def test_two_folders_that_could_be_a_split_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "Train", "val")
    shutil.copytree(tmp_path / "Train", tmp_path / "training")
    assert "has Train, training, any of which could be train/; rename one of them to train" in refusal(
        "folder", tmp_path
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_around_the_dataset_is_told(tmp_path: Path, kind: str) -> None:
    make(tmp_path / "outer" / "inner")
    assert refusal(kind, tmp_path / "outer").endswith(f"; did you mean {tmp_path}/outer/inner?")


@pytest.mark.parametrize("kind", KINDS)
def test_classes_without_splits_are_told(tmp_path: Path, kind: str) -> None:
    make(tmp_path)
    assert "has images in n01, n02: move most of each into train/" in refusal(kind, tmp_path / "train")


def test_images_beside_class_folders_belong_to_no_class(tmp_path: Path) -> None:
    put(make(tmp_path) / "train" / "loose.png")
    assert "train has images beside its class folders: loose.png; move them" in refusal("folder", tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_class_names_that_are_not_utf8_are_refused_and_images_taken(tmp_path: Path, kind: str) -> None:
    make(tmp_path)
    for split in ("train", "val"):
        folder = os.fsencode(tmp_path / split / "n01")
        os.rename(folder + b"/0.png", folder + b"/caf\xe9.png")
    assert datasets.check(f"{kind}:{tmp_path}").train_images == 4
    if kind == "folder":
        datasets.load(f"folder:{tmp_path}")
    for split in ("train", "val"):
        os.rename(os.fsencode(tmp_path / split / "n01"), os.fsencode(tmp_path / split) + b"/caf\xe9")
    assert "train/caf\\xe9 has a name that is not UTF-8; rename it" in refusal(kind, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [("Cat", "cat"), tuple(unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))])
def test_classes_that_differ_in_capitals_or_unicode_form_alone_are_refused(
    tmp_path: Path, kind: str, names: tuple[str, str]
) -> None:
    make(tmp_path / "both", classes=(*names, "dog"))
    assert "differ in capitals or in Unicode form alone" in refusal(kind, tmp_path / "both")
    make(tmp_path / "between", classes=(names[0], "dog"))
    (tmp_path / "between" / "val" / names[0]).rename(tmp_path / "between" / "val" / names[1])
    said = refusal(kind, tmp_path / "between")
    assert "different class folders" in said
    assert "differ in capitals or in Unicode form alone" in said


@pytest.mark.parametrize("kind", KINDS)
def test_links_are_followed_and_those_that_cannot_be_are_named(tmp_path: Path, kind: str) -> None:
    make(tmp_path / "real")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "train" / "n01").rename(tmp_path / "n01")
    (tmp_path / "real" / "train" / "n01").symlink_to(tmp_path / "n01")
    assert datasets.check(f"{kind}:{tmp_path / 'linked'}").train_images == 4
    loop = tmp_path / "real" / "train" / "n03"
    loop.symlink_to(loop)
    assert "train/n03 cannot be followed; repair or remove the link" in refusal(kind, tmp_path / "real")
    loop.unlink()
    (tmp_path / "n01" / "up").symlink_to(tmp_path / "real")
    assert "n01/up is a folder; class folders hold only images" in refusal(kind, tmp_path / "real")
