"""Sources that hang, answer slowly and come back: the others go on, what is known stays, the pages say so, and the run ends in time."""

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

from observing_monitor.processes import timelimit

NIGHTS = [datetime.date(2020, 2, day) for day in (12, 13)]
DAYS = ("--first_day", NIGHTS[0], "--last_day", NIGHTS[-1])


@pytest.fixture
def site(tmp_path):
    """Two streams, one of files, one of numbers in a file; the settings, the environment to run in, and the clock."""
    now = later()
    for night in NIGHTS:
        make_night(tmp_path / "camera", night, {"ingested": 3}, now=now)
    (tmp_path / "weather").write_text("seeing 0.8\n")
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.dome]\ntime_limit_s = 0.7\n'
        '[[streams.dome.sources]]\ntype = "numbers"\npath = "weather"\n[streams.camera]\ninput_dir = "camera"\n'
    )
    return tmp_path, numbers_source.install(tmp_path / "packages"), now


def run(site, *arguments):
    """Exit code, stderr and seconds of the real command."""
    folder, environment, now = site
    began = time.monotonic()
    process = start(*arguments, "-c", folder / "site.toml", now=now, env=environment)
    _, error = process.communicate(timeout=60)
    return process.returncode, error, time.monotonic() - began


def value_of(site, night):
    data = json.loads((site[0] / "site" / "dome" / f"{night}.json").read_text())
    return {metric["name"]: metric["value"] for metric in data["metrics"]}, data["findings"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_source_that_hangs(site, jobs):
    """A source that hangs costs a run its limit once; what it told stays, its silence is on its pages, and the other stream goes on."""
    folder = site[0]
    assert run(site, *DAYS)[:2] == (0, "")
    (folder / "weather").unlink()
    os.mkfifo(folder / "weather")
    shutil.rmtree(folder / "camera")
    for night in NIGHTS:
        make_night(folder / "camera", night, {"ingested": 5}, now=site[2])
    code, error, seconds = run(site, *DAYS, "--jobs", jobs)
    words = f"{folder}/weather: no answer within 0.7 s; see whether it hangs, or raise time_limit_s if it is only slow"
    assert (code, error) == (1, f"observing_monitor: dome: {words}\n")
    assert seconds < 0.7 + 8, "each night waited for it, or the process did not end"
    for night in NIGHTS:
        values, findings = value_of(site, night)
        assert (
            values == {"seeing": 0.8}
            and "could not be read since" in findings[0]["text"]
            and words in findings[0]["text"]
        )
        assert words in (folder / "site" / "dome" / f"{night}.html").read_text()
    assert counts(nights(folder / "site" / "camera")["2020-02-13"]) == {"ingested": 5}
    since = findings[0]["text"]
    before = {path: path.stat().st_mtime_ns for path in (folder / "site" / "dome").iterdir()}
    assert run(site, *DAYS)[0] == 1
    assert value_of(site, NIGHTS[1])[1][0]["text"] == since
    assert {
        path: path.stat().st_mtime_ns for path in (folder / "site" / "dome").iterdir()
    } == before, "nothing new, and a page was made"
    (folder / "weather").unlink()
    (folder / "weather").write_text("seeing 1.1\n")
    assert run(site, *DAYS)[:2] == (0, "")
    assert value_of(site, NIGHTS[1]) == ({"seeing": 1.1}, [])


@pytest.mark.parametrize("command", ["run", "rebuild", "check"])
def test_many_sources_that_hang(site, command):
    """Any number of sources that hang, in one stream or in many, cost a run the limit of one; the others are read."""
    folder, text = (
        site[0],
        '[observing_monitor]\noutput_dir = "site"\n[streams.camera]\ninput_dir = "camera"\n',
    )
    for number in range(5):
        text += f"[streams.dome{number}]\ntime_limit_s = 3\n"
        for name in ("inside", "outside"):
            os.mkfifo(folder / f"{name}{number}")
            text += f'[[streams.dome{number}.sources]]\ntype = "numbers"\nname = "{name}"\npath = "{name}{number}"\n'
    (folder / "site.toml").write_text(
        text + '[[streams.dome4.sources]]\ntype = "numbers"\npath = "weather"\n'
    )
    began = time.monotonic()
    process = start(
        command,
        *(DAYS if command == "run" else ()),
        "-c",
        folder / "site.toml",
        "--jobs",
        "1",
        now=site[2],
        env=site[1],
    )
    said = "".join(process.communicate(timeout=60))
    seconds = time.monotonic() - began
    assert (
        process.returncode == 1
        and said.count("no answer within 3 s; see whether it hangs") == 10
        and "Traceback" not in said
    ), said
    assert seconds < 1.25 * 3 + 16, "each was waited for by itself"
    if command == "run":
        data = json.loads((folder / "site" / "dome4" / f"{NIGHTS[1]}.json").read_text())
        assert {metric["name"]: metric["value"] for metric in data["metrics"]} == {"seeing": 0.8}
    if command != "check":
        assert counts(nights(folder / "site" / "camera")["2020-02-13"]) == {"ingested": 3}


def test_slow_answer_is_an_answer(site):
    """A source that takes most of its limit is waited for."""
    folder = site[0]
    (folder / "weather").unlink()
    os.mkfifo(folder / "weather")
    feeding = "import sys, time\nfor n in range(4):\n    time.sleep(0.4)\n    open(sys.argv[1], 'w').write('seeing 0.9\\n')\n"
    feeder = subprocess.Popen([sys.executable, "-c", feeding, folder / "weather"])
    try:
        (folder / "site.toml").write_text((folder / "site.toml").read_text().replace("0.7", "20"))
        assert run(site, *DAYS)[:2] == (0, "")
    finally:
        feeder.kill()
        feeder.wait()
    assert value_of(site, NIGHTS[0])[0] == {"seeing": 0.9}


@pytest.mark.parametrize("command", ["check", "rebuild"])
def test_other_commands_with_a_source_that_hangs(site, command):
    """`check` and `rebuild` go on without a source that hangs, and say which it is."""
    folder = site[0]
    (folder / "weather").unlink()
    os.mkfifo(folder / "weather")
    process = start(command, "-c", folder / "site.toml", now=site[2], env=site[1])
    told, error = process.communicate(timeout=60)
    assert (
        process.returncode == 1
        and "weather: no answer within 0.7 s" in told + error
        and "Traceback" not in told + error
    )
    if command == "check":
        assert "3 attempts, the last at 2020-02-13 23:01 UTC" in told
    else:
        assert counts(nights(folder / "site" / "camera")["2020-02-12"]) == {"ingested": 3}


def test_lock_is_free_when_a_run_ends_beside_a_source_that_hangs(site):
    """The process ends though the source still hangs, and the next run finds no lock."""
    folder = site[0]
    (folder / "weather").unlink()
    os.mkfifo(folder / "weather")
    assert [run(site, *DAYS)[0] for _ in range(2)] == [1, 1]


def test_run_that_is_too_long(tmp_path):
    """A run stops at its limit, tonight first in every stream; what it had no time for is said, and comes with the next runs."""
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
        assert (
            f"observing_monitor: {name}: " in error
            and "the run's time was up; they stay as they were, the next run goes on" in error
        )
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
def test_limits_that_are_none(tmp_path, capsys, line, words):
    """A limit that is none is refused in words that name the key."""
    from observing_monitor import cli

    (tmp_path / "site.toml").write_text(f"[streams.dome]\ninput_dir = 'x'\n{line}\n")
    assert (
        cli.main(["-c", str(tmp_path / "site.toml"), "--output_dir", str(tmp_path / "site")]) == 2
    )
    assert words in capsys.readouterr().err


def test_a_look_that_hangs_is_answered_for():
    """A look at a disk that gives no answer in time counts as said, one that answers as it answers; whoever fails is told so."""
    come_back = threading.Event()
    assert timelimit.within(0.05, come_back.wait, "otherwise") == "otherwise"
    come_back.set()
    assert timelimit.within(30, come_back.is_set, "otherwise") is True
    with pytest.raises(OSError, match="gone"):
        timelimit.within(30, gone, "otherwise")


def gone():
    raise OSError("gone")


def test_run_without_length(tmp_path, capsys):
    """A run's limit of no seconds is refused."""
    from observing_monitor import cli

    assert (
        cli.main(
            [
                "--max_run_s",
                "0",
                "--input_dir",
                str(tmp_path),
                "--output_dir",
                str(tmp_path / "site"),
            ]
        )
        == 2
    )
    assert "--max_run_s 0 is no length of a run" in capsys.readouterr().err
