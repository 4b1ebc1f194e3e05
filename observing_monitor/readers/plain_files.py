"""Open plain files, never pipes, devices or folders."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model.messages import os_error_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import BufferedReader


def open_plain(
    path: str | os.PathLike[str], roots: Iterable[str | os.PathLike[str]] | None = None
) -> BufferedReader:
    """Open a plain file for reading in binary.

    Anything else is refused at once: opening a pipe that has no writer would never return.

    Parameters
    ----------
    path
        The file, or a link to it.
    roots
        The folders that the file may lie in, once all links are resolved. None allows any.

    Raises
    ------
    OSError
        If there is no such file, it may not be read, is not plain, or lies outside `roots`.
        Its `strerror` says which.
    """
    real = os.path.realpath(path, strict=True)
    if roots is not None and not any(
        os.path.commonpath([real, folder]) == folder for folder in map(os.path.realpath, roots)
    ):
        raise PermissionError(
            errno.EPERM, "it lies outside the folders that are read", os.fspath(path)
        )
    # O_NOFOLLOW: the path may have become a link since it was resolved
    number = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "it is not a plain file", os.fspath(path))
    return open(number, "rb")


def is_address(place: object) -> bool:
    """Return True for an address such as `s3://bucket/prefix`."""
    return "://" in str(place)


def unreadable(path: object, error: OSError) -> SourceError:
    """Return the error for a file that can't be read."""
    words = "the user that runs this must be able to read it"
    return SourceError(f"{path}: {os_error_text(error)}; {words}")
