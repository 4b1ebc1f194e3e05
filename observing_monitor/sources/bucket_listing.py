"""What an alert broker's bucket holds, from a listing of it: `gsutil ls`, `gsutil ls -l`, `gcloud storage ls`.

A file is an alert. Its name, in each of the three forms that Pitt-Google's broker has used, has the topic, whose date is
the night (UTC), and, but for the oldest, the candid, which begins with the time of the exposure.
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
from observing_monitor.model.wording import n_of
from observing_monitor.readers import textfiles
from observing_monitor.sources.base import Telling
from observing_monitor.sources.broker_counts import to_metrics, with_total
from observing_monitor.sources.shared import completeness

if TYPE_CHECKING:
    import datetime
    from typing import Any

    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.sources.base import Asked


# A line: with -l the size and the time before the address, with -a a #generation after it.
LINE = r"^\s*(?:(?P<size>\d+)\s+(?P<stored_at>\d{4}-\d\d-\d\dT\S+)\s+)?(?P<address>gs://[^/]+/(?P<path>[^#]*[^#/:]))(?P<version>#\d+)?(?:\s+metageneration=\d+)?\s*$"
TOTAL = re.compile(r"TOTAL: (\d+) objects?, ")
NO_ALERT = r"^\s*$|^TOTAL: |^gs://.*/:?\s*$"  # empty lines, the sum, the heads and names of folders

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


class BucketListing(Telling):
    """The alerts that listings of a bucket name, as files, and how many they are."""

    @dataclass(kw_only=True)
    class Settings(completeness.CountSettings):
        path: Path  # the listing, plain or gzip; a pattern of several, or one a night: listings/{night:%Y%m%d}.txt.gz
        metric: str = "avros_stored"  # the name of the count: alerts, each once
        list_files: bool = True  # every alert is a file of the night; false: they are only counted

    meanings = {
        "avros_stored": "Alerts that the bucket holds, each once",
        "stored_twice": "Files whose alert the bucket holds already under another name, or in another version",
    }
    of_others = ("*",)  # as for `broker_counts`

    @staticmethod
    def tells_of_files(settings: BucketListing.Settings) -> bool:
        return settings.list_files

    @staticmethod
    def stages_of(settings: BucketListing.Settings) -> tuple[str, ...]:
        return ()

    @staticmethod
    def place_of(settings: BucketListing.Settings) -> str:
        return str(settings.path)

    @staticmethod
    def headlines(settings: BucketListing.Settings) -> tuple[str, ...]:
        return (settings.metric, "stored_twice")

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: BucketListing.Settings
    ) -> list[Finding]:
        """What is stored twice; and each of `counts` beside the first, where they are set."""
        found = completeness.check(tables.metrics, settings)
        twice = tables.metrics.loc[
            (tables.metrics["name"] == "stored_twice") & tables.metrics["node"].isna(), "value"
        ].max()
        if twice > 0:
            words = "1 file's alert is" if twice == 1 else f"{twice:,.0f} files' alerts are"
            found.append(Finding("normal", f"{words} in the bucket twice", "#metrics"))
        return found

    def __init__(self, settings: BucketListing.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "bucket_listing"
        self.files = textfiles.TextFiles(settings.path)
        self._listed: tuple[DataFrame, list[str]] | None = (
            None  # the alerts of listings that have all nights: read once a run
        )

    def nights(self) -> set[datetime.date]:
        if self.files.has_night:
            return self.files.nights()
        return set(self._all()[0]["night"])

    def look(self, night: datetime.date, known: Known) -> Known:
        """The sizes and times of the listings that may have the night."""
        return self.files.look(night, known)

    def read(self, night: datetime.date) -> Reading:
        """The night's alerts, and how many they are: none where a listing begins before and ends after it."""
        if self.files.has_night:
            alerts, notes = self._of_listings(self.files.of_night(night))
            others = int((alerts["night"] != night).sum())
            if others:
                notes.append(
                    f"{self.settings.path}: {n_of(others, 'alert')} of other nights than {night} in its listing; left out"
                )
            is_told = bool(self.files.of_night(night))
        else:
            alerts, notes = self._all()
            nights = alerts["night"]
            is_told = len(nights) > 0 and nights.min() <= night <= nights.max()
            notes = (
                notes if len(nights) == 0 or night == nights.max() else []
            )  # they stand once, on the last night
        if self.asked.rule.offset_s:
            notes = [
                *notes,
                f"a topic's date is the UTC date, but the stream's nights are those of {self.asked.rule.text}; set night_rule to UTC",
            ]
        mine = alerts[alerts["night"] == night]
        files = _files(mine) if self.settings.list_files else None
        return Reading(files=files, metrics=self._counts(mine, is_told), notes=notes)

    def _counts(self, alerts: DataFrame, is_told: bool) -> DataFrame:
        import pandas as pd

        if not is_told:
            return frames.empty(columns.METRICS)
        twice = alerts["key"].duplicated()
        of_nodes = (
            pd.DataFrame({self.settings.metric: ~twice, "stored_twice": twice})
            .groupby(alerts["node"])
            .sum()
            .astype("float64")
        )
        return to_metrics(
            with_total(of_nodes)
            if len(of_nodes)
            else pd.DataFrame({self.settings.metric: [0.0], "stored_twice": [0.0]}, index=[""])
        )

    def _all(self) -> tuple[DataFrame, list[str]]:
        if self._listed is None:
            self._listed = self._of_listings(self.files.of_night(None))
        return self._listed

    def _of_listings(self, paths: list[str]) -> tuple[DataFrame, list[str]]:
        """The alerts of some listings (see `_alerts`), an address once, and notes."""
        import pandas as pd

        notes: list[str] = []
        parts = [_alerts(path, notes, self.files.roots) for path in paths]
        joined = pd.concat(parts, ignore_index=True) if parts else _alerts(None, notes)
        return joined.drop_duplicates(["address", "version"], keep="last", ignore_index=True), notes


def _alerts(path: str | None, notes: list[str], roots: list[str] | None = None) -> DataFrame:
    """The alerts of one listing: address, path, version, size, stored_at, night (date), node, candid, kafka_ms, key (text).

    `key` is the same for the same alert. Adds what was odd to `notes`.
    """
    import pandas as pd

    lines = _lines(path, roots) if path else pd.Series([], dtype="str")
    listed = lines.str.extract(LINE)
    told = listed["path"].str.extract(NAME)
    day = told["day1"].fillna(told["day2"]).fillna(told["day3"])
    nights = {text: textfiles.read_night(text) for text in day.dropna().unique()}
    alerts = listed.assign(
        night=day.map(nights).astype("object"),
        node=told["node1"].fillna(told["node2"]).fillna(told["node3"]),
        candid=told["candid2"].fillna(told["candid3"]),
        kafka_ms=told["kafka_ms"],
    )
    alerts["key"] = alerts["candid"].fillna(alerts["path"])
    _note_odd(path, lines, alerts, notes)
    return alerts[alerts["night"].notna()]


def _lines(path: str, roots: list[str] | None) -> Series[Any]:
    import pandas as pd

    with textfiles.opened(path, roots) as text:
        lines = pd.Series(text.read().splitlines(), dtype="str")
    if lines.empty:
        # gsutil writes nothing where it fails, and says why elsewhere: that is not a bucket with nothing in it
        raise SourceError(
            f"{path}: is empty; did the listing fail? What it told stays as last read"
        )
    return lines


def _note_odd(path: str | None, lines: Series[Any], alerts: DataFrame, notes: list[str]) -> None:
    """Lines that name no alert, and a listing that is not whole."""
    odd = lines[alerts["night"].isna() & ~lines.str.contains(NO_ALERT)]
    if len(odd):
        notes.append(
            f"{path} {textfiles.at((odd.index + 1).tolist())}: no alert's file ({odd.iloc[0].strip()[:120]}); left out"
        )
    if alerts["size"].notna().any():
        totals = [TOTAL.match(line) for line in lines.iloc[-3:]]
        n = next((int(found[1]) for found in totals if found), None)
        n_listed = int(alerts["address"].notna().sum())
        if n is None:
            notes.append(
                f"{path}: no TOTAL line at its end; was it cut? {n_listed:,} objects counted"
            )
        elif n != n_listed:
            notes.append(f"{path}: its TOTAL is {n:,} objects, but {n_listed:,} are listed")


def _files(alerts: DataFrame) -> DataFrame:
    """The table `columns.FILES` of some alerts."""
    import pandas as pd

    created = exposed_at(alerts["candid"]).fillna(
        pd.to_datetime(pd.to_numeric(alerts["kafka_ms"]), unit="ms", utc=True)
    )
    stored = pd.to_datetime(alerts["stored_at"], format="ISO8601", utc=True, errors="coerce")
    files = {
        "file_id": alerts["path"],
        "name": names.last_parts(alerts["path"]),
        "path": alerts["address"],
        "kind": "avro",
        "size_bytes": frames.whole_numbers(alerts["size"]),
        "created_at": created,
        "transferred_at": stored,
        "exposure": alerts["candid"].str.slice(0, -9),
    }
    made = frames.frame(columns.FILES, pd.DataFrame(files, index=alerts.index))
    return (
        made.sort_values("file_id", kind="stable")
        .drop_duplicates("file_id", keep="last")
        .reset_index(drop=True)
    )


def exposed_at(candid: Series[Any]) -> Series[Any]:
    """When the exposure of an alert was, to 0.1 s: a candid is days since 2017-01-01, six digits of the day's fraction, nine more."""
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
