"""Limits of numbers that exposures have."""

import datetime

import pandas as pd
import pytest
from msgspec import structs
from night_tables import metrics

from observing_monitor.judging import keys
from observing_monitor.judging.judge import judge_night
from observing_monitor.judging.night_work import NightWork
from observing_monitor.model import columns, frames
from observing_monitor.model.nights import parse_utc
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.settings.read import streams_of_file
from observing_monitor.tables import merge

NIGHT = datetime.date(2020, 2, 12)
START = pd.Timestamp("2020-02-13T02:00:00Z")
MINUTE = pd.Timedelta(minutes=1)
LATE = START + pd.Timedelta(hours=5)
LIMIT = "[[streams.cam.measure_limits]]\nmeasure = 'seeing'\n"


@pytest.fixture
def judge(tmp_path):
    """A function that judges exposures by settings of a stream."""

    def judge(settings, *exposures, now=LATE, night=NIGHT, **facts):
        """Each exposure is a table of facts, with `seeing` and other measures."""
        (tmp_path / "site.toml").write_text(f"[streams.cam]\ninput_dir = '.'\n{settings}")
        stream = streams_of_file(tmp_path / "site.toml")[0].at(night)
        rows, numbers = [], []
        for number, exposure in enumerate(exposures, 1):
            at = START + number * MINUTE
            known = {"exposure": str(number), "started_at": at, "exposure_time_s": 30.0}
            rows.append({**known, "observation_type": "science", **exposure})
            numbers += [
                {"name": name, "value": value, "exposure": str(number), "unit": "arcsec"}
                for name, value in exposure.items()
                if name not in {column.name for column in columns.EXPOSURES}
            ]
        told = Reading(exposures=frames.frame(columns.EXPOSURES, pd.DataFrame(rows)))
        told.metrics = metrics(*numbers) if numbers else frames.empty(columns.METRICS)
        tables = merge.update(Tables.empty(), {"gen2": told}, order=["gen2"])
        row = {"is_told": True, **facts.pop("row", {})}
        job = NightWork(stream=stream, night=night, row=row, now=now.to_pydatetime(), **facts)
        made, _, _, found = judge_night(job, tables, {})
        judge.job, judge.row = job, made
        about = ("seeing", "depth", "image_quality")
        return [one for one in found if any(word in one.text for word in about)]

    return judge


def seen(*values, **facts):
    """Return science exposures with these values of seeing."""
    return [{"seeing": value, **facts} for value in values]


def said(found):
    """Return level, text and names of rows of findings."""
    return [(one.level, one.text, [row.name for row in one.rows]) for one in found]


def test_upper_limits(judge):
    """Each exposure counts once, by the worse of its limits; equal is within."""
    limits = f"{LIMIT}warning_above = 1.5\nerror_above = 3"
    found = judge(limits, *seen(1.0, 1.6, 1.5, 3.5, 3.0, 4.0))
    assert said(found) == [
        (
            "error",
            "seeing above 3 arcsec: 2 of 6 science exposures, the worst is exposure 6 "
            "with 4 arcsec",
            ["6", "4"],
        ),
        (
            "warning",
            "seeing above 1.5 arcsec: 2 of 6 science exposures, the worst is exposure 5 "
            "with 3 arcsec",
            ["5", "2"],
        ),
    ]
    assert [one.href for one in found] == ["#exposure-6", "#exposure-5"]
    assert found[0].is_of_exposures and found[0].label == "seeing above 3 arcsec"
    assert found[0].rows[0].reason == ("seeing 4 arcsec; science, started 2020-02-13 02:06 UTC")
    assert judge.row["summary"]["status"] == "error"


def test_lower_limits(judge):
    """The worst is the lowest value below a lower limit."""
    limits = f"{LIMIT}error_below = 0\nwarning_below = 0.2\nwarning_above = 9"
    found = judge(limits, *seen(-1.0, 0.1, 0.2, 0.0, -2.5))
    assert said(found) == [
        (
            "error",
            "seeing below 0 arcsec: 2 of 5 science exposures, the worst is exposure 5 "
            "with −2.5 arcsec",
            ["5", "1"],
        ),
        (
            "warning",
            "seeing below 0.2 arcsec: 2 of 5 science exposures, the worst is exposure 4 "
            "with 0 arcsec",
            ["4", "2"],
        ),
    ]


def test_types(judge):
    """A limit holds for science exposures, unless it names types."""
    exposures = [*seen(5.0, observation_type="flat"), *seen(5.0, observation_type="focus")]
    assert judge(f"{LIMIT}warning_above = 1", *exposures) == []
    (found,) = judge(f"{LIMIT}types = ['focus', 'arc']\nwarning_above = 1", *exposures)
    assert "1 of 1 focus or arc exposure, the worst is exposure 2 with" in found.text


def test_filters(judge):
    """The first limit that fits an exposure's filter or band counts."""
    exposures = [
        *seen(2.0, physical_filter="SDSSu", band="u"),
        *seen(2.0, 1.2, physical_filter="SDSSr", band="r"),
        *seen(4.0, band="u"),
    ]
    limits = f"{LIMIT}filters = ['u']\nwarning_above = 3\n{LIMIT}warning_above = 1.5"
    assert said(judge(limits, *exposures)) == [
        (
            "warning",
            "seeing above 3 arcsec: 1 of 2 science exposures in u, the worst is exposure 4 "
            "with 4 arcsec",
            ["4"],
        ),
        (
            "warning",
            "seeing above 1.5 arcsec: 1 of 2 science exposures, the worst is exposure 2 "
            "with 2 arcsec",
            ["2"],
        ),
    ]
    (found,) = judge(f"{LIMIT}filters = ['SDSSr']\nwarning_above = 1", *exposures)
    assert "2 of 2 science exposures in SDSSr, the worst is exposure 2" in found.text


def test_limits_from_a_night_on(judge):
    """A night is judged by the limits of its own time."""
    changed = "[[streams.cam.from]]\nnight = 2020-02-13\nmeasure_limits = "
    limits = f"{LIMIT}warning_above = 1\n{changed}[{{ measure = 'seeing', error_above = 4 }}]"
    levels = [
        [one.level for one in judge(limits, *seen(2.0, 5.0), night=night)]
        for night in (NIGHT, NIGHT + datetime.timedelta(days=1))
    ]
    assert levels == [["warning"], ["error"]]
    ended = f"{LIMIT}warning_above = 1\n{changed}[]"
    assert judge(ended, *seen(2.0), night=NIGHT + datetime.timedelta(days=1)) == []


def test_several_measures(judge):
    """Each measure has limits of its own."""
    more = "[[streams.cam.measure_limits]]\nmeasure = 'depth'\nerror_below = 20"
    found = judge(f"{LIMIT}warning_above = 1\n{more}", {"seeing": 0.5, "depth": 19.0})
    assert [one.text.partition(":")[0] for one in found] == ["depth below 20 arcsec"]


def test_a_measure_that_no_exposure_has(judge):
    """A limit of an absent measure warns on a recent night, after the limit."""
    limits = f"pending_limit_s = 3600\n{LIMIT}warning_above = 1"
    nothing = [{}, {}, {"observation_type": "bias"}]
    text = "measure_limits: no seeing of 2 science exposures"
    assert [(one.level, one.text) for one in judge(limits, *nothing, is_recent=True)] == [
        ("warning", text)
    ]
    assert [(one.level, one.text) for one in judge(limits, *nothing)] == [("normal", text)]
    # the first one ended at 02:01:30
    due = START + pd.Timedelta(minutes=61, seconds=30)
    assert judge(limits, *nothing, now=due - MINUTE) == []
    assert parse_utc(judge.row["next_change_at"]) == due
    assert len(judge(limits, *nothing, now=due)) == 1
    # it has a finding of its own if a source does not answer
    silent = {"gen2": {"problem": "gone", "since": "2020-02-13"}}
    assert judge(limits, *nothing, row={"silent": silent}) == []
    assert judge(limits, {"observation_type": "bias"}) == []


def test_a_night_is_judged_again(judge):
    """A night depends on the nights of the dome, and on being recent."""

    def is_judged(**changes):
        return keys.is_judged(structs.replace(judge.job, row=judge.row, **changes))

    dome = "dome = { metric = 'weather/dome', closed = [0] }"
    judge(dome, *seen(1.0), is_recent=True, of_dome="one digest")
    assert is_judged()
    assert not is_judged(of_dome="another digest")
    assert not is_judged(is_recent=False)
    judge("", *seen(1.0), is_recent=True)
    assert is_judged(is_recent=False)


def test_image_quality(judge):
    """The median over science exposures is a number of the night."""
    exposures = [*seen(1.0, 1.1, 3.0), *seen(9.0, observation_type="focus")]
    assert judge("image_quality = 'seeing'", *exposures) == []
    assert judge.row["summary"]["image_quality_median"] == 1.1
    # 30 s from the end of each exposure to the start of the next one
    assert judge.row["summary"]["overhead_median_s"] == 30
    (found,) = judge("image_quality = 'seeing'", {"fwhm": 1.0}, *exposures[3:])
    assert found.text == "image_quality: no seeing of 1 science exposure"
    assert judge.row["summary"]["image_quality_median"] is None
    assert judge("", *exposures) == [] and judge.row["summary"]["image_quality_median"] is None


def test_image_quality_and_overhead_worse_than_usual(judge):
    """A night beyond what is usual says by how much."""
    usual = {"image_quality_median": 1.25, "overhead_median_s": 20.0}
    exposures = seen(1.6, 1.61, 1.62, 1.7, 1.5)
    (found,) = judge("image_quality = 'seeing'", *exposures, usual=usual)
    assert (found.level, found.text, found.href) == (
        "warning",
        "worse image quality than usual: median seeing 1.61 arcsec, usually at most 1.25 arcsec",
        "#use",
    )
    words = "more overhead than usual: median 30 s, usually at most 20 s"
    assert words in judge.row["summary"]["info"]
    # 1.5 is not more than 20 % above 1.25
    assert judge("image_quality = 'seeing'", *seen(*[1.5] * 5), usual=usual) == []
    # four exposures are too few
    judge("image_quality = 'seeing'", *exposures[:4], usual=usual)
    assert judge.row["worse"] == {}
