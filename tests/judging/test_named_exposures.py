"""Numbers whose exposure is named otherwise, or not known."""

import datetime

import pandas as pd
import pytest
from night_tables import metrics

from observing_monitor.judging.judge import judge_night
from observing_monitor.judging.night_work import NightWork
from observing_monitor.model import columns, frames
from observing_monitor.model.nights import parse_utc
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.settings.read import stream_of_flags
from observing_monitor.tables import merge
from observing_monitor.tables.observed import rows_of_metrics
from observing_monitor.tables.observing_log import measures_of

NIGHT = datetime.date(2020, 2, 12)
START = pd.Timestamp("2020-02-13T02:00:00Z")
LATE = START + pd.Timedelta(hours=5)
# the registry names exposures by numbers
ONE, TWO = (
    {
        "exposure": f"202002120000{n}",
        "obsid": f"AT_O_20200212_00000{n}",
        "seq_num": n,
        "started_at": START,
        "observation_type": "science",
    }
    for n in (1, 2)
)


def exposures(*rows):
    """Return exposures."""
    return frames.frame(columns.EXPOSURES, pd.DataFrame(list(rows)))


def seeing(exposure, value=0.8, **facts):
    """Return a number of an exposure."""
    return {"name": "seeing", "exposure": exposure, "value": value, "sampled_at": START, **facts}


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        (["2020021200001", "2020021200002", "2020021200003"], [0, 1, -1]),
        (["AT_O_20200212_000002", "AT_O_20200212_000001", "AT_O_20200212_000003"], [1, 0, -1]),
        (["2", "001", "3"], [1, 0, -1]),
        # a source that has names has no numbers
        (["AT_O_20200212_000002", "1"], [1, -1]),
        ([" 2020021200001 ", "", None], [0, -1, -1]),
    ],
)
def test_rows(names, rows):
    """A number names its exposure by exposure, obsid, or number in the night."""
    told = metrics(*(seeing(name) for name in names))
    assert rows_of_metrics(told, exposures(ONE, TWO)).tolist() == rows
    assert rows_of_metrics(told, exposures(ONE, TWO)[:0]).tolist() == [-1] * len(names)


def test_each_source_by_itself():
    """One source may have numbers, another names."""
    told = metrics(seeing("AT_O_20200212_000002", source="pipeline"), seeing("2", source="dimm"))
    assert rows_of_metrics(told, exposures(ONE, TWO)).tolist() == [1, 1]


def test_name_of_two_exposures():
    """A name that two instruments use is no key; the obsid is one."""
    arms = exposures(
        {"exposure": "7", "obsid": "red7", "instrument": "red", "seq_num": 1},
        {"exposure": "7", "obsid": "blue7", "instrument": "blue", "seq_num": 7},
    )
    told = metrics(seeing("7", 0.1), seeing("blue7", 0.9))
    assert rows_of_metrics(told, arms).tolist() == [-1, 1]
    assert rows_of_metrics(told[:1], arms).tolist() == [-1]
    (measure,) = measures_of(arms, told)
    assert measure.values.fillna(-1).tolist() == [-1, 0.9]


@pytest.fixture
def judged(tmp_path):
    """A function that judges exposures and numbers."""
    stream = stream_of_flags("cam", tmp_path)

    def judge(*numbers, now=LATE, silent=(), of=(ONE, TWO)):
        told = {
            "gen2": Reading(exposures=exposures(*of)),
            "files": Reading(metrics=metrics(*numbers)),
        }
        tables = merge.update(Tables.empty(), told, order=["gen2", "files"])
        problems = {name: {"problem": "gone", "since": "2020-02-13"} for name in silent}
        row = {"is_told": True, "silent": problems}
        job = NightWork(stream=stream, night=NIGHT, row=row, now=now.to_pydatetime())
        made, own, _, found = judge_night(job, tables, {})
        judge.row, judge.tables = made, own
        about = [one for one in found if "number" in one.text]
        return [(one.level, one.text, [tuple(row) for row in one.rows]) for one in about]

    return judge


def test_known_exposures(judged):
    """Numbers by obsid are those of the night's exposures."""
    assert judged(seeing("AT_O_20200212_000001", 0.75), seeing("AT_O_20200212_000002", 1.25)) == []
    (measure,) = measures_of(judged.tables.exposures, judged.tables.metrics)
    assert measure.values.tolist() == [0.75, 1.25]


def test_unknown_exposures(judged):
    """Numbers of exposures that no source reported are counted and listed."""
    told = [
        seeing("AT_O_20200212_000001"),
        seeing("AT_O_20200212_000009"),
        {**seeing("AT_O_20200212_000009"), "name": "zero point"},
        seeing("AT_O_20200212_000010"),
    ]
    assert judged(*told) == [
        (
            "warning",
            "files: 3 numbers are of exposures that no source reported",
            [("AT_O_20200212_000009", "seeing, zero point"), ("AT_O_20200212_000010", "seeing")],
        )
    ]
    # the registry may still learn of them; then time alone is the news
    assert judged(*told, now=START + pd.Timedelta(minutes=10)) == []
    assert parse_utc(judged.row["next_change_at"]) == START + pd.Timedelta(hours=1)
    # a source that does not answer may know them
    assert judged(*told, silent=["gen2"]) == []


def test_number_that_fits_several(judged):
    """A number whose exposure two instruments have is joined to neither."""
    arms = [{**ONE, "instrument": "red"}, {**ONE, "instrument": "blue"}]
    for arm, obsid in zip(arms, ("r1", "b1"), strict=True):
        arm["obsid"] = obsid
    assert judged(seeing(ONE["exposure"]), of=arms) == [
        (
            "warning",
            "files: 1 number is not joined, since the exposure fits several",
            [(ONE["exposure"], "seeing")],
        )
    ]
