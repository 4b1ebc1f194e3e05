"""Read files compressed by gzip, xz, bzip2 or Zstandard.

The content decides, not the name, since logs are renamed when they are rotated.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.readers.bounded import LIMITS, CutError, Limits, bounded, no_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedReader
    from typing import Any


# first bytes of a compressed file
MAGIC = re.compile(
    rb"(?P<gzip>\x1f\x8b)|(?P<xz>\xfd7zXZ\0)|(?P<zstd>\x28\xb5\x2f\xfd)"
    rb"|(?P<bzip2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))"
)
WRITE_WHOLE = "write it beside and rename it when it is whole"
WITHOUT_ZSTD = (
    "is compressed with zstd, which this pyarrow was built without; install pyarrow from PyPI, or "
    "write the file as .gz"
)
LONGEST = 10
ENDING = re.compile(r"\.(?:gz|xz|bz2|zst)$", re.IGNORECASE)


@contextlib.contextmanager
def decompressed(
    raw: BufferedReader,
    path: object,
    limits: Limits = LIMITS,
    *,
    values: Callable[[bytes], int] = no_values,
    too_long: list[int] | None = None,
    is_whole: bool = False,
) -> Iterator[BufferedReader]:
    """Yield the content of an open file, decompressed.

    That is the file's own content if it is plain.

    Parameters
    ----------
    raw
        A file at its beginning.
    path
        Its path, for messages.
    limits, values, too_long
        As for `bounded`.
    is_whole
        True if a plain file has a limit, too, because it is read as one value.

    Raises
    ------
    SourceError
        If it can't be decompressed here.
    CutError
        If it is cut or broken, which may show at any reading.
    TooLargeError
        If it holds more than the limit, which shows while it is read.
    """
    kind = kind_of_file(raw)
    where = f"{path}: its {kind}" if kind else ""
    try:
        with _reader(raw, kind, path) if kind else contextlib.nullcontext(raw) as data:
            limited = where or (f"{path}: it" if is_whole else "")
            yield bounded(data, limited, limits, values=values, too_long=too_long)
    except Exception as error:
        if kind and is_damage(error):
            raise CutError(f"{where} is cut or broken ({error}); {WRITE_WHOLE}") from error
        raise


def kind_of_file(raw: BufferedReader) -> str:
    """Return how an open file is compressed, or ""; it stays where it is."""
    found = MAGIC.match(raw.peek(LONGEST))
    return (found and found.lastgroup) or ""


def _reader(raw: BufferedReader, kind: str, path: object) -> Any:
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


def _zstd(raw: BufferedReader, path: object) -> Any:
    """Return a reader of Zstandard, which most builds of Arrow have."""
    import pyarrow as pa

    if not pa.Codec.is_available("zstd"):
        raise SourceError(f"{path}: {WITHOUT_ZSTD}")
    return pa.CompressedInputStream(raw, "zstd")


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
