"""The datasets by name: load one, check one before anything starts, list them, fetch one."""

from __future__ import annotations

import difflib
from pathlib import Path

from trainables.datasets import cache, cifar, digits, holdout, mnist, shared
from trainables.datasets.arrays import Arrays, DatasetError, Info
from trainables.datasets.cifar import Cifar
from trainables.datasets.folder import Folder
from trainables.datasets.imagenet import GROUPINGS, ImageNetFolder, is_imagenet
from trainables.datasets.mnist import Mnist
from trainables.storage import home

FOLDER = "folder:"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KINDS = ("folder", "mnist", *GROUPINGS)
NAMES = ("digits", *cifar.FILES)


def canonical(dataset: str) -> str:
    """The name that means the same from any working directory: folder:PATH and imagenet:PATH get their absolute path.

    `DatasetError` for an unknown name, with the nearest one.
    """
    if dataset in NAMES:
        return dataset
    kind, colon, path = dataset.partition(":")
    if colon and kind in KINDS:
        if not path:
            raise DatasetError(f"`{kind}:` names no path; write {kind}:PATH")
        try:
            return f"{kind}:{home.absolute(path)}"
        except home.UnusablePath as error:
            raise DatasetError(f"`dataset` is {dataset}, and {error}") from None
    near = [f"{FOLDER}{dataset}"] if Path(dataset).is_dir() else difflib.get_close_matches(dataset.lower(), NAMES, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    raise DatasetError(
        f"`{dataset}` is not a dataset (there are: {', '.join(NAMES)}, folder:PATH, mnist:PATH, imagenet:PATH){hint}"
    )


def normalisation(dataset: str, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation that images are normalised with, a channel each, in units where white is 1.

    ImageNet's own for ImageNet. Elsewhere 0.5 and 0.5, which map black to -1 and white to 1, as the published CIFAR-10
    runs of blur training and of BatchNorm-only training did.
    """
    if dataset.partition(":")[0] in GROUPINGS:
        return IMAGENET_MEAN, IMAGENET_STD
    return (0.5,) * channels, (0.5,) * channels


def class_names(dataset: str) -> tuple[str, ...]:
    """The names of the classes in the order of their labels; nothing is decoded."""
    name = canonical(dataset)
    if is_imagenet(name):
        return ImageNetFolder(name).classes
    return digits.load().classes if name == "digits" else _source(name).classes


def load(dataset: str, image_size: int | None = None, skip_unreadable: bool = False) -> Arrays:
    """The dataset at `image_size` pixels a side (default its own; digits: 16).

    CIFAR and folders are decoded at the first use and mapped from the cache of the data root afterwards; nothing is
    downloaded. With `skip_unreadable` a folder's images that cannot be decoded are left out. `DatasetError` when the
    dataset is unknown, missing or broken.
    """
    _check_image_size(image_size)
    name = canonical(dataset)
    if is_imagenet(name):
        raise DatasetError(f"{name} is too large for memory and is streamed instead; folder:PATH is loaded whole")
    if name == "digits":
        return digits.load(image_size)
    return cache.load(_source(name, skip_unreadable), _cached_side(name, image_size))


def check(dataset: str, image_size: int | None = None, train_images: int | None = None) -> Info:
    """What the dataset is, or `DatasetError`: it is there, laid out as it must be, and has `train_images` to train on.

    A folder is listed, not decoded: a damaged image shows when the folder is first loaded. CIFAR's files are compared
    with the published ones until they have been decoded once.
    """
    _check_image_size(image_size)
    name = canonical(dataset)
    if is_imagenet(name):
        info = ImageNetFolder(name).info(image_size)
    else:
        info = digits.info(image_size) if name == "digits" else _check_source(name, image_size)
    holdout.subset(info.train_images, train_images)
    return info


def available() -> list[Info]:
    """Every dataset that has a name of its own; `problem` says what is wrong with those that cannot be used."""
    infos = []
    for name in NAMES:
        try:
            if name in cifar.FILES:
                _require_here(name)
            infos.append(check(name))
        except DatasetError as error:
            infos.append(_cifar_info(name, None, None, problem=str(error)))
    return infos


def fetch(dataset: str, root: Path | None = None) -> Info:
    """Bring cifar10 or cifar100 into `root` (default the data root), unless it is there: from the place for all machines
    where one is named, else by a download through torchvision."""
    name = canonical(dataset)
    if name not in cifar.FILES:
        raise DatasetError(f"{name} needs no download; fetch {' or '.join(cifar.FILES)}")
    if root is None and shared.source() is not None:
        folder = shared.provide(name, cifar.FILES[name].paths)
    else:
        folder = root or shared.data_root()
        cifar.fetch(name, folder)
    Cifar(name, folder).verify()
    return _cifar_info(name, None, None)


def put(dataset: str, to: str) -> str:
    """Copy cifar10 or cifar100 from the data root to a place for all machines, a folder or s3://BUCKET/PREFIX; a sentence.

    `DatasetError` where it is not here, is not what was published, or the place cannot be written.
    """
    name = canonical(dataset)
    if name == "digits":
        raise DatasetError("digits is part of scikit-learn and so on every node already; put nothing")
    if name not in cifar.FILES:
        kind, _, path = name.partition(":")
        raise DatasetError(
            f"{kind}:PATH is read where it lies; copy {path} to a folder that every node mounts, and search with "
            f"--set dataset={kind}:/THAT/FOLDER"
        )
    root = shared.data_root()
    Cifar(name, root).verify()
    return shared.put(name, cifar.FILES[name].paths, root, to)


def _require_here(name: str) -> None:
    """`DatasetError` where a dataset would be fetched at its first use."""
    place = shared.source()
    if place is not None and not shared.is_here(shared.data_root(), cifar.FILES[name].paths):
        raise DatasetError(f"not in {shared.data_root()} yet; if {place} has it, the first use fetches it")


def _source(name: str, skip_unreadable: bool = False) -> Cifar | Folder | Mnist:
    if name.startswith(mnist.KIND):
        return Mnist(Path(name.removeprefix(mnist.KIND)))
    if name.startswith(FOLDER):
        return Folder(Path(name.removeprefix(FOLDER)), skip_unreadable)
    return Cifar(name, shared.provide(name, cifar.FILES[name].paths))


def _cached_side(name: str, image_size: int | None) -> int | None:
    """The side in the cache's key; CIFAR at its own side is one entry, asked for or not."""
    return image_size or cifar.SIDE if name in cifar.FILES else image_size


def _check_source(name: str, image_size: int | None) -> Info:
    source = _source(name)
    decoded = cache.known(source, _cached_side(name, image_size))
    fingerprint = decoded.fingerprint if decoded else None
    if isinstance(source, Cifar):
        if not decoded:
            source.verify()
        return _cifar_info(name, image_size, fingerprint)
    if isinstance(source, Mnist):
        train_images, test_images = source.sizes()
        return Info(name, train_images, test_images, len(source.classes), 1, image_size or mnist.SIDE, fingerprint)
    return Info(
        name=name,
        train_images=len(source.train),
        test_images=len(source.test),
        classes=len(source.classes),
        channels=3,
        side=image_size or source.side(),
        fingerprint=fingerprint,
    )


def _cifar_info(name: str, image_size: int | None, fingerprint: str | None, problem: str | None = None) -> Info:
    return Info(
        name=name,
        train_images=cifar.TRAIN_IMAGES,
        test_images=cifar.TEST_IMAGES,
        classes=cifar.FILES[name].classes,
        channels=3,
        side=image_size or cifar.SIDE,
        fingerprint=fingerprint,
        problem=problem,
    )


def _check_image_size(image_size: int | None) -> None:
    if image_size is not None and image_size < 1:
        raise DatasetError(f"`image_size` is {image_size}, but must be at least 1; raise it")
