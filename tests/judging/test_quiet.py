"""Streams and stages that have stopped: limits, hours, darkness."""

import datetime
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observing_monitor.judging.night_work import NightWork
from observing_monitor.judging.quiet import (
    as_kept,
    darkness,
    is_as_quiet,
    limits_of,
    stopped_flows,
)
from observing_monitor.judging.stopped import stopped_findings
from observing_monitor.judging.usual_flows import (
    FILES,
    UsualFlow,
    forget_old,
    is_kept,
    usual_flows,
)
from observing_monitor.model.nights import iso_utc
from observing_monitor.settings.read import stream_of_flags

TONIGHT = datetime.date(2020, 2, 12)
START = datetime.datetime(2020, 2, 12, 12, tzinfo=datetime.UTC)
DAY, MINUTE, HOUR = datetime.timedelta(days=1), 60, 3600
ALL_DAY = (0, 24 * HOUR)
PACHON = {"latitude_deg": -30.2446, "longitude_deg": -70.7494}


@pytest.fixture
def stream(tmp_path):
    """A function that returns a stream with some settings."""
    return lambda **settings: stream_of_flags("cam", tmp_path, **settings)


def flow(first, last, every=180, p99=None, night=TONIGHT):
    """Return the flow of a night from `first` to `last` second."""
    bins = range(int(first // 900), min(int(last // 900) + 1, 96))
    at = START + (night - TONIGHT) + datetime.timedelta(seconds=last)
    return {
        "first_s": float(first),
        "last_at": iso_utc(at),
        "median_s": float(every),
        "p99_s": float(p99 or every),
        "bins": f"{sum(1 << number for number in bins):x}",
    }


def rhythm(files=None, ingest=None, waits=None, late_s=None, n_files=None):
    return {
        "n_files": (480 if files else 0) if n_files is None else n_files,
        "files": files,
        "stages": {"ingest": ingest} if ingest else {},
        "waits": {"ingest": waits} if waits else {},
        "late_s": late_s,
    }


def history(n=15, span=ALL_DAY, n_empty=0, **more):
    """Return rows of the nights before: some empty, then `n` with files."""
    rows = {}
    for age in range(n + n_empty, 0, -1):
        night = TONIGHT - age * DAY
        files = flow(span[0], span[1] - 1, night=night, **more) if age <= n else None
        rows[night.isoformat()] = {"rhythm": rhythm(files, files)}
    return rows


def said(stream, rows, tonight, after_s, **row):
    """Return level and text of each finding at a second of tonight."""
    job = job_of(stream, rows, after_s)
    row = {"rhythm": tonight, **row}
    if stream.position:
        row["dark"] = darkness(stream.position, stream.rule.bounds(TONIGHT))
    stopped = stopped_flows(job, row)
    return [(one.level, one.text) for one in stopped_findings(stopped, stream, True)]


def job_of(stream, rows, after_s, row=None):
    now = START + datetime.timedelta(seconds=after_s)
    flows = usual_flows(rows, TONIGHT, stream)
    return NightWork(stream=stream, night=TONIGHT, row=row or {}, now=now, flows=flows, read_at=now)


# --- limits --------------------------------------------------------------------------------------


@given(
    gap=st.floats(60, 86_400),
    late=st.floats(0, 86_400),
    n_nights=st.integers(0, 30),
    warning=st.none() | st.just(0.0) | st.floats(1, 1e6),
    error=st.none() | st.just(0.0) | st.floats(1e6, 1e7),
)
def test_limits(gap, late, n_nights, warning, error):
    """Settings win; the defaults need five nights with files."""

    class Settings:
        quiet_warning_s, quiet_error_s = warning, error

    made = limits_of(Settings, UsualFlow(n_nights=n_nights, gap_s=gap, late_s=late))
    default = max(1800, 3 * gap, 3 * late) if n_nights >= 5 else None
    wanted_warning = default if warning is None else warning
    wanted_error = error
    if error is None and wanted_warning is not None:
        wanted_error = 3 * wanted_warning
    if wanted_warning is None and wanted_error is None:
        assert made is None
    else:
        assert made == (wanted_warning or math.inf, wanted_error or math.inf)


@pytest.mark.parametrize(
    ("settings", "age", "level"),
    [
        ({}, 30 * MINUTE, ""),
        ({}, 30 * MINUTE + 1, "warning"),
        ({}, 90 * MINUTE, "warning"),
        ({}, 90 * MINUTE + 1, "error"),
        ({"quiet_warning_s": 600}, 600, ""),
        ({"quiet_warning_s": 600}, 601, "warning"),
        ({"quiet_warning_s": 600}, 1801, "error"),
        ({"quiet_warning_s": 600, "quiet_error_s": 700}, 701, "error"),
        ({"quiet_error_s": 1800}, 1801, "error"),
        ({"quiet_warning_s": 0}, 12 * HOUR, ""),
        ({"quiet_warning_s": 0, "quiet_error_s": 7200}, 7201, "error"),
        ({"quiet_error_s": 0}, 12 * HOUR, "warning"),
    ],
)
def test_levels(stream, settings, age, level):
    """A warning comes after 30 min, an error after 90, or as set."""
    last = 4 * HOUR
    text = "no file since 2020-02-12 16:00 UTC; usually one every 3 min"
    wanted = [(level, text)] if level else []
    assert said(stream(**settings), history(), rhythm(flow(0, last)), last + age) == wanted


def test_long_gaps_are_waited_for(stream):
    """The limit is three times the 99 % point of the gaps.

    Nine of ten nights do not exceed that point.
    """
    rows = history(p99=1000)
    for age, level in ((3000, []), (3001, ["warning"]), (9001, ["error"])):
        found = said(stream(), rows, rhythm(flow(0, HOUR)), HOUR + age)
        assert [one[0] for one in found] == level
    rows[min(rows)]["rhythm"]["files"]["p99_s"] = 80_000.0  # one bad night of fifteen
    assert said(stream(), rows, rhythm(flow(0, HOUR)), HOUR + 3001)[0][0] == "warning"


def test_late_arrivals_are_waited_for(stream):
    """If files usually arrive an hour late, the limit is three hours."""
    rows = history()
    for row in list(rows.values())[-3:]:
        row["rhythm"]["late_s"] = 3600.0
    tonight = rhythm(flow(0, HOUR))
    assert said(stream(), rows, tonight, 4 * HOUR) == []
    assert said(stream(), rows, tonight, 4 * HOUR + 1)[0][0] == "warning"


@pytest.mark.parametrize(("n", "n_findings"), [(0, 0), (4, 0), (5, 1), (30, 1)])
def test_new_streams_have_no_default(stream, n, n_findings):
    """Fewer than five nights with files are no basis."""
    assert len(said(stream(), history(n), rhythm(flow(0, HOUR)), 12 * HOUR)) == n_findings


def test_only_thirty_nights_count(stream):
    """Nights before the last thirty are no basis; nor are unknown ones."""
    old = {
        (datetime.date.fromisoformat(night) - 30 * DAY).isoformat(): row
        for night, row in history().items()
    }
    assert said(stream(), old, rhythm(flow(0, HOUR)), 12 * HOUR) == []
    unknown = {night: {} for night in history()}
    assert said(stream(), unknown, rhythm(flow(0, HOUR)), 12 * HOUR) == []


# --- hours ---------------------------------------------------------------------------------------


def test_no_alarm_outside_of_the_usual_hours(stream):
    """Silence is a fault only in the hours in which files usually come."""
    # from 22:00 to 06:00 UTC
    rows, since = history(span=(10 * HOUR, 18 * HOUR)), flow(10 * HOUR, 17.9 * HOUR)
    assert said(stream(), rows, rhythm(since), 18.5 * HOUR) == []
    assert said(stream(), rows, rhythm(since), 23 * HOUR) == []
    early = rhythm(flow(10 * HOUR, 12 * HOUR))
    assert said(stream(), rows, early, 12.5 * HOUR + 1)[0][0] == "warning"
    assert said(stream(), rows, early, 17.9 * HOUR)[0][0] == "error"
    # a calibration in the afternoon: what counts is the time since 22:00
    noon = rhythm(flow(0, HOUR))
    assert said(stream(), rows, noon, 9 * HOUR) == []
    assert said(stream(), rows, noon, 10.5 * HOUR) == []
    assert said(stream(), rows, noon, 10.5 * HOUR + 1)[0][0] == "warning"


def test_no_alarm_in_daylight(stream):
    """With a position, files are expected in darkness."""
    here, rows = stream(**PACHON), history()
    begin, end = darkness(here.position, here.rule.bounds(TONIGHT))[-1]
    assert (begin[:16], end[:16]) == ("2020-02-13T00:28", "2020-02-13T09:26")
    dusk = (datetime.datetime.fromisoformat(begin) - START).total_seconds()
    noon = rhythm(flow(0, HOUR))
    assert said(here, rows, noon, dusk - 1) == []
    assert said(here, rows, noon, dusk + 1800) == []
    assert said(here, rows, noon, dusk + 1801) == [
        ("warning", "no file since 2020-02-12 13:00 UTC; usually one every 3 min")
    ]
    assert said(here, rows, noon, 21 * HOUR)[0][0] == "error"
    assert said(here, rows, noon, 22 * HOUR) == [], "the Sun is up"


def test_no_darkness_no_alarm(stream):
    """If the Sun does not set, nothing is expected."""
    assert darkness(stream(latitude_deg=-80, longitude_deg=0).position, (START, START + DAY)) == []
    south = stream(latitude_deg=-80, longitude_deg=0)
    assert said(south, history(), rhythm(flow(0, HOUR)), 12 * HOUR) == []


# --- nothing yet ---------------------------------------------------------------------------------


def test_a_night_without_anything(stream):
    """A finding if nothing came by the hour when there usually is something."""
    rows = history(span=(10 * HOUR, 18 * HOUR))
    words = "no file yet; usually there are some by 2020-02-12 22:00 UTC"
    for after_s, wanted in (
        (10.5 * HOUR, []),
        (10.5 * HOUR + 1, [("warning", words)]),
        (11.5 * HOUR + 1, [("error", words)]),
        (23 * HOUR, [("error", words)]),
    ):
        assert said(stream(), rows, rhythm(), after_s) == wanted


@pytest.mark.parametrize(("n_empty", "n_findings"), [(0, 1), (5, 1), (6, 0), (12, 0)])
def test_nights_that_are_usually_empty(stream, n_empty, n_findings):
    """Three of four nights must have had files by then."""
    rows = history(15, (10 * HOUR, 18 * HOUR), n_empty)
    assert len(said(stream(), rows, rhythm(), 13 * HOUR)) == n_findings


def test_over_the_boundary_of_nights(stream):
    """Around the clock, the last file of the night before counts."""
    rows = history()
    rows[max(rows)]["rhythm"] = rhythm(flow(0, 23 * HOUR, night=TONIGHT - DAY))
    words = "no file since 2020-02-12 11:00 UTC; usually one every 3 min"
    assert said(stream(), rows, rhythm(), 1) == [("warning", words)]
    assert said(stream(), rows, rhythm(), 1800) == [("warning", words)]
    assert said(stream(), rows, rhythm(), 1801) == [("error", words)]
    assert said(stream(), history(), rhythm(), 1700) == []


def test_files_without_times(stream):
    """If no file has a time within the night, nobody knows if they still come."""
    assert said(stream(), history(), rhythm(n_files=7), 12 * HOUR) == []


def test_a_source_that_does_not_answer(stream):
    """While a source is silent, nobody knows if files came."""
    silent = {"files": {"problem": "gone", "since": "2020-02-12T12:00:00Z"}}
    tonight = rhythm(flow(0, HOUR))
    assert said(stream(), history(), tonight, 12 * HOUR, silent=silent) == []
    other = {"weather": silent["files"]}
    assert len(said(stream(), history(), tonight, 12 * HOUR, silent=other)) == 1


# --- stages --------------------------------------------------------------------------------------


def test_a_stage_that_stopped(stream):
    """Files arrive, and nothing is ingested: the first one that waits counts."""
    last = flow(0, 4 * HOUR)
    waits = rhythm(flow(0, 12 * HOUR), last, "2020-02-12T16:10:00Z")
    words = (
        "stage ingest: no file since 2020-02-12 16:00 UTC, though files wait; "
        "usually one every 3 min"
    )
    begin = 4 * HOUR + 10 * MINUTE
    assert said(stream(), history(), waits, begin + 1800) == []
    assert said(stream(), history(), waits, begin + 1801) == [("warning", words)]
    assert said(stream(), history(), waits, begin + 5401) == [("error", words)]


def test_a_stage_without_files_to_take(stream):
    """If no file waits, the stage has nothing to do."""
    only_files = said(stream(), history(), rhythm(flow(0, HOUR), flow(0, HOUR)), 12 * HOUR)
    assert [text[:13] for _, text in only_files] == ["no file since"]


def test_a_stage_without_anything(stream):
    """Files wait, and none passed the stage tonight."""
    tonight = rhythm(flow(0, 12 * HOUR), None, "2020-02-12T12:00:00Z")
    words = "stage ingest: no file yet, though files wait since 2020-02-12 12:00 UTC"
    assert said(stream(), history(), tonight, 1800) == []
    assert said(stream(), history(), tonight, 1801) == [("warning", words)]
    daily = history()
    for row in daily.values():  # all are ingested in the afternoon after the night
        row["rhythm"]["stages"] = {}
    assert said(stream(), daily, tonight, 11 * HOUR) == []


# --- rows ----------------------------------------------------------------------------------------


def test_only_a_new_level_or_file_makes_a_difference(stream):
    """Only the level and the last file change what a row keeps."""
    rows, row = history(), {"rhythm": rhythm(flow(0, HOUR))}
    cam, kept = stream(), []
    for minutes in range(60, 400):
        job = job_of(cam, rows, minutes * MINUTE, row)
        if not is_as_quiet(job):
            row["quiet"] = as_kept(stopped_flows(job, row))
            kept.append((minutes, row["quiet"][0][:3] if row["quiet"] else []))
    since = "2020-02-12T13:00:00Z"
    assert kept == [(91, [FILES, "warning", since]), (151, [FILES, "error", since])]
    row["rhythm"] = rhythm(flow(0, 399 * MINUTE))
    assert not is_as_quiet(job_of(cam, rows, 400 * MINUTE, row))
    assert as_kept(stopped_flows(job_of(cam, rows, 400 * MINUTE, row), row)) == []


def test_darkness_is_part_of_the_row(stream):
    """A night that was judged before it was tonight is judged again."""
    here, row = stream(**PACHON), {"rhythm": rhythm(flow(0, HOUR))}
    assert not is_as_quiet(job_of(here, history(), 2 * HOUR, row))
    row["dark"] = darkness(here.position, here.rule.bounds(TONIGHT))
    assert is_as_quiet(job_of(here, history(), 2 * HOUR, row))


def test_a_night_that_is_over_has_not_stopped(stream):
    """A finding ends with its night, even if nothing came."""
    row = {"rhythm": rhythm(flow(0, HOUR)), "quiet": [[FILES, "error", "2020", False, 180.0]]}
    job = NightWork(stream=stream(), night=TONIGHT, row=row, now=START + 2 * DAY)
    assert stopped_flows(job, row) == [] and not is_as_quiet(job)


def test_old_rows_forget_their_rhythm():
    """Forty nights keep it, so that the index of ten years stays small."""
    nights = [TONIGHT - n * DAY for n in (0, 40, 41, 3000)]
    rows = {night.isoformat(): {"rhythm": rhythm(), "page": "k"} for night in nights}
    forget_old(rows, TONIGHT)
    assert ["rhythm" in row for row in rows.values()] == [True, True, False, False]
    assert [is_kept(night, TONIGHT) for night in nights] == [True, True, False, False]
