"""Tables of exposures become whole nights by settings alone."""

import collections
import csv
import shutil

import exposure_tables
import pytest
from conftest import CHECKOUT
from running import nights, run

from observing_monitor.model import sky
from observing_monitor.model.nights import NightRule, night_named
from observing_monitor.model.position import Position
from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store

OURS = {"zero": "bias", "dark": "dark", "flat": "flat", "arc": "arc", "science": "science"}


def rows_of(path):
    """Return the rows of a table."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def published(folder, night):
    """Publish a night with the example's settings; return its stored tables."""
    shutil.copy(CHECKOUT / "examples" / "exposure_tables.toml", folder)
    day = night.isoformat()
    arguments = ("--first_day", day, "--last_day", day)
    assert run("-c", folder / "exposure_tables.toml", *arguments) == 0
    assert (folder / "site" / "spectrograph" / f"{day}.html").exists()
    return Store(Output(folder / "site"), "spectrograph").load(night)


def compare(tables, theirs):
    """Compare a night's stored exposures with the rows of its table."""
    made = tables.exposures.set_index("exposure")
    assert sorted(made.index) == sorted(row["EXPID"] for row in theirs)
    counted = collections.Counter(OURS[row["OBSTYPE"]] for row in theirs)
    assert made["observation_type"].value_counts().to_dict() == counted
    programs = collections.Counter(row["PROGRAM"] for row in theirs)
    assert made["program"].value_counts().to_dict() == programs
    open_s = made["exposure_time_s"].sum()
    assert open_s == pytest.approx(sum(float(row["EXPTIME"]) for row in theirs))
    lasted = (made["ended_at"] - made["started_at"]).dt.total_seconds()
    assert (lasted - made["exposure_time_s"]).abs().max() < 1e-3
    speeds = tables.metrics[tables.metrics["name"] == "speed"]
    own = {row["EXPID"]: float(row["SPEED"]) for row in theirs if float(row["SPEED"]) != -99}
    assert dict(zip(speeds["exposure"], speeds["value"], strict=True)) == own
    assert set(made["source"]) == {"exposures"}


@pytest.mark.parametrize("night", exposure_tables.NIGHTS)
def test_made_nights(tmp_path, night):
    """The example's tables are whole nights, the same in every run."""
    exposure_tables.make_tables(tmp_path)
    path = tmp_path / f"exposure_table_{night:%Y%m%d}.csv"
    theirs, text = rows_of(path), path.read_bytes()
    exposure_tables.make_tables(tmp_path, [night])
    assert path.read_bytes() == text and len(theirs) > 60
    tables = published(tmp_path, night)
    compare(tables, theirs)
    assert set(tables.exposures["comment"].dropna()) == {"clouds"}


@pytest.mark.parametrize("name", ["20211129", "20250318"])
def test_real_nights(shared_data, tmp_path, name):
    """Real nights of DESI: their numbers follow from the tables."""
    path = shared_data / "desi" / f"exposure_table_{name}.csv"
    shutil.copy(path, tmp_path)
    compare(published(tmp_path, night_named(name)), rows_of(path))
    check_numbers(tmp_path / "site" / "spectrograph", night_named(name), rows_of(path))


def check_numbers(pages, night, theirs):
    """Compare the published numbers of a night with the rows of its table."""
    row = nights(pages)[night.isoformat()]
    by_type = collections.Counter(OURS[row["OBSTYPE"]] for row in theirs)
    assert row["n_exposures_science"] == by_type["science"]
    closed = ("zero", "dark")
    open_s = sum(float(row["EXPTIME"]) for row in theirs if row["OBSTYPE"] not in closed)
    assert row["open_shutter_s"] == pytest.approx(open_s)
    ((evening, morning),) = sky.dark_spans(
        *NightRule.parse("UTC-19h").bounds(night), Position(31.964, -111.6)
    )
    gaps = gaps_of(theirs, evening.timestamp(), morning.timestamp())
    assert row["n_time_gaps"] == len(gaps)
    assert row["gaps_s"] == pytest.approx(sum(gaps), abs=0.01)
    shown = rows_of(pages / f"{night}.exposures.csv")
    assert collections.Counter(one["observation_type"] for one in shown) == by_type
    programs = collections.Counter(row["PROGRAM"] for row in theirs)
    assert collections.Counter(one["program"] for one in shown) == programs


def gaps_of(theirs, evening, morning):
    """Return times in the dark without an exposure for ten minutes."""
    starts = sorted(
        ((float(row["MJD-OBS"]) - 40587) * 86_400, float(row["EXPTIME"])) for row in theirs
    )
    latest, gaps = evening, []
    for start, lasted in [*starts, (morning, 0)]:
        gaps.append(min(start, morning) - latest)
        latest = max(latest, start + lasted)
    return [gap for gap in gaps if gap > 600]
