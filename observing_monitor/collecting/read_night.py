"""Read one night, merge and save it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import pandas as pd

from observing_monitor import __version__
from observing_monitor.collecting.looks import silent_sources
from observing_monitor.collecting.old_settings import (
    count_old_data,
    derived_with,
    to_derive_anew,
)
from observing_monitor.collecting.outcome import Outcome
from observing_monitor.collecting.rows import nothing_understood, rows_of
from observing_monitor.collecting.sources import catch_faults
from observing_monitor.errors import SourceError
from observing_monitor.judging.checks import MAX_NOTES
from observing_monitor.model import columns
from observing_monitor.model.messages import shortened
from observing_monitor.model.nights import iso_utc
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.processes.parallel import helper_threads
from observing_monitor.settings.traits import attempt_sources, trusted_order
from observing_monitor.storage.index import Look
from observing_monitor.tables import changes, cross_night, merge
from observing_monitor.tables.history import split_history, with_history
from observing_monitor.tables.rederive import without_derivable

if TYPE_CHECKING:
    from collections.abc import Collection
    from concurrent.futures import Future
    from typing import Any

    from pandas import DataFrame

    from observing_monitor.collecting.asking import TimedSource
    from observing_monitor.collecting.looks import NightLooks, NightTask
    from observing_monitor.storage.index import Looked, PlaceRows


log = logging.getLogger(__name__)

# attempts that take longer to read from a registry than from our own file
MANY = 1000
MAX_NOTE = 1000  # characters


@dataclass(frozen=True)
class NightReading:
    """A night that is read, and what the sources answered."""

    task: NightTask
    looked: Looked  # the last look
    looks: NightLooks
    readings: Mapping[str, Reading]  # by source
    problems: Mapping[str, str]  # source -> why it did not answer
    faults: Mapping[str, str]  # source -> what it could not read, though it answered
    cached: Mapping[str, str]  # source -> digest of its attempts, if these came from the cache
    rows: Mapping[str, dict[str, PlaceRows]]  # source -> place -> its rows, now or when last read


@dataclass(frozen=True)
class MergedNight:
    """A night's tables before and after it was read."""

    before: Tables  # under the files' new names, without imported history
    old: Mapping[str, Mapping[str, int]]  # source derived anew -> its facts that stay
    current: Tables  # as the sources say now
    after: Tables  # the same, with imported history
    renamed: Mapping[str, str]  # file_id before -> now


def read_night(task: NightTask, looked: Looked, looks: NightLooks, was_whole: bool) -> Outcome:
    """Read the sources that answered, merge, and save.

    Parameters
    ----------
    task : NightTask
    looked : Looked
        The last look, as the store has it.
    looks : NightLooks
        The look of this run.
    was_whole : bool
        True if the store had all tables of the night.

    Raises
    ------
    OutputError
        The store cannot be written.
    """
    store, night = task.store, task.night
    with helper_threads(2) as threads:
        loading = threads.submit(store.load_whole, night)
        digests = {} if task.from_scratch else _cached_digests(looked, looks)
        attempts = {
            name: threads.submit(store.load_attempts, name, digest)
            for name, digest in digests.items()
        }
        reading = read_sources(task, looked, looks, digests, attempts)
        stored, damaged = loading.result()
        for fault in damaged:
            log.error("%s", fault)
        merged = merge_night(stored, reading)
        saving = threads.submit(store.save, night, merged.after)
        # without whole tables, nobody knows what changed
        happened = _changes(reading, merged) if was_whole else looked.get("happened")
        staged = attempt_sources(task.stream)
        unmatched = cross_night.find_unmatched(merged.after, staged)
        unmatched_digest = store.save_unmatched(night, unmatched)
        tables_digest, sizes = saving.result()
    derived = derived_with(task, looked, set(reading.readings))
    faults = {**reading.problems, **reading.faults}
    row: Look = {
        "tables": tables_digest,
        "notes": _notes(reading),
        "without_effect": _without_effect(reading) or None,
        "silent": silent_sources(looked, faults, task.now),
        "happened": happened,
        "is_told": _is_told(reading, staged),
        "strays": cross_night.count_unmatched(unmatched, staged, unmatched_digest),
        "old_settings": count_old_data(task, looked, merged.before, merged.old, derived),
    }
    is_changed = any(value != looked.get(name) for name, value in row.items())
    row["changed_at"] = iso_utc(task.now) if is_changed else looked.get("changed_at")
    _save_memories(reading)
    _write_looked(reading, row, sizes, derived)
    return Outcome(night, is_changed, len(merged.after.files), row, faults, reading.rows)


def _cached_digests(looked: Looked, looks: NightLooks) -> dict[str, str]:
    """Return the digests of valid cached attempts."""
    kept = looked.get("kept") or {} if looked.get("version") == __version__ else {}
    return {name: digest for name, digest in kept.items() if looks.is_same(name)}


def read_sources(
    task: NightTask,
    looked: Looked,
    looks: NightLooks,
    digests: Mapping[str, str],
    attempts: Mapping[str, Future[DataFrame | None]],
) -> NightReading:
    """Read each source that answered, or its cached attempts.

    Parameters
    ----------
    task, looked, looks
        Those of the night.
    digests, attempts : mapping
        Of the cached attempts, by source; None if they cannot be loaded.
    """
    readings: dict[str, Reading] = {}
    problems, cached = dict(looks.problems), dict[str, str]()
    rows = {
        source.name: earlier
        for source in task.sources
        if (earlier := (looked.get("rows") or {}).get(source.name)) is not None
    }
    for source in task.sources:
        if source.name in problems:
            continue
        with catch_faults(source, str(task.night), problems):
            loaded = attempts[source.name].result() if source.name in attempts else None
            if loaded is not None:
                readings[source.name] = Reading(attempts=loaded)
                cached[source.name] = digests[source.name]
                continue
            if getattr(source.source, "remembers", False):
                source.source.remind(task.night, task.store.load_memory(task.night, source.name))
            one = source.read(task.night)
            _count(source.name, one, rows)
            if nothing := nothing_understood(rows.get(source.name, {})):
                # rows that nobody understands do not mean that there is nothing
                raise SourceError(nothing)
            readings[source.name] = one
    faults = {name: one.fault for name, one in readings.items() if getattr(one, "fault", "")}
    return NightReading(task, looked, looks, readings, problems, faults, cached, rows)


def _count(name: str, reading: Reading, rows: dict[str, dict[str, PlaceRows]]) -> None:
    """Replace a source's earlier counts by those of a reading."""
    rows.pop(name, None)
    # a reading of a source that was written for an earlier version may be a class of its own
    counts = getattr(reading, "counts", None)
    if counts is not None:
        rows[name] = rows_of(counts)


def merge_night(stored: Tables, reading: NightReading) -> MergedNight:
    """Merge a night's stored tables with what the sources answered."""
    before, history = split_history(stored)
    before, renamed = _under_new_names(before, reading.readings)
    anew = to_derive_anew(reading.task, reading.looked, reading.readings)
    silent = set(reading.problems)
    others = merge.sources_of(before) - set(reading.readings) | silent
    earlier = reading.looked.get("old_settings") or {}
    doubtful = {name for name, facts in earlier.items() if facts.get("arrivals")}
    left, old = without_derivable(
        before, reading.readings, anew, has_others=bool(others), doubtful=doubtful
    )
    order = trusted_order(reading.task.stream)
    current = merge.update(left, reading.readings, silent=silent, order=order)
    return MergedNight(before, old, current, with_history(current, history), renamed)


def _under_new_names(
    before: Tables, readings: Mapping[str, Reading]
) -> tuple[Tables, dict[str, str]]:
    """Rename files that a source found elsewhere; return both names."""
    found = {
        name: reading.files
        for name, reading in readings.items()
        if reading.files is not None and len(reading.files)
    }
    moved: dict[str, str] = {}
    for name, files in found.items():
        moved |= changes.moved_files(before.files, name, files)
    return (changes.renamed(before, moved, pd.concat(found.values())) if moved else before), moved


def _changes(reading: NightReading, merged: MergedNight) -> dict[str, Any] | None:
    """Return the changes of a night, old and new.

    What differs since settings changed is no change of the night.
    """
    task, current = reading.task, merged.current
    same = {name: one for name, one in reading.readings.items() if name not in merged.old}
    before = _without_files_of(merged.before, merged.old)
    renamed = {} if merged.old else merged.renamed
    new = changes.compare(before, current, task.stream.last_stage, same, renamed)
    asked_before = set(reading.looks.known) & set(same)
    ended = task.stream.rule.bounds(task.night)[1]
    new |= changes.came_late(merged.before, current, asked_before, ended, task.now)
    happened = reading.looked.get("happened")
    if merged.old:
        happened = changes.of_files(happened, current.files["file_id"])
    return changes.merged(happened, new, iso_utc(task.now)) or None


def _without_files_of(tables: Tables, sources: Collection[str]) -> Tables:
    """Return tables without the files of some sources."""
    if not sources:
        return tables
    return replace(tables, files=tables.files[~tables.files["source"].isin(list(sources))])


def _notes(reading: NightReading) -> dict[str, list[str]]:
    """Return the notes of each source."""
    notes = {
        name: _bounded(sorted(one.notes)) for name, one in reading.readings.items() if one.notes
    }
    earlier = reading.looked.get("notes") or {}
    unread = {*reading.problems, *reading.cached}
    return notes | {name: before for name, before in earlier.items() if name in unread}


def _without_effect(reading: NightReading) -> dict[str, list[str]]:
    """Return sentences about settings without effect, by source."""
    found = {
        name: _bounded(sorted(sentences))
        for name, one in reading.readings.items()
        # a reading of a source that was written for an earlier version may be a class of its own
        if (sentences := getattr(one, "without_effect", None))
    }
    earlier = reading.looked.get("without_effect") or {}
    unread = {*reading.problems, *reading.cached}
    return found | {name: before for name, before in earlier.items() if name in unread}


def _bounded(notes: list[str]) -> list[str]:
    """Return as many notes as a page can show."""
    shown = [shortened(note, MAX_NOTE) for note in notes[:MAX_NOTES]]
    more = len(notes) - MAX_NOTES
    return [*shown, f"and {more:,} more"] if more > 0 else shown


def _is_told(reading: NightReading, staged: list[str]) -> bool:
    """True if attempts are known.

    A source of attempts has answered once, or the stream has none.
    """
    return (
        bool(reading.looked.get("is_told"))
        or not staged
        or any(name in reading.readings for name in staged)
    )


def _cache_attempts(reading: NightReading) -> dict[str, str]:
    """Cache many attempts of the newest night.

    That night is looked at often while files come. A registry with nothing new is then not read
    again because another source has news.
    """
    if not reading.task.is_newest:
        return {}
    return {
        source.name: reading.task.store.save_attempts(source.name, one.attempts)
        for source in reading.task.sources
        if source.name not in reading.cached
        and (one := reading.readings.get(source.name))
        and one.attempts is not None
        and _is_worth_caching(source, one)
    }


def _is_worth_caching(source: TimedSource, reading: Reading) -> bool:
    """Return True for many attempts that looks cover."""
    is_attempts_alone = (
        reading.files is None and reading.metrics is None and not reading.append_attempts
    )
    return (
        source.source.looks_at_all
        and is_attempts_alone
        and reading.attempts is not None
        and len(reading.attempts) >= MANY
    )


def _with_mark(state: Any, reading: Reading | None) -> Any:
    """Return a look, marked if its reading lacks something."""
    return {**state, "is_partial": True} if getattr(reading, "is_partial", False) else state


def _save_memories(reading: NightReading) -> None:
    for name, one in reading.readings.items():
        remembered = getattr(one, "remember", None)
        if remembered is not None:
            reading.task.store.save_memory(reading.task.night, name, remembered)


def _write_looked(
    reading: NightReading, row: Look, sizes: dict[str, int], derived: dict[str, dict[str, str]]
) -> None:
    """Write the state of the sources, and the result."""
    looks, problems = reading.looks, reading.problems
    silent = {name: state for name, state in looks.known.items() if name in problems}
    answered = {
        name: _with_mark(state, reading.readings.get(name))
        for name, state in looks.states.items()
        if name not in problems
    }
    now: dict[str, Any] = {
        "schema_version": columns.SCHEMA_VERSION,
        "version": __version__,
        "keys": looks.keys,
        "kept": {**reading.cached, **_cache_attempts(reading)},
        "derived": derived,
    }
    if earlier := {name: state for name, state in looks.earlier.items() if name in problems}:
        now["earlier"] = earlier
    if reading.looked.get("pruned"):
        now["pruned"] = reading.looked["pruned"]
    now |= {"sizes": sizes, "sources": {**silent, **answered}, "rows": reading.rows, **row}
    reading.task.store.write_looked(reading.task.night, cast("Looked", now))
