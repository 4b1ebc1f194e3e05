"""Read one night from every source and save its tables."""

from __future__ import annotations

import datetime
import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from observing_monitor import __version__
from observing_monitor.collecting.sources import known_states, source_keys, told_of
from observing_monitor.judging.checks import MAX_NOTES
from observing_monitor.model import columns
from observing_monitor.model.nights import iso_utc, parse_utc
from observing_monitor.settings.traits import attempt_sources
from observing_monitor.storage.index import INDEXED, TABLES, Look, is_pruned
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Future

    from pandas import DataFrame

    from observing_monitor.collecting.asking import TimedSource
    from observing_monitor.model.reading import Known, Reading, Tables
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Fault, Looked, Silent
    from observing_monitor.storage.output import Output


log = logging.getLogger(__name__)

MANY = 1000  # attempts: so many take longer to read from a registry than from a file of ours


@dataclass
class Outcome:
    """What collecting one night came to."""

    night: datetime.date
    is_changed: bool = False
    n_files: int = 0  # of a night that was read anew
    row: Look = field(default_factory=Look)  # for the index: store.INDEXED
    problems: dict[str, str] = field(default_factory=dict)  # source -> why it did not answer
    is_broken: bool = False  # the night could not be worked on at all
    is_pruned: bool = False  # its tables were pruned: it stays as it was, and no source is asked


def collect_night(
    stream: Stream,
    sources: Sequence[TimedSource],
    output: Output,
    night: datetime.date,
    now: datetime.datetime,
    is_newest: bool = False,
) -> Outcome:
    """Bring one night's tables up to date; an `Outcome`.

    Of the newest night, which is looked at again and again while files come, what large registries told is kept as they told it:
    where one says that nothing changed, but another source has news, it need not be read once more.

    A source that raises SourceError leaves what it told before as it was. Raises OutputError where the store can't be
    written; everything else that goes wrong in one night is logged, and stands in the Outcome.
    """
    store = Store(output, stream.name)
    looked = store.read_looked(night)
    if is_pruned(looked, TABLES):
        return Outcome(night, is_pruned=True)
    keys = source_keys(stream)
    known = known_states(looked, keys)
    outcome = Outcome(night, row=cast(Look, {name: looked.get(name) for name in INDEXED}))
    states = {}
    for source in sources:
        with told_of(source, str(night), outcome.problems):
            states[source.name] = json.loads(json.dumps(source.look(night, known.get(source.name))))
    was_silent = {
        name: silent["problem"]
        for name, silent in (looked.get("silent") or {}).items()
        if began_at(silent, now) == silent["since"]
    }
    is_same = (
        looked.get("version") == __version__
        and (looked.get("keys") or {}) == keys
        and outcome.problems == was_silent
    )
    is_same = is_same and all(_told(states[name]) == _told(known.get(name)) for name in states)
    if is_same and store.is_whole(night, looked.get("sizes")):
        if any(states[name] != known.get(name) for name in states):
            store.write_looked(night, {**looked, "sources": {**known, **states}})
        return outcome
    _read_night(stream, sources, store, looked, known, states, outcome, keys, now, is_newest)
    return outcome


def _read_night(
    stream: Stream,
    sources: Sequence[TimedSource],
    store: Store,
    looked: Looked,
    known: dict[str, Known],
    states: dict[str, Known],
    outcome: Outcome,
    keys: dict[str, str],
    now: datetime.datetime,
    is_newest: bool,
) -> None:
    """Read the sources that answered, merge with what is known, save; fills the outcome."""
    from concurrent.futures import ThreadPoolExecutor

    from observing_monitor.tables import changes, cross_night, merge
    from observing_monitor.tables.history import split_history, with_history

    night = outcome.night
    kept = {
        name: digest
        for name, digest in _kept(looked).items()
        if name in states and _told(states[name]) == _told(known.get(name))
    }
    was_whole = store.is_whole(night, looked.get("sizes"))  # else nobody knows what changed
    with ThreadPoolExecutor(
        2
    ) as beside:  # to pack and to unpack a full night leaves Python to others
        loading = beside.submit(store.load_whole, night)
        again = {
            name: beside.submit(store.load_attempts, name, digest) for name, digest in kept.items()
        }
        readings = _readings(sources, night, again, kept, outcome.problems)
        before, damaged = loading.result()
        for fault in damaged:
            log.error("%s", fault)
        before, history = split_history(before)
        before, moved = _under_new_names(before, readings)
        told = merge.update(before, readings, silent=set(outcome.problems))
        after = with_history(told, history)
        saving = beside.submit(store.save, night, after)
        happened = looked.get("happened")
        if was_whole:
            new = changes.compare(before, told, stream.last_stage, readings, moved)
            new |= changes.came_late(
                before, told, set(known) & set(readings), stream.rule.bounds(night)[1], now
            )
            happened = changes.merged(happened, new, iso_utc(now)) or None
        staged = attempt_sources(stream)
        unmatched = cross_night.find_unmatched(after, staged)
        unmatched_digest = store.save_unmatched(night, unmatched)
        digest, sizes = saving.result()
    outcome.n_files = len(after.files)
    notes = {
        name: _bounded(sorted(reading.notes)) for name, reading in readings.items() if reading.notes
    }
    notes |= {
        name: before
        for name, before in (looked.get("notes") or {}).items()
        if name in outcome.problems or name in kept
    }
    row: Look = {
        "tables": digest,
        "notes": notes,
        "silent": silent_sources(looked, outcome.problems, now),
        "happened": happened,
        "is_told": bool(looked.get("is_told"))
        or not staged
        or any(name in readings for name in staged),
        "strays": cross_night.count_unmatched(unmatched, staged, unmatched_digest),
    }
    outcome.is_changed = any(told != looked.get(name) for name, told in row.items())
    row["changed_at"] = iso_utc(now) if outcome.is_changed else looked.get("changed_at")
    outcome.row = row
    if is_newest:
        for source in sources:
            reading = readings.get(source.name)
            if (
                source.name not in kept
                and reading
                and reading.attempts is not None
                and _is_worth_keeping(source, reading)
            ):
                kept[source.name] = store.save_attempts(source.name, reading.attempts)
    stay = {name: state for name, state in known.items() if name in outcome.problems}
    states = {name: state for name, state in states.items() if name not in outcome.problems}
    told_by: Looked = {
        "schema_version": columns.SCHEMA_VERSION,
        "version": __version__,
        "keys": keys,
        "kept": kept,
    }
    if looked.get("pruned"):
        told_by["pruned"] = looked["pruned"]
    store.write_looked(night, {**told_by, "sizes": sizes, "sources": {**stay, **states}, **row})


def _readings(
    sources: Iterable[TimedSource],
    night: datetime.date,
    again: Mapping[str, Future[DataFrame | None]],
    kept: dict[str, str],
    problems: dict[str, str],
) -> dict[str, Reading]:
    """What each source that answers tells of a night, or told last, where that comes `again`; takes out of `kept` what does not."""
    from observing_monitor.model.reading import Reading

    readings = {}
    for source in sources:
        if source.name not in problems:
            with told_of(source, str(night), problems):
                attempts = again[source.name].result() if source.name in again else None
                if attempts is None:
                    kept.pop(source.name, None)
                readings[source.name] = (
                    source.read(night) if attempts is None else Reading(attempts=attempts)
                )
    return readings


def _kept(looked: Looked) -> dict[str, str]:
    """Of which sources the last attempts that they told of a night may be kept still: name -> their digest."""
    return looked.get("kept") or {} if looked.get("version") == __version__ else {}


def _is_worth_keeping(source: TimedSource, reading: Reading) -> bool:
    """Whether a reading is of attempts alone, which the source's look tells of, and so many that they take long to read."""
    is_of_attempts = (
        reading.files is None and reading.metrics is None and not reading.append_attempts
    )
    return (
        source.source.looks_at_all
        and is_of_attempts
        and reading.attempts is not None
        and len(reading.attempts) >= MANY
    )


def _under_new_names(
    before: Tables, readings: Mapping[str, Reading]
) -> tuple[Tables, dict[str, str]]:
    """A night's tables with the files that a source found elsewhere under their new names, and those: before -> now."""
    import pandas as pd

    from observing_monitor.tables import changes

    told = {
        name: reading.files
        for name, reading in readings.items()
        if reading.files is not None and len(reading.files)
    }
    moved: dict[str, str] = {}
    for name, files in told.items():
        moved |= changes.moved_files(before.files, name, files)
    return (changes.renamed(before, moved, pd.concat(told.values())) if moved else before), moved


def _told(state: Known) -> Known:
    """What a look told, without what only helps the next look to be short."""
    return (
        {key: value for key, value in state.items() if key != "glance"}
        if isinstance(state, dict)
        else state
    )


def _bounded(notes: list[str]) -> list[str]:
    """Notes as a page can hold them: ten thousand odd names in one folder are told by the first of them and a count."""
    kept = [note if len(note) <= 1000 else f"{note[:1000]}…" for note in notes[:MAX_NOTES]]
    return kept if len(notes) <= MAX_NOTES else [*kept, f"and {len(notes) - MAX_NOTES:,} more"]


def silent_sources(
    looked: Look, problems: Mapping[str, str], now: datetime.datetime
) -> dict[str, Silent]:
    """Which sources did not answer, why, and since when."""
    before = looked.get("silent") or {}
    return {
        name: {"problem": problem, "since": began_at(before.get(name), now)}
        for name, problem in problems.items()
    }


def began_at(fault: Fault | Silent | None, now: datetime.datetime) -> str:
    """Since when a fault is known, as text; now, where it is new or a clock was ahead."""
    since = (fault or {}).get("since")
    return since if since and parse_utc(since) <= now else iso_utc(now)
