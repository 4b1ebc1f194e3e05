"""Findings about flows that have stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.judging.usual_flows import FILES
from observing_monitor.model.finding import Finding
from observing_monitor.model.nights import parse_utc
from observing_monitor.model.wording import clock, interval
from observing_monitor.settings.traits import file_sources, stage_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from observing_monitor.judging.quiet import Stopped
    from observing_monitor.settings.stream import Stream


def stopped_findings(
    stopped: Iterable[Stopped], stream: Stream, has_files: bool
) -> Iterator[Finding]:
    """Yield a finding for each flow that has stopped.

    Parameters
    ----------
    stopped : iterable of Stopped
    stream : Stream
    has_files : bool
        True if the night has a list of files.
    """
    for one in stopped:
        source = file_sources(stream)[0] if one.flow == FILES else stage_sources(stream, one.flow)
        href = "#files" if has_files else ""
        yield Finding(one.level, _words(one), href, source, since=one.since)


def _words(stopped: Stopped) -> str:
    """Return the text of a finding, with instants and no age."""
    at = f"{clock(parse_utc(stopped.since))} UTC"
    every = f"; usually one every {interval(stopped.every_s)}" if stopped.every_s else ""
    if stopped.flow == FILES:
        if stopped.is_nothing_yet:
            return f"no file yet; usually there are some by {at}"
        return f"no file since {at}{every}"
    if stopped.is_nothing_yet:
        return f"stage {stopped.flow}: no file yet, though files wait since {at}"
    return f"stage {stopped.flow}: no file since {at}, though files wait{every}"
