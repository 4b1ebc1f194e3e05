"""Read passwords from environment variables."""

from __future__ import annotations

import os

from observing_monitor.errors import SourceError


def password_from(variable: str, place: str) -> str:
    """Return the password in an environment variable.

    "" if no variable is named.

    Raises
    ------
    SourceError
        If the variable is not set. The message begins with `place`, the server's address.
    """
    if not variable:
        return ""
    password = os.environ.get(variable)
    if password is None:
        raise SourceError(
            f"{place}: the environment has no {variable}; export it where this is run"
        )
    return password
