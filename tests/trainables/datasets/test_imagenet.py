"""imagenet:PATH as it lies on disk: labels by synset in both layouts, 16 classes, every wrong layout in one sentence."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from trainables import datasets
from trainables.datasets.imagenet import ImageNetFolder

SYNSETS = ("n03", "n01", "n02")


def make(path: Path, synsets=SYNSETS, images: int = 2, flat: bool = False) -> Path:
    for split in ("train", "val"):
        for synset in synsets:
            folder = path / split if flat else path / split / synset
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(images):
                Image.new("RGB", (40, 30), (index, 0, 0)).save(folder / f"{synset}_{index}.JPEG")
    return path


def listed(path: Path, kind: str = "imagenet") -> ImageNetFolder:
    return ImageNetFolder(datasets.canonical(f"{kind}:{path}"))


def refusal(path: Path, kind: str = "imagenet") -> str:
    with pytest.raises(datasets.DatasetError) as caught:
        datasets.check(f"{kind}:{path}")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("flat", [False, True])
def test_labels_count_the_sorted_synsets_in_folders_and_in_names(tmp_path: Path, flat: bool) -> None:
    folder = listed(make(tmp_path, flat=flat))
    assert folder.classes == ("n01", "n02", "n03")
    for split in (folder.train, folder.val):
        assert split.labels.tolist() == [0, 0, 1, 1, 2, 2]
        assert [Path(file).name[:3] for file in split.files] == ["n01", "n01", "n02", "n02", "n03", "n03"]
        assert all((tmp_path / file).is_file() for file in split.files)


def test_check_counts_without_decoding_and_the_fingerprint_follows_the_names(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "train" / "n01" / "n01_0.JPEG").write_bytes(b"broken")
    info = datasets.check(f"imagenet:{tmp_path}")
    assert (info.train_images, info.test_images, info.classes, info.channels, info.side) == (6, 6, 3, 3, 224)
    (tmp_path / "train" / "n01" / "n01_0.JPEG").rename(tmp_path / "train" / "n01" / "n01_9.JPEG")
    assert datasets.check(f"imagenet:{tmp_path}", 64).fingerprint != info.fingerprint


def test_the_name_is_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert datasets.canonical("imagenet16:pictures") == f"imagenet16:{tmp_path}/pictures"
    assert datasets.normalisation("imagenet16:pictures", 3)[0] == (0.485, 0.456, 0.406)
    assert datasets.normalisation("folder:imagenet", 3) == ((0.5,) * 3, (0.5,) * 3)


def test_sixteen_classes_are_made_of_positions_among_a_thousand_synsets(tmp_path: Path) -> None:
    synsets = [f"n{index:08d}" for index in range(1000)]
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        for synset in synsets:
            (tmp_path / split / f"{synset}_1.JPEG").touch()  # listed, never decoded
    folder = listed(tmp_path, "imagenet16")
    assert (folder.classes[0], folder.classes[15], len(folder.classes)) == ("airplane", "truck", 16)
    assert len(folder.train.files) == len(folder.val.files) == 32
    of_dogs = [Path(f).name for f, label in zip(folder.val.files, folder.val.labels, strict=True) if label == 10]
    assert of_dogs == ["n00000151_1.JPEG", "n00000152_1.JPEG"]
    sizes = [3, 4, 2, 52, 6, 7, 10, 5, 4, 3, 116, 2, 3, 2, 2, 7]
    labels = listed(tmp_path, "imagenet16-all").train.labels.tolist()
    assert [labels.count(label) for label in range(16)] == sizes


def test_sixteen_classes_need_the_whole_imagenet(tmp_path: Path) -> None:
    assert "has 3 synsets, but the 16 classes are made of positions among all 1000" in refusal(
        make(tmp_path), "imagenet16"
    )


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_folder_without_a_split_is_refused(tmp_path: Path, split: str) -> None:
    shutil.rmtree(make(tmp_path) / split)
    assert refusal(tmp_path).startswith(f"{tmp_path} has no {split}/; it must hold train/ and val/")
    assert refusal(tmp_path / "nowhere").startswith(f"there is no folder {tmp_path}/nowhere; give imagenet:PATH")


def test_synsets_that_differ_between_the_splits_are_listed(tmp_path: Path) -> None:
    make(tmp_path)
    shutil.rmtree(tmp_path / "val" / "n02")
    make(tmp_path / "more", ("n04",))
    (tmp_path / "more" / "val" / "n04").rename(tmp_path / "val" / "n04")
    shutil.rmtree(tmp_path / "more")
    assert "different class folders (only in train/: n02; only in val/: n04); make them the same" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("train/n01/notes.txt", "notes.txt is not an image by its name"),
        ("train/tench.JPEG", "tench.JPEG has no synset before an underscore in its name"),
        ("train/n09/.hidden", "train/n09 holds no images; fill it, or remove the class"),
    ],
)
def test_a_file_that_belongs_nowhere_is_named(tmp_path: Path, file: str, sentence: str) -> None:
    make(tmp_path)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    assert sentence in refusal(tmp_path)


def test_it_is_not_loaded_whole(tmp_path: Path) -> None:
    with pytest.raises(datasets.DatasetError, match="is too large for memory and is streamed instead"):
        datasets.load(f"imagenet:{make(tmp_path)}")
    with pytest.raises(datasets.DatasetError, match="`imagenet:` names no path; write imagenet:PATH"):
        datasets.canonical("imagenet:")
