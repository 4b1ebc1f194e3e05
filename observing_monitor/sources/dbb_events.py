"""Convert the Data Backbone's events to attempts."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames
from observing_monitor.sources.shared.cells import local_to_utc, to_text

if TYPE_CHECKING:
    from typing import Any
    from zoneinfo import ZoneInfo

    from pandas import DataFrame, Series

    from observing_monitor.readers.patterns import NamePattern


# The manager's word -> ours. Of events at the very same time the one that is later here is last.
STATUSES = {
    "BACKFILL": "backfill",
    "UNTRIED": "untried",
    "RERUN": "rerun",
    "PENDING": "waiting",
    "UNKNOWN": "unknown",
    "IGNORED": "ignored",
    "INVALID": "invalid",
    "FAILURE": "failure",
    "SUCCESS": "success",
}
# statuses without a message: their meaning is shown instead
SILENT = ("BACKFILL", "RERUN", "PENDING", "UNKNOWN")
NO_EVENT = "no event of it: the ingester has not seen it"


def replace_unknown(events: DataFrame, where: str) -> tuple[DataFrame, list[str]]:
    """Replace unknown statuses by UNKNOWN, with notes.

    Parameters
    ----------
    events
        Columns `status` and `start_time`; `start_time` is null for a file without an event.
    where
        Database and table, for the notes.
    """
    is_known = events["status"].isin(list(STATUSES)) | events["start_time"].isna()
    odd = events.loc[~is_known, "status"].astype("str")
    notes = [
        f"{where}: status {word!r} ({count} of them) is not known; it is taken as UNKNOWN"
        for word, count in odd.value_counts().items()
    ]
    return events.assign(status=events["status"].where(is_known, "UNKNOWN")), notes


def to_attempts(events: DataFrame, stage: str, pattern: NamePattern, zone: ZoneInfo) -> DataFrame:
    """Return attempts with the columns `columns.ATTEMPTS`, one per event.

    A file without an event becomes an attempt `untried`.

    Parameters
    ----------
    events
        One row per event: `id`, `relpath`, `filename`, `size_bytes` and `added_at` of its file;
        `start_time`, `status`, `duration` and `err_message`, null for a file without an event.
    stage
        The stage of the attempts.
    pattern
        Finds obsid, exposure, seq_num and detector in a file's name.
    zone
        The zone of `start_time`.
    """
    import pandas as pd

    events = _in_order(events, zone)
    has_event = events["start_time"].notna()
    took = pd.to_timedelta(events["duration"], errors="coerce")
    took = took.where(took >= pd.Timedelta(0))
    # an event without a duration does not end before an earlier one that took long
    ended = (events["started_at"] + took.fillna(pd.Timedelta(0))).groupby(events["id"]).cummax()
    path = events["relpath"].str.strip("/") + "/" + events["filename"]
    in_name = pattern.read_names(events["filename"].astype("str"))
    attempts = {
        "stage": stage,
        "attempted_at": ended,
        "duration_s": took.dt.total_seconds(),
        "status": events["status"].map(STATUSES).where(has_event, "untried"),
        "message": _messages(events).where(has_event, NO_EVENT),
        "attempt": (events.groupby("id").cumcount() + 1).where(has_event),
        "path": path.str.replace(r"^(?:\./|/)+", "", regex=True).astype("str"),
        "names": events["filename"],
        "size_bytes": frames.whole_numbers(events["size_bytes"]),
        "transferred_at": events["added_at"],
        **in_name.to_dict("series"),
    }
    return frames.frame(columns.ATTEMPTS, pd.DataFrame(attempts))


def _in_order(events: DataFrame, zone: ZoneInfo) -> DataFrame:
    """Return events with `started_at`, by file, time and finality."""
    order = {word: number for number, word in enumerate(STATUSES)}
    events = events.assign(
        started_at=to_instants(events["start_time"], zone), order=events["status"].map(order)
    )
    return events.sort_values(["id", "started_at", "order"], kind="stable", ignore_index=True)


def to_instants(values: Series[Any], zone: ZoneInfo) -> Series[Any]:
    """Return times of the tables as instants in UTC.

    NaT if a value is no time.

    Parameters
    ----------
    values
        Datetimes or ISO 8601 text.
    zone
        The zone of times that carry none.
    """
    import pandas as pd

    # PostgreSQL's infinity comes as the first or last datetime of Python
    plain = values.map(
        lambda value: (
            None if isinstance(value, datetime.datetime) and value.year in (1, 9999) else value
        )
    )
    is_aware = plain.map(
        lambda value: isinstance(value, datetime.datetime) and value.tzinfo is not None
    )
    if is_aware.any():
        aware = pd.to_datetime(plain, utc=True, errors="coerce")
        return frames.in_calendar(aware.astype(columns.DTYPES["instant"]))
    plain = plain.where(plain.map(lambda value: isinstance(value, str | datetime.datetime)))
    local = pd.to_datetime(plain, errors="coerce", format="ISO8601").astype("datetime64[us]")
    return frames.in_calendar(local_to_utc(local, zone))


def _messages(events: DataFrame) -> Series[Any]:
    """Return each event's message.

    An event without one gets the meaning of its status, and the file's message before it.
    """
    said = to_text(events["err_message"]).fillna("").astype("str")
    by_file = said.mask(said == "").groupby(events["id"]).ffill().groupby(events["id"])
    before = by_file.shift().fillna("")
    meanings = {word: f"{word}: {columns.STATUSES[STATUSES[word]]}" for word in SILENT}
    meaning = events["status"].map(meanings)
    is_silent = (said == "") & meaning.notna()
    return said.mask(is_silent, meaning.fillna("") + ("\n" + before).where(before != "", ""))
