"""Check that runs write nothing where sources read."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.commands.overlap import (
    ANY,
    Names,
    fixed_folder,
    ignores_case,
    may_meet,
    names_of,
    wild_names,
)
from observing_monitor.errors import UsageError
from observing_monitor.processes.timelimit import LOOK_S, within
from observing_monitor.readers.plain_files import is_address
from observing_monitor.storage import layout

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any

    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.output import Output


_NIGHT, _YEAR = "????-??-??", "????"
_SQLITE = "sqlite:///"


# key -> how many names of a path lead to the folder that has this key
_Trail = dict[tuple[int, ...], int]


class _Seen(msgspec.Struct, frozen=True):
    """A path as the file system knows it.

    Attributes
    ----------
    real : str
        Without links.
    trail : dict
        Keys of the path and of the folders around it, as far as they exist.
    link : str
        The path, but its last name may be a link.
    link_trail : dict
        Its keys, without those of the last name.
    """

    real: str
    trail: _Trail
    link: str
    link_trail: _Trail


class _Place(msgspec.Struct, frozen=True):
    """A pattern, and keys of the folders that it begins with."""

    pattern: Names
    trail: _Trail


class _Read(msgspec.Struct, frozen=True):
    """A place that is read, and by whom."""

    who: str
    place: str
    folder: str  # the part before the first wildcard
    places: list[_Place]


class _Written(msgspec.Struct, frozen=True):
    """A file or folder that may be written."""

    what: str
    place: _Place


def check_overwriting(options: argparse.Namespace, output: Output, streams: list[Stream]) -> None:
    """Raise UsageError if a run may overwrite its sources.

    Pages would be taken for files, or replace them. Links are followed, patterns compared, and
    case ignored where the file system does.
    """
    _seen.cache_clear()
    places = {place for stream in streams for place in _places_of(stream)}
    for stream_name, path in sorted(places):
        _check_root(output, stream_name, path)
    local = [(f"stream {name}", path) for name, path in sorted(places) if not is_address(path)]
    local += [("the program", path) for path in _own_files(options)]
    read = [_read_of(who, path) for who, path in local]
    for written in _all_written(options, output, streams):
        for place in read:
            if _do_meet(written, place):
                _refuse(written, place)


def _places_of(stream: Stream) -> Iterator[tuple[str, str]]:
    """Yield (stream, path) for each path read."""
    for version in stream.versions:
        for source in version.sources:
            values = [getattr(source.settings, f.name) for f in fields(source.settings)]
            for path in _paths_in(values):
                yield stream.name, path
            own = getattr(source.settings, "path", None)
            for place in (own, source.place):
                if place and (is_address(place) or os.path.isabs(place)):
                    yield stream.name, str(place)
            log = getattr(source.settings, "transfer_log", "")
            if own and log:
                yield stream.name, os.path.join(os.path.dirname(own), log)


def _paths_in(value: Any) -> Iterator[str]:
    """Yield each path in the values of settings."""
    if isinstance(value, Path):
        # butler.yaml is the settings of a repository, which is its folder
        path = value.parent if value.name == "butler.yaml" else value
        if path != Path():  # not set
            yield str(path)
    elif isinstance(value, str):
        if value.startswith(_SQLITE):
            yield value.removeprefix(_SQLITE).partition("?")[0]
    elif isinstance(value, dict):
        yield from _paths_in(value.values())
    elif isinstance(value, Iterable):
        for part in value:
            yield from _paths_in(part)


def _own_files(options: argparse.Namespace) -> Iterator[str]:
    """Yield the paths of settings and known issues."""
    if options.config:
        yield str(options.config)
        yield os.path.join(os.path.dirname(options.config), "known.yaml")
    if options.known_issues:
        yield str(options.known_issues)


def _check_root(output: Output, stream_name: str, path: str) -> None:
    """Raise UsageError if the output lies in a source."""
    is_pattern = not is_address(path) and fixed_folder(path) != path
    real = "" if is_address(path) or is_pattern else _seen(path).real
    for name, folder in (("output_dir", output.root), ("store_dir", output.store)):
        if is_address(path) and is_address(folder):
            _check_addresses(name, folder, path, stream_name)
        elif real and not is_address(folder) and _is_in(os.path.realpath(folder), real):
            words = f"{name} {folder} lies in {path}, which {stream_name} reads"
            raise UsageError(f"{words}; choose a folder outside it")


def _is_in(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)


def _check_addresses(name: str, folder: str, source: str, stream: str) -> None:
    from observing_monitor.readers.object_store import lies_in

    if lies_in(folder, source) or lies_in(source, folder):
        words = f"{name} {folder} and {source}, which {stream} reads, lie in each other"
        raise UsageError(f"{words}; choose another prefix")


def _read_of(who: str, path: str) -> _Read:
    """Return what a path of the settings may be."""
    path = os.path.abspath(path)
    fixed = fixed_folder(path)
    seen = _seen(fixed)
    if fixed != path:
        pattern = names_of(seen.real) + wild_names(path[len(fixed) :])
        return _Read(who, path, seen.real, [_Place(pattern, seen.trail)])
    places = [_Place((*names_of(seen.real), ANY), seen.trail)]
    if seen.link != seen.real:  # the link may be written over, too
        places.append(_Place((*names_of(seen.link), ANY), seen.link_trail))
    return _Read(who, path, seen.real, places)


@functools.cache  # a disk that is down is asked once
def _seen(path: str) -> _Seen:
    """Return what `_look_at` does, if the disk answers."""
    path = os.path.abspath(path)
    root: _Trail = {(): 0}
    return within(LOOK_S, functools.partial(_look_at, path), _Seen(path, root, path, root))


def _look_at(path: str) -> _Seen:
    real = os.path.realpath(path)
    folder, name = os.path.split(path)
    folder = os.path.realpath(folder)
    return _Seen(real, _trail(real), os.path.join(folder, name), _trail(folder))


def _trail(path: str) -> _Trail:
    """Return the keys of a path and of the folders around it."""
    trail: _Trail = {(): 0}
    while path != os.path.dirname(path):
        for key in _keys(path):
            trail.setdefault(key, len(names_of(path)))
        path = os.path.dirname(path)
    return trail


def _keys(path: str) -> Iterator[tuple[int, ...]]:
    """Yield the keys of a file or folder, however it is mounted.

    A bind mount keeps the device number. A file system that shows folders of another one, such
    as bindfs, or NFS mounted twice, has its own; inode and times are the same. Times of whole
    seconds are too coarse for this.
    """
    try:
        found = os.stat(path)
    except OSError:
        return
    yield found.st_dev, found.st_ino
    if found.st_ctime_ns % 1_000_000_000:
        yield found.st_ino, found.st_ctime_ns, found.st_mtime_ns


def _all_written(
    options: argparse.Namespace, output: Output, streams: list[Stream]
) -> Iterator[_Written]:
    """Yield all that a run may write."""
    if not is_address(output.root):
        yield from _pages_written(output.root, streams)
    if not is_address(output.store):
        yield _folder("the store", output.store)
    for name in ("log_file", "prometheus_file"):
        if path := getattr(options, name):
            yield _file(name, str(path))
    if options.prometheus_file:
        copy = options.prometheus_file
        yield _file("prometheus_file", str(copy.with_name(f".{copy.name}.unfinished")))


def _pages_written(root: str, streams: list[Stream]) -> Iterator[_Written]:
    names = [layout.INDEX_PAGE, layout.GLOSSARY_PAGE, layout.FEED, *layout.EVERY_RUN]
    for name in (*names, layout.LOCK, layout.LEDGER):
        yield _file("output_dir", os.path.join(root, name))
    for name in (layout.ASSETS, layout.UNFINISHED):
        yield _folder("output_dir", os.path.join(root, name))
    for stream in streams:
        if stream.folder:
            yield _folder(f"the folder of {stream.name}", os.path.join(root, stream.folder))
        else:
            yield from _stream_written(root, stream.name)
        if isinstance(stream.prototype_urls, str):
            folder = os.path.join(root, stream.prototype_urls)
            for name in ("index*.html", f"{_NIGHT}*.html"):
                yield _file("prototype_urls", folder, name)


def _stream_written(root: str, stream: str) -> Iterator[_Written]:
    """Yield the files of a stream without a folder."""
    names = [layout.LATEST_PAGE, layout.NIGHTS_JSON, layout.NIGHTS_CSV, f"{_NIGHT}.*"]
    names += [f"{_YEAR}{ending}" for ending in layout.YEAR_ENDINGS]
    for name in names:
        yield _file(f"the pages of {stream}", root, name)
    for ending in (layout.IMAGES, layout.PREVIEWS):
        yield _file(f"the pages of {stream}", root, f"{_NIGHT}{ending}", "*")


def _folder(what: str, path: str) -> _Written:
    seen = _seen(path)
    return _Written(f"{what}, {path}", _Place((*names_of(seen.real), ANY), seen.trail))


def _file(what: str, path: str, *names: str) -> _Written:
    shown = os.path.join(path, *names)
    if not names:
        path, name = os.path.split(os.path.abspath(path))
        names = (name,)
    seen = _seen(path)
    return _Written(f"{what}, {shown}", _Place((*names_of(seen.real), *names), seen.trail))


def _do_meet(written: _Written, read: _Read) -> bool:
    """True if a file may be in both."""
    rests = [rest for place in read.places for rest in _rests(written.place, place)]
    if any(may_meet(*rest) for rest in rests):
        return True
    folded = (map(_folded, rest) for rest in rests)
    return any(may_meet(*rest) for rest in folded) and ignores_case(read.folder)


def _rests(one: _Place, other: _Place) -> Iterator[tuple[Names, Names]]:
    """Yield what follows in both patterns after a folder of both."""
    for key in one.trail.keys() & other.trail.keys():
        yield one.pattern[one.trail[key] :], other.pattern[other.trail[key] :]


def _folded(pattern: Names) -> Names:
    """Return names in which neither case nor Unicode's form counts."""
    return tuple(
        name.casefold() if name.isascii() else _composed(name.casefold()) for name in pattern
    )


def _composed(name: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFC", name)


def _refuse(written: _Written, read: _Read) -> None:
    words = f"{written.what}, may be written, and {read.place} is read by {read.who}"
    raise UsageError(f"{words}; a run would write over it: choose another output_dir or name")
