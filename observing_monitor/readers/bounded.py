"""Limits of lines, of decompressed files and of JSON.

1 MB of gzip can hold 1 GB, and that become 20 GB of rows. So a compressed file is read in pieces,
and what its rows will take is counted. So is a JSON file, which is one value.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import msgspec

from observing_monitor.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO


PIECE_BYTES = 1 << 18
VALUE_BYTES = 64  # least memory of one value of a row
CSV_SEPARATORS = (b",", b";", b"|", b"\t", b" ")


class Limits(msgspec.Struct, frozen=True):
    """Limits of what a stream's sources read."""

    line_bytes: int = 20_000_000
    record_bytes: int = 60_000_000
    unpacked_bytes: int = 500_000_000


LIMITS = Limits()


class CutError(SourceError):
    """A compressed file is cut or broken."""


class TooLargeError(SourceError):
    """A compressed or JSON file holds more than the limit."""


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


def bounded(
    content: IO[bytes],
    where: str,
    limits: Limits = LIMITS,
    *,
    values: Callable[[bytes], int] = no_values,
    too_long: list[int] | None = None,
) -> io.BufferedReader:
    """Return the content of a file, with limits.

    Parameters
    ----------
    content
        An open file, or its reader if it is compressed.
    where
        The beginning of messages about a file with a limit; "" for one of plain lines, which
        may have any size.
    limits
        A file with a limit may hold `unpacked_bytes`.
    values
        Counts the values in a piece of the file: each takes memory of its own.
    too_long
        Gets the numbers of lines that are longer than `line_bytes`: they are read as empty.
        None if the file has no lines.

    Raises
    ------
    TooLargeError
        While the file is read.
    """
    counted = _Counted(content, where, limits, values)
    lines = counted if too_long is None else _Lines(counted, limits.line_bytes, too_long)
    return io.BufferedReader(lines, PIECE_BYTES)


def read_json_bytes(file: IO[bytes], path: object, limits: Limits = LIMITS) -> bytes:
    """Return all of an open JSON file.

    Raises TooLargeError if it holds more than `unpacked_bytes`.
    """
    return bounded(file, f"{path}: it", limits, values=json_values).read()


class _Counted(io.RawIOBase):
    """The content of a file, up to its limit if it has one."""

    def __init__(
        self, file: Any, where: str, limits: Limits, values: Callable[[bytes], int]
    ) -> None:
        self._file = file
        self._where = where
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
        data: bytes = self._file.read1(most)
        if not self._where:
            return data
        self._left -= len(data) + VALUE_BYTES * self._values(data)
        if self._left < 0:
            words = f"holds more than {self._limits.unpacked_bytes:,} bytes"
            remedy = "if that is right, raise max_unpacked_bytes"
            raise TooLargeError(f"{self._where} {words}, with memory for its values; {remedy}")
        return data


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
