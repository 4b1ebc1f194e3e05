"""Collect the nights of a stream, here or in workers."""

from __future__ import annotations

import datetime
import functools
import logging
import threading
from typing import TYPE_CHECKING, cast

import msgspec

from observing_monitor.collecting.asking import StartQueue
from observing_monitor.collecting.faults import note_sources
from observing_monitor.collecting.looks import NightTask, silent_sources
from observing_monitor.collecting.night import collect_night
from observing_monitor.collecting.outcome import Outcome
from observing_monitor.collecting.rows import note_rows
from observing_monitor.collecting.sources import (
    AskOptions,
    begin_looks,
    sources_of_versions,
    timed_sources,
)
from observing_monitor.errors import ObservingMonitorError, OutputError
from observing_monitor.model.messages import error_line
from observing_monitor.model.nights import parse_night
from observing_monitor.processes.timelimit import Deadline
from observing_monitor.settings.stream import Stream
from observing_monitor.storage.index import TABLES, is_pruned
from observing_monitor.storage.output import Output
from observing_monitor.storage.store import ATTEMPTS_PREFIX, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from observing_monitor.collecting.asking import TimedSource
    from observing_monitor.processes.workers import Workers
    from observing_monitor.storage.index import Index, IndexRow


log = logging.getLogger(__name__)


class StreamCollector:
    """Brings the nights of one stream up to date.

    Parameters
    ----------
    stream : Stream
    output : Output
    options : AskOptions
        After its deadline, only the newest night is looked at. What is known of the others
        stays, and the stream's page says so.
    executor : Workers, optional
        It collects the nights; by default, this process does, one after the other.
    sources : dict, optional
        As `sources_of_versions` returns them, if they were already asked which nights they know.
    """

    def __init__(
        self,
        stream: Stream,
        output: Output,
        options: AskOptions,
        executor: Workers | None = None,
        sources: dict[int, list[TimedSource]] | None = None,
    ) -> None:
        self.stream = stream
        self.output = output
        self.options = options
        self._executor = executor
        self._sources = sources
        self._store = Store(output, stream.name)
        # after `collect`: source -> its places of which nothing is understood
        self.not_understood: dict[str, str] = {}
        # after `collect`: lines on sources that have begun to leave out rows
        self.warnings: list[str] = []

    def collect(
        self,
        nights: Sequence[datetime.date],
        index: Index | None = None,
        progress: Callable[[Outcome], object] | None = None,
    ) -> list[Outcome]:
        """Collect nights, and update the stream's index.

        Nights with a damaged table are collected as well, however old they are.

        Parameters
        ----------
        nights : sequence of date
        index : Index, optional
            The stream's, if the caller writes it later; until then, changed rows are noted.
        progress : callable, optional
            It is called with each Outcome.

        Returns
        -------
        list of Outcome
            Of the nights that were looked at.
        """
        is_ours = index is None
        index = self._store.read_index() if index is None else index
        nights = sorted({*nights, *_damaged_nights(index)})
        outcomes = []
        for outcome in self._outcomes(nights[::-1]):
            is_new = self._update_row(index, outcome)
            if is_new and not is_ours:
                self._store.note(outcome.night, index["nights"][outcome.night.isoformat()])
            outcomes.append(outcome)
            if progress:
                progress(outcome)
        note_sources(index, self.stream, outcomes, nights, self.options.now)
        looked = {outcome.night.isoformat(): outcome.rows for outcome in outcomes}
        self.not_understood, self.warnings = note_rows(
            index, self.stream, self._store, self.options.now, looked
        )
        self._log_without_effect(outcomes)
        if is_ours:
            self._store.write_index(index)
        return outcomes

    def _log_without_effect(self, outcomes: list[Outcome]) -> None:
        """Log each sentence about settings without effect once."""
        of_sources = [outcome.row.get("without_effect") or {} for outcome in outcomes]
        lines = {
            f"{self.stream.name}: {source}: {words}"
            for found in of_sources
            for source, sentences in found.items()
            for words in sentences
        }
        for line in sorted(lines):
            log.info("%s", line)

    def _update_row(self, index: Index, outcome: Outcome) -> bool:
        """Update a night's row; return True if it has changed."""
        row = index["nights"].setdefault(outcome.night.isoformat(), {})
        before = dict(row)
        if outcome.is_broken:
            silent = silent_sources(row, outcome.problems, self.options.now)
            row["silent"] = {**(row.get("silent") or {}), **silent}
        else:
            row.pop("is_damaged", None)
        row.update(cast("IndexRow", outcome.row))
        if row == before:
            return False
        row.pop("made_for", None)  # its page has to be looked at
        return True

    def _outcomes(self, nights: Sequence[datetime.date]) -> Iterator[Outcome]:
        return self._outcomes_here(nights) if self._executor is None else self._outcomes_of(nights)

    def _outcomes_here(self, nights: Sequence[datetime.date]) -> Iterator[Outcome]:
        """Collect nights in this process."""
        made = self._sources or sources_of_versions(self.stream, self.options)
        for number, night in enumerate(nights):
            if number == 0 or not self.options.deadline.is_over:
                then = self.stream.at(night)
                sources = made[id(then)]
                task = NightTask(
                    then,
                    sources,
                    self._store,
                    night,
                    self.options.now,
                    is_newest=number == 0,
                    from_scratch=self.options.from_scratch,
                )
                yield _collect_guarded(task)
        for source in (source for sources in made.values() for source in sources):
            source.end()

    def _outcomes_of(self, nights: Sequence[datetime.date]) -> Iterator[Outcome]:
        """Have workers collect nights."""
        options, store = self.options, self._store
        # the "/" takes a night's own folder, with all that is in it
        parts = [
            self.output.part(f"{store.night_folder(night)}/", f"{store.folder}/{ATTEMPTS_PREFIX}")
            for night in nights
        ]
        tasks = [
            WorkerTask(
                self.stream.at(night),
                part,
                night,
                options.now,
                options.look_at_everything,
                options.deadline,
                is_newest=number == 0,
                from_scratch=options.from_scratch,
            )
            for number, (part, night) in enumerate(zip(parts, nights, strict=True))
        ]
        assert self._executor
        for outcome, changes in self._executor.results(
            _collect_in_worker, [(task,) for task in tasks], _lost, lambda args: args[0].key
        ):
            self.output.learn(changes)
            if outcome:
                yield outcome


def _damaged_nights(index: Index) -> list[datetime.date]:
    """Return the nights in which publishing found a damaged table."""
    return [
        parse_night(night)
        for night, row in index["nights"].items()
        if row.get("is_damaged") and not is_pruned(row, TABLES)
    ]


class WorkerTask(msgspec.Struct, frozen=True):
    """A night that a worker collects."""

    stream: Stream
    output: Output  # the part that the night needs
    night: datetime.date
    now: datetime.datetime
    look_at_everything: bool
    deadline: Deadline
    is_newest: bool
    from_scratch: bool

    @property
    def key(self) -> tuple[str, datetime.date]:
        """The stream and the night: a worker may still have the tables of these."""
        return self.stream.name, self.night


# In a worker: the sources of the run. A directory tree and a registry are then listed once.
_cache = threading.local()


def _collect_in_worker(task: WorkerTask) -> tuple[Outcome | None, Any]:
    """Collect one night in a worker.

    Returns
    -------
    outcome : Outcome or None
        None if there is no time left.
    changes
        What was written, for `Output.learn`.
    """
    if task.deadline.is_over and not task.is_newest:
        return None, None
    key = (task.stream, task.now, task.look_at_everything, task.from_scratch)
    if getattr(_cache, "key", None) != key:
        queue = StartQueue()
        options = AskOptions(
            task.now, task.look_at_everything, task.deadline, queue, task.from_scratch
        )
        _cache.sources, _cache.key = timed_sources(task.stream, options), key
        queue.add(
            task.stream.name,
            functools.partial(
                begin_looks,
                task.stream,
                _cache.sources,
                task.output,
                task.night,
                task.from_scratch,
            ),
        )
    store = Store(task.output, task.stream.name)
    outcome = _collect_guarded(
        NightTask(
            task.stream,
            _cache.sources,
            store,
            task.night,
            task.now,
            is_newest=task.is_newest,
            from_scratch=task.from_scratch,
        )
    )
    return outcome, task.output.changes()


def _lost(task: WorkerTask) -> tuple[Outcome | None, Any]:
    """Return the result of a night that kills its worker every time."""
    words = f"{task.night}: its worker died each time that it was collected"
    return Outcome(task.night, problems={"observing_monitor": words}, is_broken=True), None


def _collect_guarded(task: NightTask) -> Outcome:
    """Collect one night; log unexpected errors, so that others continue."""
    try:
        return collect_night(task)
    except OutputError:
        raise
    except Exception as error:
        if not isinstance(error, ObservingMonitorError):
            log.exception("%s %s: could not be collected", task.stream.name, task.night)
        why = f"{type(error).__name__}: {error_line(error)}"
        words = f"{task.night}: could not be collected ({why})"
        return Outcome(task.night, problems={"observing_monitor": words}, is_broken=True)
