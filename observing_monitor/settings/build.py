"""A stream from its settings and its dated changes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from observing_monitor.settings.hidden import read_hidden
from observing_monitor.settings.limits import (
    check_limits,
    check_name,
    read_limits,
    read_night_rule,
    read_position,
    read_previews,
    read_timezone,
)
from observing_monitor.settings.measures import read_dome, read_measure_limits
from observing_monitor.settings.records import THRESHOLDS, FromSettings, StreamSettings
from observing_monitor.settings.source_tables import read_sources
from observing_monitor.settings.stream import Stream
from observing_monitor.settings.toml import Section, nearest
from observing_monitor.sources.registry import source_class

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from observing_monitor.readers.store_options import Storage


class StreamTable(msgspec.Struct, frozen=True):
    """The parts that a stream is built from."""

    section: Section
    name: str
    folder: str  # of its pages, below output_dir
    described: StreamSettings
    storages: Mapping[str, Storage]  # as `read_storages` returns it


def build_stream(
    table: StreamTable, source_changes: Mapping[str, dict[str, Any]] | None = None
) -> Stream:
    """Return a stream whose settings are all checked.

    Parameters
    ----------
    table : StreamTable
    source_changes : mapping, optional
        Name of a source -> settings that replace those of its table.
    """
    section, described = table.section, table.described
    check_name(section, table.name, table.folder)
    check_limits(section, described)
    rule = read_night_rule(section, described.night_rule)
    sources = read_sources(section, table.name, described, table.storages, source_changes or {})
    stages = merged_order(
        source_class(source.kind).stages_of(source.settings) for source in sources
    )
    if described.last_stage and described.last_stage not in stages:
        words = f"no source reports {described.last_stage!r}"
        raise section.error(f"last_stage: {words}; known are {', '.join(stages) or 'no stages'}")
    usual = "ingest" if "ingest" in stages else stages[-1] if stages else ""
    return Stream(
        name=table.name,
        title=described.title or table.name,
        rule=rule,
        sources=sources,
        stages=stages,
        last_stage=described.last_stage or usual,
        pending_limit_s=described.pending_limit_s,
        small_bytes=described.small_bytes,
        ignore=tuple(described.ignore),
        delay_warning_s=described.delay_warning_s,
        quiet_warning_s=described.quiet_warning_s,
        quiet_error_s=described.quiet_error_s,
        stale_after_s=described.stale_after_s,
        position=read_position(section, described),
        timezone=read_timezone(section, described.timezone),
        folder=table.folder,
        previews=read_previews(section, described.previews),
        prototype_urls=described.prototype_urls,
        keep_pages_days=described.keep_pages_days,
        keep_tables_days=described.keep_tables_days,
        keep_previews_days=described.keep_previews_days,
        twilight_deg=described.twilight_deg,
        gap_min_s=described.gap_min_s,
        readout_s=described.readout_s,
        timeline=tuple(described.timeline),
        measure_limits=read_measure_limits(section, described.measure_limits),
        image_quality=described.image_quality,
        dome=read_dome(section, described.dome),
        hide=read_hidden(section, described),
        hide_until=described.hide_until,
        hide_programs=tuple(described.hide_programs),
        limits=read_limits(section, described),
    )


def merged_order(orders: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Merge lists of names into one that fits all orders.

    If two lists contradict each other, the first one wins.
    """
    merged: list[str] = []
    for order in orders:
        place = 0
        for number, name in enumerate(order):
            if name not in merged:
                later = [merged.index(after) for after in order[number + 1 :] if after in merged]
                merged.insert(min([*later, len(merged)]) if place == 0 else place, name)
            place = merged.index(name) + 1
    return tuple(merged)


def read_changes(section: Section, tables: object) -> list[FromSettings]:
    """Return the tables `[[streams.NAME.from]]` in order of their nights."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        heading = section.where.partition(": ")[2]
        raise section.error(f"is a list; write {heading}, and night = YYYY-MM-DD below it")
    changes = sorted(
        (section.read(table, FromSettings) for table in tables), key=lambda change: change.night
    )
    for before, after in itertools.pairwise(changes):
        if before.night == after.night:
            raise section.error(f"has two tables for night {after.night}; make them one")
    return changes


def dated_streams(
    table: StreamTable, stream: Stream, changes: list[FromSettings]
) -> Iterator[tuple[datetime.date, Stream]]:
    """Yield each changed stream, with its first night.

    Parameters
    ----------
    table : StreamTable
        Its section is that of the changes.
    stream : Stream
        As it is before the first change.
    changes : list of FromSettings
        In order of their nights; each adds to those before it.
    """
    names = [source.name for source in stream.sources]
    source_changes: dict[str, dict[str, Any]] = {}
    for change in changes:
        section = table.section.within(f"of night {change.night}:")
        described = replace(table.described, **_changed_limits(section, change))
        table = structs.replace(table, described=described)
        for name, settings in change.sources.items():
            _check_source_change(section, name, settings, names)
            source_changes[name] = {**source_changes.get(name, {}), **settings}
        yield (
            change.night,
            build_stream(structs.replace(table, section=section), source_changes),
        )


def _changed_limits(section: Section, change: FromSettings) -> dict[str, Any]:
    """Return the thresholds that a dated change sets."""
    limits = {key: value for key in THRESHOLDS if (value := getattr(change, key)) is not None}
    if change.delay_warning_s is True:
        words = "write seconds, or false for no limit"
        raise section.error(f"delay_warning_s: true is no limit; {words}")
    if change.delay_warning_s is False:
        limits["delay_warning_s"] = None
    if not limits and not change.sources:
        raise section.error(f"nothing is changed; set one of {', '.join(THRESHOLDS)} or sources")
    return limits


def _check_source_change(
    section: Section, name: str, settings: dict[str, Any], names: list[str]
) -> None:
    if name not in names:
        raise section.error(f"there is no source {name!r}; {nearest(name, sorted(names))}")
    for key in sorted({"type", "name"} & set(settings)):
        words = "cannot change; add another source to the stream"
        raise section.error(f"sources.{name}.{key} {words}")
