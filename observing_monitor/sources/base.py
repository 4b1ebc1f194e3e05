"""The interface of a source."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from observing_monitor.model.nights import NightRule
from observing_monitor.readers.bounded import LIMITS, Limits

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Known, Reading, Tables


@dataclass(frozen=True)
class Asked:
    """A run's request to its sources: stream, night rule and time.

    Attributes
    ----------
    stream : str
        The stream's name in the settings.
    rule : NightRule
        Gives the night of an instant, and the first and last instant of a night.
    now : datetime
        The time of the run, aware. Use it instead of the clock.
    look_at_everything : bool
        True for `--full`: trust no folder's modification time.
    limits : Limits
        Limits of lines, records and packed files that are read.
    """

    stream: str
    rule: NightRule
    now: datetime.datetime
    look_at_everything: bool = False
    limits: Limits = LIMITS

    def is_settled(self, night: datetime.date, changed_ns: int) -> bool:
        """True if a night is over, and unchanged for an hour.

        The list of files in a folder of such a night is unchanged if the folder's modification
        time is. Always False for `--full`.

        Parameters
        ----------
        night : date
            The night.
        changed_ns : int
            The newest modification time that was seen, in nanoseconds since 1970 (UTC).
        """
        hour_ago = self.now - datetime.timedelta(hours=1)
        ended = self.rule.bounds(night)[1]
        return (
            not self.look_at_everything
            and ended < hour_ago
            and changed_ns < hour_ago.timestamp() * 1e9
        )


class Source(Protocol):
    """The required part of a source.

    Inherit from `Telling`, which adds the optional part. A source is created once per run, or per
    worker, from its settings and an `Asked`. It answers one question after the other, in a thread
    of its own. Other sources may be asked at the same time: what two objects of one class share
    must be safe for threads.

    A source that can't be read raises `errors.SourceError` from `nights`, `look` or `read`, with
    the path and the remedy in its message. The data of its nights then stay as they were. Never
    return an empty table if the answer is not known: it means that there is nothing.

    The static methods depend on their arguments alone, so that every page can be rewritten while
    all sources are down.

    Attributes
    ----------
    Settings : type
        A dataclass. Its fields are the keys of the source's table in the settings file. A field
        without a default is required. A path in a field of type `Path` is relative to the
        settings file.
    name : str
        The source's name on pages and in the column `source`. Set `self.name` to a default in
        `__init__`. The program then replaces it with the name that the settings give.
    """

    Settings: ClassVar[type]
    name: str

    def __init__(self, settings: Any, asked: Asked) -> None:
        """Store the arguments.

        Do nothing here that is slow or may fail.

        Parameters
        ----------
        settings : Settings
            An object of the class's own `Settings`.
        asked : Asked
            The same for all sources of a stream.

        Raises
        ------
        UsageError
            If the settings can't work.
        """

    @staticmethod
    def stages_of(settings: Any) -> tuple[str, ...]:
        """Return the stages of the source's attempts, in order.

        () if it reports no attempts.

        Parameters
        ----------
        settings : Settings
            As for `__init__`.

        Returns
        -------
        tuple of str
            Such as `("ingest",)`.
        """
        ...

    @staticmethod
    def place_of(settings: Any) -> str:
        """Return the place that the source reads.

        Parameters
        ----------
        settings : Settings
            As for `__init__`.

        Returns
        -------
        str
            A path or an address, without any password.
        """
        ...

    def nights(self) -> set[datetime.date]:
        """Return all nights that the source has data of.

        Called by `check`, and by `rebuild` without a first and last day.

        Raises
        ------
        SourceError
            If the source can't be read.
        """
        ...

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return a cheap fingerprint of a night.

        Called for every night of every run. If the result differs from `known`, the night is read.
        A run with nothing new does nothing else, so do not import pandas here.

        Parameters
        ----------
        night : date
            The night.
        known : Known
            The result of the last look at this night with the same settings; None at the first
            look. An earlier version of the program may have written it.

        Returns
        -------
        Known
            A value that JSON can hold. If it is a dict, the value of its key "glance" is stored
            but not compared. Put there what makes the next look faster, such as modification
            times of folders.

        Raises
        ------
        SourceError
            If the source can't be read.
        """
        ...

    def read(self, night: datetime.date) -> Reading:
        """Return a night's data.

        Called after `look`, if the look of any source of the stream, the settings or the program
        has changed.

        Parameters
        ----------
        night : date
            The night.

        Returns
        -------
        Reading
            Tables with the columns of `columns.FILES`, `columns.ATTEMPTS` and `columns.METRICS`.
            A table that the source does not report is None.

        Raises
        ------
        SourceError
            If the source can't be read.
        """
        ...


class Telling(Source, Protocol):
    """The base class of every source.

    It adds the optional part to `Source`, with defaults.

    Attributes
    ----------
    meanings : dict of str to str
        Name of a metric -> what it is, in the observer's words.
    stacks : dict of str to tuple of str
        Title of a chart -> the metrics that it adds up, node by node, in order.
    totals : dict of str to str
        Title of a stack -> the metric that its parts should add up to.
    histories : tuple of str
        Patterns of the metrics whose samples are drawn over the night, in order.
    looks_at_all : bool
        True if equal looks guarantee unchanged attempts. Attempts are then not read again when
        only another source of the stream has changed.
    of_others : tuple of str
        Patterns of other sources' metrics that `numbers` and `check` need.
    remembers : bool
        True if `Reading.remember` is kept, and given to `remind`.
    """

    meanings: ClassVar[dict[str, str]] = {}
    stacks: ClassVar[dict[str, tuple[str, ...]]] = {}
    totals: ClassVar[dict[str, str]] = {}
    histories: ClassVar[tuple[str, ...]] = ()
    looks_at_all: ClassVar[bool] = False
    of_others: ClassVar[tuple[str, ...]] = ()
    remembers: bool = False

    def remind(self, night: datetime.date, remembered: bytes | None) -> None:
        """Take what the last reading of a night remembered.

        Called before `read`, if `remembers` is True.

        Parameters
        ----------
        night : date
            The night.
        remembered : bytes or None
            `Reading.remember` of the last reading, by whatever version and settings. None if
            nothing was kept.
        """
        return

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`, the first with changed settings.

        By default, the night is looked at as if for the first time. Override this if `look`
        notices by `known` that data are gone: else a purged night would seem to be empty.

        Parameters
        ----------
        night : date
            The night.
        earlier : Known
            The result of the last look, with other settings.
        changed : collection of str
            Names of the settings that changed.

        Raises
        ------
        SourceError
            If the source can't be read, or no longer has the night's data.
        """
        return self.look(night, None)

    @staticmethod
    def tells_of_files(settings: Any) -> bool:
        """True if the source reports files or attempts.

        If no source of a stream does, its pages have no file tables.

        Parameters
        ----------
        settings : Settings
            As for `__init__`.
        """
        return True

    @staticmethod
    def queues_of(settings: Any) -> tuple[str, ...]:
        """Return the stages that are queues, in order.

        Attempts of these stages that are waiting, running, deferred or failed are the queue's
        entries.

        Parameters
        ----------
        settings : Settings
            As for `__init__`.
        """
        return ()

    @staticmethod
    def headlines(settings: Any) -> tuple[str, ...]:
        """Return the metrics to show for each night, in order.

        Their values appear in the table of nights and in nights.json.

        Parameters
        ----------
        settings : Settings
            As for `__init__`.
        """
        return ()

    @staticmethod
    def numbers(night: datetime.date, tables: Tables, settings: Any) -> dict[str, float | None]:
        """Return headlines that are computed from several rows.

        Parameters
        ----------
        night : date
            The night.
        tables : Tables
            The night's stored tables: `files` and `ingests` of all sources, `metrics` of this
            source and those that `of_others` asks for.
        settings : Settings
            As for `__init__`.

        Returns
        -------
        dict of str to float or None
            Name of a headline -> its number; None if there is none.
        """
        return {}

    @staticmethod
    def check(night: datetime.date, tables: Tables, settings: Any) -> list[Finding]:
        """Return findings by the source's own rules, in any order.

        Parameters
        ----------
        night : date
            The night.
        tables : Tables
            As for `numbers`.
        settings : Settings
            As for `__init__`.

        Returns
        -------
        list of Finding
            From `observing_monitor.pages.Finding`, with level `normal`, `warning` or `error`.
        """
        return []
