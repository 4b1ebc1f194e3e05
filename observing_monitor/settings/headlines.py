"""A headline: a number of each night in the table of a stream's page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Headline:
    """A number that a stream's sources add to each night's summary.

    Its values stand next to those of `columns.NIGHTS`.
    """

    name: str
    label: str
    meaning: str = ""
    unit: str = ""
    anchor: str = "numbers"  # in the glossary
