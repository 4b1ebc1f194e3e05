"""The interface of a source."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from observing_monitor.model.nights import NightRule

if TYPE_CHECKING:
    from typing import Any

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Known, Reading, Tables


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
