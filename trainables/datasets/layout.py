"""How folders of images are laid out: what splits may be called, what is no image, what operating systems leave there.

One list for `folder:PATH`, which is decoded once, and `imagenet:PATH`, which is streamed.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trainables.config.wording import printable, some
from trainables.datasets.arrays import DatasetError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# What a split may be called, in small letters; the first is what sentences call it.
SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "val": ("val", "valid", "validation"),
}
# Left behind by Windows, macOS, Synology, QNAP, Linux and archivers; names that begin with a dot are hidden everywhere.
_DROPPINGS = {
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini", "zbthumbnail.info", "icon\r"),
    *("@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "lost+found", "__macosx", "__pycache__"),
    *("$recycle.bin", "recycler", "system volume information", "network trash folder", "temporary items"),
}
_DROPPING_ENDS = (":zone.identifier", "@synoeastream", "@synoresource")


def is_dropping(name: str) -> bool:
    """Whether a file or folder of this name is none of the user's: hidden, or left by an operating system."""
    small = name.lower()
    return name.startswith((".", "~$")) or small in _DROPPINGS or small.endswith(_DROPPING_ENDS)


def entries(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    """What lies in a folder, droppings left out, sorted by name."""
    with os.scandir(folder) as found:
        return sorted((entry for entry in found if not is_dropping(entry.name)), key=lambda entry: entry.name)


def split(path: Path, wanted: str) -> str | None:
    """What the folder of a split is called in `path`, whichever way it is written; None where there is none.

    `DatasetError` where several folders could be meant.
    """
    if (path / wanted).is_dir():
        return wanted
    found = [entry.name for entry in entries(path) if entry.name.lower() in SPLITS[wanted] and entry.is_dir()]
    if len(found) > 1:
        raise DatasetError(f"{path} has {some(found)}, any of which could be {wanted}/; rename one of them to {wanted}")
    return found[0] if found else None


def hint(path: Path) -> str:
    """What lies in a folder that has no train/, where that says what is meant."""
    folders = [entry for entry in entries(path) if entry.is_dir()]
    inner = [entry for entry in folders if split(Path(entry.path), "train")]
    if len(inner) == 1:
        return f"; did you mean {printable(inner[0].path)}?"
    with_images = [entry.name for entry in folders if any(is_image(found.name) for found in entries(entry.path))]
    if with_images:
        return f"; it has images in {some(with_images)}: move most of each into train/, the others into test/"
    return ""


def is_image(name: str) -> bool:
    """Whether a file of this name is one of an image."""
    return name.lower().endswith(SUFFIXES)


@dataclass(frozen=True)
class Stranger:
    """Something among the images that is none."""

    path: str
    folder: bool


def strangers(entries: Iterable[os.DirEntry[str]]) -> list[Stranger]:
    """Which of the entries of a class folder are no images by their names."""
    return [
        Stranger(entry.path, is_folder)
        for entry in entries
        if (is_folder := entry.is_dir()) or not is_image(entry.name)
    ]


def require_no(found: list[Stranger]) -> None:
    """`DatasetError` that names all of them at once."""
    if not found:
        return
    suffixes = f"of {' '.join(SUFFIXES)}"
    if len(found) == 1:
        kind = "a folder" if found[0].folder else f"not an image by its name ({suffixes})"
        raise DatasetError(f"{printable(found[0].path)} is {kind}; class folders hold only images: move it elsewhere")
    names = [printable(stranger.path) + (" (a folder)" if stranger.folder else "") for stranger in found]
    raise DatasetError(
        f"{len(found)} are not images by their names ({suffixes}): {some(names)}; class folders hold only images: move "
        "them elsewhere"
    )


def require_names(path: Path, split: str, names: Iterable[str]) -> None:
    """`DatasetError` for class folders whose names nobody can write, or that cannot be told apart everywhere."""
    alike = defaultdict(list)
    for name in sorted(names):
        alike[plain(name)].append(name)
        if name != name.encode(errors="replace").decode():
            raise DatasetError(
                f"the class folder {printable(f'{path}/{split}/{name}')} has a name that is not UTF-8; rename it"
            )
    for same in alike.values():
        if len(same) > 1:
            shown = ", ".join(ascii(name) if unicodedata.normalize("NFC", name) != name else name for name in same)
            raise DatasetError(
                f"{path}/{split} has class folders that differ in capitals or in Unicode form alone ({shown}); rename "
                "them, or move the images of one class into one folder"
            )


def plain(name: str) -> str:
    """A name without what file systems may lose of it: capitals and Unicode form."""
    return unicodedata.normalize("NFC", name).casefold()


def require_same_classes(path: Path, first: tuple[str, set[str]], second: tuple[str, set[str]]) -> None:
    """`DatasetError` where two splits have different classes, each given by its folder's name and its class names."""
    (one, ones), (other, others) = first, second
    if ones == others:
        return
    sides = ((ones - others, one), (others - ones, other))
    differences = [
        f"only in {split}/: {some([_shown(name) for name in sorted(names)])}" for names, split in sides if names
    ]
    same = {plain(name) for name in ones - others} & {plain(name) for name in others - ones}
    alone = "; some differ in capitals or in Unicode form alone" if same else ""
    raise DatasetError(
        f"{one}/ and {other}/ of {path} have different class folders ({'; '.join(differences)}{alone}); make them the same"
    )


def require_no_lost_links(path: Path, split: str) -> None:
    """`DatasetError` for links among the class folders that lead nowhere: their classes would be missed by nobody."""
    lost = [entry.path for entry in entries(path / split) if entry.is_symlink() and not os.path.exists(entry.path)]
    if lost:
        raise DatasetError(f"{some([printable(name) for name in lost])} cannot be followed; repair or remove the link")


def require_no_loose_images(path: Path, split: str) -> None:
    """`DatasetError` for images beside the class folders, which would belong to no class."""
    loose = [entry.name for entry in entries(path / split) if is_image(entry.name) and not entry.is_dir()]
    if loose:
        raise DatasetError(
            f"{path}/{split} has images beside its class folders: {some([printable(name) for name in loose])}; move them "
            "into the folders of their classes"
        )


def _shown(name: str) -> str:
    """A class name as it is, or spelled out where it would look like another."""
    return ascii(name) if unicodedata.normalize("NFC", name) != name or re.search(r"\s$", name) else printable(name)
