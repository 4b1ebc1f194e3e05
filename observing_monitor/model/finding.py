"""A finding, and the levels that a status has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Finding:
    """One sentence of what a check found, its level (normal, warning, error), and where on the page its rows are."""

    level: str
    text: str
    href: str = ""
    source: str = ""
    node: str = ""  # the one machine, band or queue that it speaks of: charts mark it
    anchor: str = ""  # its own address on the page, the same while only its numbers change
    acknowledged: str = ""  # why it is known and alarms no longer; the text says so too


LEVELS = ("normal", "warning", "error")


def worst(levels: Iterable[str]) -> str:
    """The worst of some levels; normal where there are none."""
    return max(levels, key=LEVELS.index, default="normal")
