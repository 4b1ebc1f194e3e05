"""Publish the nights of one stream, in this process or in workers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import structs

from observing_monitor.errors import OutputError
from observing_monitor.judging import usual
from observing_monitor.judging.usual_flows import forget_old, usual_flows
from observing_monitor.pages import render
from observing_monitor.pages.night_files import base_path, files_of
from observing_monitor.pages.published import NightDone, NightsPublished
from observing_monitor.pages.stale import is_untouched, made_for, night_jobs, stale_nights
from observing_monitor.processes import workers
from observing_monitor.processes.timelimit import NEVER
from observing_monitor.storage import layout
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterator, Sequence
    from typing import Any

    from observing_monitor.judging.usual_flows import UsualFlow
    from observing_monitor.pages.frame import Site
    from observing_monitor.pages.night_job import NightJob
    from observing_monitor.pages.other_streams import OtherStream
    from observing_monitor.pages.published import Collected
    from observing_monitor.processes.timelimit import Deadline
    from observing_monitor.processes.workers import Workers
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index


log = logging.getLogger(__name__)

Progress = Callable[[NightDone], object]  # called with each night

# A night says what is usual by the nights before it, and those may be judged in this run. The few
# nights that then say something else are judged again. Their numbers stay, so twice is enough.
ROUNDS = 2


@dataclass(eq=False, repr=False)  # nobody compares or prints it: imports faster
class NightsPublisher:
    """The nights of a stream that are published in one run."""

    site: Site
    stream: Stream
    index: Index  # its rows are replaced as nights are published
    now: datetime.datetime
    executor: Workers | None = None
    progress: Progress | None = None
    deadline: Deadline = NEVER
    read_at: datetime.datetime | None = None  # when the sources were last read
    looked_at: Collection[datetime.date] | None = ()  # nights whose files are compared; None: all
    others: Mapping[str, OtherStream] = field(default_factory=dict)  # whose metrics pages show
    _names: set[str] = field(default_factory=set, init=False)  # files of the stream's folder
    _failed: set[datetime.date] = field(default_factory=set, init=False)
    _problems: list[str] = field(default_factory=list, init=False)
    _n_pages: int = field(default=0, init=False)

    def note_looks(self, collected: Collected) -> None:
        """Note when the sources were read, and which files to compare."""
        read_at, name = collected.read_at, self.stream.name
        self.read_at = self.now if read_at is None else read_at.get(name)
        self.looked_at = collected.looked_at.get(name)
        names = (name for then in self.stream.versions for name in then.timeline)
        if any("/" in name for name in names):  # as STREAM/METRIC; most streams show their own
            from observing_monitor.pages.other_streams import other_streams

            self.others = other_streams(self.site, self.stream, collected.indexes)

    def publish(self) -> NightsPublished:
        """Write the pages that are not current, the newest first.

        Each new row of the index is noted at once: a run that is killed is resumed.
        """
        self._names = set(self.site.output.names(self.stream.folder))
        jobs = list(
            night_jobs(
                self.site,
                self.stream,
                self.index,
                self.now,
                self.read_at,
                self.looked_at,
                self.others,
            )
        )
        untouched = {job.night for job in jobs if is_untouched(job, self._names)}
        n_closed = self._n_closed(jobs, untouched)
        if n_closed == len(jobs) and self.index.get("is_settled"):
            return NightsPublished()
        self.index.pop("is_settled", None)
        before = jobs[max(0, n_closed - usual.NIGHTS) : n_closed]
        n_left = self._publish_in_rounds(before, jobs[n_closed:], untouched)
        if n_left:
            self._problems.append(
                f"{self.stream.name}: the pages of {n_left:,} nights were not made: "
                "the run's time was up (max_run_s); the next run continues"
            )
        forget_old(self.index["nights"], self.stream.rule.night_of(self.now))
        self.index["is_settled"] = not self._failed and not n_left
        return NightsPublished(self._n_pages, tuple(self._problems), is_changed=True)

    def _n_closed(self, jobs: Sequence[NightJob], untouched: set[datetime.date]) -> int:
        """Count the oldest nights for which nothing changed."""
        if not self.index.get("is_settled"):
            return 0
        changed = (number for number, job in enumerate(jobs) if job.night not in untouched)
        return next(changed, len(jobs))

    def _publish_in_rounds(
        self,
        before: Sequence[NightJob],
        jobs: Sequence[NightJob],
        untouched: set[datetime.date],
    ) -> int:
        """Publish nights until none changes; return how many are left undone."""
        asked_then: Sequence[NightJob | None] = [None] * len(jobs)
        for _ in range(ROUNDS):
            asked_now = self._with_usual(before, jobs)
            asked = [
                now
                for now, then in zip(asked_now, asked_then, strict=True)
                if then is None or (now.usual, now.flows) != (then.usual, then.flows)
            ]
            stale = stale_nights(asked, self._names, untouched)
            n_left = self._publish_all([job for job in stale if job.night not in self._failed])
            if n_left or not stale or stale[0].night == jobs[-1].night:  # no night comes after
                return n_left
            asked_then, untouched = asked_now, untouched - {job.night for job in stale}
        return 0

    def _with_usual(self, before: Sequence[NightJob], jobs: Sequence[NightJob]) -> list[NightJob]:
        """Return jobs with what is usual now, and their rows."""
        rows = [self.index["nights"][job.night.isoformat()] for job in jobs]
        summaries = (row.get("summary") for row in [*(job.row for job in before), *rows])
        limits = usual.usual_limits(summaries)[len(before) :]
        return [
            structs.replace(job, row=row, usual=limit, flows=self._flows(job))
            for job, row, limit in zip(jobs, rows, limits, strict=True)
        ]

    def _flows(self, job: NightJob) -> Mapping[str, UsualFlow] | None:
        if job.flows is None:
            return None
        return usual_flows(self.index["nights"], job.night, job.stream)

    def _publish_all(self, stale: Sequence[NightJob]) -> int:
        """Publish nights, newest first; return how many are left undone."""
        jobs = {job.night: job for job in stale}
        store = Store(self.site.output, self.stream.name)
        for done in self._results(list(jobs.values())[::-1]):
            self._keep(jobs.pop(done.night), done)
            store.note(done.night, done.row)
            if self.progress:
                self.progress(done)
        return len(jobs)

    def _keep(self, job: NightJob, done: NightDone) -> None:
        """Put a night's new row into the index."""
        self.index["nights"][done.night.isoformat()] = done.row
        if done.damaged:
            self.index["nights"][done.damaged.isoformat()]["is_damaged"] = True
        if done.problem:
            self._failed.add(done.night)
            self._problems.append(done.problem)
        else:
            done.row["made_for"] = made_for(job)
            self._names |= {name.rpartition("/")[2] for name in files_of(job, done.row)}
        self._n_pages += done.is_written

    def _results(self, jobs: Sequence[NightJob]) -> Iterator[NightDone]:
        """Yield the results of the jobs before the deadline, in any order."""
        # the newest night is published however short the time is
        deadlines = [self.deadline if number else NEVER for number in range(len(jobs))]
        if self.executor is None:
            if jobs and (jobs[0].row.get("summary") or {}).get("n_files", 0) >= workers.VERY_MANY:
                render.begin_compiling()  # ready by the time so many files are judged and listed
            made = (_guarded(job, end) for job, end in zip(jobs, deadlines, strict=True))
            yield from (done for done in made if done)
            return
        templates = render.compiled() if jobs else {}
        tasks = [(_part_of(job), end, templates) for job, end in zip(jobs, deadlines, strict=True)]
        for result, changes in self.executor.results(_publish_elsewhere, tasks, _lost, _task_key):
            self.site.output.learn(changes)
            if result:
                yield result


def _task_key(task: tuple[NightJob, Deadline, Mapping[str, bytes]]) -> tuple[str, datetime.date]:
    """Return the key by which a worker finds the tables that it holds already."""
    return task[0].stream.name, task[0].night


def _part_of(job: NightJob) -> NightJob:
    """Return the job with only that part of the output that a worker needs."""
    store = Store(job.site.output, job.stream.name)
    nights = [job.night, *(night for night, _ in job.neighbours)]
    folders = [store.night_folder(night) for night in nights]
    folders += [layout.night_store(other.stream, other.night) for other in job.of_others]
    output = job.site.output.part(base_path(job), *(f"{folder}/" for folder in folders))
    return structs.replace(job, site=structs.replace(job.site, output=output))


def _publish_elsewhere(
    job: NightJob, deadline: Deadline, templates: Mapping[str, bytes]
) -> tuple[NightDone | None, Any]:
    """Publish a night in a worker; return the result and the changes."""
    render.take_compiled(templates)
    return _guarded(job, deadline), job.site.output.changes()


def _lost(
    job: NightJob, deadline: Deadline, templates: Mapping[str, bytes]
) -> tuple[NightDone | None, Any]:
    """Return the result of a night whose worker died each time."""
    problem = f"{job.stream.name} {job.night}: its worker died each time that its page was made"
    return NightDone(job.night, job.row, False, problem), None


def _guarded(job: NightJob, deadline: Deadline) -> NightDone | None:
    """Publish a night, or return None after the deadline.

    An unexpected error stops here: it is logged with its traceback and counted, and the other
    pages are still made.
    """
    if deadline.is_over:
        return None
    # a run with nothing new does not pay for these imports
    from observing_monitor.pages.publish_night import publish_night

    try:
        return publish_night(job)
    except OutputError:
        raise
    except Exception as error:
        log.exception("%s %s: its page could not be made", job.stream.name, job.night)
        words = f"its page could not be made ({type(error).__name__}: {error})"
        problem = f"{job.stream.name} {job.night}: {words}"
        return NightDone(job.night, job.row, False, problem)
