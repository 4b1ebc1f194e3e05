"""Deliver a change by running a program."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import IO, TYPE_CHECKING

from observing_monitor.feeds.delivery import DeliveryError, as_json, reason
from observing_monitor.model.messages import os_error_text
from observing_monitor.processes.tuning import inherited_environment

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

    from observing_monitor.feeds.change import Change
    from observing_monitor.settings.receivers import CommandSettings


GRACE_S = 2  # for a program that was asked to end, before it is killed
LAST_BYTES = 2000  # of its output are searched for its last line


def deliver_by_command(settings: CommandSettings, change: Change) -> None:
    """Run the command of a receiver, with the change's facts."""
    # not OBSMON_…: a command that calls this program must not set its options
    facts = {f"OBSERVING_MONITOR_{name.upper()}": value for name, value in asdict(change).items()}
    run_program(settings.command, as_json(change), settings.timeout_s, settings.folder, facts)


def run_program(
    command: Sequence[str],
    stdin: bytes,
    timeout_s: float,
    folder: Path | None = None,
    variables: dict[str, str] | None = None,
) -> None:
    """Run a program without a shell, for a limited time.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    stdin : bytes
        What it reads.
    timeout_s : float
    folder : Path, optional
        Where it runs.
    variables : dict, optional
        Environment variables to add to those that this process was started with.

    Raises
    ------
    DeliveryError
        It cannot start, fails, or takes longer.
    """
    import subprocess
    import tempfile

    # files instead of pipes: a program that it leaves behind cannot keep this run waiting
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output:
        given.write(stdin)
        given.seek(0)
        try:
            process = subprocess.Popen(
                list(command),
                stdin=given,
                stdout=output,
                stderr=output,
                cwd=folder,
                env=inherited_environment() | (variables or {}),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise DeliveryError(f"{command[0]} can't be run ({os_error_text(error)})") from error
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            _end_group(process)
            late = f"{command[0]} took longer than {timeout_s:g} s and was ended"
            raise DeliveryError(late) from None
        if code:
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise DeliveryError(f"{command[0]} {how}{_last_line(output)}")


def _last_line(output: IO[bytes]) -> str:
    """Return `: ` and the last line of an output, if any."""
    output.seek(max(0, output.seek(0, os.SEEK_END) - LAST_BYTES))
    lines = output.read().decode(errors="replace").strip().splitlines()
    return f": {reason(lines[-1])}" if lines else ""


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started."""
    import signal
    import subprocess

    for number, patience_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, None)):
        _signal_group(process.pid, number)
        try:
            process.wait(patience_s)
            break
        except subprocess.TimeoutExpired:
            continue
    _signal_group(process.pid, signal.SIGKILL)  # what it started may still run


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return
