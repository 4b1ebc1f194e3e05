"""What the sources of a stream tell of it, by their kinds and settings alone: which stages, files, headlines; nothing is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from observing_monitor import columns, pages
from observing_monitor.nights import parse_utc
from observing_monitor.pages import SourceLine
from observing_monitor.sources import SourceClass, source_class

if TYPE_CHECKING:
    from observing_monitor.config import DescribedSource, Stream
    from observing_monitor.store import Fault, Silent


def classes_of_sources(stream: Stream) -> list[tuple[DescribedSource, SourceClass]]:
    """Each source of a stream as it is described in the settings, with its class."""
    return [(described, source_class(described.kind)) for described in stream.sources]


def tells_of_files(stream: Stream) -> bool:
    """Whether any source of a stream tells of files: without one its pages have numbers alone."""
    return any(
        kind.tells_of_files(described.settings) for described, kind in classes_of_sources(stream)
    )


def tellers_of_stages(stream: Stream) -> list[str]:
    """The names of the sources that tell of attempts."""
    return [
        described.name
        for described, kind in classes_of_sources(stream)
        if kind.stages_of(described.settings)
    ]


def tellers_of_files(stream: Stream) -> tuple[str, str]:
    """The names of the sources that tell which files there are, and of those that tell of the last stage."""
    files = [d.name for d, kind in classes_of_sources(stream) if kind.tells_of_files(d.settings)]
    staged = [
        d.name
        for d, kind in classes_of_sources(stream)
        if stream.last_stage in kind.stages_of(d.settings)
    ]
    return ", ".join([name for name in files if name not in staged] or files), ", ".join(staged)


def described_headlines(stream: Stream, units: Mapping[str, str]) -> list[pages.Headline]:
    """What stands over the headlines of a stream; completeness has its place among a stream's columns where it tells of files."""
    words, explained = {}, set()
    for described, kind in classes_of_sources(stream):
        for name in kind.headlines(described.settings):
            if name not in words or (name in kind.meanings and name not in explained):
                words[name] = _word(described.kind, name, kind.meanings)
            explained |= {name} & set(kind.meanings)
    names = sorted(words, key=lambda name: name == "completeness")  # after all that it is made of
    usual = {c.name for c in columns.NIGHTS} if tells_of_files(stream) else set()
    chosen = [words[name] for name in names if name not in usual]
    return [
        pages.Headline(word.name, word.label, word.meaning, units.get(word.name, ""), word.anchor)
        for word in chosen
    ]


def told_words(streams: Iterable[Stream]) -> list[pages.Word]:
    """What the sources of all streams tell as numbers, each explained once for each kind of source: `pages.Word`s, in order."""
    words = {}
    for stream in streams:
        for described, kind in classes_of_sources(stream):
            for name in dict.fromkeys([*kind.headlines(described.settings), *kind.meanings]):
                word = _word(described.kind, name, kind.meanings)
                words[word.anchor] = word
    return [words[anchor] for anchor in sorted(words)]


def _word(teller: str, name: str, meanings: Mapping[str, str]) -> pages.Word:
    """A number by its name, as a kind of source tells it."""
    meaning = (
        meanings.get(name) or f"Latest {name} of the night, reported by a source of type {teller}"
    )
    return pages.Word(
        name, in_words(name), meaning, f"number-{teller}-{re.sub('[^A-Za-z0-9_.-]', '-', name)}"
    )


def in_words(name: str) -> str:
    """`Expected missing` of n_expected_missing."""
    words = name.removeprefix("n_").replace("_", " ").strip() or name
    return words[0].upper() + words[1:]


def metric_meanings(stream: Stream) -> dict[str, str]:
    """What the stream's sources say that their metrics mean; the first of them that says so."""
    meanings: dict[str, str] = {}
    for _, kind in classes_of_sources(stream):
        meanings = kind.meanings | meanings
    return meanings


def source_lines(
    stream: Stream, silent: Mapping[str, Fault] | Mapping[str, Silent]
) -> list[SourceLine]:
    """The lines of a page's table of sources; `silent` are the faults of those that did not answer, by name."""
    lines = []
    for described in stream.sources:
        fault = silent.get(described.name) or {}
        lines.append(
            SourceLine(
                described.name,
                described.kind,
                described.place,
                fault.get("problem", ""),
                parse_utc(fault.get("since")),
            )
        )
    return lines


def generation(stream: Stream) -> int:
    """Which Butler a stream's first source of a Butler's ingest is of: 2, or 3; 2 where it has none."""
    for source in stream.sources:
        if source.kind in ("gen2", "gen3", "dbb"):
            return 2 if source.kind == "gen2" else int(getattr(source.settings, "gen", 3))
    return 2
