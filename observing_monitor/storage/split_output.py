"""Pages and store as two outputs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from observing_monitor.storage.layout import STORE
from observing_monitor.storage.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any

    from observing_monitor.errors import ForeignFileError


class SplitOutput(Output):
    """An output whose store (all files below `data/`) is elsewhere.

    Pages and store are two outputs, each a folder or in an object store. The store is not
    redacted.
    """

    def __init__(self, pages: Output, kept: Output) -> None:
        self.pages = pages
        self.kept = kept
        kept.is_store = True
        self.root, self.store, self.redaction = pages.root, kept.root, pages.redaction

    def _of(self, relative: str) -> tuple[Output, str]:
        """Return the output that has a file, and the file's path there."""
        first, _, rest = relative.partition("/")
        return (self.kept, rest) if first == STORE else (self.pages, relative)

    def path(self, *parts: str) -> str:
        """Return the full path or address of a file, as messages name it."""
        output, relative = self._of("/".join(filter(None, parts)))
        return output.path(relative) if relative else output.root

    def make(self) -> None:
        """Create the folders of both."""
        self.pages.make()
        self.kept.make()

    def sweep(self) -> None:
        """Remove the unfinished files of a killed run from both."""
        self.pages.sweep()
        self.kept.sweep()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold both locks.

        Another run may write other pages from the same store.
        """
        with self.pages.lock(), self.kept.lock():
            yield

    def is_locked(self) -> bool:
        """True if a run holds either lock."""
        return self.pages.is_locked() or self.kept.is_locked()

    def write(self, relative: str, data: str | bytes, key: str = "") -> None:
        """Write a file to the output that has it."""
        output, name = self._of(relative)
        output.write(name, data, key)

    def write_changed(self, relative: str, data: str | bytes) -> bool:
        """Write a file, unless it already holds exactly this."""
        output, name = self._of(relative)
        return output.write_changed(name, data)

    def write_parts(self, relative: str, parts: Iterable[bytes]) -> bool:
        """Write a file in parts, unless it already holds exactly these."""
        output, name = self._of(relative)
        return output.write_parts(name, parts)

    def parallel_writes(self, is_large: bool) -> AbstractContextManager[Callable[..., None]]:
        """Run functions that write files, as the output of the pages does."""
        return self.pages.parallel_writes(is_large)

    def append(self, relative: str, line: bytes) -> None:
        """Append a line to a file in the output that has it."""
        output, name = self._of(relative)
        output.append(name, line)

    def rename(self, relative: str, to: str) -> None:
        """Rename a file within the output that has it."""
        output, name = self._of(relative)
        output.rename(name, self._of(to)[1])

    def remove(self, relative: str) -> None:
        """Remove a file from the output that has it."""
        output, name = self._of(relative)
        output.remove(name)

    def exists(self, relative: str) -> bool:
        """True if a file or folder exists."""
        output, name = self._of(relative)
        return output.exists(name)

    def size(self, relative: str) -> int | None:
        """Return a file's length in bytes; None if it does not exist."""
        output, name = self._of(relative)
        return output.size(name)

    def names(self, folder: str) -> list[str]:
        """Return the names of the files and folders in a folder."""
        output, name = self._of(folder)
        return output.names(name)

    def prune(self, folder: str, ending: str, kept: Container[str]) -> None:
        """Remove our files with an ending, except some."""
        output, name = self._of(folder)
        output.prune(name, ending, kept)

    def read(self, relative: str) -> bytes | None:
        """Return a file's bytes; None if it does not exist."""
        output, name = self._of(relative)
        return output.read(name)

    # --- which files are ours -------------------------------------------------------------------

    def rewrite_all(self) -> None:
        """Let every page count as altered."""
        self.pages.rewrite_all()

    def has_ledger(self) -> bool:
        """True if the files of the pages are listed."""
        return self.pages.has_ledger()

    def write_ledger(self) -> None:
        """Write the lists of both outputs, if they changed."""
        self.pages.write_ledger()
        self.kept.write_ledger()

    def list_by_path(self, relative: str) -> None:
        """List a file by its path."""
        output, name = self._of(relative)
        output.list_by_path(name)

    def is_listed(self, relative: str) -> bool:
        """True if a file is in the list."""
        output, name = self._of(relative)
        return output.is_listed(name)

    def adopt(self, relative: str) -> None:
        """List a file that somebody else wrote."""
        output, name = self._of(relative)
        output.adopt(name)

    def is_foreign(self, relative: str) -> bool:
        """True if others wrote a file."""
        output, name = self._of(relative)
        return output.is_foreign(name)

    def foreign_error(self, relative: str) -> ForeignFileError:
        """Return the error about a file of others."""
        output, name = self._of(relative)
        return output.foreign_error(name)

    def check_folder(self, folder: str) -> None:
        """Raise OutputError if a folder is outside."""
        output, name = self._of(folder)
        output.check_folder(name)

    def listed_key(self, relative: str) -> str | None:
        """Return the fingerprint of the listed page."""
        return self.pages.listed_key(relative)

    def is_intact(self, relative: str, key: str = "") -> bool:
        """True if a file is as it was written."""
        output, name = self._of(relative)
        return output.is_intact(name, key)

    def is_whole(self, relative: str) -> bool:
        """True if a page seems to be whole."""
        return self.pages.is_whole(relative)

    # --- workers --------------------------------------------------------------------------------

    def part(self, *beginnings: str) -> SplitOutput:
        """Return the parts of both outputs for a worker."""
        placed = [self._of(beginning) for beginning in beginnings]
        return SplitOutput(
            *(
                output.part(*(name for of, name in placed if of is output))
                for output in (self.pages, self.kept)
            )
        )

    def changes(self) -> Any:
        """Return the changes of both outputs."""
        return self.pages.changes(), self.kept.changes()

    def learn(self, changes: Any) -> None:
        """Take over the changes of both outputs that a worker made."""
        for output, made in zip((self.pages, self.kept), changes or (), strict=False):
            output.learn(made)
