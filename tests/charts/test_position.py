"""Where an observatory is: the settings that say so, what is refused in them, and the sky and the local time on the charts."""

import datetime
import json

import pytest
import test_charts
from conftest import CHECKOUT
from page_samples import at

from observing_monitor.charts import under_the_sky
from observing_monitor.charts.night import night_charts
from observing_monitor.errors import UsageError
from observing_monitor.model.nights import NightRule
from observing_monitor.model.position import Position
from observing_monitor.settings import read

PACHON = Position(-30.2446, -70.7494)
HOUR_MS = 3_600_000


def stream_of(tmp_path, keys):
    """The stream of a settings file with these lines in it."""
    (tmp_path / "site.toml").write_text(f'[streams.one]\ninput_dir = "x"\n{keys}')
    return read.streams_of_file(tmp_path / "site.toml")[0]


def test_position_and_zone(tmp_path):
    """A stream knows its place and zone where the settings tell them, and neither where they don't."""
    stream = stream_of(
        tmp_path, 'latitude_deg = -30\nlongitude_deg = -70.7494\ntimezone = "America/Santiago"\n'
    )
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
def test_places_that_cannot_be(tmp_path, keys, words):
    """What is no place and no zone is refused, with the file and the key named."""
    with pytest.raises(UsageError) as refused:
        stream_of(tmp_path, keys)
    assert words in str(refused.value) and "site.toml: [streams.one]" in str(refused.value)


def test_the_example_has_places():
    """In the example every camera's stream has a position and a zone."""
    of = {stream.name: stream for stream in read.streams_of_file(CHECKOUT / "examples/site.toml")}
    assert all(
        of[name].position and of[name].timezone
        for name in ("auxTel", "comCam", "lsstCam", "gemini", "ovro_lwa", "allSky")
    )


def drawn(night="2020-02-12", position=PACHON, timezone="America/Santiago", n=500):
    """The charts of `n` files of the night of 2020-02-12, under the sky of another."""
    bounds = NightRule().bounds(datetime.date.fromisoformat(night))
    made = night_charts(test_charts.night(n), *test_charts.BOUNDS)
    shift = round((bounds[0] - test_charts.BOUNDS[0]).total_seconds() * 1000)
    for trace in (trace for chart in made[:2] for trace in chart.figure["data"]):
        trace["x"] = [x + shift for x in trace["x"]]
    return under_the_sky.under_the_sky(made, *bounds, position, timezone)


def test_sky_behind_the_charts():
    """Twilight, night and Moon are rectangles behind what is drawn against time, and words below the first chart; UTC is below."""
    made = drawn()
    test_charts.assert_sound([*made[:2]])
    for chart in made[:2]:
        shapes = chart.figure["layout"]["shapes"]
        twilight = [f"{name}-twilight" for name in ("civil", "nautical", "astronomical")]
        assert [shape["name"] for shape in shapes] == [
            *twilight,
            "night",
            *reversed(twilight),
            "moon",
            "moon",
        ]
        assert all(
            left["x1"] == right["x0"] for left, right in zip(shapes[:6], shapes[1:7], strict=True)
        )
        low, high = chart.figure["layout"]["xaxis"]["range"]
        assert low < shapes[0]["x0"] and shapes[6]["x1"] < high, "the axis has the whole night"
        assert chart.figure["layout"]["xaxis"]["title"]["text"] == "UTC"
    # test_sky.py has these instants against astropy's
    assert (
        "In UTC: sunset 23:33, astronomical twilight ends 00:59, astronomical twilight begins 08:55, sunrise 10:21"
        in made[0].caption
    )
    assert "; Moon 81 % lit, up until 13:51 and from 02:17 (bar at the top)." in made[0].caption
    assert made[0].caption.count("sunset") == 1 and "sunset" not in made[1].caption
    assert "shapes" not in made[2].figure["layout"], "how the delays are spread has no times"


def test_without_a_place():
    """Without a position and a zone the charts are as they were; with one of them, that alone is added."""
    plain = night_charts(test_charts.night(50), *test_charts.BOUNDS)
    before = json.dumps([chart.figure for chart in plain])
    assert (
        json.dumps(
            [
                chart.figure
                for chart in under_the_sky.under_the_sky(plain, *test_charts.BOUNDS, None, "")
            ]
        )
        == before
    )
    only_zone, only_place = (
        drawn(position=None)[0].figure["layout"],
        drawn(timezone="")[0].figure["layout"],
    )
    assert "shapes" not in only_zone and only_zone["xaxis2"]["title"]["text"] == "local time, UTC−3"
    assert "shapes" in only_place and "xaxis2" not in only_place
    assert under_the_sky.under_the_sky([], *test_charts.BOUNDS, PACHON, "UTC") == []


def test_where_the_sun_does_not_set():
    """In the far north the words say so, in summer and in winter."""
    svalbard = Position(78.22, 15.65)
    assert "In UTC: the Sun does not set; Moon" in drawn("2021-06-21", svalbard)[0].caption
    assert "the Sun does not rise; Moon" in drawn("2021-12-21", svalbard)[0].caption


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
    """The second axis knows what the zone's clocks say, also when they are changed in that night."""
    layout = drawn(night, timezone=zone)[0].figure["layout"]
    assert layout["xaxis2"]["title"]["text"] == words
    assert [offset / HOUR_MS for _, offset in layout["meta"]["local_time"]] == offsets
    if (
        night == "2021-04-03"
    ):  # at midnight of the 4th, when it was 03:00 UTC, Chile's clocks went back to 23:00
        assert layout["meta"]["local_time"][1][0] == at("2021-04-04T03:00:00").timestamp() * 1000
