"""Datasets by name: what there is, and what is said of a name that is not one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from trainables import datasets
from trainables.config import dataset_kinds as kinds
from trainables.config.training import TrainingConfig
from trainables.datasets import catalog, digits
from trainables.datasets.dataset import Dataset, Fetched


@pytest.mark.parametrize(("typo", "meant"), [("cifr10", "cifar10"), ("CIFAR100", "cifar100"), ("digit", "digits")])
@pytest.mark.parametrize("function", [datasets.load, datasets.check, datasets.fetch])
def test_an_unknown_name_suggests_the_nearest(function, typo: str, meant: str) -> None:
    with pytest.raises(datasets.DatasetError, match=rf"^`{typo}` is not a dataset .*; did you mean `{meant}`\?$"):
        function(typo)


def test_a_path_without_the_prefix_suggests_it(tmp_path: Path) -> None:
    with pytest.raises(datasets.DatasetError, match=rf"did you mean `folder:{tmp_path}`\?"):
        datasets.load(str(tmp_path))


def test_a_folder_without_a_path_is_refused() -> None:
    with pytest.raises(datasets.DatasetError, match="names no path"):
        datasets.check("folder:")


def test_a_relative_folder_gets_its_absolute_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert datasets.canonical("folder:pictures") == f"folder:{tmp_path}/pictures"
    monkeypatch.setenv("HOME", "/home/someone")
    assert datasets.canonical("folder:~/pictures") == "folder:/home/someone/pictures"


def test_the_list_says_what_is_there_and_how_to_get_the_rest() -> None:
    digits, cifar10, cifar100 = datasets.available()
    assert digits.present
    assert (digits.name, digits.images, digits.classes, digits.channels, digits.side) == ("digits", 1797, 10, 1, 16)
    assert digits.fingerprint == datasets.load("digits").fingerprint
    assert not cifar10.present
    assert (cifar10.images, cifar100.classes) == (60_000, 100)
    assert cifar10.problem is not None
    assert cifar10.problem.endswith("run `tuner data fetch cifar10`")


def test_a_named_dataset_that_is_missing_is_one_sentence_whichever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    digits.load.cache_clear()
    first, *others = datasets.available()
    assert (first.name, first.present, first.images) == ("digits", False, 0)
    assert first.problem is not None
    assert re.match(r"digits are part of scikit-learn, which is missing \(.*\); install it$", first.problem)
    assert [other.name for other in others] == ["cifar10", "cifar100"]
    for function in (datasets.load, datasets.check):
        with pytest.raises(datasets.DatasetError, match="install it"):
            function("digits")


@pytest.mark.parametrize("name", kinds.KINDS)
def test_every_name_of_the_table_is_opened_by_a_class_of_its_kind(name: str, tmp_path: Path) -> None:
    kind = kinds.KINDS[name]
    dataset = f"{name}:{tmp_path}" if kind.layout else name
    assert datasets.canonical(dataset) == dataset
    assert issubclass(catalog._reader(dataset), Fetched if kind.fetched else Dataset)
    assert name in TrainingConfig.model_fields["dataset"].description
    if name != "digits":
        with pytest.raises(datasets.DatasetError):
            datasets.check(dataset)


def test_check_refuses_more_training_images_than_there_are() -> None:
    assert datasets.check("digits", train_images=1442).train_images == 1442
    with pytest.raises(datasets.DatasetError, match="`train_images` is 1443"):
        datasets.check("digits", train_images=1443)


@pytest.mark.parametrize("function", [datasets.load, datasets.check])
def test_an_image_size_below_one_is_refused(function) -> None:
    with pytest.raises(datasets.DatasetError, match="`image_size` is 0, but must be at least 1"):
        function("digits", 0)


def test_the_default_root_is_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUNER_DATA")
    monkeypatch.setenv("HOME", "/home/someone")
    assert datasets.data_root() == Path("/home/someone/.cache/tuner/data")


def test_loading_does_not_import_torch() -> None:
    code = "import sys; from trainables import datasets; datasets.load('digits'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
