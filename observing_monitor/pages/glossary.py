"""The glossary, which the tips of headings quote."""

from __future__ import annotations

import msgspec

from observing_monitor.model import columns
from observing_monitor.model.columns import Column


class Word(msgspec.Struct, frozen=True):
    """A word of the pages, such as a column's heading.

    Attributes
    ----------
    name : str
    label : str
        The word itself.
    meaning : str
        A sentence without its full stop.
    anchor : str
        Its line of the glossary.
    kind : str
        Kind of the column (a key of `columns.DTYPES`).
    """

    name: str
    label: str
    meaning: str
    anchor: str
    kind: str = "text"


class WordGroup(msgspec.Struct):
    """Words of the glossary that belong together."""

    title: str
    anchor: str
    note: str  # applies to all of them; "" if there is none
    words: list[Word]


_OUTCOMES = [
    Column(name, "text", words[0].upper() + words[1:], name)
    for name, words in columns.STATUSES.items()
]

# beginning of the anchors of a group's words, its title, its note, its words
_GLOSSARY = (
    (
        "status",
        "Status",
        "A night has the status of its worst finding, or none until its first data. A stream has "
        "the worst status of its two newest nights and its sources. The site has the worst status "
        "of its streams.",
        columns.STATUS_WORDS,
    ),
    (
        "class",
        "Classes of files",
        "Every file is in exactly one class: the first in this list that applies. The classes add "
        "up to the number of files. Lost files are also counted as ingested.",
        (*columns.CLASSES, columns.LOST, columns.ARRIVED),
    ),
    ("night", "Nights", "", columns.NIGHTS),
    (
        "period",
        "Months and years",
        "The heading says how a value is made from those of the nights: their sum, their median, "
        "or the latest one.",
        columns.PERIODS,
    ),
    ("delay", "Delays", "", columns.DELAYS),
    ("file", "Files", "", columns.FILE_LIST),
    ("exposure", "Exposures", "", columns.EXPOSURE_FILES),
    (
        "use",
        "Use of the night",
        "The night lasts from evening to morning twilight: while the Sun is 12° below the horizon, "
        "or as far as the stream's setting says.",
        columns.USE_TABLES,
    ),
    ("program", "Programs", "", columns.PROGRAMS),
    ("observed", "Observing log", "", (*columns.EXPOSURES, *columns.LOG)),
    ("stage", "Stages", "The last attempt on a file counts.", columns.STAGES),
    ("queue", "Queues", "", columns.QUEUES),
    ("attempt", "Outcomes of an attempt", "", _OUTCOMES),
    ("number", "Metrics", "", columns.NUMBERS),
    ("source", "Sources", "", columns.SOURCES),
    ("row", "Rows of sources", "", columns.ROWS),
)


def _words() -> dict[str, dict[str, Word]]:
    """Return the words of every site, by group and name.

    The count of a class has the word of the class. A column of several groups has the word of the
    first.
    """
    made: dict[str, dict[str, Word]] = {}
    shared: dict[Column, Word] = {}
    for prefix, _, _, schema in _GLOSSARY:
        if prefix == "night":
            classes = made["class"]
            counted = {c: c.name.removeprefix("n_") for c in schema}
            shared = {c: classes[name] for c, name in counted.items() if name in classes}
        made[prefix] = {c.name: shared.setdefault(c, _word(prefix, c)) for c in schema}
    return made


def _word(prefix: str, column: Column) -> Word:
    anchor = f"{prefix}-{column.name}"
    return Word(column.name, column.label, column.meaning, anchor, column.kind)


WORDS = _words()


def column_words(prefix: str, has_ingest: bool) -> dict[str, Word]:
    """Return the words of a group by name.

    Parameters
    ----------
    prefix : str
        The group, such as "night".
    has_ingest : bool
        False if no stage comes after arrival. Then no word speaks of ingest, and ingested files
        are called "Arrived".
    """
    if has_ingest:
        return WORDS[prefix]
    arrived = WORDS["class"][columns.ARRIVED.name]
    return {
        name: arrived if word.anchor == "class-ingested" else word
        for name, word in WORDS[prefix].items()
        if not name.startswith(("ingest_", "last_ingest"))
    }


def class_words(has_ingest: bool) -> dict[str, Word]:
    """Return the words of a file's classes by name."""
    words = column_words("class", has_ingest)
    return {c.name: words[c.name] for c in columns.CLASSES}


def glossary_groups(numbers: list[Word]) -> list[WordGroup]:
    """Return the groups of the glossary.

    `numbers` are the words of the sources' own numbers.
    """
    made = []
    for prefix, title, note, _ in _GLOSSARY:
        words = [word for word in WORDS[prefix].values() if word.anchor.startswith(f"{prefix}-")]
        made.append(WordGroup(title, prefix, note, words))
    if numbers:
        made.append(WordGroup("Numbers by type of source", "numbers", "", numbers))
    return made
