"""Check that the output can be written and has room."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from observing_monitor.commands.answer import FAILED, FINE, ODD, Answer, clock, nights_text
from observing_monitor.commands.places import NO_OUTPUT, stored_streams
from observing_monitor.errors import OutputError
from observing_monitor.model import columns
from observing_monitor.model.nights import parse_utc
from observing_monitor.model.wording import n_of
from observing_monitor.readers.plain_files import is_address
from observing_monitor.storage import layout
from observing_monitor.storage.split_output import SplitOutput
from observing_monitor.storage.store import READABLE, Store
from observing_monitor.storage.takeover import foreign_files

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.output import Output


LOW_SPACE_BYTES = 1_000_000_000
MAX_FOREIGN = 3  # files of others that are named


def check_output(output: Output | None, streams: list[Stream], now: datetime.datetime) -> Answer:
    """Return what a run would find in its output."""
    if output is None:
        return Answer(FAILED, [NO_OUTPUT])
    answer = Answer(FINE)
    for name, place in _places(output).items():
        found = _check_objects(place) if is_address(place.root) else _check_folder(place, name)
        if name != "output_dir":
            lines = [f"{name} {place.root}: {line}" for line in found.lines]
            found = Answer(found.verdict, lines)
        answer += found
    if answer.verdict == FAILED:
        return answer
    try:
        if output.is_locked():
            answer += Answer(FINE, ["another run is at work on it now"])
    except OutputError as error:
        return answer + Answer(FAILED, [str(error)])
    answer += Answer(FINE, [_last_run(output, now)])
    for stream in streams:
        answer += _check_store(output, stream)
    answer += _check_ours(output, streams)
    for name in removed_streams(output, streams):
        folders = f"{output.path(layout.stream_store(name))} and {output.path(name)}"
        words = "its pages and its store are there, but the settings do not name it"
        remedy = f"remove {folders} if nobody wants them, or name it again"
        answer += Answer(ODD, [f"{name}: {words}; {remedy}"])
    return answer


def _places(output: Output) -> dict[str, Output]:
    """Return the outputs by the setting that names them."""
    if isinstance(output, SplitOutput):
        return {"output_dir": output.pages, "store_dir": output.kept}
    return {"output_dir": output}


def _check_folder(output: Output, name: str) -> Answer:
    """Check that a folder can be written and has room."""
    place = output.root
    while not os.path.exists(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        return Answer(FAILED, [f"{place} is no folder; choose another {name}"])
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        who = f"can't be written by this user (uid {os.geteuid()})"
        return Answer(FAILED, [f"{place} {who}; change its owner or mode, or {name}"])
    space = shutil.disk_usage(place)
    is_there = place == output.root
    words = "can be written" if is_there else f"is not there yet, and can be made in {place}"
    answer = Answer(FINE, [f"{words}; {_gigabytes(space.free)} of {_gigabytes(space.total)} free"])
    if space.free < LOW_SPACE_BYTES:
        answer += Answer(ODD, ["there is little room: previews and tables need some MB a night"])
    return answer


def _check_objects(output: Output) -> Answer:
    """Check that an object store answers."""
    try:
        output.names("")
    except OutputError as error:
        return Answer(FAILED, [str(error)])
    return Answer(FINE, ["can be listed"])


def _last_run(output: Output, now: datetime.datetime) -> str:
    from observing_monitor.model.wording import seconds as duration

    beat = output.read_json(layout.HEARTBEAT) or {}
    if not isinstance(beat.get("run_at"), str):
        return "no run has read the sources yet"
    run_at = parse_utc(beat["run_at"])
    ago = duration(max((now - run_at).total_seconds(), 0.0))
    return f"sources last read at {clock(run_at)}, {ago} ago"


def _check_store(output: Output, stream: Stream) -> Answer:
    """Check the version of a store, and count its nights."""
    store = Store(output, stream.name)
    found = Answer(FINE, [f"store of {stream.name}: {nights_text(store.nights())}"])
    index = output.read_json(layout.index_file(stream.name)) or {}
    version = index.get("schema_version")
    if version is None or version in READABLE:
        return found
    words = f"its store is of version {version}, this program's {columns.SCHEMA_VERSION}"
    return Answer(ODD, [f"{stream.name}: {words}; the next run remakes its index"]) + found


def _check_ours(output: Output, streams: Iterable[Stream]) -> Answer:
    """Name files of others that are in the way."""
    folders = [(stream.name, stream.folder) for stream in streams]
    try:
        output.has_ledger()  # it may be a file of others itself
        for folder in (layout.ASSETS, *(folder for _, folder in folders)):
            output.check_folder(folder)
        found = [output.path(path) for path in foreign_files(output, folders)]
    except OutputError as error:
        return Answer(FAILED, [str(error)])
    if not found:
        return Answer(FINE)
    shown = ", ".join(found[:MAX_FOREIGN]) + (", …" if len(found) > MAX_FOREIGN else "")
    words = f"{n_of(len(found), 'file')} of others where pages will be, which no run replaces"
    remedy = "choose another output_dir, or take them over with `observing_monitor adopt --yes`"
    return Answer(FAILED, [f"{words}: {shown}; {remedy}"])


def removed_streams(output: Output, streams: Iterable[Stream]) -> list[str]:
    """Return the stored streams that the settings do not name."""
    return sorted({*stored_streams(output)} - {stream.name for stream in streams})


def _gigabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:,.1f} GB"
