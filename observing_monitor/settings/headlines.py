"""The setting of a headline: a number on the stream page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Headline:
    """A number of every night that the stream's sources put into the first row; its values stand beside those of `columns.NIGHTS`."""

    name: str
    label: str
    meaning: str = ""
    unit: str = ""
    anchor: str = "numbers"  # in the glossary
