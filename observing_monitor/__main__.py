"""`python -m observing_monitor` is the command `observing_monitor`."""

from observing_monitor.cli import command_line

if __name__ == "__main__":
    command_line()
