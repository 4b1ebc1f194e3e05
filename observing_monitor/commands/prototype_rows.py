"""Rows of the prototype's database as tables of the store.

What has no place in the store's tables becomes a metric named TABLE.Column, of the file (node),
at the row's Last_Update: nothing of a row is lost.
"""

from __future__ import annotations

import datetime
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from observing_monitor.commands.prototype_database import GENS, NIGHT_COLUMNS
from observing_monitor.commands.prototype_values import (
    Row,
    is_zeros,
    read_instant,
    read_number,
    take_instant,
)
from observing_monitor.model import columns, frames
from observing_monitor.model.nights import iso_utc, night_named
from observing_monitor.settings.traits import generation
from observing_monitor.sources.dbb import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from observing_monitor.model.reading import Tables
    from observing_monitor.settings.stream import Stream


FILE_LISTS = ("TRANSFER_LIST", "FILE_LIST_GEN2", "FILE_LIST_GEN3")


def history_of(stream: Stream, rows: dict[str, list[Row]]) -> Tables:
    """Return one night's rows as tables, all of source `columns.HISTORY`.

    Parameters
    ----------
    stream : Stream
    rows : dict
        Rows of the night by table; they are emptied.
    """
    from observing_monitor.model.names import kinds, last_parts, read_names
    from observing_monitor.model.reading import Tables

    history = _History(_stages(stream), _root(stream))
    # the other tables refer to what TRANSFER_LIST lists
    for name in sorted(rows, key=lambda name: name.upper() != "TRANSFER_LIST"):
        # the newest row of a path is kept as its file
        for row in sorted(rows[name], key=lambda row: str(row.get("last_update")), reverse=True):
            row.pop("its_night")
            history.place(name, row)
    history.end()
    files = _frame(columns.FILES, list(history.files.values()))
    files["name"] = last_parts(files["file_id"])
    files["kind"] = kinds(files["name"])
    facts = {str(column): values for column, values in read_names(files["name"]).items()}
    return Tables(
        files.assign(**facts),
        _frame(columns.INGESTS, history.ingests),
        _frame(columns.METRICS, history.metrics),
    )


def _frame(described: tuple[columns.Column, ...], rows: list[Row]) -> pd.DataFrame:
    """Return rows as one of the store's tables.

    Their source is `columns.HISTORY`.
    """
    import pandas as pd

    # as objects: pandas would make floats of whole numbers if some are missing
    values = {
        column.name: pd.Series([row.get(column.name) for row in rows], dtype="object")
        for column in described
    }
    values = {
        name: series for name, series in values.items() if name == "on_disk" or series.notna().any()
    }
    frame = frames.frame(described, pd.DataFrame(values, index=range(len(rows))))
    return frame.assign(source=pd.Series(columns.HISTORY, range(len(rows)), dtype="str"))


def _stages(stream: Stream) -> dict[int, str]:
    """Return the stage of each generation's ingest.

    The stream's own generation has its stage; the other one has `ingest_genN`.
    """
    own = generation(stream)
    stages = [
        getattr(source.settings, "stage", "ingest")
        for source in stream.sources
        if source.kind in ("gen2", "gen3", "dbb")
    ]
    stage = stages[0] if stages else stream.last_stage or "ingest"
    return {own: stage, 5 - own: f"ingest_gen{5 - own}"}


def _root(stream: Stream) -> str:
    """Return the folder of the first file store, with "/"."""
    for source in stream.sources:
        if source.kind == "files":
            return f"{getattr(source.settings, 'path', '')}/"
    return ""


@dataclass
class _History:
    """A night's history while it is put together."""

    stages: dict[int, str]  # generation -> stage
    root: str  # the paths of files begin with it
    files: dict[str, Row] = field(default_factory=dict)  # by file_id
    ingests: list[Row] = field(default_factory=list)
    metrics: list[Row] = field(default_factory=list)
    # TABLE.Column -> file_id -> values that have no place
    rest: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    # table -> instants, and the files whose rows were written then
    updates: dict[str, list[tuple[datetime.datetime | None, str]]] = field(default_factory=dict)
    # files, each with a table that has it
    seen: set[tuple[str, str]] = field(default_factory=set)

    def place(self, name: str, row: Row) -> None:
        """Add a row of a table."""
        table = name.upper()
        if table in FILE_LISTS:
            self._place_file(table, row)
        elif table == "INGEST_LIST":
            self._place_ingest(table, row)
        else:
            self._place_count(name, row)

    def end(self) -> None:
        """Add metrics for what has no place."""
        for table, updates in self.updates.items():
            self._place_updates(table, updates)
        for name, of_files in self.rest.items():
            text = json.dumps(of_files, ensure_ascii=False, default=repr)
            self.metrics.append({"name": name, "text": text})

    def _place_file(self, table: str, row: Row) -> None:
        """Add a row of a list of files.

        An older row of the same path becomes a metric.
        """
        file_id = str(row.pop("transfer_path", None) or f"{table}/{row.get('filenum')}")
        at = take_instant(row, "last_update")
        new = {"file_id": file_id, "path": f"{self.root}{file_id}", "on_disk": False}
        file = self.files.setdefault(file_id, new)
        if (file_id, table) in self.seen:
            self._keep_rest(table, file_id, {"row": {**row, "last_update": iso_utc(at)}})
            return
        self.seen.add((file_id, table))
        self.updates.setdefault(table, []).append((at, file_id))
        is_event = table != "TRANSFER_LIST"
        is_first_version = not is_event and "creation_time" not in row
        created = "transfer_time" if is_first_version else "creation_time"
        facts = [
            _place_fact(file, "size_bytes", row, "file_size", read_number),
            _place_fact(file, "created_at", row, created, read_instant),
        ]
        if is_event:
            arrived = "discovery_time" if "discovery_time" in row else "transfer_time"
            _place_fact(file, "transferred_at", row, arrived, read_instant)
            self._place_event(table, row, file_id)
        _place_filenum(file, row, is_inode=not is_event)
        # files of the Data Backbone that the prototype did not find have neither size nor time
        file["on_disk"] = file["on_disk"] or not is_event or any(facts)
        _remove_implied(table, row, file_id)
        self._keep_rest(table, file_id, row)

    def _place_event(self, table: str, row: Row, file_id: str) -> None:
        """Add an event of the Data Backbone as an attempt."""
        word = row.get("status")
        if word in STATUSES:
            del row["status"]
        message = row.pop("err_message", None)
        self.ingests.append(
            {
                "file_id": file_id,
                "stage": self.stages[GENS[table]],
                "attempted_at": take_instant(row, "ingest_time"),
                "status": STATUSES.get(str(word), "unknown"),
                "message": None if message in (None, "") else str(message),
            }
        )

    def _place_ingest(self, table: str, row: Row) -> None:
        """Add a row of the list of raws as a success.

        It is of the file with the same number, or of a new one if there is none.
        """
        at = take_instant(row, "last_update")
        link = str(row.pop("ingest_path", None) or f"{table}/{row.get('filenum')}")
        file_id = row.pop("its_file", None)
        # the first version had the path here, or "NONE"
        if row.get("transfer_path", "") in (file_id, "NONE"):
            del row["transfer_path"]
        if file_id not in self.files:
            file_id = f"{columns.HISTORY}:{link}"
            self.files[file_id] = {"file_id": file_id, "path": link, "on_disk": True}
        _place_filenum(self.files[file_id], row)
        row.pop("nite_obs", None)
        self.ingests.append(
            {
                "file_id": file_id,
                "stage": self.stages[2],
                "attempted_at": take_instant(row, "ingest_time"),
                "status": "success",
                "destination": link,
            }
        )
        self.updates.setdefault(table, []).append((at, file_id))
        self._keep_rest(table, file_id, row)

    def _place_count(self, name: str, row: Row) -> None:
        """Add a row about a night, or an unknown row, as metrics."""
        at = take_instant(row, "last_update")
        if name.upper() not in GENS:
            self._keep_rest(name, "", {"row": {**row, "last_update": iso_utc(at)}})
            return
        for column, value in row.items():
            if value is not None and column not in NIGHT_COLUMNS:
                self._keep_number(f"{name}.{column}", at, value)

    def _place_updates(
        self, table: str, updates: list[tuple[datetime.datetime | None, str]]
    ) -> None:
        """Add when the rows of a night were written.

        The most frequent instant becomes a metric with the number of its rows; each other row
        has its own.
        """
        ((usual, count),) = Counter(at for at, _ in updates).most_common(1)
        self._keep_number(f"{table}.last_update", usual, count)
        for at, file_id in updates:
            if at != usual:
                self._keep_rest(table, file_id, {"other_update": iso_utc(at)})

    def _keep_rest(self, table: str, file_id: str, row: Row) -> None:
        """Keep the rest of a file's row as metrics."""
        for name, value in row.items():
            if value is not None:
                of_files = self.rest.setdefault(f"{table}.{name}", {})
                of_files.setdefault(file_id, []).append(value)

    def _keep_number(self, name: str, at: datetime.datetime | None, value: Any) -> None:
        """Keep a value of the night as a metric."""
        is_number = isinstance(value, float) or (isinstance(value, int) and abs(value) <= 2**53)
        fact = {"value": float(value)} if is_number else {"text": str(value)}
        self.metrics.append({"name": name, "sampled_at": at, **fact})


def _place_fact(file: Row, fact: str, row: Row, column: str, read: Callable[[Any], Any]) -> Any:
    """Move a value from a row to its file.

    It stays in the row if it cannot be read, or if another table says something else.
    """
    value = row.get(column)
    known = read(value)
    if (known is not None and file.setdefault(fact, known) == known) or is_zeros(value):
        del row[column]
    return known


def _place_filenum(file: Row, row: Row, is_inode: bool = True) -> None:
    """Move a number, device and name to a file.

    What differs from the file, or is impossible, stays in the row.
    """
    number = read_number(row.get("filenum"))
    if number is not None and number >= 0:
        inode, device = divmod(number, 10_000) if is_inode else (number, None)
        known = file.setdefault("inode", inode), file.setdefault("device", device)
        if known == (inode, device):
            del row["filenum"]
    usual = {
        "file_name": file["file_id"].rpartition("/")[2],
        "st_dev": file.get("device"),
        "st_ino": file.get("inode"),
    }
    for column, value in usual.items():
        if column in row and row[column] == value:
            del row[column]


def _remove_implied(table: str, row: Row, file_id: str) -> None:
    """Remove values that the path and the table imply."""
    column = "nite_trans" if "nite_trans" in row else "nite"
    if night_named(str(row.get(column))) == night_named(file_id.partition("/")[0]):
        row.pop(column, None)
    if row.get("gen") == f"gen{GENS[table]}":
        del row["gen"]
