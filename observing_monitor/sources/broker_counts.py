"""An alert broker's counts, a row a night or a topic: produced, published and stored, side by side.

Brokers keep such tables by hand or from a script: cells are blank where nobody counted, a row may lack its topic, and
a replay makes more than was produced. A topic such as `ztf_20210829_programid1` has the UTC date of the exposures in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import UsageError
from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Reading
from observing_monitor.readers import textfiles
from observing_monitor.sources.base import Telling
from observing_monitor.sources.shared import completeness, mapping

if TYPE_CHECKING:
    import datetime

    from pandas import DataFrame

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.readers.textfiles import Rows
    from observing_monitor.sources.base import Asked


# 2020-12-24, 20201224, 2020-12-4; ztf_20210829_programid1, whose programid is a node of the night
NIGHT = r"(?:^|_)(?P<night>\d{4}-\d{1,2}-\d{1,2}|\d{8})(?:_(?P<node>\w+))?$"
COUNTS = ("alerts_produced", "messages_published", "avros_stored")


class BrokerCounts(Telling):
    """The counts of a CSV file as metrics of their nights."""

    @dataclass(kw_only=True)
    class Settings(completeness.CountSettings):
        path: Path  # the CSV file, plain or gzip; or a pattern of several
        counts: list[str] = field(
            default_factory=lambda: list(COUNTS)
        )  # metrics in order, what was produced first; of any source
        columns: dict[str, str] = field(
            default_factory=dict
        )  # metric = "its column"; unless set, columns named as the counts
        night_column: str = (
            ""  # the column with the night, or with a topic that has it; the first, unless set
        )
        night_pattern: str = NIGHT  # finds the night in that column, and perhaps a node, whose counts add up: groups night, node
        separator: str = ","  # between the cells of a line
        comment: str = "#"  # a line that begins with it is none

    meanings = {
        "alerts_produced": "Alerts that the survey issued",
        "messages_published": "Messages that the broker published",
        "avros_stored": "Alerts that the broker stored, each once",
        "completeness": "The last of the counts, of the first",
    }
    of_others = ("*",)  # what is compared may come from several sources

    @staticmethod
    def tells_of_files(settings: BrokerCounts.Settings) -> bool:
        return False

    @staticmethod
    def stages_of(settings: BrokerCounts.Settings) -> tuple[str, ...]:
        return ()

    @staticmethod
    def place_of(settings: BrokerCounts.Settings) -> str:
        return str(settings.path)

    @staticmethod
    def headlines(settings: BrokerCounts.Settings) -> tuple[str, ...]:
        own = [name for name in settings.counts if not settings.columns or name in settings.columns]
        return (*own, "completeness") if len(settings.counts) > 1 else tuple(own)

    @staticmethod
    def numbers(
        night: datetime.date, tables: Tables, settings: BrokerCounts.Settings
    ) -> dict[str, float | None]:
        """The completeness, whichever source told the counts."""
        return (
            {"completeness": completeness.share(tables.metrics, settings)}
            if len(settings.counts) > 1
            else {}
        )

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: BrokerCounts.Settings
    ) -> list[Finding]:
        """Each of the counts beside the first, whichever source told it."""
        return completeness.check(tables.metrics, settings)

    def __init__(self, settings: BrokerCounts.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "broker_counts"
        self.files = textfiles.TextFiles(settings.path)
        try:
            self.pattern = re.compile(settings.night_pattern)
        except re.error as error:
            raise UsageError(f"night_pattern is no regular expression: {error}") from error
        if "night" not in self.pattern.groupindex or self.files.has_night:
            raise UsageError(
                "night_pattern must have a group (?P<night>…), and path no {night}; the rows tell it"
            )
        self._apart: dict[str, dict[datetime.date, Rows]] = {}  # path -> its rows by night

    def nights(self) -> set[datetime.date]:
        return {night for path in self.files.of_night(None) for night in self._of_all_nights(path)}

    def look(self, night: datetime.date, known: Known) -> Known:
        """The sizes and times of the files."""
        return self.files.look(night, known)

    def read(self, night: datetime.date) -> Reading:
        """The night's counts; of several nodes each, and their sum."""
        import pandas as pd

        parts, notes = [], []
        for path in self.files.of_night(night):
            rows = self._of_all_nights(path).get(night)
            if rows is not None:
                notes += rows.notes
                parts += [self._counts_of(rows, notes)] if rows.rows else []
        counts = pd.concat(parts).groupby(level=0, sort=True).last() if parts else pd.DataFrame()
        return Reading(metrics=to_metrics(self._with_completeness(with_total(counts))), notes=notes)

    def _of_all_nights(self, path: str) -> dict[datetime.date, Rows]:
        if path not in self._apart:
            rows = textfiles.read_csv(
                path, self.settings.separator, self.settings.comment, self.files.roots
            )
            column = self.settings.night_column or rows.columns[0]
            mapping.require(rows, [column, *self.settings.columns.values()])
            place = rows.columns.index(column)
            found = [self.pattern.search(row[place]) for row in rows.rows]
            nights = [textfiles.read_night(match["night"]) if match else None for match in found]
            self._apart[path] = mapping.apart(rows, nights, f" in {column!r}")
        return self._apart[path]

    def _columns(self, rows: Rows) -> dict[str, str]:
        """Metric -> column, of this file; SourceError where it has none of the counts."""
        if self.settings.columns:
            return self.settings.columns
        there = {name: name for name in self.settings.counts if name in rows.columns}
        if not there:
            mapping.require(rows, self.settings.counts[:1])
        return there

    def _counts_of(self, rows: Rows, notes: list[str]) -> DataFrame:
        """A file's counts of one night: a row a node (indexed by it), a column a metric; NaN is not available."""
        import pandas as pd

        place = rows.columns.index(self.settings.night_column or rows.columns[0])
        found = (self.pattern.search(row[place]) for row in rows.rows)
        nodes = [(match and match.groupdict().get("node")) or "" for match in found]
        say = mapping.Notes(rows.place, rows.word, rows.numbers, notes)
        made = {}
        for metric, column in self._columns(rows).items():
            at = rows.columns.index(column)
            cells = pd.Series([row[at] for row in rows.rows], dtype="object")
            made[metric] = mapping.to_metric(
                cells, pd.Series(True, index=cells.index), say, column
            )[0]
        counts = pd.DataFrame(made)
        keys = pd.Series(nodes, dtype="str")
        is_again = keys.duplicated() & ~counts.assign(node=keys).duplicated()
        say.add(is_again, "the night stands here again, with other numbers; the last line counts")
        return counts.set_index(keys.rename("node"))[~keys.duplicated(keep="last").to_numpy()]

    def _with_completeness(self, counts: DataFrame) -> DataFrame:
        """The counts with their completeness, where the last of them stands in this file; else `numbers` alone can tell it."""
        own = [name for name in self.settings.counts if name in counts]
        if len(own) < 2 or own[-1] != self.settings.counts[-1]:
            return counts
        told = counts[own].dropna(axis="columns", how="all") if len(counts) else counts[own]
        if own[0] not in told or told.shape[1] < 2:
            return counts.assign(completeness=float("nan"))
        return counts.assign(completeness=(told.iloc[:, -1] / told[own[0]]).where(told[own[0]] > 0))


def with_total(counts: DataFrame) -> DataFrame:
    """Counts by node, with their sum as the node ""; one node alone is the whole. A sum with a blank in it is blank."""
    import pandas as pd

    if len(counts) == 1:
        return counts.set_axis([""])
    if counts.empty or "" in counts.index:
        return counts
    return pd.concat([counts, counts.sum(skipna=False).to_frame("").T])


def to_metrics(counts: DataFrame) -> DataFrame:
    """Counts by node as the table `columns.METRICS`: they are of the whole night, so they have no time of their own."""
    import pandas as pd

    if counts.empty:
        return frames.empty(columns.METRICS)
    long = (
        counts.rename_axis(index="node", columns="name")
        .reset_index()
        .melt(id_vars="node", var_name="name", value_name="value")
    )
    text = pd.Series("no data", index=long.index).where(long["value"].isna())
    return frames.frame(
        columns.METRICS, long.assign(node=long["node"].where(long["node"] != ""), text=text)
    )
