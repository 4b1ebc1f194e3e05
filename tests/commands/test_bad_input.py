"""Bad input gets a clear line that names the path and what to do, on stderr and on the page, and the rest is still made."""

import datetime
import json
import shutil

import pytest
from gen2tree import later, make_night
from running import contents, counts, nights, run

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
        (no_sqlite, "registry.sqlite3: file is not a database; is it a whole Gen2 registry?"),
        (
            cut_registry,
            "registry.sqlite3: database disk image is malformed; is it a whole Gen2 registry?",
        ),
        (
            no_raw_table,
            "registry.sqlite3: has no table 'raw'; is it a Gen2 registry into which raws were ingested?",
        ),
        (
            no_repository,
            "registry.sqlite3: no such file or directory; a Gen2 repository has its registry there",
        ),
    ],
)
def test_registry_that_cannot_be_read(tmp_path, capfd, damage, words):
    """The files are shown all the same, none as missing, for nobody knows; the line stands on stderr and on the page."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 30, "missing": 4}, now=later())
    damage(tmp_path / "input")
    arguments = (
        "--input_dir",
        tmp_path / "input",
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    )
    assert run(*arguments) == 1
    error = capfd.readouterr().err
    assert words in error and len(error.splitlines()) == 1 and str(tmp_path / "input") in error
    night = nights(tmp_path / "site")["2020-02-12"]
    assert counts(night) == {"pending": 34} and night["status"] == "error"
    page = (tmp_path / "site" / "2020-02-12.html").read_text()
    assert words.replace("'", "&#39;") in page and "it is not known if they were ingested" in page


def test_registry_that_comes_back(tmp_path):
    """What a registry told before it broke stays; when it is whole again the fault is gone."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 30, "missing": 4}, now=later())
    arguments = (
        "--input_dir",
        tmp_path / "input",
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    )
    assert run(*arguments) == 0
    registry = tmp_path / "input" / "gen2repo" / "registry.sqlite3"
    whole = registry.read_bytes()
    cut_registry(tmp_path / "input")
    assert run(*arguments) == 1
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"ingested": 30, "missing": 4}
    registry.write_bytes(whole)
    assert run(*arguments) == 0
    night = nights(tmp_path / "site")["2020-02-12"]
    assert (
        counts(night) == {"ingested": 30, "missing": 4} and "could not be read" not in night["info"]
    )


def test_no_storage(tmp_path, capfd):
    """Without storage/ the raws of the registry are still shown, with their links as their files."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 30}, now=later(), link="copy")
    shutil.rmtree(tmp_path / "input" / "storage")
    arguments = (
        "--input_dir",
        tmp_path / "input",
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    )
    assert run(*arguments) == 1
    assert (
        "storage: no such file or directory; the file store should be there and readable"
        in capfd.readouterr().err
    )
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"ingested": 30}


def test_one_bad_stream_hides_no_other(tmp_path):
    """With several streams, one whose sources are gone is an error on the site's page; the others are made."""
    make_night(tmp_path / "good", NIGHT, {"ingested": 5}, now=later())
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.good]\ninput_dir = "good"\n[streams.bad]\ninput_dir = "nowhere"\n'
    )
    assert run("-c", tmp_path / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT) == 1
    assert counts(nights(tmp_path / "site" / "good")["2020-02-12"]) == {"ingested": 5}
    assert nights(tmp_path / "site" / "bad")["2020-02-12"]["status"] == "error"
    assert "1 stream needs attention: bad" in (tmp_path / "site" / "index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--first_day", "2020-02-13", "--last_day", "20200212"],
            "--first_day 2020-02-13 comes after --last_day 2020-02-12; swap them",
        ),
        (["--first_day", "20201340"], "'20201340' is not a night; write YYYY-MM-DD or YYYYMMDD"),
        (["--first_day", "2099-12-31"], "--first_day 2099-12-31 is yet to come; tonight is 2"),
        (["--last_day", "2099-12-31"], "--last_day 2099-12-31 is yet to come; tonight is 2"),
        (["--last_day", "9999-12-31"], "9999-12-31 is too far away"),
        (["--num_days", "0"], "--num_days 0 is no number of nights"),
        (["--num_days", "99999999999999"], "--num_days 99999999999999 is no number of nights"),
        (["--jobs", "-1"], "--jobs -1 is no number of processes; give 1 or more"),
        (
            ["--pending_limit_s", "nan"],
            "pending_limit_s: nan is no limit; write seconds, 0 or more",
        ),
        (["--stream", "../up"], "the stream's name '../up' can't be a folder's name"),
        (["--night_rule", "noon"], "night_rule 'noon' is not a rule; write UTC"),
        (["--nigths", "3"], "unknown argument --nigths 3"),
    ],
)
def test_arguments_that_cannot_be(tmp_path, capsys, arguments, words):
    """What the command line can't mean is refused in words, with exit code 2, before anything is written."""
    (tmp_path / "input").mkdir()
    try:
        code = run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site", *arguments)
    except SystemExit as exit_:
        code = exit_.code
    told = capsys.readouterr().err
    assert code == 2 and words in told and "zzz-secret" not in told
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text(""), "output_dir must be a folder that can be written"),
        (
            lambda path: (path.parent / "site").symlink_to("/proc/nowhere"),
            "output_dir must be a folder that can be written",
        ),
    ],
)
def test_output_that_cannot_be_written(tmp_path, capsys, make, words):
    """An output that can't be made is one line that names it, and exit code 2."""
    (tmp_path / "input").mkdir()
    make(tmp_path / "site")
    assert run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site") == 2
    error = capsys.readouterr().err
    assert words in error and str(tmp_path / "site") in error and len(error.splitlines()) == 1


def test_output_inside_what_is_read(tmp_path, capsys):
    """Pages written into the file store would be files of the night: refused."""
    (tmp_path / "input" / "storage").mkdir(parents=True)
    assert (
        run(
            "--input_dir",
            tmp_path / "input",
            "--output_dir",
            tmp_path / "input" / "storage" / "www",
        )
        == 2
    )
    assert "choose a folder outside it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give --input_dir DIR --output_dir DIR, or -c FILE"),
        (
            ["--input_dir", "nowhere", "--output_dir", "x"],
            "nowhere: no such directory; --input_dir names the one with storage/ and gen2repo/ or gen3repo/\n",
        ),
        (
            ["-c", "nowhere.toml"],
            "nowhere.toml: no such file or directory; -c names the settings file\n",
        ),
    ],
)
def test_nothing_to_work_on(tmp_path, capsys, monkeypatch, arguments, words):
    """Without a stream, or with one that is not there, the line says what to give."""
    monkeypatch.chdir(tmp_path)
    try:
        code = run(*arguments)
    except SystemExit as exit_:
        code = exit_.code
    assert code == 2 and words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[streams.a]\ninput_dri = 'x'",
            "site.toml: [streams.a] unknown key 'input_dri'; did you mean 'input_dir'?",
        ),
        (
            "[observing_monitor]\nnum_day = 3\n[streams.a]\ninput_dir='x'",
            "[observing_monitor] unknown key 'num_day'; did you mean 'num_days'?",
        ),
        ("[stream.a]\ninput_dir = 'x'", "site.toml: unknown key 'stream'; did you mean 'streams'?"),
        (
            "[streams.a]\ninput_dir = 3",
            'site.toml: [streams.a] input_dir: a path, such as "/data/auxTel", not 3',
        ),
        (
            "[streams.a]\ninput_dir = 'x'\npending_limit_s = 'soon'",
            '[streams.a] pending_limit_s: a number of seconds, such as 3600, not "soon"',
        ),
        (
            "[streams.a]\ninput_dir = 'x'\nnight_rule = 'noon'",
            "[streams.a] night_rule 'noon' is not a rule",
        ),
        (
            "[streams.a]\ninput_dir = 'x'\nlast_stage = 'export'",
            "last_stage: no source reports 'export'; known are ingest",
        ),
        (
            "[streams.a]",
            "[streams.a] has no source; set input_dir, or add a table [[streams.a.sources]]",
        ),
        ("[streams.'a/b']\ninput_dir = 'x'", "can't be a folder's name"),
        (
            "[[streams.a.sources]]\ntype = 'gen22'\npath = 'x'",
            "the type of a source is 'gen22'; it is one of",
        ),
        (
            "[[streams.a.sources]]\ntype = 'gen2'\npath = 'x'\nquery = 1",
            "source 'gen2': unknown key 'query'; did you mean 'query_links'?",
        ),
        (
            "[[streams.a.sources]]\ntype = 'gen2'",
            "source 'gen2': path is missing: a path",
        ),
        (
            "[[streams.a.sources]]\ntype='gen2'\npath='x'\n[[streams.a.sources]]\ntype='gen2'\npath='y'",
            "has two sources named 'gen2'",
        ),
        ("", "has no stream; add a table [streams.NAME]"),
        ("[streams.a", "site.toml: line 1: a heading is not closed; write [NAME] or [[NAME]]\n"),
        ("streams = 3", "[streams] has a table for each stream; write [streams.NAME]"),
        ("observing_monitor = 3", "observing_monitor is a table; write [observing_monitor]"),
        (
            "[streams.'index.html']\ninput_dir = 'x'",
            "the stream's name 'index.html' can't be a folder's name",
        ),
        (
            "[streams.a]\ninput_dir = 'x'\nstale_after_s = inf",
            "[streams.a] stale_after_s: inf is no limit",
        ),
        (
            "[streams.a]\ninput_dir = 'x'\ntransfer_log_zone = 'Mars/Olympus'",
            "site.toml: [streams.a] source 'files': transfer_log_zone 'Mars/Olympus' is no time zone",
        ),
        *(  # a folder of the database of zones
            (
                f"[[streams.a.sources]]\ntype = '{kind}'\n{setting} = 'America'\n{more}",
                f"source '{kind}': {setting} 'America' is no time zone",
            )
            for kind, setting, more in (
                ("files", "transfer_log_zone", "path = 'x'"),
                ("dbb", "timezone", "url = 'sqlite:////x'"),
                ("lasair", "zone", "path = 'x'"),
                ("fitsstorage", "zone", "url = 'postgresql://h/x'"),
                ("fitsstorage_logs", "zone", "path = 'x'"),
                ("table", "zone", "path = 'x.csv'\nnight_column = 'n'\nvalues = { a = 'b' }"),
            )
        ),
        (
            "[streams.a]\ninput_dir = '/data/x'\ntransfer_log = '/var/log/rsync.log'",
            "source 'files': transfer_log '/var/log/rsync.log' is a whole path; write it as it is below /data/x",
        ),
        (
            "[[streams.a.sources]]\ntype = 'fitsstorage_logs'\npath = '/data/x'\npattern = '/data/x/*.log'",
            "source 'fitsstorage_logs': pattern '/data/x/*.log' names no files below /data/x; write one such as '*.log*'",
        ),
        *(
            (
                f"[[streams.a.sources]]\ntype = '{kind}'\nurl = 'me:zzz-secret@host/x'\n{more}",
                f"source '{kind}': url is no database's address",
            )
            for kind, more in (
                ("dbb", ""),
                ("fitsstorage", ""),
                ("lasair", ""),
                ("gen3", "path = 'x'"),
                ("sql", "query = 'select 1'"),
            )
        ),
        (
            "[[streams.a.sources]]\ntype = 'gen2'\npath = 'x'\nname = 3",
            "[streams.a] the name of a source is 3; write plain text",
        ),
        (
            "[observing_monitor]\noutput = 'x'\n[streams.a]\ninput_dir='x'",
            "unknown key 'output'; did you mean 'output_dir'?",
        ),
        (
            "[observing_monitor]\ngen = 3\n[streams.a]\ninput_dir='x'",
            "gen: for one stream without a settings file",
        ),
        (
            "[observing_monitor]\nnum_days = 'many'\n[streams.a]\ninput_dir='x'",
            "--num_days: a whole number, not 'many'",
        ),
    ],
)
def test_settings_that_are_wrong(tmp_path, capsys, text, words):
    """A wrong key or value of the settings names the file, the table, the key and the nearest right one; exit code 2."""
    path = tmp_path / "site.toml"
    path.write_text(text)
    try:
        code = run("-c", path, "--output_dir", tmp_path / "site")
    except SystemExit as exit_:
        code = exit_.code
    assert code == 2 and words in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


def test_check_tells_each_source(tmp_path, capsys):
    """`check` says of each source what it found or what is wrong, and writes nothing."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 5}, now=later())
    cut_registry(tmp_path / "input")
    assert run("check", "--input_dir", tmp_path / "input") == 1
    told = capsys.readouterr().out
    assert "FAILED output\n           output_dir is not set; give --output_dir DIR" in told
    assert (
        f"odd    files at {tmp_path}/input/storage\n           1 night, 2020-02-12 to 2020-02-12; answered in "
        in told
    )
    assert (
        "of 2020-02-12: 5 files, the last at " in told
        and "nothing of the nights that a run looks at" in told
    )
    assert (
        f"FAILED gen2 at {tmp_path}/input/gen2repo\n" in told
        and "database disk image is malformed" in told
    )
    assert {path.name for path in tmp_path.iterdir()} == {"input"}


def test_settings_file_environment_and_arguments(tmp_path, monkeypatch):
    """Arguments win over the environment, which wins over the file; paths in the file are relative to it."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    path = tmp_path / "site.toml"
    path.write_text(
        '[observing_monitor]\noutput_dir = "of_file"\nlast_day = "2020-02-12"\nnum_days = 3\n[streams.a]\ninput_dir = "input"\n'
    )
    assert run("-c", path) == 0
    assert list(nights(tmp_path / "of_file" / "a")) == ["2020-02-10", "2020-02-11", "2020-02-12"]
    monkeypatch.setenv("OBSMON_NUM_DAYS", "2")
    monkeypatch.setenv("OBSMON_OUTPUT_DIR", str(tmp_path / "of_environment"))
    monkeypatch.setenv("OBSMON_CONFIG", str(path))
    assert run() == 0
    assert len(nights(tmp_path / "of_environment" / "a")) == 2
    assert run("--num_days", "1", "--output", tmp_path / "of_argument") == 0
    assert len(nights(tmp_path / "of_argument" / "a")) == 1


def test_rebuild_without_a_source_that_answers(tmp_path, capfd):
    """Where no source can say which nights it knows, each is told once, and it is no success; the page is made all the same."""
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
    """A source that can tell neither its nights nor what is in them is one line."""
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
    """Pages can be made before anything was collected: they say that no night has been read."""
    (tmp_path / "input").mkdir()
    assert run("publish", "--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site") == 0
    assert nights(tmp_path / "site") == {}


def test_paths_that_are_not_utf8(tmp_path):
    """An input whose own path is not UTF-8 is read as any other; its bytes are shown."""
    import os

    folder = tmp_path / os.fsdecode(b"in\xffput")
    make_night(folder, NIGHT, {"ingested": 3}, now=later())
    arguments = (
        "--input_dir",
        folder,
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    )
    assert run(*arguments) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"ingested": 3}


def test_output_inside_what_is_read_by_another_name(tmp_path, capsys):
    """A symlink does not hide that the output lies in the file store."""
    (tmp_path / "input" / "storage").mkdir(parents=True)
    (tmp_path / "www").symlink_to(tmp_path / "input" / "storage")
    assert run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "www" / "pages") == 2
    assert "choose a folder outside it" in capsys.readouterr().err


def test_output_of_another_stream(tmp_path, capsys):
    """Two streams without a settings file would overwrite each other's pages in one output: the second is refused, and writes nothing."""
    for name in ("auxTel", "comCam"):
        make_night(tmp_path / name, NIGHT, {"ingested": 1}, now=later())
    days = ("--output_dir", tmp_path / "site", "--first_day", NIGHT, "--last_day", NIGHT)
    assert run("--input_dir", tmp_path / "auxTel", *days) == 0
    before = contents(tmp_path / "site")
    assert run("--input_dir", tmp_path / "comCam", *days) == 2
    assert (
        "holds the pages of auxTel; choose another folder, or describe the streams in a settings file"
        in capsys.readouterr().err
    )
    assert contents(tmp_path / "site") == before


def test_output_that_turns_unreadable(tmp_path, capsys):
    """What of the output can't be read back is one line that names it, and exit code 2; nothing of the history is touched."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 2}, now=later())
    arguments = (
        "--input_dir",
        tmp_path / "input",
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    )
    assert run(*arguments) == 0
    index = tmp_path / "site" / "data" / "stream=input" / "index.json"
    index.unlink()
    index.mkdir()
    before = contents(tmp_path / "site")
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert f"{index}: is a directory" in error and len(error.splitlines()) == 1
    assert contents(tmp_path / "site") == before
