"""A run: collect streams, publish them, tell of them."""

from __future__ import annotations

import contextlib
import datetime
import functools
import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from observing_monitor.collecting.asking import StartQueue
from observing_monitor.collecting.collect import StreamCollector
from observing_monitor.collecting.derivation import has_other_settings
from observing_monitor.collecting.faults import unlooked, unlooked_message
from observing_monitor.collecting.looks import NightTask
from observing_monitor.collecting.sources import (
    AskOptions,
    begin_looks,
    begin_nights,
    catch_faults,
    sources_of_versions,
)
from observing_monitor.feeds import site_status, write
from observing_monitor.judging.known_issues import KnownIssues
from observing_monitor.model.nights import YEARS
from observing_monitor.pages import publish
from observing_monitor.pages.frame import make_site
from observing_monitor.pages.heartbeat import read_times, write_heartbeat
from observing_monitor.pages.published import Collected
from observing_monitor.processes.timelimit import Deadline
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from observing_monitor.collecting.asking import TimedSource
    from observing_monitor.collecting.from_scratch import NightPlan
    from observing_monitor.collecting.outcome import Outcome
    from observing_monitor.processes.workers import Workers
    from observing_monitor.settings.receivers import Receiver
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index
    from observing_monitor.storage.output import Output


# share of a run's time for collecting; the rest is for the pages
COLLECTING = 2 / 3

log = logging.getLogger("observing_monitor")

# Makes a context for work with a name, and a number of nights if it is known. The context gives a
# function to call after each night, or None.
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[Any], None] | None]]
Nights = dict[str, list[datetime.date] | None]  # by stream; None for all that its sources know


def no_progress(what: str, total: int | None) -> AbstractContextManager[None]:
    """Return the context of progress that nobody looks at."""
    return contextlib.nullcontext()


class StreamSources(NamedTuple):
    """A stream that is about to be collected."""

    stream: Stream
    sources: dict[int, list[TimedSource]]  # by the `id` of the stream's version
    options: AskOptions

    def all_sources(self) -> list[TimedSource]:
        """Return the sources of all versions."""
        return [source for made in self.sources.values() for source in made]


@dataclass(eq=False, repr=False)  # nobody compares or prints it: imports faster
class SiteRun:
    """A run that holds the lock, and its results."""

    streams: list[Stream]
    output: Output
    now: datetime.datetime
    title: str = "Observing monitor"  # of the site
    site_url: str = ""
    known_issues: KnownIssues = field(default_factory=KnownIssues)
    receivers: list[Receiver] = field(default_factory=list)  # are told of changes of status
    prometheus_file: Path | None = None
    limit_s: float = math.inf  # after this time, nothing further is begun
    # It passes through many states. Receivers are told of the last one, by the next run.
    is_of_history: bool = False
    progress: Progress = no_progress

    n_looked: int = 0  # nights looked at
    n_changed: int = 0  # nights with something new
    n_pages: int = 0  # pages written
    problems: list[str] = field(default_factory=list)
    # lines for stderr that do not change the exit code
    warnings: list[str] = field(default_factory=list)
    # stream -> source -> why it did not answer, or None
    read: dict[str, dict[str, str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._deadline = Deadline(self.limit_s)
        # indexes of collected streams, which `publish` writes
        self._indexes: dict[str, Index] = {}
        # stream -> nights whose pages are compared with what was written; None for all
        self._looked_at: Nights = {}
        self._site = make_site(
            self.title, self.streams, self.output, self.site_url, self.known_issues.issues
        )
        self.problems += self.known_issues.problems

    @property
    def seconds(self) -> float:
        """Time that the run has taken so far."""
        return time.monotonic() - self._started

    def n_new(self, nights: Nights) -> int:
        """Return the largest number of new nights of a stream."""
        return max(
            sum(
                not Store(self.output, stream.name).read_looked(night)
                for night in nights[stream.name] or ()
            )
            for stream in self.streams
        )

    def collect(
        self,
        nights: Nights,
        executor: Workers | None = None,
        *,
        look_at_everything: bool = False,
        from_scratch: bool = False,
        share: float = COLLECTING,
        is_then_published: bool = False,
    ) -> None:
        """Bring the store up to date.

        Parameters
        ----------
        nights : dict
            By stream; None for every night that its sources know.
        executor : Workers, optional
            It collects the nights; by default, this process does.
        look_at_everything : bool, optional
            Trust no folder's modification time.
        from_scratch : bool, optional
            Derive anew all that the sources still have.
        share : float, optional
            Share of the run's time that this may take.
        is_then_published : bool, optional
            If `publish` follows, it writes the indexes, which are large, once.
        """
        self._looked_at = {} if look_at_everything or from_scratch else {**nights}
        how = AskOptions(self.now, look_at_everything or from_scratch, from_scratch=from_scratch)
        prepared = self._prepare(nights, executor, how, share)
        while prepared:
            # each is removed with its sources: their listings are large
            self._collect_stream(prepared.pop(0), nights, executor, is_then_published)

    def _collect_stream(
        self,
        prepared: StreamSources,
        nights: Nights,
        executor: Workers | None,
        is_then_published: bool,
    ) -> None:
        stream, sources, options = prepared
        asked, faults = nights[stream.name], dict[str, str]()
        if asked is None:
            asked, faults = self._history(prepared)
        # previews are made from the store, with its index
        if is_then_published and not stream.previews:
            self._indexes[stream.name] = Store(self.output, stream.name).read_index()
        collector = StreamCollector(stream, self.output, options, executor, sources)
        with self.progress(f"{stream.name}: collecting", len(asked)) as step:
            outcomes = collector.collect(asked, self._indexes.get(stream.name), step)
        options.queue.remove(stream.name)
        self._note(stream, outcomes, faults, unlooked(asked, outcomes))
        self._note_rows(stream, collector)
        if stream.previews:
            from observing_monitor.previews import plan

            self.problems += plan.make_previews(stream, self.output, now=self.now)

    def plan_from_scratch(self, nights: Nights) -> Iterator[tuple[Stream, NightPlan]]:
        """Yield plans to derive nights from scratch."""
        from observing_monitor.collecting.from_scratch import plan_night

        how = AskOptions(self.now, look_at_everything=True, from_scratch=True)
        for prepared in self._prepare(nights, None, how, 1):
            asked, faults = nights[prepared.stream.name], dict[str, str]()
            if asked is None:
                asked, faults = self._history(prepared)
            self.problems += [f"{prepared.stream.name}: {text}" for text in faults.values()]
            store = Store(self.output, prepared.stream.name)
            for night in asked:
                then = prepared.stream.at(night)
                sources = prepared.sources[id(then)]
                task = NightTask(then, sources, store, night, self.now, from_scratch=True)
                yield then, plan_night(task)
            for source in prepared.all_sources():
                source.end()

    def _history(self, prepared: StreamSources) -> tuple[list[datetime.date], dict[str, str]]:
        """Return the nights of a stream's history, and faults.

        That is the nights that its sources know, and stored ones that had other settings, or all
        stored ones if they are derived from scratch.
        """
        stream, store = prepared.stream, Store(self.output, prepared.stream.name)
        known, faults = _known_nights(prepared.all_sources())
        stored = [
            night
            for night in store.nights()
            if prepared.options.from_scratch
            or has_other_settings(store.read_looked(night), stream.at(night))
        ]
        return sorted({*known, *stored}), faults

    def _prepare(
        self, nights: Nights, executor: Workers | None, how: AskOptions, share: float
    ) -> list[StreamSources]:
        """Return the sources by stream; queue their first questions."""
        prepared, queue = [], StartQueue()
        for number, stream in enumerate(self.streams, 1):
            # one stream's history must not take the time of another's tonight
            ends = Deadline(self.limit_s * share * number / len(self.streams) - self.seconds)
            options = AskOptions(self.now, how.look_at_everything, ends, queue, how.from_scratch)
            made = StreamSources(stream, sources_of_versions(stream, options), options)
            prepared.append(made)
            asked = nights[stream.name]
            if asked is None:
                queue.add(stream.name, functools.partial(begin_nights, made.all_sources()))
            elif asked and executor is None:  # workers have sources of their own
                begin = functools.partial(_begin_looks, made, self.output, asked)
                queue.add(stream.name, begin)
        return prepared

    def _note(
        self,
        stream: Stream,
        outcomes: list[Outcome],
        faults: Mapping[str, str],
        left: list[datetime.date],
    ) -> None:
        """Note the result of collecting a stream.

        Parameters
        ----------
        stream : Stream
        outcomes : list of Outcome
        faults : mapping
            Source -> why it could not say which nights it knows.
        left : list of date
            Nights for which there was no time.
        """
        read: dict[str, str | None] = {source.name: None for source in stream.sources}
        read.update(faults)
        for outcome in outcomes:
            read.update(outcome.problems)
        self.read[stream.name] = read
        messages = [*faults.values()]
        messages += [text for outcome in outcomes for text in outcome.problems.values()]
        messages += [unlooked_message(left)] if left else []
        self.problems += [f"{stream.name}: {text}" for text in dict.fromkeys(messages)]
        self.n_looked += len(outcomes)
        self.n_changed += sum(outcome.is_changed for outcome in outcomes)
        if n_pruned := sum(outcome.is_pruned for outcome in outcomes):
            level = logging.WARNING if self.is_of_history else logging.INFO
            words = "%s: %s, with their pages: their tables were pruned"
            stay = "night stays as it is" if n_pruned == 1 else "nights stay as they are"
            log.log(level, words, stream.name, f"{n_pruned:,} {stay}")

    def _note_rows(self, stream: Stream, collector: StreamCollector) -> None:
        """Note what sources have not understood, or have begun to leave out."""
        read = self.read[stream.name]
        for source, text in collector.not_understood.items():
            if not read.get(source):  # else its problem says so
                self.problems.append(f"{stream.name}: {text}")
        self.warnings += [f"{stream.name}: {text}" for text in collector.warnings]

    def publish(self, executor: Workers | None = None) -> None:
        """Write stale pages, then heartbeat, feeds and messages."""
        with self.progress("publishing", None) as step:
            read_at = read_times(self._site, self.now, self.read)
            done = publish.publish(
                self._site,
                self.now,
                executor,
                step,
                self._deadline,
                Collected(self._indexes, read_at, self._looked_at),
            )
        self.problems += done.problems
        self.n_pages = done.n_pages
        heartbeat = self.beat(done.pages)
        summary = site_status.RunSummary(
            self.seconds, self.n_looked, self.n_changed, self.n_pages, len(self.problems)
        )
        statuses = site_status.with_since(done.statuses, self.output, self.now)
        facts = write.FeedFacts(statuses, done.changes, heartbeat, summary)
        self.problems += write.write_feeds(
            facts, self.output, self.now, self.site_url, self.prometheus_file
        )
        if self.receivers and not self.is_of_history:
            from observing_monitor.feeds import notify

            self.problems += notify.notify(self.receivers, statuses, self.output, self.now)

    def write_spare_pages(self, stream: Stream, nights: Collection[datetime.date]) -> None:
        """Make the spare pages of some nights."""
        from observing_monitor.pages.spare_page import write_spare_pages

        write_spare_pages(self._site, stream, nights, self.now)

    def beat(self, pages: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, Any]:
        """Write the heartbeat, and return it.

        Parameters
        ----------
        pages : mapping, optional
            Fingerprints of the newest pages, as `Published` has them.
        """
        return write_heartbeat(self._site, self.now, self.read, pages or {})


def _begin_looks(made: StreamSources, output: Output, nights: list[datetime.date]) -> None:
    """Ask each version's sources to look at its last night."""
    for night in {id(made.stream.at(night)): night for night in nights}.values():
        then = made.stream.at(night)
        sources = made.sources[id(then)]
        begin_looks(then, sources, output, night, made.options.from_scratch)


def _known_nights(sources: Iterable[TimedSource]) -> tuple[list[datetime.date], dict[str, str]]:
    """Return the nights that sources know, and their faults."""
    known: set[datetime.date] = set()
    faults: dict[str, str] = {}
    for source in sources:
        with catch_faults(source, "nights", faults):
            known |= {night for night in source.nights() if night.year in YEARS}
    return sorted(known), faults
