"""The page of a year of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.model.columns import Summary
from observing_monitor.model.finding import worst
from observing_monitor.model.wording import n_of
from observing_monitor.pages import calendars, periods
from observing_monitor.pages.contexts import Link, YearPage
from observing_monitor.pages.frame import page_frame, site_link
from observing_monitor.pages.stream_tables import StreamTables
from observing_monitor.settings.headlines import Headline
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from observing_monitor.pages.frame import Site
    from observing_monitor.pages.periods import Period
    from observing_monitor.settings.stream import Stream


class Year(msgspec.Struct, frozen=True):
    """One year of a stream."""

    name: str  # four digits
    summaries: Sequence[Summary]  # its nights, oldest first
    before: Sequence[Summary]  # earlier nights, oldest first: they show what is usual
    others: Sequence[str]  # all years that the stream has pages of, in order
    quality: Headline  # the median of the measure that is the image quality


def year_page(
    site: Site, stream: Stream, year: Year, tables: StreamTables, months: Sequence[Period], key: str
) -> YearPage:
    """Return the page of one year.

    Parameters
    ----------
    site : Site
    stream : Stream
    year : Year
    tables : StreamTables
    months : sequence of Period
        Of the year, newest first.
    key : str
        Fingerprint of the page.
    """
    from observing_monitor.charts.over_nights import stream_charts

    name, summaries = year.name, year.summaries
    total = periods.year_period(name, summaries, tables.headlines)
    word = worst(summary["status"] for summary in summaries)
    page, title = layout.year_page(name), f"{name} {stream.title}"
    number = year.others.index(name)
    return YearPage(
        frame=page_frame(site, stream, title, word, problems_of(total.values), page, key),
        site=site_link(site, stream),
        index=Link(stream.title, layout.INDEX_PAGE),
        previous=_year_link(year.others[number - 1]) if number else None,
        next=_year_link(year.others[number + 1]) if number + 1 < len(year.others) else None,
        rule=stream.rule.text,
        months=calendars.months(summaries, tables.has_files),
        periods=tables.periods(months, f"Months of {name}", total),
        nights=tables.nights(summaries[::-1], f"All nights of {name}"),
        charts=stream_charts(
            summaries, tables.headlines, year.before, tables.has_ingest, year.quality
        ),
        data=[Link("JSON", layout.year_json(name)), Link("CSV", layout.year_csv(name))],
    )


def _year_link(year: str) -> Link:
    return Link(year, layout.year_page(year))


def problems_of(values: Summary) -> str:
    """Return how many nights of a period were not well."""
    counts = [(values[f"n_nights_{word}"], word) for word in ("error", "warning")]
    parts = [f"{count:,} with {word}s" for count, word in counts if count]
    return f"{n_of(values['n_nights'], 'night')}: {', '.join(parts)}" if parts else ""
