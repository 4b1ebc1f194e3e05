"""Faults of files and databases in plain words, in place of a library's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from observing_monitor.model.messages import error_line, os_error_text

if TYPE_CHECKING:
    from typing import Any


# beginning of SQLite's message -> our words, with the rest of it as {rest}
_SQLITE = {
    "file is not a database": "is no SQLite database",
    "database disk image is malformed": "is a damaged SQLite database",
    "malformed database schema": "is a damaged SQLite database",
    "database is locked": "is locked by another program",
    "database table is locked": "is locked by another program",
    "unable to open database file": "cannot be opened",
    "disk I/O error": "cannot be read from its disk",
    "attempt to write a readonly database": "may not be written",
    "database or disk is full": "has no room left on its disk",
    "no such table: ": "has no table {rest}",
    "no such column: ": "has no column {rest}",
}


def sqlite_words(error: BaseException) -> str:
    """Return the fault of an SQLite database, to follow its path."""
    if isinstance(error, OSError):
        return os_error_text(error)
    text = error_line(error)
    for begin, words in _SQLITE.items():
        if text.startswith(begin):
            return words.format(rest=text.removeprefix(begin))
    if isinstance(error, UnicodeError):
        return "holds text that is not UTF-8"
    return said("SQLite", text)


def said(who: str, text: str) -> str:
    """Return the words of another program as a quotation."""
    return f"{who} says: “{text}”"


def json_words(error: BaseException) -> str:
    """Return what is wrong with JSON, and where."""
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON from line {error.lineno}, character {error.colno} on, or cut short"
    return "no JSON, or cut short"


def yaml_words(error: BaseException) -> str:
    """Return what is wrong with YAML, and where."""
    if isinstance(error, UnicodeError):
        return "is not UTF-8"
    mark: Any = getattr(error, "problem_mark", None)
    where = f" from line {mark.line + 1}, character {mark.column + 1} on" if mark else ""
    return f"is not YAML{where}"
