"""Check a source: ask it as a run would."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from observing_monitor.collecting.rows import rows_of
from observing_monitor.collecting.sources import catch_faults
from observing_monitor.commands.answer import FAILED, FINE, ODD, Answer, clock, nights_text
from observing_monitor.judging.left_out import is_of_rows, nothing_words
from observing_monitor.model.wording import n_of
from observing_monitor.readers.patterns import Pattern

if TYPE_CHECKING:
    import datetime

    from observing_monitor.settings.stream import Stream


MAX_NOTES = 3  # of a source; the rest are counted
# column of each table that says how new it is
TIMES = {
    "files": "transferred_at",
    "attempts": "attempted_at",
    "metrics": "sampled_at",
    "remarks": "begin_at",
}


def check_source(
    source: Any, stream: Stream, nights: list[datetime.date], now: datetime.datetime
) -> Answer:
    """Return the nights of a source, and its newest data.

    Parameters
    ----------
    source : TimedSource
    stream : Stream
    nights : list of date
        Those that a run looks at, in order.
    now : datetime
    """
    started, faults = time.monotonic(), dict[str, str]()
    with catch_faults(source, "as check asks it", faults):
        known = sorted(source.nights())
        for night in nights:
            source.look(night, None)
        tonight = stream.rule.night_of(now)
        past = [night for night in known if night <= tonight]
        newest = past[-1] if past else nights[-1] if nights else None
        reading = source.read(newest) if newest else None
        took_s = time.monotonic() - started
        found = _check_reading(reading, newest, stream) if reading and newest else Answer(FINE)
    if faults:
        return Answer(FAILED, [*faults.values(), f"after {time.monotonic() - started:.2f} s"])
    if getattr(source.source, "is_of_all_nights", False):
        words = "it reads no file: its settings say what is expected of every night"
        return Answer(FINE, [words]) + found
    answer = Answer(FINE, [f"{nights_text(known)}; answered in {took_s:.2f} s"])
    pattern = getattr(source.source, "pattern", None)
    if isinstance(pattern, Pattern):
        answer += Answer(FINE, pattern.remarks()) + _odd(pattern.old_names())
    return answer + _check_nights(known, nights, stream, tonight) + found


def _odd(lines: list[str]) -> Answer:
    return Answer(ODD if lines else FINE, lines)


def _check_nights(
    known: list[datetime.date],
    nights: list[datetime.date],
    stream: Stream,
    tonight: datetime.date,
) -> Answer:
    """Return what is odd about a source's nights."""
    if not known:
        return Answer(ODD, ["it answers, but knows of no night; is it the right place?"])
    if known[-1] > tonight:
        words = f"it knows of nights that are yet to come, up to {known[-1]}"
        return Answer(ODD, [f"{words}; is night_rule {stream.rule.text} right?"])
    if known[-1] < nights[0]:
        words = f"nothing of the nights that a run looks at, {nights[0]} to {nights[-1]}"
        return Answer(ODD, [f"{words}; for older ones: observing_monitor rebuild"])
    return Answer(FINE)


def _check_reading(reading: Any, night: datetime.date, stream: Stream) -> Answer:
    """Return what a source's newest night has."""
    # a reading of a source that was written for an earlier version may lack some
    tables = {name: getattr(reading, name, None) for name in TIMES}
    counts = [
        n_of(len(table), name.removesuffix("s"))
        for name, table in tables.items()
        if table is not None
    ]
    latest = [
        table[TIMES[name]].max()
        for name, table in tables.items()
        if table is not None and len(table)
    ]
    newest = [at for at in latest if at == at]  # NaT is not itself
    at = f", the last at {clock(max(newest))}" if newest else ""
    answer = Answer(FINE, [f"of {night}: {', '.join(counts) or 'no table'}{at}"])
    answer += _check_times(reading.files, night, stream) + _check_rows(reading)
    if fault := getattr(reading, "fault", ""):
        answer += Answer(FAILED, [fault])
    answer += _odd([*getattr(reading, "without_effect", ()), *_check_ignore(reading.files, stream)])
    return answer + _check_notes(reading)


def _check_notes(reading: Any) -> Answer:
    """Report odd things, except the rows left out that are counted."""
    is_counted = bool(getattr(reading, "counts", None))
    notes = [note for note in reading.notes if not (is_counted and is_of_rows(note))]
    answer = Answer(ODD, [f"odd: {note[:300]}" for note in notes[:MAX_NOTES]])
    if len(notes) > MAX_NOTES:
        answer += Answer(ODD, [f"and {len(notes) - MAX_NOTES:,} more odd things"])
    return answer if notes else Answer(FINE)


def _check_ignore(files: Any, stream: Stream) -> list[str]:
    """Return a line if the stream's `ignore` fits every file."""
    from observing_monitor.tables.classify import matches

    if not stream.ignore or files is None or not len(files):
        return []
    if not matches(files["name"], stream.ignore).all():
        return []
    return [f"ignore {', '.join(stream.ignore)} fits {n_of(len(files), 'file')}, which is all"]


def _check_rows(reading: Any) -> Answer:
    """Report rows read and left out."""
    counts = getattr(reading, "counts", None)
    if counts is None:
        return Answer(FINE, ["rows: not counted"])
    places = rows_of(counts)
    n_read = sum(rows[0] for rows in places.values())
    n_left_out = sum(rows[1] for rows in places.values())
    words = f"rows: {n_read:,} read, {n_read - n_left_out:,} understood, {n_left_out:,} left out"
    if nothing := nothing_words(places):
        return Answer(FAILED, [words, nothing])
    if not n_left_out:
        return Answer(FINE, [words])
    lines = [
        f"left out: {place} {where}: {reason}"
        for place, (_, _, examples) in places.items()
        for where, reason in examples
    ]
    return Answer(ODD, [words, *lines[:MAX_NOTES]])


def _check_times(files: Any, night: datetime.date, stream: Stream) -> Answer:
    """Report if most files were created outside their night."""
    if files is None or not len(files):
        return Answer(FINE)
    start, end = stream.rule.bounds(night)
    created = files["created_at"].dropna()
    n_outside = int(((created < start) | (created >= end)).sum())
    if n_outside * 2 <= len(created):
        return Answer(FINE)
    words = f"{n_outside:,} of {len(created):,} files of {night} were created outside that night"
    span = f"{clock(start)} to {clock(end)}"
    return Answer(ODD, [f"{words}, {span}; is night_rule {stream.rule.text} right?"])
