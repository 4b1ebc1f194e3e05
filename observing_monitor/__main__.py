"""Run the command `observing_monitor` as a module."""

from __future__ import annotations

from observing_monitor.cli import command_line

if __name__ == "__main__":
    command_line()
