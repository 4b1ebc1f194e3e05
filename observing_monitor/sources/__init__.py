"""The places where a night's truth lives: one module each, found by name.

A source is a class with the shape of `Source`. Those of other packages are found by the entry-point group
`observing_monitor.sources`. A source only reads; what it finds it hands over as DataFrames in a `Reading`.
"""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from observing_monitor.errors import UsageError
from observing_monitor.nights import NightRule

if TYPE_CHECKING:
    from collections.abc import Collection

    from pandas import DataFrame

    from observing_monitor.pages import Finding
    from observing_monitor.tables import Tables

# What a look at a night gave, as JSON has it: of each source's own shape, and perhaps of an earlier version's.
Known = Any

ENTRY_POINTS = "observing_monitor.sources"

BUILT_IN = {  # the name in the settings -> where the class is; imported when a stream asks for it
    "files": "observing_monitor.sources.file_store:FileStore",
    "objects": "observing_monitor.sources.objects:ObjectFiles",  # `files` whose path is an address
    "gen2": "observing_monitor.sources.gen2:Gen2Repository",
    "gen3": "observing_monitor.sources.gen3:Gen3Repository",
    "dbb": "observing_monitor.sources.dbb:DataBackbone",
    "lasair": "observing_monitor.sources.lasair:Lasair",
    "broker_counts": "observing_monitor.sources.broker_counts:BrokerCounts",
    "bucket_listing": "observing_monitor.sources.bucket_listing:BucketListing",
    "fitsstorage": "observing_monitor.sources.fitsstorage:FitsStorage",
    "fitsstorage_logs": "observing_monitor.sources.fitsstorage_logs:FitsStorageLogs",
    "lwa": "observing_monitor.sources.lwa:LwaRecorders",
    "expected": "observing_monitor.sources.expectations:Expectations",
    "summit": "observing_monitor.sources.summit:SummitMessages",
    "sql": "observing_monitor.sources.sql_query:SqlQuery",
    "table": "observing_monitor.sources.table:Table",
}


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


@dataclass(frozen=True)
class Asked:
    """What every source of a run is told: whose night, what now is, and how closely to look."""

    stream: str
    rule: NightRule
    now: datetime.datetime
    look_at_everything: bool = False  # --full: trust no folder's modification time

    def is_settled(self, night: datetime.date, changed_ns: int) -> bool:
        """Whether a night is over, and nothing of it changed for an hour: then a folder's time is enough to trust."""
        hour_ago = self.now - datetime.timedelta(hours=1)
        ended = self.rule.bounds(night)[1]
        return (
            not self.look_at_everything
            and ended < hour_ago
            and changed_ns < hour_ago.timestamp() * 1e9
        )


class Source(Protocol):
    """The shape of a source; made once a run from its settings and an `Asked`.

    A source that can't be read raises `errors.SourceError` from any of its methods, with its path and the remedy.
    It is asked in one thread of its own; several sources may be asked at once.
    What publishing needs of it are functions of its settings and of the store alone: every page can be remade with all
    sources down.
    """

    Settings: ClassVar[
        type
    ]  # a dataclass: one commented field a setting; a field of type Path is relative to the file
    name: str  # on the pages, and in the column `source`; set by the one that made it

    def __init__(self, settings: Any, asked: Asked) -> None:
        """Keep them; anything slow, or that can fail, waits for the first question."""

    @staticmethod
    def stages_of(settings: Any) -> tuple[str, ...]:
        """The stages whose attempts a source with these settings tells of, in order: a tuple of names."""
        ...

    @staticmethod
    def place_of(settings: Any) -> str:
        """Where it reads, as pages and messages show it, without any password."""
        ...

    def nights(self) -> set[datetime.date]:
        """The nights it knows of, for a rebuild without first and last day: a set of dates."""
        ...

    def look(self, night: datetime.date, known: Known) -> Known:
        """What the night looks like now, cheaply: a JSON-able value that differs from `known` if anything changed.

        `known` is what the last look at the night gave, with these settings, perhaps by an earlier version of the program;
        None at the first. No pandas here: this is all that a run with nothing new does. What a dict has under "glance"
        (folders' times, a registry's size) helps the next look to be short, and is not compared: the night is read anew
        only where something else differs.
        """
        ...

    def read(self, night: datetime.date) -> Reading:
        """The night's `Reading`."""
        ...


class Telling(Source, Protocol):
    """What a source may say, beside its tables, about what they mean; the base of every source, with little to say."""

    meanings: ClassVar[dict[str, str]] = {}  # metric's name -> what it is, in an observer's words
    stacks: ClassVar[
        dict[str, tuple[str, ...]]
    ] = {}  # a chart's title -> the metrics that add up in it, node by node, in order
    totals: ClassVar[
        dict[str, str]
    ] = {}  # the title of a stack -> the metric that says what it should come to
    histories: ClassVar[
        tuple[str, ...]
    ] = ()  # patterns of the metrics whose samples are drawn over the night, in order
    looks_at_all: ClassVar[bool] = (
        False  # that two looks are the same says for sure that so are the attempts: they need not be read again
    )
    of_others: ClassVar[
        tuple[str, ...]
    ] = ()  # patterns of other sources' metrics that `check` and `numbers` want beside its own

    @staticmethod
    def tells_of_files(settings: Any) -> bool:
        """Whether it tells of files, or of what became of them: pages of a stream that no source does so of have none."""
        return True

    @staticmethod
    def queues_of(settings: Any) -> tuple[str, ...]:
        """The stages that are queues, in order: the attempts that wait, run, are deferred or failed there are its entries."""
        return ()

    @staticmethod
    def headlines(settings: Any) -> tuple[str, ...]:
        """The metrics whose value of a night stands on the stream's page and in nights.json, in order: names."""
        return ()

    @staticmethod
    def numbers(night: datetime.date, tables: Tables, settings: Any) -> dict[str, float | None]:
        """Headlines that follow from all of a night's stored tables rather than from one metric: name -> number or None.

        The tables' metrics are this source's own, and what `of_others` asks for; the files and attempts are all sources'.
        """
        return {}

    @staticmethod
    def check(night: datetime.date, tables: Tables, settings: Any) -> list[Finding]:
        """The findings that this source's own rules make of a night's stored tables: `pages.Finding`, any order.

        The tables are those that `numbers` is given.
        """
        return []


SourceClass = type[Telling]


@functools.cache  # asked for every night of a history
def source_class(kind: str) -> SourceClass:
    """The class of a source by its name in the settings; KeyError if there is none, UsageError if its package is broken."""
    import importlib

    if kind in BUILT_IN:
        module, _, name = BUILT_IN[kind].partition(":")
        found: SourceClass = getattr(importlib.import_module(module), name)
        return found
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS, name=kind):
        try:
            loaded: SourceClass = entry.load()
            return loaded
        except (ImportError, AttributeError, SyntaxError) as error:
            package = entry.dist.name if entry.dist else entry.module
            raise UsageError(
                f"the source {kind!r} of {package} can't be used ({error}); install it anew, with all that it needs"
            ) from error
    raise KeyError(kind)


def source_kinds() -> list[str]:
    """The names that a `type` in the settings may have."""
    from importlib.metadata import entry_points

    return sorted({*BUILT_IN, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})
