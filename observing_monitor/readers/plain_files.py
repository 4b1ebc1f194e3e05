"""Open plain files only: never a pipe, a device or a folder."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import BufferedReader


def open_plain(
    path: str | os.PathLike[str], roots: Iterable[str | os.PathLike[str]] | None = None
) -> BufferedReader:
    """A file of others opened for reading in binary, if it is a plain one and lies, all links resolved, in one of `roots` (None: anywhere).

    OSError else, whose `strerror` says why. What is no plain file is never waited for: a pipe without a writer would keep us for ever.
    """
    real = os.path.realpath(path, strict=True)
    if roots is not None and not any(
        os.path.commonpath([real, folder]) == folder for folder in map(os.path.realpath, roots)
    ):
        raise PermissionError(
            errno.EPERM, "it lies outside the folders that are read", os.fspath(path)
        )
    # what became a link meanwhile is not opened
    number = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "it is not a plain file", os.fspath(path))
    return open(number, "rb")


def is_address(place: object) -> bool:
    """Whether a place is an object store's (`s3://bucket/prefix`) rather than a path of this machine."""
    return "://" in str(place)


def why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
