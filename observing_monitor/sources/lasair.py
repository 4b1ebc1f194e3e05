"""What Lasair's own programs count: alerts in and out of each stage, and the seconds that each node spent on each step.

Two forms: files `status_<nid>.json` in a folder, flat and with an `update_time`, as Lasair's document "manage_status" has
them; and the table `lasair_statistics` (nid, name, value) of today's code. Both keep the latest value only: what is read
becomes a history, sample by sample. `nid` counts nights from 2017-01-01, by the UTC date: the stream's night_rule is UTC.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.metrics.values import LAST_NID, OWN_KEYS, as_written
from observing_monitor.model import columns, frames
from observing_monitor.model.finding import Finding
from observing_monitor.model.names import in_number_order
from observing_monitor.model.nights import UTC, nid_of, night_of_nid, zone_named
from observing_monitor.model.reading import Reading
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.sql import Database
from observing_monitor.readers.textfiles import parse_json
from observing_monitor.sources.base import Telling

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any
    from zoneinfo import ZoneInfo

    from pandas import DataFrame

    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.sources.base import Asked


COUNTS = {
    "today_lsst": "Alerts that the survey says it issued this night (polled from it; older name today_ztf)",
    "today_alert": "Alerts that the ingest stage received",
    "today_ingest": "Alerts that the ingest stage finished",
    "diaObject": "Alerts received that belong to an object outside the Solar System",
    "nSSObject": "Solar System objects received",
    "nSSSource": "Detections of Solar System objects received",
    "diaSource": "Detections received (older name today_diaSource)",
    "diaSourceDB": "Detections stored in Cassandra",
    "diaForcedSource": "Forced detections received",
    "diaForcedSourceDB": "Forced detections stored in Cassandra",
    "today_candidate": "New detections (older systems)",
    "today_filter": "Alerts that the filter stage received",
    "today_filter_out": "Alerts that the filter stage sent on to the main database",
    "today_filter_ss": "Alerts of Solar System objects in the filter stage (older systems)",
    "today_database": "Objects of the main database that were updated since midnight",
    "total_count": "Objects in the database, of all nights",
    "countTNS": "Records in the copy of the Transient Name Server's list",
    "countAnnotations": "Annotations, of all nights",
    "alerts_produced": "Alerts sent to the topic (shown as node)",
    "alerts_rejected": "Alerts not sent to the topic (shown as node), for it was over its limit",
    "bytes_produced": "Bytes sent to the topic (shown as node)",
    "bytes_rejected": "Bytes not sent to the topic (shown as node), for it was over its limit",
}
TIMERS = {
    "icutout": "Ingest: time spent this night on storing cutout images, by node",
    "icassandra": "Ingest: time spent this night on storing alerts in Cassandra, by node",
    "ifuture": "Ingest: time spent this night on waiting for Cassandra to confirm, by node",
    "ikconsume": "Ingest: time spent this night on taking alerts from Kafka, by node",
    "ikproduce": "Ingest: time spent this night on handing alerts to Kafka, by node (older name ikafka)",
    "itotal": "Ingest: all time spent this night, by node",
    "ffeatures": "Filter: time spent this night on computing features, by node",
    "fwatchlist": "Filter: time spent this night on watchlists, by node",
    "fwatchmap": "Filter: time spent this night on watchmaps, by node",
    "fmmagw": "Filter: time spent this night on multi-messenger (gravitational wave) matches, by node",
    "ffilters": "Filter: time spent this night on the users' filters, by node",
    "ftransfer": "Filter: time spent this night on the transfer to the main database, by node",
    "ftotal": "Filter: all time spent this night, by node",
}
TOTALS = {
    "Ingest: time of each node": "itotal",
    "Filter: time of each node": "ftotal",
}  # a chart each
DELAY = {"min_delay": "Time since the most recent alert"}
ALIASES = {
    "today_ztf": "today_lsst",
    "today_diaSource": "diaSource",
    "ikafka": "ikproduce",
}  # older name -> today's
NOT_AVAILABLE = (-1.0, 1e9)  # what the programs write when they don't know

# A stage's count and the count that it should reach, with the words for those that are lacking.
STAGES = (
    ("today_alert", "today_lsst", "issued alerts were not ingested"),
    ("today_filter", "today_alert", "ingested alerts were not filtered"),
    ("diaSourceDB", "diaSource", "received detections were not stored"),
    ("diaForcedSourceDB", "diaForcedSource", "received forced detections were not stored"),
)

_FILE = re.compile(r"status_(0|[1-9]\d{0,4})\.json")
# A timer's node is whatever follows the last - in its host's name: a number, or Z, or a word.
_TIMER = re.compile(rf"({'|'.join(TIMERS)}|ikafka)_(.+)")
_NODE = re.compile(r"(.+)_(\d{1,3}|Z)")
_TOPIC = re.compile(r"(.+)_((?:bytes|alerts)_(?:produced|rejected))")


class Lasair(Telling):
    """Lasair's status files or its table of statistics: metrics, and no files."""

    @dataclass
    class Settings:
        path: Path | None = None  # the folder with status_<nid>.json; this, or url
        url: str = ""  # the database with the table: mysql://user@host/lasair
        table: str = "lasair_statistics"  # its name
        password_env: str = ""  # the environment variable that holds the database's password
        timeout_s: float = 30  # how long the database may take to answer
        zone: str = "UTC"  # the zone of the files' update_time
        count_tolerance: float = 0.0  # a stage may lack this part of the stage before it, such as 0.01, without a warning
        node_ratio: float = (
            3.0  # a node is out of line when it took so many times the median of the other nodes
        )
        node_min_s: float = 10.0  # … and more than so many seconds

    meanings = COUNTS | DELAY | TIMERS
    stacks = {
        title: tuple(
            name for name in TIMERS if name[0] == title[0].lower() and not name.endswith("total")
        )
        for title in TOTALS
    }
    totals = TOTALS
    histories = ("today_alert", "today_filter", "min_delay")

    @staticmethod
    def tells_of_files(settings: Lasair.Settings) -> bool:
        return False

    @staticmethod
    def stages_of(settings: Lasair.Settings) -> tuple[str, ...]:
        return ()

    @staticmethod
    def place_of(settings: Lasair.Settings) -> str:
        return str(settings.path) if settings.path else Database(settings.url).place

    @staticmethod
    def headlines(settings: Lasair.Settings) -> tuple[str, ...]:
        return ("today_lsst", "today_alert", "today_filter", "today_filter_out", "min_delay")

    @staticmethod
    def check(night: datetime.date, tables: Tables, settings: Lasair.Settings) -> list[Finding]:
        """Whether counts agree between stages, how many passed the filters, and which node is out of line."""
        latest = tables.metrics.sort_values("sampled_at", kind="stable").drop_duplicates(
            ["name", "node"], keep="last"
        )
        whole = (
            latest[latest["node"].isna()]
            .drop_duplicates("name", keep="last")
            .set_index("name")["value"]
        )
        return [
            *check_counts(whole.dropna().to_dict(), settings.count_tolerance),
            *check_nodes(
                latest[latest["name"].isin(TIMERS)], settings.node_ratio, settings.node_min_s
            ),
            *tell_unavailable(
                whole[whole.isna()].index.intersection(list(COUNTS | DELAY), sort=False)
            ),
        ]

    def __init__(self, settings: Lasair.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "lasair"
        if bool(settings.path) == bool(settings.url):
            raise UsageError(
                "a source of type lasair reads a folder or a table: set path, or url, and not both"
            )
        self.zone = zone_named("zone", settings.zone)
        self._kept: _Files | _Rows = (
            _Files(settings.path, self.zone) if settings.path else _Rows(settings, asked)
        )

    def nights(self) -> set[datetime.date]:
        return {night_of_nid(nid) for nid in self._kept.nids()}

    def look(self, night: datetime.date, known: Known) -> Known:
        """A file's numbers (size, time, inode), or a digest of the table's rows; None where there is nothing."""
        seen = self._kept.look(nid_of(night))
        if known and not seen:
            raise SourceError(
                f"{self._kept.place_of(nid_of(night))} is no longer there; its numbers stay as last seen"
            )
        return seen

    def read(self, night: datetime.date) -> Reading:
        """The night's numbers at the time when they were true, as one sample more."""
        raw, sampled_at, notes = self._kept.read(nid_of(night))
        metrics, odd = metrics_of(raw, sampled_at)
        place, rule = self._kept.place_of(nid_of(night)), self.asked.rule
        if (
            raw and rule.offset_s < 0
        ):  # by which a nid is looked at only hours after it began; UTC+4h looks at it before
            odd.append(
                f"its nid is a UTC date, but the stream's nights are those of {rule.text}; set night_rule to UTC"
            )
        return Reading(
            metrics=metrics, notes=[*notes, *(f"{place}: {words}" for words in odd)], append=True
        )


class _Files:
    """The folder of status files."""

    def __init__(self, folder: Path, zone: ZoneInfo) -> None:
        self.folder = folder
        self.zone = zone

    def place_of(self, nid: int) -> str:
        return f"{self.folder}/status_{nid}.json"

    def nids(self) -> set[int]:
        try:
            names = os.listdir(self.folder)
        except OSError as error:
            raise self._fault(self.folder, error) from error
        return {int(found[1]) for name in names if (found := _FILE.fullmatch(name))}

    def look(self, nid: int) -> Known:
        stat = self._stat(nid)
        return stat and {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "inode": stat.st_ino}

    def _stat(self, nid: int) -> os.stat_result | None:
        """The file's stat, None where there is none. Lasair's older writer renames the file to .lock while it works on it."""
        path = self.place_of(nid)
        lock = path.removesuffix(".json") + ".lock"
        try:
            for _ in range(20):
                try:
                    return os.stat(path)
                except FileNotFoundError:
                    if not os.path.exists(lock):
                        break
                    time.sleep(0.05)
            else:
                raise SourceError(
                    f"{path}: is {lock} now: a writer is at work, or died at it; if so, rename it back"
                )
            os.stat(self.folder)
            return None
        except OSError as error:
            raise self._fault(self.folder, error) from error

    def read(self, nid: int) -> tuple[dict[str, Any], datetime.datetime | None, list[str]]:
        stat = self._stat(nid)
        if stat is None:
            return {}, None, []
        path = self.place_of(nid)
        try:
            with open_plain(path, [self.folder]) as file:
                raw = parse_json(file.read())
        except OSError as error:
            raise self._fault(path, error) from error
        except (ValueError, RecursionError) as error:
            raise SourceError(
                f"{path}: is not whole JSON ({error}); its writer was cut off, or is at work: the next run tries again"
            ) from error
        if not isinstance(raw, dict):
            raise SourceError(
                f"{path}: is JSON, but not of names and numbers; look at what writes it"
            )
        sampled_at, notes = self._update_time(path, raw, stat)
        said = raw.get("nid", nid)
        if said != nid:
            notes.append(f"{path}: says that it is of night {said!r}")
        return {key: value for key, value in raw.items() if key not in OWN_KEYS}, sampled_at, notes

    def _update_time(
        self, path: str, raw: dict[str, Any], stat: os.stat_result
    ) -> tuple[datetime.datetime, list[str]]:
        """When the numbers were true: update_time, or else the file's own time; and what was odd about it."""
        said = raw.get("update_time")
        own = datetime.datetime.fromtimestamp(stat.st_mtime, UTC)
        if said is None:
            return own, []
        try:
            instant = datetime.datetime.fromisoformat(said)
            return (
                instant.replace(tzinfo=self.zone) if instant.tzinfo is None else instant
            ).astimezone(UTC), []
        except (TypeError, ValueError, OverflowError):
            return own, [f"{path}: update_time {said!r} is no time; the file's own is taken"]

    @staticmethod
    def _fault(path: str | Path | None, error: OSError) -> SourceError:
        return SourceError(
            f"{path}: {(error.strerror or str(error)).lower()}; path is the folder with status_<nid>.json"
        )


class _Rows:
    """The table of statistics."""

    def __init__(self, settings: Lasair.Settings, asked: Asked) -> None:
        self.database = Database(settings.url, settings.password_env, settings.timeout_s).check()
        self.table = settings.table
        self.now = asked.now
        self._seen: dict[
            int, list[Any]
        ] = {}  # nid -> the rows of the last look, so that what is read is what was looked at

    def place_of(self, nid: int) -> str:
        return f"{self.database.place}: night {nid} of {self.table}"

    def nids(self) -> set[int]:
        told = [
            nid
            for (nid,) in self._ask("SELECT DISTINCT nid FROM {table}", {})
            if isinstance(nid, int | float)
        ]
        return {int(nid) for nid in told if 0 <= nid <= LAST_NID}

    def look(self, nid: int) -> Known:
        # + 0E0: MySQL shows a FLOAT with six digits only, a sum with all that it has
        rows = self._ask(
            "SELECT name, value + 0E0 FROM {table} WHERE nid = :nid ORDER BY name", {"nid": nid}
        )
        self._seen[nid] = [
            (str(name), None if value is None else as_written(float(value))) for name, value in rows
        ]
        digest = hashlib.blake2b(
            repr(self._seen[nid]).encode("utf-8", "backslashreplace"), digest_size=12
        )
        return {"digest": digest.hexdigest()} if rows else None

    def read(self, nid: int) -> tuple[dict[str, Any], datetime.datetime | None, list[str]]:
        if nid not in self._seen:
            self.look(nid)
        raw, notes = {}, []
        for name, value in self._seen[nid]:
            if name in OWN_KEYS:
                if name == "nid" and value != nid:
                    notes.append(f"{self.place_of(nid)}: says that it is of night {value}")
            else:
                raw[name] = value
        return raw, self.now, notes

    def _ask(self, query: str, given: dict[str, int]) -> list[Any]:
        import sqlalchemy

        with self.database.connect() as connection:
            quoted = ".".join(
                connection.dialect.identifier_preparer.quote(part) for part in self.table.split(".")
            )
            return list(
                connection.execute(sqlalchemy.text(query.replace("{table}", quoted)), given)
            )


# --- from raw keys to metrics ------------------------------------------------------------------------------------------


def split_key(key: str) -> tuple[str, str | None]:
    """The metric's name of today and its node (None for all together): icassandra_0 is icassandra of node 0."""
    found = _TIMER.fullmatch(key)
    if found:
        return ALIASES.get(found[1], found[1]), found[2]
    found = _TOPIC.fullmatch(key)
    if found:
        return found[2], found[1]
    if key in ALIASES or key in COUNTS or key in DELAY or key in TIMERS:
        return ALIASES.get(key, key), None
    found = _NODE.fullmatch(key)
    return (ALIASES.get(found[1], found[1]), found[2]) if found else (key, None)


def number_of(raw: float | str) -> tuple[float, str]:
    """A raw value as a number, NaN where it is not available or none; and the words in place of it, "" for a number."""
    if isinstance(raw, str):
        text = raw.strip()
        if not re.fullmatch(
            r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)|",
            text,
            re.IGNORECASE | re.ASCII,
        ):
            return math.nan, raw[:500]
        value = float(text or "nan")
    elif raw is None or (isinstance(raw, (int, float)) and not isinstance(raw, bool)):
        try:
            value = math.nan if raw is None else float(raw)
        except OverflowError:
            value = math.inf
    else:
        return math.nan, json.dumps(raw, ensure_ascii=False)[:500]
    if math.isfinite(value) and value not in NOT_AVAILABLE:
        return value, ""
    return math.nan, f"not available ({'null' if raw is None else str(raw)[:40] or 'empty'})"


def unit_of(name: str) -> str | None:
    """Seconds for timers, hours for min_delay, bytes; counts have none."""
    return (
        "s"
        if name in TIMERS
        else "h"
        if name in DELAY
        else "bytes"
        if name.startswith("bytes_")
        else None
    )


def metrics_of(
    raw: dict[str, Any], sampled_at: datetime.datetime | None
) -> tuple[DataFrame, list[str]]:
    """A night's raw keys and values as a sample of metrics, and sentences on what was odd.

    Returns a DataFrame (`columns.METRICS`): a row a key, in the keys' order. `text` says why a value is not available, and
    how the key was written where it is not `name` or `name_node`. A metric under its older and its today's name at once is
    one row: the one of today, unless only the older has a number.
    """
    chosen: dict[Any, Any] = {}
    odd = []
    for key, value in raw.items():
        name, node = split_key(key)
        number, words = number_of(value)
        if isinstance(value, (dict, list)):
            odd.append(f"{key} is {type(value).__name__}, not a number")
        plain = name if node is None else f"{name}_{node}"
        row = (
            number,
            "; ".join(filter(None, [words, "" if key == plain else f"written as {key}"])) or None,
            key == plain,
        )
        before = chosen.get((name, node))
        if before and before[0] == before[0] and number == number and before[0] != number:
            odd.append(
                f"{plain} has two values, {before[0]:.10g} and {number:.10g}, under its older and its newer name"
            )
        if before is None or (number == number, row[2]) > (before[0] == before[0], before[2]):
            chosen[name, node] = row
    return frames.frame(
        columns.METRICS,
        {
            "name": [name for name, _ in chosen],
            "node": [node for _, node in chosen],
            "sampled_at": [sampled_at] * len(chosen),
            "value": [number for number, _, _ in chosen.values()],
            "text": [words for _, words, _ in chosen.values()],
            "unit": [unit_of(name) for name, _ in chosen],
        },
    ), odd


# --- checks ------------------------------------------------------------------------------------------------------------


def check_counts(values: Mapping[Any, float], tolerance: float = 0.0) -> Iterator[Finding]:
    """Each stage's count against the stage before it, and the share that the filters let pass; from a dict of numbers."""
    agreed = []
    for later, earlier, words in STAGES:
        if later not in values or earlier not in values:
            continue
        has, due = values[later], values[earlier]
        if has == due:
            agreed.append(f"{later} and {earlier} {due:,.0f}")
        elif has < due:
            lacking = f"{due - has:,.0f} of {due:,.0f} {words} ({_percent((due - has) / due)}): {later} {has:,.0f}, {earlier} {due:,.0f}"
            yield Finding(
                "warning" if due - has > tolerance * due else "normal", lacking, "#metrics"
            )
        else:
            times = f", ×{has / due:,.2f}" if due else ""
            text = f"{later} {has:,.0f} is more than {earlier} {due:,.0f}{times}: something was counted twice"
            yield Finding("warning" if has - due > tolerance * due else "normal", text, "#metrics")
    if agreed:
        yield Finding("normal", f"counts agree: {'; '.join(agreed)}", "#metrics")
    out, of = values.get("today_filter_out"), values.get("today_filter")
    if out is not None and of:
        yield Finding(
            "normal",
            f"the filters sent on {_percent(out / of)} of the alerts: today_filter_out {out:,.0f} of today_filter {of:,.0f}",
            "#metrics",
        )


def check_nodes(timers: DataFrame, ratio: float, min_s: float) -> Iterator[Finding]:
    """The nodes whose timers are out of line with the other nodes': `timers` has name, node, value; a finding a node.

    A node is slow when it took more than `ratio` times the median of the others; idle, of three or more nodes, when every
    other took more than `ratio` times as long. Less than `min_s` seconds are nobody's fault.
    """
    import statistics

    found: dict[str, list[str]] = {}
    times = timers[timers["node"].notna()].dropna(subset="value")
    for name, group in times.groupby("name", sort=True):
        seconds = dict(zip(group["node"], group["value"], strict=True))
        for node, took in seconds.items():
            others = [value for other, value in seconds.items() if other != node]
            if not others:
                continue
            median = statistics.median(others)
            is_slow = took > max(ratio * median, min_s)
            is_idle = len(others) > 1 and median > min_s and min(others) > ratio * took
            if is_slow or is_idle:
                times_words = (
                    f"{took / median:,.3g} times the median of the other nodes ({median:,.3g} s)"
                    if median
                    else "the other nodes none"
                )
                found.setdefault(node, []).append(f"{name} {took:,.4g} s, {times_words}")
    for node in sorted(found, key=in_number_order):
        yield Finding(
            "warning",
            f"node {node} is out of line: {'; '.join(found[node])}",
            "#metrics",
            node=node,
        )


def tell_unavailable(names: Collection[Any]) -> Iterator[Finding]:
    """Which of the counts were asked for and not to be had."""
    if len(names):
        yield Finding("normal", f"not available: {', '.join(names)}", "#metrics")


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"
