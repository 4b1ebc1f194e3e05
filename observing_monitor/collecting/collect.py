"""Per night: ask every source, build the tables, save them. Pages are none of its business."""

from __future__ import annotations

import functools
import logging
import threading
from typing import TYPE_CHECKING, cast

from observing_monitor.collecting.asking import StartQueue
from observing_monitor.collecting.night import Outcome, began_at, collect_night, silent_sources
from observing_monitor.collecting.sources import begin_looks, sources_of_versions, timed_sources
from observing_monitor.errors import ObservingMonitorError, OutputError, one_line
from observing_monitor.processes.timelimit import NEVER
from observing_monitor.storage.store import ATTEMPTS_PREFIX, Store

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from observing_monitor.collecting.asking import TimedSource
    from observing_monitor.processes.timelimit import Deadline
    from observing_monitor.processes.workers import Workers
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Fault, Index, IndexRow
    from observing_monitor.storage.output import Output


log = logging.getLogger(__name__)


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
            row["silent"] = {
                **(row.get("silent") or {}),
                **silent_sources(row, outcome.problems, now),
            }
        row.update(cast("IndexRow", outcome.row))
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
        output.part(f"{store.night_folder(night)}/", f"{store.folder}/{ATTEMPTS_PREFIX}")
        for night in nights
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
        turn = StartQueue()
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
    fault: Fault = {"problem": problem, "since": began_at(before, now)}
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
