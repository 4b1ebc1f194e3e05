"""Findings about exposures: their files, and what sources say of them."""

import datetime

import pandas as pd
import pytest
from night_tables import HOUR, attempts, files

from observing_monitor.judging.judge import judge_night
from observing_monitor.judging.night_work import NightWork
from observing_monitor.model import columns, frames
from observing_monitor.model.finding import ListedFinding
from observing_monitor.model.nights import parse_utc
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.settings.read import stream_of_flags
from observing_monitor.tables import merge

NIGHT = datetime.date(2020, 2, 12)
START = pd.Timestamp("2020-02-13T02:00:00Z")
LATE = START + 5 * HOUR
ONE, TWO = (
    {
        "exposure": str(n),
        "obsid": f"AT_O_20200212_00000{n}",
        "seq_num": n,
        "started_at": START,
        "exposure_time_s": 30.0,
        "observation_type": "science",
        "target": "M31",
    }
    for n in (1, 2)
)


def of_exposures(*rows):
    """Return a reading of exposures."""
    return Reading(exposures=frames.frame(columns.EXPOSURES, pd.DataFrame(list(rows))))


def file_of(exposure, **facts):
    """Return a file of an exposure, one minute old at its end."""
    came = {"created_at": START, "transferred_at": START + pd.Timedelta(minutes=1)}
    return {"file_id": f"{exposure['obsid']}.fits", "obsid": exposure["obsid"], **came, **facts}


@pytest.fixture
def judged(tmp_path):
    """A function that merges and judges readings."""
    stream = stream_of_flags("cam", tmp_path)
    assert [(source.name, source.kind) for source in stream.sources] == [
        ("files", "files"),
        ("gen2", "gen2"),
    ]

    def judge(now=LATE, silent=(), unmatched=None, **readings):
        told = {
            name: Reading(files=files(*one)) if isinstance(one, list) else one
            for name, one in readings.items()
        }
        tables = merge.update(Tables.empty(), told, order=["gen2", "files"])
        row = {
            "is_told": True,
            "silent": {name: {"problem": "gone", "since": "2020-02-13"} for name in silent},
        }
        job = NightWork(stream=stream, night=NIGHT, row=row, now=now.to_pydatetime())
        made, own, _, found = judge_night(job, tables, unmatched or {})
        about = ("exposure", "could not be joined")
        return made, own, [one for one in found if any(word in one.text for word in about)]

    return judge


def said(found):
    """Return level, text and rows of findings."""
    return [(one.level, one.text, [tuple(row) for row in one.rows]) for one in found]


def test_whole_night_has_no_finding(judged):
    """Nothing is said if each exposure has files, and each file an exposure."""
    made, own, found = judged(files=[file_of(ONE), file_of(TWO)], gen2=of_exposures(ONE, TWO))
    assert found == [] and len(own.exposures) == 2
    assert made["summary"]["n_exposures"] == 2


def test_exposure_without_files(judged):
    """An exposure without files is a warning, with its type, target and start."""
    told = {"files": [file_of(ONE)], "gen2": of_exposures(ONE, TWO)}
    _, _, found = judged(**told)
    assert said(found) == [
        (
            "warning",
            "1 exposure without files, though older than the limit",
            [("2", "science M31, started 2020-02-13 02:00 UTC")],
        )
    ]
    assert isinstance(found[0], ListedFinding) and found[0].is_of_exposures
    assert found[0].source == "files"
    # as long as files are pending, they may come; then time alone is the news
    made, _, found = judged(now=START + HOUR, **told)
    assert found == []
    assert parse_utc(made["next_change_at"]) == START + HOUR + pd.Timedelta(seconds=30)
    # nobody knows, while the source of files does not answer
    assert judged(silent=["files"], **told)[2] == []


def test_file_without_exposure(judged):
    """An ingested file of an exposure that no registry reports is a warning."""
    other = file_of({"obsid": "AT_O_20200212_000009"})
    text = {**file_of({"obsid": "AT_O_20200212_000010"}), "kind": "txt"}
    text["file_id"] = "notes.txt"
    failed = file_of({"obsid": "AT_O_20200212_000011"})
    tried = [
        {"names": one["file_id"], "attempted_at": START + pd.Timedelta(minutes=1), "status": status}
        for one, status in ((other, "success"), (failed, "failure"))
    ]
    registry = of_exposures(ONE)
    registry.attempts = attempts(*tried).drop(columns="source")
    told = {
        "files": [file_of(ONE), other, failed, text, {"file_id": "no_name.fits"}],
        "gen2": registry,
    }
    _, _, found = judged(**told)
    assert said(found) == [
        (
            "warning",
            "1 file is of exposures that gen2 did not report",
            [("AT_O_20200212_000009.fits", "of exposure AT_O_20200212_000009")],
        )
    ]
    assert found[0].source == "gen2" and not found[0].is_of_exposures
    made, _, found = judged(now=START + HOUR, **told)
    assert found == []
    assert parse_utc(made["next_change_at"]) == START + HOUR + pd.Timedelta(minutes=1)
    assert judged(silent=["gen2"], **told)[2] == []


def test_headers_alone_know_no_absent_exposure(judged):
    """Files without a header are no finding if headers are all that is known."""
    headers = Reading(
        files=files(file_of(ONE), file_of(TWO)), exposures=of_exposures(ONE).exposures
    )
    assert judged(files=headers)[2] == []


def test_night_without_reports(judged):
    """Without a source of exposures nothing is said about them."""
    made, own, found = judged(files=[file_of(ONE)])
    assert found == [] and own.exposures.empty
    assert made["summary"]["n_exposures"] == 1


def test_files_on_a_neighbouring_night(judged):
    """An exposure whose files lie on the next night has files."""
    other = Tables(files(file_of(TWO)), Tables.empty().ingests, Tables.empty().metrics)
    none = Tables.empty()
    told = {"files": [file_of(ONE)], "gen2": of_exposures(ONE, TWO)}
    next_night = NIGHT + datetime.timedelta(days=1)
    assert judged(unmatched={NIGHT: none, next_night: other}, **told)[2] == []


def test_contradiction(judged):
    """Sources that disagree are a warning, with what each says."""
    headers = Reading(
        files=files(file_of(ONE), file_of(TWO)),
        exposures=of_exposures(
            {**ONE, "target": "M33", "exposure_time_s": 60.0}, {**TWO, "target": "m 31"}
        ).exposures,
    )
    _, own, found = judged(files=headers, gen2=of_exposures(ONE, TWO))
    assert said(found) == [
        (
            "warning",
            "sources disagree on 1 exposure: target of 1, exposure time of 1",
            [("1", "target: gen2: M31; files: M33"), ("1", "exposure time: gen2: 30; files: 60")],
        )
    ]
    assert own.exposures["target"].tolist() == ["M31", "M31"]
    assert own.exposures["source"].tolist() == ["gen2 files", "gen2 files"]


def test_ambiguous_report(judged):
    """A report that fits several exposures is named, and joined with none."""
    twice = [{**ONE, "obsid": "same"}, {**TWO, "obsid": "same"}]
    headers = Reading(
        files=files({**file_of(ONE), "exposure": "1"}, {**file_of(TWO), "exposure": "2"}),
        exposures=of_exposures({"obsid": "same", "started_at": START}).exposures,
    )
    _, own, found = judged(files=headers, gen2=of_exposures(*twice))
    assert said(found) == [
        (
            "warning",
            "files: 1 exposure not joined, since the name fits several",
            [("same", "fits several exposures")],
        )
    ]
    assert len(own.exposures) == 3
