"""The text of somebody's log, however it was written: compressed, in UTF-16 as PowerShell redirects, in Latin-1."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from pathlib import Path

_COMPRESSED = ((b"\x1f\x8b", gzip.decompress), (b"BZh", bz2.decompress), (b"\xfd7zXZ", lzma.decompress))
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOKED_AT = 4096  # bytes, to tell UTF-16 without a mark: every second one of English text is zero


def read(path: Path) -> str:
    """The whole text, its lines ended by a line feed whatever ended them.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty, or a compressed file that is cut off or damaged.
    """
    content = path.read_bytes()
    for beginning, decompress in _COMPRESSED:
        if content.startswith(beginning):
            try:
                content = decompress(content)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
                raise ValueError("it is compressed, but cut off or damaged; compress it again") from None
    text = decoded(content)
    if not text.strip():
        raise ValueError("it is empty")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decoded(content: bytes) -> str:
    """Bytes as text: by their mark, as UTF-16 by its zeros, as UTF-8, or else as Latin-1, which takes any byte."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    head = content[:_LOOKED_AT]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = head[first::2]
        if len(zeros) > 1 and zeros.count(0) > 0.8 * len(zeros):
            return content.decode(encoding, errors="replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
