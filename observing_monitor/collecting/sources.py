"""Make the sources of a stream and ask what they know."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from typing import TYPE_CHECKING

from observing_monitor.collecting.asking import StartQueue, TimedSource
from observing_monitor.errors import (
    ObservingMonitorError,
    OutputError,
    SourceError,
    UsageError,
    one_line,
)
from observing_monitor.model import columns
from observing_monitor.processes.timelimit import NEVER
from observing_monitor.sources.base import Asked
from observing_monitor.sources.registry import source_class
from observing_monitor.storage.index import TABLES, is_pruned
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from observing_monitor.model.reading import Known
    from observing_monitor.processes.timelimit import Deadline
    from observing_monitor.settings.stream import DescribedSource, Stream
    from observing_monitor.sources.base import Telling
    from observing_monitor.storage.index import Looked
    from observing_monitor.storage.output import Output


log = logging.getLogger(__name__)


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
    turn: StartQueue | None = None,
) -> list[TimedSource]:
    """The sources of a stream, each of which has to answer within its limit, and before the run's `deadline`; others take their `turn`."""
    made, turn = (
        zip(make_sources(stream, now, look_at_everything), stream.sources, strict=True),
        turn or StartQueue(),
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
    turn: StartQueue | None = None,
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
            known = known_states(looked, source_keys(stream))
            for source in sources:
                source.begin("look", night, known.get(source.name))


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


def source_keys(stream: Stream) -> dict[str, str]:
    return {source.name: _source_key(stream, source) for source in stream.sources}


def known_states(looked: Looked, keys: Mapping[str, str]) -> dict[str, Known]:
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
