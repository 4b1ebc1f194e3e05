"""Remarks from a source to the store."""

import datetime
import os

import pandas as pd
import pytest
from running import run, times

NIGHT = "2026-11-30"
FIRST = datetime.datetime(2026, 12, 1, 4, tzinfo=datetime.UTC)
LATER = FIRST + datetime.timedelta(minutes=5)
NOTES = "# Night\n21:40 open\n23:05 clouds\n"


class Site:
    """A stream with notes and a table of remarks."""

    table_zone = "UTC"

    def __init__(self, folder):
        self.folder = folder
        (folder / "notes").mkdir()
        self.write(NOTES)
        self.log = folder / "log.csv"
        self.log.write_text("id,at,said,of\n1,2026-12-01T02:00,guider lost,\n")

    def write(self, text):
        """Write the notes of the night."""
        (self.folder / "notes" / f"{NIGHT}.md").write_text(text)

    def run(self, now=FIRST, stream="", zone="", log=True):
        """Run; return the exit code."""
        table = (
            '[[streams.one.sources]]\ntype = "table"\nname = "log"\npath = "log.csv"\n'
            f'feeds = "remarks"\nzone = "{self.table_zone}"\n'
            'columns = { remark_id = "id", begin_at = "at", text = "said", parent_id = "of" }\n'
        )
        settings = (
            f'[observing_monitor]\noutput_dir = "site"\n[streams.one]\n{stream}\n'
            f'[[streams.one.sources]]\ntype = "notes"\npath = "notes"\n{zone}\n'
        )
        (self.folder / "site.toml").write_text(settings + (table if log else ""))
        days = ("--first_day", NIGHT, "--last_day", NIGHT)
        return run("-c", self.folder / "site.toml", *days, "--jobs", 1, now=now)

    def remarks(self):
        """Return (time in UTC, text) of each remark in the store."""
        path = self.folder / "site" / "data" / "stream=one" / f"night={NIGHT}" / "remarks.parquet"
        table = pd.read_parquet(path)
        return [
            (None if pd.isna(begin) else f"{begin:%H:%M}", text)
            for begin, text in zip(table["begin_at"], table["text"], strict=True)
        ]


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


LOGGED = ("02:00", "guider lost")
UTC_TIMES = [("21:40", "21:40 open"), ("23:05", "23:05 clouds"), LOGGED, (None, "# Night")]


def test_remarks_reach_the_store(site):
    """Remarks are stored once; a run with nothing new writes nothing."""
    assert site.run() == 0
    assert site.remarks() == UTC_TIMES
    before = times(site.folder / "site" / "data")
    assert site.run(now=LATER) == 0
    after = times(site.folder / "site" / "data")
    assert {name for name in before if before[name] != after[name]} <= {
        "site.json",
        "heartbeat.json",
        "since.json",
    }


def test_zone_of_the_stream(site):
    """Notes are in the stream's zone, else their own."""
    assert site.run() == 0
    assert site.run(LATER, stream='timezone = "America/Santiago"') == 0
    moved = [("00:40", "21:40 open"), LOGGED, ("02:05", "23:05 clouds"), (None, "# Night")]
    assert site.remarks() == moved
    hawaii = 'zone = "Pacific/Honolulu"'
    assert site.run(LATER, stream='timezone = "America/Santiago"', zone=hawaii) == 0
    assert site.remarks() == [
        LOGGED,
        ("07:40", "21:40 open"),
        ("09:05", "23:05 clouds"),
        (None, "# Night"),
    ]
    assert site.run(LATER) == 0
    assert site.remarks() == UTC_TIMES


def test_edits(site):
    """Edited notes replace those before; an edited row keeps its history."""
    assert site.run() == 0
    site.write(NOTES.replace("clouds", "clouds until three"))
    site.log.write_text("id,at,said,of\n2,2026-12-01T02:00,guider lost twice,1\n")
    assert site.run(now=LATER) == 0
    assert site.remarks() == [
        ("21:40", "21:40 open"),
        ("23:05", "23:05 clouds until three"),
        LOGGED,
        ("02:00", "guider lost twice"),
        (None, "# Night"),
    ]


def test_dead_source_keeps_its_remarks(site):
    """If notes are gone or can't be read, what was written stays."""
    assert site.run() == 0
    notes = site.folder / "notes" / f"{NIGHT}.md"
    notes.unlink()
    assert site.run(now=LATER) == 1
    assert site.remarks() == UTC_TIMES
    (site.folder / "secret").write_text("03:00 secret")
    os.symlink(site.folder / "secret", notes)
    assert site.run(now=LATER) == 1
    assert site.remarks() == UTC_TIMES
    notes.unlink()
    site.write("03:00 back\n")
    assert site.run(now=LATER) == 0
    assert site.remarks() == [LOGGED, ("03:00", "03:00 back")]


def test_removed_source_keeps_its_remarks(site):
    """Remarks of a source that is no longer in the settings stay."""
    assert site.run() == 0
    assert site.run(now=LATER, log=False) == 0
    assert site.remarks() == UTC_TIMES


def test_check_counts_remarks(site, capsys):
    """`check` says how many remarks a source has, and when the last was."""
    assert site.run() == 0
    capsys.readouterr()
    assert run("check", "-c", site.folder / "site.toml", "--first_day", NIGHT, now=LATER) == 0
    said = capsys.readouterr().out
    assert f"of {NIGHT}: 3 remarks, the last at 2026-11-30 23:05" in said
    assert f"of {NIGHT}: 1 remark, the last at 2026-12-01 02:00" in said


def test_from_scratch(site, capsys):
    """The plan to derive a night anew counts remarks."""
    assert site.run() == 0
    site.log.write_text("id,at,said,of\n2,2026-12-01T02:00,guider lost,\n")
    site.write(NOTES.replace("open", "dome open"))
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    capsys.readouterr()
    assert run("rebuild", "-c", site.folder / "site.toml", *days, "--from-scratch", now=LATER) == 0
    said = capsys.readouterr()
    assert f"one {NIGHT}: 1 remark removed, 1 remark added, 1 remark changed" in said.out + said.err
    assert site.remarks() == UTC_TIMES


def test_history_under_old_settings(site):
    """Earlier versions that a source lost are of old settings."""
    assert site.run() == 0
    site.log.write_text("id,at,said,of\n2,2026-12-01T02:00,guider lost twice,1\n")
    assert site.run(now=LATER) == 0
    page = site.folder / "site" / "one" / f"{NIGHT}.html"
    assert "old settings" not in page.read_text()
    site.table_zone = "TAI"
    assert site.run(now=LATER) == 0
    words = "1 remark of log was derived under old settings (zone changed)"
    assert words in page.read_text()
    assert [one for one in site.remarks() if "guider" in one[1]] == [
        ("01:59", "guider lost twice"),
        LOGGED,
    ]
