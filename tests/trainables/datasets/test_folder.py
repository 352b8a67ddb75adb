"""A folder of one's own images: labels, sizes, and every way its layout can be wrong in one sentence."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables import datasets
from trainables.datasets import decode, workers
from trainables.process import child_process

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def colour(split: str, name: str, index: int) -> tuple[int, int, int]:
    """Every image of the test folder has a colour of its own."""
    return (10 * index, 100 if split == "train" else 200, ord(name[0]))


def make_folder(path: Path, test: str = "test", size: tuple[int, int] = (12, 12), images: int = 3) -> Path:
    for split in ("train", test):
        for name in ("cat", "ant", "bee"):
            folder = path / split / name
            folder.mkdir(parents=True)
            for index in range(images):
                Image.new("RGB", size, colour(split, name, index)).save(folder / f"{index:03d}.png")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "pictures")


def refusal(folder: Path, image_size: int | None = None, load: bool = False) -> str:
    """The one sentence with which a folder is refused, by the check that decodes nothing unless `load`."""
    with pytest.raises(datasets.DatasetError) as caught:
        (datasets.load if load else datasets.check)(f"folder:{folder}", image_size)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("test", ["test", "val"])
def test_classes_are_sorted_and_every_image_has_its_label(tmp_path: Path, test: str) -> None:
    arrays = datasets.load(f"folder:{make_folder(tmp_path / 'pictures', test)}")
    assert arrays.classes == ("ant", "bee", "cat")
    assert arrays.train_images.shape == (9, 3, 12, 12)
    assert arrays.train_labels.tolist() == arrays.test_labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for split, images in (("train", arrays.train_images), (test, arrays.test_images)):
        expected = [colour(split, name, index) for name in arrays.classes for index in range(3)]
        assert [tuple(image[:, 5, 7].tolist()) for image in images] == expected


def test_test_goes_before_val(folder: Path) -> None:
    shutil.copytree(folder / "test", folder / "val")
    shutil.rmtree(folder / "val" / "cat")
    assert datasets.check(f"folder:{folder}").test_images == 9


def test_check_knows_the_fingerprint_once_the_folder_has_been_decoded(folder: Path) -> None:
    before = datasets.check(f"folder:{folder}")
    arrays = datasets.load(f"folder:{folder}")
    after = datasets.check(f"folder:{folder}")
    assert (before.train_images, before.test_images, before.classes, before.side) == (9, 9, 3, 12)
    assert before.fingerprint is None
    assert after.fingerprint == arrays.fingerprint


def test_the_fingerprint_tells_contents_apart_not_places(folder: Path, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    original = datasets.load(f"folder:{folder}")
    assert datasets.load(f"folder:{elsewhere}").fingerprint == original.fingerprint
    Image.new("RGB", (12, 12), "white").save(elsewhere / "train" / "bee" / "001.png")
    assert datasets.load(f"folder:{elsewhere}").fingerprint != original.fingerprint


def test_images_of_any_size_are_fitted_to_image_size(tmp_path: Path) -> None:
    path = make_folder(tmp_path / "pictures", size=(20, 14))
    Image.new("RGB", (9, 30), colour("train", "ant", 0)).save(path / "train" / "ant" / "000.png")
    arrays = datasets.load(f"folder:{path}", 10)
    assert arrays.train_images.shape == (9, 3, 10, 10)
    assert tuple(arrays.train_images[0, :, 5, 5].tolist()) == colour("train", "ant", 0)


def test_images_of_different_sizes_ask_for_image_size(folder: Path) -> None:
    Image.new("RGB", (12, 13)).save(folder / "test" / "bee" / "001.png")
    assert refusal(folder, load=True).endswith("bee/001.png has 12x13 pixels, others 12x12; set image_size")


def test_images_that_are_not_square_ask_for_image_size(tmp_path: Path) -> None:
    assert "12x9 pixels, but images must be square; set image_size" in refusal(
        make_folder(tmp_path / "pictures", size=(12, 9))
    )


SHADOWS = ("numbers", "json", "copy", "token", "trainables", "sitecustomize")


def test_a_folder_of_the_users_takes_no_place_in_processes_that_decode(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = np.array(datasets.load(f"folder:{folder}", 16).train_images)
    (tmp_path / "here").mkdir()
    for name in SHADOWS:
        (tmp_path / "here" / f"{name}.py").write_text("print('noise')\nraise ImportError('the file of the user')\n")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "here"), *sys.path])
    monkeypatch.setattr(workers, "IMAGES_PER_PROCESS", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setenv("TUNER_DATA", f"{os.environ['TUNER_DATA']}-of-several")
    assert (datasets.load(f"folder:{folder}", 16).train_images == alone).all()


def test_other_code_decodes_nothing_and_its_images_are_not_kept_as_ours(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.load(f"folder:{folder}", 16)
    monkeypatch.setattr(decode, "CODE", "of an older checkout")
    assert datasets.check(f"folder:{folder}", 16).fingerprint is None
    monkeypatch.setattr(workers, "IMAGES_PER_PROCESS", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert "decode.py is not the code that asked it to decode images" in refusal(folder, 16, load=True)


def test_the_death_of_a_decoding_process_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "IMAGES_PER_PROCESS", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for code, said in (
        ("import os; os.kill(os.getpid(), 9)", r"a process decoding images was killed by signal 9; try again"),
        ("raise MemoryError('no room')", r"images ended with code 1 \(MemoryError: no room\); try again"),
    ):
        monkeypatch.setattr(child_process, "_CALL", code)
        with pytest.raises(datasets.DatasetError, match=said):
            datasets.load(f"folder:{folder}", 16)


def test_several_processes_decode_as_one_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = np.array(datasets.load(f"folder:{folder}", 16).train_images)
    monkeypatch.setattr(workers, "IMAGES_PER_PROCESS", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setenv("TUNER_DATA", f"{os.environ['TUNER_DATA']}-of-several")
    assert (datasets.load(f"folder:{folder}", 16).train_images == alone).all()
    (folder / "train" / "cat" / "002.png").write_bytes(b"broken")
    assert "train/cat/002.png cannot be decoded" in refusal(folder, 16, load=True)


def test_a_broken_image_is_named(folder: Path) -> None:
    (folder / "test" / "bee" / "001.png").write_bytes(b"broken")
    assert refusal(folder, load=True).endswith(
        "test/bee/001.png cannot be decoded (it is not an image); replace or remove it, or set skip_unreadable=true"
    )


@pytest.mark.parametrize("processes", [1, 3])
def test_broken_images_are_left_out_only_when_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, processes: int
) -> None:
    whole = datasets.load(f"folder:{folder}")
    (folder / "train" / "ant" / "000.png").write_bytes(b"broken")  # the first, whose header gives the side
    (folder / "test" / "bee" / "001.png").write_bytes((folder / "test" / "bee" / "001.png").read_bytes()[:45])
    monkeypatch.setattr(workers, "IMAGES_PER_PROCESS", 9 // processes)
    monkeypatch.setattr(os, "cpu_count", lambda: processes)
    for _ in range(2):  # decoded, and from the cache
        arrays = datasets.load(f"folder:{folder}", skip_unreadable=True)
        assert (np.array(arrays.train_images) == whole.train_images[1:]).all()
        assert arrays.train_labels.tolist() == whole.train_labels[1:].tolist()
        assert (np.array(arrays.test_images) == np.delete(whole.test_images, 4, axis=0)).all()
        assert arrays.test_labels.tolist() == np.delete(whole.test_labels, 4).tolist()
    assert [record.message for record in caplog.records] == [
        f"{folder}/train/ant/000.png cannot be decoded (it is not an image); it is left out",
        f"{folder}/test/bee/001.png cannot be decoded (image file is truncated); it is left out",
    ]
    assert "train/ant/000.png cannot be decoded" in refusal(folder, load=True)


def test_a_folder_of_broken_images_is_refused(folder: Path) -> None:
    for path in (folder / "test").rglob("*.png"):
        path.write_bytes(b"broken")
    with pytest.raises(
        datasets.DatasetError, match=r"none of the images in test/ can be decoded: .*ant/000\.png cannot"
    ):
        datasets.load(f"folder:{folder}", skip_unreadable=True)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere").startswith(f"there is no folder {tmp_path}/nowhere; give folder:PATH")


def test_a_folder_without_train_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "train")
    assert refusal(folder).startswith(f"{folder} has no train/; it must hold train/ and test/ (or val/)")


def test_a_folder_without_test_and_val_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "test")
    assert refusal(folder).startswith(f"{folder} has neither test/ nor val/; it must hold")


def test_class_folders_that_differ_are_listed(folder: Path) -> None:
    (folder / "train" / "dog").mkdir()
    shutil.rmtree(folder / "train" / "ant")
    assert "(only in train/: dog; only in test/: ant); make them the same" in refusal(folder)


def test_many_differing_classes_are_counted_not_all_listed(folder: Path) -> None:
    for index in range(40):
        (folder / "train" / f"z{index:02d}").mkdir()
    assert "only in train/: z00, z01, z02, z03, z04, ... (40 in all)" in refusal(folder)


def test_empty_class_folders_are_listed(folder: Path) -> None:
    for name in ("ant", "cat"):
        shutil.rmtree(folder / "train" / name)
        (folder / "train" / name).mkdir()
    (folder / "train" / "cat" / ".hidden").touch()
    assert "has class folders without images: train/ant/, train/cat/; fill them" in refusal(folder)


def test_a_single_class_is_refused(folder: Path) -> None:
    for split in ("train", "test"):
        shutil.rmtree(folder / split / "ant")
        shutil.rmtree(folder / split / "bee")
    assert "has 1 class folders, but needs at least two" in refusal(folder)


def test_a_file_of_another_kind_is_named(folder: Path) -> None:
    (folder / "train" / "ant" / "notes.txt").touch()
    assert "train/ant/notes.txt is not an image by its name" in refusal(folder)


def test_a_folder_inside_a_class_is_named(folder: Path) -> None:
    (folder / "train" / "ant" / "more").mkdir()
    assert "train/ant/more is a folder; class folders hold only images" in refusal(folder)


def test_a_link_to_nowhere_is_named(folder: Path) -> None:
    (folder / "train" / "ant" / "lost.png").symlink_to(folder / "gone.png")
    assert "train/ant/lost.png cannot be read (No such file or directory)" in refusal(folder)


@pytest.mark.slow
def test_cifar10_as_jpeg_files_is_cifar10(tmp_path: Path) -> None:
    archive = SHARED / "cifar10-jpeg.tar.xz"
    if not archive.is_file():
        pytest.skip("no CIFAR-10 (JPEG) beside the repository")
    shutil.unpack_archive(archive, tmp_path / "cifar10", filter="data")
    arrays = datasets.load(f"folder:{tmp_path / 'cifar10'}")
    assert arrays.train_images.shape == (50_000, 3, 32, 32)
    assert np.bincount(arrays.train_labels).tolist() == [5000] * 10
    assert np.bincount(arrays.test_labels).tolist() == [1000] * 10
    mean = arrays.train_images.mean(axis=(0, 2, 3)) / 255
    assert mean == pytest.approx([0.4914, 0.4822, 0.4465], abs=2e-3)
