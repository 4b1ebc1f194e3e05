"""The encoding, standard streams and working folder of a process."""

from __future__ import annotations

import os
import sys


def suit_surroundings() -> None:
    """Make the process independent of how it was started.

    It may start Python again, so call it first.

    In a locale with another encoding, the same file name would be another text, and so another
    file. Python is then started again in its UTF-8 mode. That mode is an option and no environment
    variable, so that programs that a run starts keep the encoding of the user.
    """
    _open_streams()
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _open_streams() -> None:
    """Open standard streams, and let them show any text.

    The next file that is opened takes the number of a closed one, and would get what is printed.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for name, place in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(place, "w", closefd=False, errors="backslashreplace"))
        else:
            # a narrow encoding (LC_ALL=C) is no reason to fail
            stream.reconfigure(errors="backslashreplace")


def is_folder_gone() -> bool:
    """True if the working folder was removed."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False
