"""A stream's card on the site's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observing_monitor.model.columns import Summary
from observing_monitor.model.digest import with_instants
from observing_monitor.pages import contexts, render
from observing_monitor.pages.contexts import Link, NightRow, StreamCard
from observing_monitor.settings.headlines import Headline

if TYPE_CHECKING:
    from observing_monitor.pages.contexts import SmallChart
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Fault


CARD_NIGHTS = 14  # the nights that the site's page shows of a stream


@dataclass(frozen=True)
class State:
    """How a stream is: what its pages, its card and its standing are made of."""

    summaries: Sequence[Summary]  # newest first
    silent: dict[str, Fault]  # the faults of its sources, and our own, by name
    word: str
    info: str
    trouble: str  # the worst that is wrong, and the night that it is of
    its_night: str
    headlines: list[Headline]
    has_files: bool


def folder_prefix(stream: Stream) -> str:
    """What the names of a stream's files begin with, relative to the output."""
    return f"{stream.folder}/" if stream.folder else ""


def card(stream: Stream, state: State) -> StreamCard:
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
            [f"{first.label} {render.headline(row.values.get(first.name), first)}" for row in rows]
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
            stacked += [contexts.BarPart(tone, at, height)] if n else []
        mark = "" if row.values["status"] == "normal" else render.SIGNS[row.values["status"]]
        bars.append(contexts.Bar(number * BAR_STEP + 1, title, stacked, mark))
        words.append(title)
    return contexts.SmallChart(
        "; ".join(words), [Link(text, tone) for tone, text in legend.items()], bars
    )


def _parts_of(summary: Summary) -> dict[str, int]:
    """A night's files by what an observer has to do with them: nothing, wait, or look."""
    parts = {
        "ingested": summary["n_ingested"] + summary["n_ignored"] + summary["n_not_fits"],
        "pending": summary["n_pending"],
    }
    return parts | {"failed": summary["n_files"] - sum(parts.values())}
