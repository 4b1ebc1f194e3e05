"""What can go wrong, as a caller may want to catch it.

    ObservingMonitorError
    ├── UsageError      the command line or the settings are wrong: nothing was done (exit 2)
    ├── OutputError     the output can't be written or read: nothing can be done (exit 2)
    ├── LockedError     another run holds the output's lock (exit 75)
    ├── StoreError      one night's tables can't be read back
    └── SourceError     one source can't be read: what is known of its nights stays as it was

Every message names the path, night or setting, says what is wrong with it and, after a semicolon, what to do.
"""

from __future__ import annotations


class ObservingMonitorError(Exception):
    """The base of all errors that this package raises on purpose."""


class UsageError(ObservingMonitorError):
    """The command line or the settings file asks for something that can't be."""


class OutputError(ObservingMonitorError):
    """The output folder can't be made, written, or read back."""


class LockedError(ObservingMonitorError):
    """Another run is at work on the same output."""


class StoreError(ObservingMonitorError):
    """A night's tables are there but can't be read."""


class SourceError(ObservingMonitorError):
    """A source didn't answer; only a source that answered can change a night."""


def one_line(error: BaseException, most: int = 300) -> str:
    """What an exception says, as one line of at most `most` characters: its first; its type's name where it says nothing."""
    first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return first if len(first) <= most else f"{first[:most]}…"
