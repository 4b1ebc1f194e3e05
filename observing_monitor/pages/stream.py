"""The pages over many nights: a stream's, and the site's. They are made of the rows of the index alone; no table is opened."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from observing_monitor.feeds.site_status import Status, page_address
from observing_monitor.judging import checks, usual
from observing_monitor.model import finding
from observing_monitor.model.digest import with_instants
from observing_monitor.model.nights import iso_utc, parse_night
from observing_monitor.pages import render
from observing_monitor.pages.card import State, card, folder_prefix
from observing_monitor.pages.contexts import Link, NightRow, StreamPage
from observing_monitor.pages.frame import page_frame, site_link
from observing_monitor.pages.labels import described_headlines, source_lines
from observing_monitor.pages.published import StreamPublished
from observing_monitor.pages.stale import common_key, stream_key, year_key
from observing_monitor.pages.year import (
    NIGHTS_BEGIN,
    NIGHTS_END,
    Year,
    months,
    nights_csv,
    nights_json,
    year_json,
    year_of,
    year_page,
    years,
)
from observing_monitor.settings.traits import reports_files
from observing_monitor.storage.sealed import as_bytes

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping, Sequence

    from observing_monitor.model.columns import Summary
    from observing_monitor.pages.frame import Site
    from observing_monitor.settings.headlines import Headline
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Fault, Index
    from observing_monitor.storage.output import Output


RECENT_NIGHTS = 2  # the newest nights, whose worst status is the stream's
SHOWN_NIGHTS = (
    90  # in the table and the charts of a stream's page; all are on the pages of the years
)
SHOWN_MONTHS = 3  # of the calendar there
OF_YEAR = (".json", ".csv", ".html")  # what the names of a year's files end with, its page's last


def _state(site: Site, stream: Stream, index: Index, now: datetime.datetime) -> State:
    # nights that are yet to come were made by a clock that was ahead: they would hide what is wrong tonight
    tonight = stream.rule.night_of(now).isoformat()
    nights = [(night, row) for night, row in index["nights"].items() if night <= tonight]
    summaries = [row["summary"] for _, row in sorted(nights, reverse=True) if row.get("summary")]
    recent = summaries[:RECENT_NIGHTS]
    own = {
        "observing_monitor",
        *(source.name for source in stream.sources),
    }  # a source that was removed is at fault no more
    silent = {name: fault for name, fault in index["sources"].items() if fault and name in own}
    alarming = {
        name: fault
        for name, fault in silent.items()
        if not _is_known(site, stream, recent, name, fault)
    }
    word = finding.worst(
        [
            *(s["status"] for s in recent),
            *(fault.get("level", "error") for fault in alarming.values()),
        ]
    )
    own_fault = alarming.get(
        "observing_monitor", {}
    )  # no source's, so that no line of the table of sources has it
    said = [own_fault["problem"]] if own_fault.get("level", "error") == word and own_fault else []
    info = "; ".join(
        [
            *said,
            *(f"{s['night']}: {s['info']}" for s in recent if s["status"] == word and s["info"]),
        ]
    )
    trouble, its_night = _trouble(index, recent, alarming, word)
    units: dict[str, str] = {}
    aggregates: dict[str, str] = {}
    for _, row in sorted(index["nights"].items()):
        units |= row.get("units") or {}
        aggregates |= row.get("aggregates") or {}
    return State(
        summaries,
        silent,
        word,
        info,
        trouble,
        its_night,
        described_headlines(stream, units, aggregates),
        reports_files(stream),
    )


def publish_stream(
    site: Site, stream: Stream, index: Index, now: datetime.datetime
) -> StreamPublished:
    """Write a stream's page, the pages of its years, their data and `latest.html`, if not current."""
    state = _state(site, stream, index, now)
    n_pages = _publish_years(site, stream, index, state)
    n_pages += _publish_page(site, stream, index, state, now)
    href, latest = (
        f"{folder_prefix(stream)}index.html",
        state.summaries[0] if state.summaries else None,
    )
    status = Status(
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
        sources=[(source.name, source.kind) for source in stream.sources],
    )
    return StreamPublished(card(stream, state), status, n_pages)


def _publish_page(
    site: Site, stream: Stream, index: Index, state: State, now: datetime.datetime
) -> int:
    """Write a stream's page and its data unless they are current; return how many pages."""
    summaries, output = state.summaries, site.output
    key = stream_key(common_key(site, stream), index, state)
    to_json, to_csv, to_latest, to_html = names = [
        f"{folder_prefix(stream)}{name}"
        for name in ("nights.json", "nights.csv", "latest.html", "index.html")
    ]
    if index.get("page") == key and all(output.exists(name) for name in names):
        return 0
    page = _stream_page(site, stream, state, key)
    output.write(to_json, _nights_json(output, stream, now, reversed(summaries)))
    output.write_changed(to_csv, _nights_csv(output, stream, reversed(summaries), state.headlines))
    output.write_changed(to_latest, render.render_latest(_for_ever(page), site.assets))
    output.write(to_html, render.render_stream(page, site.assets))
    index["page"] = key
    return 1


def _is_known(
    site: Site, stream: Stream, recent: Sequence[Summary], name: str, fault: Fault
) -> bool:
    """Whether a source's silence is a known issue of the stream's newest night."""
    night, words = (
        parse_night(recent[0]["night"]) if recent else None,
        checks.silence_words(name, fault),
    )
    return night is not None and any(
        issue.holds(stream.name, night) and issue.begins(words) for issue in site.known
    )


def _for_ever(page: StreamPage) -> StreamPage:
    """The page as `latest.html` takes it: it leads on at once, and is the same until there is another night, or status."""
    return replace(page, frame=replace(page.frame, name="latest.html", made_of=""))


def _publish_years(site: Site, stream: Stream, index: Index, state: State) -> int:
    """Write the pages of a stream's years that are not current; return how many.

    The pages of years without a night are removed.
    """
    folder, headlines, common = folder_prefix(stream), state.headlines, common_key(site, stream)
    summaries = state.summaries[::-1]  # oldest first
    by_year = {year: list(nights) for year, nights in itertools.groupby(summaries, year_of)}
    before = index.get("years") or {}
    index["years"], start, n_pages = {}, 0, 0
    for year, nights in by_year.items():
        earlier = summaries[max(0, start - usual.NIGHTS) : start]
        start += len(nights)
        key = year_key(common, index, state, list(by_year), [*earlier, *nights])
        to_json, to_csv, to_html = names = [f"{folder}{year}{ending}" for ending in OF_YEAR]
        if before.get(year) != key or not all(site.output.exists(name) for name in names):
            page = year_page(
                site, stream, Year(year, nights, earlier, list(by_year)), headlines, key
            )
            site.output.write_changed(to_json, year_json(stream, page, nights))
            site.output.write_changed(to_csv, nights_csv(nights, headlines))
            site.output.write(to_html, render.render_year(page, site.assets))
            n_pages += 1
        index["years"][year] = key
    for year in set(before) - set(by_year):
        for ending in reversed(OF_YEAR):
            site.output.remove(f"{folder}{year}{ending}")
    return n_pages


def _trouble(
    index: Index, recent: Sequence[Summary], silent: Mapping[str, Fault], word: str
) -> tuple[str, str]:
    """The worst finding of a stream's recent nights, in its words, and the night that it is of; "" where none is."""
    for summary in recent if word != "normal" else ():
        if summary["status"] == word:
            first = (index["nights"][summary["night"]].get("findings") or [{}])[0].get(
                "text"
            ) or summary["info"]
            return (
                first if summary is recent[0] else f"{first} (night {summary['night']})"
            ), summary["night"]
    own = [fault["problem"] for name, fault in silent.items() if name == "observing_monitor"]
    return "; ".join(
        [*own, *(f"{name} could not be read" for name in silent if name != "observing_monitor")]
    ), ""


def _stream_page(site: Site, stream: Stream, state: State, key: str) -> StreamPage:
    from observing_monitor.charts import over_nights

    summaries, has_ingest = state.summaries, bool(stream.last_stage)
    shown, earlier = summaries[:SHOWN_NIGHTS], summaries[SHOWN_NIGHTS : SHOWN_NIGHTS + usual.NIGHTS]
    rows = [NightRow(f"{summary['night']}.html", with_instants(summary)) for summary in shown]
    return StreamPage(
        frame=page_frame(site, stream, stream.title, state.word, state.info, "index.html", key),
        site=site_link(site, stream),
        rule=stream.rule.text,
        stage=stream.last_stage,
        latest=rows[0] if rows else None,
        nights=rows,
        n_nights=len(summaries),
        months=months(shown, state.has_files)[-SHOWN_MONTHS:],
        years=years(summaries, state.headlines),
        charts=over_nights.stream_charts(
            [row.values for row in reversed(rows)], state.headlines, earlier[::-1], has_ingest
        ),
        sources=source_lines(stream, state.silent),
        data=[Link("JSON", "nights.json"), Link("CSV", "nights.csv")],
        has_files=state.has_files,
        has_ingest=has_ingest,
        headlines=state.headlines,
    )


def _nights_json(
    output: Output, stream: Stream, now: datetime.datetime, summaries: Iterable[Summary]
) -> bytes:
    """The nights as JSON, a line each: those of the years' files, which are there."""
    about = json.dumps(
        {"stream": stream.name, "generated_at": iso_utc(now.replace(microsecond=0))},
        ensure_ascii=False,
    )
    parts: list[bytes | memoryview] = [as_bytes(f"{about[:-1]}, "), NIGHTS_BEGIN]
    for year, nights in itertools.groupby(summaries, year_of):
        made = output.read(f"{folder_prefix(stream)}{year}.json") or b""
        at = made.find(NIGHTS_BEGIN) + len(NIGHTS_BEGIN)
        is_whole = at >= len(NIGHTS_BEGIN) and made.endswith(NIGHTS_END)
        parts += [
            memoryview(made)[at : -len(NIGHTS_END)] if is_whole else nights_json(nights),
            b",\n",
        ]
    return b"".join([*(parts[:-1] if len(parts) > 2 else parts), NIGHTS_END])


def _nights_csv(
    output: Output, stream: Stream, summaries: Iterable[Summary], headlines: list[Headline]
) -> bytes:
    """The nights as CSV, likewise."""
    head = as_bytes(nights_csv([], headlines))
    parts = [head]
    for year, nights in itertools.groupby(summaries, year_of):
        made = output.read(f"{folder_prefix(stream)}{year}.csv") or b""
        parts.append(
            (made if made.startswith(head) else as_bytes(nights_csv(nights, headlines)))[
                len(head) :
            ]
        )
    return b"".join(parts)
