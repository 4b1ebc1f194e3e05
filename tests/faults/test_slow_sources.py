"""Sources that hang, answer slowly and come back.

The others are read, the last data stay, the pages say so, and the run ends in time.
"""

import datetime
import json
import os
import shutil
import subprocess
import sys
import threading
import time

import numbers_source
import pytest
from gen2tree import later, make_night
from running import counts, nights, start

from observing_monitor import cli
from observing_monitor.processes import timelimit

NIGHTS = [datetime.date(2020, 2, day) for day in (12, 13)]
DAYS = ("--first_day", NIGHTS[0], "--last_day", NIGHTS[-1])
SILENT = "see whether it hangs, or raise time_limit_s if it is only slow"
# writes a number into a pipe, late, for each run that reads it
FEEDING = """
import sys, time
for n in range(4):
    time.sleep(0.4)
    open(sys.argv[1], 'w').write('seeing 0.9\\n')
"""


@pytest.fixture
def site(tmp_path):
    """A folder with two streams, an environment and a clock."""
    now = later()
    for night in NIGHTS:
        make_night(tmp_path / "camera", night, {"ingested": 3}, now=now)
    (tmp_path / "weather").write_text("seeing 0.8\n")
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.dome]\ntime_limit_s = 0.7\n'
        '[[streams.dome.sources]]\ntype = "numbers"\npath = "weather"\n'
        '[streams.camera]\ninput_dir = "camera"\n'
    )
    return tmp_path, numbers_source.install(tmp_path / "packages"), now


def run(site, *arguments):
    """Run the command; return exit code, stderr and seconds."""
    folder, environment, now = site
    began = time.monotonic()
    process = start(*arguments, "-c", folder / "site.toml", now=now, env=environment)
    _, error = process.communicate(timeout=60)
    return process.returncode, error, time.monotonic() - began


def value_of(site, night):
    """Return the numbers of the stream `dome` and its findings."""
    data = json.loads((site[0] / "site" / "dome" / f"{night}.json").read_text())
    return {metric["name"]: metric["value"] for metric in data["metrics"]}, data["findings"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_source_that_hangs(site, jobs):
    """A source that hangs costs its limit once."""
    folder = site[0]
    assert run(site, *DAYS)[:2] == (0, "")
    make_pipe(folder / "weather")
    shutil.rmtree(folder / "camera")
    for night in NIGHTS:
        make_night(folder / "camera", night, {"ingested": 5}, now=site[2])
    code, error, seconds = run(site, *DAYS, "--jobs", jobs)
    words = f"{folder}/weather: no answer within 0.7 s; {SILENT}"
    assert (code, error) == (1, f"observing_monitor: dome: {words}\n")
    assert seconds < 0.7 + 8, "each night waited for it, or the process did not end"
    for night in NIGHTS:
        values, findings = value_of(site, night)
        text = findings[0]["text"]
        assert values == {"seeing": 0.8}
        assert "could not be read since" in text and words in text
        assert words in (folder / "site" / "dome" / f"{night}.html").read_text()
    assert counts(nights(folder / "site" / "camera")["2020-02-13"]) == {"ingested": 5}
    before = times_in(folder / "site" / "dome")
    assert run(site, *DAYS)[0] == 1
    assert value_of(site, NIGHTS[1])[1][0]["text"] == text
    assert times_in(folder / "site" / "dome") == before, "nothing new, and a page was made"
    (folder / "weather").unlink()
    (folder / "weather").write_text("seeing 1.1\n")
    assert run(site, *DAYS)[:2] == (0, "")
    assert value_of(site, NIGHTS[1]) == ({"seeing": 1.1}, [])


def make_pipe(path):
    """Replace a file by a pipe, which hangs when opened."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def times_in(folder):
    """Return each file's modification time."""
    return {path: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.mark.parametrize("command", ["run", "rebuild", "check"])
def test_many_sources_that_hang(site, command):
    """Ten sources that hang cost the limit of one."""
    folder = site[0]
    text = '[observing_monitor]\noutput_dir = "site"\n[streams.camera]\ninput_dir = "camera"\n'
    for number in range(5):
        text += f"[streams.dome{number}]\ntime_limit_s = 3\n"
        for name in ("inside", "outside"):
            make_pipe(folder / f"{name}{number}")
            text += f'[[streams.dome{number}.sources]]\ntype = "numbers"\n'
            text += f'name = "{name}"\npath = "{name}{number}"\n'
    text += '[[streams.dome4.sources]]\ntype = "numbers"\npath = "weather"\n'
    (folder / "site.toml").write_text(text)
    began = time.monotonic()
    days = DAYS if command == "run" else ()
    words = (command, *days, "-c", folder / "site.toml", "--jobs", "1")
    process = start(*words, now=site[2], env=site[1])
    output = "".join(process.communicate(timeout=60))
    seconds = time.monotonic() - began
    assert process.returncode == 1 and "Traceback" not in output, output
    assert output.count("no answer within 3 s; see whether it hangs") == 10, output
    assert seconds < 1.25 * 3 + 16, "each was waited for by itself"
    if command == "run":
        data = json.loads((folder / "site" / "dome4" / f"{NIGHTS[1]}.json").read_text())
        assert {metric["name"]: metric["value"] for metric in data["metrics"]} == {"seeing": 0.8}
    if command != "check":
        assert counts(nights(folder / "site" / "camera")["2020-02-13"]) == {"ingested": 3}


def test_slow_answer_is_an_answer(site):
    """A source within its limit is waited for."""
    folder = site[0]
    make_pipe(folder / "weather")
    feeder = subprocess.Popen([sys.executable, "-c", FEEDING, folder / "weather"])
    try:
        (folder / "site.toml").write_text((folder / "site.toml").read_text().replace("0.7", "20"))
        assert run(site, *DAYS)[:2] == (0, "")
    finally:
        feeder.kill()
        feeder.wait()
    assert value_of(site, NIGHTS[0])[0] == {"seeing": 0.9}


@pytest.mark.parametrize("command", ["check", "rebuild"])
def test_other_commands_with_a_source_that_hangs(site, command):
    """`check` and `rebuild` name a source that hangs."""
    folder = site[0]
    make_pipe(folder / "weather")
    process = start(command, "-c", folder / "site.toml", now=site[2], env=site[1])
    output, error = process.communicate(timeout=60)
    assert process.returncode == 1 and "Traceback" not in output + error
    assert "weather: no answer within 0.7 s" in output + error
    if command == "check":
        assert "3 attempts, the last at 2020-02-13 23:01 UTC" in output
    else:
        assert counts(nights(folder / "site" / "camera")["2020-02-12"]) == {"ingested": 3}


def test_lock_is_free_after_a_source_hangs(site):
    """The next run finds no lock of a source that hangs."""
    make_pipe(site[0] / "weather")
    assert [run(site, *DAYS)[0] for _ in range(2)] == [1, 1]


def test_run_that_is_too_long(tmp_path):
    """A run stops at its limit, after tonight in each stream."""
    now = later()
    text = '[observing_monitor]\noutput_dir = "site"\n'
    every = [datetime.date(2020, 1, 1) + datetime.timedelta(days=n) for n in range(40)]
    for name in ("comCam", "auxTel"):
        for night in every:
            make_night(tmp_path / name, night, {"ingested": 1}, now=now)
        text += f'[streams.{name}]\ninput_dir = "{name}"\n'
    (tmp_path / "site.toml").write_text(text)
    arguments = ("-c", tmp_path / "site.toml", "--first_day", every[0], "--last_day", every[-1])

    def done(max_run_s):
        process = start(*arguments, "--max_run_s", max_run_s, now=now)
        return process.communicate()[1], process.returncode

    error, code = done(2)
    assert code == 1
    for name in ("comCam", "auxTel"):
        made = nights(tmp_path / "site" / name)
        assert "2020-02-09" in made, "tonight comes first"
        assert f"observing_monitor: {name}: " in error
        assert "the run's time was up; they stay as they were, the next run goes on" in error
        page = (tmp_path / "site" / name / "index.html").read_text()
        assert "nights not looked at, 2020-01-01 to " in page and "status warning" in page
    assert done(600) == ("", 0)
    for name in ("comCam", "auxTel"):
        assert [counts(night) for night in nights(tmp_path / "site" / name).values()] == [
            {"ingested": 1}
        ] * 40
        assert "nights not looked at" not in (tmp_path / "site" / name / "index.html").read_text()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "time_limit_s = 0",
            "[streams.dome] time_limit_s: 0 is no limit; write seconds, more than 0",
        ),
        ("time_limit_s = nan", "[streams.dome] time_limit_s: nan is no limit"),
        (
            "time_limits = 3",
            "[streams.dome] unknown key 'time_limits'; did you mean 'time_limit_s'?",
        ),
        (
            "sources = [{type='table', path='x', time_limit_s='long'}]",
            "source 'table': time_limit_s: a number of seconds, such as 30, not \"long\"",
        ),
        (
            "sources = [{type='table', path='x', time_limits=3}]",
            "source 'table': unknown key 'time_limits'; did you mean 'time_limit_s'?",
        ),
    ],
)
def test_limits_that_are_wrong(tmp_path, capsys, line, words):
    """A wrong time limit is refused by name."""
    (tmp_path / "site.toml").write_text(f"[streams.dome]\ninput_dir = 'x'\n{line}\n")
    given = ["-c", str(tmp_path / "site.toml"), "--output_dir", str(tmp_path / "site")]
    assert cli.main(given) == 2
    assert words in capsys.readouterr().err


def test_a_look_that_hangs_has_a_default():
    """A call that takes too long gives the default."""
    come_back = threading.Event()
    assert timelimit.within(0.05, come_back.wait, "otherwise") == "otherwise"
    come_back.set()
    assert timelimit.within(30, come_back.is_set, "otherwise") is True
    with pytest.raises(OSError, match="gone"):
        timelimit.within(30, gone, "otherwise")


def gone():
    """Raise OSError."""
    raise OSError("gone")


def test_run_without_length(tmp_path, capsys):
    """A run limit of 0 s is refused."""
    places = ["--input_dir", str(tmp_path), "--output_dir", str(tmp_path / "site")]
    assert cli.main(["--max_run_s", "0", *places]) == 2
    assert "--max_run_s 0 is no length of a run" in capsys.readouterr().err
