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
}
# the column that gives a row's night, if no column has the night itself
OWN_INSTANT = {
    "files": "created_at",
    "ingests": "attempted_at",
    "metrics": "sampled_at",
    "exposures": "started_at",
}
# our columns that name an exposure; the first that the settings map counts
EXPOSURE_NAMES = ("exposure", "obsid", "seq_num")


@dataclass(kw_only=True)
class Mapped(completeness.CountSettings):
    """Settings that say what another system's columns mean."""

    feeds: Literal["files", "ingests", "metrics", "exposures"] = setting(
        "metrics", "Table that the rows fill: `files`, `ingests`, `metrics` or `exposures`."
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
        return completeness.check(tables.metrics, settings)


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
    for word in settings.types.values():
        if word not in columns.OBSERVATION_TYPES:
            near = _nearest(word, columns.OBSERVATION_TYPES)
            raise UsageError(f"types: {word!r} is no type of exposures; {near}")
    _check_required(settings, {*settings.columns, *settings.constants})
    own = OWN_INSTANT[feeds]
    if not picks_night and not settings.night_column and own not in settings.columns:
        how = "{night} in path" if kind == "table" else ":night in query"
        remedy = f"set night_column, columns.{own}, or {how}"
        raise UsageError(f"nothing tells the night of a row; {remedy}")
    if settings.zone != "TAI":
        zone_named("zone", settings.zone)


def _check_required(settings: Mapped, has: set[str]) -> None:
    feeds = settings.feeds
    if feeds == "metrics" and not settings.values and not {"name", "value"} <= has:
        remedy = "set values to metric = column, or columns.name and columns.value"
        raise UsageError(f"nothing tells the metrics; {remedy}")
    if feeds == "exposures":
        if settings.values:
            raise UsageError("values is for metrics; numbers of exposures belong into measures")
        if not has & set(EXPOSURE_NAMES):
            remedy = "set columns.exposure, columns.obsid or columns.seq_num"
            raise UsageError(f"nothing names the exposures; {remedy}")
        return
    if settings.measures:
        raise UsageError('measures needs feeds = "exposures"; for other metrics, set values')
    if feeds != "metrics" and not has & {"file_id", "path", "name", "names"}:
        raise UsageError("nothing names the files; set columns.path or columns.name")
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
