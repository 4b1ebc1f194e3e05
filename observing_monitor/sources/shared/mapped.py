"""Settings that map another system's columns to ours."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns
from observing_monitor.model.nights import zone_named
from observing_monitor.model.setting import setting
from observing_monitor.sources.base import Telling
from observing_monitor.sources.shared import completeness
from observing_monitor.sources.shared.meanings import MISSING

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Tables
    from observing_monitor.readers.textfiles import Rows


FEEDS = {
    "files": columns.FILES,
    "ingests": columns.ATTEMPTS,
    "metrics": columns.METRICS,
    "exposures": columns.EXPOSURES,
    "remarks": columns.REMARKS,
}
# the column that gives a row's night, if no column has the night itself
OWN_INSTANT = {
    "files": "created_at",
    "ingests": "attempted_at",
    "metrics": "sampled_at",
    "exposures": "started_at",
    "remarks": "begin_at",
}
# our columns that name an exposure; the first that the settings map counts
EXPOSURE_NAMES = ("exposure", "obsid", "seq_num")
_FILE_NAMES = {"file_id", "path", "name", "names"}
_OF_FILES = (_FILE_NAMES, "names the files", "set columns.path or columns.name")
# table -> columns of which it needs one, what they do, and the remedy
_REQUIRED: dict[str, tuple[set[str], str, str]] = {
    "files": _OF_FILES,
    "ingests": _OF_FILES,
    "metrics": (set(), "", ""),
    "exposures": (
        set(EXPOSURE_NAMES),
        "names the exposures",
        "set columns.exposure, columns.obsid or columns.seq_num",
    ),
    "remarks": ({"text"}, "tells what was said", "set columns.text"),
}


@dataclass(kw_only=True)
class Mapped(completeness.CountSettings):
    """Settings that say what another system's columns mean."""

    feeds: Literal["files", "ingests", "metrics", "exposures", "remarks"] = setting(
        "metrics",
        "Table that the rows fill: `files`, `ingests`, `metrics`, `exposures` or `remarks`.",
    )
    columns: dict[str, str] = setting(
        {}, "Our column = its column.", example={"sampled_at": "time"}
    )
    constants: dict[str, str] = setting(
        {}, "Our column = its value in every row.", example={"stage": "export"}
    )
    values: dict[str, str] = setting(
        {},
        "Metric = its column, if the table has a column per metric.",
        example={"seeing": "fwhm"},
    )
    units: dict[str, str] = setting({}, "Metric = its unit.", example={"seeing": "arcsec"})
    night_column: str = setting(
        "",
        "Column with a row's night. By default, the row's instant gives the night.",
        example="night",
    )
    night_format: str = setting(
        "date",
        "How nights are written: `date`, `nid` (days since 2017-01-01), `mjd`, or a pattern of "
        "strptime.",
        example="%d/%m/%Y",
    )
    time_format: str = setting(
        "iso",
        "How instants are written: `iso`, `unix`, `unix_ms`, `unix_us`, `unix_ns`, `mjd`, `jd`, "
        "or a pattern of strptime.",
        example="unix",
    )
    zone: str = setting(
        "UTC", "Time zone of instants that have none, or `TAI`.", example="Pacific/Honolulu"
    )
    missing: list[float | str] = setting([], MISSING, example=[-99, "unknown"])
    statuses: dict[str, str] = setting(
        {},
        "Its word for how an attempt ended = ours: success, failure, ignored, waiting …",
        example={"OK": "success"},
    )
    stages: list[str] = setting(["ingest"], "Stages of its attempts, in order.")
    types: dict[str, str] = setting(
        {},
        "Its word for the type of an exposure = ours: bias, dark, flat, arc, science, "
        "acquisition, focus, test or other.",
        example={"skyflat": "flat"},
    )
    measures: dict[str, str] = setting(
        {},
        "Metric = its column, for numbers of each exposure.",
        example={"seeing": "FWHM"},
    )
    levels: dict[str, str] = setting(
        {},
        "Its word or number for the level of a remark = ours: info, warning or urgent.",
        example={"hot": "urgent"},
    )
    flags: dict[str, str] = setting(
        {},
        "Its word for the quality of exposures = ours: none, questionable or junk.",
        example={"trash": "junk"},
    )
    time_lost_types: dict[str, str] = setting(
        {},
        "Its word for why time was lost = ours: weather, fault or other.",
        example={"rain": "weather"},
    )
    time_lost_unit: Literal["s", "min", "h"] = setting(
        "s", "Unit of the time lost: `s`, `min` or `h`.", example="h"
    )
    headlines: list[str] = setting(
        [],
        "Metrics to show in the table of nights.",
        example=["seeing"],
        affects_reading=False,
    )


class MappedSource(Telling):
    """The base class of the sources `sql` and `table`."""

    histories = ("*",)
    of_others = ("*",)

    @staticmethod
    def tells_of_files(settings: Mapped) -> bool:
        """Return True if the rows are files or attempts."""
        return settings.feeds in ("files", "ingests")

    @staticmethod
    def stages_of(settings: Mapped) -> tuple[str, ...]:
        """Return the stages, if the rows are attempts."""
        return tuple(settings.stages) if settings.feeds == "ingests" else ()

    @staticmethod
    def headlines(settings: Mapped) -> tuple[str, ...]:
        """Return the headlines in the settings."""
        return tuple(settings.headlines)

    @staticmethod
    def check(night: datetime.date, tables: Tables, settings: Mapped) -> list[Finding]:
        """Return findings on the counts in the settings."""
        return completeness.check(tables, settings)


def check_settings(settings: Mapped, kind: Literal["table", "sql"], picks_night: bool) -> None:
    """Check that a mapping is complete and known.

    Parameters
    ----------
    settings : Mapped
        The mapping.
    kind : str
        The source's type, for messages.
    picks_night : bool
        True if the path or the query selects a night, so that no column need tell it.

    Raises
    ------
    UsageError
        If something is missing or unknown.
    """
    completeness.check_aggregates(settings)
    feeds = settings.feeds
    known = [c.name for c in FEEDS[feeds] if c.name != "source"]
    for name in (*settings.columns, *settings.constants):
        if name not in known:
            words = f"our table of {feeds} has no column {name!r}"
            raise UsageError(f"{words}; {_nearest(name, known)}")
    for word in settings.statuses.values():
        if word not in columns.STATUSES:
            raise UsageError(f"{word!r} is no status; {_nearest(word, columns.STATUSES)}")
    _check_words("types", settings.types, columns.OBSERVATION_TYPES, "type of exposures")
    _check_words("levels", settings.levels, columns.LEVELS_OF_REMARKS, "level of remarks")
    _check_words("flags", settings.flags, columns.FLAGS, "flag of exposures")
    lost = columns.TIME_LOST_TYPES
    _check_words("time_lost_types", settings.time_lost_types, lost, "reason of lost time")
    _check_required(settings, {*settings.columns, *settings.constants})
    own = OWN_INSTANT[feeds]
    if not picks_night and not settings.night_column and own not in settings.columns:
        how = "{night} in path" if kind == "table" else ":night in query"
        remedy = f"set night_column, columns.{own}, or {how}"
        raise UsageError(f"nothing tells the night of a row; {remedy}")
    if settings.zone != "TAI":
        zone_named("zone", settings.zone)


def _check_words(setting: str, words: dict[str, str], known: Iterable[str], meaning: str) -> None:
    for word in words.values():
        if word not in known:
            raise UsageError(f"{setting}: {word!r} is no {meaning}; {_nearest(word, known)}")


def _check_required(settings: Mapped, has: set[str]) -> None:
    feeds = settings.feeds
    if feeds in ("exposures", "remarks") and settings.values:
        remedy = "set feeds to it, or leave values out"
        if feeds == "exposures":
            remedy = "numbers of exposures belong into measures"
        raise UsageError(f"values is for metrics; {remedy}")
    if feeds != "exposures" and settings.measures:
        raise UsageError('measures needs feeds = "exposures"; for other metrics, set values')
    wanted, what, remedy = _REQUIRED[feeds]
    if wanted and not has & wanted:
        raise UsageError(f"nothing {what}; {remedy}")
    if feeds == "metrics" and not settings.values and not {"name", "value"} <= has:
        remedy = "set values to metric = column, or columns.name and columns.value"
        raise UsageError(f"nothing tells the metrics; {remedy}")
    if feeds == "ingests" and "status" not in has:
        remedy = "set columns.status, or constants.status"
        raise UsageError(f"nothing tells how an attempt ended; {remedy}")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(map(repr, known))}"


def wanted(settings: Mapped) -> list[str]:
    """Return the other system's columns in the settings."""
    night = [settings.night_column] if settings.night_column else []
    theirs = (settings.columns, settings.values, settings.measures)
    return list(dict.fromkeys([*night, *(name for ours in theirs for name in ours.values())]))


def require(rows: Rows, names_wanted: list[str]) -> None:
    """Raise SourceError if rows lack one of these columns."""
    for name in names_wanted if rows.rows or rows.columns else []:
        if name not in rows.columns:
            is_numbered = rows.columns == [str(n + 1) for n in range(len(rows.columns))]
            remedy = (
                f'its rows are lists: name a column by its number, "1" to "{len(rows.columns)}"'
                if is_numbered
                else _nearest(name, rows.columns)
            )
            raise SourceError(f"{rows.place}: has no column {name!r}; {remedy}")
