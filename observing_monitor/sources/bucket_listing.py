"""The alerts in a broker's bucket, from a listing of it.

`gsutil ls`, `gsutil ls -l` or `gcloud storage ls` write such listings. A file is an alert. Its
name, in each of the three forms that Pitt-Google's broker has used, has the topic, whose date is
the night (UTC). Except in the oldest form it has the candid, which begins with the time of the
exposure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.finding import Finding
from observing_monitor.model.nights import NID_ZERO
from observing_monitor.model.reading import Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.model.wording import n_of
from observing_monitor.readers.night_paths import TextFiles, read_night
from observing_monitor.readers.textfiles import at, opened
from observing_monitor.readers.unpacked import LIMITS, Limits, log_values
from observing_monitor.sources.base import Telling
from observing_monitor.sources.counts_by_node import to_metrics, with_total
from observing_monitor.sources.shared import completeness

if TYPE_CHECKING:
    import datetime
    from typing import Any

    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.sources.base import Asked


# A line: with -l the size and the time before the address, with -a a #generation after it.
LINE = (
    r"^\s*(?:(?P<size>\d+)\s+(?P<stored_at>\d{4}-\d\d-\d\dT\S+)\s+)?"
    r"(?P<address>gs://[^/]+/(?P<path>[^#]*[^#/:]))(?P<version>#\d+)?"
    r"(?:\s+metageneration=\d+)?\s*$"
)
TOTAL = re.compile(r"TOTAL: (\d+) objects?, ")
# empty lines, the sum, headings and names of folders
NO_ALERT = r"^\s*$|^TOTAL: |^gs://.*/:?\s*$"

# ztf_20210401_programid1_1617259045383.avro: topic and Kafka's time in ms
# ZTF18aamyaaj.1704217901015015001.ztf_20210901_programid1.avro: object, candid, topic
# ztf_20210901_programid1/ZTF18aamyaaj/1704217901015015001.avro: topic, object, candid
NAME = (
    r"(?:^|/)(?:"
    r"[A-Za-z]+_(?P<day1>\d{8})_(?P<node1>[a-z]+\d+)_(?P<kafka_ms>\d{13})"
    r"|\w+\.(?P<candid2>\d{17,19})\.[A-Za-z]+_(?P<day2>\d{8})_(?P<node2>\w+)"
    r"|[A-Za-z]+_(?P<day3>\d{8})_(?P<node3>\w+)/\w+/(?P<candid3>\d{17,19})"
    r")\.avro$"
)
MAX_SHOWN = 120


class BucketListing(Telling):
    """The alerts in listings of a bucket, as files, and their number."""

    @dataclass(kw_only=True)
    class Settings(completeness.CountSettings):
        """Settings of a source of type `bucket_listing`."""

        path: Path = setting(
            REQUIRED,
            "Listing, plain or packed; a pattern of several; or a path with the night in it, such "
            "as `listings/{night:%Y%m%d}.txt.gz`.",
        )
        metric: str = setting("avros_stored", "Name of the number of alerts, each counted once.")
        list_files: bool = setting(
            True, "List every alert as a file of the night. Set to false to only count them."
        )

    meanings = {
        "avros_stored": "Alerts that the bucket holds, each once",
        "stored_twice": "Files whose alert the bucket also holds under another name or version",
    }
    # the counts to compare may come from several sources
    of_others = ("*",)

    @staticmethod
    def tells_of_files(settings: BucketListing.Settings) -> bool:
        """True if alerts are listed as files."""
        return settings.list_files

    @staticmethod
    def stages_of(settings: BucketListing.Settings) -> tuple[str, ...]:
        """Return no stages."""
        return ()

    @staticmethod
    def place_of(settings: BucketListing.Settings) -> str:
        """Return the path."""
        return str(settings.path)

    @staticmethod
    def headlines(settings: BucketListing.Settings) -> tuple[str, ...]:
        """Count alerts, and of those stored twice."""
        return (settings.metric, "stored_twice")

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: BucketListing.Settings
    ) -> list[Finding]:
        """Return how `counts`, if set, compare, and what is stored twice."""
        found = completeness.check(tables.metrics, settings)
        is_total = (tables.metrics["name"] == "stored_twice") & tables.metrics["node"].isna()
        twice = tables.metrics.loc[is_total, "value"].max()
        if twice > 0:
            words = "1 file's alert is" if twice == 1 else f"{twice:,.0f} files' alerts are"
            found.append(Finding("normal", f"{words} in the bucket twice", "#metrics"))
        return found

    def __init__(self, settings: BucketListing.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "bucket_listing"
        completeness.check_aggregates(settings)
        self.files = TextFiles(settings.path)
        # alerts and notes of listings with all nights, read once a run
        self._all: tuple[DataFrame, list[str]] | None = None

    def nights(self) -> set[datetime.date]:
        """Return the nights in the listings' names, else those of the alerts."""
        if self.files.has_night:
            return self.files.nights()
        return set(self._all_nights()[0]["night"])

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return the sizes and times of the listings that may have the night."""
        return self.files.look(night, known)

    def read(self, night: datetime.date) -> Reading:
        """Return the night's alerts and their number.

        The number is 0 if a listing has nights before and after this one, but not this one.
        """
        if self.files.has_night:
            alerts, notes, is_listed = self._of_own_listing(night)
        else:
            alerts, all_notes = self._all_nights()
            nights = alerts["night"]
            is_listed = len(nights) > 0 and nights.min() <= night <= nights.max()
            # notes on all nights are shown once, on the last
            notes = list(all_notes) if len(nights) == 0 or night == nights.max() else []
        if self.asked.rule.offset_s:
            notes.append(
                "a topic's date is the UTC date, but the stream's nights are those of "
                f"{self.asked.rule.text}; set night_rule to UTC"
            )
        own = alerts[alerts["night"] == night]
        files = _files(own) if self.settings.list_files else None
        return Reading(files=files, metrics=self._counts(own, is_listed), notes=notes)

    def _of_own_listing(self, night: datetime.date) -> tuple[DataFrame, list[str], bool]:
        """Return a night's alerts, notes, and if it has any listing."""
        paths = self.files.of_night(night)
        alerts, notes = self._of_listings(paths)
        n_others = int((alerts["night"] != night).sum())
        if n_others:
            notes.append(
                f"{self.settings.path}: {n_of(n_others, 'alert')} of other nights than {night} "
                "in its listing; left out"
            )
        return alerts, notes, bool(paths)

    def _counts(self, alerts: DataFrame, is_listed: bool) -> DataFrame:
        """Return the numbers of alerts, and of those stored twice, by node."""
        import pandas as pd

        if not is_listed:
            return frames.empty(columns.METRICS)
        metric = self.settings.metric
        if alerts.empty:
            return to_metrics(pd.DataFrame({metric: [0.0], "stored_twice": [0.0]}, index=[""]))
        is_again = alerts["key"].duplicated()
        counts = pd.DataFrame({metric: ~is_again, "stored_twice": is_again})
        by_node = counts.groupby(alerts["node"]).sum().astype("float64")
        return to_metrics(with_total(by_node))

    def _all_nights(self) -> tuple[DataFrame, list[str]]:
        if self._all is None:
            self._all = self._of_listings(self.files.of_night(None))
        return self._all

    def _of_listings(self, paths: list[str]) -> tuple[DataFrame, list[str]]:
        """Return the alerts of listings, each address once, and notes.

        The columns are those of `_alerts`.
        """
        import pandas as pd

        notes: list[str] = []
        parts = [_alerts(path, notes, self.files.roots, self.asked.limits) for path in paths]
        joined = pd.concat(parts, ignore_index=True) if parts else _alerts(None, notes)
        return joined.drop_duplicates(["address", "version"], keep="last", ignore_index=True), notes


def exposed_at(candid: Series[Any]) -> Series[Any]:
    """Return when the exposures of alerts were taken, to 0.1 s.

    Parameters
    ----------
    candid : Series of str
        Days since 2017-01-01, six digits of the day's fraction, nine other digits.

    Returns
    -------
    Series of datetime64[us, UTC]
        NaT for a candid that is missing.
    """
    import pandas as pd

    days = (
        pd.to_numeric(candid.str.slice(0, -15), errors="coerce")
        + pd.to_numeric(candid.str.slice(-15, -9), errors="coerce") / 1e6
    )
    return (
        (pd.Timestamp(NID_ZERO, tz="UTC") + pd.to_timedelta(days * 86400, unit="s"))
        .dt.round("ms")
        .astype(columns.DTYPES["instant"])
    )


def _alerts(
    path: str | None,
    notes: list[str],
    roots: list[str] | None = None,
    limits: Limits = LIMITS,
) -> DataFrame:
    """Return the alerts of one listing; None is an empty one.

    Columns, all text except night (a date): address, path, version, size, stored_at, night, node,
    candid, kafka_ms, key (equal for equal alerts). Oddities are added to `notes`.
    """
    import pandas as pd

    lines = _lines(path, notes, roots, limits) if path else pd.Series([], dtype="str")
    listed = lines.str.extract(LINE)
    named = listed["path"].str.extract(NAME)
    day = named["day1"].fillna(named["day2"]).fillna(named["day3"])
    nights = {text: read_night(text) for text in day.dropna().unique()}
    alerts = listed.assign(
        night=day.map(nights).astype("object"),
        node=named["node1"].fillna(named["node2"]).fillna(named["node3"]),
        candid=named["candid2"].fillna(named["candid3"]),
        kafka_ms=named["kafka_ms"],
    )
    alerts["key"] = alerts["candid"].fillna(alerts["path"])
    _note_oddities(path, lines, alerts, notes)
    return alerts[alerts["night"].notna()]


def _lines(path: str, notes: list[str], roots: list[str] | None, limits: Limits) -> Series[Any]:
    import pandas as pd

    with opened(path, roots, limits, values=log_values, notes=notes) as text:
        lines = pd.Series(text.read().splitlines(), dtype="str")
    if lines.empty:
        # gsutil writes nothing if it fails; this is not an empty bucket
        raise SourceError(f"{path}: is empty; did the listing fail? Its alerts stay as last read")
    return lines


def _note_oddities(
    path: str | None, lines: Series[Any], alerts: DataFrame, notes: list[str]
) -> None:
    """Note lines that name no alert, and a listing that is not complete."""
    odd = lines[alerts["night"].isna() & ~lines.str.contains(NO_ALERT)]
    if len(odd):
        where = at((odd.index + 1).tolist())
        first = odd.iloc[0].strip()[:MAX_SHOWN]
        notes.append(f"{path} {where}: no alert's file ({first}); left out")
    if alerts["size"].notna().any():
        totals = [TOTAL.match(line) for line in lines.iloc[-3:]]
        n_total = next((int(found[1]) for found in totals if found), None)
        n_listed = int(alerts["address"].notna().sum())
        if n_total is None:
            words = f"no TOTAL line at its end; was it cut? {n_listed:,} objects counted"
            notes.append(f"{path}: {words}")
        elif n_total != n_listed:
            words = f"its TOTAL is {n_total:,} objects, but {n_listed:,} are listed"
            notes.append(f"{path}: {words}")


def _files(alerts: DataFrame) -> DataFrame:
    """Return alerts as files, with columns `columns.FILES`."""
    import pandas as pd

    kafka_at = pd.to_datetime(pd.to_numeric(alerts["kafka_ms"]), unit="ms", utc=True)
    stored_at = pd.to_datetime(alerts["stored_at"], format="ISO8601", utc=True, errors="coerce")
    files = {
        "file_id": alerts["path"],
        "name": names.last_parts(alerts["path"]),
        "path": alerts["address"],
        "kind": "avro",
        "size_bytes": frames.whole_numbers(alerts["size"]),
        "created_at": exposed_at(alerts["candid"]).fillna(kafka_at),
        "transferred_at": stored_at,
        "exposure": alerts["candid"].str.slice(0, -9),
    }
    made = frames.frame(columns.FILES, pd.DataFrame(files, index=alerts.index))
    return (
        made.sort_values("file_id", kind="stable")
        .drop_duplicates("file_id", keep="last")
        .reset_index(drop=True)
    )
