"""Anyone's file as weights: data beside them is read, code never, and what is no checkpoint is told by its first bytes."""

import argparse
import collections
import gzip
import io
import pathlib
import sys
import tarfile
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save as safetensors

from trainables.models.foreign import files as foreign_files

WEIGHTS = {"0.weight": torch.arange(6.0).reshape(2, 3)}
TORCHS_ADVICE = ("weights_only", "arbitrary code", "add_safe_globals", "trust", "options")


def refusal(path):
    with pytest.raises(ValueError, match="cannot be read as tensors and plain containers") as caught:
        foreign_files.read(path)
    sentence = str(caught.value)
    assert sentence.count("\n") == 0
    assert sentence.isprintable()
    assert not [word for word in TORCHS_ADVICE if word in sentence]
    return sentence


@pytest.mark.parametrize(
    "beside",
    [
        argparse.Namespace(lr=0.1, sizes=[1, 2], where=pathlib.Path("runs") / "1"),
        SimpleNamespace(lr=0.1),
        np.float64(69.7),
        np.float32(1.5),
        np.int64(3),
        np.bool_(True),
        np.arange(3),
        np.random.RandomState(0).get_state(),
        collections.OrderedDict(a=1),
        collections.defaultdict(list, a=[1]),
        collections.Counter("aab"),
        collections.deque([1, 2]),
        pathlib.Path("checkpoints/last.pth"),
        {1, 2},
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_training_scripts_keep_beside_the_weights_is_read(tmp_path, beside, zipped):
    path = tmp_path / "a.pth.tar"
    torch.save({"state_dict": WEIGHTS, "beside": beside}, path, _use_new_zipfile_serialization=zipped)
    found = foreign_files.read(path)
    assert torch.equal(found["state_dict"]["0.weight"], WEIGHTS["0.weight"])
    assert found.keys() == {"state_dict", "beside"}


def test_settings_of_other_libraries_are_plain_values(tmp_path, monkeypatch):
    class CfgNode(dict):
        def __init__(self):
            super().__init__(lr=0.1)
            self.frozen = True

    CfgNode.__module__, CfgNode.__qualname__ = "yacs.config", "CfgNode"
    monkeypatch.setitem(sys.modules, "yacs", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "yacs.config", SimpleNamespace(CfgNode=CfgNode))
    torch.save({"state_dict": WEIGHTS, "cfg": CfgNode()}, tmp_path / "a.pth")
    monkeypatch.undo()
    assert foreign_files.read(tmp_path / "a.pth")["cfg"]["lr"] == 0.1


def test_a_scalar_of_objects_is_no_number(tmp_path):
    torch.save({"a": np.array([print], dtype=object)}, tmp_path / "a.pth")
    refusal(tmp_path / "a.pth")


def test_code_is_named_and_not_run(tmp_path, capsys):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    for zipped in (True, False):
        torch.save({"a": Evil()}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        assert "it holds print, which is not data but code of a program" in refusal(tmp_path / "a.pth")
    torch.save({"model": torch.nn.Linear(2, 2)}, tmp_path / "model.pth")
    assert "it holds torch.nn.modules.linear.Linear, which is not data" in refusal(tmp_path / "model.pth")
    assert capsys.readouterr().out == ""


def image():
    held = io.BytesIO()
    Image.new("RGB", (4, 4)).save(held, "PNG")
    return held.getvalue()


def tar():
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.pth"))
    return held.getvalue()


def archive(name="a.txt"):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        made.writestr(name, "text")
    return held.getvalue()


def saved(**options):
    held = io.BytesIO()
    torch.save(WEIGHTS, held, **options)
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 46830571\n", "run `git lfs pull`"),
        (b"<!DOCTYPE html><html><body>Not Found</body></html>", "it is a web page"),
        (b"\xef\xbb\xbf\n <HTML>\n", "it is a web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "it is a web page"),
        (b'{"message": "Not Found"}', "it is text"),
        ("Zugriff verweigert: für alle\n".encode(), "it is text"),
        (tar(), "it is a tar archive"),
        (gzip.compress(saved(), mtime=0), "it is compressed by gzip"),
        (image(), "it is an image"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "it is an HDF5 file"),
        (b"\x93NUMPY\x01\x00", "it is a NumPy array"),
        (bytes(5000), "it begins with zeros"),
        (archive(), "it is a ZIP archive that torch.save did not write"),
        (archive("model/constants.pkl"), "it is a TorchScript program"),
        (saved()[:-100], "it is cut off or damaged"),
        (saved(_use_new_zipfile_serialization=False)[:-20], "it is damaged, or torch.save did not write it"),
        (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94.", "it is pickled by another protocol"),
        (b"\x80\x02}q\x00.", "it is a pickle that torch.save did not write"),
        (safetensors(WEIGHTS)[:60], "it is cut off or damaged"),
        (np.random.RandomState(0).bytes(3000), "it is damaged, or torch.save did not write it"),
    ],
)
def test_what_is_no_checkpoint_is_told_by_its_bytes(tmp_path, content, said):
    for name in ("weights.pth", "weights.safetensors"):
        (tmp_path / name).write_bytes(content)
        sentence = refusal(tmp_path / name)
        assert said in sentence or name.endswith(".safetensors")


def test_safetensors_are_known_without_their_suffix(tmp_path):
    (tmp_path / "model.bin").write_bytes(safetensors(WEIGHTS))
    assert torch.equal(foreign_files.read(tmp_path / "model.bin")["state_dict"]["0.weight"], WEIGHTS["0.weight"])


def test_folders_missing_files_and_other_things_are_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="is a folder; give the file of a checkpoint"):
        foreign_files.read(tmp_path)
    with pytest.raises(ValueError, match="there is no checkpoint"):
        foreign_files.read(tmp_path / "a.pth")
    torch.save(torch.zeros(2), tmp_path / "tensor.pth")
    with pytest.raises(ValueError, match="holds a Tensor, but a checkpoint is a dictionary"):
        foreign_files.read(tmp_path / "tensor.pth")
