"""What a run would find: the output, and each source with what it answers or what is wrong with it. Nothing is written."""

from __future__ import annotations

import functools
import os
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observing_monitor.collecting.asking import StartQueue
from observing_monitor.collecting.sources import begin_nights, timed_sources, told_of
from observing_monitor.errors import OutputError
from observing_monitor.model import columns
from observing_monitor.model.nights import parse_utc
from observing_monitor.readers.patterns import Pattern
from observing_monitor.readers.plain_files import is_address
from observing_monitor.storage.output import SplitOutput
from observing_monitor.storage.store import FOLDER, Store

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence
    from typing import Any

    from observing_monitor.collecting.asking import TimedSource
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.output import Output


LOW_SPACE_BYTES = 1_000_000_000
MAX_NOTES = 3  # odd things that are told of a source; the rest are counted


@dataclass
class Answer:
    """What was found of one thing."""

    verdict: str  # ok, odd (it works, but look), FAILED
    said: list[str] = field(default_factory=list)  # a line each


def check_output(output: Output | None, streams: list[Stream], now: datetime.datetime) -> Answer:
    """Whether the output can be written, has room, is at work, and what is in it."""
    if output is None:
        return Answer(
            "FAILED",
            [
                "output_dir is not set; give --output_dir DIR, or output_dir in [observing_monitor] of the settings file"
            ],
        )
    answer = Answer("ok")
    for name, place in _places(output).items():
        found = _check_objects(place) if is_address(place.root) else _check_folder(place, name)
        answer.verdict = (
            found.verdict if answer.verdict == "ok" or found.verdict == "FAILED" else answer.verdict
        )
        answer.said += (
            found.said
            if name == "output_dir"
            else [f"{name} {place.root}: {said}" for said in found.said]
        )
    if answer.verdict == "FAILED":
        return answer
    if output.is_locked():
        answer.said.append("another run is at work on it now")
    beat = output.read_json("data/heartbeat.json") or {}
    if isinstance(beat.get("run_at"), str):
        run_at = parse_utc(beat["run_at"])
        answer.said.append(
            f"last run at {_clock(run_at)}, {_span((now - run_at).total_seconds())} ago"
        )
    else:
        answer.said.append("no run has finished there yet")
    for stream in streams:
        store = Store(output, stream.name)
        there = store.nights()
        version = (output.read_json(f"{store.folder}/index.json") or {}).get("schema_version")
        if version not in (None, columns.SCHEMA_VERSION):
            answer.verdict = "odd"
            answer.said.append(
                f"{stream.name}: its store is of version {version}, this program's {columns.SCHEMA_VERSION}; the next run remakes its index"
            )
        answer.said.append(f"store of {stream.name}: {_nights(there)}")
    for name in removed_streams(output, streams):
        answer.verdict = "odd"
        words = f"remove {output.path(FOLDER, f'stream={name}')} and {output.path(name)} if nobody wants them"
        answer.said.append(
            f"{name}: its pages and its store are there, and the settings don't name it; {words}, or name it again"
        )
    return answer


def removed_streams(output: Output, streams: Iterable[Stream]) -> list[str]:
    """The streams that an output has a store of, and that the settings don't name."""
    there = [name for name in output.names(FOLDER) if name.startswith("stream=")]
    return sorted(
        {name.removeprefix("stream=") for name in there} - {stream.name for stream in streams}
    )


def _places(output: Output) -> dict[str, Output]:
    """Where is written, by the setting that names it."""
    return (
        {"output_dir": output.pages, "store_dir": output.kept}
        if isinstance(output, SplitOutput)
        else {"output_dir": output}
    )


def _check_folder(output: Output, name: str) -> Answer:
    """Whether a folder can be written, or made, and has room."""
    place = output.root
    while not os.path.exists(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        return Answer("FAILED", [f"{place} is no folder; choose another {name}"])
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        return Answer(
            "FAILED",
            [
                f"{place} can't be written by this user (uid {os.geteuid()}); change its owner or mode, or {name}"
            ],
        )
    space = shutil.disk_usage(place)
    said = (
        "can be written"
        if place == output.root
        else f"is not there yet, and can be made in {place}"
    )
    said += f"; {_bytes(space.free)} of {_bytes(space.total)} free"
    if space.free < LOW_SPACE_BYTES:
        return Answer(
            "odd", [said, "there is little room: previews and tables need some MB a night"]
        )
    return Answer("ok", [said])


def _check_objects(output: Output) -> Answer:
    """Whether an object store answers; that it can be written would take a writing to tell."""
    try:
        output.names("")
    except OutputError as error:
        return Answer("FAILED", [str(error)])
    return Answer("ok", ["can be listed"])


def check_source(
    source: Any, stream: Stream, nights: list[datetime.date], now: datetime.datetime
) -> Answer:
    """What a source answers when it is asked as a run would: which nights it knows, and what its newest has."""
    started, faults = time.monotonic(), dict[str, str]()
    with told_of(source, "as check asks it", faults):
        known = sorted(source.nights())
        for night in nights:
            source.look(night, None)
        newest = next(
            (night for night in reversed(known) if night <= stream.rule.night_of(now)),
            nights[-1] if nights else None,
        )
        reading = source.read(newest) if newest else None
        took_s = time.monotonic() - started
        told = (
            _of_reading(reading, newest, stream) if reading is not None and newest else Answer("ok")
        )
    if faults:
        return Answer("FAILED", [*faults.values(), f"after {time.monotonic() - started:.2f} s"])
    answer = Answer("ok", [f"{_nights(known)}; answered in {took_s:.2f} s"])
    pattern = getattr(source.source, "pattern", None)
    if isinstance(pattern, Pattern):
        answer.said += pattern.remarks()
    tonight = stream.rule.night_of(now)
    if not known:
        answer = Answer(
            "odd", [*answer.said, "it answers, but knows of no night; is it the right place?"]
        )
    elif known[-1] > tonight:
        answer = Answer(
            "odd",
            [
                *answer.said,
                f"it knows of nights that are yet to come, up to {known[-1]}; is night_rule {stream.rule.text} right?",
            ],
        )
    elif known[-1] < nights[0]:
        words = f"nothing of the nights that a run looks at, {nights[0]} to {nights[-1]}; for older ones: observing_monitor rebuild"
        answer = Answer("odd", [*answer.said, words])
    return Answer(
        "odd" if "odd" in (answer.verdict, told.verdict) else "ok", answer.said + told.said
    )


def _of_reading(reading: Any, night: datetime.date, stream: Stream) -> Answer:
    """What a night's reading has, and what is odd about it."""
    answer = Answer("ok")
    tables = {"files": reading.files, "attempts": reading.attempts, "metrics": reading.metrics}
    counts = [f"{len(table):,} {name}" for name, table in tables.items() if table is not None]
    times = {"files": "transferred_at", "attempts": "attempted_at", "metrics": "sampled_at"}
    latest = [
        table[times[name]].max()
        for name, table in tables.items()
        if table is not None and len(table)
    ]
    newest = [at for at in latest if at == at]  # NaT is not itself
    answer.said.append(
        f"of {night}: {', '.join(counts) or 'no table'}"
        + (f", the last at {_clock(max(newest))}" if newest else "")
    )
    start, end = stream.rule.bounds(night)
    if reading.files is not None and len(reading.files):
        made = reading.files["created_at"].dropna()
        n_outside = int(((made < start) | (made >= end)).sum())
        if n_outside * 2 > len(made):
            answer.verdict = "odd"
            answer.said.append(
                f"{n_outside:,} of {len(made):,} files of {night} were created outside that night, {_clock(start)} to {_clock(end)}; "
                f"is night_rule {stream.rule.text} right?"
            )
    if reading.notes:
        answer.verdict = "odd"
        answer.said += [f"odd: {note[:300]}" for note in reading.notes[:MAX_NOTES]]
        if len(reading.notes) > MAX_NOTES:
            answer.said.append(f"and {len(reading.notes) - MAX_NOTES:,} more odd things")
    return answer


def sources_of(streams: Sequence[Stream], now: datetime.datetime) -> dict[str, list[TimedSource]]:
    """The sources of each stream, by its name, in order; UsageError where a source's settings can't be."""
    turn = StartQueue()
    made = {stream.name: timed_sources(stream, now, turn=turn) for stream in streams}
    for name, sources in made.items():
        turn.add(name, functools.partial(begin_nights, sources))
    return made


def describe_night(stream: Stream, now: datetime.datetime) -> str:
    """What the stream's rule makes of now."""
    tonight = stream.rule.night_of(now)
    start, end = stream.rule.bounds(tonight)
    return f"a night is the date of {stream.rule.text}: now it is {tonight}, from {_clock(start)} to {_clock(end)}"


def _nights(nights: list[datetime.date]) -> str:
    if not nights:
        return "no night yet"
    return f"{len(nights):,} night{'' if len(nights) == 1 else 's'}, {nights[0]} to {nights[-1]}"


def _clock(instant: Any) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _span(seconds: float) -> str:
    from observing_monitor.model.wording import seconds as in_words

    return in_words(max(seconds, 0.0))


def _bytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
