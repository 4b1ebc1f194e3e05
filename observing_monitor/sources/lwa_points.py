"""The recorders' monitor points as rows of metrics.

A point has a number or a text. Several numbers are a list with a list `field` of their names. An
image is URL-safe base64 with "mime" (mnc's MonitorPoint).
"""

from __future__ import annotations

import base64
import binascii
import datetime
import fnmatch
import math
import re
import statistics
import zlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

from observing_monitor.model.nights import EPOCH, iso_utc
from observing_monitor.model.reading import Counts
from observing_monitor.readers.textfiles import parse_json

if TYPE_CHECKING:
    from typing import TypeGuard


# steps per second of latest_time_tag, which counts from 1970 (the station's clock)
TICKS_PER_S = 196e6
MAX_TEXT = 2000
# units of points that name none themselves
UNITS = {
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


class MetricRow(NamedTuple):
    """A row of `columns.METRICS`."""

    name: str
    node: str | None
    sampled_at: datetime.datetime
    value: float  # NaN if there is none
    text: str | None
    unit: str


class PointSettings(Protocol):
    """The settings that a `PointReader` needs."""

    points: list[str]
    silent_after_s: float
    max_image_bytes: int


class PointReader:
    """Turns monitor points into rows, and notes those that make no sense.

    Parameters
    ----------
    place : str
        Where the points come from, for notes.
    groups : dict of str to list of str
        The bands of each manager.
    settings : PointSettings
    sampled_at : datetime
        When the points were read; later instants are set back to this.
    """

    def __init__(
        self,
        place: str,
        groups: dict[str, list[str]],
        settings: PointSettings,
        sampled_at: datetime.datetime,
    ) -> None:
        self.place = place
        self.groups = groups
        self.settings = settings
        self.sampled_at = sampled_at
        self.notes: list[str] = []
        self.counts = Counts()

    def rows(self, values: dict[str, bytes]) -> list[MetricRow]:
        """Return the rows of our recorders; fill `notes` and `counts`."""
        rows: list[MetricRow] = []
        unknown: set[str] = set()
        for key, data in sorted(values.items()):
            node, name = node_and_name(key)
            group = re.sub(r"\d*$", "", node)
            if group not in self.groups:
                continue
            if node != group and node not in self.groups[group]:
                unknown.add(node)
                self.counts.n_read += 1
                self.counts.leave_out(key, f"recorders does not name {node}")
            elif self._is_wanted(name):
                self.counts.n_read += 1
                try:
                    rows.extend(self._rows_of_point(node, name, data))
                except ValueError as error:
                    self.counts.leave_out(key, str(error)[:200])
                    self.notes.append(f"{self.place} {key}: {str(error)[:200]}; left out")
        if unknown:
            nodes = ", ".join(sorted(unknown, key=number_of)[:20])
            self.notes.append(
                f"{self.place}: has points of {nodes}, which recorders does not name; left out"
            )
        return rows

    def _is_wanted(self, name: str) -> bool:
        return name in ("summary", "info") or any(
            fnmatch.fnmatchcase(name, pattern) for pattern in self.settings.points
        )

    def _rows_of_point(self, node: str, name: str, data: bytes) -> list[MetricRow]:
        """Return the rows of one point; ValueError if it makes no sense."""
        try:
            point = parse_json(data)
        except (ValueError, RecursionError):
            raise ValueError("is no JSON") from None
        if not isinstance(point, dict) or "value" not in point:
            raise ValueError("has no value")
        at = self._instant_of(node, name, point.get("timestamp"))
        value, fields = point["value"], point.get("field")
        unit = point.get("unit") or UNITS.get(name, "")
        if str(point.get("mime", "")).startswith("image/"):
            if value is None:
                return []
            uri = png_uri(value, self.settings.max_image_bytes)
            return [MetricRow(name, node, at, math.nan, uri, "image/png")]
        if isinstance(value, list) and isinstance(fields, list):
            units = _units_of_fields(unit, len(value), len(fields))
            return [
                MetricRow(f"{name}/{field}", node, at, *_number_or_text(number), str(own or ""))
                for field, number, own in zip(fields, value, units, strict=False)
            ]
        if name == "latest_time_tag" and _is_number(value):
            instant = iso_utc(_instant(value / TICKS_PER_S))
            return [MetricRow(name, node, at, math.nan, instant, "")]
        if isinstance(value, list):
            numbers = [number for number in value if _is_number(number)]
            value = statistics.median(numbers) if numbers else None
        own_unit = unit if isinstance(unit, str) else ""
        return [MetricRow(name, node, at, *_number_or_text(value), own_unit)]

    def _instant_of(self, node: str, name: str, timestamp: object) -> datetime.datetime:
        """Return a point's instant, now at the latest; note a clock that is ahead."""
        at = _instant(timestamp)
        ahead_s = (at - self.sampled_at).total_seconds()
        if ahead_s > self.settings.silent_after_s and name == "summary":
            self.notes.append(
                f"{self.place} {node}: its clock is {ahead_s:,.0f} s ahead; "
                "its points count as read now"
            )
        return min(at, self.sampled_at)


def number_of(node: str) -> tuple[int, str]:
    """Return a sort key by which drvs2 comes before drvs10."""
    return int(re.sub(r"\D", "", node)[:18] or 0), node


def png_uri(text: str, max_bytes: int) -> str:
    """Return a base64 PNG, URL-safe or not, as a data URI.

    Raises
    ------
    ValueError
        If it is no PNG, is incomplete, or has more than `max_bytes` bytes.
    """
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
    """Return True for a PNG with all chunks and right checksums.

    The PNG specification, section 5, describes the chunks.
    """
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        return False
    at = 8
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        checksum = int.from_bytes(data[end - 4 : end], "big")
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != checksum:
            return False
        if kind == b"IEND":
            return end == len(data)
        at = end
    return False


def _units_of_fields(unit: object, n_values: int, n_fields: int) -> list[object]:
    """Return a unit per value, "" for those that have none."""
    if n_fields != n_values:
        raise ValueError(f"has {n_values} values for {n_fields} fields")
    units = list(unit) if isinstance(unit, list) else [unit] * n_values
    return units + [""] * (n_values - len(units))


def _is_number(value: object) -> TypeGuard[float]:
    """Return True for a number that is neither NaN nor infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _number_or_text(value: object) -> tuple[float, str | None]:
    """Return a value as a metric's value and text.

    Null and infinite numbers are neither.
    """
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
    """Return a unix time as an instant; ValueError if it is none."""
    if not _is_number(seconds) or seconds <= 0:
        raise ValueError("has no timestamp")
    try:
        return EPOCH + datetime.timedelta(seconds=float(seconds))
    except OverflowError:
        raise ValueError("has no timestamp that is in the calendar") from None


def node_and_name(key: str) -> tuple[str, str]:
    """Return a key's recorder and point; "" and "" if it is no monitor point."""
    parts = key.split("/", 3)
    return (parts[2], parts[3]) if len(parts) == 4 and parts[:2] == ["", "mon"] else ("", "")
