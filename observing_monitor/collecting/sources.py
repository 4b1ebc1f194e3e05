"""Make the sources of a stream, and ask them ahead."""

from __future__ import annotations

import contextlib
import datetime
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from observing_monitor.collecting.asking import StartQueue, TimedSource
from observing_monitor.collecting.derivation import changed_settings, source_keys
from observing_monitor.errors import (
    ObservingMonitorError,
    OutputError,
    SourceError,
    UsageError,
)
from observing_monitor.model.messages import error_line
from observing_monitor.processes.timelimit import NEVER, Deadline
from observing_monitor.sources.base import Asked
from observing_monitor.sources.registry import BUILT_IN, source_class
from observing_monitor.storage.index import TABLES, is_pruned
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from observing_monitor.model.reading import Known
    from observing_monitor.settings.stream import DescribedSource, Stream
    from observing_monitor.sources.base import Telling
    from observing_monitor.storage.index import Looked
    from observing_monitor.storage.output import Output


log = logging.getLogger(__name__)


class AskOptions(msgspec.Struct, frozen=True):
    """Options of a run for asking its sources."""

    now: datetime.datetime
    look_at_everything: bool = False  # trust no folder's modification time
    deadline: Deadline = NEVER  # end of the time for the stream
    queue: StartQueue = msgspec.field(default_factory=StartQueue)
    from_scratch: bool = False  # derive anew all that the sources still have


def make_sources(
    stream: Stream, now: datetime.datetime, look_at_everything: bool = False
) -> list[Telling]:
    """Return the sources of a stream, ready to be asked.

    Raises
    ------
    UsageError
        A source refuses its settings.
    """
    asked = Asked(stream.name, stream.rule, now, look_at_everything, stream.limits)
    sources = []
    for described in stream.sources:
        try:
            source = _made(described, asked)
        except UsageError as error:
            raise UsageError(f"source {described.name!r}: {error}") from error
        source.name = described.name
        sources.append(source)
    return sources


def _made(described: DescribedSource, asked: Asked) -> Telling:
    """Return a source; UsageError if it can't be made, or not in time."""
    kind = source_class(described.kind)
    if described.kind in BUILT_IN:
        return kind(described.settings, asked)
    from observing_monitor.sources.packages import IMPORT_S, PackageError, call

    try:
        return call(lambda: kind(described.settings, asked), IMPORT_S)
    except PackageError as error:
        raise UsageError(f"it can't be made ({error}); ask who wrote it") from error


def timed_sources(stream: Stream, options: AskOptions) -> list[TimedSource]:
    """Return the sources of a stream with their time limits."""
    sources = make_sources(stream, options.now, options.look_at_everything)
    return [
        TimedSource(
            source, described.place, described.time_limit_s, options.deadline, options.queue
        )
        for source, described in zip(sources, stream.sources, strict=True)
    ]


def sources_of_versions(stream: Stream, options: AskOptions) -> dict[int, list[TimedSource]]:
    """Return the timed sources by the `id` of a version."""
    return {id(version): timed_sources(version, options) for version in stream.versions}


def begin_nights(sources: Iterable[TimedSource]) -> None:
    """Ask new sources which nights they know."""
    for source in sources:
        source.begin("nights")


def begin_looks(
    stream: Stream,
    sources: Sequence[TimedSource],
    output: Output,
    night: datetime.date,
    from_scratch: bool = False,
) -> None:
    """Ask new sources to look at a night."""
    # an error of the store is found by who collects the night
    with contextlib.suppress(ObservingMonitorError):
        looked = Store(output, stream.name).read_looked(night)
        if not is_pruned(looked, TABLES):
            questions = look_questions(stream, looked, night, from_scratch)
            for source in sources:
                source.begin(*questions[source.name])


@contextlib.contextmanager
def catch_faults(source: TimedSource, what: str, faults: dict[str, str]) -> Iterator[None]:
    """Add what goes wrong with a source to the faults.

    Parameters
    ----------
    source : TimedSource
    what : str
        The question, for the log.
    faults : dict
        Name of a source -> message.
    """
    try:
        yield
    except (SourceError, UsageError) as error:
        faults[source.name] = str(error)
    except (OutputError, MemoryError):
        raise
    # whatever other people's data may cause: no other source is lost for it
    except Exception as error:
        log.exception("%s %s: could not be read", source.name, what)
        why = f"{type(error).__name__}: {error_line(error)}"
        faults[source.name] = f"{source.name}: could not be read ({why}); its earlier data stay"


def look_questions(
    stream: Stream, looked: Looked, night: datetime.date, from_scratch: bool = False
) -> dict[str, tuple[Any, ...]]:
    """Return each source's question for a look: method and arguments."""
    keys = source_keys(stream)
    known, earlier = known_states(looked, keys), earlier_states(looked, keys)
    if from_scratch:
        earlier = {**known, **earlier}
    return {
        source.name: (
            ("look_again", night, earlier[source.name], changed_settings(looked, stream, source))
            if source.name in earlier
            else ("look", night, known.get(source.name))
        )
        for source in stream.sources
    }


def earlier_states(looked: Looked, keys: Mapping[str, str]) -> dict[str, Known]:
    """Return the last look of each source that had other settings."""
    before, sources = looked.get("keys") or {}, looked.get("sources") or {}
    changed = {name: sources[name] for name in sources if before.get(name) != keys.get(name)}
    unanswered = looked.get("earlier") or {}
    found = {**unanswered, **changed}
    return {name: state for name, state in found.items() if name in keys and state is not None}


def known_states(looked: Looked, keys: Mapping[str, str]) -> dict[str, Known]:
    """Return the last look of each unchanged source."""
    before = looked.get("keys") or {}
    return {
        name: state
        for name, state in looked.get("sources", {}).items()
        if before.get(name) == keys.get(name)
    }
