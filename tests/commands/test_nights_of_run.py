"""The options choose the nights of a run."""

import datetime
import os

import pytest
from gen2tree import later, make_night
from running import nights, run, times

from observing_monitor.commands.arguments import parse

NIGHT = datetime.date(2020, 2, 12)
NOON = datetime.datetime(2020, 2, 13, 18, tzinfo=datetime.UTC)  # in the night after NIGHT


def settings(folder, more=""):
    """Write a settings file of one stream; return its path."""
    path = folder / "site.toml"
    path.write_text(
        f'[observing_monitor]\noutput_dir = "site"\n{more}\n[streams.latiss]\ninput_dir = "input"\n'
    )
    return path


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
    """Any two of the options choose the nights, up to tonight."""
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
    """The command line wins over the settings file."""
    (tmp_path / "input" / "storage").mkdir(parents=True)
    run("check", "-c", settings(tmp_path, in_file), *arguments, now=NOON)
    assert (
        f"stream latiss: a run looks at {expected[0]} to {expected[1]}" in capsys.readouterr().out
    )


def test_days_that_contradict_each_other(tmp_path, capsys):
    """Options that contradict each other are refused."""
    (tmp_path / "input").mkdir()
    days = ("--first_day", "2020-02-01", "--last_day", "2020-02-03", "--num_days", "5")
    assert (
        run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site", *days, now=NOON)
        == 2
    )
    assert (
        "2020-02-01 to --last_day 2020-02-03 are 3 nights, and --num_days says 5; two of the "
        "three are enough" in capsys.readouterr().err
    )
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("form", ["--output", "--output_dir"])
def test_flags_of_the_prototype(tmp_path, form):
    """The prototype's command line still works."""
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
    """Nearness says where an option was given, from 3 to 0."""
    monkeypatch.setenv("OBSMON_FIRST_DAY", "2020-02-01")
    _, options = parse(["-c", str(settings(tmp_path, "num_days = 4")), "--last_day", "2020-02-03"])
    assert [options.nearness[name] for name in ("last_day", "first_day", "num_days", "title")] == [
        3,
        2,
        1,
        0,
    ]


def test_rebuild_of_the_last_nights(tmp_path):
    """`rebuild --num_days` limits a rebuild; the settings do not."""
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
