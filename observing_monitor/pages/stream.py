"""Write the pages over a stream's nights.

They are made from rows of the index alone.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from observing_monitor.feeds.site_status import Status, page_address
from observing_monitor.judging import usual
from observing_monitor.pages import calendars, periods, render
from observing_monitor.pages.card import latest_night, stream_card
from observing_monitor.pages.contexts import Link, StreamPage
from observing_monitor.pages.frame import page_frame, site_link
from observing_monitor.pages.labels import rows_table, sources_table
from observing_monitor.pages.nights_data import stream_csv, stream_json, year_csv, year_json
from observing_monitor.pages.published import StreamPublished
from observing_monitor.pages.stale import common_key, stream_key, year_key
from observing_monitor.pages.stream_state import State, stream_state
from observing_monitor.pages.stream_tables import StreamTables
from observing_monitor.pages.year import Year, year_page
from observing_monitor.storage import layout

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from observing_monitor.pages.frame import Site
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index
    from observing_monitor.storage.output import Output


SHOWN_NIGHTS = 90  # on the stream's page; the pages of the years have all
SHOWN_MONTHS = 3  # of the calendar on the stream's page


def publish_stream(
    site: Site, stream: Stream, index: Index, now: datetime.datetime
) -> StreamPublished:
    """Write the stale pages over a stream's nights."""
    state = stream_state(site, stream, index, now)
    publisher = _Publisher(site, stream, index, state)
    n_pages = publisher.publish_years()
    n_pages += publisher.publish_page(now)
    return StreamPublished(stream_card(stream, state), _status(site, stream, state), n_pages)


def _status(site: Site, stream: Stream, state: State) -> Status:
    href = layout.in_folder(stream.folder, layout.INDEX_PAGE)
    latest = state.summaries[0] if state.summaries else None
    return Status(
        site=site.title,
        stream=stream.name,
        title=stream.title,
        status=state.word,
        info=state.info,
        trouble=state.trouble,
        night=latest["night"] if latest else "",
        href=href,
        url=page_address(site.url, href),
        latest=latest,
        rule=stream.rule,
        silent=state.silent,
        rows=state.rows,
        sources=[(source.name, source.kind) for source in stream.sources],
    )


class _Publisher(msgspec.Struct, frozen=True):
    """The pages over a stream's nights."""

    site: Site
    stream: Stream
    index: Index  # gets the fingerprints of the pages
    state: State

    @property
    def tables(self) -> StreamTables:
        return StreamTables(
            self.state.headlines,
            self.state.has_files,
            bool(self.stream.last_stage),
            self.state.has_exposures,
        )

    def path(self, name: str) -> str:
        """Return the path of one of the stream's files."""
        return layout.in_folder(self.stream.folder, name)

    def publish_page(self, now: datetime.datetime) -> int:
        """Write the stream's page if it is stale; return how many."""
        output, state = self.site.output, self.state
        oldest_first = state.summaries[::-1]
        key = stream_key(common_key(self.site, self.stream), self.index, state)
        to_json, to_csv, to_latest, to_page = paths = [
            self.path(name)
            for name in (
                layout.NIGHTS_JSON,
                layout.NIGHTS_CSV,
                layout.LATEST_PAGE,
                layout.INDEX_PAGE,
            )
        ]
        if self.index.get("page") == key and _are_kept(output, paths, key):
            return 0
        page = self._stream_page(key)
        latest = render.render_latest(_without_fingerprint(page), self.site.assets)
        output.write(to_json, stream_json(output, self.stream, oldest_first, now))
        csv = stream_csv(output, self.stream, oldest_first, state.headlines)
        output.write_changed(to_csv, csv)
        output.write_changed(to_latest, latest)
        output.write(to_page, render.render_stream(page, self.site.assets), key)
        self.index["page"] = key
        return 1

    def _stream_page(self, key: str) -> StreamPage:
        from observing_monitor.charts.over_nights import stream_charts

        site, stream, state, tables = self.site, self.stream, self.state, self.tables
        shown, before = state.summaries[:SHOWN_NIGHTS], state.summaries[SHOWN_NIGHTS:]
        name = layout.INDEX_PAGE
        return StreamPage(
            frame=page_frame(site, stream, stream.title, state.word, state.info, name, key),
            since=state.its_since,
            site=site_link(site, stream),
            rule=stream.rule.text,
            stage=stream.last_stage,
            latest=latest_night(shown[0], "", tables.has_ingest) if shown else None,
            nights=tables.nights(shown, _which_nights(len(shown), len(state.summaries))),
            months=calendars.months(shown, state.has_files)[-SHOWN_MONTHS:],
            years=tables.periods(periods.years(state.summaries, state.headlines), "Years"),
            charts=stream_charts(
                shown, state.headlines, before[: usual.NIGHTS][::-1], tables.has_ingest
            ),
            sources=sources_table(stream, state.silent),
            rows=rows_table(stream, state.rows, state.silent),
            data=[Link("JSON", layout.NIGHTS_JSON), Link("CSV", layout.NIGHTS_CSV)],
            has_files=state.has_files,
            has_ingest=tables.has_ingest,
            headlines=state.headlines,
        )

    def publish_years(self) -> int:
        """Write the stale pages of years; return how many.

        The pages of years without a night are removed.
        """
        summaries = self.state.summaries[::-1]
        by_year = {
            year: list(nights) for year, nights in itertools.groupby(summaries, periods.year_of)
        }
        before = self.index.get("years") or {}
        self.index["years"], start, n_pages = {}, 0, 0
        for name, nights in by_year.items():
            earlier = summaries[max(0, start - usual.NIGHTS) : start]
            start += len(nights)
            year = Year(name, nights, earlier, list(by_year))
            key, is_written = self._publish_year(year, before.get(name))
            self.index["years"][name] = key
            n_pages += is_written
        for name in set(before) - set(by_year):
            for ending in reversed(layout.YEAR_ENDINGS):
                self.site.output.remove(self.path(f"{name}{ending}"))
        return n_pages

    def _publish_year(self, year: Year, before: str | None) -> tuple[str, bool]:
        """Write the page of a year if it is stale.

        `before` is the key of the page that exists.

        Return its key, and True if it was written.
        """
        site, stream, name = self.site, self.stream, year.name
        common, nights = common_key(site, stream), [*year.before, *year.summaries]
        key = year_key(common, self.index, self.state, year.others, nights)
        paths = [self.path(f"{name}{ending}") for ending in layout.YEAR_ENDINGS]
        if before == key and _are_kept(site.output, paths, key):
            return key, False
        months = periods.months(year.summaries, self.state.headlines)
        page = year_page(site, stream, year, self.tables, months, key)
        to_json, to_csv, to_page = paths
        site.output.write_changed(to_json, year_json(stream, name, months[::-1], year.summaries))
        site.output.write_changed(to_csv, year_csv(year.summaries, self.state.headlines))
        site.output.write(to_page, render.render_year(page, site.assets), key)
        return key, True


def _are_kept(output: Output, paths: Sequence[str], key: str) -> bool:
    """True if files, the page last, are as written."""
    *others, page = paths
    return output.is_intact(page, key) and all(map(output.is_intact, others))


def _which_nights(n_shown: int, n_nights: int) -> str:
    return "All nights" if n_shown == n_nights else f"The newest {n_shown} of {n_nights:,} nights"


def _without_fingerprint(page: StreamPage) -> StreamPage:
    """Return the page as `latest.html` gets it.

    It changes only with the newest night or the status.
    """
    return structs.replace(
        page, frame=structs.replace(page.frame, name=layout.LATEST_PAGE, made_of="")
    )
