"""The data recorders of OVRO-LWA: their monitor points, sampled from etcd or read from a dump of it.

A point is the key `/mon/<id>/<name>` with a JSON value {"timestamp": unix seconds, "value": …, "unit": ""}; several numbers
are a list with a list `field`, an image is URL-safe base64 with "mime" (mnc's MonitorPoint). The ids are a manager (`drvs`) and its bands
(`drvs1` … `drvs16`). etcd keeps the latest value alone: every run samples it, and so a history is made. A row's instant is
the point's own, so that a value which was not written again is not told twice.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import fnmatch
import json
import math
import re
import statistics
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames
from observing_monitor.model.nights import EPOCH, iso_utc
from observing_monitor.model.reading import Reading
from observing_monitor.readers.etcd import Etcd, pairs_of
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.textfiles import parse_json
from observing_monitor.sources.base import Telling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TypeGuard

    from pandas import DataFrame

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.sources.base import Asked


# name, node, when, value, text, unit
Point = tuple[str, str | None, datetime.datetime, float, str | None, str]

TICKS_PER_S = 196e6  # of latest_time_tag, since 1970 (the station's clock)
MAX_TEXT = 2000
LEVEL_OF = {
    "normal": "normal",
    "warning": "warning",
    "booting": "warning",
    "shutdown": "warning",
    "error": "error",
}
STATES = (
    "normal",
    "warning",
    "error",
    "silent",
)  # what a band is counted as; they add up to the number of bands
UNITS = {  # where the point itself names none
    "bifrost/pipeline_lag": "s",
    "bifrost/max_acquire": "s",
    "bifrost/max_process": "s",
    "bifrost/max_reserve": "s",
    "bifrost/rx_rate": "B/s",
    "bifrost/rx_missing": "fraction",
    "storage/active_disk_size": "B",
    "storage/active_disk_free": "B",
    "storage/active_directory_size": "B",
    "latest_frequency": "Hz",
}


class LwaRecorders(Telling):
    """The monitor points of groups of recorders, and what their bands say of themselves."""

    meanings = {
        "bands_normal": "Bands that say they are normal",
        "bands_warning": "Bands that warn, are booting or were shut down",
        "bands_error": "Bands in error",
        "bands_silent": "Bands that have not updated in time, or were never heard of",
        "summary": "What the recorder says of itself: normal, warning, error, booting or shutdown",
        "info": "Why",
        "op-type": "What it is doing: idle, waiting or recording",
        "op-tag": "The file that is being recorded",
        "version": "The recorder's program",
        "bifrost/pipeline_lag": "How far the pipeline is behind the data",
        "bifrost/max_acquire": "The longest wait for data",
        "bifrost/max_process": "The longest time to process a block of data",
        "bifrost/max_reserve": "The longest wait for room",
        "bifrost/rx_rate": "Data received",
        "bifrost/rx_missing": "Part of the packets that never came",
        "bifrost/error_count": "Errors of the pipeline",
        "storage/active_disk_size": "Size of the disk that is recorded to",
        "storage/active_disk_free": "Free on that disk",
        "storage/active_directory": "The directory that is recorded to",
        "storage/active_directory_size": "Size of that directory",
        "storage/active_directory_count": "Files in that directory",
        "system/load_average/one_minute": "Load of the machine over 1 minute",
        "system/load_average/five_minute": "Load of the machine over 5 minutes",
        "system/load_average/fifteen_minute": "Load of the machine over 15 minutes",
        "statistics/min": "Lowest power of an antenna; the median over the antennas",
        "statistics/avg": "Average power of an antenna; the median over the antennas",
        "statistics/max": "Highest power of an antenna; the median over the antennas",
        "latest_frequency": "Frequency of the latest data",
        "latest_time_tag": "When the latest data were taken",
    }
    histories = (
        "bands_error",
        "bands_silent",
        "bifrost/rx_rate",
        "bifrost/rx_missing",
        "bifrost/pipeline_lag",
        "storage/active_disk_free",
        "system/load_average/five_minute",
    )

    @dataclass
    class Settings:
        url: str = ""  # etcd's gateway, such as http://etcdv3service:2379 …
        dump: Path | None = None  # … or a JSON file of keys and values, sampled when it was written
        recorders: list[str] = field(
            default_factory=lambda: ["drvs1-16", "drvf1-16"]
        )  # a manager's id and its bands' numbers
        points: list[str] = field(
            default_factory=lambda: ["*"]
        )  # patterns of the points to keep, beside summary and info
        silent_after_s: float = 120  # a band whose summary is older is an error
        dump_late_after_s: float = 3600  # a dump that was not written for longer is an error
        user: str = ""  # where etcd asks for one
        password_env: str = ""  # the environment variable that holds the user's password
        timeout_s: float = 10  # etcd must answer within
        max_image_bytes: int = 300_000  # a larger image is left out

    @staticmethod
    def tells_of_files(settings: LwaRecorders.Settings) -> bool:
        return False

    @staticmethod
    def stages_of(settings: LwaRecorders.Settings) -> tuple[str, ...]:
        return ()

    @staticmethod
    def place_of(settings: LwaRecorders.Settings) -> str:
        return str(settings.dump) if settings.dump else _etcd(settings).place

    @staticmethod
    def headlines(settings: LwaRecorders.Settings) -> tuple[str, ...]:
        return ("bands_error", "bands_silent", "bands_warning")

    def __init__(self, settings: LwaRecorders.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "lwa"
        if bool(settings.url) == bool(settings.dump):
            raise UsageError("an lwa source reads etcd or a dump of it; set either url or dump")
        self.groups = bands_of(settings.recorders)
        self.etcd = None if settings.dump else _etcd(settings)
        self.place = self.place_of(settings)  # a wrong address is told before any work

    def nights(self) -> set[datetime.date]:
        return {self.asked.rule.night_of(self._sampled_at())}

    def look(self, night: datetime.date, known: Known) -> Known:
        """When the sample is of; other nights than the sample's are as they are known, and cost nothing."""
        tonight = self.asked.rule.night_of(self.asked.now)
        if self.settings.dump:
            return self._look_at_dump(self.settings.dump, night, known, tonight)
        if night != tonight:
            return known
        etcd = self._opened()
        for group in self.groups:
            etcd.count(*_range_of(group))  # is it there?
        return {"sampled_at": iso_utc(self.asked.now)}

    def read(self, night: datetime.date) -> Reading:
        """The sample, where it is of this night; nothing, and so what is known, of any other night."""
        sampled_at = self._sampled_at()
        if night != self.asked.rule.night_of(sampled_at):
            return Reading()
        notes: list[str] = []
        pairs = self._read_dump(self.settings.dump) if self.settings.dump else self._read_etcd()
        points = self._points(pairs, sampled_at, notes)
        rows = [*points, *self._counts(points, sampled_at)]
        return Reading(metrics=_table(rows), notes=notes, append=True)

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: LwaRecorders.Settings
    ) -> list[Finding]:
        """The bands of each group as its manager would sum them up, worst first."""
        return [
            finding
            for group, bands in bands_of(settings.recorders).items()
            for finding in _check_group(group, bands, tables.metrics, settings)
        ]

    # --- where the points come from --------------------------------------------------------------------------------

    def _sampled_at(self) -> datetime.datetime:
        """When the sample was taken: now, or when the dump was written."""
        if not self.settings.dump:
            return self.asked.now
        return EPOCH + datetime.timedelta(microseconds=_state_of(self.settings.dump)[1] // 1000)

    def _look_at_dump(
        self, dump: Path, night: datetime.date, known: Known, tonight: datetime.date
    ) -> Known:
        state, written_at = _state_of(dump), self._sampled_at()
        is_new = night == self.asked.rule.night_of(written_at) and known != state
        late_s = (self.asked.now - written_at).total_seconds()
        if night == tonight and not is_new and late_s > self.settings.dump_late_after_s:
            raise SourceError(
                f"{dump}: not written since {iso_utc(written_at)[:16]}Z; is what writes it still running?"
            )
        return state if is_new else known

    def _read_dump(self, dump: Path) -> dict[str, bytes]:
        """The dump as values (bytes) by key: keys and values as they are, or the gateway's own answer."""
        try:
            with open_plain(dump) as file:
                told = parse_json(file.read())
        except OSError as error:
            raise SourceError(
                f"{dump}: {(error.strerror or str(error)).lower()}; the dump of the monitor points should be readable"
            ) from error
        except (ValueError, RecursionError) as error:
            raise SourceError(
                f"{dump}: is no JSON ({str(error)[:100]}); write it beside and rename it, so that it is never seen half"
            ) from None
        if not isinstance(told, dict):
            raise SourceError(f"{dump}: holds no keys; it should be an object of keys and values")
        if isinstance(told.get("kvs"), list):
            return pairs_of(told, str(dump))
        return {
            key: (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace")
            for key, value in told.items()
        }

    def _opened(self) -> Etcd:
        if self.etcd is None:
            raise ValueError("this source reads a dump")
        return self.etcd

    def _read_etcd(self) -> dict[str, bytes]:
        pairs: dict[str, bytes] = {}
        for group in self.groups:
            pairs |= self._opened().read(*_range_of(group))
        return pairs

    # --- what they say ---------------------------------------------------------------------------------------------

    def _points(
        self, pairs: dict[str, bytes], sampled_at: datetime.datetime, notes: list[str]
    ) -> list[Point]:
        """Rows (name, node, at, value, text, unit) of all points that are of our recorders and make sense."""
        rows: list[Point] = []
        unknown: set[str] = set()
        for key, data in sorted(pairs.items()):
            node, name = _node_and_name(key)
            group = re.sub(r"\d*$", "", node)
            if group not in self.groups:
                continue
            if node != group and node not in self.groups[group]:
                unknown.add(node)
            elif name in ("summary", "info") or any(
                fnmatch.fnmatchcase(name, pattern) for pattern in self.settings.points
            ):
                try:
                    rows.extend(self._rows_of(node, name, data, sampled_at, notes))
                except ValueError as error:
                    notes.append(f"{self.place} {key}: {str(error)[:200]}; left out")
        if unknown:
            notes.append(
                f"{self.place}: tells of {', '.join(sorted(unknown, key=_number_of)[:20])}, which recorders does not name; left out"
            )
        return rows

    def _rows_of(
        self, node: str, name: str, data: bytes, sampled_at: datetime.datetime, notes: list[str]
    ) -> list[Point]:
        """The rows of one point; ValueError where it makes no sense."""
        try:
            point = parse_json(data)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is no JSON ({str(error)[:100]})") from None
        if not isinstance(point, dict) or "value" not in point:
            raise ValueError("has no value")
        at = _instant(point.get("timestamp"))
        ahead_s = (at - sampled_at).total_seconds()
        if ahead_s > self.settings.silent_after_s and name == "summary":
            notes.append(
                f"{self.place} {node}: its clock is {ahead_s:,.0f} s ahead; its points count as read now"
            )
        at = min(at, sampled_at)
        value, fields = point["value"], point.get("field")
        unit = point.get("unit") or UNITS.get(name, "")
        if str(point.get("mime", "")).startswith("image/"):
            return (
                [
                    (
                        name,
                        node,
                        at,
                        math.nan,
                        png_uri(value, self.settings.max_image_bytes),
                        "image/png",
                    )
                ]
                if value is not None
                else []
            )
        if isinstance(value, list) and isinstance(fields, list):
            if len(fields) != len(value):
                raise ValueError(f"has {len(value)} values for {len(fields)} fields")
            units = unit if isinstance(unit, list) else [unit] * len(value)
            units += [""] * (len(value) - len(units))
            return [
                (f"{name}/{n}", node, at, *_number_or_text(v), str(u or ""))
                for n, v, u in zip(fields, value, units, strict=False)
            ]
        if name == "latest_time_tag" and _is_number(value):
            return [(name, node, at, math.nan, iso_utc(_instant(value / TICKS_PER_S)), "")]
        if isinstance(value, list):
            numbers = [number for number in value if _is_number(number)]
            value = statistics.median(numbers) if numbers else None
        return [(name, node, at, *_number_or_text(value), unit if isinstance(unit, str) else "")]

    def _counts(self, points: list[Point], sampled_at: datetime.datetime) -> list[Point]:
        """How many bands are in which state, of each group and of all: a sample each."""
        summaries: dict[str | None, tuple[datetime.datetime | None, str | None]] = {
            node: (at, text) for name, node, at, _, text, _ in points if name == "summary"
        }
        rows: list[Point] = []
        total = dict.fromkeys(STATES, 0)
        for group, bands in self.groups.items():
            told = [summaries.get(band, (None, None)) for band in bands]
            states = [
                _state(at, text, sampled_at, self.settings.silent_after_s)[0] for at, text in told
            ]
            for state in STATES:
                total[state] += states.count(state)
                rows.append(
                    (f"bands_{state}", group, sampled_at, float(states.count(state)), None, "")
                )
        return rows + [
            (f"bands_{state}", None, sampled_at, float(n), None, "") for state, n in total.items()
        ]


def _state_of(dump: Path) -> list[int]:
    """A dump's size and time of writing."""
    try:
        state = dump.stat()
    except OSError as error:
        raise SourceError(
            f"{dump}: {(error.strerror or str(error)).lower()}; the dump of the monitor points should be there"
        ) from error
    return [state.st_size, state.st_mtime_ns]


# --- the roll-up -----------------------------------------------------------------------------------------------------------


def bands_of(recorders: list[str]) -> dict[str, list[str]]:
    """The bands of each group, in order: `["drvs1-16"]` gives {"drvs": ["drvs1", …, "drvs16"]}; UsageError for another form."""
    groups: dict[str, list[str]] = {}
    for text in recorders:
        found = re.fullmatch(r"([A-Za-z]+)(\d{1,3})(?:-(\d{1,3}))?", text)
        if not found or int(found[2]) > int(found[3] or found[2]):
            raise UsageError(
                f"recorders: {text!r} names no recorders; write a manager's id and its bands' numbers, such as drvs1-16"
            )
        numbers = range(int(found[2]), int(found[3] or found[2]) + 1)
        groups.setdefault(found[1], []).extend(f"{found[1]}{number}" for number in numbers)
    return {group: list(dict.fromkeys(bands)) for group, bands in groups.items()}


def _state(
    at: datetime.datetime | None,
    word: str | None,
    read_at: datetime.datetime,
    silent_after_s: float,
) -> tuple[str, str]:
    """What a band counts as (one of STATES), and the word to show, at the time `read_at`."""
    if at is None or word == "timeout" or (read_at - at).total_seconds() > silent_after_s:
        return "silent", "silent"
    return LEVEL_OF.get(word or "", "error"), word if isinstance(
        word, str
    ) and word else "of unknown state"


def _check_group(
    group: str, bands: list[str], metrics: DataFrame, settings: LwaRecorders.Settings
) -> list[Finding]:
    """The findings of one group, from its latest sample in the night."""
    from observing_monitor.model.finding import Finding

    reads = metrics[(metrics["name"] == "bands_silent") & (metrics["node"] == group)]
    if reads.empty:
        return []
    read_at = reads["sampled_at"].max()
    own = metrics[
        metrics["name"].isin(["summary", "info"]) & metrics["node"].isin([group, *bands])
    ].drop_duplicates(["name", "node"], keep="last")
    # each row as a named tuple: what its cells hold is the columns' to know
    said: dict[tuple[str, str], Any] = dict(
        zip(zip(own["name"], own["node"], strict=True), own.itertuples(), strict=True)
    )
    infos = {
        node: row.text
        for (name, node), row in said.items()
        if name == "info" and isinstance(row.text, str)
    }
    of_state: dict[tuple[str, str], list[str]] = {}
    for band in bands:
        summary = said.get(("summary", band))
        state, word = _state(
            summary and summary.sampled_at,
            summary and summary.text,
            read_at,
            settings.silent_after_s,
        )
        of_state.setdefault((state, word), []).append(band)
    found = []
    silent = of_state.pop(("silent", "silent"), [])
    if silent:
        have = "sub-band has" if len(silent) == 1 else "sub-bands have"
        found.append(
            Finding(
                "error",
                f"{len(silent)} {have} not updated in {settings.silent_after_s:g} s: {', '.join(silent)}",
                "#metrics",
            )
        )
    for (level, word), some in sorted(
        of_state.items(), key=lambda item: (-STATES.index(item[0][0]), item[0][1])
    ):
        if level != "normal":
            words = "; ".join(f"{band}={infos[band]}" if infos.get(band) else band for band in some)
            found.append(
                Finding(
                    level,
                    f"{len(some)} sub-band{'' if len(some) == 1 else 's'} {word}: {words}",
                    "#metrics",
                )
            )
    if not found:
        found.append(
            Finding("normal", f"all {len(bands)} sub-bands of {group} are normal", "#metrics")
        )
    found += _told_of_earlier(metrics, of_state.get(("normal", "normal"), []))
    manager = said.get(("summary", group))
    if (
        manager is not None
        and (read_at - manager.sampled_at).total_seconds() > settings.silent_after_s
    ):
        found.append(
            Finding(
                "warning",
                f"the manager {group} has not updated in {settings.silent_after_s:g} s",
                "#metrics",
            )
        )
    return found


def _told_of_earlier(metrics: DataFrame, bands: list[str]) -> Iterator[Finding]:
    """What bands that are normal now were earlier in the night: told, and no fault any more."""
    from observing_monitor.model.finding import Finding

    summaries = metrics[
        (metrics["name"] == "summary") & metrics["node"].isin(bands) & metrics["text"].notna()
    ]
    odd = summaries[summaries["text"] != "normal"]
    words = []
    for name, rows in odd.groupby("node"):
        band = str(name)
        worst = max(rows["text"], key=lambda word: STATES.index(LEVEL_OF.get(word, "error")))
        words.append(
            (
                _number_of(band),
                f"{band} {worst} {rows['sampled_at'].min():%H:%M}–{rows['sampled_at'].max():%H:%M} UTC",
            )
        )
    if words:
        have = "sub-band was" if len(words) == 1 else "sub-bands were"
        yield Finding(
            "normal",
            f"earlier in the night {len(words)} {have} not normal: {', '.join(text for _, text in sorted(words))}",
            "#metrics",
        )


# --- one point -------------------------------------------------------------------------------------------------------------


def png_uri(text: str, max_bytes: int) -> str:
    """A base64 PNG (URL-safe or not) as a data URI; ValueError where it is none, is cut short, or larger than `max_bytes`."""
    if not isinstance(text, str):
        raise ValueError("its image is no text")
    if len(text) > max_bytes * 1.4 + 4:
        raise ValueError(f"its image is larger than {max_bytes:,} bytes (max_image_bytes)")
    try:
        plain = text.translate(str.maketrans("-_", "+/", "\r\n ")).rstrip("=")
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its image is not base64") from None
    if len(data) > max_bytes:
        raise ValueError(
            f"its image has {len(data):,} bytes, more than {max_bytes:,} (max_image_bytes)"
        )
    if not _is_whole_png(data):
        raise ValueError("its image is no PNG, or not a whole one")
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _is_whole_png(data: bytes) -> bool:
    """Whether bytes are a PNG from its signature to its IEND, each chunk as its checksum says (the PNG specification, 5)."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        return False
    at = 8
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(
            data[end - 4 : end], "big"
        ):
            return False
        if kind == b"IEND":
            return end == len(data)
        at = end
    return False


def _is_number(value: object) -> TypeGuard[float]:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    )  # neither NaN nor infinite


def _number_or_text(value: object) -> tuple[float, str | None]:
    """A value as a metric's value and text; null, NaN and the infinite are neither."""
    if isinstance(value, bool):
        return float(value), None
    if _is_number(value):
        return float(value), None
    if value is None or isinstance(value, int | float):
        return math.nan, None
    if isinstance(value, str):
        return math.nan, value[:MAX_TEXT]
    raise ValueError("its value is neither a number nor text")


def _instant(seconds: object) -> datetime.datetime:
    """A unix time as an instant; ValueError where it is none."""
    if not _is_number(seconds) or seconds <= 0:
        raise ValueError("has no timestamp")
    try:
        return EPOCH + datetime.timedelta(seconds=float(seconds))
    except OverflowError:
        raise ValueError("has no timestamp that is in the calendar") from None


def _node_and_name(key: str) -> tuple[str, str]:
    """The recorder's id and the point's name in a key; "" for a key that is no monitor point's."""
    parts = key.split("/", 3)
    return (parts[2], parts[3]) if len(parts) == 4 and parts[:2] == ["", "mon"] else ("", "")


def _number_of(node: str) -> tuple[int, str]:
    return int(re.sub(r"\D", "", node)[:18] or 0), node


def _range_of(group: str) -> tuple[str, str]:
    """The keys of a manager and of all its bands: "/" and the digits follow each other, then comes ":"."""
    return f"/mon/{group}/", f"/mon/{group}:"


def _etcd(settings: LwaRecorders.Settings) -> Etcd:
    return Etcd(settings.url, settings.user, settings.password_env, settings.timeout_s)


def _table(rows: Iterable[Point]) -> DataFrame:
    import pandas as pd

    names = ["name", "node", "sampled_at", "value", "text", "unit"]
    table = pd.DataFrame(rows, columns=names)
    table["sampled_at"] = pd.to_datetime(table["sampled_at"], utc=True)
    return frames.frame(columns.METRICS, table)
