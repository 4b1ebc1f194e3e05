"""Labels of headlines and sources, as pages show them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.model import columns
from observing_monitor.model.nights import parse_utc
from observing_monitor.model.wording import NOTHING, count_text, percent, quantity
from observing_monitor.pages.glossary import WORDS, Word
from observing_monitor.pages.tables import Table, TableColumn
from observing_monitor.settings.headlines import Headline, over_nights
from observing_monitor.settings.traits import reports_files, source_classes

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Fault, LeftOut, Silent, SourceRows


NOT_COUNTED = "not counted"


class SourceCell(NamedTuple):
    """Cell that a script fills from the heartbeat."""

    source: str
    problem: str = ""  # why it did not answer at the last update
    since: datetime.datetime | None = None


# --- headlines -----------------------------------------------------------------------------------


def described_headlines(
    stream: Stream, units: Mapping[str, str], aggregates: Mapping[str, str]
) -> list[Headline]:
    """Return a stream's headlines with labels, meanings and units.

    A number that is a column of files as well, such as the completeness, is left out if the stream
    has files.
    """
    words: dict[str, Word] = {}
    explained: set[str] = set()
    for described, kind in source_classes(stream):
        for name in kind.headlines(described.settings):
            if name not in words or (name in kind.meanings and name not in explained):
                words[name] = _word(described.kind, name, kind.meanings)
            explained |= {name} & set(kind.meanings)
    # completeness comes after the numbers that it is made of
    names = sorted(words, key=lambda name: name == "completeness")
    of_files = {c.name for c in columns.NIGHTS} if reports_files(stream) else set()
    chosen = [words[name] for name in names if name not in of_files]
    return [
        _headline(word, units, aggregates.get(word.name, ""), over_nights(stream, word.name))
        for word in chosen
    ]


def _headline(word: Word, units: Mapping[str, str], aggregate: str, of_nights: str) -> Headline:
    """Return a headline; its label names the aggregate, if any."""
    label = f"{word.label}, {aggregate}" if aggregate else word.label
    unit = units.get(word.name, "")
    return Headline(word.name, label, word.meaning, unit, word.anchor, of_nights)


def over_nights_label(label: str, how: str) -> str:
    """Return a heading such as "Files, sum"."""
    return label if label.endswith(f", {how}") else f"{label}, {how}"


def headline_text(value: float | None, headline: Headline) -> str:
    """Return a headline's value with its unit."""
    if headline.name == "completeness":
        return percent(value)
    return quantity(value, headline.unit)


def source_words(streams: Iterable[Stream]) -> list[Word]:
    """Return the words of the sources' numbers."""
    words = {}
    for stream in streams:
        for described, kind in source_classes(stream):
            for name in dict.fromkeys([*kind.headlines(described.settings), *kind.meanings]):
                word = _word(described.kind, name, kind.meanings)
                words[word.anchor] = word
    return [words[anchor] for anchor in sorted(words)]


def _word(source_kind: str, name: str, meanings: Mapping[str, str]) -> Word:
    """Return the word of a source's number."""
    unexplained = f"Latest {name} of the night, reported by a source of type {source_kind}"
    anchor = f"number-{source_kind}-{re.sub('[^A-Za-z0-9_.-]', '-', name)}"
    return Word(name, value_label(name), meanings.get(name) or unexplained, anchor)


def value_label(name: str) -> str:
    """Return a number's label, such as "Expected missing"."""
    words = name.removeprefix("n_").replace("_", " ").strip() or name
    return words[0].upper() + words[1:]


# --- sources -------------------------------------------------------------------------------------


def sources_table(stream: Stream, faults: Mapping[str, Fault] | Mapping[str, Silent]) -> Table:
    """Return the table of a stream's sources."""
    words, sources = WORDS["source"], stream.sources
    return Table(
        [
            TableColumn(words["name"], [s.name for s in sources], is_foreign=True),
            TableColumn(words["kind"], [s.kind for s in sources]),
            TableColumn(words["place"], [s.place for s in sources], "path", is_foreign=True),
            TableColumn(
                words["answered_at"], [SourceCell(s.name) for s in sources], draw="answered"
            ),
            TableColumn(
                words["problem"],
                [_fault_cell(s.name, faults.get(s.name) or {}) for s in sources],
                draw="fault",
            ),
        ],
        "Sources; times in UTC",
    )


def rows_table(
    stream: Stream, rows: Mapping[str, SourceRows], faults: Mapping[str, Fault]
) -> Table:
    """Return the table of rows read by the sources."""
    words, names = WORDS["row"], [source.name for source in stream.sources]
    found = [rows.get(name) for name in names]
    # a source that never answered may count its rows or not
    unknown = [NOTHING if faults.get(name) else NOT_COUNTED for name in names]
    read = [
        unknown[at] if one is None else count_text(one["n_read"]) for at, one in enumerate(found)
    ]
    used = ["" if one is None else count_text(one["n_read"] - one["n_left_out"]) for one in found]
    left_out = ["" if one is None else count_text(one["n_left_out"]) for one in found]
    examples = [_examples(one["examples"]) if one else "" for one in found]
    return Table(
        [
            TableColumn(words["name"], names, is_foreign=True),
            TableColumn(words["n_read"], read, "num"),
            TableColumn(words["n_used"], used, "num"),
            TableColumn(words["n_left_out"], left_out, "num"),
            TableColumn(words["examples"], examples, "path", is_foreign=True),
        ],
        "Rows that the sources read",
    )


def _examples(examples: Iterable[LeftOut]) -> str:
    """Return the first rows left out as text."""
    return "; ".join(
        f"{place} {where}: {reason}" if where else f"{place}: {reason}"
        for place, where, reason in examples
    )


def _fault_cell(source: str, fault: Fault | Silent) -> SourceCell:
    return SourceCell(source, fault.get("problem", ""), parse_utc(fault.get("since")))
