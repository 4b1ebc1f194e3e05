"""Facts about a stream that follow from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.sources.registry import source_class

if TYPE_CHECKING:
    from observing_monitor.settings.stream import DescribedSource, Stream
    from observing_monitor.sources.registry import SourceClass


# kinds of source that only know what their files say
FILE_STORES = ("files", "objects")


def source_classes(stream: Stream) -> list[tuple[DescribedSource, SourceClass]]:
    """Return each source of a stream with its class."""
    return [(described, source_class(described.kind)) for described in stream.sources]


def reports_files(stream: Stream) -> bool:
    """True if any source reports files."""
    return any(
        kind.tells_of_files(described.settings) for described, kind in source_classes(stream)
    )


def trusted_order(stream: Stream) -> list[str]:
    """Return the sources, the most trusted about exposures first.

    That is the order of the settings, but a registry comes before its files.
    """
    ordered = sorted(stream.sources, key=lambda described: described.kind in FILE_STORES)
    return [described.name for described in ordered]


def attempt_sources(stream: Stream) -> list[str]:
    """Return the names of the sources that report attempts."""
    return [
        described.name
        for described, kind in source_classes(stream)
        if kind.stages_of(described.settings)
    ]


def file_sources(stream: Stream) -> tuple[str, str]:
    """Return the sources of files, and of the last stage.

    Each is a text with commas. Sources of the last stage are left out of the first one, unless
    there is no other source of files.
    """
    files = [d.name for d, kind in source_classes(stream) if kind.tells_of_files(d.settings)]
    staged = _staged(stream, stream.last_stage)
    return ", ".join([name for name in files if name not in staged] or files), ", ".join(staged)


def stage_sources(stream: Stream, stage: str) -> str:
    """Return the sources of a stage, as a text with commas."""
    return ", ".join(_staged(stream, stage))


def _staged(stream: Stream, stage: str) -> list[str]:
    return [d.name for d, kind in source_classes(stream) if stage in kind.stages_of(d.settings)]


def metric_meanings(stream: Stream) -> dict[str, str]:
    """Return the meanings of metrics, from the first source."""
    meanings: dict[str, str] = {}
    for _, kind in source_classes(stream):
        meanings = kind.meanings | meanings
    return meanings


def generation(stream: Stream) -> int:
    """Return the generation of a stream's Butler.

    It is that of the first source that reads a Butler; 2 if there is none.
    """
    for source in stream.sources:
        if source.kind in ("gen2", "gen3", "dbb"):
            return 2 if source.kind == "gen2" else int(getattr(source.settings, "gen", 3))
    return 2
