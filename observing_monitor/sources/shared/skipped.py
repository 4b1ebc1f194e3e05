"""The setting `skip`: names that are not files yet."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING

from observing_monitor.model.wording import n_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_skipped(path: str, skip: Sequence[str]) -> bool:
    """True if a pattern fits the name at the end of a path."""
    name = path.rpartition("/")[2]
    return any(fnmatch(name, pattern) for pattern in skip)


def skipped_all(skip: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Return a sentence if all paths are skipped."""
    if not skip or not paths or not all(is_skipped(path, skip) for path in paths):
        return []
    words = f"leaves out {n_of(len(paths), 'file')}, which is all, such as {paths[0]!r}"
    return [f"skip {', '.join(skip)} {words}"]
