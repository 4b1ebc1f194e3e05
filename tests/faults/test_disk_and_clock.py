"""Full disks, read-only disks and clocks that jump.

The last good pages stay, and one line names the fault.
"""

import datetime
import json
import os
import subprocess

import pytest
from gen2tree import later, make_night, small_hours
from running import contents, counts, nights, run, start
from small_disk import disk

DAYS = [datetime.date(2020, 2, day) for day in (12, 13)]


def arguments(folder, output, *more):
    """Return the arguments of a run over DAYS."""
    return (
        "--input_dir",
        folder / "input",
        "--output_dir",
        output,
        "--first_day",
        DAYS[0],
        "--last_day",
        DAYS[-1],
        *more,
    )


@pytest.fixture
def tree(tmp_path):
    """An input of two nights, its clock and its site's contents."""
    now = later()
    for night in DAYS:
        make_night(tmp_path / "input", night, {"ingested": 60, "failed": 5, "missing": 5}, now=now)
    assert run(*arguments(tmp_path, tmp_path / "whole"), now=now) == 0
    return tmp_path, now, contents(tmp_path / "whole")


@pytest.mark.parametrize("left", [0, 20_000, 120_000])
def test_disk_that_fills(tree, left):
    """A full disk ends the run in one line and tears no page."""
    folder, now, expected = tree
    output = folder / "disk" / "site"
    with disk(folder / "disk", "24m"):
        assert run(*arguments(folder, output, "--last_day", DAYS[0]), now=now) == 0
        before = contents(output)
        room = os.statvfs(folder / "disk")
        ballast = folder / "disk" / "ballast"
        with open(ballast, "wb") as file:
            file.write(bytes(max(room.f_bavail * room.f_frsize - left, 0)))
        process = start(*arguments(folder, output), now=now)
        _, error = process.communicate(timeout=60)
        assert process.returncode == 2 and len(error.splitlines()) == 1, error
        assert "no space left on device" in error
        after = contents(output)
        assert [name for name in before if name not in after] == []
        assert os.listdir(output / ".unfinished") == []
        pages = [data for name, data in after.items() if name.endswith(".html")]
        assert all(data.rstrip().endswith(b"</html>") for data in pages)
        ballast.unlink()
        assert run(*arguments(folder, output), now=now) == 0
        assert contents(output) == expected


def test_check_of_a_disk_that_is_nearly_full(tmp_path, capsys):
    """`check` warns of a disk with little room."""
    make_night(tmp_path / "input", DAYS[0], {"ingested": 1}, now=later())
    with disk(tmp_path / "disk", "24m"):
        assert run("check", *arguments(tmp_path, tmp_path / "disk" / "site"), now=later()) == 0
    output = capsys.readouterr().out
    assert f"odd    output {tmp_path}/disk/site" in output
    assert "there is little room: previews and tables need some MB a night" in output


def test_output_that_turns_read_only(tree):
    """A read-only output ends the run in one line."""
    folder, now, expected = tree
    output = folder / "disk" / "site"
    with disk(folder / "disk", "24m"):
        assert run(*arguments(folder, output, "--last_day", DAYS[0]), now=now) == 0
        before = contents(output)
        beat = (output / "heartbeat.js").read_text()
        subprocess.run(["mount", "-o", "remount,ro", folder / "disk"], check=True)
        process = start(*arguments(folder, output), now=now)
        _, error = process.communicate(timeout=60)
        assert process.returncode == 2 and len(error.splitlines()) == 1
        assert "read-only file system" in error
        assert contents(output) == before
        assert (output / "heartbeat.js").read_text() == beat, "no page may say that a run looked"
        subprocess.run(["mount", "-o", "remount,rw", folder / "disk"], check=True)
        assert run(*arguments(folder, output), now=now) == 0
        assert contents(output) == expected


def test_clock_that_jumps_back(tree):
    """A clock that was ahead leaves no trace."""
    folder, now, expected = tree
    output = folder / "site"
    assert run(*arguments(folder, output), now=now + datetime.timedelta(days=2)) == 0
    assert run(*arguments(folder, output), now=now) == 0
    made = contents(output)
    differs = {
        name
        for name in expected
        if name.endswith((".html", ".csv", ".parquet")) and made[name] != expected[name]
    }
    # a page shows when its data changed, by the wrong clock
    assert {nights(output)[str(day)]["n_missing"] for day in DAYS} == {5}
    assert all(name.endswith(".html") for name in differs)


def test_clock_that_was_years_ahead(tmp_path):
    """Nights in the far future do not hide tonight's faults."""
    now = small_hours()
    tonight = (now - datetime.timedelta(hours=12)).date()
    make_night(tmp_path / "input", tonight, {"ingested": 2, "failed": 3}, now=now)
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.a]\ninput_dir = "input"\n'
    )
    assert run("-c", tmp_path / "site.toml", now=now + datetime.timedelta(days=800)) == 0
    assert run("-c", tmp_path / "site.toml", now=now) == 0
    assert nights(tmp_path / "site" / "a")[str(tonight)]["n_failed"] == 3
    page = (tmp_path / "site" / "index.html").read_text()
    assert "1 stream needs attention: a" in page and "3 files failed" in page
    assert f"{tonight}.html" in (tmp_path / "site" / "a" / "latest.html").read_text()


def test_night_that_ends_during_a_run(tmp_path):
    """A run has the nights of its beginning."""
    noon = datetime.datetime(2020, 2, 14, 12, tzinfo=datetime.UTC)
    make_night(tmp_path / "input", DAYS[1], {"ingested": 3}, now=noon)
    places = ("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site")
    assert run(*places, now=noon - datetime.timedelta(microseconds=1)) == 0
    assert list(nights(tmp_path / "site")) == ["2020-02-12", "2020-02-13"]
    make_night(tmp_path / "input", datetime.date(2020, 2, 14), {"ingested": 4}, now=noon)
    assert run(*places, now=noon) == 0
    assert [counts(night) for night in nights(tmp_path / "site").values()] == [
        {},
        {"ingested": 3},
        {"ingested": 4},
    ]


def test_since_survives_a_clock_that_jumps(tmp_path):
    """No fault has begun in the future."""
    make_night(tmp_path / "input", DAYS[0], {"ingested": 2}, now=later())
    given = arguments(tmp_path, tmp_path / "site", "--last_day", DAYS[0])
    registry = tmp_path / "input" / "gen2repo" / "registry.sqlite3"
    registry.rename(registry.with_name("away"))
    now = later()
    assert run(*given, now=now + datetime.timedelta(days=30)) == 1
    assert run(*given, now=now) == 1
    finding = json.loads((tmp_path / "site" / "2020-02-12.json").read_text())["findings"][0]
    assert f"could not be read since {now:%Y-%m-%d %H:%M} UTC" in finding["text"]
