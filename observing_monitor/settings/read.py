"""The settings: one dataclass each, a default and a comment per setting; arguments before environment before file.

The settings file is TOML. Its table `[observing_monitor]` may hold whatever the command line can; each `[streams.NAME]`
is a stream, each `[[streams.NAME.sources]]` one of its sources; each `[notify.NAME]` and `[streams.NAME.notify.NAME]` says who is
told of a change of status; `[storage]` says how object stores are reached. A wrong key is an error that names the file, the table,
the key and the nearest right one. Paths are relative to the file.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import configargparse

from observing_monitor.errors import UsageError
from observing_monitor.model.columns import HISTORY
from observing_monitor.model.nights import NightRule, zone_named
from observing_monitor.model.position import Position
from observing_monitor.processes.timelimit import LOOK_S, MOST_S, within
from observing_monitor.readers.object_store import Storage, check_address, is_plain, lies_in
from observing_monitor.readers.plain_files import is_address
from observing_monitor.settings.records import (
    THRESHOLDS,
    FromSettings,
    PreviewSettings,
    StreamSettings,
)
from observing_monitor.settings.stream import DescribedSource, Stream
from observing_monitor.settings.toml import EMPTY, TABLE, check_keys, convert, read_settings
from observing_monitor.sources.registry import BUILT_IN, source_class, source_kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TextIO


PLACES = (
    "output_dir",
    "store_dir",
)  # options in it that are paths, relative to the file, or addresses of object stores
PATHS = (
    *PLACES,
    "log_file",
    "prometheus_file",
    "known_issues",
)  # options in it that are paths, relative to the file
# what the site itself has beside the streams' folders
RESERVED = (
    "assets",
    "changes.atom",
    "data",
    "glossary.html",
    "heartbeat.js",
    "index.html",
    "observing_monitor.prom",
    "status.json",
)
CENTURY_S = (
    100 * 365.25 * 86_400
)  # a limit beyond it, or none that is a number, is a slip of the pen
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


class SettingsFileParser(configargparse.ConfigFileParser):  # type: ignore[misc]  # it has no annotations: its classes are Any
    """What ConfigArgParse asks to read `[observing_monitor]`: a mapping of option names to values."""

    options: Sequence[str] = ()  # the names that the table may hold; the command line knows them

    def parse(self, stream: TextIO) -> dict[str, str | list[str]]:
        path = Path(stream.name)
        table = read_settings(path).get(TABLE, {})
        check_keys(f"{path}: [{TABLE}]", table, self.options)
        for key in PATHS:
            if (
                table.get(key) == ""
            ):  # a variable that was not set would be the settings' own folder
                raise UsageError(f"{path}: [{TABLE}] key {key!r}: {EMPTY}")
            if isinstance(table.get(key), str) and not (key in PLACES and is_address(table[key])):
                table[key] = str(path.parent / Path(table[key]).expanduser())
        return {
            key: value
            if isinstance(value, list)
            else str(value).lower()
            if isinstance(value, bool)
            else str(value)
            for key, value in table.items()
        }

    def get_syntax_description(self) -> str:
        return "The settings file is TOML: options in [observing_monitor], a stream in each [streams.NAME]."


def streams_of_file(path: str | Path) -> list[Stream]:
    """The streams that a settings file describes, in its order; UsageError where one is wrong or there is none."""
    settings = read_settings(path)
    tables, storages = settings.get("streams", {}), _storages(path, settings)
    if not tables:
        raise UsageError(f"{path}: has no stream; add a table [streams.NAME] with input_dir")
    streams = []
    for name, table in tables.items():
        where, base = f"{path}: [streams.{name}]", Path(path).parent
        table, tables_of_objects = _without_address(dict(table))
        changes = _changes(f"{path}: [[streams.{name}.from]]", base, table.pop("from", []))
        described = convert(where, base, table, StreamSettings)
        described.sources = [*tables_of_objects, *described.sources]
        stream = _stream(where, base, name, described, name, storages)
        later = _later(
            f"{path}: [[streams.{name}.from]]", base, stream, described, changes, storages
        )
        streams.append(replace(stream, later=tuple(later)))
    return streams


def _changes(where: str, base: Path, tables: object) -> list[FromSettings]:
    """The `FromSettings` of a stream, in order of their nights."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(
            f"{where} is a list of tables; write {where.partition(': ')[2]}, and night = YYYY-MM-DD below it"
        )
    made = sorted(
        (convert(where, base, table, FromSettings) for table in tables),
        key=lambda change: change.night,
    )
    for before, after in itertools.pairwise(made):
        if before.night == after.night:
            raise UsageError(
                f"{where} there are two tables for night {after.night}; make one of them"
            )
    return made


def _later(
    where: str,
    base: Path,
    stream: Stream,
    described: StreamSettings,
    changes: list[FromSettings],
    storages: Mapping[str, Storage],
) -> Iterator[tuple[datetime.date, Stream]]:
    """What the stream is from each night on: the night, and the Stream."""
    sources = {source.name for source in stream.sources}
    others: dict[str, dict[str, Any]] = {}
    for change in changes:
        at = f"{where} of night {change.night}:"
        limits = {key: value for key in THRESHOLDS if (value := getattr(change, key)) is not None}
        if change.delay_warning_s is True:
            raise UsageError(
                f"{at} key 'delay_warning_s': true is no limit; write seconds, or false for no limit"
            )
        if change.delay_warning_s is False:
            limits["delay_warning_s"] = None
        for name, table in change.sources.items():
            if name not in sources:
                import difflib

                near = difflib.get_close_matches(name, sources, 1)
                hint = (
                    f"did you mean {near[0]!r}?"
                    if near
                    else f"known are {', '.join(sorted(sources))}"
                )
                raise UsageError(f"{at} there is no source {name!r}; {hint}")
            for key in {"type", "name"} & set(table):
                raise UsageError(
                    f"{at} key 'sources.{name}.{key}': a source stays what it is; add another to the stream"
                )
            others[name] = {**others.get(name, {}), **table}
        if not limits and not change.sources:
            raise UsageError(
                f"{at} nothing is changed; set one of {', '.join(THRESHOLDS)} or sources"
            )
        described = replace(described, **limits)
        yield (
            change.night,
            _stream(at, base, stream.name, described, stream.folder, storages, others),
        )


def _without_address(table: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A stream's table without an input_dir that is an address, and the source that this is short for: none, or one."""
    address = table.get("input_dir")
    if not (isinstance(address, str) and is_address(address)):
        return table, []
    return {key: value for key, value in table.items() if key != "input_dir"}, [
        {"type": "files", "path": address}
    ]


def storage_of_file(path: str | Path | None, address: str) -> Storage:
    """How the object store of an address is reached: a settings file's [storage], or without a file all as usual."""
    return _storage_for(address, _storages(path, read_settings(path)) if path else {})


def _storages(path: str | Path, settings: dict[str, Any]) -> dict[str, Storage]:
    """The tables of [storage]: the address that each begins with, "" for all, -> Storage."""
    table = settings.get("storage", {})
    if not isinstance(table, dict):
        raise UsageError(f"{path}: storage is a table; write [storage]")
    named = {key: value for key, value in table.items() if is_address(key)}
    rest = {key: value for key, value in table.items() if key not in named}
    made = {"": _storage(f"{path}: [storage]", rest)}
    for address, own in named.items():
        if not is_plain(address):
            raise UsageError(
                f"{path}: [storage] has a table whose name is no address such as s3://bucket/prefix; write no user and password"
            )
        where = f'{path}: [storage."{address}"]'
        if not isinstance(own, dict):
            raise UsageError(f"{where} is a table of its own")
        made[address] = _storage(where, own)
    return made


def _storage(where: str, table: dict[str, Any]) -> Storage:
    storage = convert(where, Path(), table, Storage)
    try:
        storage.check()
    except UsageError as error:
        raise UsageError(f"{where} {error}") from error
    return storage


def _storage_for(address: str, storages: Mapping[str, Storage]) -> Storage:
    """The Storage of an address: of all that it lies in, the longest."""
    own = max(
        (begin for begin in storages if begin and lies_in(address, begin)), key=len, default=""
    )
    return storages.get(own) or Storage()


def stream_of_flags(name: str, input_dir: str | Path, **settings: Any) -> Stream:
    """The one stream of a command line without a settings file; its pages lie at the top of the output."""
    if is_address(input_dir):
        check_address(str(input_dir))
        for key in sorted({"gen", "query_links"} & set(settings)):
            raise UsageError(
                f"--{key}: no Butler repository can be read from an object store; {input_dir} is read for its files"
            )
        described = StreamSettings(sources=[{"type": "files", "path": str(input_dir)}], **settings)
        return _stream("the command line:", Path(), name, described, "", {})
    input_dir = Path(input_dir)
    if not within(LOOK_S, input_dir.is_dir, True):
        raise UsageError(
            f"{input_dir}: no such directory; --input_dir names the one that holds storage/ and gen2repo/ or gen3repo/"
        )
    described = StreamSettings(input_dir=input_dir.absolute(), **settings)
    return _stream("the command line:", Path(), name, described, "", {})


def _stream(
    where: str,
    base: Path,
    name: str,
    described: StreamSettings,
    folder: str,
    storages: Mapping[str, Storage],
    others: Mapping[str, dict[str, Any]] = MappingProxyType({}),
) -> Stream:
    """A Stream from its settings; `where` begins every complaint, relative paths begin at `base`; `storages` as `_storages` gives.

    `others` has settings of sources, by the sources' names, that go before those in `described`.
    """
    if not _NAME.fullmatch(name) or folder in RESERVED:
        words = f"use letters, digits, - and _, and none of {', '.join(RESERVED)}"
        raise UsageError(f"{where} the stream's name {name!r} can't be a folder's name; {words}")
    _check_stream(where, described)
    rule = _night_rule(where, described.night_rule)
    sources = _sources(where, base, name, described, storages, others)
    stages = in_order(source_class(source.kind).stages_of(source.settings) for source in sources)
    if described.last_stage and described.last_stage not in stages:
        raise UsageError(
            f"{where} key 'last_stage': no source tells of {described.last_stage!r}; they tell of {', '.join(stages) or 'no stage'}"
        )
    usual = "ingest" if "ingest" in stages else stages[-1] if stages else ""
    return Stream(
        name=name,
        title=described.title or name,
        rule=rule,
        sources=sources,
        stages=stages,
        last_stage=described.last_stage or usual,
        pending_limit_s=described.pending_limit_s,
        small_bytes=described.small_bytes,
        ignore=tuple(described.ignore),
        delay_warning_s=described.delay_warning_s,
        stale_after_s=described.stale_after_s,
        position=_position(where, described),
        timezone=_timezone(where, described.timezone),
        folder=folder,
        previews=_previews(f"{where} previews:", base, described.previews),
        prototype_urls=described.prototype_urls,
        keep_pages_days=described.keep_pages_days,
        keep_tables_days=described.keep_tables_days,
        keep_previews_days=described.keep_previews_days,
    )


def _check_stream(where: str, described: StreamSettings) -> None:
    """Refuse limits, ages and names of a stream's own table that can't be."""
    _check_time_limit(where, described.time_limit_s)
    for key in ("pending_limit_s", "stale_after_s", "delay_warning_s"):
        value = getattr(described, key)
        if value is not None and not 0 <= value <= CENTURY_S:
            raise UsageError(
                f"{where} key {key!r}: {value:g} is no limit; write seconds, 0 or more"
            )
    old = described.prototype_urls
    if isinstance(old, str) and (old in RESERVED or not (old == "." or _NAME.fullmatch(old))):
        raise UsageError(
            f"{where} key 'prototype_urls': {old!r} is no folder in output_dir; write true, or the folder's name, or \".\""
        )
    for key in ("keep_pages_days", "keep_tables_days", "keep_previews_days"):
        if (days := getattr(described, key)) is not None and days < 1:
            raise UsageError(
                f"{where} key {key!r}: {days} is no number of nights; write 1 or more, or leave it out to keep all"
            )


def _night_rule(where: str, text: str) -> NightRule:
    try:
        return NightRule.parse(text)
    except UsageError as error:
        raise UsageError(f"{where} {error}") from error


def _sources(
    where: str,
    base: Path,
    name: str,
    described: StreamSettings,
    storages: Mapping[str, Storage],
    others: Mapping[str, dict[str, Any]],
) -> tuple[DescribedSource, ...]:
    """The sources of a stream, those that input_dir is short for first; `others` as `_stream` has it."""
    tables = [*_input_dir_sources(where, described), *described.sources]
    if not tables:
        raise UsageError(
            f"{where} has no source; set input_dir, or add a table [[streams.{name}.sources]]"
        )

    def of_source(table: dict[str, Any]) -> DescribedSource:
        return _source(
            where,
            base,
            table | others.get(str(table.get("name", table.get("type"))), {}),
            described.time_limit_s,
            storages,
        )

    sources = tuple(of_source(table) for table in tables)
    names = [source.name for source in sources]
    for twice in {n for n in names if names.count(n) > 1}:
        raise UsageError(f"{where} has two sources named {twice!r}; give one of them another name")
    return sources


def _previews(where: str, base: Path, asked: bool | dict[str, Any]) -> PreviewSettings | None:
    """The settings of a stream's previews; None where it asks for none."""
    if asked is False:
        return None
    made = convert(where, base, {} if asked is True else asked, PreviewSettings)
    for key, least, most in (("size", 32, 1024), ("most", 1, 1000), ("seconds", 1, 3600)):
        if not least <= getattr(made, key) <= most:
            raise UsageError(
                f"{where} key {key!r}: {getattr(made, key)} is not between {least} and {most}"
            )
    return made


def _position(where: str, described: StreamSettings) -> Position | None:
    """The observatory's Position, or None; UsageError where one of its two numbers is missing, or is none of the Earth."""
    told = {
        "latitude_deg": (described.latitude_deg, 90),
        "longitude_deg": (described.longitude_deg, 360),
    }
    missing = [key for key, (value, _) in told.items() if value is None]
    if len(missing) == 1:
        raise UsageError(
            f"{where} key {missing[0]!r} is missing; a position is latitude_deg and longitude_deg, or neither"
        )
    for key, (value, limit) in told.items():
        if value is not None and not -limit <= value <= limit:
            raise UsageError(
                f"{where} key {key!r}: {value:g} is not on the Earth; write degrees, −{limit} to {limit}"
            )
    if described.latitude_deg is None or described.longitude_deg is None:
        return None
    return Position(described.latitude_deg, described.longitude_deg)


def _timezone(where: str, name: str) -> str:
    """The name of a zone, or ""; UsageError where there is none of that name."""
    return zone_named(f"{where} key 'timezone':", name).key if name else ""


def in_order(orders: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Names that come in several orders, each once, in one that keeps to all of them where they agree: a tuple."""
    merged: list[str] = []
    for order in orders:
        place = 0
        for number, name in enumerate(order):
            if name not in merged:
                later = [merged.index(after) for after in order[number + 1 :] if after in merged]
                merged.insert(min([*later, len(merged)]) if place == 0 else place, name)
            place = merged.index(name) + 1
    return tuple(merged)


def _input_dir_sources(where: str, described: StreamSettings) -> list[dict[str, Any]]:
    """The tables that input_dir is short for."""
    if described.input_dir is None:
        return []
    storage = {"type": "files", "path": described.input_dir / "storage"}
    storage |= {
        "transfer_log": described.transfer_log,
        "transfer_log_zone": described.transfer_log_zone,
    }
    if described.gen == 2:
        return [
            storage,
            {
                "type": "gen2",
                "path": described.input_dir / "gen2repo",
                "query_links": described.query_links,
            },
        ]
    if described.gen == 3:
        return [{**storage, "optional": True}, {"type": "gen3", "path": described.input_dir}]
    raise UsageError(
        f"{where} gen = {described.gen} is not known; the Butler's generations are 2 and 3"
    )


def _check_time_limit(where: str, seconds: float) -> None:
    if not 0 < seconds <= MOST_S:
        raise UsageError(
            f"{where} key 'time_limit_s': {seconds:g} is no limit; write seconds, more than 0 and {MOST_S:g} at most"
        )


def _source(
    where: str,
    base: Path,
    table: dict[str, Any],
    time_limit_s: float,
    storages: Mapping[str, Storage],
) -> DescribedSource:
    """One source's settings, as its own class describes them, beside those that every source has."""
    table = dict(table)
    kind = table.pop("type", None)
    name = table.pop("name", kind)
    if kind not in BUILT_IN and kind not in source_kinds():
        raise UsageError(
            f"{where} the type of a source is {kind!r}; it is one of {', '.join(source_kinds())}"
        )
    if not (isinstance(name, str) and name and name.isprintable()) or name == HISTORY:
        raise UsageError(
            f"{where} the name of a source is {name!r}; write some plain text, and not {HISTORY!r}"
        )
    if kind == "files" and is_address(table.get("path")):
        kind = "objects"
    where = f"{where} source {name!r}:"
    own = table.pop("time_limit_s", time_limit_s)
    if isinstance(own, bool) or not isinstance(own, int | float):
        raise UsageError(
            f"{where} key 'time_limit_s': expected `float`, got `{type(own).__name__}`"
        )
    _check_time_limit(where, own)
    if kind == "objects" and isinstance(table.get("path"), str):
        try:
            table["path"] = check_address(table["path"])
        except UsageError as error:
            raise UsageError(f"{where} key 'path': {error}") from error
    settings: Any = convert(where, base, table, source_class(kind).Settings, ["time_limit_s"])
    if kind == "objects" and "storage" not in table:
        settings.storage = _storage_for(settings.path, storages)
    return DescribedSource(name, kind, settings, float(own))
