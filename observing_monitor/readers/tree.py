"""Directory trees with folders named after nights.

File stores and `raw/` of Gen2 repositories are such trees. Only names and times are read, never a
file. The night of a file outside such folders is that of the file's own time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model.wording import n_of
from observing_monitor.readers.listing import ABSENT, Entry, Listing, shown, shown_all
from observing_monitor.readers.walk import list_folders, list_values, reason

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable
    from typing import Any

    from observing_monitor.model.nights import NightRule
    from observing_monitor.readers.walk import NightFolders


# nights whose listings are kept: a source may read a night and its neighbours
MAX_LISTINGS = 3


class NightTree:
    """One look at a tree.

    Each part is listed once, when it is asked for.

    Parameters
    ----------
    root
        The tree's root.
    rule
        Gives the night of a file outside night folders.
    what
        The tree in words, for messages: "file store".
    whole
        Patterns of folders that count as one file each, such as `*.ms`.
    is_optional
        True if a missing root counts as an empty tree.
    """

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
        self._place = os.path.join(self.root, "")
        self.is_optional = is_optional
        self.rule = rule
        self.whole = tuple(whole)
        self.what = what
        # night -> its folders, and the files outside these
        self._skeleton: tuple[NightFolders, Listing] | None = None
        # night -> rows of the files outside night folders
        self._loose: dict[datetime.date | None, list[int]] = {}
        self._listings: dict[datetime.date | None, Listing] = {}
        # night -> waits for another process, and returns the values of its listing
        self._begun: dict[datetime.date, Callable[[], tuple[Any, ...] | None]] = {}
        self._digests: dict[datetime.date | None, str] = {}
        self._all_loose: frozenset[str] | None = None

    def night_folders(self) -> NightFolders:
        """Return night -> folders named after it.

        The paths are below the root, and sorted.

        Raises
        ------
        SourceError
            If the root can't be listed.
        """
        return self._walk_skeleton()[0]

    def nights(self) -> set[datetime.date]:
        """Return the nights of all folders and loose files."""
        return set(self.night_folders()) | {night for night in self._loose if night}

    def loose(self, night: datetime.date) -> list[Entry]:
        """Return the night's loose files.

        These lie outside night folders, and their own time is in the night.
        """
        listing = self._walk_skeleton()[1]
        return [listing.entry(row) for row in self._loose.get(night, [])]

    def all_loose(self) -> frozenset[str]:
        """Return the file_ids of all loose files, of any night."""
        if self._all_loose is None:
            self._all_loose = frozenset(shown_all(self._walk_skeleton()[1].paths))
        return self._all_loose

    def folder_times(self, folders: Iterable[str]) -> dict[str, int | None]:
        """Return folders' modification times in ns.

        None for a folder that is not there. Costs one `stat` per folder.
        """
        times: dict[str, int | None] = {}
        for folder in folders:
            try:
                times[folder] = os.stat(self._place + folder).st_mtime_ns
            except OSError:
                times[folder] = None
        return times

    def begin(self, night: datetime.date, n_files: int, imports: Iterable[str] = ()) -> None:
        """List a large night in another process.

        This process imports modules meanwhile. To list so many files takes as long as to import
        pandas, and Python's threads would do one after the other.

        Parameters
        ----------
        night
            A night that has changed since the last look.
        n_files
            Its number of files then. If they are few, nothing is done.
        imports
            Modules that the night will be read with.
        """
        from observing_monitor.processes import parallel, workers

        if night not in self._listings and n_files >= workers.VERY_MANY:
            self._begun[night] = parallel.start_process(
                list_values, self.root, self.night_folders().get(night, []), self.whole
            )
            parallel.import_ahead(imports)

    def list_night(self, night: datetime.date) -> Listing:
        """Return the files of a night.

        These are the files in its folders, at any depth, and loose ones.
        """
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

    def outside(self) -> Listing:
        """Return the files outside the folders of nights."""
        return self._walk_skeleton()[1]

    def fault_of(self, night: datetime.date) -> str:
        """Return why folders of a night could not be listed, or "".

        These are its own folders and those in them. Of several the first is named.
        """
        own = self.night_folders().get(night, [])
        unread = [
            folder
            for folder in self.list_night(night).unread
            if any(folder == one or folder.startswith(f"{one}/") for one in own)
        ]
        if not unread:
            return ""
        place = shown(self._place + unread[0])
        notes = self.list_night(night).notes
        words = next((note for note in notes if note.startswith(f"{place}: ")), place)
        return words + (f" (and {n_of(len(unread) - 1, 'more folder')})" if unread[1:] else "")

    def forget(self, night: datetime.date) -> None:
        """Free the memory of a night's Listing."""
        self._listings.pop(night, None)

    def digest(self, night: datetime.date | None = None) -> str:
        """Return the digest of a night's Listing.

        None stands for the whole tree.
        """
        if night not in self._digests:
            listing = self.list_all() if night is None else self.list_night(night)
            self._digests[night] = listing.digest()
        return self._digests[night]

    def list_all(self) -> Listing:
        """Return all files of the tree.

        This is for trees that are not organised by night.
        """
        if None not in self._listings:
            self._keep(None, self._list([""]))
        return self._listings[None]

    def _keep(self, night: datetime.date | None, listing: Listing) -> None:
        """Keep a listing, and drop the oldest."""
        nights = [kept for kept in self._listings if kept is not None]
        if len(nights) >= MAX_LISTINGS:
            del self._listings[nights[0]]
        self._listings[night] = listing

    def _night_of(self, entry: Entry) -> datetime.date | None:
        try:
            return self.rule.night_of_ns(entry.mtime_ns)
        except OverflowError:  # beyond the calendar: the file was known today at the latest
            return self.rule.night_of_ns(entry.ctime_ns)

    def _walk_skeleton(self) -> tuple[NightFolders, Listing]:
        """Return the folders of the nights, and everything outside them."""
        if self._skeleton is None:
            nights: NightFolders = {}
            try:
                os.listdir(self.root)
            except OSError as error:
                if self.is_optional and isinstance(error, FileNotFoundError):
                    self._skeleton = {}, Listing()
                    return self._skeleton
                words = f"{reason(error)}; the {self.what} should be there and readable"
                raise SourceError(f"{self.root}: {words}") from error
            loose = self._list([""], nights)
            for row in range(len(loose)):
                self._loose.setdefault(self._night_of(loose.entry(row)), []).append(row)
            self._skeleton = {night: sorted(paths) for night, paths in nights.items()}, loose
        return self._skeleton

    def _list(self, folders: list[str], nights: NightFolders | None = None) -> Listing:
        return list_folders(self.root, folders, self.whole, nights)
