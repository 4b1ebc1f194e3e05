"""What the two sources of Gemini's FitsStorage have in common: file names, zones, and what failed where."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, overload

from observing_monitor.model.finding import Finding
from observing_monitor.model.nights import night_named
from observing_monitor.model.wording import n_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pandas import DataFrame


UTC = datetime.UTC

# The names that carry their night at their beginning (FitsStorage's gemini_metadata and sort keys): raw frames
# N20160319S0018.fits, IGRINS SDCH_20210609_0030.fits, all-sky cameras img_20160319_…, 20160319_GN-2016A-Q-1_obslog.txt.
_NAME = re.compile(
    r"(?:[NS](?P<day>(?:19|20)\d{6})[A-Z](?P<seq>\d{3,})?|SDC[SHK]_(?P<day2>(?:19|20)\d{6})_(?P<seq2>\d+)"
    r"|img_(?P<day3>(?:19|20)\d{6})_|(?P<day4>(?:19|20)\d{6})_.*obslog)"
)
PREFIXES = (
    "N",
    "S",
    "SDCS_",
    "SDCH_",
    "SDCK_",
    "img_",
    "",
)  # what stands before the date in those names
_NAME_INSIDE = re.compile(
    r"(?<![A-Za-z0-9])(?:[NS](?:19|20)\d{6}[A-Z]\d{3,}|SDC[SHK]_(?:19|20)\d{6}_\d+)[\w.-]*"
)


def night_of_name(name: str) -> datetime.date | None:
    """The night that a file's name says, None where it says none."""
    found = _NAME.match(name or "")
    return (
        night_named(found["day"] or found["day2"] or found["day3"] or found["day4"])
        if found
        else None
    )


def seq_num_of_name(name: str) -> int | None:
    """The frame's number within its night, None where the name has none."""
    found = _NAME.match(name or "")
    number = (found["seq"] or found["seq2"]) if found else None
    return int(number) if number else None


def name_in(text: str) -> str:
    """The first name of a frame in a text, "" where there is none."""
    found = _NAME_INSIDE.search(text or "")
    return found[0].rstrip(".,") if found else ""


def plain_name(name: str) -> str:
    """A file's name as `file.name` has it: without the .bz2 that it may have on disk, without its folder."""
    return name.rpartition("/")[2].removesuffix(".bz2")


@overload
def to_utc(instant: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime: ...
@overload
def to_utc(
    instant: datetime.datetime | None, zone: datetime.tzinfo
) -> datetime.datetime | None: ...
def to_utc(instant: datetime.datetime | None, zone: datetime.tzinfo) -> datetime.datetime | None:
    """A datetime, of `zone` unless it says its own, as an aware one in UTC; None in, None out."""
    if instant is None:
        return None
    return (instant.replace(tzinfo=zone) if instant.tzinfo is None else instant).astimezone(UTC)


def failures(
    ingests: DataFrame, stages: tuple[str, ...], href: str = "#stages"
) -> Iterator[Finding]:
    """A Finding for each of these stages in which the last attempt on some files failed."""
    ended = ingests[ingests["stage"].isin(stages)].sort_values(
        "attempted_at", kind="stable", na_position="first"
    )
    last = ended.drop_duplicates(["file_id", "stage"], keep="last")
    counts = last.loc[last["status"] == "failure", "stage"].value_counts()
    for stage in stages:
        if counts.get(stage, 0):
            # without a preview or a calibration association the file itself is still safe and at hand
            level = "warning" if stage in ("preview", "calcache", "reduce") else "error"
            yield Finding(level, f"{stage}: {n_of(int(counts[stage]), 'file')} failed", href)
