"""A broker's counts and listings together, and the examples."""

import datetime
import json
import re

import broker
from broker_nights import NOW, SEPTEMBER, THREE_FORMS, asked, listed
from conftest import CHECKOUT
from running import nights, run

from observing_monitor.collecting.sources import make_sources
from observing_monitor.model import columns
from observing_monitor.settings import read
from observing_monitor.sources.broker_counts import BrokerCounts


def test_counts_of_one_source_beside_another(write, tmp_path):
    """Counts of several sources are compared; the worse of two counts."""
    write("counts.csv", "night,alerts_produced,avros_stored\n2021-09-01,4,2\n2021-09-02,4,\n")
    write(
        "listing.txt.gz",
        "\n".join([*THREE_FORMS, THREE_FORMS[0].replace("20210901", "20210903")]) + "\n",
    )
    (tmp_path / "site.toml").write_text("""
[observing_monitor]
output_dir = "site"
[streams.broker]
night_rule = "UTC"
[[streams.broker.sources]]
type = "broker_counts"
name = "survey"
path = "counts.csv"
[[streams.broker.sources]]
type = "bucket_listing"
name = "bucket"
path = "listing.txt.gz"
""")
    later = NOW + datetime.timedelta(days=2)  # both nights are over
    assert run("rebuild", "-c", tmp_path / "site.toml", "--jobs", "1", now=later) == 0
    rows = nights(tmp_path / "site/broker")
    assert rows["2021-09-01"]["status"] == "error" and rows["2021-09-01"]["n_files"] == 3
    found = [
        (f["level"], f["text"], f["source"])
        for f in json.loads((tmp_path / "site/broker/2021-09-01.json").read_text())["findings"]
    ]
    assert ("error", "2 of 4 alerts stored: 50.0 %, 2 missing", "survey") in found, (
        "in doubt the worse"
    )
    assert ("warning", "sources disagree on avros_stored: bucket 3, survey 2", "survey") in found
    assert rows["2021-09-02"]["info"] == "0 of 4 alerts stored: 0.0 %, 4 missing"
    assert (
        "no counts of this night yet" not in (tmp_path / "site/broker/2021-09-03.html").read_text()
    )


def test_tables_have_the_schema(write):
    """All tables have the schema's columns and types, also empty ones."""
    counts = write("counts.csv", "night,alerts_produced,avros_stored\n2021-09-01,4,2\n")
    listing = write("listing.txt", THREE_FORMS[0] + "\n")
    for night in (SEPTEMBER, datetime.date(2000, 1, 1)):
        for reading in (
            BrokerCounts(BrokerCounts.Settings(path=counts), asked()).read(night),
            listed(listing, night),
        ):
            for table, described in (
                (reading.metrics, columns.METRICS),
                (reading.files, columns.FILES),
            ):
                if table is not None:
                    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
                        c.name: columns.DTYPES[c.kind] for c in described
                    }


def test_example_settings(tmp_path):
    """The example settings are valid, also those that are commented out."""
    text = (CHECKOUT / "examples/pitt_google.toml").read_text()
    path = tmp_path / "all.toml"
    path.write_text(re.sub(r"^# (?=\[\[|\w+ = )", "", text, flags=re.MULTILINE))
    streams = read.streams_of_file(path)
    assert [source.kind for source in streams[0].sources] == [
        "broker_counts",
        "broker_counts",
        "bucket_listing",
    ]
    for stream in streams:
        make_sources(stream, NOW)


def test_example_broker(tmp_path):
    """Each incident of the example is reported on its night only."""
    first = datetime.date(2021, 8, 23)
    broker.make_broker(tmp_path / "broker", NOW, first)
    (tmp_path / "site.toml").write_text("""
[observing_monitor]
output_dir = "site"
[streams.alerts]
night_rule = "UTC"
[[streams.alerts.sources]]
type = "broker_counts"
path = "broker/counts.csv"
[[streams.alerts.sources]]
type = "bucket_listing"
path = "broker/listings/{night:%Y%m%d}.txt.gz"
""")
    assert run("rebuild", "-c", tmp_path / "site.toml", "--jobs", "1", now=NOW) == 0
    rows = nights(tmp_path / "site/alerts")
    assert len(rows) == 10
    wrong = {
        (datetime.date.fromisoformat(night) - first).days: row["info"]
        for night, row in rows.items()
        if row["status"] != "normal"
    }
    assert sorted(wrong) == [2, 5, 7]
    assert "missing" in wrong[2] and "×2: a replay" in wrong[5] and wrong[7].startswith("no data")
    complete = [rows[str(first + datetime.timedelta(days=n))]["completeness"] for n in (0, 2, 5, 7)]
    assert complete[0] == complete[2] == 1 and 0.4 < complete[1] < 0.42 and complete[3] is None
    assert (
        rows["2021-08-31"]["stored_twice"] == 25
        and rows["2021-08-31"]["avros_stored"] == rows["2021-08-31"]["alerts_produced"]
    )
    assert 480 < rows["2021-08-31"]["transfer_delay_median_s"] < 600
