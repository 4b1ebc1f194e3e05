"""Read keywords of FITS headers, and nothing else.

A header is a sequence of cards of 80 bytes in blocks of 2880 bytes, and ends with END. Only wanted
keywords are parsed. The header of an extension is read only if needed keywords are missing so far:
then the data before it are skipped.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import re
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model.messages import os_error_text
from observing_monitor.readers.bounded import Limits
from observing_monitor.readers.compressed import decompressed, kind_of_file
from observing_monitor.readers.plain_files import open_plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader

Value = str | float | bool | int
Answer = tuple[dict[str, Value], str]  # keyword -> value, and why it could not be read

BLOCK = 2880
CARD = 80
MAX_BLOCKS = 1000  # of one header: 36,000 cards
MAX_HEADERS = 40  # of one file
MAX_TEXT = 1000  # characters of a value
# the same for a packed file, whose data have to be unpacked to get past them
MAX_UNPACKED = 100_000_000
MEMORY_BYTES = 1_000_000_000
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[ED][+-]?\d+)?|[+-]?(?:NAN|INF)", re.ASCII)
_SHAPE = ("BITPIX", "NAXIS", "PCOUNT", "GCOUNT")
_END, _CONTINUE, _HIERARCH = b"END     ", b"CONTINUE", b"HIERARCH"


class HeaderError(SourceError):
    """A header that cannot be read."""


def read_header(path: str, wanted: Sequence[str], needed: Sequence[Sequence[str]]) -> Answer:
    """Return the wanted keywords of a file, and its fault or "".

    Parameters
    ----------
    path : str
        A FITS file, plain or packed.
    wanted : sequence of str
        Keywords in capitals, such as `OBJECT` or, of the ESO kind, `ESO DPR TYPE`.
    needed : sequence of sequences of str
        Extensions are read until one keyword of each group is known.
    """
    found: dict[str, Value] = {}
    try:
        with open_plain(path) as raw:
            packed = bool(kind_of_file(raw))
            limits = Limits(unpacked_bytes=MAX_UNPACKED)
            with decompressed(raw, path, limits) as content:
                _read_headers(content if packed else raw, packed, wanted, needed, found)
    except OSError as error:
        return {}, os_error_text(error)
    except (HeaderError, SourceError) as error:
        # what the first header has is known, though its data may be damaged
        return (found, "") if found else ({}, str(error).removeprefix(f"{path}: "))
    except MemoryError:
        return {}, "reading it needs too much memory"
    return found, ""


def read_header_in_process(
    path: str, wanted: Sequence[str], needed: Sequence[Sequence[str]]
) -> Answer:
    """Return `read_header`, in a process that has little memory."""
    _limit_memory()
    return read_header(path, wanted, needed)


@functools.cache
def _limit_memory() -> None:
    """Limit the memory of this process, once."""
    import resource

    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_BYTES, hard))


def _read_headers(
    file: BufferedReader,
    is_packed: bool,
    wanted: Sequence[str],
    needed: Sequence[Sequence[str]],
    found: dict[str, Value],
) -> None:
    """Add the keywords of a file's headers to `found`."""
    short = {word.ljust(8).encode(): word for word in wanted if len(word) <= 8 and " " not in word}
    long = {word for word in wanted if len(word) > 8 or " " in word}
    size = None if is_packed else os.fstat(file.fileno()).st_size
    for number in range(MAX_HEADERS):
        header = _header(file, is_first=number == 0)
        if header is None:
            return
        cards, shape = _cards(header, short, long), _shape(header)
        for keyword, value in cards.items():
            found.setdefault(keyword, value)
        if all(any(word in found for word in group) for group in needed):
            return
        n_bytes = _data_bytes(shape)
        if not _is_skipped(file, n_bytes, size):
            return


def _header(file: BufferedReader, is_first: bool) -> bytes | None:
    """Return the cards before END, or None."""
    block = file.read(BLOCK)
    if not block.startswith(b"SIMPLE  =" if is_first else b"XTENSION="):
        if is_first:
            raise HeaderError("it is no FITS file" if block else "it is empty")
        return None
    blocks = [block]
    while (end := _end(blocks[-1])) < 0:
        if len(blocks[-1]) < BLOCK or len(blocks) == MAX_BLOCKS:
            if not is_first:
                return None
            why = "it is cut" if len(blocks) < MAX_BLOCKS else "it is damaged"
            raise HeaderError(f"its header has no END: {why}")
        blocks.append(file.read(BLOCK))
    blocks[-1] = blocks[-1][:end]
    return b"".join(blocks)


def _end(block: bytes) -> int:
    """Return where the card END begins in a block, or -1."""
    at = block.find(_END)
    while at >= 0 and (at % CARD or block[at + 8 : at + CARD].strip()):
        at = block.find(_END, at + 1)
    return at


def _cards(header: bytes, short: dict[bytes, str], long: set[str]) -> dict[str, Value]:
    """Return the wanted keywords; the first card counts."""
    found: dict[str, Value] = {}
    for at in range(0, len(header), CARD):
        name = header[at : at + 8]
        if name in short:
            keyword = short[name]
            if header[at + 8 : at + 9] != b"=":
                continue
            start = at + 9
        elif name == _HIERARCH and long:
            text, equals, _ = header[at + 8 : at + CARD].partition(b"=")
            keyword = " ".join(text.decode("ascii", "replace").upper().split())
            if not equals or keyword not in long:
                continue
            start = at + 8 + len(text) + 1
        else:
            continue
        if keyword not in found:
            value = _value(_text(header, start, at + CARD))
            if value is not None:
                found[keyword] = value
    return found


def _text(header: bytes, start: int, end: int) -> str:
    """Return the text of a card after its "="."""
    text = header[start:end].decode("ascii", "replace")
    if "&" not in text:
        return text
    while header[end : end + 8] == _CONTINUE and len(text) < MAX_TEXT:
        head, mark, _ = text.rpartition("&'")
        more = header[end + 8 : end + CARD].decode("ascii", "replace").strip()
        if not mark or not more.startswith("'"):
            break
        text, end = head + more[1:], end + CARD
    return text


def _value(text: str) -> Value | None:
    """Return the value in the text of a card; None if it has none."""
    text = text.strip()
    if text.startswith("'"):
        found = re.match(r"'((?:[^']|'')*)", text)
        words = found[1].replace("''", "'").strip() if found else ""
        words = "".join(
            letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words
        )
        return words[:MAX_TEXT] or None
    word = text.partition("/")[0].strip()
    if word in ("T", "F"):
        return word == "T"
    if _NUMBER.fullmatch(word.upper()):
        number = float(word.upper().replace("D", "E"))
        if not math.isfinite(number):
            return None
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    words = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in word
    )
    return words[:MAX_TEXT] or None


def _shape(header: bytes) -> dict[str, Value]:
    """Return the keywords that tell how large the data are."""
    words = {word.ljust(8).encode(): word for word in _SHAPE}
    shape = _cards(header, words, set())
    n_axes = shape.get("NAXIS", 0)
    if isinstance(n_axes, int) and 0 < n_axes < 1000:
        axes = [f"NAXIS{number}" for number in range(1, n_axes + 1)]
        shape |= _cards(header, {word.ljust(8).encode(): word for word in axes}, set())
    return shape


def _data_bytes(shape: dict[str, Value]) -> int:
    """Return the size of the data after a header, or -1."""
    numbers = {word: value for word, value in shape.items() if type(value) is int}
    n_axes = numbers.get("NAXIS", -1)
    axes = [numbers.get(f"NAXIS{number}", -1) for number in range(1, n_axes + 1)]
    if n_axes < 0 or min(axes, default=0) < 0:
        return -1
    n_values = math.prod(axes) if axes else 0
    n_groups, n_more = numbers.get("GCOUNT", 1), numbers.get("PCOUNT", 0)
    n_bytes = abs(numbers.get("BITPIX", 8)) // 8 * n_groups * (n_more + n_values)
    if not axes:
        n_bytes = 0
    return -1 if n_bytes < 0 else -(-n_bytes // BLOCK) * BLOCK


def _is_skipped(file: BufferedReader, n_bytes: int, size: int | None) -> bool:
    """True if the file goes on after the bytes skipped."""
    if n_bytes < 0:
        return False
    if size is not None:
        there = file.tell() + n_bytes
        if there >= size:
            return False
        file.seek(there)
        return True
    if n_bytes > MAX_UNPACKED:
        return False
    while n_bytes > 0:
        piece = file.read1(min(n_bytes, 1 << 18))
        if not piece:
            return False
        n_bytes -= len(piece)
    return True
