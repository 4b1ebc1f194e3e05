"""The state of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from observing_monitor.model import finding
from observing_monitor.model.columns import Summary
from observing_monitor.model.nights import parse_night
from observing_monitor.pages.hidden import (
    faults_without_names,
    newest_rows,
    rows_without_names,
)
from observing_monitor.pages.labels import described_headlines
from observing_monitor.settings.headlines import Headline
from observing_monitor.settings.traits import reports_files

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from observing_monitor.pages.frame import Site
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Fault, Index, SourceRows


RECENT_NIGHTS = 2  # the newest nights, whose worst status is the stream's
QUALITY = "image_quality_median"  # the number of a night, and its unit
OURSELVES = "observing_monitor"  # name of this program among the sources that have faults


class State(msgspec.Struct, frozen=True):
    """The status of a stream, and what is wrong."""

    summaries: Sequence[Summary]  # newest first
    silent: dict[str, Fault]  # faults of its sources, and of this program, by name
    word: str  # none, normal, warning or error
    info: str
    trouble: str  # the worst problem; "" if all is well
    its_night: str  # the night of that problem; "" if it has none
    its_since: str  # since when data stopped, if they did, as text
    headlines: list[Headline]
    quality: Headline  # the median of the measure that is the image quality
    has_files: bool  # True if a source reports files
    has_exposures: bool  # True if a source reported exposures of any night
    rows: dict[str, SourceRows]  # of the sources that count them, by name


def stream_state(site: Site, stream: Stream, index: Index, now: datetime.datetime) -> State:
    """Return the state of a stream.

    Later nights than tonight are left out: a clock that was ahead made them, and they would hide
    what is wrong tonight.
    """
    tonight = stream.rule.night_of(now).isoformat()
    rows = [row for night, row in sorted(index["nights"].items(), reverse=True) if night <= tonight]
    summaries = [row["summary"] for row in rows if row.get("summary")]
    recent = summaries[:RECENT_NIGHTS]
    # a source that was removed is no longer at fault
    sources = {OURSELVES, *(source.name for source in stream.sources)}
    silent = {name: fault for name, fault in index["sources"].items() if fault and name in sources}
    counted = index.get("rows") or {}
    if stream.hide:
        newest = newest_rows(index)
        silent = faults_without_names(newest, silent)
        counted = rows_without_names(newest, counted)
    alarming = _alarming(site, stream, recent, silent)
    levels = [fault.get("level", "error") for fault in alarming.values()]
    word = finding.worst([*(summary["status"] for summary in recent), *levels])
    trouble, its_night = _trouble(index, recent, alarming, word)
    units = _of_newest(index, "units")
    return State(
        summaries=summaries,
        silent=silent,
        word=word,
        info=_info(recent, alarming, word),
        trouble=trouble,
        its_night=its_night,
        its_since=_worst_finding(index, its_night).get("since", ""),
        headlines=described_headlines(stream, units, _of_newest(index, "aggregates")),
        quality=Headline(QUALITY, stream.image_quality, unit=units.get(QUALITY, "")),
        has_files=reports_files(stream),
        has_exposures=any(s.get("n_exposures_science") is not None for s in summaries),
        rows={name: _shown_rows(rows) for name, rows in counted.items() if name in sources},
    )


def _shown_rows(rows: SourceRows) -> SourceRows:
    """Return what pages show of a source's rows."""
    shown = {name: rows.get(name) for name in ("n_read", "n_left_out", "examples", "since")}
    return cast("SourceRows", shown)


def _alarming(
    site: Site, stream: Stream, recent: Sequence[Summary], silent: Mapping[str, Fault]
) -> dict[str, Fault]:
    """Return the faults that are no known issues."""
    night = parse_night(recent[0]["night"]) if recent else None
    issues = [i for i in site.known if night is not None and i.holds(stream.name, night)]

    def is_known(name: str, fault: Fault) -> bool:
        from observing_monitor.judging.checks import silence_words  # few runs have a fault

        words = silence_words(name, fault)
        return any(issue.begins(words) for issue in issues)

    return {name: fault for name, fault in silent.items() if not is_known(name, fault)}


def _info(recent: Sequence[Summary], alarming: Mapping[str, Fault], word: str) -> str:
    """Return the problems of a stream of this status."""
    # no line of the table of sources has a fault of this program
    fault = alarming.get(OURSELVES, {})
    is_shown = bool(fault) and fault.get("level", "error") == word
    of_nights = [
        f"{summary['night']}: {summary['info']}"
        for summary in recent
        if summary["status"] == word and summary["info"]
    ]
    return "; ".join([*([fault["problem"]] if is_shown else []), *of_nights])


def _trouble(
    index: Index, recent: Sequence[Summary], alarming: Mapping[str, Fault], word: str
) -> tuple[str, str]:
    """Return the worst problem of a stream, and its night.

    Both are "" if all is well.
    """
    for summary in recent if finding.is_alarming(word) else ():
        if summary["status"] == word:
            text = _worst_finding(index, summary["night"]).get("text") or summary["info"]
            is_newest = summary is recent[0]
            night = summary["night"]
            return text if is_newest else f"{text} (night {night})", night
    own = [alarming[OURSELVES]["problem"]] if OURSELVES in alarming else []
    others = [f"{name} could not be read" for name in alarming if name != OURSELVES]
    return "; ".join([*own, *others]), ""


def _worst_finding(index: Index, night: str) -> dict[str, Any]:
    """Return the worst finding of a night; {} if it has none."""
    return next(iter(index["nights"].get(night, {}).get("findings") or []), {})


def _of_newest(index: Index, what: Literal["units", "aggregates"]) -> dict[str, str]:
    """Return headlines' units or aggregates, of the newest night."""
    found: dict[str, str] = {}
    for _, row in sorted(index["nights"].items()):
        found |= row.get(what) or {}
    return found
