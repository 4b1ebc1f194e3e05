"""Wrong arguments and settings are one line with the remedy."""

import datetime
import subprocess
import sys

import pytest
from gen2tree import later, make_night
from running import nights, run

NIGHT = datetime.date(2020, 2, 12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--num_day", "3"], "unknown argument --num_day 3; did you mean --num_days?"),
        (["rebild"], "unknown argument rebild; did you mean rebuild?"),
        (["--gen", "4"], "observing_monitor: --gen: 2 or 3, not '4'; "),
        (["--num_days", "many"], "observing_monitor: --num_days: a whole number, not 'many'; "),
        (
            ["--first_day", "2020-13-01"],
            "observing_monitor: --first_day: '2020-13-01' is not a night; write YYYY-MM-DD "
            "or YYYYMMDD",
        ),
        (
            ["metrics", "ad"],
            "observing_monitor metrics: 'ad' is none of 'set', 'add', 'show', 'delete'; did "
            "you mean add?",
        ),
    ],
)
def test_wrong_arguments(arguments, words):
    """Wrong arguments are one line with the nearest right word."""
    done = subprocess.run(
        [sys.executable, "-m", "observing_monitor", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 2 and done.stdout == ""
    assert (
        done.stderr.startswith("observing_monitor")
        and done.stderr.count("\n") == 1
        and words in done.stderr
        and "--help tells more" in done.stderr
    )


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
    """Impossible arguments are refused before anything is written."""
    (tmp_path / "input").mkdir()
    try:
        code = run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site", *arguments)
    except SystemExit as exit_:
        code = exit_.code
    told = capsys.readouterr().err
    assert code == 2 and words in told and "zzz-secret" not in told
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give --input_dir DIR --output_dir DIR, or -c FILE"),
        (
            ["--input_dir", "nowhere", "--output_dir", "x"],
            "nowhere: no such directory; --input_dir names the one with storage/ and "
            "gen2repo/ or gen3repo/\n",
        ),
        (
            ["-c", "nowhere.toml"],
            "nowhere.toml: no such file or directory; -c names the settings file\n",
        ),
    ],
)
def test_nothing_to_work_on(tmp_path, capsys, monkeypatch, arguments, words):
    """Without a stream, the message says what to give."""
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
            "[[streams.a.sources]]\ntype='gen2'\npath='x'\n[[streams.a.sources]]\n"
            "type='gen2'\npath='y'",
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
            "site.toml: [streams.a] source 'files': transfer_log_zone 'Mars/Olympus' is no "
            "time zone",
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
            "source 'files': transfer_log '/var/log/rsync.log' is a whole path; write it as "
            "it is below /data/x",
        ),
        (
            "[[streams.a.sources]]\ntype = 'fitsstorage_logs'\npath = '/data/x'\npattern = "
            "'/data/x/*.log'",
            "source 'fitsstorage_logs': pattern '/data/x/*.log' names no files below "
            "/data/x; write one such as '*.log*'",
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
    """A wrong key or value is named with its file and table."""
    path = tmp_path / "site.toml"
    path.write_text(text)
    try:
        code = run("-c", path, "--output_dir", tmp_path / "site")
    except SystemExit as exit_:
        code = exit_.code
    assert code == 2 and words in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


def test_settings_file_environment_and_arguments(tmp_path, monkeypatch):
    """Arguments win over the environment, and that over the file."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    path = tmp_path / "site.toml"
    path.write_text(
        '[observing_monitor]\noutput_dir = "of_file"\nlast_day = "2020-02-12"\nnum_days = 3\n'
        '[streams.a]\ninput_dir = "input"\n'
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
