"""A log is read however it was written: encodings, line ends, compression."""

import bz2
import codecs
import gzip
import lzma

import pytest

from tuner.networks import log_text

TEXT = "Epoch: 1, Validation Top 1 acc: 16.77\nStraße: ende\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        TEXT.encode("latin-1"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r\n").encode("utf-16"),
        TEXT.replace("\n", "\r").encode(),
        gzip.compress(TEXT.encode(), mtime=0),
        bz2.compress(TEXT.encode("utf-16")),
        lzma.compress(TEXT.encode()),
    ],
)
def test_the_text_is_the_same_however_it_was_written(tmp_path, content):
    (tmp_path / "a.log").write_bytes(content)
    assert log_text.read(tmp_path / "a.log") == TEXT


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (codecs.BOM_UTF16_LE, "it is empty"),
        (b" \r\n", "it is empty"),
        (gzip.compress(b"", mtime=0), "it is empty"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-9], "it is compressed, but cut off or damaged"),
        (b"\x1f\x8bno gzip", "it is compressed, but cut off or damaged"),
    ],
)
def test_an_empty_or_damaged_log_is_one_sentence(tmp_path, tuner, content, said):
    (tmp_path / "a.log").write_bytes(content)
    code, _, error = tuner("import-log", tmp_path / "a.log", "--storage", tmp_path / "store")
    assert (code, error.count("\n")) == (2, 1)
    assert said in error
    assert not (tmp_path / "store").exists()
