"""Find the files of a Gen3 repository."""

from __future__ import annotations

import functools
import os
import struct
import urllib.parse
from array import array
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.readers.listing import ABSENT, LARGEST
from observing_monitor.sources.shared.butler import join_texts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from observing_monitor.sources.shared.butler import AnyArray


# what `stat` says of a file
SEEN = ("size", "mtime_ns", "device", "inode")
_packed = struct.Struct(f"@{len(SEEN)}q").pack
# a path with a scheme, and nothing quoted
PLAIN_URI = r"^file:///[^%#?\t\r\n]*$"
# a file in a zip: a.zip#zip-path=b.fits
IN_ZIP = "#zip-path="


class Place(NamedTuple):
    """A file's place, from a datastore's record.

    Attributes
    ----------
    key
        The file's permanent name: the path as recorded, without scheme and quoting. None if there
        is no record.
    name
        The last part of `key`.
    shown
        The full path or URI.
    file
        The path on this machine; "" if there can't be one.
    """

    key: str | None
    name: str | None
    shown: str | None
    file: str


def locate(path: str, root: str) -> Place:
    """Return the place that a record leads to.

    A file in a zip has its own name as `key`, and the zip as `file`.

    Parameters
    ----------
    path
        The record: a path below `root`, or an absolute path or URI if the file was ingested in
        place. None or NaN if there is none.
    root
        The datastore's root, a path or URI.
    """
    if path is None or path != path:
        return Place(None, None, None, "")
    archive, mark, member = path.partition(IN_ZIP)
    whole, inside = (archive, urllib.parse.unquote(member)) if mark else (path, "")
    if "://" in whole:
        parts = urllib.parse.urlsplit(whole)
        key = urllib.parse.unquote(parts.path)
        shown, file = (key, key) if parts.scheme == "file" else (whole, "")
    elif whole.startswith("/"):
        key = shown = file = whole
    else:
        key = whole
        base = _base(root)
        shown = f"{base}/{whole}"
        file = "" if "://" in base else shown
    key = f"{key}/{inside}" if inside else key
    return Place(key, key.rpartition("/")[2], f"{shown}#{inside}" if inside else shown, file)


def locate_all(paths: AnyArray, root: str) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Return `key`, `shown` and `file` of many records."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_uri = pc.match_substring(paths, "://")
    if pc.any(is_uri).as_py():
        plain = pc.replace_substring(paths, "file://", "", max_replacements=1)
        paths = pc.if_else(pc.match_substring_regex(paths, PLAIN_URI), plain, paths)
        is_uri = pc.match_substring(paths, "://")
    is_absolute = pc.starts_with(paths, "/")
    base = _base(root)
    below = join_texts(f"{base}/", paths)
    shown = pc.if_else(is_absolute, paths, below)
    file = pc.if_else(is_absolute, paths, "") if "://" in base else shown
    columns = (paths, shown, file)
    is_odd: AnyArray = pc.or_(is_uri, pc.match_substring(paths, IN_ZIP))
    is_odd = pc.fill_null(is_odd, False)
    if not is_odd.true_count:
        return columns
    places = [locate(path, root) for path in paths.filter(is_odd).to_pylist()]
    located = zip(*((place.key, place.shown, place.file) for place in places), strict=True)
    key, shown, file = (
        pc.replace_with_mask(column, is_odd, pa.array(values, pa.large_string()))
        for column, values in zip(columns, located, strict=True)
    )
    return key, shown, file


@functools.cache  # called for every file; there are few roots
def _base(root: str) -> str:
    """Return a datastore's root without the scheme of files."""
    if root.startswith("file://"):
        return urllib.parse.unquote(root.removeprefix("file://"))
    return root


class ExistingFolders:
    """Remembers which folders exist, and looks at each once."""

    def __init__(self) -> None:
        self._found: dict[str, bool] = {}

    def has(self, folder: str) -> bool:
        """True if a folder exists."""
        if folder not in self._found:
            self._found[folder] = bool(folder.strip("/")) and os.path.isdir(folder)
        return self._found[folder]

    def should_have(self, file: str, root: str) -> bool:
        """True if a missing file should be here.

        That is so if its datastore is here, or the folder that the file's folder lies in.
        Otherwise the path is another machine's.
        """
        root = root.removeprefix("file://")
        if file.startswith(f"{root}/"):
            return self.has(root)
        folder = os.path.dirname(file)
        return self.has(folder) or self.has(os.path.dirname(folder))


def folder_times(folders: list[str]) -> dict[str, Any]:
    """Return folders' modification times in ns.

    None for a folder that is not there.
    """
    times: dict[str, Any] = {}
    for folder in folders:
        try:
            times[folder] = os.stat(folder).st_mtime_ns
        except OSError:
            times[folder] = None
    return times


def stat_files(files: Iterable[str]) -> dict[str, NDArray[np.int64]]:
    """Return an array for each of `SEEN`.

    ABSENT for "" and for a file that is not there or can't be looked at.
    """
    import numpy as np

    numbers, nothing = array("q"), _packed(*[ABSENT] * len(SEEN))
    for file in files:
        if not file:
            numbers.frombytes(nothing)
            continue
        try:
            state = os.stat(file)
            row = state.st_size, state.st_mtime_ns, state.st_dev & LARGEST, state.st_ino & LARGEST
            numbers.frombytes(_packed(*row))
        except (OSError, ValueError):  # ValueError: a name that no file can have
            numbers.frombytes(nothing)
        except struct.error:  # a time that 64 bits can't hold, hundreds of years away
            numbers.frombytes(_packed(row[0], 0, *row[2:]))
    table = np.frombuffer(numbers, dtype="int64").reshape(-1, len(SEEN))
    return {name: table[:, at] for at, name in enumerate(SEEN)}
