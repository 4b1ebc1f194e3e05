"""A run: collect the streams, publish them, tell of them. What every command that makes pages does is done here, and in one way."""

from __future__ import annotations

import contextlib
import datetime
import functools
import logging
import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from observing_monitor.collecting.asking import StartQueue
from observing_monitor.collecting.collect import collect, unlooked, words_of_unlooked
from observing_monitor.collecting.sources import (
    begin_looks,
    begin_nights,
    sources_of_versions,
    told_of,
)
from observing_monitor.feeds import site_status, write
from observing_monitor.judging.known_issues import KnownIssues
from observing_monitor.model.nights import YEARS
from observing_monitor.pages import publish, render
from observing_monitor.pages.frame import make_site
from observing_monitor.pages.heartbeat import write_heartbeat
from observing_monitor.processes import workers
from observing_monitor.processes.timelimit import Deadline
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from observing_monitor.collecting.asking import TimedSource
    from observing_monitor.collecting.night import Outcome
    from observing_monitor.processes.workers import Workers
    from observing_monitor.settings.receivers import Receiver
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index
    from observing_monitor.storage.output import Output


COLLECTING = 2 / 3  # of a run's time; the rest is for the pages of what was collected

log = logging.getLogger("observing_monitor")

# what is begun, and how many steps it has, where that is known -> a function to call at every step, or None
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[Any], None] | None]]


def no_progress(what: str, total: int | None) -> AbstractContextManager[None]:
    """The progress that nobody looks at."""
    return contextlib.nullcontext()


@dataclass
class Run:
    """What a command works on that holds the output's lock, and what it came to."""

    streams: list[Stream]
    output: Output
    now: datetime.datetime
    title: str = "Observing monitor"  # the site's
    site_url: str = ""
    known: KnownIssues = field(default_factory=KnownIssues)
    receivers: list[Receiver] = field(default_factory=list)  # who is told of changes
    prometheus_file: Path | None = None
    limit_s: float = math.inf  # it begins nothing further after so long
    is_of_history: bool = False  # it passes through many states: the next run tells the receivers the one that it came to
    progress: Progress = no_progress

    n_looked: int = 0  # nights
    n_changed: int = 0  # of these, those of which there was something new
    n_pages: int = 0  # pages written
    problems: list[str] = field(default_factory=list)
    read: dict[str, dict[str, str | None]] = field(
        default_factory=dict
    )  # stream -> source -> why it did not answer, or None

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._deadline = Deadline(self.limit_s)
        self._indexes: dict[
            str, Index
        ] = {}  # stream -> what was collected of it, and is yet to be written
        self._site = make_site(
            self.title, self.streams, self.output, self.site_url, self.known.issues
        )
        self.problems += self.known.problems

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._started

    def collect(
        self,
        nights: Mapping[str, list[datetime.date] | None],
        executor: Workers | None = None,
        *,
        look_at_everything: bool = False,
        share: float = COLLECTING,
        is_then_published: bool = False,
    ) -> None:
        """Bring the store up to date.

        Parameters
        ----------
        nights : mapping
            By stream; None stands for every night that its sources know.
        executor : workers.Workers, optional
        look_at_everything : bool
            Trust no folder's modification time.
        share : float
            Of the run's time, that this may take.
        is_then_published : bool
            Whether `publish` follows: it writes the indexes, which are large, once.
        """
        turn = StartQueue()
        prepared = self._prepared(nights, executor, look_at_everything, share, turn)
        while prepared:
            stream, sources, ends = prepared.pop(0)  # what they have listed goes with them
            asked, unasked = nights[stream.name], dict[str, str]()
            if asked is None:
                asked, unasked = _known_nights(_of_all_versions(sources))
            if (
                is_then_published and not stream.previews
            ):  # previews are made of what stands in the store
                self._indexes[stream.name] = Store(self.output, stream.name).read_index()
            with self.progress(f"{stream.name}: collecting", len(asked)) as step:
                outcomes = collect(
                    stream,
                    asked,
                    self.output,
                    self.now,
                    look_at_everything=look_at_everything,
                    executor=executor,
                    progress=_and_compile(step) if executor and is_then_published else step,
                    deadline=ends,
                    sources=sources,
                    index=self._indexes.get(stream.name),
                )
            turn.remove(stream.name)
            self._note(stream, outcomes, unasked, unlooked(asked, outcomes))
            if n_pruned := sum(outcome.is_pruned for outcome in outcomes):
                log.log(
                    logging.WARNING if self.is_of_history else logging.INFO,
                    "%s: the tables of %d nights were pruned: these, and their pages, stay as they are",
                    stream.name,
                    n_pruned,
                )
            if stream.previews:
                from observing_monitor.previews import plan

                self.problems += plan.make_previews(stream, self.output)

    def _prepared(
        self,
        nights: Mapping[str, list[datetime.date] | None],
        executor: Workers | None,
        look_at_everything: bool,
        share: float,
        turn: StartQueue,
    ) -> list[tuple[Stream, dict[int, list[TimedSource]], Deadline]]:
        """Each stream with its sources, by version, and until when it may take; what these will be asked first is known to `turn`."""
        prepared = []
        for number, stream in enumerate(self.streams, 1):
            # no stream's history may take the time of another's tonight
            ends = Deadline(self.limit_s * share * number / len(self.streams) - self.seconds)
            sources = sources_of_versions(stream, self.now, look_at_everything, ends, turn)
            prepared.append((stream, sources, ends))
            asked = nights[stream.name]
            if asked is None:
                turn.add(stream.name, functools.partial(begin_nights, _of_all_versions(sources)))
            elif asked and executor is None:  # else others ask them
                turn.add(
                    stream.name,
                    functools.partial(_begin_looks, stream, sources, self.output, asked),
                )
        return prepared

    def _note(
        self,
        stream: Stream,
        outcomes: list[Outcome],
        unasked: Mapping[str, str],
        left: list[datetime.date],
    ) -> None:
        """Keep what collecting a stream came to."""
        faults: dict[str, str | None] = {source.name: None for source in stream.sources} | dict(
            unasked
        )
        for outcome in outcomes:
            faults.update(outcome.problems)
        self.read[stream.name] = faults
        told = [
            *unasked.values(),
            *(text for outcome in outcomes for text in outcome.problems.values()),
        ]
        told += [words_of_unlooked(left)] if left else []
        self.problems += [f"{stream.name}: {text}" for text in dict.fromkeys(told)]
        self.n_looked += len(outcomes)
        self.n_changed += sum(outcome.is_changed for outcome in outcomes)

    def publish(self, executor: Workers | None = None) -> None:
        """Write the pages that are not current, then what tells of them: heartbeat, feeds, messages to the receivers."""
        with self.progress("publishing", None) as step:
            done = publish.publish(
                self._site, self.now, executor, step, self._deadline, self._indexes
            )
        self.problems += done.problems
        self.n_pages = done.n_pages
        heartbeat = self.beat(done.pages)
        told = site_status.RunSummary(
            self.seconds, self.n_looked, self.n_changed, self.n_pages, len(self.problems)
        )
        standings = site_status.with_since(done.standings, self.output, self.now)
        facts = write.FeedFacts(standings, done.news, heartbeat, told)
        self.problems += write.write_feeds(
            facts, self.output, self.now, self.site_url, self.prometheus_file
        )
        if self.receivers and not self.is_of_history:
            from observing_monitor.feeds import notify

            self.problems += notify.notify(self.receivers, standings, self.output, self.now)

    def beat(self, pages: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, Any]:
        """Write when each stream and source was read, and which are the newest pages, as `publish.Published` has them; returns that."""
        return write_heartbeat(self._site, self.now, self.read, pages or {})

    def n_new(self, nights: Mapping[str, list[datetime.date] | None]) -> int:
        """How many nights of a stream, of that with most, were never looked at."""
        return max(
            sum(
                not Store(self.output, stream.name).read_looked(night)
                for night in nights[stream.name] or ()
            )
            for stream in self.streams
        )


def _of_all_versions(sources: Mapping[int, list[TimedSource]]) -> list[TimedSource]:
    return [source for made in sources.values() for source in made]


def _begin_looks(
    stream: Stream,
    sources: Mapping[int, list[TimedSource]],
    output: Output,
    nights: list[datetime.date],
) -> None:
    """Have the sources of each version of a stream look at the last of its nights."""
    for night in {id(stream.at(night)): night for night in nights}.values():
        then = stream.at(night)
        begin_looks(then, sources[id(then)], output, night)


def _known_nights(sources: Iterable[TimedSource]) -> tuple[list[datetime.date], dict[str, str]]:
    """Every night that sources know; and those of them that could not say which they know: name -> why."""
    known: set[datetime.date] = set()
    faults: dict[str, str] = {}
    for source in sources:
        with told_of(source, "nights", faults):
            known |= {night for night in source.nights() if night.year in YEARS}
    return sorted(known), faults


def _and_compile(step: Callable[[Any], None] | None) -> Callable[[Any], None]:
    """A `step` that has the pages' templates compiled once the first night is done: all need them next, and a core may be idle by then."""
    begun: list[threading.Thread] = []

    def stepped(outcome: Outcome) -> None:
        if not begun:
            begun.append(threading.Thread(target=render.compile_all, daemon=True))
            begun[0].start()
        if step:
            step(outcome)

    return stepped


@contextlib.contextmanager
def executor_of(jobs: int | None, scheduler: str | None) -> Iterator[Workers | None]:
    """Workers on a Dask cluster, or so many processes of this machine (None: one a core); None where this process alone does it."""
    n_jobs = jobs or os.cpu_count() or 1
    if n_jobs == 1 and not scheduler:
        yield None
        return
    with workers.cluster(scheduler) if scheduler else workers.processes(n_jobs) as made:
        yield made
