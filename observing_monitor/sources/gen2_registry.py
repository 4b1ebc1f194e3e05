"""Queries for the raws in a Gen2 registry.

The columns of its table `raw` differ by camera (lsst/obs_lsst config/*/ingest.py). It has neither
a path nor a time of ingest. Its writer makes a copy and renames it, so the file is opened anew for
every query, read-only and without locks (see `readers.sqlite`).
"""

from __future__ import annotations

import contextlib
import datetime
import marshal
import sqlite3
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import iso_utc, night_named
from observing_monitor.readers import sqlite
from observing_monitor.readers.fault_words import sqlite_words
from observing_monitor.sources.gen2_exposures import WANTED as OF_EXPOSURES
from observing_monitor.sources.gen2_raws import Arrays, from_arrays, from_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from pandas import DataFrame

    from observing_monitor.model.nights import NightRule


WANTED = ("detector", "detectorName", "raftName", "seqNum", "obsid")
NUMBERS = ("expId", "visit")
# columns with a raw's time; with dayObs, which is the night itself, those that give the night
TIMES = ("dateObs", "date")
DATES = ("dayObs", *TIMES)
# if a run reads more nights than these, each is looked up by its first and last row
FEW_NIGHTS = 5


class Gen2Registry:
    """The raws of a registry.

    Keeps the rows of the night that was asked for last. Every method raises SourceError if the
    registry can't be read.

    Parameters
    ----------
    path
        The file `registry.sqlite3`.
    rule
        Gives the night of an instant.
    """

    def __init__(self, path: Path, rule: NightRule) -> None:
        self.path = path
        self.rule = rule
        self._columns: list[str] | None = None
        self._arrays: tuple[datetime.date | None, Arrays | None] = None, None
        self._rows: tuple[datetime.date | None, list[str], list[tuple[Any, ...]]] = None, [], []
        self._exposures: tuple[datetime.date | None, list[str], list[tuple[Any, ...]]]
        self._exposures = None, [], []
        self._n_asked = 0
        # the registry's state, and in it: day -> the first and last rowid of its raws
        self._spans: tuple[list[int], dict[str, tuple[int, int]]] = [], {}

    def state(self) -> list[int]:
        """Return numbers that differ if the registry has changed."""
        with self._reading():
            return sqlite.state_of(str(self.path))

    def nights(self) -> set[datetime.date]:
        """Return the nights of all raws."""
        have = self._raw_columns()
        if "dayObs" in have:
            texts = [str(row[0]) for row in self._query("select distinct dayObs from raw")]
            return {night for text in texts if (night := night_named(text))}
        date = next((name for name in TIMES if name in have), None)
        if date is None:
            return set()
        hours = {row[0] for row in self._query(f"select distinct substr({date}, 1, 13) from raw")}
        return {night for hour in hours if (night := self._night_of_hour(hour))}

    def n_raws(self, night: datetime.date) -> int:
        """Count a night's raws."""
        arrays = self.arrays_of(night)
        return len(self.rows_of(night)[1]) if arrays is None else arrays.n_rows

    def digest(self, night: datetime.date) -> str:
        """Return a digest of a night's rows."""
        rows = self.arrays_of(night) or self.rows_of(night)
        # marshal's version 2 writes equal values as equal bytes, ten times as fast as repr
        both: Any = tuple(rows), self.exposures_of(night)
        return hex_digest(marshal.dumps(both, 2), n_bytes=16)

    def raws_of(self, night: datetime.date) -> DataFrame:
        """Return a night's raws, one row each.

        The columns are those of `gen2_raws.from_arrays`.
        """
        import pandas as pd

        arrays = self.arrays_of(night)
        columns = arrays and from_arrays(arrays)
        return pd.DataFrame(from_rows(*self.rows_of(night)) if columns is None else columns)

    def forget(self) -> None:
        """Free the memory of the last night."""
        self._arrays = None, None
        self._rows = self._exposures = None, [], []

    def keys_of(self, exposures: Iterable[str]) -> set[tuple[str, int]]:
        """Return exposure and detector of exposures' raws.

        Raws of all nights count.
        """
        have = self._raw_columns()
        number = "expId" if "expId" in have else "visit"
        detector = "detector" if "detector" in have else "0"
        numbers = sorted({int(value) for value in exposures if value.isdecimal()})
        found: set[tuple[str, int]] = set()
        for start in range(0, len(numbers), 900):  # SQLite takes at least 999 values
            some = numbers[start : start + 900]
            marks = ",".join("?" * len(some))
            sql = f"select {number}, {detector} from raw where {number} in ({marks})"
            found.update(
                (str(exposure), int(detector) if str(detector).isdecimal() else 0)
                for exposure, detector in self._query(sql, some)
            )
        return found

    # --- the rows of a night --------------------------------------------------------------------

    def arrays_of(self, night: datetime.date) -> Arrays | None:
        """Return a night's rows as JSON arrays.

        None if JSON can't hold a value. SQLite makes them in half the time of rows.
        """
        if self._arrays[0] != night:
            selected, where, values = self._selection(night)
            arrays = ", ".join(f"json_group_array({value})" for value in selected.values())
            self._arrays = night, None
            # a value of bytes; any other fault shows in the query for rows
            with contextlib.suppress(SourceError):
                ((n_rows, *texts),) = self._query(f"select count(*), {arrays} {where}", values)
                self._arrays = night, Arrays(n_rows, dict(zip(selected, texts, strict=True)))
        return self._arrays[1]

    def rows_of(self, night: datetime.date) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the columns' names, and a tuple per raw."""
        if self._rows[0] != night:
            selected, where, values = self._selection(night)
            rows = self._query(f"select {', '.join(selected.values())} {where}", values)
            self._rows = night, list(selected), rows
        return self._rows[1:]

    def exposures_of(self, night: datetime.date) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return names and values of a night's exposures.

        The values are those of the first detector.
        """
        if self._exposures[0] != night:
            selected, where, values = self._selection(night, ("seqNum", *OF_EXPOSURES))
            named = ", ".join(selected.values())
            # a quarter of the time of `select distinct`
            first = f"select min(rowid) {where} group by {selected['exposure']}"
            rows = []
            with contextlib.suppress(SourceError):  # a table without rowids; a view has nulls
                rows = self._query(f"select {named} from raw where rowid in ({first})", values)
            rows = rows or self._query(f"select distinct {named} {where}", values)
            self._exposures = night, list(selected), rows
        return self._exposures[1:]

    def _selection(
        self, night: datetime.date, wanted: Sequence[str] = WANTED
    ) -> tuple[dict[str, str], str, tuple[Any, ...]]:
        """Return the parts of the query for a night's raws.

        These are the columns (name -> SQL), the rest of the SQL, and its values.
        """
        condition, values = self._night_condition(night)
        where, rowids = self._rowids(night)
        have = self._raw_columns()
        number = [name for name in NUMBERS if name in have]
        selected = {"exposure": f"coalesce({', '.join(number)})" if len(number) > 1 else number[0]}
        selected |= {name: f'"{name}"' for name in have if name in wanted}
        return selected, f"from raw where ({condition}){where}", (*values, *rowids)

    def _night_condition(self, night: datetime.date) -> tuple[str, tuple[str, ...]]:
        """Return the SQL condition for a night, and its values."""
        have = self._raw_columns()
        if "dayObs" in have:
            return "dayObs in (?, ?)", (night.isoformat(), night.strftime("%Y%m%d"))
        date = next((name for name in TIMES if name in have), None)
        if date is None:
            words = "its table 'raw' has none of dayObs, dateObs and date"
            raise SourceError(f"{self.path}: {words}; the night of a raw can't be told")
        values = tuple(iso_utc(instant)[:19] for instant in self.rule.bounds(night))
        return f"{date} >= ? and {date} < ?", values

    def _rowids(self, night: datetime.date) -> tuple[str, tuple[int, ...]]:
        """Return a condition for a night's first to last row.

        The table has no index by night, but raws are registered night by night. Without this
        condition a history of a thousand nights would read the table a thousand times. It is
        empty for the first few nights of a run.
        """
        self._n_asked += 1
        if self._n_asked <= FEW_NIGHTS:
            return "", ()
        state = self.state()
        if self._spans[0] != state:  # a raw may have been added after its night's last
            self._spans = state, self._spans_of_days()
        days = {
            night.isoformat(),
            night.strftime("%Y%m%d"),
            *(f"{instant:%Y-%m-%d}" for instant in self.rule.bounds(night)),
        }
        spans = [self._spans[1][day] for day in days if day in self._spans[1]]
        if not spans:
            return "", ()
        first, last = min(first for first, _ in spans), max(last for _, last in spans)
        return " and rowid between ? and ?", (first, last)

    def _spans_of_days(self) -> dict[str, tuple[int, int]]:
        """Return day -> first and last rowid.

        {} for a table without rowids.
        """
        have = self._raw_columns()
        if "dayObs" in have:
            day = "dayObs"
        else:
            day = f"substr({next(name for name in DATES if name in have)}, 1, 10)"
        try:
            rows = self._query(f"select {day}, min(rowid), max(rowid) from raw group by 1")
        except SourceError:
            return {}
        return {day: (first, last) for day, first, last in rows}

    def _night_of_hour(self, text: str) -> datetime.date | None:
        try:
            instant = datetime.datetime.fromisoformat(f"{text}:30").replace(tzinfo=datetime.UTC)
            return self.rule.night_of(instant)
        except (TypeError, ValueError):
            return None

    # --- the file -------------------------------------------------------------------------------

    def _raw_columns(self) -> list[str]:
        """Return the used columns of this camera's table."""
        if self._columns is None:
            there = {row[1] for row in self._query("PRAGMA table_info(raw)")}
            if not there:
                words = "has no table 'raw'; is it a Gen2 registry into which raws were ingested?"
                raise SourceError(f"{self.path}: {words}")
            if not there & set(NUMBERS):
                words = "its table 'raw' has neither expId nor visit; raws can't be told apart"
                raise SourceError(f"{self.path}: {words}")
            self._columns = [
                name
                for name in dict.fromkeys((*NUMBERS, *WANTED, *DATES, *OF_EXPOSURES))
                if name in there
            ]
        return self._columns

    def _query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._reading():
            return sqlite.ask(str(self.path), sql, values)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Convert errors of the registry's file to SourceError."""
        try:
            yield
        except (sqlite3.Error, UnicodeError) as error:
            raise SourceError(
                f"{self.path}: {sqlite_words(error)}; is it a whole Gen2 registry?"
            ) from error
        except OSError as error:
            words = f"{os_error_text(error)}; a Gen2 repository has its registry there"
            raise SourceError(f"{self.path}: {words}") from error
