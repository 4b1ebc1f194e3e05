"""Run `python -m observing_monitor`: the same as the command `observing_monitor`."""

from __future__ import annotations

from observing_monitor.cli import command_line

if __name__ == "__main__":
    command_line()
