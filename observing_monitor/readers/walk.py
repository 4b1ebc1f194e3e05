"""List the files below a folder without opening any."""

from __future__ import annotations

import os
import stat
import struct
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import night_named
from observing_monitor.readers.listing import (
    ABSENT,
    LARGEST,
    Listing,
    is_not_utf8,
    packed,
    shown,
)

if TYPE_CHECKING:
    import datetime


# the bits of a mode that give the kind, and their values
_KIND, _FILE, _LINK, _FOLDER = 0o170000, stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR
_NO_KIND = -1

NightFolders = dict["datetime.date", list[str]]


def list_folders(
    root: str, folders: list[str], whole: tuple[str, ...], nights: NightFolders | None = None
) -> Listing:
    """List folders at any depth.

    Parameters
    ----------
    root
        The tree's root.
    folders
        Paths below the root; "" for the root itself.
    whole
        Patterns of folders that count as one file each, such as `*.ms`.
    nights
        If given, folders named after a night are added to it and not listed: night -> paths.
    """
    return Walk(root, whole, nights).list_all(folders)


def list_values(root: str, folders: list[str], whole: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the `values()` of a Listing.

    It is called in a process of its own.
    """
    return list_folders(root, folders, whole).values()


class Walk:
    """One walk through the folders of a tree; see `list_folders`."""

    def __init__(self, root: str, whole: tuple[str, ...], nights: NightFolders | None) -> None:
        self.root = root
        self.whole = whole
        self.nights = nights
        self.listing = Listing()
        self._place = os.path.join(root, "")
        self._seen: set[tuple[int, int]] = set()  # device and inode of each folder

    def list_all(self, folders: list[str]) -> Listing:
        """Return the Listing of folders, at any depth."""
        listing = self.listing
        to_do: list[tuple[str, os.stat_result | None]] = [
            (folder, None) for folder in reversed(folders)
        ]
        while to_do:
            folder, state = to_do.pop()
            place = self._place + folder
            try:
                # before the listing: a file that is added meanwhile is seen by the next look
                state = state or os.stat(place)
                # relative to an open folder, names are found without walking a path each
                opened = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    to_do.extend(reversed(self._list_one(opened, folder, state)))
                finally:
                    os.close(opened)
            except OSError as error:
                self._note(folder, f"{reason(error)}; its files stay as last seen")
                listing.unread.append(folder)
                # a change of permissions does not change a folder's time: list it again
                listing.folders[folder] = ABSENT
        return listing

    def _list_one(
        self, opened: int, folder: str, state: os.stat_result
    ) -> list[tuple[str, os.stat_result | None]]:
        """List one open folder.

        Returns the folders in it that must be listed too.
        """
        if (state.st_dev, state.st_ino) in self._seen:  # a symlink that leads back
            return []
        self._seen.add((state.st_dev, state.st_ino))
        self.listing.folders[folder] = state.st_mtime_ns
        prefix = folder + "/" if folder else ""
        # not os.scandir: its entries cost as much as the names, and `stat` has all they know
        names = os.listdir(opened) if self.nights is None else self._other_names(opened, prefix)
        names.sort()
        return [
            (path, state)
            for path, state, is_link in self._add_files(opened, prefix, names)
            if self._is_entered(path, is_link)
        ]

    def _add_files(
        self, opened: int, prefix: str, names: list[str]
    ) -> list[tuple[str, os.stat_result, bool]]:
        """Add a folder's files, and return its folders.

        Each folder is its path, its state, and True for a symlink.
        """
        listing, numbers, lstat, stat_target = self.listing, self.listing.numbers, os.lstat, os.stat
        is_ascii = (prefix + "".join(names)).isascii()
        kept: list[str] = []
        listing.parts.append((prefix, kept))
        folders: list[tuple[str, os.stat_result, bool]] = []
        for name in names:
            if name[0] == ".":  # hidden, or a file that rsync is still writing (.NAME.XXXXXX)
                continue
            try:
                state = own = lstat(name, dir_fd=opened)
            except OSError as error:
                self._note_unseen(prefix + name, error)
                continue
            kind, link_ns, is_dangling = own.st_mode & _KIND, ABSENT, False
            if kind == _LINK:
                link_ns = own.st_mtime_ns
                try:
                    state = stat_target(name, dir_fd=opened)
                    kind = state.st_mode & _KIND
                except OSError as error:
                    kind, is_dangling = self._lost_target(prefix + name, error)
            if kind == _FOLDER:
                folders.append((prefix + name, state, state is not own))
                continue
            if kind != _FILE:
                self._note_kind(prefix + name, kind)
                continue
            if not is_ascii and is_not_utf8(prefix + name):
                self._note(prefix + name, "its name is not UTF-8; shown with its bytes as \\x..")
            try:
                # not by a function: a large night has 400,000 entries
                numbers.frombytes(
                    packed(
                        state.st_size,
                        state.st_mtime_ns,
                        own.st_ctime_ns,  # a link is as old as its own arrival
                        state.st_dev,
                        state.st_ino,
                        state.st_nlink,
                        link_ns,
                        is_dangling,
                    )
                )
            except struct.error:
                self._add_large(state, own.st_ctime_ns, link_ns, is_dangling)
            kept.append(name)
        return folders

    def _lost_target(self, path: str, error: OSError) -> tuple[int, bool]:
        """Return the kind of a symlink without a target, and if it dangles.

        A target that can't be looked at is noted; its kind is _NO_KIND.
        """
        if isinstance(error, FileNotFoundError):
            return _FILE, True
        self._note_lost(path, error)
        return _NO_KIND, False

    def _add_large(
        self, state: os.stat_result, changed_ns: int, link_ns: int, is_dangling: bool
    ) -> None:
        """Add numbers of a file, some of which 64 bits can't hold."""
        device, inode = state.st_dev & LARGEST, state.st_ino & LARGEST
        row = (state.st_size, state.st_mtime_ns, changed_ns, device, inode, state.st_nlink)
        self.listing.add_numbers((*row, link_ns, is_dangling))

    def _other_names(self, opened: int, prefix: str) -> list[str]:
        """Return the names in a folder, without nights' folders.

        These, which are nearly all of a long history, are added to `nights` without a `stat`.
        """
        names = []
        nights = self.nights if self.nights is not None else {}
        with os.scandir(opened) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False) and not self._is_whole(entry.name)
                if is_folder and (night := night_named(entry.name)):
                    nights.setdefault(night, []).append(prefix + entry.name)
                else:
                    names.append(entry.name)
        return names

    def _is_entered(self, path: str, is_link: bool) -> bool:
        """True if a folder must be listed too.

        False if it counts as one file, or is named after a night while these are collected.
        """
        name = path.rpartition("/")[2]
        if self.whole and self._is_whole(name):
            self._add_whole(path)
        elif self.nights is not None and (night := night_named(name)):
            self.nights.setdefault(night, []).append(path)
        else:
            return not (is_link and self._is_alias(os.path.join(self.root, path)))
        return False

    def _is_whole(self, name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in self.whole)

    def _is_alias(self, path: str) -> bool:
        """True if a linked folder is listed anyway.

        An example is `latest`, which links to the newest folder of the tree.
        """
        inside = os.path.relpath(os.path.realpath(path), os.path.realpath(self.root)).split(os.sep)
        return not any(part.startswith(".") and part != "." for part in inside)

    def _add_whole(self, path: str) -> None:
        """Add a folder that counts as one file.

        Its size is -1, because a sum would cost a walk.
        """
        try:
            state = os.stat(os.path.join(self.root, path))
        except OSError as error:
            self._note_lost(path, error)
            return
        numbers = (
            state.st_mtime_ns,
            state.st_ctime_ns,
            state.st_dev & LARGEST,
            state.st_ino & LARGEST,
        )
        self.listing.add(path, (-1, *numbers, 1, ABSENT, False))

    # --- notes ----------------------------------------------------------------------------------

    def _note(self, path: str, words: str) -> None:
        self.listing.notes.append(f"{shown(os.path.join(self.root, path))}: {words}")

    def _note_kind(self, path: str, kind: int) -> None:
        if kind != _NO_KIND:
            self._note(path, "not a file (a pipe, a socket or a device); left out")

    def _note_unseen(self, path: str, error: OSError) -> None:
        """Note a file that can't be looked at.

        Raises PermissionError: the folder's names may then be read, but nothing else of it.
        """
        if isinstance(error, FileNotFoundError):
            self._note(path, "vanished while it was looked at")
        elif isinstance(error, PermissionError):
            raise error
        else:
            self._note_lost(path, error)

    def _note_lost(self, path: str, error: OSError) -> None:
        self._note(path, reason(error))
        self.listing.unseen.append((shown(path), reason(error)))


def reason(error: OSError) -> str:
    """Return the system's words for an error.

    A remedy is added if one is obvious.
    """
    remedy = " (let the user that runs this read it)"
    return os_error_text(error) + (remedy if isinstance(error, PermissionError) else "")
