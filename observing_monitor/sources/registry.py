"""Find the class of a source by its kind."""

from __future__ import annotations

import functools

from observing_monitor.sources.base import Telling

ENTRY_POINTS = "observing_monitor.sources"

# `type` in the settings -> module and class; imported when a stream uses it
BUILT_IN = {
    "files": "observing_monitor.sources.file_store:FileStore",
    # `files` with an address as path
    "objects": "observing_monitor.sources.objects:ObjectFiles",
    "gen2": "observing_monitor.sources.gen2:Gen2Repository",
    "gen3": "observing_monitor.sources.gen3:Gen3Repository",
    "dbb": "observing_monitor.sources.dbb:DataBackbone",
    "lasair": "observing_monitor.sources.lasair:Lasair",
    "broker_counts": "observing_monitor.sources.broker_counts:BrokerCounts",
    "bucket_listing": "observing_monitor.sources.bucket_listing:BucketListing",
    "fitsstorage": "observing_monitor.sources.fitsstorage:FitsStorage",
    "fitsstorage_logs": "observing_monitor.sources.fitsstorage_logs:FitsStorageLogs",
    "lwa": "observing_monitor.sources.lwa:LwaRecorders",
    "expected": "observing_monitor.sources.expectations:Expectations",
    "summit": "observing_monitor.sources.summit:SummitMessages",
    "sql": "observing_monitor.sources.sql_query:SqlQuery",
    "notes": "observing_monitor.sources.notes:Notes",
    "table": "observing_monitor.sources.table:Table",
}


SourceClass = type[Telling]


@functools.cache  # called for every night of a history
def source_class(kind: str) -> SourceClass:
    """Return the class for a `type` in the settings.

    Raises
    ------
    KeyError
        If there is no such kind.
    UsageError
        If the package that provides it can't be imported, or not in time.
    """
    import importlib

    if kind in BUILT_IN:
        module, _, name = BUILT_IN[kind].partition(":")
        found: SourceClass = getattr(importlib.import_module(module), name)
        return found
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS, name=kind):
        from observing_monitor.sources.packages import load

        loaded: SourceClass = load(entry)
        return loaded
    raise KeyError(kind)


def source_kinds() -> list[str]:
    """Return all values of `type`, sorted."""
    from importlib.metadata import entry_points

    return sorted({*BUILT_IN, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})


@functools.cache
def source_version(kind: str) -> str:
    """Return the version of a source's package.

    "" for our own sources.
    """
    if kind in BUILT_IN:
        return ""
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS, name=kind):
        if entry.dist:
            return f"{entry.dist.name} {entry.dist.version}"
    return ""
