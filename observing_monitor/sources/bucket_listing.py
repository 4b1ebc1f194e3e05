"""The alerts in a broker's bucket, from a listing of it.

`gsutil ls`, `gsutil ls -l` or `gcloud storage ls` write such listings. A file is an alert. Its
name, in each of the three forms that Pitt-Google's broker has used, has the topic, whose date is
the night (UTC). Except in the oldest form it has the candid, which begins with the time of the
exposure.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.errors import SourceError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.finding import Finding, ListedFinding, Row, metric_href, plain
from observing_monitor.model.nights import NID_ZERO
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.model.wording import n_of
from observing_monitor.readers.bounded import LIMITS, Limits, log_values
from observing_monitor.readers.night_paths import TextFiles, read_night
from observing_monitor.readers.textfiles import at, opened
from observing_monitor.sources.base import Telling
from observing_monitor.sources.counts_by_node import to_metrics, with_total
from observing_monitor.sources.shared import completeness

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection
    from typing import Any

    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.sources.base import Asked


# A line: with -l the size and the time before the address, with -h the size has a unit, with -a a
# #generation is after it. Older versions of gsutil write the time as in e-mails.
LINE = (
    r"^\s*(?:(?P<size>\d+(?:\.\d+)?)\s*(?P<unit>[KkMGT]?i?B)?\s+"
    r"(?P<stored_at>\d{4}-\d\d-\d\dT\S+|\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT)\s+)?"
    r"(?P<address>gs://[^/]+/(?P<path>[^#]*[^#/:]))(?P<version>#\d+)?"
    r"(?:\s+metageneration=\d+)?\s*$"
)
OLD_TIME = "%a, %d %b %Y %H:%M:%S GMT"
UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
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
# of a finding
MAX_ROWS = 200


class Listed(NamedTuple):
    """Content of one or several listings.

    Attributes
    ----------
    alerts
        Columns, all text except night (a date): address, path, version, size, unit, stored_at,
        night, node, candid, kafka_ms, key (equal for equal alerts).
    notes
        Sentences about anything odd.
    is_whole
        True if every object of the listings is understood.
    counts
        Listing -> its objects, and lines that are left out.
    """

    alerts: DataFrame
    notes: list[str]
    is_whole: bool
    counts: dict[str, Counts]


class BucketListing(Telling):
    """The alerts in listings of a bucket, as files, and their number."""

    @dataclass(kw_only=True)
    class Settings(completeness.CountSettings):
        """Settings of a source of type `bucket_listing`."""

        path: Path = setting(
            REQUIRED,
            "Listing, also compressed; a pattern of several; or a path with the night in it, such "
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
        found = completeness.check(tables, settings)
        is_total = (tables.metrics["name"] == "stored_twice") & tables.metrics["node"].isna()
        twice = tables.metrics.loc[is_total, "value"].max()
        if twice > 0:
            words = "1 file's alert is" if twice == 1 else f"{twice:,.0f} files' alerts are"
            words = f"{words} in the bucket twice"
            found.append(
                _with_files(Finding("normal", words, metric_href("stored_twice")), tables.files)
            )
        return found

    def __init__(self, settings: BucketListing.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "bucket_listing"
        completeness.check_aggregates(settings)
        self.files = TextFiles(settings.path)
        # alerts and notes of listings with all nights, read once a run
        self._all: Listed | None = None

    def nights(self) -> set[datetime.date]:
        """Return the nights in the listings' names, else those of the alerts."""
        if self.files.has_night:
            return self.files.nights()
        return set(self._all_nights().alerts["night"])

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return the sizes and times of the listings that may have the night."""
        return self.files.look(night, known)

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; SourceError if data are gone."""
        return self.files.look(night, None if "path" in changed else earlier)

    def read(self, night: datetime.date) -> Reading:
        """Return the night's alerts and their number.

        The number is 0 if a listing has nights before and after this one, but not this one.
        """
        if self.files.has_night:
            listed, is_listed = self._of_own_listing(night)
            notes = listed.notes
        else:
            listed = self._all_nights()
            nights = listed.alerts["night"]
            is_listed = len(nights) > 0 and nights.min() <= night <= nights.max()
            # notes on all nights are shown once, on the last
            notes = list(listed.notes) if len(nights) == 0 or night == nights.max() else []
        if self.asked.rule.offset_s:
            notes.append(
                "a topic's date is the UTC date, but the stream's nights are those of "
                f"{self.asked.rule.text}; set night_rule to UTC"
            )
        own = listed.alerts[listed.alerts["night"] == night]
        return Reading(
            files=_files(own) if self.settings.list_files else None,
            metrics=self._counts(own, is_listed),
            notes=notes,
            counts=listed.counts,
            # what a line that is not understood may name is not gone
            unread=[] if listed.is_whole else [""],
        )

    def _of_own_listing(self, night: datetime.date) -> tuple[Listed, bool]:
        """Return what a night's listings have, and if there is any."""
        paths = self.files.of_night(night)
        listed = self._of_listings(paths)
        n_others = int((listed.alerts["night"] != night).sum())
        if n_others:
            listed.notes.append(
                f"{self.settings.path}: {n_of(n_others, 'alert')} of other nights than {night} "
                "in its listing; left out"
            )
        return listed, bool(paths)

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

    def _all_nights(self) -> Listed:
        if self._all is None:
            self._all = self._of_listings(self.files.of_night(None))
        return self._all

    def _of_listings(self, paths: list[str]) -> Listed:
        """Return what listings have, each address once."""
        import pandas as pd

        parts = [_alerts(path, self.files.roots, self.asked.limits) for path in paths] or [
            _alerts(None)
        ]
        joined = pd.concat([part.alerts for part in parts], ignore_index=True)
        return Listed(
            joined.drop_duplicates(["address", "version"], keep="last", ignore_index=True),
            [note for part in parts for note in part.notes],
            all(part.is_whole for part in parts),
            {place: counts for part in parts for place, counts in part.counts.items()},
        )


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


def _with_files(found: Finding, files: DataFrame) -> Finding:
    """Return a finding with the files whose alert another file has, too."""
    named = files["file_id"].str.extract(NAME)
    alerts = named["candid2"].fillna(named["candid3"]).dropna()
    first = files["file_id"].groupby(alerts).first()
    again = alerts[alerts.duplicated()]
    named_again = zip(files["file_id"][again.index], again, strict=True)
    rows = tuple(
        Row(str(file_id), f"the same alert as {first[candid]}")
        for file_id, candid in itertools.islice(named_again, MAX_ROWS)
    )
    if not rows:
        return found
    return ListedFinding(**plain(found), label="stored twice", rows=rows, n_rows=len(again))


def _alerts(path: str | None, roots: list[str] | None = None, limits: Limits = LIMITS) -> Listed:
    """Return what one listing has; None is an empty one."""
    import pandas as pd

    lines = _lines(path, roots, limits) if path else pd.Series([], dtype="str")
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
    notes, counts, is_whole = _oddities(path, lines, alerts)
    counted = {path: counts} if path else {}
    return Listed(alerts[alerts["night"].notna()], notes, is_whole, counted)


def _lines(path: str, roots: list[str] | None, limits: Limits) -> Series[Any]:
    import pandas as pd

    with opened(path, roots, limits, values=log_values) as text:
        lines = pd.Series(text.read().splitlines(), dtype="str")
    if lines.empty:
        # gsutil writes nothing if it fails; this is not an empty bucket
        raise SourceError(f"{path}: is empty; did the listing fail? Its alerts stay as last read")
    return lines


def _oddities(
    path: str | None, lines: Series[Any], alerts: DataFrame
) -> tuple[list[str], Counts, bool]:
    """Return notes, the number of lines, and if all objects are understood."""
    notes = []
    odd = lines[alerts["night"].isna() & ~lines.str.contains(NO_ALERT)]
    counts = Counts(len(odd) + int(alerts["night"].notna().sum()))
    if len(odd):
        where = at((odd.index + 1).tolist())
        first = odd.iloc[0].strip()[:MAX_SHOWN]
        counts.leave_out(f"line {odd.index[0] + 1}", f"no alert's file ({first})", len(odd))
        notes.append(f"{path} {where}: no alert's file ({first}); left out")
    is_whole = bool(alerts.loc[odd.index, "address"].notna().all())
    totals = [TOTAL.match(line) for line in lines.iloc[-3:]]
    n_total = next((int(found[1]) for found in totals if found), None)
    n_listed = int(alerts["address"].notna().sum())
    if alerts["size"].notna().any() or n_total is not None:
        is_whole = is_whole and n_total == n_listed
        if n_total is None:
            words = f"no TOTAL line at its end; was it cut? {n_listed:,} objects counted"
            notes.append(f"{path}: {words}")
        elif n_total != n_listed:
            words = f"its TOTAL is {n_total:,} objects, but {n_listed:,} are listed"
            notes.append(f"{path}: {words}")
    return notes, counts, is_whole


def _bytes(alerts: DataFrame) -> Series[float]:
    """Return sizes in bytes; those of `ls -lh` are rounded."""
    import pandas as pd

    unit = alerts["unit"].fillna("").str.upper().str.slice(0, 1).replace("B", "")
    return (pd.to_numeric(alerts["size"]) * unit.map(UNITS).astype("float64")).round()


def _files(alerts: DataFrame) -> DataFrame:
    """Return alerts as files, with columns `columns.FILES`."""
    import pandas as pd

    kafka_at = pd.to_datetime(pd.to_numeric(alerts["kafka_ms"]), unit="ms", utc=True)
    written = alerts["stored_at"]
    stored_at = pd.to_datetime(written, format="ISO8601", utc=True, errors="coerce")
    old_form = pd.to_datetime(written, format=OLD_TIME, utc=True, errors="coerce")
    files = {
        "file_id": alerts["path"],
        "name": names.last_parts(alerts["path"]),
        "path": alerts["address"],
        "kind": "avro",
        "size_bytes": frames.whole_numbers(_bytes(alerts)),
        "created_at": exposed_at(alerts["candid"]).fillna(kafka_at),
        "transferred_at": stored_at.fillna(old_form),
        "exposure": alerts["candid"].str.slice(0, -9),
    }
    made = frames.frame(columns.FILES, pd.DataFrame(files, index=alerts.index))
    return (
        made.sort_values("file_id", kind="stable")
        .drop_duplicates("file_id", keep="last")
        .reset_index(drop=True)
    )
