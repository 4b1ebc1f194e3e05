"""Open plain files, never pipes, devices or folders.

Files of the program and of its sources are opened here, or with `plain` as the opener: a pipe that
nobody writes to, or reads from, would hold up a run for ever.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model.messages import os_error_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import BufferedReader


PAUSE_S = 0.01  # between two looks at a pipe


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
    try:
        return open(plain(real, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except IsADirectoryError as error:
        raise _not_plain(path) from error


def plain(path: str | os.PathLike[str], flags: int) -> int:
    """Open or create a plain file, as the `opener` of Python's `open`.

    Raises OSError at once for anything else; its `strerror` says so.
    """
    number = unblocked(path, flags)
    mode = os.fstat(number).st_mode
    if stat.S_ISREG(mode):
        return number
    os.close(number)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    raise _not_plain(path)


def unblocked(path: str | os.PathLike[str], flags: int) -> int:
    """Open anything without waiting, as the `opener` of Python's `open`.

    Neither reading nor writing waits then. Raises OSError for a pipe that nobody reads.
    """
    try:
        return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise _not_plain(path) from error
        raise


def check_plain(path: str | os.PathLike[str]) -> None:
    """Raise OSError if a path exists, and is not a plain file."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise _not_plain(path)


def _not_plain(path: str | os.PathLike[str]) -> OSError:
    return OSError(errno.EINVAL, "it is not a plain file", os.fspath(path))


def read_pipe(path: str | os.PathLike[str], most_bytes: int, limit_s: float) -> bytes:
    """Return what comes through a pipe or from a device.

    Raises
    ------
    OSError
        If that is more than `most_bytes`, or has not ended after `limit_s`.
    """
    end = time.monotonic() + limit_s
    data = b""
    with open(path, "rb", 0, opener=unblocked) as pipe:
        is_pipe = stat.S_ISFIFO(os.fstat(pipe.fileno()).st_mode)
        while len(data) <= most_bytes:
            part = pipe.read(1 << 16)
            # a pipe that nobody has opened for writing yet is empty as well
            if part == b"" and (data or not is_pipe):
                return data
            data += part or b""
            if time.monotonic() > end:
                words = f"what comes through it has not ended after {limit_s:g} s"
                raise TimeoutError(errno.ETIMEDOUT, words, os.fspath(path))
            if not part:
                time.sleep(PAUSE_S)
    raise OSError(errno.EFBIG, f"it has more than {most_bytes:,} bytes", os.fspath(path))


def is_address(place: object) -> bool:
    """Return True for an address such as `s3://bucket/prefix`."""
    return "://" in str(place)


def unreadable(path: object, error: OSError) -> SourceError:
    """Return the error for a file that can't be read."""
    words = "the user that runs this must be able to read it"
    return SourceError(f"{path}: {os_error_text(error)}; {words}")
