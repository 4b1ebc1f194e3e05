"""Findings about measures and the dome, from settings to pages."""

import datetime
import re

import pytest
from running import nights, run
from support.settings_text import to_toml

NOW = datetime.datetime(2020, 2, 16, tzinfo=datetime.UTC)
NIGHT, NEXT = "2020-02-12", "2020-02-13"
EXPOSURES = {
    "type": "table",
    "path": "exposures.csv",
    "feeds": "exposures",
    "columns": {
        "exposure": "name",
        "started_at": "at",
        "exposure_time_s": "s",
        "observation_type": "type",
    },
    "measures": {"seeing": "fwhm"},
    "units": {"seeing": "arcsec"},
}
WEATHER = {
    "type": "table",
    "path": "weather.csv",
    "columns": {"sampled_at": "at"},
    "values": {"dome": "dome", "humidity": "rh"},
}
DOME = {"metric": "weather/dome", "closed": ["closed"]}
LIMITS = [{"measure": "seeing", "warning_above": 1.5, "error_above": 3}]


def exposed(date, name, seeing):
    """Return rows of exposures from 02:00 UTC on."""
    start = datetime.datetime.fromisoformat(f"{date}T02:00:00+00:00")
    return "".join(
        f"{name}{n},{start + datetime.timedelta(minutes=n):%FT%TZ},30,object,{value}\n"
        for n, value in enumerate(seeing)
    )


class Observatory:
    """Science exposures E0, E1 … every minute, and a weather station."""

    def __init__(self, folder):
        self.folder, self.place = folder, {}

    def expose(self, *seeing, more=""):
        """Write exposures of the hours after midnight, with their seeing."""
        text = "name,at,s,type,fwhm\n" + exposed(NEXT, "E", seeing) + more
        (self.folder / "exposures.csv").write_text(text)

    def weather(self, *states):
        """Write states of the dome, one each hour from 01:00 on."""
        lines = [f"{NEXT}T{hour:02}:00:00Z,{state},40\n" for hour, state in enumerate(states, 1)]
        (self.folder / "weather.csv").write_text("at,dome,rh\n" + "".join(lines))

    def run(self, now=NOW, last=NEXT, first=NIGHT, **settings):
        """Run with settings of the camera; return the night's numbers."""
        camera = {**self.place, **settings, "sources": [EXPOSURES]}
        streams = {"camera": camera, "weather": {"sources": [WEATHER]}}
        path = self.folder / "site.toml"
        path.write_text(to_toml({"observing_monitor": {"output_dir": "site"}, "streams": streams}))
        days = ("--first_day", first, "--last_day", last)
        assert run("-c", path, *days, "--jobs", 1, now=now) == 0
        return nights(self.folder / "site/camera").get(NIGHT)

    @property
    def page(self):
        """The night's page."""
        return self.folder / f"site/camera/{NIGHT}.html"


@pytest.fixture
def observatory(tmp_path):
    """An observatory with an open dome, and three exposures."""
    made = Observatory(tmp_path)
    made.expose(1.0, 2.0, 1.7)
    made.weather("open", "open")
    return made


def link_of(page, words):
    """Return where the finding with these words leads."""
    found = re.search(r'<a href="([^"]+)"><bdi>[^<]*' + re.escape(words), page.read_text())
    return found and found[1]


def test_finding_leads_to_the_worst_exposure(observatory):
    """The finding and its rows lead to rows of the observing log."""
    row = observatory.run(measure_limits=LIMITS)
    words = (
        "seeing above 1.5 arcsec: 2 of 3 science exposures, the worst is exposure E1 with 2 arcsec"
    )
    assert (row["status"], row["info"]) == ("warning", words)
    assert link_of(observatory.page, words) == "#exposure-E1"
    text = observatory.page.read_text()
    assert text.count('id="exposure-E1"') == 1
    group = re.search(r'<details class="error-group warning".*?</details>', text, re.DOTALL)[0]
    rows = re.findall(r'<a href="#(exposure-E\d)">(E\d)</a>.*?(seeing [\d.]+ arcsec)', group, re.S)
    assert rows == [
        ("exposure-E1", "E1", "seeing 2 arcsec"),
        ("exposure-E2", "E2", "seeing 1.7 arcsec"),
    ]


def test_worst_exposure_on_another_page(observatory):
    """The link leads to the page that has the exposure's row."""
    observatory.expose(1.0, 9.0, *[1.0] * 300)
    observatory.run(measure_limits=LIMITS)
    href = link_of(observatory.page, "seeing above 3 arcsec")
    assert href == f"{NIGHT}.exposures.html#exposure-E1"
    assert 'id="exposure-E1"' in (observatory.page.parent / href.partition("#")[0]).read_text()
    assert 'id="exposure-E1"' not in observatory.page.read_text()


def test_a_measure_that_no_exposure_has(observatory):
    """A misspelt measure is a warning of the last two nights only."""
    wrong = [{"measure": "seing", "warning_above": 1.5}]
    row = observatory.run(measure_limits=wrong)
    words = "measure_limits: no seing of 3 science exposures"
    assert (row["status"], row["info"]) == ("warning", words)
    observatory.expose(1.0, 2.0, 1.7, more="F0,2020-02-15T02:00:00Z,30,object,1\n")
    row = observatory.run(measure_limits=wrong, last="2020-02-14")
    assert (row["status"], row["info"]) == ("normal", "")
    assert words in observatory.page.read_text()
    newest = nights(observatory.folder / "site/camera")["2020-02-14"]
    assert newest["info"] == "measure_limits: no seing of 1 science exposure"


def test_page_of_a_night_that_is_no_longer_recent(observatory):
    """A night is judged again when it is no longer recent; its page stays."""
    observatory.run(measure_limits=LIMITS, dome=DOME)
    before = observatory.page.stat().st_mtime_ns
    row = observatory.run(measure_limits=LIMITS, dome=DOME, last="2020-02-14")
    assert row["status"] == "warning"
    assert observatory.page.stat().st_mtime_ns == before


def test_dome_of_another_stream(observatory):
    """A night follows what the other stream says of the dome."""
    assert observatory.run(dome=DOME)["status"] == "normal"
    before = observatory.page.stat().st_mtime_ns
    observatory.run(NOW + datetime.timedelta(minutes=5), dome=DOME)
    assert observatory.page.stat().st_mtime_ns == before, "nothing new: the page stays"
    observatory.weather("open", "closed")
    row = observatory.run(NOW + datetime.timedelta(minutes=10), dome=DOME)
    words = "science with the dome closed: 3 exposures, the first is E0"
    assert (row["status"], row["info"]) == ("warning", words)
    assert link_of(observatory.page, words) == "#exposure-E0"
    observatory.weather("open", "open")
    assert observatory.run(NOW + datetime.timedelta(minutes=15), dome=DOME)["info"] == ""


def test_image_quality_worse_than_usual(observatory):
    """A night is compared with ten nights before it, from the index alone."""
    dates = [datetime.date(2020, 3, 1) + datetime.timedelta(days=n) for n in range(12)]
    names = [str(date - datetime.timedelta(days=1)) for date in dates]
    seeing = {date: 1 + n / 100 for n, date in enumerate(dates)}
    seeing[dates[10]] = seeing[dates[11]] = 1.5

    def look(now):
        rows = (exposed(date, f"{date:%d}-", [value] * 5) for date, value in seeing.items())
        observatory.expose(more="".join(rows))
        asked = {"first": names[0], "last": names[-1], "image_quality": "seeing"}
        observatory.run(now, **asked)
        found = nights(observatory.folder / "site/camera")
        pages = (observatory.page.parent / f"{name}.html" for name in names)
        written = {page.stem: page.stat().st_mtime_ns for page in pages}
        return {name: found[name]["info"] for name in names if found[name]["info"]}, written

    now = datetime.datetime(2020, 3, 20, tzinfo=datetime.UTC)
    told, before = look(now)
    # nine of the ten nights before have at most 1.08, nine of ten of eleven 1.09
    words = "worse image quality than usual: median seeing 1.5 arcsec, usually at most"
    assert told == {names[10]: f"{words} 1.08 arcsec", names[11]: f"{words} 1.09 arcsec"}
    seeing[dates[0]] = seeing[dates[1]] = 1.4
    told, after = look(now + datetime.timedelta(minutes=5))
    # both nights are now within 20 % of 1.4
    assert told == {}
    assert {name for name in names if after[name] != before[name]} == {
        *names[:2],
        *names[10:],
    }


def test_weather_and_image_quality(observatory):
    """17. A night's page shows its weather and its image quality."""
    shown = {"timeline": ["seeing", "weather/humidity"], "image_quality": "seeing"}
    row = observatory.run(**shown)
    assert row["image_quality_median"] == 1.7
    # one click from the stream's page
    assert f'href="{NIGHT}.html"' in (observatory.page.parent / "index.html").read_text()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", observatory.page.read_text()))
    assert "seeing 1.7 arcsec" in text
    assert re.search(r"weather/humidity\D+40", text) and re.search(r"seeing\D+1 to 2", text)
