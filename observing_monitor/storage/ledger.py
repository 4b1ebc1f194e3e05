"""The list of our files: `.observing_monitor`.

It is written at the end of a run. A run that is killed before loses nothing: nearly every file
also shows by itself that it is ours (`storage.marks`).
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from observing_monitor.storage.sealed import is_sealed, sealed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


ABOUT = "Files that observing_monitor wrote. It replaces and removes no others."
VERSION = 1
# as much of a file's beginning and of its end may have its sign
SIGN_BYTES = 65_536


class Entry(NamedTuple):
    """A listed file.

    Attributes
    ----------
    state : str
        Size, times and inode when it was written; of an object, size and ETag.
    digest : str
        Of its bytes; "" if the file is ours by its path alone.
    key : str
        Fingerprint of a page; "" of other files.
    """

    state: str
    digest: str
    key: str


BY_PATH = Entry("", "", "")


class _Document(msgspec.Struct):
    about: str
    version: int
    files: dict[str, str]


class Ledger:
    """The listed files of one output.

    Parameters
    ----------
    files : dict of str to str, optional
        Path -> entry. None if there is no list yet.
    """

    def __init__(self, files: dict[str, str] | None = None) -> None:
        self.is_new = files is None
        self.is_changed = False
        # what this process listed; None if removed
        self.changes: dict[str, str | None] = {}
        self._files = files or {}
        self._sorted: list[str] | None = None

    def get(self, path: str) -> Entry | None:
        """Return what is listed of a file, or None."""
        text = self._files.get(path)
        return None if text is None else _entry(text)

    def has(self, path: str) -> bool:
        """True if a file is listed."""
        return path in self._files

    def put(self, path: str, entry: Entry) -> None:
        """List a file."""
        self._change(path, " ".join(entry) if any(entry) else "")

    def add_name(self, folder: str, name: str) -> None:
        """List a file by name in its folder."""
        names = self._files.get(folder, "").split()
        if name not in names:
            self._change(folder, " ".join(sorted([*names, name])))

    def has_name(self, folder: str, name: str) -> bool:
        """True if a folder lists a file's name."""
        return name in self._files.get(folder, "").split()

    def drop(self, path: str) -> None:
        """Remove a file from the list."""
        if path in self._files:
            self._change(path, None)

    def learn(self, changes: Mapping[str, str | None]) -> None:
        """Take over the changes that a worker made."""
        for path, text in changes.items():
            self._change(path, text)

    def _change(self, path: str, text: str | None) -> None:
        if text is not None and self._files.get(path) == text:
            return
        if text is None:
            self._files.pop(path, None)
        else:
            self._files[path] = text
        self._sorted = None
        self.changes[path] = text
        self.is_changed = True

    def part(self, beginnings: Iterable[str]) -> Ledger:
        """Return a copy with paths of these beginnings."""
        if self._sorted is None:
            self._sorted = sorted(self._files)
        paths = self._sorted
        files: dict[str, str] = {}
        for beginning in beginnings:
            first = bisect.bisect_left(paths, beginning)
            last = bisect.bisect_left(paths, f"{beginning}\U0010ffff")
            files |= {path: self._files[path] for path in paths[first:last]}
        return Ledger(files)

    def as_bytes(self) -> bytes:
        """Return the file `.observing_monitor`."""
        document = _Document(ABOUT, VERSION, dict(sorted(self._files.items())))
        return sealed(msgspec.json.encode(document))


def read_ledger(data: bytes | None) -> Ledger:
    """Return a ledger; a new one without a whole file."""
    if data is None or not is_sealed(data, or_never=False):
        return Ledger()
    try:
        document = msgspec.json.decode(data, type=_Document)
    except msgspec.DecodeError:
        return Ledger()
    return Ledger(document.files if document.version == VERSION else None)


def _entry(text: str) -> Entry:
    parts = text.split(" ")
    return Entry(*parts) if len(parts) == len(Entry._fields) else BY_PATH
