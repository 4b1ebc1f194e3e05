"""A stream's years: the calendar, months and years in numbers, and the page of each year. Made of the rows of the index alone."""

from __future__ import annotations

import calendar
import csv
import datetime
import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observing_monitor.model import columns
from observing_monitor.model.columns import Summary
from observing_monitor.model.digest import instants_as_text, with_instants
from observing_monitor.model.finding import worst
from observing_monitor.model.wording import n_of
from observing_monitor.pages.contexts import Day, Link, Month, NightRow, RollUp, YearPage
from observing_monitor.pages.frame import page_frame, site_link
from observing_monitor.settings.traits import reports_files
from observing_monitor.storage.sealed import as_bytes
from observing_monitor.storage.store import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from observing_monitor.pages.frame import Site
    from observing_monitor.settings.headlines import Headline
    from observing_monitor.settings.stream import Stream


FORMULA_HEADS = frozenset(columns.FORMULA_HEADS)  # of which "" is none
# around the nights of a file of data; no text in JSON has a line's end in it
NIGHTS_BEGIN, NIGHTS_END = b'"nights": [\n', b"\n]}\n"
SUMS = [c.name for c in columns.PERIODS if c.kind == "int" and not c.name.startswith("n_nights")]
MEDIANS = [c.name for c in columns.PERIODS if c.name.endswith("_s")]


def year_of(summary: Summary) -> str:
    """The year of a night's summary, as four digits."""
    return str(summary["night"])[:4]


def months(summaries: Sequence[Summary], has_files: bool) -> list[Month]:
    """The calendar of some nights: every month from the first to the last of them, oldest first."""
    by_night = {summary["night"]: summary for summary in summaries}
    if not by_night:
        return []
    first, last = (
        datetime.date.fromisoformat(night).replace(day=1)
        for night in (min(by_night), max(by_night))
    )
    n_months = 12 * (last.year - first.year) + last.month - first.month + 1
    starts = (divmod(12 * first.year + first.month - 1 + n, 12) for n in range(n_months))
    return [_month(year, month + 1, by_night, has_files) for year, month in starts]


def _month(year: int, month: int, by_night: Mapping[str, Summary], has_files: bool) -> Month:
    weeks = calendar.Calendar().monthdatescalendar(year, month)
    days = [
        [
            _day(date, by_night.get(date.isoformat()), has_files) if date.month == month else None
            for date in week
        ]
        for week in weeks
    ]
    return Month(f"{calendar.month_name[month]} {year}", f"month-{year:04}-{month:02}", days)


def _day(date: datetime.date, summary: Summary | None, has_files: bool) -> Day:
    night = date.isoformat()
    if summary is None:
        return Day(date.day, "", "", "", f"{night}: not read")
    is_empty = has_files and not summary["n_files"] and summary["status"] == "normal"
    word = "no files" if is_empty else summary["status"]
    words = f"{night}: {word}" + (f", {summary['info']}" if summary["info"] else "")
    return Day(date.day, f"{night}.html", "empty" if is_empty else summary["status"], word, words)


def roll_up(
    name: str, href: str, summaries: Sequence[Summary], headlines: list[Headline]
) -> RollUp:
    """Some nights in numbers, by the names of `columns.PERIODS`; of the headlines the median over the nights that have one."""
    due = sum(s["n_files"] - s["n_ignored"] - s["n_not_fits"] for s in summaries)
    values = {
        "period": name,
        "n_nights": len(summaries),
        "n_nights_error": sum(s["status"] == "error" for s in summaries),
        "n_nights_warning": sum(s["status"] == "warning" for s in summaries),
        **{column: _sum(s[column] for s in summaries) for column in SUMS},
        "completeness": sum(s["n_ingested"] for s in summaries) / due if due else None,
        **{column: _median(s[column] for s in summaries) for column in MEDIANS},
        **{
            headline.name: _median(s.get(headline.name) for s in summaries)
            for headline in headlines
        },
    }
    return RollUp(name, href, values)


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _median(values: Iterable[float | None]) -> float | None:
    import statistics

    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def years(summaries: Sequence[Summary], headlines: list[Headline]) -> list[RollUp]:
    """A stream's years in numbers, newest first; `summaries` in any order."""
    by_year = itertools.groupby(sorted(summaries, key=lambda s: s["night"]), year_of)
    return [roll_up(year, f"{year}.html", list(of_year), headlines) for year, of_year in by_year][
        ::-1
    ]


@dataclass(frozen=True)
class Year:
    """One year of a stream."""

    name: str  # four digits
    summaries: Sequence[Summary]  # its nights, oldest first
    before: Sequence[Summary]  # the nights before these, oldest first: they show what was usual
    others: Sequence[str]  # all years that the stream has pages of, in order


def year_page(
    site: Site, stream: Stream, shown: Year, headlines: list[Headline], key: str
) -> YearPage:
    """Return the page of one year; `key` is its fingerprint."""
    from observing_monitor.charts import over_nights

    year, summaries, others = shown.name, shown.summaries, shown.others
    has_files, number = reports_files(stream), others.index(year)
    by_month = itertools.groupby(summaries, lambda summary: summary["night"][:7])
    made = months(summaries, has_files)
    names = {month.anchor: month.name for month in made}
    periods = [
        roll_up(names[f"month-{month}"], f"#month-{month}", list(nights), headlines)
        for month, nights in by_month
    ][::-1]
    total = roll_up(year, f"{year}.html", summaries, headlines)
    word = worst(summary["status"] for summary in summaries)
    neighbours = [others[n] if 0 <= n < len(others) else None for n in (number - 1, number + 1)]
    return YearPage(
        frame=page_frame(
            site, stream, f"{year} {stream.title}", word, said_of(total.values), f"{year}.html", key
        ),
        site=site_link(site, stream),
        index=Link(stream.title, "index.html"),
        previous=_year_link(neighbours[0]),
        next=_year_link(neighbours[1]),
        year=year,
        rule=stream.rule.text,
        months=made,
        periods=periods,
        total=total,
        nights=[
            NightRow(f"{summary['night']}.html", with_instants(summary))
            for summary in reversed(summaries)
        ],
        charts=over_nights.stream_charts(
            summaries, headlines, shown.before, bool(stream.last_stage)
        ),
        data=[Link("JSON", f"{year}.json"), Link("CSV", f"{year}.csv")],
        has_files=has_files,
        has_ingest=bool(stream.last_stage),
        headlines=headlines,
    )


def _year_link(year: str | None) -> Link | None:
    return Link(year, f"{year}.html") if year else None


def said_of(values: Summary) -> str:
    """How many nights of a period were not well, in words; "" where all were."""
    counts = [(values[f"n_nights_{word}"], word) for word in ("error", "warning")]
    said = [f"{count:,} with {word}s" for count, word in counts if count]
    return f"{n_of(values['n_nights'], 'night')}: {', '.join(said)}" if said else ""


def year_json(stream: Stream, page: YearPage, summaries: Sequence[Summary]) -> bytes:
    """A year's data: its months and nights, a line each."""
    about = json.dumps({"stream": stream.name, "year": page.year}, ensure_ascii=False)
    months = b",\n".join(
        as_bytes(encoded(instants_as_text(month.values))) for month in reversed(page.periods)
    )
    return (
        as_bytes(f'{about[:-1]}, "months": [\n')
        + months
        + b"\n], "
        + NIGHTS_BEGIN
        + nights_json(summaries)
        + NIGHTS_END
    )


def nights_json(summaries: Iterable[Summary]) -> bytes:
    """Nights as members of a JSON list, a line each."""
    return b",\n".join(as_bytes(encoded(summary)) for summary in summaries)


def nights_csv(summaries: Iterable[Summary], headlines: list[Headline]) -> str:
    """Nights as CSV below a line of names, the same for all nights of a stream; in the order given."""
    text = io.StringIO()
    names = dict.fromkeys(
        [*(c.name for c in columns.NIGHTS), *(headline.name for headline in headlines)]
    )
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(name) for name in names])
    # numbers, which most cells hold, are not asked: ten years have 150,000 cells
    writer.writerows(
        [_cell(v) if v.__class__ is str else v for v in map(summary.get, names)]
        for summary in summaries
    )
    return text.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text[:1] in FORMULA_HEADS else text
