"""Instants and their nights."""

import datetime
import time

import pytest

from observing_monitor.errors import UsageError
from observing_monitor.model.nights import (
    NightRule,
    iso_utc,
    nid_of,
    night_named,
    night_of_mjd,
    night_of_nid,
    nights_between,
    parse_night,
    parse_utc,
    zone_named,
)

UTC = datetime.UTC


@pytest.mark.parametrize(
    ("rule", "instant", "night"),
    [
        ("UTC-12h", "2021-09-01T05:13:46Z", "2021-08-31"),
        ("UTC", "2021-09-01T05:13:46Z", "2021-09-01"),
        ("utc+4h", "2021-08-31T20:00:00Z", "2021-09-01"),
        ("UTC−6h", "2021-09-01T05:59:59Z", "2021-08-31"),
        ("UTC-12h", "2021-09-01T12:00:00Z", "2021-09-01"),
        ("UTC-12h", "2021-09-01T11:59:59.999999Z", "2021-08-31"),
        ("TAI-12h", "2021-09-01T11:59:23Z", "2021-09-01"),
        ("TAI-12h", "2021-09-01T11:59:22Z", "2021-08-31"),
        ("UTC-9.5h", "2021-09-01T09:29:59Z", "2021-08-31"),
    ],
)
def test_night_of_an_instant(rule, instant, night):
    """An instant's night is its date in the rule's scale."""
    at = parse_utc(instant)
    assert NightRule.parse(rule).night_of(at).isoformat() == night
    assert (
        NightRule.parse(rule).night_of_ns(int(at.timestamp()) * 1_000_000_000).isoformat() == night
    )


@pytest.mark.parametrize("rule", ["UTC-12h", "UTC", "UTC+4h", "TAI-12h"])
def test_bounds_meet(rule):
    """A night begins where the one before ends."""
    rule = NightRule.parse(rule)
    night = datetime.date(2020, 2, 29)
    start, end = rule.bounds(night)
    assert rule.night_of(start) == night and rule.night_of(end) == datetime.date(2020, 3, 1)
    assert rule.bounds(datetime.date(2020, 3, 1))[0] == end
    assert rule.is_open(night, end - datetime.timedelta(seconds=1)) and not rule.is_open(night, end)


@pytest.mark.parametrize("text", ["", "UT", "UTC-99h", "local", "UTC--1h"])
def test_wrong_rules(text):
    """A wrong rule is refused, with the valid forms."""
    with pytest.raises(UsageError, match="write UTC, UTC-12h"):
        NightRule.parse(text)


@pytest.mark.parametrize("text", ["2020-02-29", "20200229"])
def test_forms_of_a_night(text):
    """A night may be written with or without hyphens."""
    assert parse_night(text) == datetime.date(2020, 2, 29) == night_named(text)


@pytest.mark.parametrize(
    "text",
    ["20201340", "2021-02-29", "2021-12-1", "202012240", "2020-1224", "", "２０２００２２９"],
)
def test_other_texts(text):
    """A text that is no date is refused by one function and None to the other."""
    with pytest.raises(UsageError, match="is not a night; write YYYY-MM-DD"):
        parse_night(text)
    assert night_named(text) is None


def test_ids_are_not_nights():
    """Eight digits that would be a date of another century are an id."""
    assert night_named("30190530") is None and night_named("10190530") is None


def test_nid_and_mjd():
    """A nid counts UTC dates from 2017-01-01, an MJD from 1858-11-17."""
    assert (
        night_of_nid(2559) == datetime.date(2024, 1, 4)
        and nid_of(datetime.date(2024, 1, 4)) == 2559
    )
    assert night_of_mjd(59458.2) == datetime.date(2021, 9, 1)


def test_range_and_text():
    """A range includes both ends; an instant comes back from its text."""
    assert len(nights_between(datetime.date(2020, 2, 27), datetime.date(2020, 3, 1))) == 4
    at = datetime.datetime(2020, 2, 29, 3, 12, 41, 5, UTC)
    assert iso_utc(at) == "2020-02-29T03:12:41.000005Z" and parse_utc(iso_utc(at)) == at
    assert parse_utc(None) is None and iso_utc(None) is None


@pytest.fixture
def far_west(monkeypatch):
    """A machine whose own time zone is ten hours behind UTC."""
    monkeypatch.setenv("TZ", "HST10")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_machine_in_another_zone(far_west):
    """Nights and texts are in UTC, in whatever zone the machine is."""
    at = parse_utc("2021-09-01T12:00:00+02:00")
    assert (at.isoformat(), iso_utc(at)) == ("2021-09-01T10:00:00+00:00", "2021-09-01T10:00:00Z")
    assert parse_utc("2021-09-01T10:00:00") == at
    assert (
        iso_utc(at.astimezone(datetime.timezone(datetime.timedelta(hours=-3))))
        == "2021-09-01T10:00:00Z"
    )
    assert (
        NightRule.parse("UTC").night_of(parse_utc("2021-09-01T03:00:00")).isoformat()
        == "2021-09-01"
    )
    assert [bound.isoformat() for bound in NightRule().bounds(datetime.date(2021, 9, 1))] == [
        "2021-09-01T12:00:00+00:00",
        "2021-09-02T12:00:00+00:00",
    ]


def test_the_last_nanosecond_of_a_night():
    """A nanosecond before a night begins, it is still the night before."""
    begins = int(parse_utc("2021-09-01T12:00:00Z").timestamp()) * 1_000_000_000
    assert [NightRule().night_of_ns(ns).isoformat() for ns in (begins - 1, begins)] == [
        "2021-08-31",
        "2021-09-01",
    ]


def test_fractions_of_days():
    """A Modified Julian Date is rounded down, also below zero."""
    assert [night_of_mjd(mjd).isoformat() for mjd in (-0.5, 0.5)] == ["1858-11-16", "1858-11-17"]


@pytest.mark.parametrize(
    ("name", "night"),
    [
        ("19700101", "1970-01-01"),
        ("2099-12-31", "2099-12-31"),
        ("19691231", None),
        ("2020123", None),
        ("20201232", None),
        ("202012311", None),
        ("18991231", None),
    ],
)
def test_folders_named_after_nights(name, night):
    """A folder named after a date of 1970 to 2099 is a night."""
    assert night_named(name) == (night and datetime.date.fromisoformat(night))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("UTC", NightRule(0, "UTC")),
        ("utc-12H", NightRule(-43_200, "UTC−12h")),
        ("UTC+0.5h", NightRule(1800, "UTC+0.5h")),
        ("UTC + 24h", NightRule(86_400, "UTC+24h")),
        ("TAI-12h", NightRule(-43_163, "TAI−12h")),
        ("TAI", NightRule(37, "TAI")),
    ],
)
def test_offset_and_text_of_a_rule(text, rule):
    """A rule has an offset in seconds, and one text, however it was written."""
    assert NightRule.parse(text) == rule


def test_no_rule_beyond_a_day():
    """A rule with more than 24 hours is refused."""
    with pytest.raises(UsageError):
        NightRule.parse("UTC+24.5h")


def test_nights_in_order():
    """A range of nights is in order, and includes a leap day."""
    told = nights_between(datetime.date(2020, 2, 28), datetime.date(2020, 3, 1))
    assert [night.isoformat() for night in told] == ["2020-02-28", "2020-02-29", "2020-03-01"]


@pytest.mark.parametrize("text", ["2026-W05", "2026W051", "2026-W05-1", "2026021212", "20260212T0"])
def test_weeks_and_longer_texts(text):
    """A week of ISO 8601, or a date with more text, is no night."""
    assert datetime.date.fromisoformat(text).year == 2026
    assert night_named(text) is None


@pytest.mark.parametrize("name", ["Nowhere/There", "America", "../x", ""])
def test_zones(name):
    """A zone is found by name; any other name is refused with its setting."""
    assert zone_named("zone", "America/Santiago").key == "America/Santiago"
    with pytest.raises(UsageError) as wrong:
        zone_named("zone", name)
    words = "write one of the IANA database, such as America/Santiago or UTC"
    assert str(wrong.value) == f"zone {name!r} is no time zone; {words}"
