"""Labels of headlines and sources, as pages show them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from observing_monitor.model import columns
from observing_monitor.model.nights import parse_utc
from observing_monitor.pages import glossary
from observing_monitor.pages.contexts import SourceLine
from observing_monitor.settings import headlines
from observing_monitor.settings.traits import reports_files, source_classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Fault, Silent


def described_headlines(
    stream: Stream, units: Mapping[str, str], aggregates: Mapping[str, str]
) -> list[headlines.Headline]:
    """What stands over the headlines of a stream; completeness has its place among a stream's columns where it tells of files."""
    words, explained = {}, set()
    for described, kind in source_classes(stream):
        for name in kind.headlines(described.settings):
            if name not in words or (name in kind.meanings and name not in explained):
                words[name] = _word(described.kind, name, kind.meanings)
            explained |= {name} & set(kind.meanings)
    names = sorted(words, key=lambda name: name == "completeness")  # after all that it is made of
    usual = {c.name for c in columns.NIGHTS} if reports_files(stream) else set()
    chosen = [words[name] for name in names if name not in usual]
    return [_headline(word, units, aggregates.get(word.name, "")) for word in chosen]


def _headline(word: glossary.Word, units: Mapping[str, str], aggregate: str) -> headlines.Headline:
    """A headline, with its aggregate if its value is made from several numbers."""
    label = f"{word.label}, {aggregate}" if aggregate else word.label
    return headlines.Headline(word.name, label, word.meaning, units.get(word.name, ""), word.anchor)


def source_words(streams: Iterable[Stream]) -> list[glossary.Word]:
    """What the sources of all streams tell as numbers, each explained once for each kind of source: `pages.Word`s, in order."""
    words = {}
    for stream in streams:
        for described, kind in source_classes(stream):
            for name in dict.fromkeys([*kind.headlines(described.settings), *kind.meanings]):
                word = _word(described.kind, name, kind.meanings)
                words[word.anchor] = word
    return [words[anchor] for anchor in sorted(words)]


def _word(teller: str, name: str, meanings: Mapping[str, str]) -> glossary.Word:
    """A number by its name, as a kind of source tells it."""
    meaning = (
        meanings.get(name) or f"Latest {name} of the night, reported by a source of type {teller}"
    )
    return glossary.Word(
        name, value_label(name), meaning, f"number-{teller}-{re.sub('[^A-Za-z0-9_.-]', '-', name)}"
    )


def value_label(name: str) -> str:
    """`Expected missing` of n_expected_missing."""
    words = name.removeprefix("n_").replace("_", " ").strip() or name
    return words[0].upper() + words[1:]


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
