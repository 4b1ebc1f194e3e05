"""Settings describe themselves: key, values, default, meaning, example."""

import datetime
import importlib.util
import sys
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from observing_monitor.model.setting import (
    REQUIRED,
    describe_settings,
    kind_of,
    setting,
    toml_text,
)
from observing_monitor.readers.store_options import Storage
from observing_monitor.settings.receivers import RECEIVERS
from observing_monitor.settings.records import (
    DomeSettings,
    FromSettings,
    MeasureLimit,
    PreviewSettings,
    SourceSettings,
    StreamSettings,
)
from observing_monitor.sources.registry import source_class, source_kinds


def to_hint(value, hint):
    """Values are converted as in the settings file: a text to a path."""
    return msgspec.convert(value, hint, dec_hook=lambda _, text: Path(text))


OURS = [
    StreamSettings,
    FromSettings,
    PreviewSettings,
    MeasureLimit,
    DomeSettings,
    SourceSettings,
    Storage,
    *RECEIVERS.values(),
    *(source_class(kind).Settings for kind in source_kinds()),
]


@dataclass
class Described:
    path: Path = setting(REQUIRED, "The folder.", example="/data/auxTel")
    limit_s: float = setting(3600, "The limit.")
    names: list[str] = setting([], "The names.", example=["*.fits"])
    units: dict[str, str] = setting({}, "The units.")
    first: datetime.date | None = setting(None, "The first night.")


class Plain:
    """A source of another package, whose settings only have comments."""

    @dataclass
    class Settings:
        folder: Path  # where the files are
        zone: str = "UTC"  # the zone of its clock
        # how many files a night has
        # at most
        n_files: int = 3
        names: list[str] = field(
            default_factory=list,  # patterns,
        )  # one a file

        quiet: bool = False

        def as_text(self) -> str:
            quiet: str = "no"  # a variable is no setting
            return quiet


def test_setting_describes_itself():
    """A description has key, values, default, meaning and example."""
    path, limit, names, units, first = describe_settings(Described)
    assert (path.key, path.kind, path.meaning) == ("path", "a path", "The folder.")
    assert path.is_required and path.expected == 'a path, such as "/data/auxTel"'
    assert limit.default == 3600 and not limit.is_required
    assert limit.expected == "a number of seconds, such as 3600"
    assert names.expected == 'a list of texts, such as ["*.fits"]'
    assert (units.default, units.expected) == ({}, "a table of texts")
    assert (first.default, first.expected) == (None, "a date")


def test_msgspec_makes_such_a_record():
    """A table becomes a record with defaults; wrong values are refused."""
    made = to_hint({"path": "/x", "limit_s": 3}, Described)
    assert made == Described(Path("/x"), 3, [], {}, None)
    for wrong in ({}, {"path": "/x", "limit_s": "1h"}, {"path": "/x", "names": "a"}):
        with pytest.raises(msgspec.ValidationError):
            to_hint(wrong, Described)


def test_records_do_not_share_a_list():
    """Each record has a list and a table of its own."""
    one, other = Described(Path()), Described(Path())
    one.names.append("a")
    one.units["a"] = "b"
    assert (other.names, other.units) == ([], {})


def test_comments_of_a_plain_dataclass_are_its_meanings():
    """Comments on a field's lines, or directly above it, are its meaning."""
    meanings = {one.key: one.meaning for one in describe_settings(Plain.Settings)}
    assert meanings == {
        "folder": "where the files are",
        "zone": "the zone of its clock",
        "n_files": "how many files a night has at most",
        "names": "patterns, one a file",
        "quiet": "",
    }


def test_inherited_settings_are_described():
    """A record that inherits settings has their meanings as well."""

    @dataclass(kw_only=True)
    class More(Plain.Settings):
        zone: str = setting("TAI", "Another meaning.")
        depth: int = 0  # how deep

    meanings = {one.key: one.meaning for one in describe_settings(More)}
    assert meanings["folder"] == "where the files are"
    assert (meanings["zone"], meanings["depth"]) == ("Another meaning.", "how deep")


def test_record_without_source_text(tmp_path):
    """A record whose source text cannot be read has no meanings, and all else."""
    module = tmp_path / "gone_source.py"
    module.write_text(
        "from dataclasses import dataclass\n@dataclass\nclass Settings:\n    n: int = 3  # some\n"
    )
    spec = importlib.util.spec_from_file_location("gone_source", module)
    made = importlib.util.module_from_spec(spec)
    sys.modules["gone_source"] = made
    try:
        spec.loader.exec_module(made)
        module.unlink()
        (described,) = describe_settings(made.Settings)
    finally:
        del sys.modules["gone_source"]
    assert (described.key, described.default, described.meaning) == ("n", 3, "")


@pytest.mark.parametrize(
    ("hint", "key", "words"),
    [
        (int, "small_bytes", "a whole number of bytes"),
        (int | None, "keep_pages_days", "a whole number of nights"),
        (bool | str | None, "urls", "true, false or text"),
        (bool | dict[str, Any], "previews", "true, false or a table"),
        (Literal["none", "tls"], "security", '"none" or "tls"'),
        (list[str] | int, "detectors", "a list of texts or a whole number"),
        (list[Literal["a", "b"]], "when", 'a list of the words "a", "b"'),
        (dict[str, dict[str, Any]], "sources", "a table of tables"),
        (dict[str, Any], "notify", "a table"),
        (list[Path], "folders", "a list of paths"),
        (Storage, "storage", "a table"),
        (Any, "x", "a value"),
    ],
)
def test_kinds_of_values(hint, key, words):
    """A type is described by the values that the settings file may have."""
    assert kind_of(hint, key) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (3600.0, "3600"),
        (0.99, "0.99"),
        ("UTC", '"UTC"'),
        (r"\d+", r"'\d+'"),
        (["a", 1], '["a", 1]'),
        ({"a": "b"}, '{ a = "b" }'),
        (Path("/data"), '"/data"'),
        (datetime.date(2026, 1, 31), "2026-01-31"),
        (Storage(region="eu"), '{ region = "eu" }'),
    ],
)
def test_values_as_toml(value, text):
    """Defaults and examples are written as in the settings file."""
    assert toml_text(value) == text


@pytest.mark.parametrize("record", OURS, ids=lambda record: record.__qualname__)
def test_each_of_our_settings_is_described(record):
    """Every key of every table has values and a meaning."""
    described = describe_settings(record)
    assert described
    assert [one.key for one in described if not one.meaning] == []
    assert [one.key for one in described if one.kind == "a value"] == []


@pytest.mark.parametrize("record", OURS, ids=lambda record: record.__qualname__)
def test_examples_and_defaults_are_allowed(record):
    """The examples and defaults of our settings have the type of their field."""
    hints = typing.get_type_hints(record)
    for one in describe_settings(record):
        for value in (one.example, None if one.is_required else one.default):
            if value is not None:
                made = value if isinstance(value, Storage) else to_hint(value, hints[one.key])
                assert toml_text(value) == toml_text(made), one.key
