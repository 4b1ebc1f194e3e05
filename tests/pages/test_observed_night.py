"""Pages of nights of exposures, from settings to files."""

import csv
import datetime
import json
import re

import pytest
from file_tables import unpacked
from running import run
from support.settings_text import to_toml

from observing_monitor.pages import log_script

pytestmark = pytest.mark.usefixtures("shared_data")

NOW = datetime.datetime(2025, 3, 20, 20, tzinfo=datetime.UTC)
NIGHT = "2025-03-18"
COLUMNS = {
    "exposure": "EXPID",
    "started_at": "MJD-OBS",
    "exposure_time_s": "EXPTIME",
    "observation_type": "OBSTYPE",
    "target": "TILEID",
    "program": "PROGRAM",
    "airmass": "AIRMASS",
    "ra_deg": "TARGTRA",
    "dec_deg": "TARGTDEC",
}
MAPPED = {
    "type": "table",
    "feeds": "exposures",
    "columns": COLUMNS,
    "time_format": "mjd",
    "missing": [-99, "unknown"],
    "measures": {"speed": "SPEED"},
}
PLACE = {"latitude_deg": 31.9640, "longitude_deg": -111.5997, "timezone": "America/Phoenix"}


class Observatory:
    """DESI's table of one night, and a weather log."""

    def __init__(self, folder, shared_data):
        self.folder, self.desi = folder, {**PLACE, "night_rule": "UTC-19h"}
        self.table = folder / "exposures.csv"
        table = shared_data / "desi" / "exposure_table_20250318.csv"
        self.lines = table.read_text().splitlines(keepends=True)
        self.table.write_text("".join(self.lines))
        self.weather(40)

    def weather(self, humidity):
        """Write a weather log of the night."""
        times = [f"2025-03-19T{hour:02}:00:00Z" for hour in range(2, 13)]
        rows = [f"{at},{humidity + n}\n" for n, at in enumerate(times)]
        (self.folder / "weather.csv").write_text("at,humidity\n" + "".join(rows))

    def run(self, now=NOW, **settings):
        """Run with settings of the stream; return the row of nights.json."""
        weather = {"type": "table", "path": self.folder / "weather.csv"}
        weather |= {"columns": {"sampled_at": "at"}, "values": {"humidity": "humidity"}}
        streams = {
            "desi": self.desi | settings | {"sources": [MAPPED | {"path": self.table}]},
            "weather": {"sources": [weather]},
        }
        path = self.folder / "site.toml"
        site = {"observing_monitor": {"output_dir": self.folder / "site"}, "streams": streams}
        path.write_text(to_toml(site))
        days = ("--first_day", NIGHT, "--last_day", "2025-03-19")
        assert run("-c", path, *days, "--jobs", 1, now=now) == 0
        nights = json.loads((self.folder / "site/desi/nights.json").read_text())
        return next(row for row in nights["nights"] if row["night"] == NIGHT)

    @property
    def page(self):
        """The night's page."""
        return self.folder / f"site/desi/{NIGHT}.html"

    def section(self, name):
        """Return the text of a section of the page; "" if it is not there."""
        found = re.search(
            rf'<section aria-labelledby="{name}">.*?</section>', self.page.read_text(), re.DOTALL
        )
        return found[0] if found else ""


@pytest.fixture
def observatory(tmp_path, shared_data):
    """An observatory whose night was never read."""
    return Observatory(tmp_path, shared_data)


def test_a_night_by_settings_alone(observatory):
    """A table of exposures gives a timeline, numbers and a sky map."""
    row = observatory.run()
    assert row["n_exposures_science"] == 35
    assert row["night_s"] == pytest.approx(row["science_s"] + row["gaps_s"], rel=0.2)
    assert (row["n_time_gaps"], row["ended_early_s"]) == (0, 0)
    assert 0 < row["started_late_s"] < 60
    timeline, use = observatory.section("timeline"), observatory.section("use")
    several = [int(n) for n in re.findall(r"<title>(\d+) exposures,", timeline)]
    assert timeline.count("<a href=") - len(several) + sum(several) == 98
    assert len(re.findall("<title>284[34][0-9]+, ", timeline)) > 35
    assert "MST" in timeline and "sunset" in timeline
    assert "8 h 40 min" in use and "Science 8 h 40 min" in use
    assert "from 03-19 02:29:36" in re.sub(r"<[^>]*>", "", use)
    assert observatory.section("sky-map").count("<circle") > 40
    assert "<script" not in timeline + use + observatory.section("sky-map")


def test_script_has_the_columns_of_the_csv(observatory):
    """The script of the log has each exposure, its gap and numbers."""
    observatory.run()
    path = observatory.page.with_suffix(".exposures.js")
    table = unpacked(path.read_text(), log_script.FUNCTION)
    with observatory.page.with_suffix(".exposures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    made = {column["name"]: column for column in table["columns"]}
    assert table["n"] == len(rows) == 98
    assert set(rows[0]) <= {*made, "n_files"}
    for name in ("exposure_time_s", "gap_before_s", "speed"):
        told = [float(row[name]) if row[name] else None for row in rows]
        assert made[name]["values"] == pytest.approx(told)
        assert any(told)


def test_the_page_names_the_setting_that_is_missing(observatory):
    """Without a position, the page names the setting that is missing."""
    observatory.desi = {"night_rule": "UTC-19h"}
    row = observatory.run()
    assert row["night_s"] is None and row["started_late_s"] is None and row["n_time_gaps"] == 0
    assert "set latitude_deg and longitude_deg" in observatory.section("use")
    assert 'class="use-bar"' not in observatory.section("use")


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("twilight_deg", 18, "use"),
        ("gap_min_s", 150, "use"),
        ("readout_s", 60, "use"),
        ("timeline", ["speed"], "timeline"),
    ],
)
def test_a_changed_setting_changes_the_page(observatory, setting, value, name):
    """Each setting changes its section; changed back, the page is as before."""
    observatory.run()
    before, whole = observatory.section(name), observatory.page.read_text()
    observatory.run(**{setting: value})
    assert observatory.section(name) != before
    observatory.run()
    assert without_key(observatory.page.read_text()) == without_key(whole)


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("twilight_deg", 18, "use"),
        ("gap_min_s", 150, "use"),
        ("readout_s", 60, "use"),
        ("timeline", ["weather/humidity"], "timeline"),
    ],
)
def test_a_setting_from_a_night_on(observatory, setting, value, name):
    """A dated setting holds for its night and later ones."""
    observatory.run()
    before = observatory.page.read_text()
    after_it = datetime.date(2025, 3, 19)
    observatory.run(**{"from": [{"night": after_it, setting: value}]})
    assert without_key(observatory.page.read_text()) == without_key(before)
    observatory.run(**{"from": [{"night": datetime.date(2025, 3, 18), setting: value}]})
    dated = observatory.section(name)
    observatory.run(**{setting: value})
    assert observatory.section(name) == dated
    assert without_key(observatory.page.read_text()) != without_key(before)


def without_key(text):
    """Return a page without the fingerprints that say which run made it."""
    return re.sub(r'data-made-of="[^"]*"|(?<=[.]js)[?][0-9a-f]+', "", text)


def test_metrics_of_another_stream(observatory):
    """The timeline shows a metric of another stream, and follows it."""
    shown = {"timeline": ["weather/humidity", "weather/rain"]}
    observatory.run(**shown)
    timeline = observatory.section("timeline")
    assert "weather/humidity" in timeline and "40 to 50" in timeline
    assert "No values of weather/rain" in timeline
    before = observatory.page.stat().st_mtime_ns
    observatory.run(NOW + datetime.timedelta(minutes=5), **shown)
    assert observatory.page.stat().st_mtime_ns == before, "nothing new: the page stays"
    observatory.weather(60)
    observatory.run(NOW + datetime.timedelta(minutes=10), **shown)
    assert "60 to 70" in observatory.section("timeline")


def test_a_running_night(observatory):
    """A night counts until its last data, and is whole in the morning."""
    science = [n for n, line in enumerate(observatory.lines) if ",science," in line]
    observatory.table.write_text("".join(observatory.lines[: science[9] + 1]))
    at = datetime.datetime(2025, 3, 19, 6, tzinfo=datetime.UTC)
    row = observatory.run(at)
    dark_from = datetime.datetime(2025, 3, 19, 2, 29, 36, tzinfo=datetime.UTC)
    assert row["night_s"] == pytest.approx((at - dark_from).total_seconds(), abs=2)
    assert row["ended_early_s"] is None
    before = observatory.page.stat().st_mtime_ns
    assert observatory.run(at + datetime.timedelta(hours=1)) == row
    assert observatory.page.stat().st_mtime_ns == before
    morning = observatory.run(at + datetime.timedelta(hours=7))
    assert morning["night_s"] > 36_000 and morning["ended_early_s"] > 20_000
    assert morning["n_time_gaps"] == row["n_time_gaps"] + (row["n_time_gaps"] == 0)


def test_marks_lead_to_the_rows_of_all_pages(observatory):
    """Marks and gaps lead to rows, on whatever page these are."""
    header, row = observatory.lines[0], observatory.lines[60].split(",")
    place = header.strip().split(",").index("MJD-OBS")
    rows = []
    for number in range(250):
        at = 60753.11 + 0.001 * number + (0.05 if number > 100 else 0)
        rows.append(",".join([str(number), *row[1:place], f"{at:.6f}", *row[place + 1 :]]))
    observatory.table.write_text(header + "".join(rows))
    assert observatory.run()["n_time_gaps"] == 2
    hrefs = re.findall('href="([^"]*#exposure-[^"]*)"', observatory.section("timeline"))
    hrefs += re.findall('href="([^"]*#exposure-[^"]*)"', observatory.section("use"))
    assert len(hrefs) > 200
    pages = {href.partition("#")[0] for href in hrefs}
    assert pages == {"", f"{NIGHT}.exposures.html"}
    for href in hrefs:
        name, _, anchor = href.partition("#")
        page = observatory.page.parent / (name or observatory.page.name)
        assert f'id="{anchor}"' in page.read_text(), href
