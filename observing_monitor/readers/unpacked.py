"""Open packed and plain files, with limits to what they may take.

1 MB of gzip can unpack to 1 GB, and that to 20 GB of rows. So a packed file is unpacked in pieces,
and what its rows will take is counted. The content says how it is packed, not the name.
"""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING, Any

import msgspec

from observing_monitor.readers.plain_files import open_plain

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


# beginning of a file -> its packing
MAGIC = re.compile(
    rb"(?P<gzip>\x1f\x8b)|(?P<bzip2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))|(?P<xz>\xfd7zXZ\0)"
    rb"|(?P<zstd>\x28\xb5\x2f\xfd)"
)
N_MAGIC = 10
PIECE_BYTES = 1 << 18
VALUE_BYTES = 64  # least memory of one value of a row
CSV_SEPARATORS = (b",", b";", b"|", b"\t", b" ")


class Limits(msgspec.Struct, frozen=True):
    """Limits of what a stream's sources read."""

    line_bytes: int = 20_000_000
    record_bytes: int = 60_000_000
    unpacked_bytes: int = 500_000_000


LIMITS = Limits()


class CutError(Exception):
    """A packed file is cut or broken; the text follows its name."""


class TooLargeError(Exception):
    """A packed file holds more than the limit; the text follows its name."""


def csv_values(piece: bytes) -> int:
    """Return how many values a piece of CSV has, at most."""
    return piece.count(b"\n") + max(map(piece.count, CSV_SEPARATORS))


def json_values(piece: bytes) -> int:
    """Return how many values a piece of JSON has, about."""
    return piece.count(b"\n") + sum(map(piece.count, (b",", b"[", b"{")))


def log_values(piece: bytes) -> int:
    """Return how many values the lines of a piece of a log become."""
    return 4 * piece.count(b"\n")


def no_values(piece: bytes) -> int:
    """Return 0: the text is not split into values."""
    return 0


@contextlib.contextmanager
def unpacked(
    path: Path | str,
    roots: Iterable[str | os.PathLike[str]] | None = None,
    limits: Limits = LIMITS,
    *,
    values: Callable[[bytes], int] = no_values,
    too_long: list[int] | None = None,
) -> Iterator[io.BufferedReader]:
    """Open a file in binary, unpacked if it is gzip, bzip2, xz or zstd.

    Parameters
    ----------
    path
        The file.
    roots
        The folders that it may lie in, all links resolved; None allows any.
    limits
        A packed file may hold `unpacked_bytes`; a plain one may have any size.
    values
        Counts the values in a piece of the file: each takes memory of its own.
    too_long
        Gets the numbers of lines that are longer than `line_bytes`: they are read as empty.
        None if the file has no lines.

    Raises
    ------
    OSError
        As `open_plain`, or from the disk.
    CutError, TooLargeError
        While the file is read.
    """
    with (
        open_plain(path, roots) as raw,
        bounded(raw, limits, values=values, too_long=too_long) as file,
    ):
        yield file


@contextlib.contextmanager
def bounded(
    raw: io.BufferedReader,
    limits: Limits = LIMITS,
    *,
    values: Callable[[bytes], int] = no_values,
    too_long: list[int] | None = None,
) -> Iterator[io.BufferedReader]:
    """Open the content of an open file, as `unpacked` does."""
    kind = packing(raw)
    with _opened(kind, raw) if kind else contextlib.nullcontext(raw) as content:
        counted = _Counted(content, kind, limits, values)
        lines = counted if too_long is None else _Lines(counted, limits.line_bytes, too_long)
        yield io.BufferedReader(lines, PIECE_BYTES)


def packing(file: io.BufferedReader) -> str:
    """Return how an open file is packed, such as "gzip", or ""."""
    found = MAGIC.match(file.peek(N_MAGIC))
    return (found and found.lastgroup) or ""


def _opened(kind: str, raw: io.BufferedReader) -> Any:
    if kind == "gzip":
        import gzip

        return gzip.open(raw)
    if kind == "bzip2":
        import bz2

        return bz2.open(raw)
    if kind == "xz":
        import lzma

        return lzma.open(raw)
    import pyarrow

    return pyarrow.CompressedInputStream(raw, "zstd")


class _Counted(io.RawIOBase):
    """The content of a file; of a packed one, up to the limit."""

    def __init__(
        self, file: Any, kind: str, limits: Limits, values: Callable[[bytes], int]
    ) -> None:
        self._file = file
        self._kind = kind
        self._limits = limits
        self._values = values
        self._left = limits.unpacked_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; see `io.RawIOBase`."""
        data = self.piece(min(len(buffer), PIECE_BYTES))
        buffer[: len(data)] = data
        return len(data)

    def piece(self, most: int) -> bytes:
        """Return up to `most` bytes; none at the end."""
        if not self._kind:
            data: bytes = self._file.read1(most)
            return data
        try:
            data = self._file.read1(most)
        except Exception as error:
            if not is_damage(error):
                raise
            raise CutError(f"its {self._kind} is cut or broken ({error})") from error
        self._left -= len(data) + VALUE_BYTES * self._values(data)
        if self._left < 0:
            words = f"its {self._kind} holds more than {self._limits.unpacked_bytes:,} bytes"
            raise TooLargeError(f"{words}, with memory for its values; see max_unpacked_bytes")
        return data


def is_damage(error: Exception) -> bool:
    """True if an error says that packed data are cut or broken.

    Unpackers raise an OSError without a number, EOFError or errors of their own.
    """
    import lzma
    import zlib

    if isinstance(error, OSError):
        return error.errno is None
    return isinstance(error, EOFError | zlib.error | lzma.LZMAError)


class _Lines(io.RawIOBase):
    """A file without the lines that are too long; their line breaks stay."""

    def __init__(self, file: _Counted, most: int, too_long: list[int]) -> None:
        self._file = file
        self._most = most
        self._too_long = too_long
        self._pattern = re.compile(rb"[^\r\n]{%d,}" % (most + 1))
        self._number = 1  # of the line that `_part` begins
        self._part = bytearray()  # a line that has not ended yet
        self._is_skipping = False
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; see `io.RawIOBase`."""
        while not self._ready:
            piece = self._file.piece(PIECE_BYTES)
            self._ready = memoryview(self._whole_lines(piece) if piece else self._last())
            if not piece and not self._ready:
                return 0
        n_bytes = min(len(buffer), len(self._ready))
        buffer[:n_bytes] = self._ready[:n_bytes]
        self._ready = self._ready[n_bytes:]
        return n_bytes

    def _whole_lines(self, piece: bytes) -> bytes:
        """Return the lines that end in a piece; keep the rest for later."""
        if self._is_skipping:
            start = min((at for end in (b"\n", b"\r") if (at := piece.find(end)) >= 0), default=-1)
            if start < 0:
                return b""
            piece, self._is_skipping = piece[start:], False
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
        if not end:
            self._part += piece
            if len(self._part) > self._most:
                self._leave_out()
            return b""
        lines = bytes(self._part) + piece[:end]
        self._part = bytearray(piece[end:])
        lines = self._checked(lines) if len(lines) > self._most else lines
        self._number += lines.count(b"\n")
        if len(self._part) > self._most:
            self._leave_out()
        return lines

    def _leave_out(self) -> None:
        self._too_long.append(self._number)
        self._part.clear()
        self._is_skipping = True

    def _checked(self, lines: bytes) -> bytes:
        """Return lines with empty ones for those that are too long."""
        for found in self._pattern.finditer(lines):
            self._too_long.append(self._number + lines.count(b"\n", 0, found.start()))
        return self._pattern.sub(b"", lines)

    def _last(self) -> bytes:
        """Return the last line, which has no line break."""
        lines, self._part = bytes(self._part), bytearray()
        return lines
