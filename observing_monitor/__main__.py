"""`python -m observing_monitor` is the command `observing_monitor`."""

import sys

from observing_monitor.cli import main

if __name__ == "__main__":
    sys.exit(main())
