"""Calendars: months with a square for each night."""

from __future__ import annotations

import calendar
import datetime
from typing import TYPE_CHECKING

from observing_monitor.pages.contexts import Day, Month
from observing_monitor.pages.render import STATUS_TEXTS
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from observing_monitor.model.columns import Summary


def months(summaries: Sequence[Summary], has_files: bool) -> list[Month]:
    """Return every month from the first to the last night.

    Parameters
    ----------
    summaries : sequence of Summary
        In any order.
    has_files : bool
        False if no source reports files: then a night without files is not empty.
    """
    by_night = {summary["night"]: summary for summary in summaries}
    if not by_night:
        return []
    first, last = (_number_of_month(night) for night in (min(by_night), max(by_night)))
    return [_month(number, by_night, has_files) for number in range(first, last + 1)]


def month_name(year: int, month: int) -> str:
    """Return the name of a month, such as "February 2020"."""
    return f"{calendar.month_name[month]} {year}"


def _number_of_month(night: str) -> int:
    """Count months since the year 0."""
    date = datetime.date.fromisoformat(night)
    return 12 * date.year + date.month - 1


def _month(number: int, by_night: Mapping[str, Summary], has_files: bool) -> Month:
    year, month = number // 12, number % 12 + 1
    weeks = [
        [
            _day(date, by_night.get(date.isoformat()), has_files) if date.month == month else None
            for date in week
        ]
        for week in calendar.Calendar().monthdatescalendar(year, month)
    ]
    return Month(month_name(year, month), f"month-{year:04}-{month:02}", weeks)


def _day(date: datetime.date, summary: Summary | None, has_files: bool) -> Day:
    night = date.isoformat()
    if summary is None:
        return Day(date.day, "", "", "", f"{night}: not read")
    is_empty = has_files and not summary["n_files"] and summary["status"] == "normal"
    word = "no files" if is_empty else STATUS_TEXTS[summary["status"]]
    info = f", {summary['info']}" if summary["info"] else ""
    status = "empty" if is_empty else summary["status"]
    return Day(date.day, layout.night_page(night), status, word, f"{night}: {word}{info}")
