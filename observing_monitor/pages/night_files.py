"""Files of a night's page: their paths, and which ones exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import columns
from observing_monitor.settings.traits import reports_files
from observing_monitor.storage import layout
from observing_monitor.storage.index import PAGE, PREVIEWS, TABLES, is_pruned

if TYPE_CHECKING:
    from observing_monitor.pages.night_job import NightJob
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import IndexRow
    from observing_monitor.storage.output import Output


# in the head of a pruned page, and of no other
PRUNED_MARK = b'<meta name="observing_monitor" content="pruned">'
HEAD_BYTES = 65_536


def usual_endings(stream: Stream) -> tuple[str, ...]:
    """Return the endings of a night's files, its page last.

    Pages of exposures are not among them.
    """
    return layout.night_endings(reports_files(stream))


def endings_of(row: IndexRow, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Return the endings of a night's actual files.

    Parameters
    ----------
    row : IndexRow
    usual : tuple of str
        The stream's `usual_endings`, as an argument because there may be thousands of nights.
    """
    if is_pruned(row, PAGE):
        return usual[-1:]
    if row.get("has_log"):
        usual = (*layout.LOG_ENDINGS, *usual)
    if more := row.get("more_csv"):
        usual = (*more, *usual)
    n_parts = row.get("n_exposure_pages", 0)
    return (*map(layout.exposures_ending, range(1, n_parts + 1)), *usual) if n_parts else usual


def files_of(job: NightJob, row: IndexRow) -> list[str]:
    """Return the paths of a night's files, its page last."""
    return [f"{base_path(job)}{ending}" for ending in endings_of(row, usual_endings(job.stream))]


def base_path(job: NightJob) -> str:
    """Return the path that a night's files begin with."""
    return layout.in_folder(job.stream.folder, job.night.isoformat())


def images_path(job: NightJob) -> str:
    """Return the path of a night's images."""
    return layout.in_folder(job.stream.folder, layout.images_folder(job.night))


def has_images(job: NightJob, row: IndexRow) -> bool:
    """True if all images of a night's page exist."""
    images = row.get("images")
    if not images or is_pruned(row, PAGE):
        return True
    folder = images_path(job)
    return all(job.site.output.exists(f"{folder}/{name}") for name in images)


def is_complete(job: NightJob, row: IndexRow) -> bool:
    """True if a night's files exist as written."""
    paths = files_of(job, row)
    return all(map(job.site.output.exists, paths)) and has_images(job, row) and is_kept(job, row)


def is_kept(job: NightJob, row: IndexRow) -> bool:
    """True if the page on disk is that of the row.

    The list of our files says so for each night. Of a night that is looked at, the files
    themselves are compared with the list.
    """
    output, key = job.site.output, row.get("page", "")
    page = f"{base_path(job)}{layout.PAGE}"
    if not job.is_looked_at:
        listed = output.listed_key(page)
        return listed == key if listed is not None else output.is_intact(page, key)
    *others, page = files_of(job, row)
    images = [f"{images_path(job)}/{name}" for name in row.get("images") or ()]
    if is_pruned(row, PAGE):
        images = []
    return output.is_intact(page, key) and all(map(output.is_intact, [*others, *images]))


def remove_other_files(stream: Stream, output: Output, night: str) -> None:
    """Remove the files next to a pruned page."""
    # the last page of exposures first: a run that is killed leaves no gap in their numbers
    for path in reversed(files_to_prune(stream, output, night, PAGE)):
        output.remove(path)
    output.prune(layout.in_folder(stream.folder, layout.images_folder(night)), "", ())


def files_to_prune(stream: Stream, output: Output, night: str, what: str) -> list[str]:
    """Return our files of a night that pruning removes.

    Parameters
    ----------
    stream : Stream
    output : Output
    night : str
        Its date.
    what : str
        `PAGE`, `TABLES` or `PREVIEWS` of `storage.index`. A pruned page is not among its files.
    """
    if what == TABLES:
        paths = _tables(stream, output, night)
    elif what == PREVIEWS:
        paths = _previews(stream, output, night)
    else:
        paths = [
            path
            for path in _paths_of_page(stream, output, night)
            if output.exists(path) and not is_small_page(output, path)
        ]
    return [path for path in paths if not output.is_foreign(path)]


def _tables(stream: Stream, output: Output, night: str) -> list[str]:
    """Return the paths of tables, damaged ones included."""
    folder = layout.night_store(stream.name, night)
    paths = _paths_in(output, folder)
    return [
        path
        for path in paths
        if layout.table_of_file(path) in columns.TABLES or layout.is_memory_file(path)
    ]


def _previews(stream: Stream, output: Output, night: str) -> list[str]:
    paths = _paths_in(output, layout.in_folder(stream.folder, layout.previews_folder(night)))
    index = layout.previews_file(stream.name, night)
    return [*paths, index] if output.exists(index) else paths


def _paths_of_page(stream: Stream, output: Output, night: str) -> list[str]:
    """Return the paths that a page's files may have."""
    base = layout.in_folder(stream.folder, night)
    endings = (*layout.LOG_ENDINGS, *layout.MORE_CSV, *layout.PAGE_ENDINGS)
    return [
        *(f"{base}{ending}" for ending in endings),
        *_paths_in(output, layout.in_folder(stream.folder, layout.images_folder(night))),
        *layout.exposure_pages(output, base),
    ]


def _paths_in(output: Output, folder: str) -> list[str]:
    return [f"{folder}/{name}" for name in output.names(folder)]


def is_small_page(output: Output, path: str) -> bool:
    """True if a file is the small page of a pruned night."""
    return path.endswith(layout.PAGE) and PRUNED_MARK in (output.read(path) or b"")[:HEAD_BYTES]
