"""What the sources of a stream tell of it, by their kinds and settings alone: which stages, files, headlines; nothing is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.sources.registry import source_class

if TYPE_CHECKING:
    from observing_monitor.settings.stream import DescribedSource, Stream
    from observing_monitor.sources.registry import SourceClass


def source_classes(stream: Stream) -> list[tuple[DescribedSource, SourceClass]]:
    """Each source of a stream as it is described in the settings, with its class."""
    return [(described, source_class(described.kind)) for described in stream.sources]


def reports_files(stream: Stream) -> bool:
    """Whether any source of a stream tells of files: without one its pages have numbers alone."""
    return any(
        kind.tells_of_files(described.settings) for described, kind in source_classes(stream)
    )


def attempt_sources(stream: Stream) -> list[str]:
    """The names of the sources that tell of attempts."""
    return [
        described.name
        for described, kind in source_classes(stream)
        if kind.stages_of(described.settings)
    ]


def file_sources(stream: Stream) -> tuple[str, str]:
    """The names of the sources that tell which files there are, and of those that tell of the last stage."""
    files = [d.name for d, kind in source_classes(stream) if kind.tells_of_files(d.settings)]
    staged = [
        d.name
        for d, kind in source_classes(stream)
        if stream.last_stage in kind.stages_of(d.settings)
    ]
    return ", ".join([name for name in files if name not in staged] or files), ", ".join(staged)


def metric_meanings(stream: Stream) -> dict[str, str]:
    """What the stream's sources say that their metrics mean; the first of them that says so."""
    meanings: dict[str, str] = {}
    for _, kind in source_classes(stream):
        meanings = kind.meanings | meanings
    return meanings


def generation(stream: Stream) -> int:
    """Which Butler a stream's first source of a Butler's ingest is of: 2, or 3; 2 where it has none."""
    for source in stream.sources:
        if source.kind in ("gen2", "gen3", "dbb"):
            return 2 if source.kind == "gen2" else int(getattr(source.settings, "gen", 3))
    return 2
