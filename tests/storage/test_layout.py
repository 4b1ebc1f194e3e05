"""Paths and addresses of the output, which bookmarks rely on."""

import datetime
import os

import pytest

from observing_monitor.model.reading import Tables
from observing_monitor.storage import layout
from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store

NIGHT = datetime.date(2020, 2, 12)


@pytest.mark.parametrize("night", [NIGHT, "2020-02-12"])
def test_files_of_a_night(night):
    """A night's files have the names that earlier versions gave them."""
    assert layout.night_page(night) == "2020-02-12.html"
    assert layout.night_json(night) == "2020-02-12.json"
    assert layout.night_csv(night) == "2020-02-12.csv"
    assert layout.night_files_js(night) == "2020-02-12.files.js"
    assert layout.images_folder(night) == "2020-02-12.images"
    assert layout.previews_folder(night) == "2020-02-12.previews"
    assert layout.exposures_page(night) == "2020-02-12.exposures.html"
    assert layout.exposures_page(night, 2) == "2020-02-12.exposures-2.html"


def test_endings_of_a_night():
    """A night's page comes last, after all that it links to."""
    assert layout.night_endings(True) == (".files.js", ".csv", ".json", ".html")
    assert layout.night_endings(True) == layout.PAGE_ENDINGS
    assert layout.night_endings(False) == (".json", ".html")
    assert layout.night_endings(False, 2) == (
        ".exposures.html",
        ".exposures-2.html",
        ".json",
        ".html",
    )


def test_pages_of_exposures(tmp_path):
    """The pages of exposures are those that exist, up to the first gap."""
    output = Output(tmp_path)
    for number in (1, 2, 4):
        (tmp_path / layout.exposures_page(NIGHT, number)).touch()
    names = ["2020-02-12.exposures.html", "2020-02-12.exposures-2.html"]
    assert layout.exposure_pages(output, str(NIGHT)) == names
    assert layout.exposure_pages(output, str(NIGHT), 2) == names[1:]
    assert layout.exposure_pages(output, str(NIGHT), 3) == []


def test_files_of_a_year():
    """A year's files are named after it; months have addresses."""
    names = (layout.year_page(2020), layout.year_json("2020"), layout.year_csv(2020))
    assert names == ("2020.html", "2020.json", "2020.csv")
    assert layout.month_address(NIGHT) == "2020.html#month-2020-02"


def test_paths_and_addresses():
    """A file lies in its stream's folder, or in the output itself."""
    assert layout.in_folder("auxTel", "index.html") == "auxTel/index.html"
    assert layout.in_folder("", "index.html") == "index.html"
    assert layout.asset("style-1.css") == "assets/style-1.css"
    assert layout.url("https://x/y/", "a.html") == "https://x/y/a.html"
    assert layout.url("https://x/y", "a.html") == "https://x/y/a.html"
    assert layout.url("", "a.html") == ""


def test_files_of_the_store():
    """The store's files have the paths that earlier versions gave them."""
    night = "data/stream=auxTel/night=2020-02-12"
    assert layout.stream_store("auxTel") == "data/stream=auxTel"
    assert layout.index_file("auxTel") == "data/stream=auxTel/index.json"
    assert layout.index_notes_file("auxTel") == "data/stream=auxTel/index.notes"
    assert layout.night_store("auxTel", NIGHT) == night
    assert layout.table_file("auxTel", NIGHT, "files") == f"{night}/files.parquet"
    assert layout.unmatched_file("auxTel", NIGHT, "files") == f"{night}/_halves.files.parquet"
    assert layout.looked_file("auxTel", NIGHT) == f"{night}/looked.json"
    assert layout.previews_file("auxTel", NIGHT) == f"{night}/previews.json"
    assert layout.damaged_file(f"{night}/files.parquet") == f"{night}/files.parquet.damaged"
    records = (layout.SITE_RECORD, layout.HEARTBEAT, layout.SINCE, layout.FEED_ID, layout.TOLD)
    assert [os.path.split(record) for record in records] == [
        ("data", f"{name}.json") for name in ("site", "heartbeat", "since", "feed", "told")
    ]


def test_cached_attempts_of_any_source():
    """Cached attempts lie in the stream's folder, whatever the source."""
    path = layout.attempts_file("auxTel", "a/b é")
    assert path == "data/stream=auxTel/_attempts.a%2Fb%20%C3%A9.parquet"
    assert layout.is_attempts_file(path.rpartition("/")[2])
    assert not layout.is_attempts_file("index.json")


@pytest.mark.parametrize(
    ("name", "night"),
    [("night=2020-02-12", NIGHT), ("2020-02-12", None), ("night=x", None), ("index.json", None)],
)
def test_folders_of_nights(name, night):
    """A folder in the store is a night's by its prefix and its date."""
    assert layout.stored_night(name) == night


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("files.parquet", "files"),
        ("data/stream=a/night=2020-02-12/ingests.parquet", "ingests"),
        ("files.parquet.damaged", "files"),
        ("_halves.ingests.parquet", "ingests"),
        ("looked.json", ""),
        ("other.parquet", "other"),
    ],
)
def test_table_of_a_file(name, table):
    """A table's files are known by name, also damaged or unmatched ones."""
    assert layout.table_of_file(name) == table


def test_store_writes_nothing_else(tmp_path):
    """Each file that the store writes has a path of the layout."""
    output = Output(tmp_path)
    output.make()
    store = Store(output, "auxTel")
    tables = Tables.empty()
    store.save(NIGHT, tables)
    store.save_unmatched(NIGHT, tables)
    store.write_looked(NIGHT, {"sizes": {}})
    store.write_index(store.read_index())
    store.note(NIGHT, {})
    written = {
        path.relative_to(tmp_path).as_posix()
        for path in (tmp_path / layout.STORE).rglob("*")
        if path.is_file()
    }
    tables = ("files", "ingests", "metrics")
    assert written == {
        *(layout.table_file("auxTel", NIGHT, table) for table in tables),
        layout.looked_file("auxTel", NIGHT),
        layout.index_file("auxTel"),
        layout.index_notes_file("auxTel"),
    }
