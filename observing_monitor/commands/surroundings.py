"""Prepare the process: streams, limits and the working folder."""

from __future__ import annotations

import os
import sys


def suit_surroundings() -> None:
    """Let it not matter how this process was started; for the beginning of one.

    In a locale of another encoding the same name on a disk would be another text, and so another file: Python's UTF-8 mode begins anew.
    """
    _open_streams()
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _open_streams() -> None:
    """Have stdin, stdout and stderr open, and able to say anything, however this was started.

    Where one is closed, the next file that is opened gets its number, and what is printed would be written into that.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for name, place in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(place, "w", closefd=False, errors="backslashreplace"))
        else:
            stream.reconfigure(
                errors="backslashreplace"
            )  # what a narrow encoding (LC_ALL=C) lacks is no reason to end


def is_folder_gone() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False
