"""A directory tree in which directories named after nights hold the nights' files: file stores, and `raw/` of Gen2.

Looks at names and times alone, never into a file. Files outside such directories get their night from their own time.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import stat
import struct
from array import array
from fnmatch import fnmatch
from typing import TYPE_CHECKING, NamedTuple, cast

from observing_monitor.errors import SourceError
from observing_monitor.model.nights import night_named

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from pandas import Series

    from observing_monitor.model.nights import NightRule


MAX_LISTINGS = (
    3  # nights whose listings are kept at once: a source may look at a night's neighbours too
)
ABSENT = -(2**63)  # stands for "none" among a listing's numbers; pandas takes it for NaT
_LARGEST = 2**63 - 1  # signed 64 bits is what the tables hold
_SHOWN_BYTE = re.compile(
    r"\\x[89a-f][0-9a-f]"
)  # how a byte is shown that is no text; a name may have just these letters
_KIND, _FILE, _LINK, _FOLDER = (
    0o170000,
    stat.S_IFREG,
    stat.S_IFLNK,
    stat.S_IFDIR,
)  # the bits of a mode that say what it is; what they say
_packed = (
    struct.Struct("@8q").pack
)  # a file's numbers as Listing.numbers holds them: a third of the time that array.extend takes


class Entry(NamedTuple):
    """One file of a tree. For a symlink, size, mtime, device and inode are those of what it points to."""

    path: str  # below the root, with "/"; text that is not UTF-8 has lone surrogates, as from os.fsdecode
    size: int  # -1 for a folder that counts as a file
    mtime_ns: int
    ctime_ns: int
    device: int
    inode: int
    n_links: int
    link_ns: int | None  # a symlink's own modification time; None for a file
    is_dangling: bool  # a symlink to nothing: then all the numbers are the symlink's own


NUMBERS = Entry._fields[1:]  # the columns of Listing.numbers


class Listing:
    """What a look at one night's part of a tree gave: columns, for a night may have 200,000 files; folder by folder, by name."""

    def __init__(self) -> None:
        self.parts: list[
            tuple[str, list[str]]
        ] = []  # what stands before some files' names in their paths below the root, and the names
        self.numbers = array(
            "q"
        )  # of each file, one after the other, those of NUMBERS; ABSENT where there is none
        self.beyond: dict[
            int, int
        ] = {}  # row -> the modification time that 64 bits do not hold: hundreds of years away
        self.folders: dict[
            str, int
        ] = {}  # path below the root -> modification time in ns, before it was listed; ABSENT if it couldn't be
        self.notes: list[str] = []  # sentences on what couldn't be looked at
        self.unread: list[str] = []  # paths of the folders that couldn't be listed
        self._paths: list[str] = []

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> Listing:
        """The other way of `values`."""
        made = cls()
        made.parts, numbers, made.beyond, made.folders, made.notes, made.unread = values
        made.numbers.frombytes(numbers)
        return made

    def values(self) -> tuple[Any, ...]:
        """All that is in it, as plain values."""
        return (
            self.parts,
            self.numbers.tobytes(),
            self.beyond,
            self.folders,
            self.notes,
            self.unread,
        )

    def __len__(self) -> int:
        return len(self.numbers) // len(NUMBERS)

    @property
    def paths(self) -> list[str]:
        """Of each file, below the root."""
        if len(self._paths) < len(self):
            self._paths = [before + name for before, names in self.parts for name in names]
        return self._paths

    @property
    def entries(self) -> list[Entry]:
        """Each file as an Entry, by path: for where files are few."""
        return sorted(self.entry(row) for row in range(len(self)))

    def entry(self, row: int) -> Entry:
        n = len(NUMBERS)
        size, mtime_ns, ctime_ns, device, inode, n_links, link_ns, is_dangling = self.numbers[
            row * n : (row + 1) * n
        ]
        own_ns = None if link_ns == ABSENT else link_ns
        mtime_ns = self.beyond.get(row, mtime_ns)
        return Entry(
            self.paths[row],
            size,
            mtime_ns,
            ctime_ns,
            device,
            inode,
            n_links,
            own_ns,
            bool(is_dangling),
        )

    def columns(self) -> dict[str, NDArray[np.int64]]:
        """The numbers as a mapping of NUMBERS to arrays of int64 that share the listing's memory."""
        import numpy as np

        table = np.frombuffer(self.numbers, dtype="int64").reshape(-1, len(NUMBERS))
        return {name: table[:, at] for at, name in enumerate(NUMBERS)}

    def texts(self) -> tuple[Any, Any, bool]:
        """The paths and the names of all files, as they are shown: two Arrow arrays; and whether all are ASCII, and shown as they are."""
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
        """Add a file by its numbers, in the order of NUMBERS."""
        at = path.rfind("/") + 1
        self.parts.append((path[:at], [path[at:]]))
        self.add_numbers(row)

    def add_numbers(self, row: Sequence[int]) -> None:
        """Add the numbers of a file whose name was added; one that 64 bits do not hold is ABSENT."""
        try:
            self.numbers.frombytes(_packed(*row))
        except struct.error:
            self.beyond[len(self)] = row[1]
            self.numbers.extend(
                number if -_LARGEST <= number <= _LARGEST else ABSENT for number in row
            )

    def digest(self) -> str:
        """A short text that differs when any file or note differs."""
        text = "\0\0".join(
            [before + "\0" + "\0".join(names) for before, names in self.parts if names]
        )
        made = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
        made.update(self.numbers)
        made.update(repr((self.beyond, self.notes)).encode("utf-8", "surrogatepass"))
        return made.hexdigest()


class NightTree:
    """One look at a tree; lists what it is asked for, once, and remembers it for the run."""

    def __init__(
        self,
        root: str | os.PathLike[str],
        rule: NightRule,
        what: str,
        whole: Iterable[str] = (),
        *,
        is_optional: bool = False,
    ) -> None:
        self.root = os.fspath(root)
        self._place = os.path.join(self.root, "")  # what stands before the paths below it
        self.is_optional = is_optional  # a root that isn't there is an empty one
        self.rule = rule
        self.whole = tuple(whole)  # patterns of folders that are one file each, such as *.ms
        self.what = what  # what the tree is, for messages: "file store"
        self._skeleton: tuple[dict[datetime.date, list[str]], Listing] | None = None
        self._loose: dict[
            datetime.date | None, list[int]
        ] = {}  # night -> rows of the files outside night folders
        self._listings: dict[datetime.date | None, Listing] = {}
        self._begun: dict[
            datetime.date, Callable[[], tuple[Any, ...] | None]
        ] = {}  # night -> what gives its listing's values
        self._digests: dict[datetime.date | None, str] = {}
        self._all_loose: frozenset[str] | None = None

    def night_folders(self) -> dict[datetime.date, list[str]]:
        """The folders named after nights: night -> paths below the root; SourceError if the root can't be listed."""
        return self._walk_skeleton()[0]

    def nights(self) -> set[datetime.date]:
        """Every night that a folder is named after, or that a file outside such folders belongs to."""
        return set(self.night_folders()) | {night for night in self._loose if night}

    def loose(self, night: datetime.date) -> list[Entry]:
        """The files outside all night folders whose own time lies in the night."""
        listing = self._walk_skeleton()[1]
        return [listing.entry(row) for row in self._loose.get(night, [])]

    def all_loose(self) -> frozenset[str]:
        """The paths of all files outside night folders, of whatever night: a frozenset of file_ids."""
        if self._all_loose is None:
            self._all_loose = frozenset(shown_all(self._walk_skeleton()[1].paths))
        return self._all_loose

    def folder_times(self, folders: Iterable[str]) -> dict[str, int | None]:
        """The modification times of known folders: one `stat` each; None for one that is not there."""
        times: dict[str, int | None] = {}
        for folder in folders:
            try:
                times[folder] = os.stat(self._place + folder).st_mtime_ns
            except OSError:
                times[folder] = None
        return times

    def begin(self, night: datetime.date, n_files: int) -> None:
        """Have a night listed by a process beside this one, which gets ready meanwhile for what it will do with the listing.

        For a night of which it is known that something changed, and that it had so many files at the last look: where these are very
        many they take as long to list as pandas to import, and only a process of its own keeps Python from doing one after the other.
        """
        from observing_monitor.processes import parallel, workers

        if night not in self._listings and n_files >= workers.VERY_MANY:
            self._begun[night] = parallel.start_process(
                list_beside, self.root, self.night_folders().get(night, []), self.whole
            )
            parallel.get_ready()

    def list_night(self, night: datetime.date) -> Listing:
        """The Listing of a night: its folders, at any depth, and its loose files."""
        if night not in self._listings:
            begun = self._begun.pop(night)() if night in self._begun else None
            listing = (
                Listing.of(begun) if begun else self._list(self.night_folders().get(night, []))
            )
            for path, *row, link_ns, is_dangling in self.loose(night):
                listing.add(path, (*row, ABSENT if link_ns is None else link_ns, is_dangling))
            skeleton = self._walk_skeleton()[1]
            listing.notes.extend(skeleton.notes)
            listing.unread.extend(skeleton.unread)
            self._keep(night, listing)
        return self._listings[night]

    def forget(self, night: datetime.date) -> None:
        """Let go of a night's Listing once it was read: a full night's is large."""
        self._listings.pop(night, None)

    def digest(self, night: datetime.date | None = None) -> str:
        """The digest of a night's Listing, or of the whole tree's."""
        if night not in self._digests:
            self._digests[night] = (
                self.list_all() if night is None else self.list_night(night)
            ).digest()
        return self._digests[night]

    def list_all(self) -> Listing:
        """The Listing of the whole tree, for repositories that no folder name orders by night."""
        if None not in self._listings:
            self._keep(None, self._list([""]))
        return self._listings[None]

    def _keep(self, night: datetime.date | None, listing: Listing) -> None:
        """Remember a listing; not all of a long history, which would fill the memory."""
        nights = [kept for kept in self._listings if kept is not None]
        if len(nights) >= MAX_LISTINGS:
            del self._listings[nights[0]]
        self._listings[night] = listing

    def _night_of(self, entry: Entry) -> datetime.date | None:
        try:
            return self.rule.night_of_ns(entry.mtime_ns)
        except (
            OverflowError
        ):  # a time beyond the calendar: the file came to be known today at the latest
            return self.rule.night_of_ns(entry.ctime_ns)

    def _walk_skeleton(self) -> tuple[dict[datetime.date, list[str]], Listing]:
        """All that lies outside night folders, and where those are."""
        if self._skeleton is None:
            nights: dict[datetime.date, list[str]] = {}
            try:
                os.listdir(self.root)
            except OSError as error:
                if self.is_optional and isinstance(error, FileNotFoundError):
                    self._skeleton = {}, Listing()
                    return self._skeleton
                raise SourceError(
                    f"{self.root}: {_why(error)}; the {self.what} should be there and readable"
                ) from error
            loose = self._list([""], nights)
            for row in range(len(loose)):
                self._loose.setdefault(self._night_of(loose.entry(row)), []).append(row)
            self._skeleton = {night: sorted(paths) for night, paths in nights.items()}, loose
        return self._skeleton

    def _list(
        self, folders: list[str], nights: dict[datetime.date, list[str]] | None = None
    ) -> Listing:
        """List folders to any depth. With `nights`, folders named after a night are noted there and not entered."""
        listing = Listing()
        to_do: list[tuple[str, os.stat_result | None]] = [
            (folder, None) for folder in reversed(folders)
        ]
        seen: set[tuple[int, int]] = set()  # device and inode of each folder
        while to_do:
            folder, state = to_do.pop()
            place = self._place + folder
            try:
                # taken before the listing: what comes in between shows as a change at the next look
                state = state or os.stat(place)
                # an open folder's entries are found by their names alone: no path to walk for each
                opened = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    to_do.extend(
                        reversed(self._list_one(opened, folder, state, listing, seen, nights))
                    )
                finally:
                    os.close(opened)
            except OSError as error:
                listing.notes.append(
                    f"{_shown(os.path.join(self.root, folder))}: {_why(error)}; its files stay as last seen"
                )
                listing.unread.append(folder)
                listing.folders[folder] = (
                    ABSENT  # leave to read it changes no folder's time: so the next look lists all again
                )
        return listing

    def _list_one(
        self,
        opened: int,
        folder: str,
        state: os.stat_result,
        listing: Listing,
        seen: set[tuple[int, int]],
        nights: dict[datetime.date, list[str]] | None,
    ) -> list[tuple[str, os.stat_result | None]]:
        """List one folder, open as a file descriptor; returns the folders in it that are yet to be listed, with their states."""
        if (state.st_dev, state.st_ino) in seen:  # a symlink that leads back
            return []
        seen.add((state.st_dev, state.st_ino))
        listing.folders[folder] = state.st_mtime_ns
        prefix = folder + "/" if folder else ""
        # no os.scandir: a `stat` tells all that its entries do, and they cost as much as the names again
        names = (
            os.listdir(opened) if nights is None else self._without_nights(opened, prefix, nights)
        )
        names.sort()
        numbers, lstat, is_plain = listing.numbers, os.lstat, (prefix + "".join(names)).isascii()
        kept: list[str] = []
        listing.parts.append((prefix, kept))
        inner: list[tuple[str, os.stat_result, bool]] = []
        for name in names:
            if name[0] == ".":  # hidden, or a file that rsync is still writing (.NAME.XXXXXX)
                continue
            own = None
            try:
                state = own = lstat(name, dir_fd=opened)
                kind, link_ns, is_dangling = own.st_mode & _KIND, ABSENT, False
                if kind == _LINK:
                    link_ns = own.st_mtime_ns
                    try:
                        state = os.stat(name, dir_fd=opened)
                        kind = state.st_mode & _KIND
                    except FileNotFoundError:
                        kind, is_dangling = _FILE, True
                if kind == _FOLDER:
                    inner.append((prefix + name, state, state is not own))
                    continue
                if kind != _FILE:
                    listing.notes.append(
                        f"{self._shown(prefix + name)}: not a file (a pipe, a socket or a device); left out"
                    )
                    continue
                if not is_plain and _is_not_utf8(prefix + name):
                    listing.notes.append(
                        f"{self._shown(prefix + name)}: its name is not UTF-8; shown with its bytes as \\x.."
                    )
                # a link is as old as its own arrival
                row = (
                    state.st_size,
                    state.st_mtime_ns,
                    own.st_ctime_ns,
                    state.st_dev,
                    state.st_ino,
                    state.st_nlink,
                    link_ns,
                    is_dangling,
                )
                try:
                    numbers.frombytes(_packed(*row))
                except struct.error:
                    listing.add_numbers((*row[:3], row[3] & _LARGEST, row[4] & _LARGEST, *row[5:]))
                kept.append(name)
            except FileNotFoundError:
                listing.notes.append(
                    f"{self._shown(prefix + name)}: vanished while it was looked at"
                )
            except OSError as error:
                if own is None and isinstance(
                    error, PermissionError
                ):  # the folder's names may be read, and nothing else of it
                    raise
                listing.notes.append(f"{self._shown(prefix + name)}: {_why(error)}")
        return [
            (path, state)
            for path, state, is_link in inner
            if self._is_entered(path, is_link, listing, nights)
        ]

    def _without_nights(
        self, opened: int, prefix: str, nights: dict[datetime.date, list[str]]
    ) -> list[str]:
        """The names in an open folder; but for the folders named after a night, of a long history nearly all, which are noted unasked."""
        names = []
        with os.scandir(opened) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False) and not any(
                    fnmatch(entry.name, pattern) for pattern in self.whole
                )
                if is_folder and (night := night_named(entry.name)):
                    nights.setdefault(night, []).append(prefix + entry.name)
                else:
                    names.append(entry.name)
        return names

    def _is_entered(
        self,
        path: str,
        is_link: bool,
        listing: Listing,
        nights: dict[datetime.date, list[str]] | None,
    ) -> bool:
        """Whether a folder is to be listed too: not one that counts as a file, nor one named after a night where those are sought."""
        name = path.rpartition("/")[2]
        if self.whole and any(fnmatch(name, pattern) for pattern in self.whole):
            self._add_whole(path, listing)
        elif nights is not None and (night := night_named(name)):
            nights.setdefault(night, []).append(path)
        else:
            return not (is_link and self._is_alias(os.path.join(self.root, path)))
        return False

    def _is_alias(self, path: str) -> bool:
        """Whether a symlinked folder (such as `latest`) is another name of one that is listed anyway."""
        inside = os.path.relpath(os.path.realpath(path), os.path.realpath(self.root)).split(os.sep)
        return not any(part.startswith(".") and part != "." for part in inside)

    def _add_whole(self, path: str, listing: Listing) -> None:
        """Add a folder that counts as one file; its size, that of all in it, is not known (-1), for it would cost a walk."""
        try:
            state = os.stat(os.path.join(self.root, path))
        except OSError as error:
            listing.notes.append(f"{self._shown(path)}: {_why(error)}")
            return
        numbers = (
            state.st_mtime_ns,
            state.st_ctime_ns,
            state.st_dev & _LARGEST,
            state.st_ino & _LARGEST,
        )
        listing.add(path, (-1, *numbers, 1, ABSENT, False))

    def _shown(self, path: str) -> str:
        return _shown(os.path.join(self.root, path))


def list_beside(root: str, folders: list[str], whole: tuple[str, ...]) -> tuple[Any, ...]:
    """The values of the Listing of some folders below a root, at any depth: for a process that `NightTree.begin` began."""
    no_rule = cast("NightRule", None)  # it is asked for no night
    return NightTree(root, no_rule, "", whole)._list(folders).values()


def _is_not_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _shown(path: str) -> str:
    r"""A path as text that can be written and read anywhere: bytes that are no UTF-8 as \x.., and different paths as different texts."""
    if _is_not_utf8(path) or _SHOWN_BYTE.search(path):
        path = path.replace("\\", r"\\")
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def whole_numbers(
    values: NDArray[np.int64], is_known: NDArray[np.bool_] | bool = True
) -> pd.arrays.IntegerArray:
    """A listing's numbers, an array of int64, as pandas' nullable integers; null for ABSENT, and where not `is_known`."""
    import pandas as pd

    return pd.arrays.IntegerArray(values.copy(), ~((values != ABSENT) & is_known))


def instants(
    values: NDArray[np.int64], is_known: NDArray[np.bool_] | bool = True
) -> Series[pd.Timestamp]:
    """Nanoseconds since 1970, an array of int64, as a Series of instants, in UTC; NaT for ABSENT, and where not `is_known`."""
    import numpy as np
    import pandas as pd

    whole = np.where((values != ABSENT) & is_known, values // 1000, ABSENT)
    return pd.Series(whole.view("datetime64[us]")).dt.tz_localize("UTC")


def shown_all(paths: Iterator[Any] | list[str]) -> list[str]:
    """Many paths as `_shown` gives one; quick where, as nearly always, nothing is odd."""
    return [path if path.isascii() and "\\" not in path else _shown(path) for path in paths]


def _why(error: OSError) -> str:
    """The system's words for an OSError, with a remedy where there is an obvious one."""
    words = (error.strerror or str(error)).lower()
    return (
        f"{words} (give the user that runs this leave to read it)"
        if isinstance(error, PermissionError)
        else words
    )
