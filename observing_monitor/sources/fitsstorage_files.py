"""Files that arrived and were ingested, from FitsStorage's `diskfile`.

The table has a row per version of a file. `file` adds its name, `header` the exposure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames, names
from observing_monitor.sources.fitsstorage_exposures import to_exposures
from observing_monitor.sources.fitsstorage_queues import NO_NAME
from observing_monitor.sources.fitsstorage_tables import select_or_null
from observing_monitor.sources.shared.gemini import (
    PREFIXES,
    UTC,
    night_of_name,
    plain_name,
    seq_num_of_name,
    to_utc,
)

if TYPE_CHECKING:
    import datetime
    from typing import Any

    from pandas import DataFrame, Series

    from observing_monitor.model.nights import NightRule
    from observing_monitor.sources.fitsstorage_queues import Entry
    from observing_monitor.sources.fitsstorage_tables import FitsDatabase


DISKFILE = (
    "id",
    "file_id",
    "filename",
    "path",
    "present",
    "canonical",
    "file_size",
    "lastmod",
    "entrytime",
    "isfits",
    "fverrors",
    "mdready",
)
HEADER = (
    "data_label",
    "ut_datetime",
    "exposure_time",
    "instrument",
    "program_id",
    "observation_id",
    "observation_type",
    "observation_class",
    "object",
    "filter_name",
    "ra",
    "dec",
    "azimuth",
    "elevation",
    "airmass",
    "cass_rotator_pa",
    "qa_state",
    "release",
)
# what observers said of an exposure; the column data_label has an index
REMARKS = (
    "(select string_agg(c.comment, '; ' order by c.id) from obslog_comment c "
    "where c.data_label = h.data_label and btrim(c.comment) <> '')"
)
REQUIRED = ("id", "filename", "entrytime")


class DiskFiles:
    """The files in `diskfile`, by night.

    A file belongs to the night in its name, else to that in which it was entered.
    """

    def __init__(self, database: FitsDatabase, rule: NightRule) -> None:
        self.database = database
        self.rule = rule

    def is_readable(self) -> bool:
        """True if `diskfile` has the columns that we need; note if not."""
        existing = self.database.columns_of("diskfile")
        missing = [name for name in REQUIRED if name not in existing]
        if missing:
            flaw = (
                f"diskfile has no column {', '.join(missing)}"
                if existing
                else "there is no table diskfile, or this user may not read it"
            )
            self.database.note(f"{flaw}; what arrived and was ingested is not known")
        return not missing

    def nights(self) -> set[datetime.date]:
        """Return the nights of all files."""
        from sqlalchemy import text

        if not self.database.columns_of("diskfile"):
            return set()
        by_day = (
            "select min(filename) from diskfile "
            "group by substring(filename from '[12][0-9]{7}'), left(filename, 1)"
        )
        by_hour = (
            "select distinct date_trunc('hour', entrytime) from diskfile "
            "where filename !~ '[12][0-9]{7}'"
        )
        with self.database.connect() as connection:
            names_of_days = [name for (name,) in connection.execute(text(by_day))]
            hours = [hour for (hour,) in connection.execute(text(by_hour)) if hour]
        nights = {night for name in names_of_days if (night := night_of_name(name))}
        return nights | {self.rule.night_of(hour) for hour in hours}

    def digest(self, night: datetime.date) -> list[Any] | None:
        """Return the number and a digest of the night's rows, None if unreadable."""
        from sqlalchemy import text

        if not self.is_readable():
            return None
        existing = self.database.columns_of("diskfile")
        header = self.database.columns_of("header")
        joined, texts = "", [f"d.{name}::text" for name in DISKFILE if name in existing]
        if "diskfile_id" in header:
            joined = "left join header h on h.diskfile_id = d.id"
            # null is kept apart from what follows it
            texts += [f"coalesce(h.{name}::text, '')" for name in HEADER if name in header]
            if self._has_remarks():
                texts.append(f"coalesce({REMARKS}, '')")
        condition, values = self._condition(night)
        digest = f"md5(string_agg(concat_ws(',', {', '.join(texts)}), ';' order by d.id))"
        sql = f"select count(*), {digest} from diskfile d {joined} where {condition}"
        with self.database.connect() as connection:
            return list(connection.execute(text(sql), values).one())

    def read(self, night: datetime.date) -> tuple[DataFrame, DataFrame, DataFrame]:
        """Return the night's files, their ingests and their exposures.

        Returns
        -------
        files : DataFrame
            Columns `columns.FILES`, one row per name: its canonical, latest version.
        ingests : DataFrame
            Columns of `columns.ATTEMPTS` and others, one row per version.
        exposures : DataFrame
            Columns `columns.EXPOSURES`, one row per data label.
        """
        versions = self._versions(night)
        table = _described(versions)
        current = table.sort_values(["canonical", "attempted_at"], kind="stable").drop_duplicates(
            "file_id", keep="last"
        )
        exposures = to_exposures(versions.loc[current.index])
        files = frames.frame(columns.FILES, current)
        return files, table.assign(path=table["file_id"]), exposures

    def _versions(self, night: datetime.date) -> DataFrame:
        """Return the rows of the night, with the file's name as `plain`."""
        import pandas as pd
        from sqlalchemy import text

        versions = pd.DataFrame([], columns=[*DISKFILE, "name", *HEADER, "remarks"])
        if self.is_readable():
            condition, values = self._condition(night)
            sql = f"select {self._selected()} where {condition} order by d.id"
            with self.database.connect() as connection:
                result = connection.execute(text(sql), values)
                versions = pd.DataFrame(result.fetchall(), columns=list(result.keys()))
        versions["plain"] = [
            plain_name(name or filename or "")
            for name, filename in zip(versions["name"], versions["filename"], strict=True)
        ]
        nights = [
            night_of_name(name) or self.rule.night_of(to_utc(at, UTC))
            for name, at in zip(versions["plain"], versions["entrytime"], strict=True)
        ]
        is_own = pd.Series([own == night for own in nights], index=versions.index, dtype="bool")
        return versions[is_own].drop_duplicates("id")

    def _condition(self, night: datetime.date) -> tuple[str, dict[str, Any]]:
        """Return SQL for "diskfile d may be of the night", and its values.

        By the start of the name, which has an index, or by time.
        """
        stamp, (start, end) = night.strftime("%Y%m%d"), self.rule.bounds(night)
        values: dict[str, Any] = {"start": start, "end": end}
        parts = ["(d.entrytime >= :start and d.entrytime < :end)"]
        for number, prefix in enumerate(PREFIXES):
            # in any collation, names that begin so lie between these two
            parts.append(f"(d.filename >= :from{number} and d.filename <= :to{number})")
            values |= {f"from{number}": prefix + stamp, f"to{number}": prefix + stamp + "zzzzzzzz"}
        return f"({' or '.join(parts)})", values

    def _has_remarks(self) -> bool:
        """True if `obslog_comment` has what observers said of exposures."""
        remarks = self.database.columns_of("obslog_comment")
        header = self.database.columns_of("header")
        return {"id", "data_label", "comment"} <= remarks and {
            "diskfile_id",
            "data_label",
        } <= header

    def _selected(self) -> str:
        """Return SQL of the columns and tables to read, as far as they exist."""
        diskfile = self.database.columns_of("diskfile")
        header = self.database.columns_of("header")
        selected = select_or_null(DISKFILE, diskfile, "d.")
        tables = "from diskfile d"
        if {"id", "name"} <= self.database.columns_of("file") and "file_id" in diskfile:
            selected.append("f.name")
            tables += " left join file f on f.id = d.file_id"
        else:
            selected.append("null as name")
        if "diskfile_id" in header:
            tables += " left join header h on h.diskfile_id = d.id"
        else:
            header = set()
        selected += select_or_null(HEADER, header, "h.")
        selected.append(f"{REMARKS if self._has_remarks() else 'null'} as remarks")
        return f"{', '.join(selected)} {tables}"


def with_queued(
    files: DataFrame, entries: list[Entry], queues_without_name: list[str]
) -> DataFrame:
    """Add to a night's files those that only a queue names.

    Parameters
    ----------
    files : DataFrame
        Columns `columns.FILES`.
    entries : list of Entry
        The night's. A file arrived when it was added to a queue.
    queues_without_name : list of str
        Queues that hold, or held, requests without a file: each gets a row for them.
    """
    import pandas as pd

    named = pd.DataFrame(
        {
            "name": [entry.name for entry in entries if entry.name],
            "transferred_at": [entry.at for entry in entries if entry.name],
        }
    )
    queued = named.groupby("name", as_index=False).agg({"transferred_at": "min"})
    queued = queued[~queued["name"].isin(files["file_id"])].astype({"name": "str"})
    seq_num = pd.array([seq_num_of_name(name) for name in queued["name"]], dtype="Int64")
    queued = queued.assign(
        file_id=queued["name"],
        path=queued["name"],
        kind=queued["name"].map(names.kind_of),
        on_disk=True,
        seq_num=seq_num,
    )
    own = [f"{queue}: {NO_NAME}" for queue in queues_without_name]
    nameless = pd.DataFrame(
        {"file_id": own, "name": own, "path": own, "kind": "request", "on_disk": True}
    )
    parts = [frames.frame(columns.FILES, table) for table in (files, queued, nameless)]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _described(versions: DataFrame) -> DataFrame:
    """Return versions with the columns of files and of attempts."""
    import pandas as pd

    name = versions["filename"].astype("str")
    plain = versions["plain"].astype("str")
    kind = versions["plain"].map(names.kind_of).astype("str")
    path = versions["path"].fillna("").astype("str").str.strip("/")
    taken = pd.to_datetime(versions["ut_datetime"], utc=True, errors="coerce")
    exposure_s = pd.to_numeric(versions["exposure_time"], errors="coerce").fillna(0).clip(lower=0)
    seq_num = [seq_num_of_name(text) for text in versions["plain"]]
    return pd.DataFrame(
        {
            "file_id": plain,
            "name": name,
            "path": path.where(path == "", path + "/") + name,
            "kind": kind.mask(versions["isfits"].eq(False) & (kind == "fits"), "not FITS"),
            "size_bytes": versions["file_size"].astype("Int64"),
            # the header has the start of the exposure
            "exposed_at": taken + pd.to_timedelta(exposure_s, unit="s"),
            "transferred_at": pd.to_datetime(versions["lastmod"], utc=True, errors="coerce"),
            "obsid": versions["data_label"].astype("object"),
            "seq_num": pd.array(seq_num, dtype="Int64"),
            "on_disk": versions["present"].fillna(True).astype(bool),
            "stage": "ingest",
            "attempted_at": pd.to_datetime(versions["entrytime"], utc=True, errors="coerce"),
            "status": "success",
            "message": _messages(versions),
            "destination": path,
            "names": name + "\n" + plain,
            "canonical": versions["canonical"].fillna(True).astype(bool),
        }
    )


def _messages(versions: DataFrame) -> Series[str]:
    """Return what is wrong with each version, "" if nothing is."""
    import pandas as pd

    errors = pd.to_numeric(versions["fverrors"], errors="coerce").fillna(0)
    verified = ("fitsverify found errors: " + errors.astype("int").astype("str")).where(
        errors > 0, ""
    )
    metadata = pd.Series("metadata are not ready", index=versions.index, dtype="str").where(
        versions["mdready"].eq(False), ""
    )
    return verified.where((verified == "") | (metadata == ""), verified + "; ") + metadata
