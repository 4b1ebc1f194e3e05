"""Read TOML into records; messages name file, table and key."""

from __future__ import annotations

import dataclasses
import re
import tomllib
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from observing_monitor.errors import UsageError
from observing_monitor.model.messages import os_error_text, shortened
from observing_monitor.model.setting import describe_settings, kind_of, toml_text
from observing_monitor.readers.plain_files import is_address, plain, read_pipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from _typeshed import DataclassInstance

TABLE = "observing_monitor"
EMPTY = "is empty; name a file or a folder, or leave it out"
# of settings that come through a pipe
PIPE_BYTES, PIPE_S = 1_000_000, 5.0
MAX_SHOWN = 60  # characters of a wrong value in a message
D = TypeVar("D", bound="DataclassInstance")
# what came through a pipe, by its path
_from_pipes: dict[str, bytes] = {}

# beginning of a message of tomllib -> our words; {line} is the text of the line
_TOML_ERRORS = {
    "Cannot declare": "{line} is there twice; write all its keys below one heading",
    "Cannot overwrite": "a key is there twice; keep one of the two",
    "Cannot mutate": "a key is there twice; keep one of the two",
    "Cannot redefine": "a key is there twice; keep one of the two",
    "Duplicate": "a key is there twice; keep one of the two",
    "Unescaped": "a backslash in double quotes; write the text in single quotes",
    "Escaped character": "a backslash in double quotes; write the text in single quotes",
    "Invalid hex": "a backslash in double quotes; write the text in single quotes",
    "Unterminated": "text is not closed; add the quote at its end",
    "Illegal character '\\n'": "text is not closed; add the quote at its end",
    "Unclosed array": "a list is not closed; add ]",
    "Unclosed inline table": "a table is not closed; add }}",
    "Invalid date": "there is no such date or time",
    "Invalid value (at end": "a value or a closing ] is missing",
    "Invalid value": "this is no value; write text in quotes",
    "Expected ']": "a heading is not closed; write [NAME] or [[NAME]]",
}
_OTHER_TOML_ERROR = "this is not TOML; write KEY = VALUE, or [TABLE] as a heading"


class Section(msgspec.Struct, frozen=True):
    """A table of the settings file, for messages and paths."""

    where: str  # such as "site.toml: [streams.auxTel]"
    base: Path  # relative paths begin here

    def error(self, words: str) -> UsageError:
        """Return an error about the table."""
        return UsageError(f"{self.where} {words}")

    def within(self, words: str) -> Section:
        """Return a part of this table, such as one source."""
        return Section(f"{self.where} {words}", self.base)

    def read(self, table: dict[str, Any], record: type[D], more: Iterable[str] = ()) -> D:
        """Return a table as a record, with its paths made absolute.

        Parameters
        ----------
        table : dict
        record : type
            A dataclass with a field for each key.
        more : iterable of str
            Keys that somebody else reads, for the message about an unknown key.

        Raises
        ------
        UsageError
            A key is unknown, is missing or has a value of another type.
        """
        check_keys(self.where, table, [*(f.name for f in dataclasses.fields(record)), *more])
        try:
            return msgspec.convert(table, record, dec_hook=self._to_path)
        except msgspec.ValidationError as error:
            raise self.error(self._fault(table, record)) from error

    def _to_path(self, kind: type, value: object) -> Path:
        """Return a path for msgspec."""
        if value == "":
            raise ValueError(EMPTY)
        if is_address(value):
            words = "an address of an object store, which only a source of type files reads"
            raise ValueError(f"{words}; name a path of this machine")
        if kind is Path and isinstance(value, str | Path):
            return (self.base / Path(value).expanduser()).absolute()
        raise TypeError

    def _fault(self, table: dict[str, Any], record: type[DataclassInstance]) -> str:
        """Return what is wrong with the first wrong key."""
        hints = typing.get_type_hints(record)
        for described in describe_settings(record):
            if described.key not in table:
                if described.is_required:
                    return f"{described.key} is missing: {described.expected}"
                continue
            value, hint = table[described.key], hints[described.key]
            if (error := self._misfit(value, hint)) is None:
                continue
            if isinstance(error.__cause__, ValueError):
                return f"{described.key}: {error.__cause__}"
            return f"{described.key}: {described.expected}, not {self._shown(value, hint)}"
        return "has a value that does not fit; see the settings reference"

    def _misfit(self, value: object, hint: Any) -> msgspec.ValidationError | None:
        try:
            msgspec.convert(value, hint, dec_hook=self._to_path)
        except msgspec.ValidationError as error:
            return error
        return None

    def _shown(self, value: object, hint: Any) -> str:
        """Return a wrong value as a message may show it."""
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin in (list, dict) and isinstance(value, origin):
            values = value if isinstance(value, list) else value.values()
            wrong = next((one for one in values if self._misfit(one, inner[-1])), None)
            return f"one with {self._shown(wrong, inner[-1])}"
        if isinstance(value, list | dict) or (isinstance(value, str) and origin in (list, dict)):
            # the text may be a secret, such as a whole command
            return kind_of(type(value))
        return shortened(toml_text(value), MAX_SHOWN)


def read_settings(path: str | Path) -> dict[str, Any]:
    """Return the tables of a settings file.

    Raises
    ------
    UsageError
        The file cannot be read, is not TOML, or has a table that is unknown.
    """
    tables = _read_toml(path)
    check_keys(f"{path}:", tables, [TABLE, "streams", "notify", "storage"])
    if not isinstance(tables.get(TABLE, {}), dict):
        raise UsageError(f"{path}: {TABLE} is a table; write [{TABLE}], and the options below it")
    streams = tables.get("streams", {})
    if not isinstance(streams, dict) or not all(isinstance(one, dict) for one in streams.values()):
        raise UsageError(f"{path}: [streams] has a table for each stream; write [streams.NAME]")
    return tables


def has_receivers(path: str | Path) -> bool:
    """True if a settings file has a table `notify`."""
    tables = read_settings(path)
    return any("notify" in table for table in [tables, *tables.get("streams", {}).values()])


def _read_toml(path: str | Path) -> dict[str, Any]:
    text = ""
    try:
        # some editors begin a file with a byte order mark
        text = _bytes_of(path).decode("utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        words = f"{os_error_text(error)}; -c names the settings file"
        raise UsageError(f"{path}: {words}") from error
    except UnicodeDecodeError as error:
        words = f"is not UTF-8 (byte {error.start}); save it as UTF-8 in your editor"
        raise UsageError(f"{path}: {words}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {_toml_fault(str(error), text)}") from error


def _bytes_of(path: str | Path) -> bytes:
    """Return a settings file's bytes; a pipe, such as `-c <(…)`, is read once."""
    place = Path(path)
    if place.is_file() or place.is_dir() or not place.exists():
        with open(path, "rb", opener=plain) as file:
            return file.read()
    name = str(path)
    if name not in _from_pipes:
        _from_pipes[name] = read_pipe(path, PIPE_BYTES, PIPE_S)
    return _from_pipes[name]


def forget_pipes() -> None:
    """Forget what came through pipes, when a run begins."""
    _from_pipes.clear()


def folder_of(path: str | Path) -> Path:
    """Return the folder that relative paths in a settings file start from.

    For a pipe of the shell, or a device, that is the current folder.
    """
    folder = Path(path).parent
    is_of_system = any(folder.is_relative_to(place) for place in ("/dev", "/proc"))
    return Path() if is_of_system else folder


def _toml_fault(message: str, text: str) -> str:
    """Return tomllib's message in our own words."""
    lines = text.split("\n")
    found = re.search(r"\(at line (\d+), column", message)
    number = int(found[1]) if found else len(text.rstrip().split("\n"))
    known = (words for begin, words in _TOML_ERRORS.items() if message.startswith(begin))
    words = next(known, _OTHER_TOML_ERROR)
    return f"line {number}: {words.format(line=lines[number - 1].strip())}"


def check_keys(where: str, table: Iterable[str], known: Sequence[str]) -> None:
    """Raise UsageError for an unknown key."""
    for key in table:
        if key not in known:
            raise UsageError(f"{where} unknown key {key!r}; {nearest(key, known)}")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'path'?`, or the known words."""
    import difflib

    known = list(known)
    near = difflib.get_close_matches(word, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
