"""Descriptions of settings, kept in the dataclass that holds them.

A record of settings is a dataclass with one field per key of a table in the settings file.
`setting` gives a field its default, meaning and example; `describe_settings` reads them back,
for messages and for the settings reference.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import dataclasses
import datetime
import functools
import inspect
import io
import json
import textwrap
import tokenize
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")

REQUIRED: Any = dataclasses.MISSING  # the default of a setting that has none

# ending of a key -> the unit of its number
UNITS = {"_s": "seconds", "_bytes": "bytes", "_deg": "degrees", "_days": "nights", "_px": "pixels"}
# type of a setting -> one value, several values
_KINDS: dict[Any, tuple[str, str]] = {
    str: ("text", "texts"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    Path: ("a path", "paths"),
    dict: ("a table", "tables"),
    list: ("a list", "lists"),
    datetime.date: ("a date", "dates"),
}


@dataclass(frozen=True)
class SettingDescription:
    """One key of a table in the settings file."""

    key: str
    kind: str  # the values it takes, such as "a number of seconds"
    default: Any  # REQUIRED if there is none
    meaning: str  # "" if nobody described it
    example: Any  # a value to show; None if there is none

    @property
    def is_required(self) -> bool:
        """True if the key cannot be left out."""
        return self.default is REQUIRED

    @property
    def expected(self) -> str:
        """Its values and an example: `a number of seconds, such as 3600`."""
        usual = "" if self.is_required else toml_text(self.default)
        shown = usual if self.example is None else toml_text(self.example)
        says_little = shown in ("", '""', "[]", "{}") or shown in self.kind
        return self.kind if says_little or len(shown) > 60 else f"{self.kind}, such as {shown}"


def setting(default: T, meaning: str, *, example: object = None, affects_reading: bool = True) -> T:
    """Return the field of a dataclass that describes a setting.

    Parameters
    ----------
    default : object
        REQUIRED if the key has to be there. Each record gets its own copy of a list or dict.
    meaning : str
        What the setting does, in one or two sentences.
    example : object, optional
        A value to show where the default says little, such as "" or None.
    affects_reading : bool, optional
        False if a source returns the same data whatever the value. Stored data are derived
        anew when any other setting changes.

    Examples
    --------
    >>> @dataclass
    ... class Settings:
    ...     path: Path = setting(REQUIRED, "The folder with the files.", example="/data/auxTel")
    ...     timeout_s: float = setting(30, "Time that the database has to answer.")
    """
    metadata = {"meaning": meaning, "example": example, "affects_reading": affects_reading}
    if isinstance(default, list | dict):
        return dataclasses.field(
            default_factory=functools.partial(copy.copy, default), metadata=metadata
        )
    return dataclasses.field(default=default, metadata=metadata)


def describe_settings(record: type[DataclassInstance]) -> list[SettingDescription]:
    """Return the description of each key of a record, in order.

    A field without `setting` has the comments on its own lines as its meaning, else those on the
    lines directly above it, else "" (also if the source text of the record cannot be read).
    """
    hints = typing.get_type_hints(record)
    comments = _comments(record)
    return [
        SettingDescription(
            key=field.name,
            kind=kind_of(hints[field.name], field.name),
            default=_default(field),
            meaning=field.metadata.get("meaning", comments.get(field.name, "")),
            example=field.metadata.get("example"),
        )
        for field in dataclasses.fields(record)
    ]


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def kind_of(hint: Any, key: str = "") -> str:
    """Return the values of a type in words, such as `a number of seconds`.

    Parameters
    ----------
    hint : type
        As `typing.get_type_hints` gives it.
    key : str, optional
        The key of the setting; its ending (`UNITS`) may name the unit of a number.
    """
    *first, last = _alternatives(hint, key)
    return f"{', '.join(first)} or {last}" if first else last


def _alternatives(hint: Any, key: str) -> list[str]:
    """Return each kind of value that a type allows, leaving None out."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        parts = [part for part in inner if part is not type(None)]
        return [words for part in parts for words in _alternatives(part, key)]
    if origin is Literal:
        return [toml_text(value) for value in inner]
    if hint is bool:
        return ["true", "false"]
    if hint in (int, float):
        unit = next((unit for ending, unit in UNITS.items() if key.endswith(ending)), "")
        return [f"{_KINDS[hint][0]} of {unit}" if unit else _KINDS[hint][0]]
    if origin in (list, dict):
        values = _plural(inner[-1])
        return [f"{_KINDS[origin][0]} of {values}" if values else _KINDS[origin][0]]
    if dataclasses.is_dataclass(hint):
        return [_KINDS[dict][0]]
    return [_KINDS.get(hint, ("a value", ""))[0]]


def _plural(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return f"the words {', '.join(toml_text(value) for value in typing.get_args(hint))}"
    plain = typing.get_origin(hint) or hint
    return _KINDS.get(plain, ("", ""))[1]


def toml_text(value: Any) -> str:
    """Return a value as TOML; "" for None, which TOML does not have."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.15g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_text, value))}]"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        usual = {field.name: _default(field) for field in dataclasses.fields(value)}
        given = {name: getattr(value, name) for name in usual}
        value = {name: one for name, one in given.items() if one != usual[name]}
    if isinstance(value, dict):
        pairs = ", ".join(f"{key} = {toml_text(one)}" for key, one in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    text = str(value)
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)


def _comments(record: type) -> dict[str, str]:
    """Return the comments of a record's fields, and of the fields it inherits."""
    found: dict[str, str] = {}
    for owner in reversed(record.__mro__[:-1]):
        # no source text: the record was made by a program, or only its bytecode is installed
        with contextlib.suppress(OSError, TypeError, SyntaxError):
            found |= _comments_of_source(textwrap.dedent(inspect.getsource(owner)))
    return found


def _comments_of_source(source: str) -> dict[str, str]:
    """Return the comments of each field in the source text of a class."""
    comments: dict[int, str] = {}  # line number -> comment
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string.lstrip("#").strip()
        if token.type == tokenize.COMMENT and not text.startswith(("type:", "noqa")):
            comments[token.start[0]] = text
    (class_def,) = ast.parse(source).body
    found: dict[str, str] = {}
    for field in getattr(class_def, "body", ()):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            lines = range(field.lineno, (field.end_lineno or field.lineno) + 1)
            own = [comments[line] for line in lines if line in comments]
            found[field.target.id] = " ".join(own or _above(field.lineno, comments, source))
    return found


def _above(line: int, comments: dict[int, str], source: str) -> list[str]:
    """Return the comments that fill the lines directly above a line."""
    lines = source.splitlines()
    first = line
    while first > 1 and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return [comments[number] for number in range(first, line) if number in comments]
