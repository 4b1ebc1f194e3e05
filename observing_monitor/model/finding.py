"""A finding, and the levels that findings and nights have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from observing_monitor.model import columns

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Finding:
    """One sentence about a night.

    Attributes
    ----------
    level : str
        One of LEVELS.
    text : str
    href : str
        Address of the rows that it is about.
    source : str
        The source that reported it.
    node : str
        The one machine, band or queue concerned; charts mark it.
    anchor : str
        Its own address on the page. It does not change if only numbers in the text do.
    acknowledged : str
        The reason of the known issue that covers it, which the text repeats. It raises no alarm.
    """

    level: str
    text: str
    href: str = ""
    source: str = ""
    node: str = ""
    anchor: str = ""
    acknowledged: str = ""


# the type of a setting that names a level; a test compares it with LEVELS
Level = Literal["normal", "warning", "error"]
LEVELS = tuple(column.name for column in columns.LEVELS)  # the worst last


def rank(level: str) -> int:
    """Return a level as a number, 0 for normal."""
    return LEVELS.index(level)


def worst(levels: Iterable[str]) -> str:
    """Return the worst of some levels; normal if there are none."""
    return max(levels, key=rank, default="normal")


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by level, the worst first; equal ones keep their order."""
    return sorted(findings, key=lambda finding: -rank(finding.level))
