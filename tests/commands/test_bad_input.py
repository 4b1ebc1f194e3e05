"""A source that cannot be read is one line; all else is published."""

import datetime
import json
import os
import shutil

import pytest
from gen2tree import later, make_night
from one_stream import arguments
from running import counts, nights, run

NIGHT = datetime.date(2020, 2, 12)


def remove_registry(folder):
    (folder / "gen2repo" / "registry.sqlite3").unlink()


def no_sqlite(folder):
    (folder / "gen2repo" / "registry.sqlite3").write_text("<html>503 Service unavailable</html>")


def cut_registry(folder):
    path = folder / "gen2repo" / "registry.sqlite3"
    path.write_bytes(path.read_bytes()[:5000])


def no_raw_table(folder):
    (folder / "gen2repo" / "registry.sqlite3").write_bytes(b"")


def no_repository(folder):
    shutil.rmtree(folder / "gen2repo")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            remove_registry,
            "registry.sqlite3: no such file or directory; a Gen2 repository has its registry there",
        ),
        (no_sqlite, "registry.sqlite3: is no SQLite database; is it a whole Gen2 registry?"),
        (
            cut_registry,
            "registry.sqlite3: is a damaged SQLite database; is it a whole Gen2 registry?",
        ),
        (
            no_raw_table,
            "registry.sqlite3: has no table 'raw'; is it a Gen2 registry into which raws "
            "were ingested?",
        ),
        (
            no_repository,
            "registry.sqlite3: no such file or directory; a Gen2 repository has its registry there",
        ),
    ],
)
def test_registry_that_cannot_be_read(tmp_path, capfd, damage, words):
    """Without a registry, files are pending, not missing."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 30, "missing": 4}, now=later())
    damage(tmp_path / "input")
    asked = arguments(tmp_path, NIGHT)
    assert run(*asked) == 1
    error = capfd.readouterr().err
    assert words in error and len(error.splitlines()) == 1 and str(tmp_path / "input") in error
    night = nights(tmp_path / "site")["2020-02-12"]
    assert counts(night) == {"pending": 34} and night["status"] == "error"
    page = (tmp_path / "site" / "2020-02-12.html").read_text()
    assert words.replace("'", "&#39;") in page and "it is not known if they were ingested" in page


def test_registry_that_comes_back(tmp_path):
    """Data of a broken registry stay until it is whole again."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 30, "missing": 4}, now=later())
    asked = arguments(tmp_path, NIGHT)
    assert run(*asked) == 0
    registry = tmp_path / "input" / "gen2repo" / "registry.sqlite3"
    whole = registry.read_bytes()
    cut_registry(tmp_path / "input")
    assert run(*asked) == 1
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"ingested": 30, "missing": 4}
    registry.write_bytes(whole)
    assert run(*asked) == 0
    night = nights(tmp_path / "site")["2020-02-12"]
    assert (
        counts(night) == {"ingested": 30, "missing": 4} and "could not be read" not in night["info"]
    )


def test_no_storage(tmp_path, capfd):
    """Without storage/, the registry's raws are shown by their links."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 30}, now=later(), link="copy")
    shutil.rmtree(tmp_path / "input" / "storage")
    asked = arguments(tmp_path, NIGHT)
    assert run(*asked) == 1
    assert (
        "storage: no such file or directory; the file store should be there and readable"
        in capfd.readouterr().err
    )
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"ingested": 30}


def test_one_bad_stream_hides_no_other(tmp_path):
    """A stream without its sources is an error; others are published."""
    make_night(tmp_path / "good", NIGHT, {"ingested": 5}, now=later())
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.good]\ninput_dir = "good"\n'
        '[streams.bad]\ninput_dir = "nowhere"\n'
    )
    assert run("-c", tmp_path / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT) == 1
    assert counts(nights(tmp_path / "site" / "good")["2020-02-12"]) == {"ingested": 5}
    assert nights(tmp_path / "site" / "bad")["2020-02-12"]["status"] == "error"
    assert "1 stream needs attention: bad" in (tmp_path / "site" / "index.html").read_text()


def test_rebuild_without_a_source_that_answers(tmp_path, capfd):
    """Sources that know no night are each reported once."""
    (tmp_path / "input").mkdir()
    assert run("rebuild", "--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site") == 1
    error = capfd.readouterr().err
    assert (
        "input/storage: no such file" in error
        and "gen2repo/raw: no such file" in error
        and len(error.splitlines()) == 2
    )
    beat = json.loads((tmp_path / "site" / "data" / "heartbeat.json").read_text())["streams"][
        "input"
    ]["sources"]["files"]
    assert beat["answered_at"] is None and "input/storage: no such file" in beat["problem"]
    assert "No night has been read yet." in (tmp_path / "site" / "index.html").read_text()


def test_rebuild_tells_a_fault_once(tmp_path, capfd):
    """A source that knows neither its nights nor their files is one line."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    remove_registry(tmp_path / "input")
    assert (
        run(
            "rebuild",
            "--input_dir",
            tmp_path / "input",
            "--output_dir",
            tmp_path / "site",
            "--jobs",
            1,
        )
        == 1
    )
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_publish_without_any_night(tmp_path):
    """Pages that are published before any night was read say so."""
    (tmp_path / "input").mkdir()
    assert run("publish", "--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site") == 0
    assert nights(tmp_path / "site") == {}


def test_paths_that_are_not_utf8(tmp_path):
    """An input whose path is not UTF-8 is read as any other."""
    folder = tmp_path / os.fsdecode(b"in\xffput")
    make_night(folder, NIGHT, {"ingested": 3}, now=later())
    places = ("--input_dir", folder, "--output_dir", tmp_path / "site")
    assert run(*places, "--first_day", NIGHT, "--last_day", NIGHT) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"ingested": 3}
