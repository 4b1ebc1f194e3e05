"""Numbers and times as pages show them."""

import datetime

import page_samples as samples
import pandas as pd
import pytest

from observing_monitor.model import wording


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (wording.utc, samples.at("2020-02-13T03:12:41.9"), "2020-02-13 03:12:41"),
        (
            wording.utc,
            datetime.datetime.fromisoformat("2020-02-13T00:12:41-03:00"),
            "2020-02-13 03:12:41",
        ),
        (wording.utc, pd.Timestamp("2020-02-13T03:12:41Z"), "2020-02-13 03:12:41"),
        (wording.utc, None, "–"),
        (wording.utc, pd.NaT, "–"),
        (wording.iso, samples.at("2020-02-13T03:12:41"), "2020-02-13T03:12:41Z"),
        (wording.iso, pd.NaT, ""),
        (wording.count_text, 0, "0"),
        (wording.count_text, 1234567, "1,234,567"),
        (wording.count_text, pd.NA, "–"),
        (wording.of_bytes, 0, "0 bytes"),
        (wording.of_bytes, 999, "999 bytes"),
        (wording.of_bytes, 95_130, "95.1 kB"),
        (wording.of_bytes, 999_960, "1.0 MB"),
        (wording.of_bytes, None, "–"),
        (wording.seconds, 0, "0.0 s"),
        (wording.seconds, 1.44, "1.4 s"),
        (wording.seconds, 9.96, "10 s"),
        (wording.seconds, 59.6, "1 min 00 s"),
        (wording.seconds, 192, "3 min 12 s"),
        (wording.seconds, 7500, "2 h 05 min"),
        (wording.seconds, 273_600, "3 d 04 h"),
        (wording.seconds, -192, "−3 min 12 s"),
        (wording.seconds, float("nan"), "–"),
        (wording.percent, 1.0, "100 %"),
        (wording.percent, 0.99999, "99.9 %"),
        (wording.percent, 0.9825, "98.2 %"),
        (wording.percent, 29072 / 71144, "40.9 %"),
        (wording.percent, 0.00001, "< 0.1 %"),
        (wording.percent, 0, "0 %"),
        (wording.percent, 1.05, "105 %"),
        (wording.percent, None, "–"),
        (wording.number, 0, "0"),
        (wording.number, 1234567.0, "1,234,567"),
        (wording.number, -0.5, "−0.5"),
        (wording.number, 0.123456789, "0.123457"),
        (wording.number, float("nan"), "–"),
        (lambda v: wording.quantity(v, "B/s"), 46e6, "46.0 MB/s"),
        (lambda v: wording.quantity(v, "h"), 0.25, "0.25 h"),
        (lambda v: wording.quantity(v, "s"), None, "–"),
        (wording.rounded, 0.400474, "0.4005"),
        (wording.rounded, 2453.27, "2,453"),
        (wording.rounded, -1.0, "−1"),
        (wording.rounded, 1e300, "1e+300"),
        (lambda v: wording.scale(v, "B/s"), 46_374_390.0, (1e6, "MB/s")),
        (lambda v: wording.scale(v, "bytes"), 999.0, (1, "bytes")),
        (lambda v: wording.scale(v, "B"), 3e18, (1e15, "PB")),
        (lambda v: wording.scale(v, "s"), 3692.0, (1, "s")),
        (lambda v: wording.scale(v, "fraction"), 0.026, (0.01, "%")),
        (wording.dash, "", "–"),
        (wording.dash, 0, 0),
    ],
)
def test_values(show, value, text):
    """Values are shown as observers read them; a missing one is a dash."""
    assert show(value) == text


def test_near():
    """A time is shown without the year of its night, but with any other year."""
    assert wording.near(samples.at("2020-02-13T03:12:41"), "2020-02-12") == "02-13 03:12:41"
    assert wording.near(samples.at("2020-01-01T03:12:41"), "2019-12-31") == "2020-01-01 03:12:41"
    assert wording.near(None, "2019-12-31") == "–"


def test_near_of_a_column():
    """The times of a column are shown as `near` shows each of them."""
    times = [
        "2020-02-13T03:12:41.999999Z",
        "2020-12-31T23:59:59Z",
        "2021-01-01T00:00:00Z",
        None,
        "1969-12-31T23:59:59.5Z",
        "0999-02-03T00:00:00Z",
    ]
    column = pd.Series(pd.to_datetime(times, format="ISO8601")).astype("datetime64[us, UTC]")
    for night in ("2020-02-12", "2021-01-01", "1969-12-31"):
        assert wording.all_near(column, night) == [wording.near(at, night) for at in column]
    elsewhere = column[:1].dt.tz_convert("America/Santiago")
    assert wording.all_near(elsewhere, "2020-02-12") == ["02-13 03:12:41"]
    assert wording.all_near(column[3:4], "2020-02-12") == ["–"]
    assert wording.all_near(column[:0], "2020-02-12") == []


def test_clock():
    """A finding's time has its date: it is also read beside other nights'."""
    assert wording.clock(samples.at("2020-02-13T03:12:41")) == "2020-02-13 03:12"
    at = datetime.datetime.fromisoformat("2020-02-13T00:12:41+09:00")
    assert wording.clock(at) == "2020-02-12 15:12"


def test_printable_text_is_shown_as_it_is():
    """Printable text needs no search for characters to escape."""
    pictured = wording._CONTROLS.findall("".join(map(chr, range(0x110000))))
    assert len(pictured) > 2000 and not any(map(str.isprintable, pictured))
