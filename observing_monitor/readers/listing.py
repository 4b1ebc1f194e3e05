"""Columns of files with their `stat` numbers."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import struct
from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from pandas import Series


# stands for null among a listing's numbers; pandas takes it for NaT
ABSENT = -(2**63)
LARGEST = 2**63 - 1
# a byte as `shown` writes it; a name may contain these very letters
_SHOWN_BYTE = re.compile(r"\\x[89a-f][0-9a-f]")
# a file's numbers as bytes: takes a third of the time of `array.extend`
packed = struct.Struct("@8q").pack


class Entry(NamedTuple):
    """One file of a tree.

    For a symlink, size, mtime, device and inode are those of its target.

    Attributes
    ----------
    path
        Below the root, with "/". Bytes that are not UTF-8 are lone surrogates, as in
        `os.fsdecode`.
    size
        In bytes; -1 for a folder that counts as one file.
    mtime_ns, ctime_ns, device, inode, n_links
        As `stat` has them.
    link_ns
        A symlink's own modification time; None for a file.
    is_dangling
        True for a symlink to nothing. All numbers are then the symlink's own.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    device: int
    inode: int
    n_links: int
    link_ns: int | None
    is_dangling: bool


# the columns of Listing.numbers
NUMBERS = Entry._fields[1:]


class Listing:
    """Files in columns, folder by folder, by name.

    A night may have 200,000 files, too many for an object each.

    Attributes
    ----------
    parts
        For each folder, the beginning of its files' paths below the root, and the files' names.
    numbers
        The numbers of all files, in the order of `NUMBERS`, file after file. ABSENT for null.
    beyond
        Row -> modification time, if 64 bits can't hold it (hundreds of years away).
    folders
        Path below the root -> modification time in ns before it was listed; ABSENT if it could
        not be listed.
    notes
        Sentences about what could not be read.
    unread
        Paths of the folders that could not be listed.
    unseen
        Files that could not be looked at, and why.
    """

    def __init__(self) -> None:
        self.parts: list[tuple[str, list[str]]] = []
        self.numbers = array("q")
        self.beyond: dict[int, int] = {}
        self.folders: dict[str, int] = {}
        self.notes: list[str] = []
        self.unread: list[str] = []
        self.unseen: list[tuple[str, str]] = []
        self._paths: list[str] = []

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> Listing:
        """Return the Listing with these `values()`."""
        made = cls()
        made.parts, numbers, made.beyond, made.folders, made.notes, *others = values
        made.unread, made.unseen = others
        made.numbers.frombytes(numbers)
        return made

    def values(self) -> tuple[Any, ...]:
        """Return the content as plain values, to send it to another process."""
        return (
            self.parts,
            self.numbers.tobytes(),
            self.beyond,
            self.folders,
            self.notes,
            self.unread,
            self.unseen,
        )

    def __len__(self) -> int:
        return len(self.numbers) // len(NUMBERS)

    @property
    def paths(self) -> list[str]:
        """Each file's path below the root."""
        if len(self._paths) < len(self):
            self._paths = [before + name for before, names in self.parts for name in names]
        return self._paths

    @property
    def entries(self) -> list[Entry]:
        """All files, by path: slow for many."""
        return sorted(self.entry(row) for row in range(len(self)))

    def entry(self, row: int) -> Entry:
        """Return one file."""
        n = len(NUMBERS)
        values = self.numbers[row * n : (row + 1) * n]
        size, mtime_ns, ctime_ns, device, inode, n_links, link_ns, is_dangling = values
        return Entry(
            self.paths[row],
            size,
            self.beyond.get(row, mtime_ns),
            ctime_ns,
            device,
            inode,
            n_links,
            None if link_ns == ABSENT else link_ns,
            bool(is_dangling),
        )

    def columns(self) -> dict[str, NDArray[np.int64]]:
        """Return an array for each of `NUMBERS`, sharing the listing's memory."""
        import numpy as np

        table = np.frombuffer(self.numbers, dtype="int64").reshape(-1, len(NUMBERS))
        return {name: table[:, at] for at, name in enumerate(NUMBERS)}

    def texts(self) -> tuple[Any, Any, bool]:
        """Return all paths and names as they are shown.

        Returns
        -------
        paths, names
            Arrow arrays of text.
        is_ascii
            True if all are ASCII, and shown exactly as they are.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        from observing_monitor.model import frames
        from observing_monitor.model.names import last_parts

        parts = [(before, names) for before, names in self.parts if names]
        text = "\0".join(itertools.chain.from_iterable(names for _, names in parts))
        befores = [before for before, _ in parts]
        letters = text + "".join(befores)
        if not letters or not letters.isascii() or "\\" in letters:
            paths = frames.texts(shown_all(self.paths))
            return frames.arrow(paths), frames.arrow(last_parts(paths)), False
        names = pc.split_pattern(pa.array([text], pa.large_string()), "\0").values
        if len(parts) == 1:
            return pc.binary_replace_slice(names, 0, 0, befores[0]), names, True
        at = np.repeat(np.arange(len(parts)), [len(names) for _, names in parts])
        before = pa.array(befores, names.type).take(pa.array(at, pa.int64()))
        return pc.binary_join_element_wise(before, names, pa.scalar("", names.type)), names, True

    def add(self, path: str, row: Sequence[int]) -> None:
        """Add a file with its numbers, in the order of `NUMBERS`."""
        at = path.rfind("/") + 1
        self.parts.append((path[:at], [path[at:]]))
        self.add_numbers(row)

    def add_numbers(self, row: Sequence[int]) -> None:
        """Add the numbers of a file whose name was added.

        ABSENT replaces numbers that 64 bits can't hold.
        """
        try:
            self.numbers.frombytes(packed(*row))
        except struct.error:
            self.beyond[len(self)] = row[1]
            self.numbers.extend(
                number if -LARGEST <= number <= LARGEST else ABSENT for number in row
            )

    def digest(self) -> str:
        """Return a short text that differs if any file or note does."""
        text = "\0\0".join(
            [before + "\0" + "\0".join(names) for before, names in self.parts if names]
        )
        made = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
        made.update(self.numbers)
        made.update(repr((self.beyond, self.notes)).encode("utf-8", "surrogatepass"))
        return made.hexdigest()


# --- paths as text ------------------------------------------------------------------------------


def is_not_utf8(text: str) -> bool:
    """True if text contains lone surrogates.

    These are bytes that are not UTF-8.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def shown(path: str) -> str:
    r"""Return a path as text that can be written and read anywhere.

    Bytes that are not UTF-8 become `\x..`. Different paths become different texts.
    """
    if is_not_utf8(path) or _SHOWN_BYTE.search(path):
        path = path.replace("\\", r"\\")
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def shown_all(paths: Iterator[Any] | list[str]) -> list[str]:
    """Return many paths as `shown` does; fast for plain ones."""
    return [path if path.isascii() and "\\" not in path else shown(path) for path in paths]


# --- numbers as columns -------------------------------------------------------------------------


def whole_numbers(
    values: NDArray[np.int64], is_known: NDArray[np.bool_] | bool = True
) -> pd.arrays.IntegerArray:
    """Return a listing's numbers as pandas' nullable integers.

    Null for ABSENT, and where `is_known` is False.
    """
    import pandas as pd

    return pd.arrays.IntegerArray(values.copy(), ~((values != ABSENT) & is_known))


def instants(
    values: NDArray[np.int64], is_known: NDArray[np.bool_] | bool = True
) -> Series[pd.Timestamp]:
    """Return nanoseconds since 1970 as instants in UTC.

    NaT for ABSENT, and where `is_known` is False.
    """
    import numpy as np
    import pandas as pd

    whole = np.where((values != ABSENT) & is_known, values // 1000, ABSENT)
    return pd.Series(whole.view("datetime64[us]")).dt.tz_localize("UTC")
