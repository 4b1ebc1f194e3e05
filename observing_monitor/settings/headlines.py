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
