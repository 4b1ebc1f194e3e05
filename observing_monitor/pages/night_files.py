"""The files that a night's page consists of."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from observing_monitor.model import columns
from observing_monitor.model.nights import parse_night
from observing_monitor.settings.traits import reports_files
from observing_monitor.storage.index import PAGE, PREVIEWS, TABLES, is_pruned
from observing_monitor.storage.layout import PAGE_ENDINGS, exposure_pages, exposures_ending
from observing_monitor.storage.store import UNMATCHED, Store

if TYPE_CHECKING:
    from observing_monitor.pages.night_job import NightJob
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import IndexRow
    from observing_monitor.storage.output import Output


def endings_of(stream: Stream) -> tuple[str, ...]:
    """What the names of a night's files end with, its page's last; the list of all files only where a source tells of files."""
    return (".files.js", ".csv", ".json", ".html") if reports_files(stream) else (".json", ".html")


def endings_there(row: IndexRow, usual: tuple[str, ...]) -> tuple[str, ...]:
    """What the names of those files end with that a night has, as its row says; `usual` are its stream's, by `endings_of`."""
    if is_pruned(row, PAGE):
        return usual[-1:]
    n_parts = row.get("n_exposure_pages", 0)
    return (*map(exposures_ending, range(1, n_parts + 1)), *usual) if n_parts else usual


def files_of(job: NightJob, row: IndexRow) -> list[str]:
    """The files of a night's page, relative to the output: the page is the last."""
    return [f"{files_begin(job)}{ending}" for ending in endings_there(row, endings_of(job.stream))]


def files_begin(job: NightJob) -> str:
    """What the names of a night's files begin with, relative to the output."""
    return (
        f"{job.stream.folder}/{job.night.isoformat()}"
        if job.stream.folder
        else job.night.isoformat()
    )


def images_of(job: NightJob) -> str:
    """The folder of a night's images, relative to the output."""
    return f"{files_begin(job)}.images"


def has_images(job: NightJob, row: IndexRow) -> bool:
    images = row.get("images")
    return (
        not images
        or is_pruned(row, PAGE)
        or all(job.site.output.exists(f"{images_of(job)}/{name}") for name in images)
    )


def is_whole(job: NightJob, row: IndexRow) -> bool:
    """Whether a night's files are all there."""
    return all(job.site.output.exists(relative) for relative in files_of(job, row)) and has_images(
        job, row
    )


def sweep_page(stream: Stream, output: Output, night: str) -> None:
    """Remove what lies beside a page that was pruned; for when the small page is there."""
    for path in reversed(
        files_to_prune(stream, output, night, PAGE)
    ):  # the last page of exposures first: whoever is killed leaves no gap
        output.remove(path)
    output.prune(beside(stream, night, ".images"), "", ())  # the folder as well


def files_to_prune(stream: Stream, output: Output, night: str, what: str) -> list[str]:
    """The files of a night that are of its page, tables or previews, relative to the output; a small page is none of them."""
    store = Store(output, stream.name).night_folder(parse_night(night))
    if what == TABLES:  # and those that were set aside
        tables = {*columns.TABLES, *(f"_halves.{name}" for name in UNMATCHED)}
        return [
            path
            for path in _within(output, store)
            if os.path.basename(path).partition(".parquet")[0] in tables
        ]
    if what == PREVIEWS:
        index = f"{store}/previews.json"
        return [
            *_within(output, beside(stream, night, ".previews")),
            *([index] if output.exists(index) else []),
        ]
    files = [
        *(beside(stream, night, ending) for ending in PAGE_ENDINGS),
        *_within(output, beside(stream, night, ".images")),
    ]
    files += exposure_pages(output, beside(stream, night, ""))
    return [
        path
        for path in files
        if output.exists(path) and not (path.endswith(".html") and _is_small(output, path))
    ]


def beside(stream: Stream, night: str, ending: str) -> str:
    return os.path.join(stream.folder, f"{night}{ending}")


def _within(output: Output, folder: str) -> list[str]:
    return [f"{folder}/{name}" for name in output.names(folder)]


SMALL = b'<meta name="observing_monitor" content="pruned">'  # stands in the head of a small page, and of no other


def _is_small(output: Output, path: str) -> bool:
    return SMALL in (output.read(path) or b"")[:65_536]
