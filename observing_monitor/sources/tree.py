"""A directory tree in which directories named after nights hold the nights' files: file stores, and `raw/` of Gen2.

Looks at names and times alone, never into a file. Files outside such directories get their night from their own time.
"""

import hashlib
import os
import stat
from fnmatch import fnmatch
from typing import NamedTuple

from observing_monitor.errors import SourceError
from observing_monitor.nights import night_named


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


class Listing(NamedTuple):
    """What a look at one night's part of a tree gave."""

    entries: list  # of Entry, by path
    folders: dict  # path below the root -> modification time in ns, taken before the folder was listed
    notes: list  # sentences on what couldn't be looked at
    unread: list  # paths of the folders that couldn't be listed

    def digest(self):
        """A short text that differs when any file or note differs."""
        text = repr((self.entries, self.notes))
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class NightTree:
    """One look at a tree; lists what it is asked for, once, and remembers it for the run."""

    def __init__(self, root, rule, what, whole=(), *, is_optional=False):
        self.root = os.fspath(root)
        self.is_optional = is_optional  # a root that isn't there is an empty one
        self.rule = rule
        self.whole = tuple(whole)  # patterns of folders that are one file each, such as *.ms
        self.what = what  # what the tree is, for messages: "file store"
        self._skeleton = None
        self._listings = {}
        self._digests = {}
        self._all_loose = None

    def night_folders(self):
        """The folders named after nights: night -> paths below the root; SourceError if the root can't be listed."""
        return self._walk_skeleton()[0]

    def nights(self):
        """Every night that a folder is named after, or that a file outside such folders belongs to."""
        folders, loose = self._walk_skeleton()
        return set(folders) | {self._night_of(entry) for entry in loose.entries}

    def loose(self, night):
        """The files outside all night folders whose own time lies in the night."""
        return [entry for entry in self._walk_skeleton()[1].entries if self._night_of(entry) == night]

    def all_loose(self):
        """The paths of all files outside night folders, of whatever night: a frozenset of file_ids."""
        if self._all_loose is None:
            self._all_loose = frozenset(shown_all(entry.path for entry in self._walk_skeleton()[1].entries))
        return self._all_loose

    def folder_times(self, folders):
        """The modification times of known folders: one `stat` each; None for one that is not there."""
        times = {}
        for folder in folders:
            try:
                times[folder] = os.stat(os.path.join(self.root, folder)).st_mtime_ns
            except OSError:
                times[folder] = None
        return times

    def list_night(self, night):
        """The Listing of a night: its folders, at any depth, and its loose files."""
        if night not in self._listings:
            listing = self._list(self.night_folders().get(night, []))
            loose = self._walk_skeleton()[1]
            listing.entries.extend(self.loose(night))
            listing.entries.sort()
            listing.notes.extend(loose.notes)
            listing.unread.extend(loose.unread)
            self._listings[night] = listing
        return self._listings[night]

    def digest(self, night=None):
        """The digest of a night's Listing, or of the whole tree's."""
        if night not in self._digests:
            self._digests[night] = (self.list_all() if night is None else self.list_night(night)).digest()
        return self._digests[night]

    def list_all(self):
        """The Listing of the whole tree, for repositories that no folder name orders by night."""
        if None not in self._listings:
            self._listings[None] = self._list([""])
            self._listings[None].entries.sort()
        return self._listings[None]

    def _night_of(self, entry):
        try:
            return self.rule.night_of_ns(entry.mtime_ns)
        except OverflowError:  # a time beyond the calendar: the file came to be known today at the latest
            return self.rule.night_of_ns(entry.ctime_ns)

    def _walk_skeleton(self):
        """All that lies outside night folders, and where those are."""
        if self._skeleton is None:
            nights = {}
            try:
                os.listdir(self.root)
            except OSError as error:
                if self.is_optional and isinstance(error, FileNotFoundError):
                    self._skeleton = {}, Listing([], {}, [], [])
                    return self._skeleton
                raise SourceError(f"{self.root}: {_why(error)}; the {self.what} should be there and readable") from error
            loose = self._list([""], nights)
            self._skeleton = {night: sorted(paths) for night, paths in nights.items()}, loose
        return self._skeleton

    def _list(self, folders, nights=None):
        """List folders to any depth. With `nights`, folders named after a night are noted there and not entered."""
        listing = Listing([], {}, [], [])
        to_do, seen = list(reversed(folders)), set()
        while to_do:
            folder = to_do.pop()
            try:
                self._list_one(folder, listing, to_do, seen, nights)
            except OSError as error:
                listing.notes.append(f"{_shown(os.path.join(self.root, folder))}: {_why(error)}; its files stay as last seen")
                listing.unread.append(folder)
        return listing

    def _list_one(self, folder, listing, to_do, seen, nights):
        here = os.path.join(self.root, folder)
        state = os.stat(here)  # before the listing: what comes in between shows as a change at the next look
        if (state.st_dev, state.st_ino) in seen:  # a symlink that leads back
            return
        seen.add((state.st_dev, state.st_ino))
        listing.folders[folder] = state.st_mtime_ns
        prefix = folder + "/" if folder else ""
        with os.scandir(here) as entries:
            for entry in entries:
                name = entry.name
                if name[0] == ".":  # hidden, or a file that rsync is still writing (.NAME.XXXXXX)
                    continue
                path = prefix + name
                try:
                    # what the listing itself knows costs nothing; only a symlink must be followed to tell
                    is_folder = entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and entry.is_dir())
                    if is_folder and any(fnmatch(name, pattern) for pattern in self.whole):
                        _add_folder(entry, path, listing)
                    elif not is_folder:
                        _add_file(entry, path, listing)
                    elif nights is not None and (night := night_named(name)):
                        nights.setdefault(night, []).append(path)
                    elif not (entry.is_symlink() and self._is_alias(entry.path)):
                        to_do.append(path)
                except FileNotFoundError:
                    listing.notes.append(f"{_shown(entry.path)}: vanished while it was looked at")
                except OSError as error:
                    listing.notes.append(f"{_shown(entry.path)}: {_why(error)}")

    def _is_alias(self, path):
        """Whether a symlinked folder (such as `latest`) is another name of one that is listed anyway."""
        inside = os.path.relpath(os.path.realpath(path), os.path.realpath(self.root)).split(os.sep)
        return not any(part.startswith(".") and part != "." for part in inside)


def _add_folder(entry, path, listing):
    """Add a folder that counts as one file; its size, that of all in it, is not known (-1), for it would cost a walk."""
    state = os.stat(entry.path)
    numbers = state.st_mtime_ns, state.st_ctime_ns, state.st_dev & 0x7FFF_FFFF_FFFF_FFFF, state.st_ino & 0x7FFF_FFFF_FFFF_FFFF
    listing.entries.append(Entry(path, -1, *numbers, 1, None, False))


def _add_file(entry, path, listing):
    """Add a directory entry to a listing, or say why it is no file."""
    state = entry.stat(follow_symlinks=False)
    link_ns, is_dangling = None, False
    if stat.S_ISLNK(state.st_mode):
        link_ns = state.st_mtime_ns
        try:
            target = os.stat(entry.path)
            ctime_ns = state.st_ctime_ns  # the link's arrival, not its target's
        except OSError:
            target, ctime_ns, is_dangling = state, state.st_ctime_ns, True
        state = target
    else:
        ctime_ns = state.st_ctime_ns
    if not (stat.S_ISREG(state.st_mode) or is_dangling):
        listing.notes.append(f"{_shown(entry.path)}: not a file (a pipe, a socket or a device); left out")
        return
    if not path.isascii() and _is_not_utf8(path):
        listing.notes.append(f"{_shown(entry.path)}: its name is not UTF-8; shown with its bytes as \\x..")
    listing.entries.append(
        Entry(
            path,
            state.st_size,
            state.st_mtime_ns,
            ctime_ns,
            state.st_dev & 0x7FFF_FFFF_FFFF_FFFF,  # signed 64 bits is what the tables hold
            state.st_ino & 0x7FFF_FFFF_FFFF_FFFF,
            state.st_nlink,
            link_ns,
            is_dangling,
        )
    )


def _is_not_utf8(text):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _shown(path):
    """A path as text that can be written and read anywhere: bytes that are no UTF-8 as \\x.."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def whole_numbers(values):
    """Numbers of entries as pandas' nullable integers, to the last digit, which floats would lose; null beyond 64 bits."""
    import pandas as pd

    try:
        return pd.array(values, dtype="Int64")
    except (OverflowError, TypeError):  # a time hundreds of years away
        return pd.array([v if v is not None and -(2**63) <= v < 2**63 else None for v in values], dtype="Int64")


def shown_all(paths):
    """Many paths as `_shown` gives one; quick where, as nearly always, nothing is odd."""
    return [path if path.isascii() or not _is_not_utf8(path) else _shown(path) for path in paths]


def _why(error):
    """The system's words for an OSError, with a remedy where there is an obvious one."""
    words = (error.strerror or str(error)).lower()
    return f"{words} (give the user that runs this leave to read it)" if isinstance(error, PermissionError) else words
