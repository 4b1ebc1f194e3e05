"""Texts of messages and errors, in one line."""

from __future__ import annotations

MAX_LENGTH = 300  # of an error in a log line or a finding


def first_line(message: str, max_length: int | None = None) -> str:
    """Return the first line of a message, or the last of a traceback.

    Parameters
    ----------
    message : str
        Blank lines at its beginning do not count.
    max_length : int, optional
        A longer line is cut here and ends in "…".
    """
    text = message.strip()
    line = text.rpartition("\n")[2] if text.startswith("Traceback") else text.partition("\n")[0]
    return shortened(line.strip(), max_length)


def shortened(text: str, max_length: int | None) -> str:
    """Return a text cut to `max_length` characters and "…"."""
    return text if max_length is None or len(text) <= max_length else f"{text[:max_length]}…"


def error_line(error: BaseException, max_length: int = MAX_LENGTH) -> str:
    """Return an exception's text in one line, or its type's name."""
    return first_line(str(error), max_length) or type(error).__name__


def os_error_text(error: BaseException) -> str:
    """Return what the system says about an error, such as "permission denied".

    The path is left out, since the message that quotes this names it. For an exception
    that is no OSError, or an OSError without a system text, return its own first line.
    """
    return (getattr(error, "strerror", None) or error_line(error)).lower()
