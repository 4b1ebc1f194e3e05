"""The position of an observatory: its settings, and the sky and local time on its charts."""

import json

import pytest
from chart_nights import BOUNDS, PACHON, check_charts, night_of, sky_charts
from conftest import CHECKOUT
from page_samples import at

from observing_monitor.charts import under_the_sky
from observing_monitor.charts.night import night_charts
from observing_monitor.errors import UsageError
from observing_monitor.model.position import Position
from observing_monitor.settings import read

HOUR_MS = 3_600_000


def stream_of(tmp_path, keys):
    """Return the stream of a settings file with these lines."""
    (tmp_path / "site.toml").write_text(f'[streams.one]\ninput_dir = "x"\n{keys}')
    return read.streams_of_file(tmp_path / "site.toml")[0]


def test_position_and_zone(tmp_path):
    """A stream has the position and the zone of its settings, or none."""
    keys = 'latitude_deg = -30\nlongitude_deg = -70.7494\ntimezone = "America/Santiago"\n'
    stream = stream_of(tmp_path, keys)
    assert (stream.position, stream.timezone) == (Position(-30.0, -70.7494), "America/Santiago")
    stream = stream_of(tmp_path, "")
    assert (stream.position, stream.timezone) == (None, "")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            "latitude_deg = -30.2446",
            "longitude_deg is missing; a position is latitude_deg and longitude_deg, or neither",
        ),
        ("longitude_deg = 1", "latitude_deg is missing"),
        ("latitude_deg = 91\nlongitude_deg = 1", "latitude_deg: 91 is not on the Earth"),
        ("latitude_deg = nan\nlongitude_deg = 1", "latitude_deg: nan is not on the Earth"),
        ("latitude_deg = 1\nlongitude_deg = 999", "longitude_deg: 999 is not on the Earth"),
        (
            "timezone = 'America/Santigo'",
            "timezone: 'America/Santigo' is no time zone; write one of the IANA database",
        ),
        ("timezone = 'America'", "timezone: 'America' is no time zone"),
        ("timezone = '../etc/passwd'", "timezone: '../etc/passwd' is no time zone"),
        ("latitude = 1", "unknown key 'latitude'; did you mean 'latitude_deg'?"),
    ],
)
def test_wrong_settings(tmp_path, keys, words):
    """A wrong position or zone is refused, with the file and the key."""
    with pytest.raises(UsageError) as refused:
        stream_of(tmp_path, keys)
    assert words in str(refused.value)
    assert "site.toml: [streams.one]" in str(refused.value)


def test_the_example_has_positions():
    """In the example every camera's stream has a position and a zone."""
    of = {stream.name: stream for stream in read.streams_of_file(CHECKOUT / "examples/site.toml")}
    for name in ("auxTel", "comCam", "lsstCam", "gemini", "ovro_lwa", "allSky"):
        assert of[name].position and of[name].timezone


def test_sky_behind_the_charts():
    """Twilight, night and Moon are rectangles behind what is drawn against time."""
    made = sky_charts()
    check_charts([*made[:2]])
    twilight = [f"{name}-twilight" for name in ("civil", "nautical", "astronomical")]
    names = [*twilight, "night", *reversed(twilight), "moon", "moon"]
    for chart in made[:2]:
        layout = chart.figure["layout"]
        shapes = layout["shapes"]
        assert [shape["name"] for shape in shapes] == names
        for left, right in zip(shapes[:6], shapes[1:7], strict=True):
            assert left["x1"] == right["x0"]
        low, high = layout["xaxis"]["range"]
        assert low < shapes[0]["x0"] and shapes[6]["x1"] < high, "the axis has the whole night"
        assert layout["xaxis"]["title"]["text"] == "UTC"
    assert "shapes" not in made[2].figure["layout"], "the histogram of delays has no times"


def test_sky_in_words():
    """The caption of the first chart has the times in UTC; test_sky.py checks such times."""
    first, second, _ = sky_charts()
    assert (
        "In UTC: sunset 23:33, astronomical twilight ends 00:59, "
        "astronomical twilight begins 08:55, sunrise 10:21" in first.caption
    )
    assert "; Moon 81 % lit, up until 13:51 and from 02:17 (bar at the top)." in first.caption
    assert first.caption.count("sunset") == 1 and "sunset" not in second.caption


def test_without_a_position():
    """Without position and zone the charts stay; with one of them, only that is added."""
    plain = night_charts(night_of(50), *BOUNDS)
    before = json.dumps([chart.figure for chart in plain])
    same = under_the_sky.under_the_sky(plain, *BOUNDS, None, "")
    assert json.dumps([chart.figure for chart in same]) == before
    only_zone = sky_charts(position=None)[0].figure["layout"]
    only_place = sky_charts(timezone="")[0].figure["layout"]
    assert "shapes" not in only_zone
    assert only_zone["xaxis2"]["title"]["text"] == "local time, UTC−3"
    assert "shapes" in only_place and "xaxis2" not in only_place
    assert under_the_sky.under_the_sky([], *BOUNDS, PACHON, "UTC") == []


def test_polar_day_and_night():
    """In the far north the words say that the Sun does not set, or does not rise."""
    svalbard = Position(78.22, 15.65)
    summer, winter = (sky_charts(f"2021-{month}-21", svalbard)[0] for month in ("06", "12"))
    assert "In UTC: the Sun does not set; Moon" in summer.caption
    assert "the Sun does not rise; Moon" in winter.caption


@pytest.mark.parametrize(
    ("night", "zone", "offsets", "words"),
    [
        ("2021-04-03", "America/Santiago", [-3, -4], "local time, UTC−3, then UTC−4"),
        ("2021-03-13", "America/Los_Angeles", [-8, -7], "local time, PST, then PDT"),
        ("2021-03-13", "Pacific/Honolulu", [-10], "local time, HST"),
        ("2021-03-13", "Asia/Kathmandu", [5.75], "local time, UTC+5:45"),
    ],
)
def test_local_time(night, zone, offsets, words):
    """The second axis has the zone's offsets, also if clocks are changed in that night."""
    layout = sky_charts(night, timezone=zone)[0].figure["layout"]
    assert layout["xaxis2"]["title"]["text"] == words
    local = layout["meta"]["local_time"]
    assert [offset / HOUR_MS for _, offset in local] == offsets
    if night == "2021-04-03":
        # at 03:00 UTC, which was midnight, Chile's clocks went back to 23:00
        assert local[1][0] == at("2021-04-04T03:00:00").timestamp() * 1000
