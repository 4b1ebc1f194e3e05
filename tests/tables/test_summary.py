"""Numbers of a night."""

import datetime

import pandas as pd
from night_tables import HOUR, NOW, files, ingests

from observing_monitor.model import columns
from observing_monitor.tables import (
    classify,
)
from observing_monitor.tables.classify import Limits
from observing_monitor.tables.summary import summarise


def test_delays_and_percentiles():
    """Delays count from creation to arrival, and from there to ingest."""
    night = files(
        *(
            {
                "file_id": f"n/{n}.fits",
                "created_at": NOW,
                "transferred_at": NOW + pd.Timedelta(seconds=n + 0.0004),
            }
            for n in range(11)
        ),
        {"file_id": "n/x.fits", "created_at": NOW, "transferred_at": None},
    )
    tried = ingests(
        *({"file_id": i, "attempted_at": NOW + pd.Timedelta(seconds=60)} for i in night["file_id"])
    )
    summary = summarise(classify.classify(night, tried, Limits(), NOW + HOUR))
    assert [summary[f"transfer_delay_{name}_s"] for name in ("median", "p90", "max")] == [5, 9, 10]
    assert summary["ingest_delay_max_s"] == 60 and summary["ingest_delay_median_s"] == 55.5
    assert summary["last_ingested_at"] == datetime.datetime(2020, 2, 13, 6, 1, tzinfo=datetime.UTC)


def test_summary_of_an_empty_night():
    """An empty night has zero counts, and None for all other numbers."""
    summary = summarise(classify.classify(files(), ingests(), Limits(), NOW))
    assert set(summary) == {c.name for c in columns.NIGHTS} - {
        "night",
        "status",
        "info",
        "acknowledged",
    }
    unknown = {c.name for c in columns.USE}  # no source reports exposures
    assert all(
        value == 0 if name.startswith("n_") and name not in unknown else value is None
        for name, value in summary.items()
    )
