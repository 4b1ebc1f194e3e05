"""Per night: ask every source, build the tables, save them. Pages are none of its business."""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from observing_monitor import __version__, columns
from observing_monitor.errors import (
    ObservingMonitorError,
    OutputError,
    SourceError,
    UsageError,
    one_line,
)
from observing_monitor.nights import iso_utc, parse_utc
from observing_monitor.retention import TABLES, is_pruned
from observing_monitor.sources import Asked, source_class
from observing_monitor.status import MAX_NOTES
from observing_monitor.store import INDEXED, KEPT, Look, Store
from observing_monitor.streams import tellers_of_stages
from observing_monitor.timelimit import NEVER, Deadline, TimedSource, Turn

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pandas import DataFrame

    from observing_monitor.config import DescribedSource, Stream
    from observing_monitor.files import Output
    from observing_monitor.sources import Known, Reading, Telling
    from observing_monitor.store import Fault, Index, Looked, Row, Silent
    from observing_monitor.tables import Tables
    from observing_monitor.workers import Workers

MANY = 1000  # attempts: so many take longer to read from a registry than from a file of ours

log = logging.getLogger(__name__)


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


def make_sources(
    stream: Stream, now: datetime.datetime, look_at_everything: bool = False
) -> list[Telling]:
    """The sources of a stream (`config.Stream`), ready to be asked; UsageError where a setting of one can't be."""
    asked = Asked(stream.name, stream.rule, now, look_at_everything)
    made = []
    for described in stream.sources:
        try:
            source = source_class(described.kind)(described.settings, asked)
        except UsageError as error:
            raise UsageError(f"source {described.name!r}: {error}") from error
        source.name = described.name
        made.append(source)
    return made


def timed_sources(
    stream: Stream,
    now: datetime.datetime,
    look_at_everything: bool = False,
    deadline: Deadline = NEVER,
    turn: Turn | None = None,
) -> list[TimedSource]:
    """The sources of a stream, each of which has to answer within its limit, and before the run's `deadline`; others take their `turn`."""
    made, turn = (
        zip(make_sources(stream, now, look_at_everything), stream.sources, strict=True),
        turn or Turn(),
    )
    return [
        TimedSource(source, described.place, described.time_limit_s, deadline, turn)
        for source, described in made
    ]


def sources_of_versions(
    stream: Stream,
    now: datetime.datetime,
    look_at_everything: bool = False,
    deadline: Deadline = NEVER,
    turn: Turn | None = None,
) -> dict[int, list[TimedSource]]:
    """As `timed_sources`, of each version of a stream (`Stream.versions`), by its `id`: a setting may be another from some night on."""
    return {
        id(version): timed_sources(version, now, look_at_everything, deadline, turn)
        for version in stream.versions
    }


def begin_nights(sources: Iterable[TimedSource]) -> None:
    """Have sources that were not asked yet say which nights they know: for `timelimit.Turn`."""
    for source in sources:
        source.begin("nights")


def begin_looks(
    stream: Stream, sources: Sequence[TimedSource], output: Output, night: datetime.date
) -> None:
    """Have sources that were not asked yet look at a night, as `collect_night` will ask them: for `timelimit.Turn`."""
    with contextlib.suppress(
        ObservingMonitorError
    ):  # of the store; whoever collects the night will find it out
        looked = Store(output, stream.name).read_looked(night)
        if not is_pruned(looked, TABLES):
            known = _known_states(looked, _source_keys(stream))
            for source in sources:
                source.begin("look", night, known.get(source.name))


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
    keys = _source_keys(stream)
    known = _known_states(looked, keys)
    outcome = Outcome(night, row=cast(Look, {name: looked.get(name) for name in INDEXED}))
    states = {}
    for source in sources:
        with told_of(source, str(night), outcome.problems):
            states[source.name] = json.loads(json.dumps(source.look(night, known.get(source.name))))
    was_silent = {
        name: silent["problem"]
        for name, silent in (looked.get("silent") or {}).items()
        if _since(silent, now) == silent["since"]
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

    from observing_monitor import happenings, tables

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
        before, history = tables.split_history(before)
        before, moved = _under_new_names(before, readings)
        told = tables.update(before, readings, silent=set(outcome.problems))
        after = tables.with_history(told, history)
        saving = beside.submit(store.save, night, after)
        happened = looked.get("happened")
        if was_whole:
            new = happenings.compare(before, told, stream.last_stage, readings, moved)
            new |= happenings.came_late(
                before, told, set(known) & set(readings), stream.rule.bounds(night)[1], now
            )
            happened = happenings.merged(happened, new, iso_utc(now)) or None
        staged = tellers_of_stages(stream)
        halves = store.save_halves(night, after, staged)
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
        "silent": _silent(looked, outcome.problems, now),
        "happened": happened,
        "is_told": bool(looked.get("is_told"))
        or not staged
        or any(name in readings for name in staged),
        "strays": halves,
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
    from observing_monitor.sources import Reading

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


@contextlib.contextmanager
def told_of(source: TimedSource, what: str, faults: dict[str, str]) -> Iterator[None]:
    """The edge of one source: what goes wrong inside stands among the faults, by the source's name, and no other source is lost for it."""
    try:
        yield
    except (SourceError, UsageError) as error:
        faults[source.name] = str(error)
    except (OutputError, MemoryError):
        raise
    except Exception as error:  # what nobody foresaw of other people's data
        log.exception("%s %s: could not be read", source.name, what)
        faults[source.name] = (
            f"{source.name}: could not be read ({type(error).__name__}: {one_line(error)}); what it told stays"
        )


def _under_new_names(
    before: Tables, readings: Mapping[str, Reading]
) -> tuple[Tables, dict[str, str]]:
    """A night's tables with the files that a source found elsewhere under their new names, and those: before -> now."""
    import pandas as pd

    from observing_monitor import happenings

    told = {
        name: reading.files
        for name, reading in readings.items()
        if reading.files is not None and len(reading.files)
    }
    moved: dict[str, str] = {}
    for name, files in told.items():
        moved |= happenings.moved_files(before.files, name, files)
    return (happenings.renamed(before, moved, pd.concat(told.values())) if moved else before), moved


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


def _silent(looked: Look, problems: Mapping[str, str], now: datetime.datetime) -> dict[str, Silent]:
    """Which sources did not answer, why, and since when."""
    before = looked.get("silent") or {}
    return {
        name: {"problem": problem, "since": _since(before.get(name), now)}
        for name, problem in problems.items()
    }


def _since(fault: Fault | Silent | None, now: datetime.datetime) -> str:
    """Since when a fault is known, as text; now, where it is new or a clock was ahead."""
    since = (fault or {}).get("since")
    return since if since and parse_utc(since) <= now else iso_utc(now)


def _source_keys(stream: Stream) -> dict[str, str]:
    return {source.name: _source_key(stream, source) for source in stream.sources}


def _known_states(looked: Looked, keys: Mapping[str, str]) -> dict[str, Known]:
    """What the last look of each source at a night told, of those that are asked as they were then."""
    before = looked.get("keys") or {}
    return {
        name: state
        for name, state in looked.get("sources", {}).items()
        if before.get(name) == keys.get(name)
    }


def _source_key(stream: Stream, source: DescribedSource) -> str:
    """Differs when what a source was asked, and so what its look at a night says, did: its settings, the night rule, the schema."""
    text = repr((columns.SCHEMA_VERSION, stream.rule, source.kind, source.settings))
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def collect(
    stream: Stream,
    nights: list[datetime.date],
    output: Output,
    now: datetime.datetime,
    *,
    look_at_everything: bool = False,
    executor: Workers | None = None,
    progress: Callable[[Outcome], object] | None = None,
    deadline: Deadline = NEVER,
    sources: dict[int, list[TimedSource]] | None = None,
    index: Index | None = None,
) -> list[Outcome]:
    """Bring the nights of one stream up to date, the last one first, and its index.

    Parameters
    ----------
    stream : config.Stream
    nights : list of date
        In order.
    output : files.Output
    now : datetime
    look_at_everything : bool
        Trust no folder's modification time.
    executor : workers.Workers, optional
        Where nights are worked on; here, one after the other, without one.
    progress : callable, optional
        Called with each Outcome as it comes.
    deadline : timelimit.Deadline
        After it no night but the last is looked at; what is known of those stays, and the stream's page says so.
    sources : list, optional
        As `timed_sources` gives them, where they were asked before, and know what they have listed.
    index : store.Index, optional
        The stream's, which the caller writes once it is done with it: until then the rows that changed are noted.

    Returns
    -------
    list of Outcome
        Of the nights that were looked at.
    """
    store, is_ours = Store(output, stream.name), index is None
    index = store.read_index() if index is None else index
    outcomes = []
    for outcome in _outcomes(
        stream, nights[::-1], output, now, look_at_everything, executor, deadline, sources
    ):
        row = index["nights"].setdefault(outcome.night.isoformat(), {})
        before = dict(row)
        if outcome.is_broken:
            row["silent"] = {**(row.get("silent") or {}), **_silent(row, outcome.problems, now)}
        row.update(cast("Row", outcome.row))
        if row != before:
            row.pop("made_for", None)  # its page has to be looked at
            if not is_ours:
                store.note(outcome.night, row)
        outcomes.append(outcome)
        if progress:
            progress(outcome)
    _note_sources(index, stream, outcomes, nights, now)
    if is_ours:
        store.write_index(index)
    return outcomes


def _outcomes(
    stream: Stream,
    nights: list[datetime.date],
    output: Output,
    now: datetime.datetime,
    look_at_everything: bool,
    executor: Workers | None,
    deadline: Deadline,
    sources: dict[int, list[TimedSource]] | None,
) -> Iterator[Outcome]:
    if executor is None:
        made = sources or sources_of_versions(stream, now, look_at_everything, deadline)
        for number, night in enumerate(nights):
            if number == 0 or not deadline.is_over:
                then = stream.at(night)
                yield _guarded(then, made[id(then)], output, night, now, number == 0)
        for source in (source for sources in made.values() for source in sources):
            source.end()
        return
    store = Store(output, stream.name)
    # with "/": of the night alone, and of its folder all
    parts = [
        output.part(f"{store.night_folder(night)}/", f"{store.folder}/{KEPT}") for night in nights
    ]
    tasks = [
        (stream.at(night), part, night, now, look_at_everything, deadline, number == 0)
        for number, (part, night) in enumerate(zip(parts, nights, strict=True))
    ]
    for outcome, changes in executor.results(
        _collect_elsewhere, tasks, _lost, lambda task: (task[0].name, task[2])
    ):
        output.learn(changes)
        if outcome:
            yield outcome


_made = (
    threading.local()
)  # in a worker: the sources of the run, so that a tree's skeleton and a registry are read once


def _collect_elsewhere(
    stream: Stream,
    output: Output,
    night: datetime.date,
    now: datetime.datetime,
    look_at_everything: bool,
    deadline: Deadline,
    is_first: bool,
) -> tuple[Outcome | None, Any]:
    """One night's Outcome, in a worker, and what it wrote; None where the time for it is over."""
    if deadline.is_over and not is_first:
        return None, None
    key = (stream, now, look_at_everything)
    if getattr(_made, "key", None) != key:
        turn = Turn()
        _made.sources, _made.key = (
            timed_sources(stream, now, look_at_everything, deadline, turn),
            key,
        )
        turn.add(stream.name, functools.partial(begin_looks, stream, _made.sources, output, night))
    return _guarded(stream, _made.sources, output, night, now, is_first), output.changes()


def _lost(
    stream: Stream, output: Output, night: datetime.date, *_: object
) -> tuple[Outcome | None, Any]:
    words = f"{night}: its worker died each time that it was collected"
    return Outcome(night, problems={"observing_monitor": words}, is_broken=True), None


def _guarded(
    stream: Stream,
    sources: Sequence[TimedSource],
    output: Output,
    night: datetime.date,
    now: datetime.datetime,
    is_newest: bool,
) -> Outcome:
    """One night, at whose edge the unforeseen stops: it is logged whole, counted, and the other nights go on."""
    try:
        return collect_night(stream, sources, output, night, now, is_newest)
    except OutputError:
        raise
    except Exception as error:
        if not isinstance(error, ObservingMonitorError):
            log.exception("%s %s: could not be collected", stream.name, night)
        return Outcome(
            night,
            problems={
                "observing_monitor": f"{night}: could not be collected ({type(error).__name__}: {one_line(error)})"
            },
            is_broken=True,
        )


def _note_sources(
    index: Index,
    stream: Stream,
    outcomes: list[Outcome],
    nights: list[datetime.date],
    now: datetime.datetime,
) -> None:
    """The faults of sources, and of our own that the run's time was too short, with since when, for the stream's page."""
    before = index["sources"]
    faults = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.night):
        faults.update(outcome.problems)
    asked = [described.name for described in stream.sources]
    levels = {}
    if left := unlooked(nights, outcomes):
        faults["observing_monitor"] = words_of_unlooked(left)
        levels["observing_monitor"] = "warning"
    if nights:
        index["sources"] = {
            name: _fault(before.get(name) or {}, faults[name], now, levels.get(name))
            if name in faults
            else {}
            for name in [*asked, *(set(faults) - set(asked))]
        }


def _fault(before: Fault, problem: str, now: datetime.datetime, level: str | None = None) -> Fault:
    fault: Fault = {"problem": problem, "since": _since(before, now)}
    if level:
        fault["level"] = level
    return fault


def unlooked(nights: Iterable[datetime.date], outcomes: Iterable[Outcome]) -> list[datetime.date]:
    """The nights that were to be looked at and were not, in order."""
    looked = {outcome.night for outcome in outcomes}
    return [night for night in nights if night not in looked]


def words_of_unlooked(nights: Sequence[datetime.date]) -> str:
    """What is said of nights that the run had no time for."""
    span = f"{nights[0]} to {nights[-1]}" if len(nights) > 1 else str(nights[0])
    how_many = f"{len(nights):,} nights" if len(nights) > 1 else "1 night"
    return f"{how_many} not looked at, {span}: the run's time was up; they stay as they were, the next run goes on (max_run_s is its limit)"
