"""A stream's card on the page of the site."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.model.digest import with_instants
from observing_monitor.model.finding import is_alarming
from observing_monitor.pages.contexts import (
    Bar,
    BarPart,
    LatestNight,
    Link,
    SmallChart,
    StreamCard,
)
from observing_monitor.pages.labels import headline_text
from observing_monitor.pages.night_tables import delays_table
from observing_monitor.pages.render import SIGNS, STATUS_TEXTS
from observing_monitor.pages.stream_tables import StreamTables
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observing_monitor.model.columns import Summary
    from observing_monitor.pages.stream_state import State
    from observing_monitor.settings.headlines import Headline
    from observing_monitor.settings.stream import Stream


CARD_NIGHTS = 14  # nights of a stream on the site's page
CHART_HEIGHT = 60  # of the bars of a small chart, in its own units
BAR_STEP = 14  # from one bar to the next
MIN_HEIGHT = 1.5  # of a part of a bar, so that one file of thousands is seen


class _Night(NamedTuple):
    """A night in a small chart, in numbers and in words."""

    parts: dict[str, float]
    words: str


def stream_card(stream: Stream, state: State) -> StreamCard:
    """Return a stream's card."""
    nights, has_ingest = state.summaries[:CARD_NIGHTS], bool(stream.last_stage)
    tables = StreamTables(state.headlines, state.has_files, has_ingest, state.has_exposures)
    index = layout.in_folder(stream.folder, layout.INDEX_PAGE)
    return StreamCard(
        stream=stream.name,
        name=stream.title,
        href=index,
        status=state.word,
        info=state.info,
        trouble=state.trouble,
        trouble_since=state.its_since,
        trouble_href=_trouble_href(stream, state) or f"{index}#sources",
        latest=latest_night(nights[0], stream.folder, has_ingest) if nights else None,
        nights=tables.recent(nights, stream.folder),
        chart=small_chart(nights[::-1], state, has_ingest),
        has_files=state.has_files,
        has_ingest=has_ingest,
        headlines=state.headlines,
    )


def latest_night(summary: Summary, folder: str, has_ingest: bool) -> LatestNight:
    """Return the newest night of a stream.

    `folder` is the way from the page to the stream's.
    """
    href = layout.in_folder(folder, layout.night_page(summary["night"]))
    return LatestNight(href, with_instants(summary), delays_table(summary, has_ingest))


def _trouble_href(stream: Stream, state: State) -> str:
    if not state.its_night:
        return ""
    return f"{layout.in_folder(stream.folder, layout.night_page(state.its_night))}#findings"


# --- the small chart -----------------------------------------------------------------------------


def small_chart(summaries: Sequence[Summary], state: State, has_ingest: bool) -> SmallChart | None:
    """Return the chart of a card, if there is anything to show.

    Bars are files by class or, without files, values of the first headline that has any.
    """
    if state.has_files:
        legend = {
            "ingested": f"{'ingested' if has_ingest else 'arrived'} or left out",
            "pending": "pending",
            "failed": "failed, missing, gone or small",
        }
        nights = [_night_of_files(summary, legend) for summary in summaries]
    else:
        shown = (h for h in state.headlines if any(s.get(h.name) is not None for s in summaries))
        headline = next(shown, None)
        if headline is None:
            return None
        legend = {"total": headline.label}
        nights = [_night_of_headline(summary, headline) for summary in summaries]
    highest = max((sum(night.parts.values()) for night in nights), default=0)
    if not highest:
        return None
    bars = [
        _bar(number, summary, night, highest)
        for number, (summary, night) in enumerate(zip(summaries, nights, strict=True))
    ]
    words = "; ".join(bar.title for bar in bars)
    return SmallChart(words, [Link(text, tone) for tone, text in legend.items()], bars)


def _night_of_files(summary: Summary, legend: dict[str, str]) -> _Night:
    """Count the files that are done, wait, or need a look."""
    ingested = summary["n_ingested"] + summary["n_ignored"] + summary["n_not_fits"]
    pending = summary["n_pending"]
    failed = summary["n_files"] - ingested - pending
    parts = {"ingested": ingested, "pending": pending, "failed": failed}
    words = ", ".join(f"{n:,} {legend[tone]}" for tone, n in parts.items() if n)
    return _Night(parts, words or "no files")


def _night_of_headline(summary: Summary, headline: Headline) -> _Night:
    value = summary.get(headline.name)
    words = f"{headline.label} {headline_text(value, headline)}"
    return _Night({"total": max(value or 0, 0)}, words)


def _bar(number: int, summary: Summary, night: _Night, highest: float) -> Bar:
    top, parts = float(CHART_HEIGHT), []
    for tone, n in night.parts.items():
        if n:
            height = round(max(n / highest * CHART_HEIGHT, MIN_HEIGHT), 1)
            top = round(top - height, 1)
            parts.append(BarPart(tone, top, height))
    status = summary["status"]
    title = f"{summary['night']}: {night.words} ({STATUS_TEXTS[status]})"
    return Bar(number * BAR_STEP + 1, title, parts, SIGNS[status] if is_alarming(status) else "")
