"""Months and years in numbers."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.model import columns
from observing_monitor.model.columns import Summary
from observing_monitor.model.completeness import completeness
from observing_monitor.pages.calendars import month_name
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from observing_monitor.settings.headlines import Headline


# times of exposures, which are added up
USED = ("science_s", "open_shutter_s", "night_s")
SUMS = [
    c.name
    for c in columns.PERIODS
    if (c.kind == "int" and not c.name.startswith("n_nights")) or c.name in USED
]
MEDIANS = [c.name for c in columns.PERIODS if c.name.endswith("_s") and c.name not in USED]


class Period(msgspec.Struct, frozen=True):
    """A month or a year in numbers."""

    href: str
    values: Summary  # by the names of columns.PERIODS and of the headlines


def year_of(summary: Summary) -> str:
    """Return the year of a night, as four digits."""
    return str(summary["night"])[:4]


def _month_of(summary: Summary) -> str:
    return str(summary["night"])[:7]


def years(summaries: Iterable[Summary], headlines: Sequence[Headline]) -> list[Period]:
    """Return the years of some nights, newest first."""
    by_year = itertools.groupby(sorted(summaries, key=_night_of), year_of)
    made = [year_period(year, list(nights), headlines) for year, nights in by_year]
    return made[::-1]


def year_period(year: str, summaries: Sequence[Summary], headlines: Sequence[Headline]) -> Period:
    """Return one year in numbers; `summaries` are its nights."""
    return Period(layout.year_page(year), _values(year, summaries, headlines))


def months(summaries: Iterable[Summary], headlines: Sequence[Headline]) -> list[Period]:
    """Return the months of some nights, newest first.

    They link to the calendar of the page.
    """
    made = []
    for month, nights in itertools.groupby(sorted(summaries, key=_night_of), _month_of):
        name = month_name(int(month[:4]), int(month[5:]))
        made.append(Period(f"#month-{month}", _values(name, list(nights), headlines)))
    return made[::-1]


def _night_of(summary: Summary) -> str:
    return str(summary["night"])


def _values(name: str, summaries: Sequence[Summary], headlines: Sequence[Headline]) -> Summary:
    """Return the numbers of a period, made as `how_of` says."""
    return {
        "period": name,
        "n_nights": len(summaries),
        "n_nights_error": sum(s["status"] == "error" for s in summaries),
        "n_nights_warning": sum(s["status"] == "warning" for s in summaries),
        **{column: _sum(s.get(column) for s in summaries) for column in SUMS},
        "completeness": completeness(summaries),
        **{column: _median(s[column] for s in summaries) for column in MEDIANS},
        **{
            headline.name: _AGGREGATES[headline.over_nights](
                s.get(headline.name) for s in summaries
            )
            for headline in headlines
        },
    }


def how_of(name: str) -> str:
    """Return how a column of periods is made, or ""."""
    if name == "completeness":
        return "overall"
    return "sum" if name in SUMS else "median" if name in MEDIANS else ""


def _sum(values: Iterable[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return sum(given) if given else None


def _latest(values: Iterable[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return given[-1] if given else None


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _median(values: Iterable[float | None]) -> float | None:
    import statistics

    given = [value for value in values if value is not None]
    return statistics.median(given) if given else None


_AGGREGATES = {"sum": _sum, "median": _median, "latest": _latest, "min": _least, "max": _most}
