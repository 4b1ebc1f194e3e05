"""The use of a night, compared with nights worked out by hand."""

import datetime
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from night_tables import metrics

from observing_monitor.model import columns, frames, sky
from observing_monitor.model.position import Position
from observing_monitor.tables.night_use import NightSpan, UseSettings, numbers_of, use_of_night

UTC = datetime.UTC
PACHON = Position(-30.24, -70.74)
NIGHT = NightSpan(
    datetime.datetime(2021, 2, 16, 12, tzinfo=UTC), datetime.datetime(2021, 2, 17, 12, tzinfo=UTC)
)
((EVENING, MORNING),) = sky.dark_spans(NIGHT.starts_at, NIGHT.ends_at, PACHON)
LENGTH = (MORNING - EVENING).total_seconds()
NONE = metrics()


def exposures(*rows):
    """Return exposures: type, start after twilight, time, further columns."""
    made = [
        {
            "exposure": f"E{number}",
            "observation_type": kind,
            "started_at": EVENING + datetime.timedelta(seconds=start),
            "ended_at": EVENING
            + datetime.timedelta(seconds=start + (0 if math.isnan(lasts) else lasts)),
            "exposure_time_s": lasts,
        }
        | dict(*more)
        for number, (kind, start, lasts, *more) in enumerate(rows, 1)
    ]
    return frames.frame(columns.EXPOSURES, pd.DataFrame(made))


BY_HAND = exposures(
    ("bias", -7200, 0),
    ("flat", -3600, 20, {"physical_filter": "r"}),
    ("flat", -100, 150, {"physical_filter": "r"}),  # ends 50 s after twilight
    ("science", 300, 600, {"physical_filter": "r", "program": "P1", "airmass": 1.2}),  # 250 s idle
    ("science", 930, 600, {"physical_filter": "i", "program": "P1", "airmass": 1.4}),  # 30 s idle
    ("science", 2530, 300, {"physical_filter": "i", "program": "P2", "airmass": 1.9}),  # 1000 s gap
    ("dark", 2860, 100),  # 30 s idle, then nothing until the morning
)


def test_a_night_by_hand():
    """Shares add up, and gaps are named with their exposures."""
    use = use_of_night(BY_HAND, NONE, PACHON, NIGHT)
    assert use.night_s == pytest.approx(LENGTH)
    last_gap = LENGTH - 2960
    assert use.shares == pytest.approx(
        {
            "science": 1500,
            "other": 150,
            "readout": 0,
            "overhead": 250 + 30 + 30,
            "gaps": 1000 + last_gap,
        }
    )
    assert sum(use.shares.values()) == pytest.approx(use.night_s)
    assert [(gap.after, gap.before) for gap in use.gaps] == [("E5", "E6"), ("E7", "")]
    assert [gap.length_s for gap in use.gaps] == pytest.approx([1000, last_gap])
    assert use.gaps[0].starts_at == EVENING + datetime.timedelta(seconds=1530)
    assert (use.started_late_s, use.ended_early_s) == pytest.approx((300, LENGTH - 2830))
    assert use.overhead_s == pytest.approx(30)  # the median of 250, 30 and 30
    assert use.airmass == pytest.approx(1.4)
    assert use.open_shutter_s == pytest.approx(1670)  # bias and dark keep the shutter closed
    assert (use.n_exposures, use.n_exposures_science) == (7, 3)
    assert (use.evening_at, use.morning_at, use.known_until) == (EVENING, MORNING, None)


def test_groups_by_hand():
    """Tables count exposures and open shutter; no value comes last."""
    groups = use_of_night(BY_HAND, NONE, PACHON, NIGHT).groups
    told = {
        column: [(group.name, group.n, group.open_shutter_s) for group in found]
        for column, found in groups.items()
    }
    assert told == {
        "observation_type": [
            ("science", 3, 1500),
            ("bias", 1, 0),
            ("dark", 1, 0),
            ("flat", 2, 170),
        ],
        "physical_filter": [("i", 2, 900), ("r", 3, 770), ("", 2, 0)],
        "program": [("P1", 2, 1200), ("P2", 1, 300), ("", 4, 170)],
        "target": [("", 7, 1670)],
    }
    (dark,) = (group for group in groups["observation_type"] if group.name == "dark")
    assert dark.exposure_time_s == 100


def test_numbers_of_the_index():
    """The numbers of nights.json are those of the page."""
    seen = {"E2": 9.0, "E4": 1.5, "E5": 1.0, "E6": 2.0}
    seeing = [{"name": "seeing", "exposure": name, "value": value} for name, value in seen.items()]
    asked = UseSettings(image_quality="seeing")
    use = use_of_night(BY_HAND, metrics(*seeing), PACHON, NIGHT, asked)
    numbers = numbers_of(use)
    assert list(numbers) == [c.name for c in columns.USE]
    assert numbers == pytest.approx(
        {
            "n_exposures_science": 3,
            "n_exposures_bias": 1,
            "n_exposures_dark": 1,
            "n_exposures_flat": 2,
            **dict.fromkeys(
                (f"n_exposures_{t}" for t in ("arc", "acquisition", "focus", "test", "other")), 0
            ),
            "open_shutter_s": 1670,
            "science_s": 1500,
            "night_s": LENGTH,
            "gaps_s": LENGTH - 1960,
            "n_time_gaps": 2,
            "started_late_s": 300,
            "ended_early_s": LENGTH - 2830,
            "overhead_median_s": 30,
            "image_quality_median": 1.5,  # of science exposures
        },
        abs=0.001,
    )


def test_a_gap_is_longer_than_the_setting():
    """Exactly `gap_min_s` is overhead, a second more is a gap."""
    made = exposures(("science", 0, 100), ("science", 700, 100), ("science", 1401, LENGTH))
    use = use_of_night(made, NONE, PACHON, NIGHT)
    assert use.shares["overhead"] == pytest.approx(600)
    assert [gap.length_s for gap in use.gaps] == pytest.approx([601])
    shorter = use_of_night(made, NONE, PACHON, NIGHT, UseSettings(gap_min_s=599))
    assert [gap.length_s for gap in shorter.gaps] == pytest.approx([600, 601])


def test_readout_is_no_overhead():
    """Readout counts once after each exposure, if there is time."""
    made = exposures(("science", 0, 100), ("science", 130, 100), ("science", 235, LENGTH))
    use = use_of_night(made, NONE, PACHON, NIGHT, UseSettings(readout_s=20))
    assert use.shares["readout"] == pytest.approx(20 + 5)
    assert use.shares["overhead"] == pytest.approx(10)
    assert use.overhead_s == pytest.approx(5)  # the median of 10 and 0


def test_simultaneous_exposures_count_once():
    """Two instruments that expose together use the time once."""
    made = exposures(
        ("science", 0, 1000, {"instrument": "a"}),
        ("science", 100, 1000, {"instrument": "b"}),
        ("flat", 900, 300, {"instrument": "c"}),
        ("bias", 950, 0, {"instrument": "c"}),
    )
    use = use_of_night(made, NONE, PACHON, NIGHT)
    assert use.science_s == pytest.approx(1100)
    assert use.shares["other"] == pytest.approx(100)
    assert use.open_shutter_s == pytest.approx(2300)
    assert sum(use.shares.values()) == pytest.approx(LENGTH)
    assert [(gap.after, gap.before) for gap in use.gaps] == [("E3", "")]


def test_without_a_position():
    """Without twilights there are no shares."""
    use = use_of_night(BY_HAND, NONE, None, NIGHT)
    assert (use.shares, use.night_s, use.evening_at) == ({}, None, None)
    assert (use.started_late_s, use.ended_early_s) == (None, None)
    assert [gap.length_s for gap in use.gaps] == pytest.approx([1000])
    assert use.science_s == pytest.approx(1500)
    assert use.overhead_s == pytest.approx(30)
    only_flats = use_of_night(exposures(("flat", 0, 10)), NONE, None, NIGHT)
    assert only_flats.gaps is None and only_flats.science_s == 0


def test_a_running_night_counts_until_its_last_data():
    """The time to come is neither a gap nor an early end."""
    until = EVENING + datetime.timedelta(seconds=3000)
    use = use_of_night(BY_HAND, NONE, PACHON, NIGHT._replace(known_until=until))
    assert use.night_s == pytest.approx(3000)
    assert sum(use.shares.values()) == pytest.approx(3000)
    assert [gap.length_s for gap in use.gaps] == pytest.approx([1000])
    assert (use.started_late_s, use.ended_early_s) == (pytest.approx(300), None)
    assert use.known_until == until
    afternoon = EVENING - datetime.timedelta(hours=1)
    early = use_of_night(BY_HAND[:2], NONE, PACHON, NIGHT._replace(known_until=afternoon))
    assert (early.night_s, early.gaps, early.started_late_s) == (0, [], None)
    after = MORNING + datetime.timedelta(minutes=1)
    whole = use_of_night(BY_HAND, NONE, PACHON, NIGHT._replace(known_until=after))
    assert whole == use_of_night(BY_HAND, NONE, PACHON, NIGHT)


def test_a_night_without_science():
    """If no science was taken, nobody can say when it started or ended."""
    use = use_of_night(exposures(("flat", 0, 10)), NONE, PACHON, NIGHT)
    assert (use.started_late_s, use.ended_early_s, use.science_s) == (None, None, 0)
    assert use.n_exposures_science == 0
    assert use_of_night(frames.empty(columns.EXPOSURES), NONE, PACHON, NIGHT) is None


def test_science_in_twilight_is_no_late_start():
    """Science that runs when twilight ends started on time."""
    use = use_of_night(exposures(("science", -600, 700)), NONE, PACHON, NIGHT)
    assert use.started_late_s == 0
    assert use.science_s == pytest.approx(100)


def test_deeper_twilight():
    """With 18°, the night is shorter."""
    ((evening, morning),) = sky.dark_spans(NIGHT.starts_at, NIGHT.ends_at, PACHON, 18)
    use = use_of_night(BY_HAND, NONE, PACHON, NIGHT, UseSettings(twilight_deg=18))
    assert (use.evening_at, use.morning_at) == (evening, morning)
    assert use.night_s == pytest.approx((morning - evening).total_seconds())
    assert EVENING < evening < morning < MORNING


def test_a_night_rule_that_cuts_the_dark():
    """If the night begins in the dark, nobody can say that it started late."""
    cut = NightSpan(EVENING + datetime.timedelta(hours=1), MORNING - datetime.timedelta(hours=1))
    use = use_of_night(BY_HAND, NONE, PACHON, cut)
    assert use.night_s == pytest.approx(LENGTH - 7200)
    assert (use.evening_at, use.morning_at) == (None, None)
    assert (use.started_late_s, use.ended_early_s) == (None, None)
    assert sum(use.shares.values()) == pytest.approx(use.night_s)


def test_medians_of_measures():
    """Measures are those of science exposures, by name."""
    of_night = metrics(
        {"name": "seeing", "value": 0.8, "unit": "arcsec", "exposure": "E4"},
        {"name": "seeing", "value": 1.0, "unit": "arcsec", "exposure": "E5"},
        {"name": "seeing", "value": 9.0, "unit": "arcsec", "exposure": "E7"},  # a dark
        {"name": "seeing", "value": None, "unit": "arcsec", "exposure": "E6"},
        {"name": "humidity", "value": 30.0, "unit": "%"},  # of no exposure
    )
    (seeing,) = use_of_night(BY_HAND, of_night, PACHON, NIGHT).measures
    assert (seeing.name, seeing.unit, seeing.median, seeing.n) == (
        "seeing",
        "arcsec",
        pytest.approx(0.9),
        2,
    )


def test_times_that_are_missing_or_impossible():
    """Exposures without times are in the tables only."""
    nothing = {"started_at": None, "ended_at": None}
    made = exposures(
        ("science", 0, 60, nothing),
        ("science", 100, 60, {"ended_at": None}),
        ("science", 300, 60, {"started_at": None}),
        ("science", 500, 60, {"ended_at": EVENING}),
        ("science", 700, float("nan"), {"ended_at": None}),
    )
    use = use_of_night(made, NONE, PACHON, NIGHT)
    assert (use.n_undated, use.science_s, use.started_late_s) == (1, pytest.approx(180), 100)
    assert use.open_shutter_s == 240
    assert sum(use.shares.values()) == pytest.approx(LENGTH)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["science", "flat", "bias"]),
            st.integers(-9000, 45_000),
            st.integers(0, 4000),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 60),
    st.integers(-3600, 50_000),
)
def test_shares_always_add_up(rows, readout_s, until):
    """Whatever overlaps, the shares add up to the night."""
    span = NIGHT._replace(known_until=EVENING + datetime.timedelta(seconds=until))
    use = use_of_night(exposures(*rows), NONE, PACHON, span, UseSettings(readout_s=readout_s))
    assert sum(use.shares.values()) == pytest.approx(use.night_s, abs=0.01)
    assert all(share >= -1e-6 for share in use.shares.values())
    end = min(until, LENGTH)
    exposed = {
        second
        for kind, start, lasts in rows
        if kind == "science"
        for second in range(max(start, 0), min(start + lasts, int(end)))
    }
    assert use.science_s == pytest.approx(len(exposed), abs=1)


def test_numbers_by_obsid():
    """Medians include numbers that name their exposure by its obsid."""
    rows = [
        {"exposure": str(n), "obsid": f"O{n}", "started_at": EVENING, "observation_type": kind}
        for n, kind in enumerate(("science", "science", "bias"))
    ]
    made = frames.frame(columns.EXPOSURES, pd.DataFrame(rows))
    seeing = [
        {"name": "seeing", "exposure": name, "value": value}
        for name, value in (("O0", 1.0), ("O1", 3.0), ("O2", 9.0), ("O3", 9.0))
    ]
    (measure,) = use_of_night(made, metrics(*seeing), PACHON, NIGHT).measures
    assert (measure.name, measure.median, measure.n) == ("seeing", 2.0, 2)
