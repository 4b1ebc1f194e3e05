"""An alert broker's counts of each night: produced, published, stored.

Brokers keep such tables by hand or with a script. Cells are blank where nobody counted, a row may
have no topic, and a replay makes more than was produced. A topic such as
`ztf_20210829_programid1` has the UTC date of its exposures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import UsageError
from observing_monitor.model.reading import Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.csv_rows import check_separator
from observing_monitor.readers.night_paths import TextFiles, read_night
from observing_monitor.readers.patterns import Pattern
from observing_monitor.readers.textfiles import read_csv
from observing_monitor.sources.base import Telling
from observing_monitor.sources.counts_by_node import to_metrics, with_total
from observing_monitor.sources.shared import completeness
from observing_monitor.sources.shared.cells import Notes, to_metric
from observing_monitor.sources.shared.mapped import require
from observing_monitor.sources.shared.mapping import split_by_night
from observing_monitor.sources.shared.meanings import COMMENT, MISSING, SEPARATOR
from observing_monitor.sources.shared.missing import without_missing

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from pandas import DataFrame

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Counts, Known, Tables
    from observing_monitor.readers.textfiles import Rows
    from observing_monitor.sources.base import Asked


# 2020-12-24, 20201224, 2020-12-4; ztf_20210829_programid1, whose programid is a node of the night
NIGHT = r"(?:^|_)(?P<night>\d{4}-\d{1,2}-\d{1,2}|\d{8})(?:_(?P<node>\w+))?$"
COUNTS = ["alerts_produced", "messages_published", "avros_stored"]


class BrokerCounts(Telling):
    """The counts in CSV files, as metrics of their nights."""

    @dataclass(kw_only=True)
    class Settings(completeness.CountSettings):
        """Settings of a source of type `broker_counts`."""

        path: Path = setting(
            REQUIRED,
            "CSV file, plain or compressed, or a pattern of several.",
            example="counts.csv",
        )
        counts: list[str] = setting(
            COUNTS,
            "Metrics to compare, of any source, in order: what was produced comes first.",
        )
        columns: dict[str, str] = setting(
            {},
            "Column of each metric. By default, columns with the names of the counts.",
            example={"avros_stored": "in bucket"},
        )
        night_column: str = setting(
            "",
            "Column with the night, or with a topic that has it. By default, the first column.",
            example="topic",
        )
        night_pattern: str = setting(
            NIGHT,
            "Regular expression that finds the night in that column, as group `night`, and "
            "optionally a part of the night, as group `node`, whose counts are added up.",
        )
        separator: str = setting("", SEPARATOR, example=";")
        comment: str = setting("#", COMMENT)
        missing: list[float | str] = setting([], MISSING, example=[-99, "unknown"])

    meanings = {
        "alerts_produced": "Alerts that the survey issued",
        "messages_published": "Messages that the broker published",
        "avros_stored": "Alerts that the broker stored, each once",
        "completeness": "Share of the first count that reached the last",
    }
    # the counts to compare may come from several sources
    of_others = ("*",)

    @staticmethod
    def tells_of_files(settings: BrokerCounts.Settings) -> bool:
        """Return False: counts concern no files."""
        return False

    @staticmethod
    def stages_of(settings: BrokerCounts.Settings) -> tuple[str, ...]:
        """Return no stages."""
        return ()

    @staticmethod
    def place_of(settings: BrokerCounts.Settings) -> str:
        """Return the path."""
        return str(settings.path)

    @staticmethod
    def headlines(settings: BrokerCounts.Settings) -> tuple[str, ...]:
        """Return the counts of this source, and the completeness."""
        own = [name for name in settings.counts if not settings.columns or name in settings.columns]
        return (*own, "completeness") if len(settings.counts) > 1 else tuple(own)

    @staticmethod
    def numbers(
        night: datetime.date, tables: Tables, settings: BrokerCounts.Settings
    ) -> dict[str, float | None]:
        """Return the completeness, from the counts of all sources."""
        if len(settings.counts) <= 1:
            return {}
        return {"completeness": completeness.share(tables, settings)}

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: BrokerCounts.Settings
    ) -> list[Finding]:
        """Return how each count, of any source, compares with the first."""
        return completeness.check(tables, settings)

    def __init__(self, settings: BrokerCounts.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "broker_counts"
        completeness.check_aggregates(settings)
        check_separator(settings.separator)
        self.files = TextFiles(settings.path)
        self.pattern = Pattern("night_pattern", settings.night_pattern, others=("night", "node"))
        if "night" not in self.pattern.names or self.files.has_night:
            raise UsageError(
                "night_pattern must have a group (?P<night>…), and path no {night}: "
                "the rows name the night"
            )
        # path -> rows by night
        self._by_night: dict[str, dict[datetime.date, Rows]] = {}
        # path -> its rows of all nights, and those left out
        self._counted: dict[str, Counts] = {}

    def nights(self) -> set[datetime.date]:
        """Return the nights of all rows."""
        return {night for path in self.files.of_night(None) for night in self._all_nights(path)}

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return the sizes and times of the files."""
        return self.files.look(night, known)

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; SourceError if data are gone."""
        return self.files.look(night, None if "path" in changed else earlier)

    def read(self, night: datetime.date) -> Reading:
        """Return the night's counts, of each node and in total."""
        import pandas as pd

        parts, notes = [], []
        paths = self.files.of_night(night)
        for path in paths:
            rows = self._all_nights(path).get(night)
            if rows is not None:
                notes += rows.notes
                parts += [self._counts_of(rows, notes)] if rows.rows else []
        counts = pd.concat(parts).groupby(level=0, sort=True).last() if parts else pd.DataFrame()
        return Reading(
            metrics=to_metrics(self._with_completeness(with_total(counts))),
            notes=notes,
            counts={path: self._counted[path] for path in paths},
            without_effect=self.pattern.flaws(),
        )

    def _all_nights(self, path: str) -> dict[datetime.date, Rows]:
        """Return a file's rows by night; each file is read once a run."""
        if path not in self._by_night:
            settings = self.settings
            rows = read_csv(
                path,
                settings.separator,
                settings.comment,
                self.files.roots,
                is_header=self._is_header,
                limits=self.asked.limits,
            )
            rows = without_missing(rows, settings.missing)
            column = settings.night_column or rows.columns[0]
            require(rows, [column, *settings.columns.values()])
            place = rows.columns.index(column)
            texts = self.pattern.groups([row[place] for row in rows.rows])["night"].to_pylist()
            nights = [None if text is None else read_night(text) for text in texts]
            rows.notes += self.pattern.take_notes()
            self._counted[path] = rows.counts
            self._by_night[path] = split_by_night(rows, nights, f" in {column!r}", column=column)
        return self._by_night[path]

    def _is_header(self, names: list[str]) -> bool:
        """True for names of columns that include the night's and those of counts."""
        has_night = not self.settings.night_column or self.settings.night_column in names
        columns = set(self.settings.columns.values())
        return has_night and (
            columns <= set(names) if columns else not set(names).isdisjoint(self.settings.counts)
        )

    def _columns(self, rows: Rows) -> dict[str, str]:
        """Return the column of each metric in a file; SourceError if it has none."""
        if self.settings.columns:
            return self.settings.columns
        existing = {name: name for name in self.settings.counts if name in rows.columns}
        if not existing:
            require(rows, self.settings.counts[:1])
        return existing

    def _counts_of(self, rows: Rows, notes: list[str]) -> DataFrame:
        """Return a file's counts of one night.

        A row per node, which is its index; a column per metric; NaN is not available.
        """
        import pandas as pd

        place = rows.columns.index(self.settings.night_column or rows.columns[0])
        groups = self.pattern.groups([row[place] for row in rows.rows])
        nodes = groups["node"].to_pylist() if "node" in groups else [None] * len(rows.rows)
        noted = Notes(rows.place, rows.word, rows.numbers, notes)
        values = {}
        for metric, column in self._columns(rows).items():
            at = rows.columns.index(column)
            cells = pd.Series([row[at] for row in rows.rows], dtype="object")
            is_count = pd.Series(True, index=cells.index)
            values[metric] = to_metric(cells, is_count, noted, column)[0]
        counts = pd.DataFrame(values)
        keys = pd.Series([node or "" for node in nodes], dtype="str")
        is_again = keys.duplicated() & ~counts.assign(node=keys).duplicated()
        noted.add(is_again, "the night is listed again, with other numbers; the last line counts")
        return counts.set_index(keys.rename("node"))[~keys.duplicated(keep="last").to_numpy()]

    def _with_completeness(self, counts: DataFrame) -> DataFrame:
        """Add the completeness, if the last of the counts is in this file.

        Else `numbers` works it out from all sources.
        """
        own = [name for name in self.settings.counts if name in counts]
        if len(own) < 2 or own[-1] != self.settings.counts[-1]:
            return counts
        known = counts[own].dropna(axis="columns", how="all") if len(counts) else counts[own]
        if own[0] not in known or known.shape[1] < 2:
            return counts.assign(completeness=float("nan"))
        first, last = known[own[0]], known.iloc[:, -1]
        return counts.assign(completeness=(last / first).where(first > 0))
