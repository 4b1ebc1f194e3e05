"""Faults of a stream's sources, as its page shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.collecting.looks import began_at

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from observing_monitor.collecting.outcome import Outcome
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Fault, Index


PROGRAM = "observing_monitor"  # the name of our own faults, among names of sources


def note_sources(
    index: Index,
    stream: Stream,
    outcomes: Iterable[Outcome],
    nights: Sequence[datetime.date],
    now: datetime.datetime,
) -> None:
    """Note each source's last fault in the index.

    Nights for which there was no time are a fault of ours, a warning.
    """
    if not nights:
        return
    before = index["sources"]
    faults: dict[str, str] = {}
    outcomes = sorted(outcomes, key=lambda outcome: outcome.night)
    for outcome in outcomes:
        faults.update(outcome.problems)
    left = unlooked(nights, outcomes)
    if left:
        faults[PROGRAM] = unlooked_message(left)
    asked = [described.name for described in stream.sources]
    notes: dict[str, Fault] = {}
    for name in [*asked, *(set(faults) - set(asked))]:
        notes[name] = {}
        if name in faults:
            since = began_at(before.get(name), now)
            notes[name] = {"problem": faults[name], "since": since}
    if left:
        notes[PROGRAM]["level"] = "warning"
    index["sources"] = notes


def unlooked(nights: Iterable[datetime.date], outcomes: Iterable[Outcome]) -> list[datetime.date]:
    """Return the nights that a run had no time for."""
    looked = {outcome.night for outcome in outcomes}
    return [night for night in nights if night not in looked]


def unlooked_message(nights: Sequence[datetime.date]) -> str:
    """Return the message about nights that a run had no time for."""
    several = len(nights) > 1
    count = f"{len(nights):,} nights" if several else "1 night"
    span = f"{nights[0]} to {nights[-1]}" if several else str(nights[0])
    return (
        f"{count} not looked at, {span}: the run's time was up; "
        "they stay as they were, the next run goes on (max_run_s is its limit)"
    )
