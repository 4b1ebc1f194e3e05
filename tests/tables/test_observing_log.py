"""The observing log: exposures with their files and numbers."""

import pandas as pd
import pytest
from night_tables import HOUR, NOW, files

from observing_monitor.model import columns, frames
from observing_monitor.tables.observed import rows_of_files
from observing_monitor.tables.observing_log import observing_log, with_measures

SECOND = pd.Timedelta(seconds=1)


def exposures(*rows):
    """Return exposures, from one dict each."""
    return frames.frame(columns.EXPOSURES, pd.DataFrame(list(rows)))


def judged(*rows):
    """Return files with their classes."""
    made = files(*({key: row[key] for key in row if key != "file_class"} for row in rows))
    classes = [row.get("file_class", "ingested") for row in rows]
    return made.assign(file_class=classes, ingested_at=pd.Series(pd.NaT, made.index, "str"))


def numbers(*rows):
    """Return metrics, from pairs of a name, an exposure and a value."""
    names, exposed, values = zip(*rows, strict=True)
    at = [NOW + n * SECOND for n in range(len(rows))]
    data = {"name": names, "exposure": exposed, "value": values, "sampled_at": at}
    return frames.frame(columns.METRICS, {**data, "unit": ["arcsec"] * len(rows)})


def log_of(exposed, files, metrics):
    """Return the log of exposures and their files."""
    rows = rows_of_files(files, exposed)
    return observing_log(exposed, files.assign(exposure_row=rows), metrics)


NO_METRICS = frames.empty(columns.METRICS)
TWO = exposures(
    {"exposure": "1", "obsid": "a", "started_at": NOW, "ended_at": NOW + 30 * SECOND},
    {"exposure": "2", "obsid": "b", "started_at": NOW + 40 * SECOND, "seq_num": 7},
)


def test_files_by_class():
    """Each exposure has its files by class; others are told apart."""
    told = judged(
        {"file_id": "w", "exposure": "1"},
        {"file_id": "x", "obsid": "b", "file_class": "failed"},
        {"file_id": "y", "seq_num": 7},
        {"file_id": "n/z", "exposure": "9"},
    )
    log = log_of(TWO, told, NO_METRICS)
    assert log.rows["n_files"].tolist() == [1, 2]
    assert log.rows["ingested"].tolist() == [1, 1] and log.rows["failed"].tolist() == [0, 1]
    assert log.others["name"].tolist() == ["9"]
    assert len(log.rows) == 2 and log.rows["n_files"].sum() + log.others["n_files"].sum() == 4


def test_gaps():
    """A gap is the time since the shutter last closed."""
    made = exposures(
        {"exposure": "long", "started_at": NOW, "ended_at": NOW + HOUR},
        {"exposure": "within", "started_at": NOW + SECOND, "ended_at": NOW + 2 * SECOND},
        {"exposure": "after", "started_at": NOW + HOUR + 5 * SECOND},
        {"exposure": "undated"},
    )
    log = log_of(made, judged({"file_id": "a"}), NO_METRICS)
    assert log.rows["exposure"].tolist() == ["long", "within", "after", "undated"]
    assert log.rows["gap_before_s"].fillna(-1).tolist() == [-1, 0, 5, -1]


def test_numbers_of_exposures():
    """The last value of a number counts; a name of a column is told apart."""
    told = numbers(("seeing", "1", 0.9), ("seeing", "1", 0.7), ("airmass", "2", 1.5))
    log = log_of(TWO, judged({"file_id": "a"}), told)
    assert [m.name for m in log.measures] == ["seeing", "airmass"]
    assert log.measures[0].unit == "arcsec"
    made = with_measures(log)
    assert made["seeing"].fillna(-1).tolist() == [0.7, -1]
    assert made["measure_airmass"].fillna(-1).tolist() == [-1, 1.5]


def test_exposure_of_each_file():
    """A name that two instruments use is no key; the obsid then decides."""
    twice = exposures(
        {"exposure": "1", "instrument": "red", "obsid": "r"},
        {"exposure": "1", "instrument": "blue", "obsid": "b"},
    )
    told = files({"file_id": "w", "exposure": "1"}, {"file_id": "x", "exposure": "1", "obsid": "r"})
    assert rows_of_files(told, twice).tolist() == [-1, 0]
    assert rows_of_files(told, twice[:0]).tolist() == [-1, -1]


@pytest.mark.parametrize("n", [0, 1])
def test_night_without_files(n):
    """Exposures need no files."""
    log = log_of(TWO[:n], judged({"file_id": "a"})[:0], NO_METRICS)
    assert len(log.rows) == n and log.rows["n_files"].sum() == 0 and not log.measures
