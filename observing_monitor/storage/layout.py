"""Paths and addresses of all files of the output.

Paths are relative to the output and have "/" between their parts. Pages link to each other by
names relative to their own folder, which functions such as `night_page` return; `in_folder`
turns them into paths.

    index.html  glossary.html  status.json  changes.atom  heartbeat.js  assets/
    STREAM/index.html  latest.html  nights.json  nights.csv
    STREAM/YYYY.html  YYYY.json  YYYY.csv
    STREAM/program-NAME.html  .csv                        if there are programs
    STREAM/programs.html  programs.json  programs.csv
    STREAM/YYYY-MM-DD.html  .json  .csv  .files.js  .exposures.html  .exposures-2.html …
    STREAM/YYYY-MM-DD.exposures.csv  .exposures.js
    STREAM/YYYY-MM-DD.metrics.csv  .messages.csv
    STREAM/YYYY-MM-DD.images/  YYYY-MM-DD.previews/
    data/                                  the store, which may lie elsewhere
    data/site.json  heartbeat.json  since.json  feed.json  told.json  assets.json
    data/hidden.json                       key of the codes for hidden names, if there are any
    data/stream=STREAM/index.json  index.notes  _attempts.SOURCE.parquet
    data/stream=STREAM/night=YYYY-MM-DD/{files,ingests,metrics}.parquet  looked.json
    data/stream=STREAM/night=YYYY-MM-DD/{exposures,reports}.parquet     if it has exposures
    data/stream=STREAM/night=YYYY-MM-DD/remarks.parquet                 if it has remarks
    data/stream=STREAM/night=YYYY-MM-DD/_halves.{files,ingests}.parquet  previews.json
    data/stream=STREAM/night=YYYY-MM-DD/_memory.SOURCE.json             of sources that read headers
    .lock  .unfinished/
    .observing_monitor                     the list of our files; of a store elsewhere, in it

A site of one stream may have its files in the output itself instead of in STREAM/.
"""

from __future__ import annotations

import datetime
import itertools
import re
import urllib.parse
from typing import TYPE_CHECKING, Protocol

from observing_monitor.model.digest import hex_digest
from observing_monitor.model.nights import night_named

if TYPE_CHECKING:
    Night = datetime.date | str


# Files of the site.
INDEX_PAGE = "index.html"
GLOSSARY_PAGE = "glossary.html"
STATUS_JSON = "status.json"
FEED = "changes.atom"
HEARTBEAT_JS = "heartbeat.js"
TEXTFILE = "observing_monitor.prom"
ASSETS = "assets"

# Files in the output that no web server needs: the lock, and a folder of unfinished files.
LOCK = ".lock"
UNFINISHED = ".unfinished"
# The list of files that we wrote.
LEDGER = ".observing_monitor"

# What Rubin's prototype kept next to its pages.
PROTOTYPE_DATABASE = "observing_monitor.sqlite3"

# Files of a stream, besides its index page.
LATEST_PAGE = "latest.html"
NIGHTS_JSON = "nights.json"
NIGHTS_CSV = "nights.csv"
PROGRAMS_PAGE = "programs.html"
PROGRAMS_JSON = "programs.json"
PROGRAMS_CSV = "programs.csv"
# its page last
OF_PROGRAMS = (PROGRAMS_JSON, PROGRAMS_CSV, PROGRAMS_PAGE)

# Endings of a night's and a year's files.
PAGE, DATA, CSV, FILES_JS = ".html", ".json", ".csv", ".files.js"
# of the observing log, if exposures are known
LOG_CSV, LOG_JS = ".exposures.csv", ".exposures.js"
LOG_ENDINGS = (LOG_JS, LOG_CSV)
# tables that a night may have besides: all numbers, and every message of every attempt
METRICS_CSV, MESSAGES_CSV = ".metrics.csv", ".messages.csv"
MORE_CSV = (METRICS_CSV, MESSAGES_CSV)
IMAGES, PREVIEWS = ".images", ".previews"
# of a night's files, its page last; the first two only if a source reports files
PAGE_ENDINGS = (FILES_JS, CSV, DATA, PAGE)
YEAR_ENDINGS = (DATA, CSV, PAGE)

# The store, and files in it that belong to no stream.
STORE = "data"
SITE_RECORD = f"{STORE}/site.json"
HEARTBEAT = f"{STORE}/heartbeat.json"
SINCE = f"{STORE}/since.json"
FEED_ID = f"{STORE}/feed.json"
HIDDEN = f"{STORE}/hidden.json"
REPLACED_ASSETS = f"{STORE}/assets.json"
TOLD = f"{STORE}/told.json"

# Files that every run writes.
EVERY_RUN = (HEARTBEAT_JS, STATUS_JSON, TEXTFILE)

# Beginnings of names in the store, and the ending of its tables.
_STREAM, _NIGHT = "stream=", "night="
ATTEMPTS_PREFIX, _UNMATCHED = "_attempts.", "_halves."
MEMORY_PREFIX = "_memory."
_TABLE = ".parquet"


class HasFiles(Protocol):
    """An output, as far as it says which files it has."""

    def exists(self, relative: str) -> bool:
        """True if there is a file or folder at this path."""


def in_folder(folder: str, name: str) -> str:
    """Return the path of a file in a folder; "" is the output itself."""
    return f"{folder}/{name}" if folder else name


def url(site_url: str, path: str) -> str:
    """Return the address of a file, or "" without a `site_url`."""
    return f"{site_url.rstrip('/')}/{path}" if site_url else ""


def asset(name: str) -> str:
    """Return the path of a static file."""
    return f"{ASSETS}/{name}"


# --- a night's and a year's files, by their names in the stream's folder --------------------------


def night_page(night: Night) -> str:
    """Return the name of a night's page."""
    return f"{night}{PAGE}"


def night_json(night: Night) -> str:
    """Return the name of a night's data."""
    return f"{night}{DATA}"


def night_csv(night: Night) -> str:
    """Return the name of the CSV list of a night's files."""
    return f"{night}{CSV}"


def night_files_js(night: Night) -> str:
    """Return the name of the list that a night's page loads."""
    return f"{night}{FILES_JS}"


def images_folder(night: Night) -> str:
    """Return the name of the folder of a night's images."""
    return f"{night}{IMAGES}"


def previews_folder(night: Night) -> str:
    """Return the name of the folder of a night's previews."""
    return f"{night}{PREVIEWS}"


def exposures_page(night: Night, number: int = 1) -> str:
    """Return the name of a page of exposures, by number, from 1."""
    return f"{night}{exposures_ending(number)}"


def exposures_ending(number: int) -> str:
    """Return the ending of a page of exposures, by number, from 1."""
    return f".exposures{PAGE}" if number == 1 else f".exposures-{number}{PAGE}"


def night_endings(has_file_tables: bool, n_exposure_pages: int = 0) -> tuple[str, ...]:
    """Return the endings of a night's files, its page last.

    Parameters
    ----------
    has_file_tables : bool
        True if a source of the stream reports files.
    n_exposure_pages : int, optional
        Number of pages of exposures besides the night's page.
    """
    usual = PAGE_ENDINGS if has_file_tables else (DATA, PAGE)
    return (*map(exposures_ending, range(1, n_exposure_pages + 1)), *usual)


def exposure_pages(output: HasFiles, before: str, first: int = 1) -> list[str]:
    """Return the paths of a night's pages of exposures that exist.

    Parameters
    ----------
    output : HasFiles
    before : str
        Path of the night's page without its ending.
    first : int, optional
        Number of the first page to look for.
    """
    paths = (f"{before}{exposures_ending(number)}" for number in itertools.count(first))
    return list(itertools.takewhile(output.exists, paths))


def year_page(year: int | str) -> str:
    """Return the name of a year's page."""
    return f"{year}{PAGE}"


def year_json(year: int | str) -> str:
    """Return the name of a year's nights as JSON."""
    return f"{year}{DATA}"


def year_csv(year: int | str) -> str:
    """Return the name of a year's nights as CSV."""
    return f"{year}{CSV}"


def month_address(night: datetime.date) -> str:
    """Return the address of a night's month on its year's page."""
    return f"{year_page(night.year)}#month-{night:%Y-%m}"


# --- pages of programs ----------------------------------------------------------------------------

_PROGRAM = "program-"
_MAX_SLUG = 60
# a name that is its own address; no address of another name looks like it
_PLAIN_PROGRAM = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_WITH_DIGEST = re.compile(r".*-[0-9a-f]{10}")


def program_page(program: str, shown: str | None = None) -> str:
    """Return the name of a program's page.

    It depends on the program alone, so that every page can link to it. Names that differ only in
    case, or in characters that no address has, are told apart by a digest.

    Parameters
    ----------
    program : str
    shown : str, optional
        The program as pages show it, if texts are hidden.
    """
    text = program if shown is None else shown
    is_plain = _PLAIN_PROGRAM.fullmatch(text) and not _WITH_DIGEST.fullmatch(text)
    if is_plain and text == program and len(text) <= _MAX_SLUG:
        return f"{_PROGRAM}{text}{PAGE}"
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()[: 2 * _MAX_SLUG]).strip("-")
    slug = words[:_MAX_SLUG].rstrip("-") or "other"
    return f"{_PROGRAM}{slug}-{hex_digest(program, n_bytes=5)}{PAGE}"


def program_csv(page: str) -> str:
    """Return the name of the CSV of a program's nights, by its page."""
    return f"{page.removesuffix(PAGE)}{CSV}"


def is_of_program(name: str) -> bool:
    """True if a file's name is that of a program's page or CSV."""
    return name.startswith(_PROGRAM) and name.endswith((PAGE, CSV))


# --- the store ------------------------------------------------------------------------------------


def stream_store(stream: str) -> str:
    """Return the folder of a stream in the store."""
    return f"{STORE}/{_STREAM}{stream}"


def index_file(stream: str) -> str:
    """Return the path of a stream's index."""
    return f"{stream_store(stream)}/index.json"


def index_notes_file(stream: str) -> str:
    """Return the path of new rows of a stream's index."""
    return f"{stream_store(stream)}/index.notes"


def attempts_file(stream: str, source: str) -> str:
    """Return the path of the cached attempts of a source."""
    return f"{stream_store(stream)}/{ATTEMPTS_PREFIX}{urllib.parse.quote(source, safe='')}{_TABLE}"


def is_attempts_file(name: str) -> bool:
    """True if a file in a stream's folder has cached attempts."""
    return name.startswith(ATTEMPTS_PREFIX)


def night_store(stream: str, night: Night) -> str:
    """Return the folder of a night in the store."""
    return f"{stream_store(stream)}/{_NIGHT}{night}"


def stored_night(name: str) -> datetime.date | None:
    """Return the night of a folder in the store, or None."""
    return night_named(name.removeprefix(_NIGHT)) if name.startswith(_NIGHT) else None


def listed_name(in_store: str) -> str:
    """Return the name that lists a file of the store.

    The files of a night are listed together, under the name of their folder.
    """
    folder = in_store.rpartition("/")[0]
    return f"{folder}/" if f"/{_NIGHT}" in folder else in_store


def table_file(stream: str, night: Night, table: str) -> str:
    """Return the path of one of a night's tables."""
    return f"{night_store(stream, night)}/{table}{_TABLE}"


def unmatched_file(stream: str, night: Night, table: str) -> str:
    """Return the path of a table's unmatched rows."""
    return table_file(stream, night, f"{_UNMATCHED}{table}")


def damaged_file(path: str, number: int = 1) -> str:
    """Return the path under which a damaged table is kept."""
    return f"{path}.damaged" if number == 1 else f"{path}.damaged-{number}"


def table_of_file(name: str) -> str:
    """Return the table that a file has rows of, or "".

    Damaged tables and unmatched rows count as well.
    """
    table, dot, _ = name.rpartition("/")[2].partition(_TABLE)
    return table.removeprefix(_UNMATCHED) if dot else ""


def looked_file(stream: str, night: Night) -> str:
    """Return the path of the last look at a night's sources."""
    return f"{night_store(stream, night)}/looked.json"


def memory_file(stream: str, night: Night, source: str) -> str:
    """Return the path of what a source remembers of a night."""
    name = f"{MEMORY_PREFIX}{urllib.parse.quote(source, safe='')}{DATA}"
    return f"{night_store(stream, night)}/{name}"


def is_memory_file(path: str) -> bool:
    """True if a file has what a source remembers."""
    return path.rpartition("/")[2].startswith(MEMORY_PREFIX)


def previews_file(stream: str, night: Night) -> str:
    """Return the path of the list of a night's previews.

    It is in the store, because it has full paths of files.
    """
    return f"{night_store(stream, night)}/previews.json"


def spare_page(stream: str, night: Night) -> str:
    """Return the path of a night's spare page."""
    return f"{night_store(stream, night)}/page_without_previews.html"
