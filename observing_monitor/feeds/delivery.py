"""Parts of deliveries: error, time limit, JSON and secrets."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from observing_monitor.errors import ObservingMonitorError
from observing_monitor.feeds.change import plain
from observing_monitor.model.messages import os_error_text, shortened
from observing_monitor.processes.timelimit import CallThread, TooLateError
from observing_monitor.readers.plain_files import open_plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from observing_monitor.feeds.change import Change


MAX_SECRET_BYTES = 1 << 16  # of a file with a password or an address
MAX_REASON = 300  # characters of what a server or program said


class DeliveryError(ObservingMonitorError):
    """A message could not be delivered; the next run tries again."""


def as_json(change: Change) -> bytes:
    """Return a change as one line of JSON."""
    return json.dumps(asdict(change)).encode() + b"\n"


def reason(text: object) -> str:
    """Return what a server said, as a message quotes it."""
    return shortened(plain(str(text)), MAX_REASON)


def network_reason(error: BaseException) -> str:
    """Return why a connection failed, such as "connection refused"."""
    # of a certificate; the library's own text names its source code
    refused = getattr(error, "verify_message", "")
    if refused:
        return f"certificate verify failed: {reason(refused)}"
    return reason(os_error_text(error) if isinstance(error, OSError) else error)


def read_secret(variable: str, file: Path | None) -> str:
    """Return an environment variable, or the first line of a file.

    Raises
    ------
    DeliveryError
        It is named, and cannot be read.
    """
    if variable:
        value = os.environ.get(variable)
        if value is None:
            raise DeliveryError(f"the environment has no {variable}; export it where this is run")
        return value
    if file is None:
        return ""
    try:
        with open_plain(file) as opened:
            lines = opened.read(MAX_SECRET_BYTES).decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise DeliveryError(f"{file}: is not text") from None
    except OSError as error:
        raise DeliveryError(f"{file}: {os_error_text(error)}") from None
    return lines[0].strip() if lines else ""


def within_limit(deliver: Callable[[], None], timeout_s: float, server: str) -> None:
    """Deliver within a time for all of it.

    Raises
    ------
    DeliveryError
        It failed, or took longer.
    """
    thread = CallThread(server)
    try:
        thread.call(deliver, timeout_s)
    except TooLateError:
        raise DeliveryError(f"{server} took longer than {timeout_s:g} s") from None
    except DeliveryError:
        raise
    # whatever a server may cause: the other receivers are told all the same
    except Exception as error:
        name = type(error).__name__
        raise DeliveryError(f"{server}: {name}: {reason(error)}") from error
    finally:
        thread.end()
