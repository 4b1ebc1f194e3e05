"""Turn the records of a FitsStorage service into attempts and samples."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observing_monitor.sources.fitsstorage_tables import QUEUES
from observing_monitor.sources.shared.gemini import name_in, plain_name

if TYPE_CHECKING:
    from collections.abc import Iterable


STAGES = ("copy", "queue", "ingest", "export", "transfer", "preview", "calcache", "reduce")
# a file is queued at once; all other stages take time and may fail
WORKING_STAGES = tuple(stage for stage in STAGES if stage != "queue")

_NAME = r"(?P<name>\S+?)(?=[,\s]|$)"
_DEPTH = r"(?:.*?\((?P<depth>\d+) (?:in|on) queue\))?"
# first word of a message -> the stage that begins, and the rest of the message
STARTS = {
    "Copying": ("copy", re.compile(r"(?P<name>\S+)(?: to (?P<to>\S+))?$")),
    "Adding": (
        "queue",
        re.compile(r"(?P<name>\S+)(?: in \S*)? to ingest ?queue", re.IGNORECASE),
    ),
    "Queueing": ("queue", re.compile(r"for Ingest: \(\d+/\d+\): (?:.*/ ?)?(?P<name>[^/\s]+)$")),
    "Ingesting": ("ingest", re.compile(_NAME + _DEPTH)),
    "Exporting": ("export", re.compile(_NAME + _DEPTH)),
    "Transferring": (
        "transfer",
        re.compile(r"file (?P<name>\S+) to destination (?P<to>\S+?)(?:: .*)?$"),
    ),
    "Previewing": ("preview", re.compile(_NAME + _DEPTH)),
    "Processing": ("calcache", re.compile(r"obs_hid \d+ - " + _NAME + _DEPTH)),
    "Reducing": (
        "reduce",
        re.compile(r"rqe id \d+ - (?P<name>\S+?)(?:\.\.\.)?(?=[,\s]|$)" + _DEPTH),
    ),
}
IDLE = re.compile(
    r"Nothing on queue|Pass complete|Re-scanning|No action taken this pass", re.IGNORECASE
)
# messages that end an attempt of a stage without success or failure
DEFERRED = {
    "ingest": re.compile(r"Deferring ingestion of .*?\bfile (?P<name>\S+)"),
    "export": re.compile(r"File (?P<name>\S+) is ingest pending at destination"),
}
STARTING_UP = re.compile(r"\*+ +\S+ (?:- )?starting up\b")
EXITING = re.compile(r"\*+ +\S+ (?:- )?exiting\b")
# logged as an error, but the service goes on to the end of its file
STOPPING = re.compile(r"Received signal: \d+\. Attempting to stop nicely")
# the service gives up its file without an error
GIVEN_UP = re.compile(r"Exportqueue id \d+ DID NOT TRANSFER|Copy failed")
# messages that change nothing
HARMLESS = re.compile(
    r"Popped queue id |Adding (?:new|header|miscfile|\S+ to \w+queue) ?|"
    r"Adding (?:single file|files)"
    r"|Add(?:ed|ing) .* to \w+ ?queue|Problem |File \S+ is not present at destination "
    r"|Attempting pseudo-transfer |Header update |Waiting \d+ seconds |\.\.\. ?(?:found|Waiting)"
    r"|\d+ new files? to check|Doing Initial |Ignoring |[Ss]kipping |.* - skipping$"
    r"|Queueing |Got file list|Checking for tmp files|About to scan |Querying files "
    r"|Lockfile |(?:Creating|Deleting) (?:new |replacement )?[Ll]ockfile |--empty flag set"
)
ALREADY_THERE = re.compile(r"File (?P<name>\S+) is already at destination")
IN_PROGRESS = re.compile(r"Queue (?P<queue>\w+) has (?P<n>\d+) items? in progress")
STUCK = re.compile(r"(?P<queue>\w+) has (?P<n>\d+) items? stuck in progress: *(?P<ids>.*)")
BAD_LEVELS = ("ERROR", "CRITICAL", "FATAL")
TRACEBACK = "Traceback (most recent call last)"
# length of a message that concerns no file
MAX_ERROR = 300

# a metric, with its node, instant (UTC), value and text
Sample = tuple[str, str, datetime.datetime, float | None, str | None]
# instant (UTC), process, module, level and message, and the lines that belong to it
Record = tuple[datetime.datetime, str, str, str, str, str]


@dataclass
class Attempt:
    """One stage of one file, finished or under way at the end of the log."""

    # a look's digest contains the repr: the class and its fields keep their names
    stage: str
    name: str
    started_at: datetime.datetime
    to: str
    at: datetime.datetime  # when it ended, or was last heard of
    status: str = "running"
    message: str = ""


@dataclass
class ServiceLog:
    """The attempts and samples in the logs of one service."""

    name: str
    attempts: list[Attempt] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)  # in order of time
    # messages that are not known, with their instants
    unknown: list[tuple[datetime.datetime, str]] = field(default_factory=list)
    # night -> its attempts and samples, once they have been sorted
    by_night: dict[datetime.date, tuple[list[Attempt], list[Sample]]] | None = None
    notes: list[str] = field(default_factory=list)
    # records, without those that are only for debugging, and lines that are no records
    n_records: int = 0
    n_foreign: int = 0


def parse_service(service: str, records: Iterable[Record]) -> ServiceLog:
    """Return what a service's records say, given in order of time."""
    parser = _ServiceParser(service)
    for record in records:
        parser.add(*record)
    return parser.log


def changes(samples: Iterable[Sample]) -> list[Sample]:
    """Return each queue's first sample, and those around each change.

    A service says every 2 s that its queue is empty.
    """
    kept: list[Sample] = []
    last: dict[tuple[str, str], Sample] = {}
    kept_last: dict[tuple[str, str], Sample] = {}
    for sample in samples:
        if sample[0] == "log_error":
            kept.append(sample)
            continue
        key, value = sample[:2], sample[3:]
        if key not in last:
            kept.append(sample)
            kept_last[key] = sample
        elif last[key][3:] != value:
            kept += [sample] if kept_last[key] is last[key] else [last[key], sample]
            kept_last[key] = sample
        last[key] = sample
    return kept


class _ServiceParser:
    """Reads one service's records in order.

    It knows what each process is doing. An attempt ends well when its process goes on to the
    next file, has nothing to do or exits, and fails with an error of its process before that.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self.log = ServiceLog(service)
        # process -> its last message, if that said that there was nothing to do
        self.idle: dict[str, str] = {}
        # process -> its attempts under way
        self.open: dict[str, list[Attempt]] = {}
        # process -> its attempts that just failed, to which more errors may belong
        self.failed: dict[str, list[Attempt]] = {}
        # process -> when its transfer was complete, and the message; the destination may refuse it
        self.transferred: dict[str, tuple[datetime.datetime, str]] = {}

    def add(
        self, at: datetime.datetime, process: str, module: str, level: str, message: str, more: str
    ) -> None:
        """Take in one record."""
        # a service says over and over that there is nothing to do: that is one record
        is_again = self.idle.get(process) == message
        self.log.n_records += level != "DEBUG" and not is_again
        self.idle[process] = message if IDLE.match(message) else ""
        stuck = STUCK.match(message)
        if stuck:
            self._sample("log_stuck", stuck["queue"].lower(), at, float(stuck["n"]), stuck["ids"])
        elif (level in BAD_LEVELS and not STOPPING.match(message)) or TRACEBACK in more:
            self._fail(at, process, module, f"{message}\n{more}" if more else message)
        else:
            is_known = self._continue(at, process, module, message)
            if not is_known and level != "DEBUG":
                self.log.unknown.append((at, message[:MAX_ERROR]))

    def _continue(self, at: datetime.datetime, process: str, module: str, message: str) -> bool:
        """Take in a record that is no error; return True if its message is known."""
        for attempt in self.open.setdefault(process, []):
            attempt.at = at
        word, _, rest = message.partition(" ")
        stage, pattern = STARTS.get(word, ("", None))
        found = pattern.match(rest) if pattern else None
        if found:
            self._start(at, process, stage, found)
        elif IDLE.match(message):
            self._end(process, at)
            stage = self._stage_of(module)
            if stage and message.lower().startswith("nothing on queue"):
                self._sample("queue_depth", stage, at, 0.0)
        elif EXITING.match(message):
            self._end(process, at)
        elif STARTING_UP.match(message):
            # another process had this number, and never finished these
            self._forget(process)
        elif not (
            self._continue_file(at, process, message)
            or self._continue_deferred(at, process, message)
        ):
            return bool(STOPPING.match(message) or HARMLESS.match(message))
        return True

    def _continue_file(self, at: datetime.datetime, process: str, message: str) -> bool:
        """True if the message is about the file that the process works on."""
        if message.startswith("Transfer completed"):
            self.transferred[process] = (at, message)
        elif GIVEN_UP.match(message):
            self._end(process, at, WORKING_STAGES, "failure", message)
        elif found := IN_PROGRESS.match(message):
            self._sample("log_running", found["queue"].lower(), at, float(found["n"]))
        elif ALREADY_THERE.match(message):
            self._end(process, at, ("export", "transfer"), message=message)
        else:
            return False
        return True

    def _continue_deferred(self, at: datetime.datetime, process: str, message: str) -> bool:
        """True if the message puts off a file."""
        for stage, pattern in DEFERRED.items():
            if found := pattern.match(message):
                self._defer(at, process, stage, found["name"], message)
                return True
        if message.startswith("Deferring "):
            self._end(process, at, WORKING_STAGES, "deferred", message)
            return True
        return False

    def _forget(self, process: str) -> None:
        """Leave the process's attempts as they are: running."""
        for known in (self.open, self.failed, self.transferred):
            known.pop(process, None)

    def _start(self, at: datetime.datetime, process: str, stage: str, found: re.Match[str]) -> None:
        self.failed.pop(process, None)
        # a transfer is part of its export; the start of any other stage ends all before
        self._end(process, at, ("transfer",) if stage == "transfer" else STAGES)
        parts = found.groupdict()
        attempt = Attempt(stage, plain_name(found["name"]), at, parts.get("to") or "", at)
        self.log.attempts.append(attempt)
        if stage == "queue":
            attempt.status = "success"
        else:
            self.open[process].append(attempt)
        if parts.get("depth"):
            self._sample("queue_depth", stage, at, float(parts["depth"]))

    def _end(
        self,
        process: str,
        at: datetime.datetime,
        stages: tuple[str, ...] = STAGES,
        status: str = "success",
        message: str = "",
    ) -> list[Attempt]:
        """End the process's attempts of these stages, and return them."""
        ended = [attempt for attempt in self.open.get(process, ()) if attempt.stage in stages]
        for attempt in ended:
            attempt.at, attempt.status, attempt.message = at, status, message
            if attempt.stage == "transfer":
                complete = self.transferred.pop(process, None)
                if complete and status == "success":
                    attempt.at, attempt.message = complete
        self.open[process] = [
            attempt for attempt in self.open.get(process, ()) if attempt not in ended
        ]
        if stages == STAGES:
            self.failed.pop(process, None)
        return ended

    def _defer(
        self, at: datetime.datetime, process: str, stage: str, name: str, message: str
    ) -> None:
        stages = (stage, "transfer") if stage == "export" else (stage,)
        if not self._end(process, at, stages, "deferred", message):
            attempt = Attempt(stage, plain_name(name), at, "", at, "deferred", message)
            self.log.attempts.append(attempt)

    def _fail(self, at: datetime.datetime, process: str, module: str, message: str) -> None:
        """Attribute an error to the current file, a file it names, or none."""
        ended = self._end(process, at, WORKING_STAGES, "failure", message)
        if ended:
            self.failed[process] = ended
            return
        if self.failed.get(process):
            for attempt in self.failed[process]:
                attempt.message += f"\n\n{message}"
            return
        name, stage = plain_name(name_in(message)), self._stage_of(module)
        if name and stage:
            attempt = Attempt(stage, name, at, "", at, "failure", message)
            self.log.attempts.append(attempt)
            self.failed[process] = [attempt]
            return
        self._sample("log_error", self.service, at, None, message.split("\n", 1)[0][:MAX_ERROR])

    def _stage_of(self, module: str) -> str:
        """Return the stage in the name of a module or of the log, else ""."""
        for text in (module, self.service):
            for stage in (*QUEUES, "copy"):
                if stage in text.lower():
                    return stage
        return ""

    def _sample(
        self,
        metric: str,
        node: str,
        at: datetime.datetime,
        value: float | None,
        text: str | None = None,
    ) -> None:
        self.log.samples.append((metric, node, at, value, text))
