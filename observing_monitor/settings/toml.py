"""Read TOML into typed records, with errors that name the key."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from observing_monitor.errors import UsageError
from observing_monitor.readers.plain_files import is_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from _typeshed import DataclassInstance


TABLE = "observing_monitor"
D = TypeVar("D", bound="DataclassInstance")


EMPTY = "is empty; name a file or a folder, or leave it out"


def read_settings(path: str | Path) -> dict[str, Any]:
    """A settings file's tables, its keys checked; UsageError that names the file and what is wrong with it."""
    try:
        with open(path, "rb") as file:
            tables = tomllib.loads(
                file.read().decode("utf-8-sig")
            )  # with the mark that some editors begin a file with
    except OSError as error:
        raise UsageError(
            f"{path}: {(error.strerror or str(error)).lower()}; -c names the settings file"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: is not written in UTF-8 (byte {error.start}); have your editor save it so"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from error
    check_keys(f"{path}:", tables, [TABLE, "streams", "notify", "storage"])
    if not isinstance(tables.get(TABLE, {}), dict):
        raise UsageError(f"{path}: {TABLE} is a table; write [{TABLE}], and the options below it")
    streams = tables.get("streams", {})
    if not isinstance(streams, dict) or not all(
        isinstance(table, dict) for table in streams.values()
    ):
        raise UsageError(f"{path}: [streams] holds a table for each stream; write [streams.NAME]")
    return tables


def convert(
    where: str, base: Path, table: dict[str, Any], into: type[D], more: Iterable[str] = ()
) -> D:
    """A table as a dataclass, relative paths made absolute from `base`; `more` keys are known beside the dataclass's."""
    check_keys(where, table, [*(f.name for f in dataclasses.fields(into)), *more])

    def to_path(kind: type, value: Any) -> Any:
        if value == "":
            raise ValueError(EMPTY)
        if is_address(value):
            raise ValueError(
                "an address of an object store, but a path of this machine is wanted here; only `files` are read from one"
            )
        if kind is Path and isinstance(value, str | Path):
            return (base / Path(value).expanduser()).absolute()
        raise TypeError(f"Expected `str`, got `{type(value).__name__}`")

    try:
        return msgspec.convert(table, into, dec_hook=to_path)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where} {_in_words(str(error))}") from error


def _in_words(message: str) -> str:
    """msgspec's "Expected `int`, got `str` - at `$.gen`" with the key first."""
    what, _, at = message.partition(" - at ")
    key = at.strip("`").removeprefix("$").removeprefix(".")
    return f"key {key!r}: {what[0].lower()}{what[1:]}" if key else what[0].lower() + what[1:]


def check_keys(where: str, table: Iterable[str], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            import difflib

            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise UsageError(f"{where} unknown key {key!r}; {hint}")
