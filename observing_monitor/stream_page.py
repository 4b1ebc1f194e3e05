"""The pages over many nights: a stream's, and the site's. They are made of the rows of the index alone; no table is opened."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from observing_monitor import pages, status, usual
from observing_monitor.columns import Summary
from observing_monitor.feeds import SITE, Standing, address
from observing_monitor.files import as_bytes
from observing_monitor.nights import iso_utc, parse_night
from observing_monitor.pages import (
    GlossaryPage,
    Headline,
    Link,
    NightRow,
    SitePage,
    SmallChart,
    StreamCard,
    StreamPage,
)
from observing_monitor.site import digest, frame, site_link, with_instants
from observing_monitor.streams import described_headlines, source_lines, tells_of_files, told_words
from observing_monitor.year_page import (
    NIGHTS_BEGIN,
    NIGHTS_END,
    months,
    nights_csv,
    nights_json,
    year_json,
    year_of,
    year_page,
    years,
)

if TYPE_CHECKING:
    import datetime

    from observing_monitor.config import Stream
    from observing_monitor.files import Output
    from observing_monitor.publish import Published
    from observing_monitor.site import Site
    from observing_monitor.store import Fault, Index

P = TypeVar("P", SitePage, GlossaryPage)
RECENT_NIGHTS = 2  # the newest nights, whose worst status is the stream's
SHOWN_NIGHTS = (
    90  # in the table and the charts of a stream's page; all are on the pages of the years
)
SHOWN_MONTHS = 3  # of the calendar there
OF_YEAR = (".json", ".csv", ".html")  # what the names of a year's files end with, its page's last
CARD_NIGHTS = 14  # the nights that the site's page shows of a stream


@dataclass(frozen=True)
class _State:
    """How a stream is: what its pages, its card and its standing are made of."""

    summaries: Sequence[Summary]  # newest first
    silent: dict[str, Fault]  # the faults of its sources, and our own, by name
    word: str
    info: str
    trouble: str  # the worst that is wrong, and the night that it is of
    its_night: str
    headlines: list[Headline]
    has_files: bool


def _state(site: Site, stream: Stream, index: Index, now: datetime.datetime) -> _State:
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
    word = status.worst(
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
    units = {
        name: unit
        for _, row in sorted(index["nights"].items())
        if row.get("units")
        for name, unit in row["units"].items()
    }
    return _State(
        summaries,
        silent,
        word,
        info,
        trouble,
        its_night,
        described_headlines(stream, units),
        tells_of_files(stream),
    )


def publish_stream(
    site: Site, stream: Stream, index: Index, now: datetime.datetime, done: Published
) -> StreamCard:
    """A stream's index page, its data, and `latest.html`; returns the stream's card for the site's page."""
    state = _state(site, stream, index, now)
    _publish_pages(site, stream, index, state, now, done)
    href, latest = f"{_folder(stream)}index.html", state.summaries[0] if state.summaries else None
    done.standings.append(
        Standing(
            site=site.title,
            stream=stream.name,
            title=stream.title,
            status=state.word,
            info=state.info,
            trouble=state.trouble,
            night=latest["night"] if latest else "",
            href=href,
            url=address(site.url, href),
            latest=latest,
            rule=stream.rule,
            silent=state.silent,
            sources=[(source.name, source.kind) for source in stream.sources],
        )
    )
    return _card(stream, state)


def _folder(stream: Stream) -> str:
    """What the names of a stream's files begin with, relative to the output."""
    return f"{stream.folder}/" if stream.folder else ""


def _publish_pages(
    site: Site, stream: Stream, index: Index, state: _State, now: datetime.datetime, done: Published
) -> None:
    """The pages of a stream and of its years, and their data, where they are not current."""
    summaries, output = state.summaries, site.output
    common = [
        site.key,
        site.title,
        stream.title,
        stream.rule.text,
        stream.stale_after_s,
        state.has_files,
        stream.last_stage,
        [asdict(headline) for headline in state.headlines],
    ]
    _publish_years(site, stream, index, summaries[::-1], state.headlines, common, done)
    read = [(source.name, source.kind, source.place) for source in stream.sources]
    key = digest([common, _row_keys(index, summaries), read, state.silent, state.word, state.info])
    to_json, to_csv, to_latest, to_html = (
        f"{_folder(stream)}{name}"
        for name in ("nights.json", "nights.csv", "latest.html", "index.html")
    )
    if index.get("page") != key or not all(
        output.exists(name) for name in (to_json, to_csv, to_latest, to_html)
    ):
        page = _stream_page(site, stream, state, key)
        output.write(to_json, _nights_json(output, stream, now, reversed(summaries)))
        output.write_changed(
            to_csv, _nights_csv(output, stream, reversed(summaries), state.headlines)
        )
        output.write_changed(to_latest, pages.render_latest(_for_ever(page), site.assets))
        output.write(to_html, pages.render_stream(page, site.assets))
        index["page"] = key
        done.n_pages += 1


def _card(stream: Stream, state: _State) -> StreamCard:
    """A stream as the site's page shows it."""
    cards = [
        NightRow(f"{stream.folder}/{night['night']}.html", with_instants(night))
        for night in state.summaries[:CARD_NIGHTS]
    ]
    return StreamCard(
        stream=stream.name,
        name=stream.title,
        href=f"{stream.folder}/index.html",
        status=state.word,
        info=state.info,
        trouble=state.trouble,
        trouble_href=f"{stream.folder}/{state.its_night}.html#findings"
        if state.its_night
        else f"{stream.folder}/index.html#sources",
        latest=cards[0] if cards else None,
        nights=cards,
        chart=_small_chart(cards[::-1], state.has_files, state.headlines, bool(stream.last_stage)),
        has_files=state.has_files,
        has_ingest=bool(stream.last_stage),
        headlines=state.headlines,
    )


def _is_known(
    site: Site, stream: Stream, recent: Sequence[Summary], name: str, fault: Fault
) -> bool:
    """Whether a source's silence is a known issue of the stream's newest night."""
    night, words = (
        parse_night(recent[0]["night"]) if recent else None,
        status.silence_words(name, fault),
    )
    return night is not None and any(
        issue.holds(stream.name, night) and issue.begins(words) for issue in site.known
    )


def _for_ever(page: StreamPage) -> StreamPage:
    """The page as `latest.html` takes it: it leads on at once, and is the same until there is another night, or status."""
    return replace(page, frame=replace(page.frame, name="latest.html", made_of=""))


def _row_keys(index: Index, summaries: Sequence[Summary]) -> list[str | None]:
    """What tells that a night's summary is another: the fingerprints of the nights' pages, which hold the summaries whole."""
    return [index["nights"][summary["night"]].get("page") for summary in summaries]


def _publish_years(
    site: Site,
    stream: Stream,
    index: Index,
    summaries: Sequence[Summary],
    headlines: list[Headline],
    common: list[object],
    done: Published,
) -> None:
    """The pages of a stream's years and their data; `summaries` are oldest first. Pages of years without a night go."""
    folder = _folder(stream)
    before, known = (
        index.get("years") or {},
        {year: list(nights) for year, nights in itertools.groupby(summaries, year_of)},
    )
    index["years"], start = {}, 0
    for year, nights in known.items():
        earlier = summaries[max(0, start - usual.NIGHTS) : start]
        start += len(nights)
        key = digest([common, list(known), _row_keys(index, earlier), _row_keys(index, nights)])
        to_json, to_csv, to_html = names = [f"{folder}{year}{ending}" for ending in OF_YEAR]
        if before.get(year) != key or not all(site.output.exists(name) for name in names):
            page = year_page(site, stream, year, nights, earlier, list(known), headlines, key)
            site.output.write_changed(to_json, year_json(stream, page, nights))
            site.output.write_changed(to_csv, nights_csv(nights, headlines))
            site.output.write(to_html, pages.render_year(page, site.assets))
            done.n_pages += 1
        index["years"][year] = key
    for year in set(before) - set(known):
        for ending in reversed(OF_YEAR):
            site.output.remove(f"{folder}{year}{ending}")


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


CHART_HEIGHT = 60  # of the bars of a small chart, in its own units
BAR_STEP = 14  # from bar to bar


def _small_chart(
    rows: Sequence[NightRow], has_files: bool, headlines: list[Headline], has_ingest: bool
) -> SmallChart | None:
    """The chart of a card: a bar a night, of files by what became of them or, where there are none, of the first headline."""
    named = {
        "ingested": f"{'ingested' if has_ingest else 'arrived'} or left out",
        "pending": "pending",
        "failed": "failed, missing, gone or small",
    }
    legend = named
    if has_files:
        made = [_parts_of(row.values) for row in rows]
        said = [
            ", ".join(f"{n:,} {named[tone]}" for tone, n in parts.items() if n) or "no files"
            for parts in made
        ]
    else:
        first = next(
            (h for h in headlines if any(row.values.get(h.name) is not None for row in rows)), None
        )
        made = [{"total": max(row.values.get(first.name) or 0, 0)} for row in rows] if first else []
        said = (
            [f"{first.label} {pages.headline(row.values.get(first.name), first)}" for row in rows]
            if first
            else []
        )
        legend = {"total": first.label} if first else {}
    most = max((sum(parts.values()) for parts in made), default=0)
    if not rows or not legend or not most:
        return None
    bars, words = [], []
    for number, (row, parts, told) in enumerate(zip(rows, made, said, strict=True)):
        at, title = float(CHART_HEIGHT), f"{row.values['night']}: {told} ({row.values['status']})"
        stacked = []
        for tone, n in parts.items():
            height = round(max(n / most * CHART_HEIGHT, 1.5), 1) if n else 0
            at = round(at - height, 1)
            stacked += [pages.BarPart(tone, at, height)] if n else []
        mark = "" if row.values["status"] == "normal" else pages.SIGNS[row.values["status"]]
        bars.append(pages.Bar(number * BAR_STEP + 1, title, stacked, mark))
        words.append(title)
    return pages.SmallChart(
        "; ".join(words), [Link(text, tone) for tone, text in legend.items()], bars
    )


def _parts_of(summary: Summary) -> dict[str, int]:
    """A night's files by what an observer has to do with them: nothing, wait, or look."""
    parts = {
        "ingested": summary["n_ingested"] + summary["n_ignored"] + summary["n_not_fits"],
        "pending": summary["n_pending"],
    }
    return parts | {"failed": summary["n_files"] - sum(parts.values())}


def _stream_page(site: Site, stream: Stream, state: _State, key: str) -> StreamPage:
    from observing_monitor import charts

    summaries, has_ingest = state.summaries, bool(stream.last_stage)
    shown, earlier = summaries[:SHOWN_NIGHTS], summaries[SHOWN_NIGHTS : SHOWN_NIGHTS + usual.NIGHTS]
    rows = [NightRow(f"{summary['night']}.html", with_instants(summary)) for summary in shown]
    return StreamPage(
        frame=frame(site, stream, stream.title, state.word, state.info, "index.html", key),
        site=site_link(site, stream),
        rule=stream.rule.text,
        stage=stream.last_stage,
        latest=rows[0] if rows else None,
        nights=rows,
        n_nights=len(summaries),
        months=months(shown, state.has_files)[-SHOWN_MONTHS:],
        years=years(summaries, state.headlines),
        charts=charts.stream_charts(
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
        made = output.read(f"{_folder(stream)}{year}.json") or b""
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
        made = output.read(f"{_folder(stream)}{year}.csv") or b""
        parts.append(
            (made if made.startswith(head) else as_bytes(nights_csv(nights, headlines)))[
                len(head) :
            ]
        )
    return b"".join(parts)


def attention(cards: Sequence[StreamCard]) -> tuple[str, list[StreamCard]]:
    """How many streams need attention, in words, "" where none does; and their cards, the worst first."""
    by_level = {
        level: [card for card in cards if card.status == level] for level in ("error", "warning")
    }
    troubled = [card for level in by_level.values() for card in level]
    line = (
        f"{pages.n_of(len(troubled), 'stream')} need{'s' if len(troubled) == 1 else ''} attention"
        if troubled
        else ""
    )
    if all(by_level.values()):
        line += "".join(f", {len(level)} with {name}s" for name, level in by_level.items())
    return line, troubled


def publish_site(site: Site, cards: list[StreamCard], done: Published) -> str:
    """The site's standing and, over streams that have pages of their own, its page; returns that one's fingerprint."""
    word = status.worst(card.status for card in cards)
    line, troubled = attention(cards)
    info = (
        f"{line}: {'; '.join(f'{card.name}, {card.trouble}' for card in troubled)}"
        if troubled
        else ""
    )
    night = max((standing.night for standing in done.standings), default="")
    url = address(site.url, "index.html")
    done.standings.insert(
        0, Standing(site.title, SITE, site.title, word, info, line, night, "index.html", url)
    )
    key = digest([site.key, site.title, [asdict(card) for card in cards]])
    if site.has_site_page:
        page = SitePage(
            frame(site, None, site.title, word, info, "index.html", key), line, troubled, cards
        )
        _write_if_new(site, key, page, pages.render_site, done)
    return key


def publish_glossary(site: Site, done: Published) -> None:
    """Write the page that explains the words of all others, if it changed."""
    groups = pages.glossary_groups(told_words(site.streams))
    key = digest([site.key, site.title, [asdict(group) for group in groups]])
    page = GlossaryPage(
        frame=frame(site, None, "Glossary", "", "", "glossary.html", key),
        index=Link(site.title, "index.html"),
        groups=groups,
    )
    _write_if_new(site, key, page, pages.render_glossary, done)


def _write_if_new(
    site: Site, key: str, page: P, render: Callable[[P, Mapping[str, str]], str], done: Published
) -> None:
    """Write one of the site's own pages unless the one there was made from the same."""
    record, name = site.output.read_json("data/site.json") or {}, page.frame.name
    if record.get(name) == key and site.output.exists(name):
        return
    site.output.write(name, render(page, site.assets))
    site.output.write_json("data/site.json", record | {name: key})
    done.n_pages += 1
