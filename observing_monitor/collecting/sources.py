"""Make the sources of a stream, and ask them ahead."""

from __future__ import annotations

import contextlib
import datetime
import logging
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.collecting.asking import StartQueue, TimedSource
from observing_monitor.errors import (
    ObservingMonitorError,
    OutputError,
    SourceError,
    UsageError,
)
from observing_monitor.model import columns
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.messages import error_line
from observing_monitor.processes.timelimit import NEVER, Deadline
from observing_monitor.sources.base import Asked
from observing_monitor.sources.registry import source_class
from observing_monitor.storage.index import TABLES, is_pruned
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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


def make_sources(
    stream: Stream, now: datetime.datetime, look_at_everything: bool = False
) -> list[Telling]:
    """Return the sources of a stream, ready to be asked.

    Raises
    ------
    UsageError
        A source refuses its settings.
    """
    asked = Asked(stream.name, stream.rule, now, look_at_everything)
    sources = []
    for described in stream.sources:
        try:
            source = source_class(described.kind)(described.settings, asked)
        except UsageError as error:
            raise UsageError(f"source {described.name!r}: {error}") from error
        source.name = described.name
        sources.append(source)
    return sources


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
    stream: Stream, sources: Sequence[TimedSource], output: Output, night: datetime.date
) -> None:
    """Ask new sources to look at a night."""
    # an error of the store is found by who collects the night
    with contextlib.suppress(ObservingMonitorError):
        looked = Store(output, stream.name).read_looked(night)
        if not is_pruned(looked, TABLES):
            known = known_states(looked, source_keys(stream))
            for source in sources:
                source.begin("look", night, known.get(source.name))


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


def source_keys(stream: Stream) -> dict[str, str]:
    """Return a fingerprint of each source's question."""
    return {source.name: _source_key(stream, source) for source in stream.sources}


def known_states(looked: Looked, keys: Mapping[str, str]) -> dict[str, Known]:
    """Return the last look of each unchanged source."""
    before = looked.get("keys") or {}
    return {
        name: state
        for name, state in looked.get("sources", {}).items()
        if before.get(name) == keys.get(name)
    }


def _source_key(stream: Stream, source: DescribedSource) -> str:
    """Return a fingerprint of a source's settings, night rule and schema."""
    facts = (columns.SCHEMA_VERSION, stream.rule, source.kind, source.settings)
    return hex_digest(repr(facts), n_bytes=8)
