"""Where an observatory is: the settings that say so, and what is refused in them."""

import pytest
from conftest import CHECKOUT

from observing_monitor import config
from observing_monitor.errors import UsageError
from observing_monitor.sky import Position


def stream_of(tmp_path, keys):
    """The stream of a settings file with these lines in it."""
    (tmp_path / "site.toml").write_text(f'[streams.one]\ninput_dir = "x"\n{keys}')
    return config.streams_of_file(tmp_path / "site.toml")[0]


def test_position_and_zone(tmp_path):
    """A stream knows its place and zone where the settings tell them, and neither where they don't."""
    stream = stream_of(tmp_path, 'latitude_deg = -30\nlongitude_deg = -70.7494\ntimezone = "America/Santiago"\n')
    assert (stream.position, stream.timezone) == (Position(-30.0, -70.7494), "America/Santiago")
    stream = stream_of(tmp_path, "")
    assert (stream.position, stream.timezone) == (None, "")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("latitude_deg = -30.2446", "key 'longitude_deg' is missing; a position is latitude_deg and longitude_deg, or neither"),
        ("longitude_deg = 1", "key 'latitude_deg' is missing"),
        ("latitude_deg = 91\nlongitude_deg = 1", "key 'latitude_deg': 91 is not on the Earth"),
        ("latitude_deg = nan\nlongitude_deg = 1", "key 'latitude_deg': nan is not on the Earth"),
        ("latitude_deg = 1\nlongitude_deg = 999", "key 'longitude_deg': 999 is not on the Earth"),
        ("timezone = 'America/Santigo'", "key 'timezone': 'America/Santigo' is no time zone; write one of the IANA database"),
        ("timezone = 'America'", "key 'timezone': 'America' is no time zone"),
        ("timezone = '../etc/passwd'", "key 'timezone': '../etc/passwd' is no time zone"),
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
    of = {stream.name: stream for stream in config.streams_of_file(CHECKOUT / "examples/site.toml")}
    assert all(of[name].position and of[name].timezone for name in ("auxTel", "comCam", "lsstCam", "gemini", "ovro_lwa", "allSky"))
