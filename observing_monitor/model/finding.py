"""A finding, and the levels that findings and nights have."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

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
    # ISO 8601 instant in UTC since when it holds: a script shows the age
    since: str = ""


class Row(NamedTuple):
    """A file or an exposure of a finding."""

    name: str
    reason: str


@dataclass
class ListedFinding(Finding):
    """A finding with rows that the page lists.

    Attributes
    ----------
    label : str
        What the rows have in common, such as `never came`.
    is_of_exposures : bool
        True if the rows are exposures, False if they are files.
    rows : tuple of Row
        The first ones.
    n_rows : int
        All of them.
    keys : frozenset of str
        What is absent. If two sources report the same, it is one finding.
    """

    label: str = ""
    is_of_exposures: bool = False
    rows: tuple[Row, ...] = ()
    n_rows: int = 0
    keys: frozenset[str] = frozenset()


# the address of all metrics of a night's page
METRICS = "#metrics"


def metric_href(name: str) -> str:
    """Return the address of a metric's row on a night's page.

    The page links to all metrics if it has no such row.
    """
    return f"#metric-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'other'}"


def plain(finding: Finding) -> dict[str, Any]:
    """Return the values that every finding has, by name."""
    return {field.name: getattr(finding, field.name) for field in fields(Finding)}


# the type of a setting that names a level; a test compares it with LEVELS
Level = Literal["normal", "warning", "error"]
LEVELS = tuple(column.name for column in columns.LEVELS)  # the worst last
# the status of a night that has just begun; no finding has it
NONE = columns.NOTHING_YET.name


def rank(status: str) -> int:
    """Return a status as a number: −1 for none, 0 for normal."""
    return -1 if status == NONE else LEVELS.index(status)


def is_alarming(status: str) -> bool:
    """True for a warning or an error."""
    return rank(status) > 0


def worst(statuses: Iterable[str]) -> str:
    """Return the worst of some statuses; normal if there are none."""
    return max(statuses, key=rank, default="normal")


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by level, the worst first; equal ones keep their order."""
    return sorted(findings, key=lambda finding: -rank(finding.level))
