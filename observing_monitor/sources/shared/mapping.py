"""From another system's columns to ours: what the sources `sql` and `table` have in common."""

from __future__ import annotations

import datetime
import difflib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.nights import TAI_MINUS_UTC_S, zone_named
from observing_monitor.model.reading import Reading
from observing_monitor.readers.textfiles import at, read_night
from observing_monitor.sources.base import Telling
from observing_monitor.sources.shared import completeness

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    import pandas as pd
    from pandas import DataFrame, Series

    from observing_monitor.model.columns import Column
    from observing_monitor.model.finding import Finding
    from observing_monitor.model.nights import NightRule
    from observing_monitor.model.reading import Tables
    from observing_monitor.readers.textfiles import Rows


FEEDS = {"files": columns.FILES, "ingests": columns.ATTEMPTS, "metrics": columns.METRICS}
OWN_INSTANT = {
    "files": "created_at",
    "ingests": "attempted_at",
    "metrics": "sampled_at",
}  # tells a row's night
NUMERIC_TIMES = {
    "unix": 1.0,
    "unix_ms": 1e-3,
    "unix_us": 1e-6,
    "unix_ns": 1e-9,
    "mjd": 86400.0,
    "jd": 86400.0,
}  # unit in s
MJD_OF_1970 = 40587.0
JD_OF_1970 = 2440587.5
NOT_AVAILABLE = (
    "",
    "nan",
    "none",
    "null",
    "n/a",
    "na",
    "-",
    "--",
)  # what stands in a cell that has no number
INT64_END = 2**63


@dataclass(kw_only=True)
class Mapped(completeness.CountSettings):
    """The settings that say what another system's columns mean."""

    feeds: Literal["files", "ingests", "metrics"] = "metrics"  # which of our tables the rows are of
    columns: dict[str, str] = field(default_factory=dict)  # our column = "its column"
    constants: dict[str, str] = field(
        default_factory=dict
    )  # our column = "what it is in every row"
    values: dict[str, str] = field(
        default_factory=dict
    )  # metric = "its column", of a table with a column a metric
    units: dict[str, str] = field(default_factory=dict)  # metric = "its unit"
    night_column: str = (
        ""  # the column that tells a row's night; without one, the row's own instant does
    )
    night_format: str = (
        "date"  # how nights are written: date, nid, mjd, or a pattern of strptime such as %d/%m/%Y
    )
    time_format: str = "iso"  # how instants are written: iso, unix, unix_ms, unix_us, unix_ns, mjd, jd, or a pattern of strptime
    zone: str = "UTC"  # the zone of instants that don't say theirs: UTC, TAI, Pacific/Honolulu …
    statuses: dict[str, str] = field(
        default_factory=dict
    )  # its word = "ours": success, failure, ignored, waiting …
    stages: list[str] = field(
        default_factory=lambda: ["ingest"]
    )  # the stages that its attempts are of, in order
    headlines: list[str] = field(default_factory=list)  # metrics that stand in the table of nights


class MappedSource(Telling):
    """What the generic sources say of themselves."""

    histories = ("*",)
    of_others = ("*",)  # as for `broker_counts`

    @staticmethod
    def tells_of_files(settings: Mapped) -> bool:
        return settings.feeds != "metrics"

    @staticmethod
    def stages_of(settings: Mapped) -> tuple[str, ...]:
        return tuple(settings.stages) if settings.feeds == "ingests" else ()

    @staticmethod
    def headlines(settings: Mapped) -> tuple[str, ...]:
        return tuple(settings.headlines)

    @staticmethod
    def check(night: datetime.date, tables: Tables, settings: Mapped) -> list[Finding]:
        return completeness.check(tables.metrics, settings)


def check_settings(settings: Mapped, kind: Literal["table", "sql"], picks_night: bool) -> None:
    """UsageError where a mapping can't be: a column or a status that we don't have, a zone that is none.

    `picks_night` says that the path, or the query, names a night, so that no column need tell it.
    """
    known = [c.name for c in FEEDS[settings.feeds] if c.name != "source"]
    for name in (*settings.columns, *settings.constants):
        if name not in known:
            raise UsageError(
                f"our table of {settings.feeds} has no column {name!r}; {_nearest(name, known)}"
            )
    for word in settings.statuses.values():
        if word not in columns.STATUSES:
            raise UsageError(f"{word!r} is no status; {_nearest(word, columns.STATUSES)}")
    has = {*settings.columns, *settings.constants}
    if settings.feeds == "metrics" and not settings.values and not {"name", "value"} <= has:
        raise UsageError(
            "nothing tells the metrics; set values to metric = column, or columns.name and columns.value"
        )
    if settings.feeds != "metrics" and not has & {"file_id", "path", "name", "names"}:
        raise UsageError("nothing names the files; set columns.path or columns.name")
    if settings.feeds == "ingests" and "status" not in has:
        raise UsageError(
            "nothing tells how an attempt ended; set columns.status, or constants.status"
        )
    if (
        not picks_night
        and not settings.night_column
        and OWN_INSTANT[settings.feeds] not in settings.columns
    ):
        how = "{night} in path" if kind == "table" else ":night in query"
        raise UsageError(
            f"nothing tells the night of a row; set night_column, columns.{OWN_INSTANT[settings.feeds]}, or {how}"
        )
    if settings.zone != "TAI":
        zone_named("zone", settings.zone)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(map(repr, known))}"


def wanted(settings: Mapped) -> list[str]:
    """The columns of others that the settings name."""
    return list(
        dict.fromkeys(
            [
                *filter(None, [settings.night_column]),
                *settings.columns.values(),
                *settings.values.values(),
            ]
        )
    )


def require(rows: Rows, names_wanted: list[str]) -> None:
    """SourceError where `Rows` lack one of these columns."""
    for name in names_wanted if rows.rows or rows.columns else []:
        if name not in rows.columns:
            raise SourceError(
                f"{rows.place}: has no column {name!r}; {_nearest(name, rows.columns)}"
            )


# --- nights ----------------------------------------------------------------------------------------------------------


def by_night(
    rows: Rows, settings: Mapped, rule: NightRule, night: datetime.date | None = None
) -> dict[datetime.date, Rows]:
    """`Rows` apart by night: a mapping of dates to Rows, in which notes stand once, with the last night.

    Parameters
    ----------
    rows : Rows
    settings : Mapped
    rule : NightRule
        Tells the night of an instant, where no column does.
    night : date, optional
        The night that the file's name, or the query, picked these rows for.

    That something tells a row's night, and the columns are there, was made sure of before (`check_settings`, `require`).
    """
    if not rows.rows:
        return apart(rows, [], "", night)
    if settings.night_column:
        return apart(rows, _nights_told(rows, settings), f" in {settings.night_column!r}", night)
    if night is not None:
        return {night: rows}
    return apart(rows, _nights_of_instants(rows, settings, rule), "")


def apart(
    rows: Rows,
    nights: Sequence[datetime.date | None],
    where: str,
    night: datetime.date | None = None,
) -> dict[datetime.date, Rows]:
    """`Rows` apart by the night of each, as `by_night` gives them; None is a row whose night can't be told.

    `where` says in which column that would stand; rows of another night than `night`, if it is given, are left out.
    """
    found: dict[datetime.date, list[int]] = {}
    lost: list[int] = []  # of which no night can be told
    for index, own in enumerate(nights):
        (lost if own is None else found.setdefault(own, [])).append(index)
    notes = list(rows.notes)
    if lost:
        first = ",".join("" if cell is None else str(cell) for cell in rows.rows[lost[0]])[:80]
        notes.append(
            f"{rows.place} {at([rows.numbers[index] for index in lost], rows.word)}: no night{where} ({first}); left out"
        )
    others = [rows.numbers[index] for own, kept in found.items() if own != night for index in kept]
    if night is not None and others:
        notes.append(
            f"{rows.place} {at(sorted(others), rows.word)}: of another night than {night}; left out"
        )
        found = {own: kept for own, kept in found.items() if own == night}
    made = {
        own: replace(
            rows,
            rows=[rows.rows[i] for i in kept],
            numbers=[rows.numbers[i] for i in kept],
            notes=[],
        )
        for own, kept in found.items()
    }
    last = max(made, default=night)
    if last is not None:
        made.setdefault(last, replace(rows, rows=[], numbers=[])).notes = notes
    return made


def _nights_told(rows: Rows, settings: Mapped) -> list[datetime.date | None]:
    place = rows.columns.index(settings.night_column)
    texts = [row[place] for row in rows.rows]
    known = {text: read_night(text, settings.night_format) for text in set(texts)}
    return [known[text] for text in texts]


def _nights_of_instants(
    rows: Rows, settings: Mapped, rule: NightRule
) -> list[datetime.date | None]:
    import pandas as pd

    place = rows.columns.index(settings.columns[OWN_INSTANT[settings.feeds]])
    instants = to_instants(
        pd.Series([row[place] for row in rows.rows], dtype="object"),
        settings.time_format,
        settings.zone,
    )
    dates = (instants + pd.Timedelta(seconds=rule.offset_s)).dt.date
    return dates.astype("object").where(dates.notna(), None).tolist()


# --- one night -------------------------------------------------------------------------------------------------------


def to_reading(night_rows: list[Rows], settings: Mapped) -> Reading:
    """The `Reading` of one night from a list of `Rows`, none of them of another night."""
    import pandas as pd

    make, described = {
        "files": (_files, columns.FILES),
        "ingests": (_attempts, columns.ATTEMPTS),
        "metrics": (_metrics, columns.METRICS),
    }[settings.feeds]
    parts, notes = [], []
    for rows in night_rows:
        notes += rows.notes
        if rows.rows:
            parts.append(
                make(_frame(rows), settings, Notes(rows.place, rows.word, rows.numbers, notes))
            )
    made = pd.concat(parts, ignore_index=True) if parts else frames.empty(described)
    reading = Reading(notes=notes)
    setattr(
        reading,
        "attempts" if settings.feeds == "ingests" else settings.feeds,
        frames.frame(described, made),
    )
    return reading


@dataclass
class Notes:
    """Sentences on odd cells, each with its lines."""

    place: str
    word: str
    numbers: list[int]  # of the rows that are looked at
    said: list[str]

    def add(self, is_odd: Series[Any], words: str) -> None:
        """A note where any row is odd; `is_odd` is a boolean Series over the rows."""
        lines = [self.numbers[index] for index in is_odd.index[is_odd]]
        if lines:
            self.said.append(f"{self.place} {at(lines, self.word)}: {words}")


def _frame(rows: Rows) -> DataFrame:
    import pandas as pd

    return pd.DataFrame(rows.rows, columns=rows.columns, dtype="object").loc[
        :, lambda made: ~made.columns.duplicated(keep="last")
    ]


def _mapped(
    table: DataFrame, settings: Mapped, say: Notes, described: Iterable[Column]
) -> DataFrame:
    """The mapped columns, each in its kind, and the constants: a DataFrame by our names."""
    import pandas as pd

    made = {}
    for column in described:
        if column.name in settings.columns:
            made[column.name] = _as_kind(
                table[settings.columns[column.name]], column, settings, say
            )
        elif column.name in settings.constants:
            made[column.name] = _as_kind(
                pd.Series(settings.constants[column.name], index=table.index, dtype="object"),
                column,
                settings,
                say,
            )
    return pd.DataFrame(made, index=table.index)


def _as_kind(values: Series[Any], column: Column, settings: Mapped, say: Notes) -> Series[Any]:
    """A column in the kind that ours has."""
    if column.kind == "instant":
        instants = to_instants(values, settings.time_format, settings.zone)
        say.add(instants.isna() & ~is_blank(values), f"{column.name} is no time that can be read")
        return instants
    if column.kind == "bool":
        return ~to_text(values).fillna("true").str.lower().isin(
            ["", "0", "0.0", "f", "false", "n", "no"]
        )
    if column.kind == "text":
        return to_text(values).where(~is_blank(values))
    made, odd = to_numbers(values)
    if column.name.endswith("_bytes"):  # -1 stands for "not known" in several systems
        made = made.where(~(made < 0))
    if column.kind == "int":
        odd |= made.notna() & (made.abs() >= INT64_END)
    say.add(odd, f"{column.name} is no number that can be kept")
    return made.where(~odd).round().astype("Int64") if column.kind == "int" else made


def _files(table: DataFrame, settings: Mapped, say: Notes) -> DataFrame:
    made = _mapped(table, settings, say, columns.FILES)
    ids = next(made[name] for name in ("file_id", "path", "name") if name in made)
    say.add(ids.isna(), "names no file; left out")
    name = names.last_parts(made.get("name", ids))
    told = {str(column): values for column, values in names.read_names(name.fillna("")).items()}
    first = {"file_id": ids, "path": ids, "kind": name.fillna("").map(names.kind_of), **told}
    made = made.assign(**{key: value for key, value in first.items() if key not in made}, name=name)
    return frames.frame(columns.FILES, made[ids.notna()]).drop_duplicates("file_id", keep="last")


def _attempts(table: DataFrame, settings: Mapped, say: Notes) -> DataFrame:
    made = _mapped(table, settings, say, columns.ATTEMPTS)
    named = made["path"] if "path" in made else made["names"]
    say.add(named.isna(), "names no file; left out")
    made["path"] = named
    made["names"] = made["names"] if "names" in made else names.last_parts(named)
    made["stage"] = (
        made["stage"].fillna(settings.stages[0]) if "stage" in made else settings.stages[0]
    )
    words = {
        **{word: word for word in columns.STATUSES},
        **{theirs.casefold(): ours for theirs, ours in settings.statuses.items()},
    }
    said = made["status"].str.strip().str.casefold()
    status = said.map(words)
    is_strange = status.isna() & said.notna()
    theirs = ", ".join(map(repr, sorted(set(made.loc[is_strange, "status"]))[:5]))
    say.add(is_strange, f"{theirs}: no status of ours; add it to statuses; taken as unknown")
    made["status"] = status.mask(is_strange, "unknown").fillna("untried")
    return frames.frame(columns.ATTEMPTS, made[named.notna()])


def _metrics(table: DataFrame, settings: Mapped, say: Notes) -> DataFrame:
    import pandas as pd

    made = _mapped(
        table, settings, say, [c for c in columns.METRICS if c.name not in ("value", "text")]
    )
    sources = {None: settings.columns["value"]} if not settings.values else settings.values
    parts = []
    for name, theirs in sources.items():
        part = made if name is None else made.assign(name=name)
        counts = part["name"].isin(settings.counts)
        value, text = to_metric(table[theirs], counts, say, "value" if name is None else name)
        parts.append(part.assign(value=value, text=text))
    joined = pd.concat(parts, ignore_index=True)
    if "text" in settings.columns:
        joined["text"] = to_text(
            pd.concat([table[settings.columns["text"]]] * len(parts), ignore_index=True)
        ).fillna(joined["text"])
    unit = joined["name"].map(settings.units).astype("str")
    joined["unit"] = unit.fillna(joined["unit"]) if "unit" in joined else unit
    return frames.frame(columns.METRICS, joined[joined["name"].notna()])


# --- cells -----------------------------------------------------------------------------------------------------------


def is_blank(values: Series[Any]) -> Series[bool]:
    """Whether each cell has nothing in it."""
    return values.isna() | values.map(
        lambda value: isinstance(value, str) and not value.strip()
    ).astype(bool)


def to_text(values: Series[Any]) -> Series[str]:
    """Cells as text; whole numbers without a point, what can't be written as UTF-8 spelled out."""

    def word(value: Any) -> str:
        if isinstance(value, bytes | memoryview):
            return bytes(value).decode("utf-8", "backslashreplace")
        if isinstance(value, float) and value.is_integer():
            return f"{value:.0f}"
        return str(value).encode("utf-8", "backslashreplace").decode()

    return values.astype("object").map(word, na_action="ignore").astype("str")


def to_numbers(values: Series[Any]) -> tuple[Series[float], Series[bool]]:
    """Cells as float64, and which of them are neither numbers nor blank (inf is none): two Series."""

    def number(value: Any) -> float | None:
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
        if isinstance(value, str):
            text = value.strip()
            # 334,996 is how people write it
            value = (
                text.replace(",", "")
                if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text, re.ASCII)
                else text
            )
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            return None

    known = values.astype("object").map(number).astype("float64")
    is_none = values.isna() | values.map(
        lambda value: isinstance(value, str) and value.strip().lower() in NOT_AVAILABLE
    ).astype(bool)
    is_odd = (known.isna() & ~is_none) | known.abs().eq(float("inf"))
    return known.mask(is_odd), is_odd


def to_metric(
    values: Series[Any], is_count: Series[Any], say: Notes, name: str
) -> tuple[Series[float], Series[str]]:
    """Cells as a metric's value and text: a number, "no data" where there is none, other text as it is."""
    import pandas as pd

    value, is_odd = to_numbers(values)
    text = to_text(values)
    is_word = (
        is_odd & values.map(lambda cell: isinstance(cell, str)).astype(bool) & ~_looks_numeric(text)
    )
    too_big = is_odd & ~is_word
    say.add(too_big, f"{name} is beyond any number that can be kept: not available")
    negative = (value < 0) & is_count
    say.add(negative, f"{name} is negative, which no count is: not available")
    say.add(is_word & is_count, f"{name} is no number: not available")
    value = value.mask(negative)
    words = (
        pd.Series("no data", index=values.index)
        .where(value.isna())
        .mask(is_word, text)
        .mask(too_big | negative, "not available")
    )
    return value, words.astype("str")


def _looks_numeric(text: Series[str]) -> Series[bool]:
    return text.fillna("").str.fullmatch(r"\s*[+-]?(?:\d[\d.eE+-]*|inf(?:inity)?)\s*", case=False)


def to_instants(values: Series[Any], form: str, zone: str) -> Series[pd.Timestamp]:
    """Cells as aware UTC instants, NaT where they are none.

    Parameters
    ----------
    values : Series
        Text, numbers, datetimes (aware ones, and text with an offset, say their zone themselves) or dates.
    form, zone : str
        The settings `time_format` and `zone`; TAI is 37 s ahead of UTC.
    """
    import pandas as pd

    if form in NUMERIC_TIMES:
        start = {"mjd": MJD_OF_1970, "jd": JD_OF_1970}.get(form, 0.0)
        seconds = (to_numbers(values)[0] - start) * NUMERIC_TIMES[form]
        told = pd.to_datetime(seconds, unit="s", utc=True, errors="coerce").astype(
            columns.DTYPES["instant"]
        )
        is_aware = pd.Series(False, index=values.index)
    else:
        is_text = values.map(lambda value: isinstance(value, str)).astype(bool)
        is_date = values.map(lambda value: isinstance(value, datetime.date)).astype(bool)
        spoken = values.where(is_text).astype("str").str.strip()
        of_text = pd.to_datetime(
            spoken, format="ISO8601" if form == "iso" else form, utc=True, errors="coerce"
        )
        of_dates = pd.to_datetime(values.where(is_date), utc=True, errors="coerce")
        told = of_text.astype(columns.DTYPES["instant"]).fillna(
            of_dates.astype(columns.DTYPES["instant"])
        )
        with_offset = spoken.str.contains(
            r"(?:Z|[+-]\d\d:?\d\d|[+-]\d\d)$", na=False
        ) & spoken.str.contains(":", na=False, regex=False)
        says = with_offset if form == "iso" else pd.Series("%z" in form, index=values.index)
        is_aware = values.map(lambda value: getattr(value, "tzinfo", None) is not None).astype(
            bool
        ) | (is_text & says)
    told = frames.in_calendar(told).where(
        told < pd.Timestamp("2200-01-01", tz="UTC")
    )  # datetime.max and `infinity` stand for "never"
    return told.where(is_aware, _from_zone(told, zone))


def to_zone(instant: datetime.datetime, zone: str) -> datetime.datetime:
    """An aware datetime as the zone, or the scale TAI, has it; TAI is marked as UTC, for want of a mark of its own."""
    if zone == "TAI":
        return instant + datetime.timedelta(seconds=TAI_MINUS_UTC_S)
    return instant.astimezone(ZoneInfo(zone))


def _from_zone(told: Series[Any], zone: str) -> Series[Any]:
    """Instants that were read as if they were UTC, though they are of another zone or scale."""
    import numpy as np
    import pandas as pd

    if zone == "TAI":
        return told - pd.Timedelta(seconds=TAI_MINUS_UTC_S)
    if zone == "UTC":
        return told
    # the hour that comes twice in autumn is taken as standard time, the one that spring leaves out as the next
    local = told.dt.tz_localize(None).dt.tz_localize(
        ZoneInfo(zone), ambiguous=np.zeros(len(told), bool), nonexistent="shift_forward"
    )
    made: Series[pd.Timestamp] = local.dt.tz_convert("UTC").astype(columns.DTYPES["instant"])
    return made
