"""Records that sources return: readings, tables and what a look remembered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from observing_monitor.model import columns, frames

if TYPE_CHECKING:
    from collections.abc import Collection

    from pandas import DataFrame


# What a look at a night gave, as JSON has it: of each source's own shape, and perhaps of an earlier version's.
Known = Any


@dataclass
class Reading:
    """What a source answered for one night; a table that it does not tell of is None, not empty.

    `files` has the columns `columns.FILES`, `attempts` `columns.ATTEMPTS`, `metrics` `columns.METRICS`; the `source`
    column may be left out. `notes` are sentences on what was odd (each names its path); `unread` are the file_ids'
    beginnings that couldn't be looked at, so that what is known below them stays as it was; `elsewhere` are the file_ids that
    now belong to other nights, so that they are forgotten here rather than taken for gone. `append` says that
    `metrics` are samples which join those of earlier readings rather than replace them; `append_attempts` says so of
    `attempts`: they are lines of a log, which may be gone at the next look. What was `running` then is told anew.
    """

    files: DataFrame | None = None
    attempts: DataFrame | None = None
    metrics: DataFrame | None = None
    notes: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    elsewhere: Collection[str] = ()
    append: bool = False
    append_attempts: bool = False


@dataclass
class Tables:
    """The three tables of one night, with the columns of `columns.TABLES`."""

    files: DataFrame
    ingests: DataFrame
    metrics: DataFrame

    @classmethod
    def empty(cls) -> Tables:
        return cls(*(frames.empty(described) for described in columns.TABLES.values()))


class UnmatchedCounts(TypedDict):
    """How many files of a night may have their other half beside it, by source: of those above 0."""

    strays: dict[str, int]  # files that only attempts of the source tell of
    untried: dict[str, int]  # files of other sources of which it tells no attempt
    halves: str  # a digest of these, and of what is told of them
