"""Exit codes of the commands."""

from __future__ import annotations

OK = 0
INCOMPLETE = 1  # pages were made, but something failed
USAGE = 2  # the command line, the settings or the output are wrong
LOCKED = 75  # another run is writing to the same output
STOPPED = 130  # by Ctrl-C
