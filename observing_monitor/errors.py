"""Exceptions that this package raises on purpose.

    ObservingMonitorError
    ├── UsageError      wrong command line or settings; nothing was done (exit code 2)
    ├── OutputError     the output cannot be written or read; nothing can be done (exit code 2)
    │   ├── ForeignFileError  others wrote a file that is in the way
    │   └── SilentOutputError  the object store of the output does not answer any more
    ├── LockedError     another run holds the lock of the output (exit code 75)
    ├── ClusterError    the workers are lost; what they finished is kept (exit code 1)
    ├── StoreError      the tables of one night cannot be read back
    └── SourceError     one source cannot be read; its earlier data are kept

Every message names the path, night or setting, says what is wrong and, after a semicolon,
what to do.
"""

from __future__ import annotations


class ObservingMonitorError(Exception):
    """Base of all errors that this package raises on purpose."""


class UsageError(ObservingMonitorError):
    """The command line or the settings file asks for something impossible."""


class OutputError(ObservingMonitorError):
    """The output folder cannot be created, written or read."""


class ForeignFileError(OutputError):
    """A file of others is in the way."""


class SilentOutputError(OutputError):
    """The object store of the output does not answer any more."""


class LockedError(ObservingMonitorError):
    """Another run is writing to the same output."""


class ClusterError(ObservingMonitorError):
    """The workers of a cluster are lost; what they finished is kept."""


class StoreError(ObservingMonitorError):
    """The tables of a night exist but cannot be read."""


class SourceError(ObservingMonitorError):
    """A source did not answer; its earlier data are kept."""
