"""Data that were derived under settings that have changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from observing_monitor.collecting.derivation import (
    PLACES,
    changed_settings,
    fingerprint,
    reading_settings,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from observing_monitor.collecting.looks import NightTask
    from observing_monitor.model.reading import Tables
    from observing_monitor.storage.index import Looked, OldData


FACTS = ("files", "arrivals", "attempts", "values", "exposures", "remarks")


def to_derive_anew(
    task: NightTask, looked: Looked, answered: Collection[str]
) -> dict[str, frozenset[str]]:
    """Return changed settings by source to derive anew.

    Without those that say where it is: elsewhere, it may have less without any of them wrong.
    """
    changed = {
        source.name: changed_settings(looked, task.stream, source) for source in task.stream.sources
    }
    return {
        name: settings - PLACES
        for name, settings in changed.items()
        if name in answered and (settings or task.from_scratch)
    }


def derived_with(
    task: NightTask, looked: Looked, answered: Collection[str]
) -> dict[str, dict[str, str]]:
    """Return the settings that data are derived with.

    Data of a source that did not answer, or was removed, are as they were.
    """
    derived = dict(looked.get("derived") or {})
    for source in task.stream.sources:
        now = reading_settings(task.stream, source)
        if source.name in answered:
            derived[source.name] = now
        elif source.name not in derived and changed_settings(looked, task.stream, source):
            # it was not stored with which; only the place is taken to be the same
            derived[source.name] = {name: now[name] for name in PLACES & set(now)}
    return derived


def count_old_data(
    task: NightTask,
    looked: Looked,
    before: Tables,
    counts: Mapping[str, Mapping[str, int]],
    derived: Mapping[str, Mapping[str, str]],
) -> dict[str, OldData] | None:
    """Return numbers of facts under old settings.

    Parameters
    ----------
    task : NightTask
    looked : Looked
        The last look.
    before : Tables
        The night's tables before this reading.
    counts : mapping
        Source derived anew -> numbers of facts that stay, from `rederive.without_derivable`.
    derived : mapping
        From `derived_with`.
    """
    earlier = looked.get("old_settings") or {}
    made: dict[str, OldData] = {}
    for source in task.stream.sources:
        name, old = source.name, earlier.get(source.name)
        settings = changed_settings(looked, task.stream, source)
        if name in counts:
            found = counts[name]
            is_old = bool(settings) or old is not None
            row = _row(looked, derived, name, found, bool(settings)) if is_old else None
        elif settings:
            row = _row(looked, derived, name, _all_facts(before, name), is_changed=True)
        else:
            row = _not_of(old, fingerprint(reading_settings(task.stream, source)))
        if row:
            made[name] = _with_names(row, reading_settings(task.stream, source))
    removed = {name: old for name, old in earlier.items() if name not in _names(task)}
    return {**made, **removed} or None


def _not_of(old: OldData | None, now: str) -> OldData | None:
    """Return old data, or None if settings are what they were.

    So it is if a source did not answer while they were different.
    """
    settings = [one for one in (old or {}).get("settings", []) if one != now]
    return cast("OldData", {**old, "settings": settings}) if old and settings else None


def _with_names(old: OldData, now: Mapping[str, str]) -> OldData:
    """Return old data with the names of settings that changed.

    Settings of versions that stored none are not known.
    """
    kept = {one: found for one, found in old.get("before", {}).items() if one in old["settings"]}
    changed = {
        setting
        for before in kept.values()
        for setting in {*before, *now}
        if before.get(setting) != now.get(setting)
    }
    return cast("OldData", {**old, "before": kept, "changed": sorted(changed)})


def _names(task: NightTask) -> set[str]:
    return {source.name for source in task.stream.sources}


def _row(
    looked: Looked,
    derived: Mapping[str, Mapping[str, str]],
    name: str,
    found: Mapping[str, int],
    is_changed: bool,
) -> OldData | None:
    """Return the numbers of a source's old facts."""
    old: dict[str, Any] = dict((looked.get("old_settings") or {}).get(name) or {})
    before = (looked.get("derived") or {}).get(name) or {}
    now = fingerprint(derived.get(name) or {})
    settings, values = set(old.get("settings") or []), dict(old.get("before") or {})
    if old and all(found.get(fact, 0) <= old.get(fact, 0) for fact in FACTS):
        # nothing was added since: all are of the settings before
        settings -= {now}
    elif is_changed:
        settings |= {fingerprint(before)}
        if PLACES.issuperset(before):  # these alone are known of a version that stored none
            before = {}
        values |= {fingerprint(before): dict(before)} if before else {}
    if not found or not settings:
        return None
    return cast("OldData", {**found, "settings": sorted(settings), "before": values})


def _all_facts(before: Tables, name: str) -> dict[str, int]:
    """Return the numbers of all rows of a source."""
    tables = {
        "files": before.files,
        "attempts": before.ingests,
        "values": before.metrics,
        "exposures": before.reports,
        "remarks": before.remarks,
    }
    counted = {fact: int((rows["source"] == name).sum()) for fact, rows in tables.items()}
    return {fact: n for fact, n in counted.items() if n}
