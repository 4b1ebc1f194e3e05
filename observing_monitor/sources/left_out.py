"""Files of a folder that its settings leave out."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from observing_monitor.readers.listing import shown_all
from observing_monitor.sources.shared.skipped import is_skipped

if TYPE_CHECKING:
    from pathlib import Path

    from observing_monitor.readers.listing import Listing


class LeftOut:
    """Files of a night that the settings leave out."""

    def __init__(
        self, root: Path, skip: list[str], whole_folders: list[str], listing: Listing
    ) -> None:
        self._root = os.path.join(root, "")
        self._skip = skip
        self._whole_folders = whole_folders
        self._listing = listing

    def is_left_out(self, file_id: str, path: str, was_there: bool) -> bool:
        """True if the settings leave out a file.

        It is skipped; or a part of a folder that counts as one file; or a folder that does so no
        longer; or it is still there, outside the folder that is read now.
        """
        *folders, _ = file_id.split("/")
        return (
            is_skipped(file_id, self._skip)
            or any(is_skipped(folder, self._whole_folders) for folder in folders)
            or file_id in self._folders
            or (was_there and not path.startswith(self._root) and os.path.lexists(path))
        )

    @functools.cached_property
    def _folders(self) -> set[str]:
        """Return all folders with files."""
        found: set[str] = set()
        for path in shown_all(self._listing.paths):
            while (path := path.rpartition("/")[0]) and path not in found:
                found.add(path)
        return found
