"""Files of an output that has no list yet."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from observing_monitor.storage import layout
from observing_monitor.storage.index import NO_PROGRAM_PAGES
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observing_monitor.storage.output import Output


_NIGHT_FILE = re.compile(r"(\d{4}-\d\d-\d\d)\.[\w.-]+")
_OF_STREAM = (layout.INDEX_PAGE, layout.LATEST_PAGE, layout.NIGHTS_JSON, layout.NIGHTS_CSV)
# every name that a run may write into a folder of pages
_NAMES = re.compile(
    r"index\.html|latest\.html|nights\.(?:json|csv)|\d{4}\.(?:html|json|csv)"
    r"|programs\.(?:html|json|csv)|program-[a-z0-9._-]+\.(?:html|csv)"
    r"|\d{4}-\d\d-\d\d(?:\.html|\.json|\.csv|\.files\.js|\.exposures(?:-\d+)?\.html)"
    r"|(?:index|\d{4}-\d\d-\d\d)_gen[23]\.html"
)
_ASSET = re.compile(r"(?:style|monitor|plotly)-[\w.]+\.(?:css|js)")
_PICTURE_FOLDER = re.compile(r"\d{4}-\d\d-\d\d\.(?:images|previews)")
_IN_STORE = re.compile(r"(?:files|ingests|metrics)\.parquet|(?:looked|previews)\.json")


def take_over(output: Output, stream: str, folder: str) -> None:
    """List the files that a stream's index describes.

    It is for an output without a list: the site is of version 0.1, or the list was lost. If the
    store is shared, the pages of the stream must show that they are ours.

    Parameters
    ----------
    output : Output
    stream : str
    folder : str
        Of its pages.
    """
    index_page = layout.in_folder(folder, layout.INDEX_PAGE)
    is_inside = output.store == os.path.join(output.root, layout.STORE)
    if not is_inside and (not output.exists(index_page) or output.is_foreign(index_page)):
        return
    index = Store(output, stream).read_index()
    nights = {night for night, row in index["nights"].items() if row.get("page")}
    years = {
        f"{year}{ending}" for year in index.get("years") or () for ending in layout.YEAR_ENDINGS
    }
    pages = index.get("programs", NO_PROGRAM_PAGES)["pages"]
    programs = {*pages, *map(layout.program_csv, pages), *(layout.OF_PROGRAMS if pages else ())}
    others = {*years, *programs, *(_OF_STREAM if index.get("page") else ())}
    for name in output.names(folder) if nights or others else ():
        found = _NIGHT_FILE.fullmatch(name)
        if name in others or (found and found[1] in nights):
            for path in _files_at(output, layout.in_folder(folder, name), name):
                output.list_by_path(path)
    if nights:  # their pages load them
        for name in filter(_ASSET.fullmatch, output.names(layout.ASSETS)):
            output.list_by_path(layout.asset(name))


def _files_at(output: Output, path: str, name: str) -> list[str]:
    """Return a file, or those in a folder."""
    if _PICTURE_FOLDER.fullmatch(name):
        return [f"{path}/{picture}" for picture in output.names(path)]
    return [path] if _NAMES.fullmatch(name) else []


def check_ours(output: Output, streams: list[tuple[str, str]]) -> None:
    """Raise ForeignFileError if others wrote what every run writes.

    It is for an output without a list, so that its first run stops before it writes.
    """
    for path in foreign_files(output, streams, of_nights=False):
        raise output.foreign_error(path)


def foreign_files(
    output: Output, streams: list[tuple[str, str]], of_nights: bool = True
) -> Iterator[str]:
    """Yield files of others that are in the way.

    Parameters
    ----------
    output : Output
    streams : list of (str, str)
        Name and folder of each stream.
    of_nights : bool, optional
        False for the paths that every run writes.
    """
    of_site = (layout.INDEX_PAGE, layout.GLOSSARY_PAGE, layout.FEED, *layout.EVERY_RUN)
    paths = [*of_site, layout.HEARTBEAT, layout.SINCE, layout.FEED_ID, layout.TOLD, layout.HIDDEN]
    paths += [layout.in_folder(folder, name) for _, folder in streams for name in _OF_STREAM]
    for stream, folder in streams if of_nights else ():
        for name in sorted(output.names(folder)):
            paths += _files_at(output, layout.in_folder(folder, name), name)
        paths += _files_in_store(output, stream)
    yield from (path for path in dict.fromkeys(paths) if output.is_foreign(path))


def _files_in_store(output: Output, stream: str) -> list[str]:
    """Return a stream's paths in the store."""
    store = Store(output, stream)
    paths = [layout.index_file(stream), layout.index_notes_file(stream)]
    for night in store.nights():
        folder = store.night_folder(night)
        paths += [f"{folder}/{name}" for name in output.names(folder) if _IN_STORE.fullmatch(name)]
    return paths
