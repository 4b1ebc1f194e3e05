"""A headline: a number of each night."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from observing_monitor.settings.stream import Stream


class Headline(msgspec.Struct):
    """A number that sources add to a night's summary.

    Its values stand next to those of `columns.NIGHTS`.
    """

    name: str
    label: str
    meaning: str = ""
    unit: str = ""
    anchor: str = "numbers"  # in the glossary
    over_nights: str = "median"  # how a month's or year's value is made: a key of OVER_NIGHTS


# aggregate of a headline in one night -> how those of several nights become one
OVER_NIGHTS = {
    "sum": "sum",
    "count": "sum",
    "last": "latest",
    "median": "median",
    "mean": "median",
    "min": "min",
    "max": "max",
}


def over_nights(stream: Stream, name: str) -> str:
    """Return how a headline's nights become one value.

    The setting `aggregate` decides, else numbers of files or of what `counts` lists are added up,
    and the median is taken of all others.
    """
    chosen = aggregates_of(stream).get(name)
    if chosen:
        return OVER_NIGHTS[chosen]
    is_count = name.startswith("n_") or name in counts_of(stream)
    return "sum" if is_count else "median"


def aggregates_of(stream: Stream) -> dict[str, str]:
    """Return the aggregates in a stream's settings."""
    chosen: dict[str, str] = {}
    for described in stream.sources:
        chosen |= getattr(described.settings, "aggregate", None) or {}
    return chosen


def counts_of(stream: Stream) -> set[str]:
    """Return the metrics that the `counts` of a stream's sources name."""
    return {
        name
        for described in stream.sources
        for name in getattr(described.settings, "counts", None) or ()
    }
