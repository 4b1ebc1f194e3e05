"""Files that are ours, and files that are unchanged.

A file is ours if it carries our sign (`storage.marks`), or if `.observing_monitor` lists it with
its digest. No other file is ever replaced or removed. A listed file that was changed is still ours;
if it has no sign any more, it is set aside before it is replaced.
"""

from __future__ import annotations

import logging
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from observing_monitor.errors import ForeignFileError, OutputError
from observing_monitor.model.digest import hex_digest, short_fingerprint
from observing_monitor.storage import layout
from observing_monitor.storage.ledger import BY_PATH, Entry, Ledger, read_ledger

if TYPE_CHECKING:
    from typing import Self


log = logging.getLogger(__name__)

# pages of Rubin's prototype
_PROTOTYPE = r"(?:index|\d{4}-\d\d-\d\d)(?:_gen[23])?\.html"
_WAYS = (
    "choose another output_dir, or see with `observing_monitor adopt` and the same options "
    "which files it would take over"
)
# Bytes of a file that is read to compare it. Lists of a million files are smaller.
MOST_READ = 1_000_000_000


class Ownership(ABC):
    """The part of an output that knows our files.

    Attributes
    ----------
    is_store : bool
        True if the output is a store alone, whose files are ours by their paths.
    is_rewriting : bool
        True if every page counts as altered.
    """

    is_store = False
    is_rewriting = False
    _ledger: Ledger | None = None

    # --- what a folder and an object store do in their own ways ---------------------------------

    @abstractmethod
    def path(self, *parts: str) -> str:
        """Return the full path or address of a file, as messages name it."""

    @abstractmethod
    def read(self, relative: str) -> bytes | None:
        """Return a file's bytes; None if it does not exist."""

    @abstractmethod
    def exists(self, relative: str) -> bool:
        """True if a file or folder exists."""

    @abstractmethod
    def _state(self, relative: str) -> str | None:
        """Return a text that differs if a file changed.

        None if there is no file.
        """

    @abstractmethod
    def _ends(self, relative: str) -> tuple[bytes, bytes]:
        """Return the beginning and the end of a file."""

    @abstractmethod
    def _move(self, relative: str, to: str) -> None:
        """Rename a file without asking whose it is."""

    def _is_same_state(self, listed: str, state: str) -> bool:
        return listed == state

    # --- the list -------------------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """The list of our files."""
        if self._ledger is None:
            data = self.read(layout.LEDGER)
            self._ledger = read_ledger(data)
            is_empty = not (data or b"").strip(b"\0")
            if not is_empty and self._ledger.is_new and not self._is_marked(layout.LEDGER):
                self._ledger = None
                raise self.foreign_error(layout.LEDGER)
        return self._ledger

    def rewrite_all(self) -> None:
        """Let every page count as altered: `publish --all`."""
        self.is_rewriting = True

    def is_listed(self, relative: str) -> bool:
        """True if a file is in the list."""
        return self._entry(relative) is not None

    def _entry(self, relative: str) -> Entry | None:
        """Return what is listed of a file, or None."""
        name, _ = self._listed_name(relative)
        if name.endswith("/"):
            is_there = self.ledger.has_name(name, relative.removeprefix(name))
            return BY_PATH if is_there else None
        return self.ledger.get(name)

    def has_ledger(self) -> bool:
        """True if a run has listed our files already."""
        return not self.ledger.is_new

    def _listed_name(self, relative: str) -> tuple[str, bool]:
        """Return a file's name in the list.

        And True if it is listed by its path alone.
        """
        if self.is_store:
            return layout.listed_name(relative), True
        if relative.startswith(f"{layout.STORE}/"):
            return layout.listed_name(relative), True
        return relative, relative in layout.EVERY_RUN

    def _list(self, relative: str, state: str, digest: str, key: str = "") -> None:
        """List a file that is as it should be."""
        if relative == layout.LEDGER:
            return
        name, is_by_path = self._listed_name(relative)
        if name.endswith("/"):
            self.ledger.add_name(name, relative.removeprefix(name))
        else:
            self.ledger.put(name, BY_PATH if is_by_path else Entry(state, digest, key))

    def list_by_path(self, relative: str) -> None:
        """List a file by its path."""
        if not self.is_listed(relative):
            self._list(relative, "", "")

    def adopt(self, relative: str) -> None:
        """List a file of others as ours."""
        state = self._state(relative)
        if state is not None:
            self._list(relative, state, digest_of(self.read(relative) or b""))

    # --- whose is it ----------------------------------------------------------------------------

    def is_foreign(self, relative: str) -> bool:
        """True if others wrote a file.

        So did they if it is no plain file, such as a link.
        """
        try:
            state = self._state(relative)
        except OutputError:
            return True
        return state is not None and not self._is_ours(relative, state)

    def _check_ours(self, relative: str) -> None:
        """Raise ForeignFileError if a file may not be replaced.

        A listed file without our sign is set aside.
        """
        state = self._state(relative)
        if state is None or self._is_ours(relative, state):
            return
        if not self.is_listed(relative):
            raise self.foreign_error(relative)
        aside = self._aside(relative)
        log.warning(
            "%s: was changed by somebody else; their version is kept as %s",
            self.path(relative),
            aside.rpartition("/")[2],
        )
        self._move(relative, aside)

    def _leave_foreign(self, relative: str) -> bool:
        """True if others wrote a file; log it."""
        if not self.is_foreign(relative):
            return False
        words = "observing_monitor did not write it; it is not removed"
        log.warning("%s: %s", self.path(relative), words)
        return True

    def _drop(self, relative: str) -> None:
        """Remove a file from the list."""
        self.ledger.drop(relative)

    def _aside(self, relative: str) -> str:
        """Return a free name next to a file."""
        number, name = 1, f"{relative}.found"
        while self._state(name) is not None:
            number += 1
            name = f"{relative}.found-{number}"
        return name

    def _is_ours(self, relative: str, state: str) -> bool:
        entry = self._entry(relative)
        if entry is not None and (not entry.digest or self._is_same_state(entry.state, state)):
            return True
        if self._is_marked(relative) or self._is_of_prototype(relative):
            return True
        if entry is None:
            return self._is_blank(relative, state)
        if _has_other_size(entry.state, state):
            return self._is_blank(relative, state)
        data = self.read(relative) or b""
        return not data.strip(b"\0") or digest_of(data) == entry.digest

    def _is_blank(self, relative: str, state: str) -> bool:
        """True if a file is empty or all zeros.

        A power failure leaves such files, and the list as well. Nothing in them can be lost.
        """
        is_huge = _size_of(state) > MOST_READ
        if is_huge or any(end.strip(b"\0") for end in self._ends(relative)):
            return False
        return not (self.read(relative) or b"").strip(b"\0")

    def _is_marked(self, relative: str) -> bool:
        # a run with nothing new has it all in the list
        from observing_monitor.storage import marks

        head, tail = self._ends(relative)
        if marks.is_marked(relative, head, tail):
            return True
        is_asset = relative.startswith(f"{layout.ASSETS}/")
        return is_asset and marks.is_marked(relative, head, tail, self.read(relative))

    def _is_of_prototype(self, relative: str) -> bool:
        """True for a page next to the prototype's database."""
        folder, _, name = relative.rpartition("/")
        return bool(re.fullmatch(_PROTOTYPE, name)) and self.exists(
            layout.in_folder(folder, layout.PROTOTYPE_DATABASE)
        )

    def foreign_error(self, relative: str) -> ForeignFileError:
        """Return the error about a file of others."""
        words = "observing_monitor did not write this file, so it stays as it is"
        ways = _WAYS if relative != layout.LEDGER else "choose another output_dir, or rename it"
        return ForeignFileError(f"{self.path(relative)}: {words}; {ways}")

    # --- is it as we wrote it -------------------------------------------------------------------

    def listed_key(self, relative: str) -> str | None:
        """Return the fingerprint of the listed page.

        None if the page is not listed.
        """
        entry = self.ledger.get(relative)
        return None if entry is None or not entry.digest else entry.key

    def is_intact(self, relative: str, key: str = "") -> bool:
        """True if a file is as it was written.

        Parameters
        ----------
        relative : str
        key : str, optional
            The fingerprint that the page should have.
        """
        state = None if self.is_rewriting else self._state(relative)
        if state is None:
            return False
        entry = self.ledger.get(relative)
        if entry is not None and entry.digest:
            if key and entry.key != key:
                return False
            if self._is_same_state(entry.state, state):
                return True
            if _has_other_size(entry.state, state):
                return False
        if _size_of(state) > MOST_READ:
            return False
        from observing_monitor.storage import marks

        data = self.read(relative) or b""
        digest = digest_of(data)
        if entry is not None and entry.digest:
            is_same = digest == entry.digest
        else:
            is_made_of = not key or marks.made_of(data) == short_fingerprint(key)
            is_same = is_made_of and marks.is_whole(relative, data)
        if is_same:
            self._list(relative, state, digest, key or (entry.key if entry else ""))
        return is_same

    def is_whole(self, relative: str) -> bool:
        """True if a page seems to be whole."""
        from observing_monitor.storage import marks

        data = self.read(relative)
        return data is not None and marks.is_whole(relative, data)

    def _with_ledger_of(self, made: Self, beginnings: tuple[str, ...]) -> Self:
        """Give a worker's output its part of the list."""
        names = (self._listed_name(beginning)[0] for beginning in beginnings)
        made._ledger = self.ledger.part({*names, *beginnings})
        return made


def _size_of(state: str) -> int:
    """Return the size that a state begins with."""
    size = state.partition("-")[0]
    return int(size) if size.isdecimal() else 0


def _has_other_size(listed: str, state: str) -> bool:
    return bool(listed) and _size_of(listed) != _size_of(state)


def digest_of(data: bytes) -> str:
    """Return the digest that a file is listed with."""
    return hex_digest(data, n_bytes=12)
