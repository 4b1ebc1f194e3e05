"""Science exposures with the dome closed."""

import datetime

import pandas as pd
import pytest
from night_tables import metrics

from observing_monitor.judging.judge import judge_night
from observing_monitor.judging.night_work import NightWork
from observing_monitor.model import columns, frames
from observing_monitor.model.nights import parse_utc
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.settings.read import streams_of_file
from observing_monitor.tables import merge

NIGHT = datetime.date(2020, 2, 12)
LATE = datetime.datetime(2020, 2, 13, 9, tzinfo=datetime.UTC)
DOME = "dome = { metric = 'dome', closed = ['Closed', 0] }"


def at(clock):
    """Return an instant of the night."""
    return pd.Timestamp(f"2020-02-13T{clock}Z")


@pytest.fixture
def judge(tmp_path):
    """A function that judges exposures of 60 s, and samples of the dome."""

    def judge(exposures, samples=(), settings=DOME, now=LATE, of_others=None, **facts):
        (tmp_path / "site.toml").write_text(f"[streams.cam]\ninput_dir = '.'\n{settings}")
        rows = [
            {
                "exposure": str(number),
                "started_at": at(clock),
                "exposure_time_s": 60.0,
                "observation_type": "science",
                **more,
            }
            for number, (clock, more) in enumerate(exposures, 1)
        ]
        told = Reading(exposures=frames.frame(columns.EXPOSURES, pd.DataFrame(rows)))
        told.metrics = of_dome(samples)
        tables = merge.update(Tables.empty(), {"gen2": told}, order=["gen2"])
        (stream,) = streams_of_file(tmp_path / "site.toml")
        row = {"is_told": True}
        job = NightWork(stream=stream, night=NIGHT, row=row, now=now, **facts)
        judge.row, _, _, found = judge_night(job, tables, {}, of_others)
        return [one for one in found if "dome" in one.text or "the sky" in one.text]

    return judge


def of_dome(samples):
    """Return samples of the dome: time, value or text, node."""
    rows = []
    for clock, state, *node in samples:
        kind = "text" if isinstance(state, str) else "value"
        rows.append({"name": "dome", "sampled_at": at(clock), kind: state, "node": "".join(node)})
    return metrics(*rows) if rows else frames.empty(columns.METRICS)


def said(found):
    """Return level, text, and rows of findings."""
    return [(one.level, one.text, [tuple(row) for row in one.rows]) for one in found]


def closed(judge, *arguments, **facts):
    """Return the exposures of the finding about the closed dome."""
    found = judge(*arguments, **facts)
    return [row.name for one in found for row in one.rows]


def test_dome_closed_during_science(judge):
    """The last value at the start of an exposure counts, and those during it."""
    samples = [("02:00:00", "open"), ("03:00:30", "closed"), ("05:00:00", "open")]
    # before the first value; open; closed while it ran; closed since; opened at its start
    starts = ["01:00:00", "02:59:00", "03:00:00", "04:59:59", "05:00:00"]
    found = judge([(start, {"target": "M31"}) for start in starts], samples)
    why = "dome: closed at 2020-02-13 03:00 UTC"
    assert said(found) == [
        (
            "warning",
            "science with the dome closed: 2 exposures, the first is 3",
            [
                ("3", f"science M31, started 2020-02-13 03:00 UTC; {why}"),
                ("4", f"science M31, started 2020-02-13 04:59 UTC; {why}"),
            ],
        )
    ]
    assert found[0].href == "#exposure-3" and found[0].is_of_exposures


def test_dome_opened_during_science(judge):
    """An exposure that began with the dome closed is named."""
    samples = [("01:00:00", 0), ("02:00:30", 1), ("03:01:00", 0)]
    assert closed(judge, [("02:00:00", {}), ("02:00:31", {}), ("03:00:00", {})], samples) == ["1"]


def test_exposure_without_a_length(judge):
    """The value at the very start counts."""
    exposures = [("02:00:00", {"exposure_time_s": 0.0})]
    assert closed(judge, exposures, [("02:00:00", "closed")]) == ["1"]
    assert judge(exposures, [("02:00:00", "open"), ("02:00:01", "closed")]) == []


def test_other_types_never_warn(judge):
    """Flats, darks and biases are taken with the dome closed."""
    types = ["bias", "dark", "flat", "arc", "focus", "acquisition", "test", None]
    exposures = [("02:00:00", {"observation_type": name, "can_see_sky": False}) for name in types]
    assert judge(exposures, [("01:00:00", "closed")]) == []


@pytest.mark.parametrize(
    ("state", "is_closed"),
    [("CLOSED", True), (" closed ", True), ("closing", False), (0, True), (0.5, False)],
)
def test_values_of_a_closed_dome(judge, state, is_closed):
    """Words count in any case, numbers exactly."""
    assert bool(judge([("02:00:00", {})], [("01:00:00", state)])) == is_closed


def test_unknown_state(judge):
    """A value that is not available does not mean closed."""
    samples = [("01:00:00", "closed"), ("01:30:00", float("nan"))]
    assert judge([("02:00:00", {})], samples) == []
    undated = {"started_at": None, "exposure_time_s": None}
    assert judge([("02:00:00", undated)], samples[:1]) == []


def test_two_shutters(judge):
    """One closed shutter is enough."""
    samples = [("01:00:00", 1, "east"), ("01:10:00", 0, "west"), ("01:20:00", 1, "east")]
    assert closed(judge, [("02:00:00", {})], samples) == ["1"]
    assert closed(judge, [("02:00:00", {})], [*samples, ("01:30:00", 1, "west")]) == []
    assert closed(judge, [("02:00:00", {})], samples[1:]) == ["1"]


def test_exposures_that_could_not_see_the_sky(judge):
    """The word of the source of the exposures needs no setting."""
    exposures = [
        ("02:00:00", {"can_see_sky": True}),
        ("02:10:00", {"can_see_sky": False}),
        ("02:20:00", {}),
    ]
    row = ("2", "science, started 2020-02-13 02:10 UTC; by its source")
    words = "science that could not see the sky: 1 exposure, the first is 2"
    assert said(judge(exposures, settings="")) == [("warning", words, [row])]
    # an exposure has one of the two findings
    samples = [("02:05:00", "closed"), ("02:15:00", "open")]
    (found,) = judge(exposures, samples)
    assert found.text == "science with the dome closed: 1 exposure, the first is 2"


def test_dome_of_another_stream(judge):
    """Values of another stream replace those of the night."""
    settings = "dome = { metric = 'weather/dome', closed = ['closed'] }"
    exposures, samples = [("02:00:00", {})], [("01:00:00", "closed")]
    assert closed(judge, exposures, settings=settings, of_others=of_dome(samples)) == ["1"]
    (found,) = judge(exposures, samples, settings=settings)
    assert found.text == "dome: no value of weather/dome with 1 science exposure"


def test_dome_without_a_value(judge):
    """A metric without any value warns on a recent night, after the limit."""
    exposures = [("02:00:00", {}), ("03:00:00", {})]
    words = "dome: no value of dome with 2 science exposures"
    assert said_levels(judge(exposures, is_recent=True)) == [("warning", words)]
    assert said_levels(judge(exposures)) == [("normal", words)]
    # the first one ended at 02:01, and `pending_limit_s` is an hour
    early = datetime.datetime(2020, 2, 13, 3, tzinfo=datetime.UTC)
    assert judge(exposures, now=early) == []
    due = early + datetime.timedelta(minutes=1)
    assert parse_utc(judge.row["next_change_at"]) == due and judge(exposures, now=due)


def said_levels(found):
    """Return level and text of findings without rows."""
    return [(one.level, one.text) for one in found]
