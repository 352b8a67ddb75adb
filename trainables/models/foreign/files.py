"""A file that somebody gives as weights, read as tensors and plain containers; what is none of that, told by its bytes.

Nothing in a file is ever run: pickled names come from a list of data classes, and a name that is not on it is told.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import json
import pathlib
import re
import types
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

SAVE_ALONE = "save the model's state_dict() alone"
_DOWNLOAD = "download the file itself"
_UNPACK = "unpack it first"
_AGAIN = "copy or download it again"
# What a file begins with that is no checkpoint -> what it is, and what to do.
_BEGINNINGS = (
    (b"version https://git-lfs", "it is a pointer of Git LFS, not the file it stands for", "run `git lfs pull`"),
    (b"\x1f\x8b", "it is compressed by gzip", _UNPACK),
    (b"BZh", "it is compressed by bzip2", _UNPACK),
    (b"\xfd7zXZ", "it is compressed by xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "it is compressed by zstd", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "it is an archive of 7-Zip", _UNPACK),
    (b"Rar!", "it is a RAR archive", _UNPACK),
    (b"\x89HDF", "it is an HDF5 file, as Keras writes them", "convert it to a state dictionary"),
    (b"\x93NUMPY", "it is a NumPy array", "save a state dictionary with torch.save"),
    (b"\x89PNG", "it is an image", "give the checkpoint first, then the images"),
    (b"\xff\xd8\xff", "it is an image", "give the checkpoint first, then the images"),
    (b"GIF8", "it is an image", "give the checkpoint first, then the images"),
    (b"%PDF", "it is a PDF document", _DOWNLOAD),
    (b"SQLite format 3", "it is an SQLite database", "give the file of a checkpoint"),
)
_TAR_MARK = slice(257, 262)
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<script")
_HEAD = 1024  # bytes that are looked at


class _Settings:
    """In the place of another library's dictionary or record: a plain dictionary of what was in it."""

    def __new__(cls, *_: Any) -> Any:
        return collections.OrderedDict()


def _dictionary(*_: Any) -> dict[Any, Any]:
    """In the place of a `defaultdict`."""
    return {}


def _list(*_: Any) -> list[Any]:
    """In the place of a `deque`."""
    return []


def _scalar(dtype: Any, data: bytes = b"") -> Any:
    """A NumPy number; never an object, which could be anything."""
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise ValueError("a NumPy scalar that is no number")
    return np.frombuffer(data, dtype=dtype, count=1)[0]


def _reconstruct(kind: Any, shape: Any, code: Any) -> Any:
    """An empty NumPy array, which its state then fills."""
    if kind is not np.ndarray:
        raise ValueError("an array of another class than NumPy's")
    return np.ndarray((0,), dtype="b")


# Arguments and settings that published training scripts keep beside the weights, as plain values.
_SETTINGS = (
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "yacs.config.CfgNode",
    "fvcore.common.config.CfgNode",
    "easydict.EasyDict",
    "addict.addict.Dict",
    "munch.Munch",
    "ml_collections.config_dict.config_dict.ConfigDict",
    "mmcv.utils.config.ConfigDict",
    "mmengine.config.config.ConfigDict",
    "__main__.AverageMeter",
    "utils.AverageMeter",
)
_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")


def _allowed() -> list[Any]:
    """The names that may stand in a pickle beside torch's own: data without behaviour."""
    numpy_types = (getattr(np.dtypes, name) for name in np.dtypes.__all__)
    return [
        *(np.dtype, np.ndarray, *(kind for kind in numpy_types if kind is not np.dtypes.ObjectDType)),
        *((_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
        *((_reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
        *(argparse.Namespace, types.SimpleNamespace, frozenset, slice),
        *(list, dict, int, float, str),  # what a `defaultdict` begins its values with
        (_dictionary, "collections.defaultdict"),
        (_list, "collections.deque"),
        *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone),
        *((pathlib.PurePosixPath, f"{module}.{name}") for module in ("pathlib", "pathlib._local") for name in _PATHS),
        *((_Settings, name) for name in _SETTINGS),
    ]


def read(path: Path) -> dict[str, Any]:
    """What a file holds, ours or not, as tensors and plain containers.

    Read are files of `torch.save` of any age and safetensors, whatever they are called.

    Raises:
        ValueError: no such file, or one that holds something else; one sentence that says what it is.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the file of a checkpoint or of a state dictionary")
    if not path.is_file():
        raise ValueError(f"there is no checkpoint {path}; give the file of a checkpoint or of a state dictionary")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); give a file that you may read") from error
    if is_safetensors(head) or path.suffix == ".safetensors":
        return _safetensors(path, head)
    if found := what_it_is(head):
        raise _unreadable(path, *found)
    try:
        with torch.serialization.safe_globals(_allowed()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: the sentence below says it
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader raises nearly anything at a damaged file, pickle's at one with code
        raise _unreadable(path, *explained(path, head, error)) from error
    if not isinstance(state, dict):
        raise ValueError(
            f"{path} holds a {type(state).__name__}, but a checkpoint is a dictionary; {SAVE_ALONE} with torch.save"
        )
    return state


def is_safetensors(head: bytes) -> bool:
    """Whether a file that begins so is one of safetensors: the length of a JSON header, then the header."""
    return len(head) > 9 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 2**32


def what_it_is(head: bytes) -> tuple[str, str] | None:
    """What a file that begins so is, and what to do, where it is no checkpoint."""
    if not head:
        return "it is empty", _AGAIN
    for beginning, what, remedy in _BEGINNINGS:
        if head.startswith(beginning):
            return what, remedy
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "it is an image", "give the checkpoint first, then the images"
    if head[_TAR_MARK] == b"ustar":
        return "it is a tar archive", "unpack it, or save the state_dict() again with a PyTorch of version 0.4 or later"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_PAGES):
        return "it is a web page, as a download that was refused leaves it", _DOWNLOAD
    if not head.strip(b"\0"):
        return "it begins with zeros, as a download that broke off leaves it", _DOWNLOAD
    if _is_text(head):
        return "it is text", "give the file of a checkpoint or of a state dictionary"
    return None


def explained(path: Path, head: bytes, error: Exception) -> tuple[str, str]:
    """Why torch's reader failed, in words of our own: its own go on for paragraphs and advise to load unsafely."""
    text = str(error)
    if named := re.search(r"GLOBAL ([\w.]+)", text):
        return f"it holds {named[1]}, which is not data but code of a program", SAVE_ALONE
    if "Unsupported operand" in text and head.startswith((b"\x80", b"PK")):
        return "it is pickled by another protocol than torch.save's own", f"{SAVE_ALONE} with torch.save"
    if head.startswith(b"PK"):
        return _of_archive(path)
    if "magic number" in text:
        return "it is a pickle that torch.save did not write", f"{SAVE_ALONE} with torch.save"
    return "it is damaged, or torch.save did not write it", f"copy it again, or {SAVE_ALONE}"


def _of_archive(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.rpartition("/")[2] for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError):
        return "it is cut off or damaged", _AGAIN
    if "constants.pkl" in names:
        return "it is a TorchScript program", SAVE_ALONE
    if "data.pkl" not in names:
        return "it is a ZIP archive that torch.save did not write", _UNPACK
    return "it is damaged", _AGAIN


def _unreadable(path: Path, what: str, remedy: str) -> ValueError:
    return ValueError(f"{path} cannot be read as tensors and plain containers ({what}); {remedy}")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a letter may be cut at the end of what was read
            return False
        text = head[: error.start].decode()
    return all(letter.isprintable() or letter in "\t\r\n\f" for letter in text)


def _safetensors(path: Path, head: bytes) -> dict[str, Any]:
    """The tensors under `state_dict`; of exported weights also `family` and `config`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state: dict[str, Any] = {"state_dict": {name: file.get_tensor(name) for name in file.keys()}}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        what, remedy = what_it_is(head) or ("it is cut off or damaged", _AGAIN)
        raise _unreadable(path, what, remedy) from error
    if metadata.keys() >= {"family", "config"}:
        try:
            state |= {"family": metadata["family"], "config": json.loads(metadata["config"])}
        except json.JSONDecodeError as error:
            raise _unreadable(path, "the configuration in it is no JSON", "export the weights again") from error
    return state
