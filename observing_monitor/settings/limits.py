"""Checks of a stream's own settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from observing_monitor.errors import UsageError
from observing_monitor.model.nights import NightRule, zone_named
from observing_monitor.model.position import Position
from observing_monitor.processes.timelimit import MAX_LIMIT_S
from observing_monitor.readers.bounded import Limits
from observing_monitor.settings.records import PreviewSettings
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from observing_monitor.settings.records import StreamSettings
    from observing_monitor.settings.toml import Section


# a longer limit, or NaN, is a typing error
CENTURY_S = 100 * 365.25 * 86_400
# names in output_dir that the site itself needs
RESERVED = (
    layout.ASSETS,
    layout.FEED,
    layout.STORE,
    layout.GLOSSARY_PAGE,
    layout.HEARTBEAT_JS,
    layout.INDEX_PAGE,
    layout.TEXTFILE,
    layout.STATUS_JSON,
)
LEAST_BYTES = 1000  # of a limit: less would leave out ordinary lines
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


def check_name(section: Section, name: str, folder: str) -> None:
    """Raise UsageError if a name cannot name a folder."""
    if not _NAME.fullmatch(name) or folder in RESERVED:
        words = f"use letters, digits, - and _, and none of {', '.join(RESERVED)}"
        raise section.error(f"the stream's name {name!r} can't be a folder's name; {words}")


def check_limits(section: Section, described: StreamSettings) -> None:
    """Raise UsageError if a limit, age or folder is impossible."""
    check_time_limit(section, described.time_limit_s)
    for key in (
        "pending_limit_s",
        "stale_after_s",
        "delay_warning_s",
        "quiet_warning_s",
        "quiet_error_s",
        "gap_min_s",
        "readout_s",
    ):
        value = getattr(described, key)
        if value is not None and not 0 <= value <= CENTURY_S:
            raise section.error(f"{key}: {value:g} is no limit; write seconds, 0 or more")
    if described.twilight_deg not in (12, 18):
        raise section.error(f"twilight_deg: {described.twilight_deg:g} is neither 12 nor 18")
    if described.quiet_error_s and described.quiet_error_s < (described.quiet_warning_s or 0):
        raise section.error("quiet_error_s is less than quiet_warning_s; an error comes later")
    folder = described.prototype_urls
    if isinstance(folder, str):
        is_name = folder == "." or bool(_NAME.fullmatch(folder))
        if folder in RESERVED or not is_name:
            words = 'write true, or the folder\'s name, or "."'
            raise section.error(f"prototype_urls: {folder!r} is no folder in output_dir; {words}")
    for key in ("keep_pages_days", "keep_tables_days", "keep_previews_days"):
        days = getattr(described, key)
        if days is not None and days < 1:
            words = "write 1 or more, or leave it out to keep all"
            raise section.error(f"{key}: {days} is no number of nights; {words}")


def read_limits(section: Section, described: StreamSettings) -> Limits:
    """Return the limits of what a stream's sources read."""
    for key in ("max_line_bytes", "max_record_bytes", "max_unpacked_bytes"):
        n_bytes = getattr(described, key)
        if n_bytes < LEAST_BYTES:
            words = f"write bytes, {LEAST_BYTES:,} or more"
            raise section.error(f"{key}: {n_bytes:,} is no limit; {words}")
    return Limits(
        described.max_line_bytes, described.max_record_bytes, described.max_unpacked_bytes
    )


def check_time_limit(section: Section, seconds: float) -> None:
    """Raise UsageError if a source's time limit is impossible."""
    if not 0 < seconds <= MAX_LIMIT_S:
        words = f"write seconds, more than 0 and {MAX_LIMIT_S:g} at most"
        raise section.error(f"time_limit_s: {seconds:g} is no limit; {words}")


def read_night_rule(section: Section, text: str) -> NightRule:
    """Return the night rule that a text stands for."""
    try:
        return NightRule.parse(text)
    except UsageError as error:
        raise section.error(str(error)) from error


def read_previews(section: Section, value: bool | dict[str, Any]) -> PreviewSettings | None:
    """Return the settings of previews; None without any."""
    if value is False:
        return None
    section = section.within("previews:")
    previews = section.read({} if value is True else value, PreviewSettings)
    for key, least, most in (("size", 32, 1024), ("most", 1, 1000), ("seconds", 1, 3600)):
        number = getattr(previews, key)
        if not least <= number <= most:
            raise section.error(f"{key}: {number} is not between {least} and {most}")
    return previews


def read_position(section: Section, described: StreamSettings) -> Position | None:
    """Return the observatory's position; None if the settings have none."""
    latitude, longitude = described.latitude_deg, described.longitude_deg
    limits = {"latitude_deg": (latitude, 90), "longitude_deg": (longitude, 360)}
    missing = [key for key, (value, _) in limits.items() if value is None]
    if len(missing) == 1:
        words = "a position is latitude_deg and longitude_deg, or neither"
        raise section.error(f"{missing[0]} is missing; {words}")
    for key, (value, limit) in limits.items():
        if value is not None and not -limit <= value <= limit:
            words = f"write degrees, −{limit} to {limit}"
            raise section.error(f"{key}: {value:g} is not on the Earth; {words}")
    return None if latitude is None or longitude is None else Position(latitude, longitude)


def read_timezone(section: Section, name: str) -> str:
    """Return the name of a time zone, or ""."""
    return zone_named(f"{section.where} timezone:", name).key if name else ""
