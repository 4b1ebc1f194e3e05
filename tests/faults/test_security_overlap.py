"""A run never writes where its sources read: exit code 2, nothing written."""

import datetime
import os
import sqlite3

import pytest
from running import run

from observing_monitor.commands import overlap
from observing_monitor.commands.overlap import may_meet, names_of, wild_names

NIGHT = "2021-02-16"
NOW = datetime.datetime(2021, 2, 17, 12, tzinfo=datetime.UTC)
ROWS = '[{"time": "2021-02-16T23:00:00", "t": 12}]'
TABLE = """type = "table"
path = "{path}"
columns = {{ sampled_at = "time" }}
values = {{ t = "t" }}
"""


def everything(folder):
    """Return all files and folders below a folder, and the files' bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def put(path, text=ROWS):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def settings_file(folder, source, options='output_dir = "."', stream="weather"):
    """Write settings of one stream with one source."""
    path = folder / "site.toml"
    path.write_text(
        f"[observing_monitor]\n{options}\n[streams.{stream}]\n[[streams.{stream}.sources]]\n{source}"
    )
    return path


def assert_refused(folder, settings, capsys, *words):
    """Fail unless every command refuses, and writes nothing."""
    before = everything(folder)
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    for command in ("check", "run", "collect", "publish", "rebuild", "prune", "adopt"):
        given = days if command in ("check", "run", "collect", "rebuild") else ()
        assert run(command, "-c", settings, *given, now=NOW) == 2, command
        error = capsys.readouterr().err
        assert all(word in error for word in words) and len(error.splitlines()) == 1
        assert everything(folder) == before, command


def assert_fine(settings):
    assert run("-c", settings, "--first_day", NIGHT, "--last_day", NIGHT, now=NOW) == 0


@pytest.mark.parametrize(
    "pattern",
    [
        f"weather/{NIGHT}.json",
        "weather/{night}.json",
        "weather/{night:%Y%m%d}.json",
        "weather/deep/*.json",
        "wea*/{night}.json",
        "*/2021-*.json",
        "**/{night}.json",
        "w[de]ather/[0-9]*.json",
        "data/{night}.json",
        "data/stream=weather/{night}.json",
        "assets/{night}.json",
        ".unfinished/{night}.json",
        "status.json",
        "?tatus.*",
    ],
)
def test_a_table_where_files_are_written(tmp_path, capsys, pattern):
    """Paths and patterns are compared with every file of the output."""
    put(tmp_path / "weather" / f"{NIGHT}.json")
    settings = settings_file(tmp_path, TABLE.format(path=pattern))
    assert_refused(tmp_path, settings, capsys, f"{tmp_path}/{pattern}", "weather")


@pytest.mark.parametrize(
    "pattern", ["in/{night}.json", "../*/in/{night}.json", "*n/????-??-??.json"]
)
def test_a_table_next_to_the_pages(tmp_path, pattern):
    """Folders that no page goes to may be next to the pages."""
    put(tmp_path / "in" / f"{NIGHT}.json")
    assert_fine(settings_file(tmp_path, TABLE.format(path=pattern)))


@pytest.mark.parametrize("kind", ["link to the source", "link to the pages", "other link"])
def test_links(tmp_path, capsys, kind):
    """Links are followed on both sides."""
    put(tmp_path / "kept" / f"{NIGHT}.json")
    (tmp_path / "site").mkdir()
    if kind == "link to the source":
        (tmp_path / "site" / "weather").symlink_to(tmp_path / "kept")
        path = "kept/{night}.json"
    elif kind == "link to the pages":
        (tmp_path / "site" / "weather").mkdir()
        (tmp_path / "in").symlink_to("site/weather")
        path = "in/{night}.json"
    else:
        (tmp_path / "site" / "weather").mkdir()
        put(tmp_path / "site" / "weather" / "now.json")
        (tmp_path / "now.json").symlink_to("site/weather/now.json")
        path = "now.json"
    settings = settings_file(tmp_path, TABLE.format(path=path), 'output_dir = "site"')
    assert_refused(tmp_path, settings, capsys, "is read by stream weather")


@pytest.mark.parametrize(
    "options",
    [
        'output_dir = "site"\nstore_dir = "in"',
        'output_dir = "site"\nstore_dir = "in/store"',
        'output_dir = "in"',
        'output_dir = "in/pages"',
        'output_dir = "site"\nlog_file = "in/runs.log"',
        'output_dir = "site"\nprometheus_file = "in/2021-02-16.json"',
        'output_dir = "site"\nlog_file = "site.toml"',
        'output_dir = "site"\nlog_file = "known.yaml"',
    ],
)
def test_every_place_that_is_written(tmp_path, capsys, options):
    """Store, log and textfile are compared, too, also with the settings."""
    put(tmp_path / "in" / NIGHT / "a.fits")
    put(tmp_path / "known.yaml", "")
    settings = settings_file(tmp_path, 'type = "files"\npath = "in"\n', options)
    assert_refused(tmp_path, settings, capsys, "choose")


def test_other_settings_that_are_paths(tmp_path, capsys):
    """A path counts under whatever name it is in the settings."""
    put(tmp_path / "in" / NIGHT / "a.fits")
    put(tmp_path / "weather" / f"{NIGHT}.csv", "obsid\na\n")
    sources = 'type = "files"\npath = "in"\n[[streams.weather.sources]]\ntype = "expected"\n'
    settings = settings_file(tmp_path, f'{sources}exposures = "weather/{{night}}.csv"\n')
    assert_refused(tmp_path, settings, capsys, f"{tmp_path}/weather/{{night}}.csv")


@pytest.mark.parametrize("how", ["file", "url"])
def test_a_database_in_the_folder_of_a_stream(tmp_path, capsys, how):
    """An SQLite file counts by its path and by its address."""
    path = tmp_path / "weather" / "x.db"
    path.parent.mkdir()
    sqlite3.connect(path).close()
    where = f'file = "{path}"' if how == "file" else f'url = "sqlite:///{path}"'
    source = f'type = "sql"\n{where}\nquery = "select 1"\ncolumns = {{ sampled_at = "t" }}\n'
    settings = settings_file(tmp_path, source + 'values = { a = "a" }\n')
    before = everything(tmp_path)
    assert run("-c", settings, now=NOW) == 2
    assert str(path) in capsys.readouterr().err and everything(tmp_path) == before


def test_a_log_of_transfers(tmp_path, capsys):
    """The log of transfers is compared with log_file."""
    put(tmp_path / "in" / NIGHT / "a.fits")
    put(tmp_path / "rsync.log", "")
    source = 'type = "files"\npath = "in"\ntransfer_log = "rsync.log*"\n'
    settings = settings_file(tmp_path, source, 'output_dir = "site"\nlog_file = "rsync.log"')
    assert_refused(tmp_path, settings, capsys, "log_file", "rsync.log")


def test_without_a_settings_file(tmp_path, capsys):
    """Flags are compared as settings are."""
    put(tmp_path / "cam" / "storage" / NIGHT / "a.fits")
    before = everything(tmp_path)
    for output in ("cam/storage", "cam/storage/www", "cam/gen2repo"):
        assert run("--input_dir", tmp_path / "cam", "--output_dir", tmp_path / output) == 2
        assert "choose" in capsys.readouterr().err and everything(tmp_path) == before
    asked = ("--store_dir", tmp_path / "cam" / "storage" / "store")
    assert run("--input_dir", tmp_path / "cam", "--output_dir", tmp_path / "site", *asked) == 2
    assert "choose" in capsys.readouterr().err and everything(tmp_path) == before


def test_case_does_not_count_everywhere(tmp_path, capsys):
    """On a file system that ignores case, `Weather` is `weather`."""
    put(tmp_path / "Weather" / f"{NIGHT}.json")
    source = TABLE.format(path="Weather/{night}.json")
    assert_fine(settings_file(tmp_path, source, 'output_dir = "./."'))
    # a link makes the other spelling the same folder, as such a file system would
    (tmp_path / "wEATHER").symlink_to("Weather")
    assert overlap.ignores_case(str(tmp_path / "Weather"))
    settings = settings_file(tmp_path, source)
    assert run("-c", settings, now=NOW) == 2
    assert "is read by stream weather" in capsys.readouterr().err


def test_a_hard_link_is_not_written_through(tmp_path):
    """A file that is linked to a page's name keeps its content."""
    mine = put(tmp_path / "in" / f"{NIGHT}.json")
    settings = settings_file(tmp_path, TABLE.format(path="in/{night}.json"), 'output_dir = "site"')
    (tmp_path / "site" / "weather").mkdir(parents=True)
    os.link(mine, tmp_path / "site" / "weather" / f"{NIGHT}.json")
    assert run("-c", settings, "--first_day", NIGHT, "--last_day", NIGHT, now=NOW) == 2
    assert mine.read_text() == ROWS


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("/a/b", "/a/b", True),
        ("/a/b", "/a/c", False),
        ("/a/**", "/a", True),
        ("/a/**", "/a/b/c", True),
        ("/a/**", "/ab", False),
        ("/**/x.json", "/a/**", True),
        ("/**/x.json", "/a/y.json", False),
        ("/a/*.json", "/a/????-??-??.*", True),
        ("/a/2021*", "/a/????-??-??.html", True),
        ("/a/x*", "/a/*y", True),
        ("/a/x*", "/a/y*", False),
        ("/a/[xy]z", "/a/?z", True),
        ("/a/{night}.csv", "/a/2021-02-16.csv", True),
        ("/a/{night}.csv", "/a/2021-02-16.json", False),
        ("/a/*/c", "/a/c", False),
    ],
)
def test_patterns_that_may_meet(one, other, meet):
    """Two patterns meet if a path may match both."""
    pair = wild_names(one), wild_names(other)
    assert may_meet(*pair) == may_meet(*reversed(pair)) == meet
    assert names_of("/a//b/") == ("a", "b")
