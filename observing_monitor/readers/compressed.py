"""Read files compressed by gzip, xz, bzip2 or Zstandard.

The content decides, not the name, since logs are renamed when they are rotated.
"""

from __future__ import annotations

import contextlib
import io
import re
import zlib
from typing import TYPE_CHECKING, cast

from observing_monitor.errors import SourceError

if TYPE_CHECKING:
    import bz2
    import gzip
    import lzma
    from collections.abc import Iterator
    from io import BufferedReader, RawIOBase

    Content = BufferedReader | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile


# first bytes of a file -> how it is compressed
MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
}
WRITE_WHOLE = "write it beside and rename it when it is whole"
WITHOUT_ZSTD = (
    "is compressed with zstd, which this pyarrow was built without; install pyarrow from PyPI, or "
    "write the file as .gz"
)
LONGEST = max(map(len, MAGIC))
ENDING = re.compile(r"\.(?:gz|xz|bz2|zst)$", re.IGNORECASE)


@contextlib.contextmanager
def decompressed(raw: BufferedReader, path: object) -> Iterator[Content]:
    """Yield the content of an open file, decompressed.

    That is the file itself if it is plain.

    Parameters
    ----------
    raw
        A file at its beginning.
    path
        Its path, for messages.

    Raises
    ------
    SourceError
        If it is cut or broken, which may show at any reading, or can't be decompressed here.
    """
    kind = kind_of_file(raw)
    try:
        with _reader(raw, kind, path) if kind else contextlib.nullcontext(raw) as data:
            yield data
    except Exception as error:
        if kind and is_damage(error):
            words = f"its {kind} is cut or broken ({error}); {WRITE_WHOLE}"
            raise SourceError(f"{path}: {words}") from error
        raise


def kind_of_file(raw: BufferedReader) -> str:
    """Return how an open file is compressed, or ""."""
    start = raw.read(LONGEST)
    raw.seek(0)
    return next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "")


def _reader(raw: BufferedReader, kind: str, path: object) -> Content:
    if kind == "gzip":
        import gzip

        return gzip.open(raw)
    if kind == "xz":
        import lzma

        return lzma.open(raw)
    if kind == "bzip2":
        import bz2

        return bz2.open(raw)
    return _zstd(raw, path)


def _zstd(raw: BufferedReader, path: object) -> Content:
    """Return a reader of Zstandard, which most builds of Arrow have."""
    import pyarrow as pa

    if not pa.Codec.is_available("zstd"):
        raise SourceError(f"{path}: {WITHOUT_ZSTD}")
    return io.BufferedReader(cast("RawIOBase", pa.input_stream(raw, compression="zstd")))


def is_damage(error: BaseException) -> bool:
    """True for errors about compressed data.

    Decompressors raise an OSError without a number, others EOFError or errors of their own.
    """
    if isinstance(error, OSError):
        return error.errno is None
    return isinstance(error, EOFError | zlib.error) or type(error).__name__ == "LZMAError"


def without_ending(name: str) -> str:
    """Return a name without `.gz` and the like."""
    return ENDING.sub("", name)
