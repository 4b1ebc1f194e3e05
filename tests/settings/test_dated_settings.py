"""Settings that change from a night on leave earlier nights alone."""

import datetime
import re

import pytest
from gen2tree import later, make_night
from running import counts, nights, run, times

NIGHTS = [datetime.date(2020, 2, day) for day in (12, 13, 14)]
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def site(tmp_path):
    """Three nights with two waiting files and a small one each."""

    class Made:
        now = later()
        folder = tmp_path / "site" / "latiss"

        def write(self, more=""):
            (tmp_path / "site.toml").write_text(
                f'[observing_monitor]\noutput_dir = "site"\n'
                f'first_day = "{NIGHTS[0]}"\nlast_day = "{NIGHTS[-1]}"\n'
                f'[streams.latiss]\ninput_dir = "input"\npending_limit_s = 3600\n{more}'
            )

        def run(self, hours=0.0, command="run", more=()):
            return run(command, "-c", tmp_path / "site.toml", *more, now=self.now + hours * HOUR)

        def counts(self):
            return {night: counts(values) for night, values in nights(self.folder).items()}

    for night in NIGHTS:
        make_night(
            tmp_path / "input", night, {"ingested": 3, "pending": 2, "small": 1}, now=Made.now
        )
    Made().write()
    return Made()


def test_a_new_limit_leaves_old_nights_alone(site, tmp_path):
    """A dated limit judges only its night and later ones again."""
    assert site.run(2) == 0
    late, early = (
        {"ingested": 3, "missing": 2, "small": 1},
        {"ingested": 3, "pending": 2, "small": 1},
    )
    assert site.counts() == dict.fromkeys(map(str, NIGHTS), late)
    before = times(tmp_path / "site")
    tables = [
        "night = 2020-02-14\nsmall_bytes = 10",
        'night = "2020-02-13"\npending_limit_s = 36000',
    ]
    site.write("".join(f"[[streams.latiss.from]]\n{table}\n" for table in tables))
    assert site.run(2) == 0
    assert site.counts() == {
        "2020-02-12": late,
        "2020-02-13": early,
        "2020-02-14": {"ingested": 3, "pending": 2, "missing": 1},
    }
    after = times(tmp_path / "site")
    assert {
        name[7:17]
        for name in after
        if re.match(r"latiss/2020-\d", name) and after[name] != before[name]
    } == {
        "2020-02-13",
        "2020-02-14",
    }
    assert site.run(2) == 0 and times(tmp_path / "site") == after
    assert site.run(2, "rebuild", ("--jobs", "2")) == 0 and times(tmp_path / "site") == after
    site.write()
    assert site.run(2) == 0 and site.counts() == dict.fromkeys(map(str, NIGHTS), late)


def test_sources_expect_otherwise_from_a_night_on(site):
    """A dated table changes what a source expects."""
    expected = '[[streams.latiss.sources]]\ntype = "expected"\nn_files = 6\n'
    change = "sources.expected = { n_files = 9, level = 'error' }"
    site.write(f"{expected}[[streams.latiss.from]]\nnight = 2020-02-13\n{change}\n")
    assert site.run() == 0
    found = nights(site.folder)
    assert [found[str(night)]["n_expected"] for night in NIGHTS] == [6, 9, 9]
    assert [found[str(night)]["n_expected_missing"] for night in NIGHTS] == [0, 3, 3]
    # of six files, three are ingested, two are pending and one is small; three more never came
    assert [found[str(night)]["completeness"] for night in NIGHTS] == [3 / 4, 3 / 7, 3 / 7]
    assert "6 of 9 images" in found["2020-02-13"]["info"]


def test_no_limit_from_a_night_on(site):
    """`false` ends a limit; later tables keep other changes."""
    tables = [
        'night = 2020-02-14\nignore = ["*.none"]',
        "night = 2020-02-13\ndelay_warning_s = false",
    ]
    site.write(
        "delay_warning_s = 1\n" + "".join(f"[[streams.latiss.from]]\n{table}\n" for table in tables)
    )
    assert site.run() == 0
    assert ["slow transfer" in night["info"] for night in nights(site.folder).values()] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (
            "[streams.latiss.from]\nnight = 2020-02-13",
            "[[streams.latiss.from]] is a list; write [[streams.latiss.from]], and night",
        ),
        (
            "[[streams.latiss.from]]\nsmall_bytes = 1",
            "[[streams.latiss.from]] night is missing: a date, such as 2026-01-31",
        ),
        (
            "[[streams.latiss.from]]\nnight = 'soon'\nsmall_bytes = 1",
            '[[streams.latiss.from]] night: a date, such as 2026-01-31, not "soon"',
        ),
        (
            "[[streams.latiss.from]]\nnight = 2020-02-13\npending_limit = 1",
            "unknown key 'pending_limit'; did you mean 'pending_limit_s'?",
        ),
        ("[[streams.latiss.from]]\nnight = 2020-02-13", "of night 2020-02-13: nothing is changed"),
        (
            "[[streams.latiss.from]]\nnight = 2020-02-13\npending_limit_s = -1",
            "of night 2020-02-13: pending_limit_s: -1 is no limit",
        ),
        (
            "[[streams.latiss.from]]\nnight = 2020-02-13\nlast_stage = 'x'",
            "of night 2020-02-13: last_stage",
        ),
        (
            "[[streams.latiss.from]]\nnight = 2020-02-13\nsmall_bytes = 1\n" * 2,
            "has two tables for night 2020-02-13; make them one",
        ),
        (
            "[[streams.latiss.from]]\nnight = 2020-02-13\nsources.gen = {}",
            "there is no source 'gen'; did you mean 'gen2'?",
        ),
        (
            "[[streams.latiss.from]]\nnight = 2020-02-13\nsources.gen2 = { type = 'x' }",
            "sources.gen2.type cannot change; add another source",
        ),
        (
            "[[streams.latiss.from]]\nnight = 2020-02-13\nsources.gen2 = { pth = 'x' }",
            "source 'gen2': unknown key 'pth'; did you mean 'path'?",
        ),
    ],
)
def test_wrong_settings(site, capfd, tables, said):
    """A wrong table is refused with its file, table and key."""
    site.write(tables)
    assert site.run() == 2
    line = capfd.readouterr().err
    assert (
        said in line
        and "site.toml: [[streams.latiss.from]]" in line
        and line.count("\n") == 1
        and not site.folder.exists()
    )
