"""What whoever runs the cron job works with: `check`, the run's one line, arguments that are wrong."""

import datetime
import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import need
from gen2tree import later, make_night
from running import nights, run, times

from observing_monitor.commands.arguments import parse
from observing_monitor.model import columns

NIGHT = datetime.date(2020, 2, 12)
NOON = datetime.datetime(2020, 2, 13, 18, tzinfo=datetime.UTC)  # of the night after NIGHT


def settings(folder, more=""):
    path = folder / "site.toml"
    path.write_text(
        f'[observing_monitor]\noutput_dir = "site"\n{more}\n[streams.latiss]\ninput_dir = "input"\n'
    )
    return path


def checked(capsys, *arguments, now):
    """The exit code of `check`, and the lines that it printed, by what stands over them."""
    code = run("check", *arguments, now=now)
    told, over = {}, ""
    for line in capsys.readouterr().out.splitlines():
        over = line.strip() if not line.startswith("         ") else over
        told.setdefault(over, []).append(line.strip())
    return code, told


def test_check_teaches(tmp_path, capsys):
    """Of a stream in order: the night that now belongs to, what each source has and how long it took; exit 0, and nothing written."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 5, "missing": 2}, now=later())
    config = settings(tmp_path)
    before = sorted(os.walk(tmp_path))
    code, told = checked(capsys, "-c", config, now=NOON)
    assert code == 0 and sorted(os.walk(tmp_path)) == before
    assert told["stream latiss: a run looks at 2020-02-12 to 2020-02-13"][1] == (
        "a night is the date of UTC−12h: now it is 2020-02-13, from 2020-02-13 12:00 UTC to 2020-02-14 12:00 UTC"
    )
    first, second = told[f"ok     files at {tmp_path}/input/storage"][1:]
    assert re.fullmatch(r"1 night, 2020-02-12 to 2020-02-12; answered in \d+\.\d\d s", first)
    assert second.startswith("of 2020-02-12: 7 files, the last at ")
    assert (
        told[f"ok     gen2 at {tmp_path}/input/gen2repo"][2]
        == "of 2020-02-12: 5 attempts, the last at 2020-02-12 23:02 UTC"
    )
    output = told[f"ok     output {tmp_path}/site"]
    assert (
        output[1].startswith(f"is not there yet, and can be made in {tmp_path}; ")
        and "no run has finished there yet" in output
    )
    assert "3 looked at: 0 failed, 0 odd" in told
    assert run("-c", config, now=NOON) == 0
    code, told = checked(capsys, "-c", config, now=NOON + datetime.timedelta(minutes=12))
    output = told[f"ok     output {tmp_path}/site"]
    assert (
        "last run at 2020-02-13 18:00 UTC, 12 min 00 s ago" in output
        and "store of latiss: 2 nights, 2020-02-12 to 2020-02-13" in output
    )


def test_check_says_what_is_odd(tmp_path, capsys):
    """A folder that is empty, nights in the future and files outside their night by the rule are odd, with what to look at; exit 0."""
    (tmp_path / "input" / "storage").mkdir(parents=True)
    make_night(tmp_path / "input2", NIGHT, {"ingested": 4}, now=later())
    config = tmp_path / "site.toml"
    config.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.a]\n[[streams.a.sources]]\ntype = "files"\npath = "input/storage"\n'
        '[streams.b]\nnight_rule = "UTC-23.5h"\ninput_dir = "input2"\n'
    )
    code, told = checked(capsys, "-c", config, now=NOON)
    assert code == 0 and "4 looked at: 0 failed, 2 odd" in told
    assert (
        "it answers, but knows of no night; is it the right place?"
        in told[f"odd    files at {tmp_path}/input/storage"]
    )
    words = "4 of 4 files of 2020-02-12 were created outside that night, 2020-02-12 23:30 UTC to 2020-02-13 23:30 UTC; "
    assert (
        f"{words}is night_rule UTC−23.5h right?"
        in told[f"odd    files at {tmp_path}/input2/storage"]
    )
    code, told = checked(capsys, "-c", config, now=NOON - datetime.timedelta(days=100))
    assert any(
        "it knows of nights that are yet to come, up to 2020-02-12" in line
        for lines in told.values()
        for line in lines
    )


def test_check_of_a_running_output(tmp_path, capsys):
    """A lock that is held is told, and the run that holds it is not disturbed."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    config = settings(tmp_path)
    assert run("-c", config, now=NOON) == 0
    with open(tmp_path / "site" / ".lock", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, told = checked(capsys, "-c", config, now=NOON)
    assert (
        code == 0 and "another run is at work on it now" in told[f"ok     output {tmp_path}/site"]
    )


def test_check_without_leave(tmp_path, capsys):
    """An output and a source that this user may not use are named with what to do; exit 1."""
    need(os.geteuid() == 0, "only root can become another user")
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    config = settings(tmp_path)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    (tmp_path / "input" / "storage" / "2020-02-12").chmod(0o700)
    (tmp_path / "site").mkdir()
    assert checked(capsys, "-c", config, now=NOON)[0] == 0
    os.seteuid(65534)
    try:
        code, told = checked(capsys, "-c", config, now=NOON)
    finally:
        os.seteuid(0)
    (words,) = told[f"FAILED output {tmp_path}/site"][1:]
    assert code == 1 and words.startswith(
        f"{tmp_path}/site can't be written by this user (uid 65534); change its owner"
    )
    (words,) = [
        line
        for line in told[f"odd    files at {tmp_path}/input/storage"]
        if line.startswith("odd: ")
    ]
    assert words.startswith(f"odd: {tmp_path}/input/storage/2020-02-12: permission denied")


def test_check_of_an_output_that_cannot_be(tmp_path, capsys):
    """No output at all, one that is a file, one below a file: each is named with what to set; the sources are looked at all the same."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    config = tmp_path / "site.toml"
    (tmp_path / "file").touch()
    for line, place, words in (
        (
            "",
            "output",
            "output_dir is not set; give --output_dir DIR, or output_dir in [observing_monitor] of the settings file",
        ),
        (
            'output_dir = "file"',
            f"output {tmp_path}/file",
            f"{tmp_path}/file is no folder; choose another output_dir",
        ),
        (
            'output_dir = "file/in"',
            f"output {tmp_path}/file/in",
            f"{tmp_path}/file is no folder; choose another output_dir",
        ),
    ):
        config.write_text(f'[observing_monitor]\n{line}\n[streams.latiss]\ninput_dir = "input"\n')
        code, told = checked(capsys, "-c", config, now=NOON)
        assert (
            code == 1
            and told[f"FAILED {place}"][1:] == [words]
            and f"ok     files at {tmp_path}/input/storage" in told
        )


def test_check_of_a_store_apart(tmp_path, capsys):
    """Pages and store in two places are looked at both: the one that can't be is named with its setting, whichever it is."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    (tmp_path / "file").touch()
    for pages, store in (("site", "file"), ("file", "kept")):
        config = settings(tmp_path, f'store_dir = "{store}"')
        config.write_text(
            config.read_text().replace('output_dir = "site"', f'output_dir = "{pages}"')
        )
        code, told = checked(capsys, "-c", config, now=NOON)
        said = told[f"FAILED output {tmp_path}/{pages}"]
        wrong = (
            f"store_dir {tmp_path}/file: {tmp_path}/file is no folder; choose another store_dir"
            if store == "file"
            else ""
        )
        assert (
            code == 1
            and (wrong or f"{tmp_path}/file is no folder; choose another output_dir") in said
        )


def test_check_of_a_store_of_another_version(tmp_path, capsys):
    """After an upgrade `check` says that the next run remakes the index; a run does, and then all is well."""
    from observing_monitor.storage.sealed import sealed

    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    config = settings(tmp_path)
    assert run("-c", config, now=NOON) == 0
    index = tmp_path / "site" / "data" / "stream=latiss" / "index.json"
    older = {
        name: value for name, value in json.loads(index.read_text()).items() if name != "seal"
    } | {"schema_version": 0}
    index.write_bytes(sealed(json.dumps(older)))
    code, told = checked(capsys, "-c", config, now=NOON)
    words = f"latiss: its store is of version 0, this program's {columns.SCHEMA_VERSION}; the next run remakes its index"
    assert code == 0 and words in told[f"odd    output {tmp_path}/site"]
    assert run("-c", config, now=NOON) == 0
    assert f"ok     output {tmp_path}/site" in checked(capsys, "-c", config, now=NOON)[1]


def test_check_of_a_source_with_much_that_is_odd(tmp_path, capsys):
    """Of many odd things the first three are told, the rest counted; nights that are all long past are odd, with what to do."""
    for number in range(5):
        (tmp_path / f"2020-02-12_{number}.csv").write_text("rh\n40\n1,2\n")
    config = tmp_path / "site.toml"
    place = "{night}_*.csv"
    config.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.a]\n[[streams.a.sources]]\n'
        f'type = "table"\npath = "{place}"\nvalues = {{ humidity = "rh" }}\n'
    )
    code, told = checked(capsys, "-c", config, now=NOON)
    said = told[f"odd    table at {tmp_path}/{place}"]
    assert (
        code == 0
        and sum("more cells than the header has" in line for line in said) == 3
        and said[-1] == "and 2 more odd things"
    )
    code, told = checked(capsys, "-c", config, now=NOON + datetime.timedelta(days=100))
    words = "nothing of the nights that a run looks at, 2020-05-22 to 2020-05-23; for older ones: observing_monitor rebuild"
    assert words in told[f"odd    table at {tmp_path}/{place}"]


def logged(path):
    """The lines of a run's log, each as a dict."""
    return [
        dict(word.split("=", 1) for word in line.split()) for line in path.read_text().splitlines()
    ]


def test_one_line_a_run(tmp_path, capfd):
    """Every run adds one line to log_file, its words always in one order, and says nothing on stderr while all is well."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 3}, now=later())
    config, log = settings(tmp_path, 'log_file = "runs.log"'), tmp_path / "runs.log"
    assert run("-c", config, now=NOON) == 0 and run("-c", config, now=NOON) == 0
    assert capfd.readouterr().err == ""
    assert run("publish", "-c", config, "-v", now=NOON) == 0
    assert (
        capfd.readouterr().err.splitlines()[0]
        == f"observing_monitor: {log.read_text().splitlines()[-1]}"
    )
    (tmp_path / "input" / "gen2repo" / "registry.sqlite3").unlink()
    assert run("-c", config, now=NOON) == 1
    with open(tmp_path / "site" / ".lock", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert run("-c", config, now=NOON) == 75
    told = logged(log)
    assert [list(line) for line in told] == [
        ["at", "command", "nights", "changed", "pages", "seconds", "problems", "exit"]
    ] * 5
    assert {line["at"] for line in told} == {"2020-02-13T18:00:00Z"} and all(
        float(line["seconds"]) >= 0 for line in told
    )
    facts = [
        tuple(line[name] for name in ("command", "nights", "changed", "pages", "problems", "exit"))
        for line in told
    ]
    n_pages = facts[0][3]
    assert int(n_pages) >= 4
    assert facts[:3] == [
        ("run", "2", "2", n_pages, "0", "0"),
        ("run", "2", "0", "0", "0", "0"),
        ("publish", "0", "0", "0", "0", "0"),
    ]
    assert (
        facts[3][:3] == ("run", "2", "2")
        and facts[3][4:] == ("1", "1")
        and facts[4] == ("run", "0", "0", "0", "0", "75")
    )


def test_a_run_that_ends_before_it_is_done_leaves_its_line(tmp_path, capfd, monkeypatch):
    """A run that can't write, and one that is stopped, stand in log_file with their exit code."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 3}, now=later())
    config, log = settings(tmp_path, 'log_file = "runs.log"'), tmp_path / "runs.log"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "data").write_text("in the way")
    assert run("-c", config, now=NOON) == 2
    (tmp_path / "site" / "data").unlink()

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("observing_monitor.commands.site_run.SiteRun.collect", stopped)
    assert run("-c", config, now=NOON) == 130
    told = logged(log)
    assert [(line["command"], line["problems"], line["exit"]) for line in told] == [
        ("run", "1", "2"),
        ("run", "0", "130"),
    ]
    assert len(capfd.readouterr().err.splitlines()) == 2


def test_check_tells_of_known_issues(tmp_path, capfd):
    """`check` says how many known issues are understood, and which entry is not: the next run would end with 1 for it."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 3}, now=later())
    config, known = settings(tmp_path, ""), tmp_path / "known.yaml"
    known.write_text("- night: 2020-02-12\n  pattern: '*.a'\n  reason: a test\n")
    assert run("check", "-c", config, now=NOON) == 0
    assert (
        "  ok     known issues\n           of its entries 1 are understood\n"
        in capfd.readouterr().out
    )
    known.write_text(known.read_text() + "- night: 2020-02-12\n  patern: b\n  reason: a test\n")
    assert run("check", "-c", config, now=NOON) == 1
    assert (
        f"  FAILED known issues\n           {known}: line 5: unknown key 'patern'"
        in capfd.readouterr().out
    )


def test_rebuild_of_the_last_nights(tmp_path):
    """`rebuild --num_days` makes the last so many nights; num_days of the settings, which is cron's, does not keep a history short."""
    now = NOON + datetime.timedelta(days=5)
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    config, nights = (
        settings(tmp_path, "num_days = 2"),
        tmp_path / "site" / "data" / "stream=latiss",
    )
    assert run("rebuild", "-c", config, "--num_days", "3", now=now) == 0
    assert {name for name in os.listdir(nights) if name.startswith("night=")} == {
        f"night=2020-02-{day}" for day in (16, 17, 18)
    }
    assert run("rebuild", "-c", config, now=now) == 0
    assert f"night={NIGHT}" in os.listdir(nights)


def test_log_that_cannot_be_written(tmp_path, capfd):
    """A log_file that can't be written costs a line on stderr and exit 1; the pages are made."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 3}, now=later())
    assert run("-c", settings(tmp_path, 'log_file = "nowhere/runs.log"'), now=NOON) == 1
    error = capfd.readouterr().err
    assert (
        error.count("\n") == 1
        and f"log_file {tmp_path}/nowhere/runs.log: no such file or directory" in error
    )
    assert (tmp_path / "site" / "index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--num_day", "3"], "unknown argument --num_day 3; did you mean --num_days?"),
        (["rebild"], "unknown argument rebild; did you mean rebuild?"),
        (["--gen", "4"], "observing_monitor: --gen: 2 or 3, not '4'; "),
        (["--num_days", "many"], "observing_monitor: --num_days: a whole number, not 'many'; "),
        (
            ["--first_day", "2020-13-01"],
            "observing_monitor: --first_day: '2020-13-01' is not a night; write YYYY-MM-DD or YYYYMMDD",
        ),
        (
            ["metrics", "ad"],
            "observing_monitor metrics: 'ad' is none of 'set', 'add', 'show', 'delete'; did you mean add?",
        ),
    ],
)
def test_wrong_arguments(arguments, words):
    """Wrong arguments cost exit code 2 and one line on stderr: what is wrong, the nearest right word, where to read more."""
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


# --- which nights, by the prototype's flags -------------------------------------------------------------------------------


DAYS = [
    ([], ("2020-02-12", "2020-02-13")),
    (["--num_days", "4"], ("2020-02-10", "2020-02-13")),
    (["--first_day", "20200211"], ("2020-02-11", "2020-02-13")),
    (["--last_day", "20200205"], ("2020-02-04", "2020-02-05")),
    (["--last_day", "2020-02-05", "--num_days", "3"], ("2020-02-03", "2020-02-05")),
    (["--first_day", "2020-02-01", "--num_days", "3"], ("2020-02-01", "2020-02-03")),
    (["--first_day", "2020-02-12", "--num_days", "30"], ("2020-02-12", "2020-02-13")),
    (["--first_day", "2020-02-01", "--last_day", "2020-02-03"], ("2020-02-01", "2020-02-03")),
    (
        ["--first_day", "2020-02-01", "--last_day", "2020-02-03", "--num_days", "3"],
        ("2020-02-01", "2020-02-03"),
    ),
    (["--last_day", "2020-02-14"], ("2020-02-13", "2020-02-13")),
    (["--first_day", "2020-02-12", "--last_day", "2020-02-20"], ("2020-02-12", "2020-02-13")),
]


@pytest.mark.parametrize(("arguments", "expected"), DAYS)
def test_which_nights(tmp_path, arguments, expected):
    """Any two of num_days, first_day and last_day say which nights; a night that is yet to come is none."""
    (tmp_path / "input" / "storage").mkdir(parents=True)
    run("--input_dir", tmp_path / "input", "--output", tmp_path / "site", *arguments, now=NOON)
    told = sorted(
        name.removeprefix("night=")
        for name in os.listdir(tmp_path / "site" / "data" / "stream=input")
        if name.startswith("night=")
    )
    assert (told[0], told[-1]) == expected
    assert (
        len(told)
        == (
            datetime.date.fromisoformat(expected[1]) - datetime.date.fromisoformat(expected[0])
        ).days
        + 1
    )


@pytest.mark.parametrize(
    ("in_file", "arguments", "expected"),
    [
        ("num_days = 5", ["--first_day", "2020-02-11"], ("2020-02-11", "2020-02-13")),
        (
            "num_days = 5",
            ["--first_day", "2020-02-01", "--last_day", "2020-02-02"],
            ("2020-02-01", "2020-02-02"),
        ),
        ("num_days = 3", ["--last_day", "2020-02-05"], ("2020-02-03", "2020-02-05")),
        ('first_day = "2020-02-01"', ["--num_days", "3"], ("2020-02-11", "2020-02-13")),
        ('first_day = "2020-02-01"\nnum_days = 3', [], ("2020-02-01", "2020-02-03")),
        (
            'first_day = "2020-02-01"\nlast_day = "2020-02-03"',
            ["--num_days", "2"],
            ("2020-02-02", "2020-02-03"),
        ),
    ],
)
def test_the_nearest_counts(tmp_path, capsys, in_file, arguments, expected):
    """Where the settings file and the command line say too much together, the command line's words count."""
    (tmp_path / "input" / "storage").mkdir(parents=True)
    run("check", "-c", settings(tmp_path, in_file), *arguments, now=NOON)
    assert (
        f"stream latiss: a run looks at {expected[0]} to {expected[1]}" in capsys.readouterr().out
    )


def test_days_that_contradict_each_other(tmp_path, capsys):
    """Three days that do not fit together are an error that says how, and nothing is done."""
    (tmp_path / "input").mkdir()
    days = ("--first_day", "2020-02-01", "--last_day", "2020-02-03", "--num_days", "5")
    assert (
        run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site", *days, now=NOON)
        == 2
    )
    assert (
        "2020-02-01 to --last_day 2020-02-03 are 3 nights, and --num_days says 5; two of the three are enough"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("form", ["--output", "--output_dir"])
def test_flags_of_the_prototype(tmp_path, form):
    """The prototype's command line runs as it stood in its crontab: a repository by run, its links looked for, a night of long ago."""
    make_night(
        tmp_path / "input",
        NIGHT,
        {"ingested": 6, "missing": 2},
        now=later(),
        camera="testStand",
        layout="run",
    )
    asked = (
        "--input_dir",
        tmp_path / "input",
        form,
        tmp_path / "site",
        "--last_day",
        "20200212",
        "--num_days",
        "1",
        "--query_links",
        "--gen",
        2,
    )
    assert run(*asked, now=later()) == 0
    night = nights(tmp_path / "site")["2020-02-12"]
    assert (night["n_ingested"], night["n_missing"]) == (6, 2)
    before = times(tmp_path / "site")
    assert run(*asked, now=later()) == 0 and times(tmp_path / "site") == before


def test_nearness_of_options(tmp_path, monkeypatch):
    """An option's nearness is 3 on the command line, 2 in the environment, 1 in the file, 0 by default."""
    monkeypatch.setenv("OBSMON_FIRST_DAY", "2020-02-01")
    _, options = parse(["-c", str(settings(tmp_path, "num_days = 4")), "--last_day", "2020-02-03"])
    assert [options.nearness[name] for name in ("last_day", "first_day", "num_days", "title")] == [
        3,
        2,
        1,
        0,
    ]
