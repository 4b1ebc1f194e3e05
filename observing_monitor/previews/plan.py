"""Choose and make the thumbnails of a stream's files.

    STREAM/YYYY-MM-DD.previews/NAME-HASH.jpg             one picture each
    data/stream=STREAM/night=YYYY-MM-DD/previews.json    files chosen, in the order of the page:
                                                         the picture, or why there is none

A picture is made once. Its key is the size and modification time of the file, and our settings. A
picture that cannot be made is tried again only if the key changes. Pictures that a run has no time
for are made by the next runs, newest first. A picture stays if its file is purged. Finding what is
to do in all nights imports neither pandas nor astropy.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import importlib.util
import json
import logging
import os
import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict, cast

from observing_monitor.errors import OutputError, StoreError
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.nights import parse_night
from observing_monitor.previews import readers
from observing_monitor.previews.choose import choose
from observing_monitor.previews.fits_picture import ALL_ZERO
from observing_monitor.previews.hidden import hide_key, is_released, release_of, shown_files
from observing_monitor.previews.preview import Preview
from observing_monitor.processes.timelimit import LOOK_S, within
from observing_monitor.storage import layout
from observing_monitor.storage.index import PREVIEWS, TABLES, is_pruned
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from pandas import Series

    from observing_monitor.model.reading import Tables
    from observing_monitor.settings.records import PreviewSettings
    from observing_monitor.settings.stream import DescribedSource, Stream
    from observing_monitor.storage.index import IndexRow
    from observing_monitor.storage.output import Output


VERSION = 1  # a new number makes all pictures again
FILE_SECONDS = 20.0  # time limit of a file
MOST_READERS = 4
MOST_AT_ONCE = 1000  # files that a run plans at most
ABSENT = "the file is not there"
NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)  # nothing is released yet
EXTRA = {"astropy": "astropy", "PIL": "Pillow"}  # module -> package

log = logging.getLogger(__name__)


class Made(TypedDict):
    """The picture of a file and its size in pixels, or why there is none."""

    picture: str
    width: int
    height: int
    why: str
    key: str  # see `_key`; "" if nothing is known of the file


class Shown(Made):
    """A file in a night's index of thumbnails."""

    file_id: str
    path: str
    name: str
    exposure: str
    detector: str
    is_waiting: bool


class Kept(TypedDict):
    """A night's index of thumbnails, as it is stored."""

    version: NotRequired[int]
    n_images: int  # images to choose from
    files: list[Shown]
    hide: NotRequired[str]  # from `hide_key`; only if the stream has hidden facts


class Plan(Kept):
    """The index of a night as this run will store it."""

    night: str
    basis: str
    release_at: NotRequired[str | None]  # when the next hidden exposure is released


def make_previews(
    stream: Stream,
    output: Output,
    jobs: int | None = None,
    now: datetime.datetime | None = None,
) -> list[str]:
    """Make a stream's missing thumbnails in time; return what went wrong.

    It updates the row of the night in the index: if its thumbnails changed, its page is stale.

    Parameters
    ----------
    stream : Stream
        Its `previews` are set.
    output : Output
    jobs : int, optional
        Number of processes; by default one per core, at most MOST_READERS.
    now : datetime, optional
        By default, no exposure with hidden facts is released.

    Returns
    -------
    list of str
        One sentence per problem.
    """
    try:
        return _make_previews(stream, output, jobs, now or NEVER)
    except OutputError:
        raise
    except Exception as error:  # pages do not depend on thumbnails
        log.exception("%s: the previews could not be made", stream.name)
        return [f"{stream.name}: the previews could not be made ({type(error).__name__}: {error})"]


def _make_previews(
    stream: Stream, output: Output, jobs: int | None, now: datetime.datetime
) -> list[str]:
    roots = _roots(stream)
    # pictures that must be hidden are removed in any case
    can_read = any(within(LOOK_S, functools.partial(os.path.isdir, root), False) for root in roots)
    if not can_read and not stream.hide:
        return []  # no folder can be read: everything stays as it is
    deadline = time.monotonic() + _settings(stream).seconds
    store = Store(output, stream.name)
    index = store.read_index()
    plans: list[Plan] = []
    waiting: list[tuple[Plan, Shown]] = []
    problems = []
    for night in sorted(index["nights"], reverse=True):
        row = index["nights"][night]
        if (
            is_pruned(row, PREVIEWS)
            or is_pruned(row, TABLES)
            or _is_done(stream, output, night, row, now)
        ):
            continue
        if time.monotonic() > deadline or len(waiting) > MOST_AT_ONCE:
            break
        with contextlib.suppress(StoreError):  # publishing reports it
            plan = _plan(stream, store, night, row, roots, now)
            plans.append(plan)
            waiting += [
                (plan, one)
                for one in plan["files"]
                if one["is_waiting"] and not _is_away(one["path"], roots)
            ]
    lacking = [
        package
        for module, package in EXTRA.items()
        if waiting and importlib.util.find_spec(module) is None
    ]
    try:
        if lacking:
            problems.append(
                f"{stream.name}: previews need {' and '.join(lacking)}; "
                "pip install 'observing_monitor[previews]'"
            )
        elif waiting:
            _make(stream, output, waiting, roots, deadline, jobs)
    except readers.ReaderError as error:
        problems.append(
            f"{stream.name}: previews cannot be made ({error}); "
            "pip install --upgrade 'observing_monitor[previews]'"
        )
    finally:  # keep what was made before an interruption
        for plan in plans:
            _keep(stream, output, plan, index["nights"][plan["night"]])
        store.write_index(index)
    return problems


def previews_of(stream: Stream, output: Output, night: datetime.date) -> tuple[list[Preview], str]:
    """Return a night's thumbnails, newest first, and what is missing."""
    folder = layout.previews_folder(night)
    index = _read(output, stream, night.isoformat())
    shown = [
        Preview(
            label=" ".join(
                filter(
                    None,
                    [one["exposure"] or one["name"], one["detector"] and f"det. {one['detector']}"],
                )
            ),
            file_id=one["file_id"],
            exposure=one["exposure"],
            detector=one["detector"],
            href=f"{folder}/{one['picture']}" if one["picture"] else "",
            width=one["width"],
            height=one["height"],
            why=one["why"],
        )
        for one in index["files"]
        if one["picture"] or one["why"]
    ]
    n_waiting = sum(1 for one in index["files"] if not (one["picture"] or one["why"]))
    words = []
    if len(index["files"]) < index["n_images"]:
        words.append(
            f"{len(index['files']):,} of {index['n_images']:,} images: "
            "the first detectors of each exposure, newest first."
        )
    if n_waiting:
        words.append(f"{n_waiting:,} more {'is' if n_waiting == 1 else 'are'} still to be made.")
    return shown, " ".join(words)


def sweep(stream: Stream, output: Output, night: datetime.date) -> None:
    """Remove pictures that a night's new page no longer shows."""
    folder = _folder(stream, night.isoformat())
    kept = {one["picture"] for one in _read(output, stream, night.isoformat())["files"]}
    output.prune(folder, ".jpg", kept)


def _settings(stream: Stream) -> PreviewSettings:
    """Return the settings of the thumbnails."""
    if stream.previews is None:
        raise ValueError(f"{stream.name} has no previews in its settings")
    return stream.previews


def _basis(stream: Stream, row: IndexRow) -> str:
    hidden = [key] if (key := hide_key(stream)) else []
    values = [VERSION, asdict(_settings(stream)), row.get("tables"), *hidden]
    return hex_digest(json.dumps(values, default=str), n_bytes=8)


def _is_done(
    stream: Stream, output: Output, night: str, row: IndexRow, now: datetime.datetime
) -> bool:
    """True if a night did not change, and all its pictures are there."""
    told = row.get("previews") or {}
    if is_released(row, now) or told.get("basis") != _basis(stream, row) or told.get("n_waiting"):
        return False
    if told.get("shown") and not output.exists(_index(stream, night)):
        return False
    return not told.get("n_pictures") or output.exists(_folder(stream, night))


def _folder(stream: Stream, night: str) -> str:
    return layout.in_folder(stream.folder, layout.previews_folder(night))


def _index(stream: Stream, night: str) -> str:
    """Return the path of a night's index in the store."""
    return layout.previews_file(stream.name, night)


def _read(output: Output, stream: Stream, night: str) -> Kept:
    index = output.read_json(_index(stream, night))
    index = index or output.read_json(f"{_folder(stream, night)}/index.json")  # earlier versions
    if index is None or index.get("version") != VERSION:
        return {"files": [], "n_images": 0}
    if index.get("hide", "") != hide_key(stream):  # other pictures were to be hidden
        return {"files": [], "n_images": 0}
    if any(one["picture"] for one in index["files"]) and not output.exists(_folder(stream, night)):
        return {"files": [], "n_images": 0}  # somebody removed the pictures: make them again
    return cast(Kept, index)


def _roots(stream: Stream) -> list[str]:
    """Return the folders whose files may be shown."""
    return sorted(
        {folder for source in stream.sources for folder in _folders(source)}
        | set(map(str, _settings(stream).folders))
    )


def _folders(source: DescribedSource) -> list[str]:
    named = [value for value in vars(source.settings).values() if isinstance(value, Path)]
    # a butler.yaml names the folder of a Gen3 repository
    return [str(path.parent if path.name == "butler.yaml" else path) for path in named]


def _is_away(path: str, roots: Iterable[str]) -> bool:
    """True if the root of a path is not there."""
    root = max(
        (root for root in roots if path.startswith(os.path.join(root, ""))), key=len, default=None
    )
    return root is not None and not os.path.isdir(root)


def _plan(
    stream: Stream,
    store: Store,
    night: str,
    row: IndexRow,
    roots: Sequence[str],
    now: datetime.datetime,
) -> Plan:
    """Return a night's new index of thumbnails."""
    before = _read(store.output, stream, night)
    basis = _basis(stream, row)
    is_same = (row.get("previews") or {}).get("basis") == basis and before["files"]
    if is_same and not is_released(row, now):
        return {**before, "night": night, "basis": basis, **release_of(row)}
    known = {one["file_id"]: one for one in before["files"]}
    tables = store.load(parse_night(night))
    is_shown, more = shown_files(stream, night, tables, now)
    files = tables.files.assign(path=full_paths(stream, tables))[is_shown]
    chosen, n_images = choose(
        files, _settings(stream).most, [file_id for file_id, one in known.items() if one["picture"]]
    )
    chosen = chosen.assign(exposure=chosen["exposure"].fillna(chosen["obsid"])).fillna(
        {"exposure": "", "detector": ""}
    )
    facts = chosen[["file_id", "path", "name", "exposure", "detector"]].to_dict("records")
    planned = [
        cast(Shown, {**one, **_planned(stream, one["path"], known.get(one["file_id"]), roots)})
        for one in facts
    ]
    return {
        "version": VERSION,
        "n_images": n_images,
        "files": planned,
        "night": night,
        "basis": basis,
        **more,
    }


def full_paths(stream: Stream, tables: Tables) -> Series[str]:
    """Return the full path of each file, by the index of `tables.files`.

    A file that only a registry reports has a path relative to the registry's root, and maybe a
    destination. Anything that is not the path of a file stays as it is.
    """
    files, ingests = tables.files, tables.ingests
    linked = ingests[ingests["destination"].str.startswith("/").fillna(False).astype(bool)]
    went = linked.drop_duplicates("file_id", keep="last").set_index("file_id")["destination"]
    below = {
        source.name: folder
        for source in stream.sources
        for folder in [*_folders(source), *map(str, _settings(stream).folders)][:1]
    }
    guess = (
        files["file_id"]
        .map(went)
        .astype("str")
        .fillna(files["source"].map(below).astype("str") + "/" + files["path"])
    )
    return files["path"].mask(
        ~files["path"].str.contains(r"^/|://").fillna(False).astype(bool), guess
    )


def _planned(
    stream: Stream, path: str, before: Shown | None, roots: Sequence[str]
) -> dict[str, Any]:
    """Return the picture that a file has, and whether it waits for a new one."""
    has = (
        {name: before[name] for name in ("picture", "width", "height", "why", "key")}
        if before
        else _no_picture("", "")
    )
    try:
        return {**has, "is_waiting": _key(stream, os.stat(path)) != has["key"]}
    except (FileNotFoundError, NotADirectoryError):
        if has["picture"]:
            return {**has, "is_waiting": False}
        return (
            {**_no_picture("", ""), "is_waiting": True}
            if _is_away(path, roots)
            else {**_no_picture(ABSENT, ""), "is_waiting": False}
        )
    except OSError:
        return {**has, "is_waiting": True}  # the reader will say why


def _no_picture(why: str, key: str) -> Made:
    return {"picture": "", "width": 0, "height": 0, "why": why, "key": key}


def _key(stream: Stream, status: os.stat_result) -> str:
    """Fingerprint of a file and of how it is shown."""
    return f"{status.st_size}-{status.st_mtime_ns}-{_settings(stream).size}-{VERSION}"


def _make(
    stream: Stream,
    output: Output,
    waiting: Sequence[tuple[Plan, Shown]],
    roots: Sequence[str],
    deadline: float,
    jobs: int | None,
) -> None:
    """Make the pictures of (plan, file) pairs, in order, until the deadline."""
    # at most half of the run's time: otherwise every run would start the same slow file again
    seconds = min(FILE_SECONDS, _settings(stream).seconds / 2)
    allowed = [os.path.realpath(root) for root in roots]
    tasks = [(shown["path"], _settings(stream).size, seconds, allowed) for _, shown in waiting]
    # starting a reader takes as long as reading a few files
    jobs = jobs or min(os.cpu_count() or 1, MOST_READERS, 1 + len(tasks) // 4)
    n_made = 0
    for (plan, shown), result in zip(
        waiting, readers.in_readers(tasks, jobs, deadline), strict=False
    ):
        if result is None:
            continue
        status, data, width, height, why = result
        with contextlib.suppress(OSError):
            status = status or os.stat(shown["path"])
        shown.update(cast(Shown, _no_picture(why, _key(stream, status) if status else "")))
        shown["is_waiting"] = False
        if data:
            # the name of a file may contain hidden names
            name = "image" if stream.hide else output.redaction.text(shown["name"])
            shown["picture"] = _picture_name(name, shown)
            shown["width"], shown["height"] = width, height
            output.write(f"{_folder(stream, plan['night'])}/{shown['picture']}", data)
            n_made += 1
    left = sum(shown["is_waiting"] for _, shown in waiting)
    log.info(
        "%s: %d previews made, %d files cannot be shown, %d to come",
        stream.name,
        n_made,
        len(waiting) - n_made - left,
        left,
    )


def _picture_name(name: str, shown: Shown) -> str:
    """Return a picture's name, which changes with its file."""
    stem = re.sub(r"[^0-9A-Za-z+-]+", "_", name.partition(".fit")[0])[:80].lstrip("_")
    digest = hex_digest(f"{shown['file_id']}\0{shown['key']}", n_bytes=6)
    return f"{stem}-{digest}.jpg"


def _keep(stream: Stream, output: Output, plan: Plan, row: IndexRow) -> None:
    """Store a night's index of thumbnails, and note it in its row."""
    folder = _folder(stream, plan["night"])
    if plan["files"] or output.exists(folder) or output.exists(_index(stream, plan["night"])):
        named = ("version", "n_images", "files", "hide")
        kept = {name: value for name, value in plan.items() if name in named}
        output.write_json(_index(stream, plan["night"]), kept)
        output.remove(f"{folder}/index.json")  # earlier versions
    seen = [
        [one[name] for name in ("file_id", "exposure", "detector", "picture", "why")]
        for one in plan["files"]
    ]
    digest = hex_digest(json.dumps([plan["n_images"], seen]), n_bytes=8)
    n_waiting = sum(one["is_waiting"] for one in plan["files"])
    n_pictures = sum(bool(one["picture"]) for one in plan["files"])
    row["previews"] = {
        "basis": plan["basis"],
        "n_waiting": n_waiting,
        "shown": digest if seen else "",
        "n_pictures": n_pictures,
    }
    if plan.get("release_at"):
        row["previews"]["release_at"] = plan["release_at"]
    zeros = sorted(one["name"] for one in plan["files"] if one["why"] == ALL_ZERO)
    if zeros:
        row["previews"]["zeros"] = zeros
