"""The glossary and the tips made from it."""

from __future__ import annotations

from dataclasses import dataclass

from observing_monitor.model import columns
from observing_monitor.model.columns import Column


@dataclass(frozen=True)
class Word:
    """A word of the pages, such as a column's head: what it means, and its address in the glossary."""

    name: str
    label: str
    meaning: str
    anchor: str


@dataclass
class WordGroup:
    """Words of the glossary that belong together."""

    title: str
    anchor: str
    note: str  # what holds for all of them; "" where nothing does
    words: list[Word]


_GLOSSARY = (  # what the anchors of a group's words begin with, its title, what holds for all of them, the words
    (
        "status",
        "Status",
        "A night has the status of its worst finding. A stream has the worst status of its two newest nights and its sources. The site has the worst status of its streams.",
        columns.LEVELS,
    ),
    (
        "class",
        "Classes of files",
        "Every file is in exactly one class: the first in this list that applies. The classes add up to the number of files. Lost files are also counted as ingested.",
        (*columns.CLASSES, columns.LOST, columns.ARRIVED),
    ),
    ("night", "Nights", "", columns.NIGHTS),
    ("period", "Months and years", "Sums over the nights, except for the delays.", columns.PERIODS),
    ("delay", "Delays", "", columns.DELAYS),
    ("file", "Files", "", columns.FILE_LIST),
    ("exposure", "Exposures", "", columns.EXPOSURES),
    ("stage", "Stages", "The last attempt on a file counts.", columns.STAGES),
    ("queue", "Queues", "", columns.QUEUES),
    (
        "attempt",
        "Outcomes of an attempt",
        "",
        [
            Column(name, "text", words[0].upper() + words[1:], name)
            for name, words in columns.STATUSES.items()
        ],
    ),
    ("number", "Metrics", "", columns.NUMBERS),
    ("source", "Sources", "", columns.SOURCES),
)


def _words() -> dict[str, dict[str, Word]]:
    """All words that every site has, by group and name; a count of a class is explained where the class is, a column where it is first."""
    made: dict[str, dict[str, Word]] = {}
    known: dict[Column, Word] = {}
    for prefix, _, _, described in _GLOSSARY:
        if prefix == "night":
            known = {
                c: made["class"][c.name.removeprefix("n_")]
                for c in described
                if c.name.removeprefix("n_") in made["class"]
            }
        made[prefix] = {
            c.name: known.setdefault(c, Word(c.name, c.label, c.meaning, f"{prefix}-{c.name}"))
            for c in described
        }
    return made


WORDS = _words()


def words_of(prefix: str, has_ingest: bool) -> dict[str, Word]:
    """Words by their names; where no stage comes after arrival, none of ingest among them, and what had come has another word."""
    if has_ingest:
        return WORDS[prefix]
    kept = {
        name: word
        for name, word in WORDS[prefix].items()
        if not name.startswith(("ingest_", "last_ingest"))
    }
    arrived = {
        name: WORDS["class"][columns.ARRIVED.name]
        for name, word in kept.items()
        if word.anchor == "class-ingested"
    }
    return kept | arrived


def classes_of(has_ingest: bool) -> dict[str, Word]:
    """The classes of a file, in order: name -> word."""
    words = words_of("class", has_ingest)
    return {c.name: words[c.name] for c in columns.CLASSES}


def glossary_groups(told: list[Word]) -> list[WordGroup]:
    """The groups of the glossary; `told` are the words of the numbers that the streams' sources tell."""
    made = []
    for prefix, title, note, _ in _GLOSSARY:
        words = [word for word in WORDS[prefix].values() if word.anchor.startswith(f"{prefix}-")]
        made.append(WordGroup(title, prefix, note, words))
    if told:
        made.append(WordGroup("Numbers by type of source", "numbers", "", told))
    return made
