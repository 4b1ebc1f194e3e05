"""Shared by the two sources of Gemini's FitsStorage."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, overload

from observing_monitor.model.finding import Finding
from observing_monitor.model.nights import night_named
from observing_monitor.model.wording import n_of, new_anchor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pandas import DataFrame


UTC = datetime.UTC

# Names that begin with their night (FitsStorage's gemini_metadata and sort keys):
# raw frames N20160319S0018.fits, IGRINS SDCH_20210609_0030.fits, all-sky cameras
# img_20160319_…, observing logs 20160319_GN-2016A-Q-1_obslog.txt
_NAME = re.compile(
    r"(?:[NS](?P<day>(?:19|20)\d{6})[A-Z](?P<seq>\d{3,})?"
    r"|SDC[SHK]_(?P<day2>(?:19|20)\d{6})_(?P<seq2>\d+)"
    r"|img_(?P<day3>(?:19|20)\d{6})_|(?P<day4>(?:19|20)\d{6})_.*obslog)"
)
# beginnings of these names, before the date
PREFIXES = ("N", "S", "SDCS_", "SDCH_", "SDCK_", "img_", "")
_NAME_INSIDE = re.compile(
    r"(?<![A-Za-z0-9])(?:[NS](?:19|20)\d{6}[A-Z]\d{3,}|SDC[SHK]_(?:19|20)\d{6}_\d+)[\w.-]*"
)
# stages that leave the file itself safe and available
MINOR_STAGES = ("preview", "calcache", "reduce")


def night_of_name(name: str) -> datetime.date | None:
    """Return the night in a file's name, if any."""
    found = _NAME.match(name or "")
    if not found:
        return None
    return night_named(found["day"] or found["day2"] or found["day3"] or found["day4"])


def seq_num_of_name(name: str) -> int | None:
    """Return the frame's number within its night, if any."""
    found = _NAME.match(name or "")
    number = (found["seq"] or found["seq2"]) if found else None
    return int(number) if number else None


def name_in(text: str) -> str:
    """Return the first frame's name in a text, or ""."""
    found = _NAME_INSIDE.search(text or "")
    return found[0].rstrip(".,") if found else ""


def plain_name(name: str) -> str:
    """Return a file's name without folder and .bz2.

    FitsStorage's `file.name` has this form.
    """
    return name.rpartition("/")[2].removesuffix(".bz2")


@overload
def to_utc(instant: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime: ...
@overload
def to_utc(
    instant: datetime.datetime | None, zone: datetime.tzinfo
) -> datetime.datetime | None: ...
def to_utc(instant: datetime.datetime | None, zone: datetime.tzinfo) -> datetime.datetime | None:
    """Return a datetime in UTC; None for None.

    Parameters
    ----------
    instant : datetime or None
        With or without a time zone.
    zone : tzinfo
        The zone of an instant without one.
    """
    if instant is None:
        return None
    return (instant.replace(tzinfo=zone) if instant.tzinfo is None else instant).astimezone(UTC)


def failures(ingests: DataFrame, stages: tuple[str, ...], href: str = "") -> Iterator[Finding]:
    """Yield a Finding for each stage with failed files.

    Only the last attempt on each file counts.

    Parameters
    ----------
    ingests : DataFrame
        A night's attempts, with the columns `columns.INGESTS`.
    stages : tuple of str
        The stages to check, in the order of the findings.
    href : str
        The place on the night's page that the findings link to; by default, the list of the
        stage's failures.
    """
    ended = ingests[ingests["stage"].isin(stages)].sort_values(
        "attempted_at", kind="stable", na_position="first"
    )
    last = ended.drop_duplicates(["file_id", "stage"], keep="last")
    counts = last.loc[last["status"] == "failure", "stage"].value_counts()
    for stage in stages:
        if counts.get(stage, 0):
            level = "warning" if stage in MINOR_STAGES else "error"
            words = f"{stage}: {n_of(int(counts[stage]), 'file')} failed"
            yield Finding(level, words, href or f"#{new_anchor('failures', stage, set())}")
