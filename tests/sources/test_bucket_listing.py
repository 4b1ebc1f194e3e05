"""Listings of an alert broker's bucket."""

import datetime
from dataclasses import replace

import pandas as pd
import pytest
from broker_nights import BUCKET, SEPTEMBER, THREE_FORMS, asked, listed, metric

from observing_monitor.errors import SourceError
from observing_monitor.model.finding import Row
from observing_monitor.model.nights import NightRule
from observing_monitor.model.reading import Tables
from observing_monitor.sources.bucket_listing import BucketListing, exposed_at


def test_three_generations_of_names(write):
    """Each form of name has the night and the time."""
    reading = listed(write("listing.txt", "\n".join(THREE_FORMS) + "\n"))
    assert (
        not reading.notes
        and metric(reading, "avros_stored") == 3
        and metric(reading, "stored_twice") == 0
    )
    assert metric(reading, "avros_stored", "programid1") == 2
    created = dict(
        zip(reading.files["name"], reading.files["created_at"].dt.strftime("%FT%T"), strict=True)
    )
    assert created == {
        "ztf_20210901_programid1_1630473226123.avro": "2021-09-01T05:13:46",
        "ZTF18aamyaaj.1704217901015015001.ztf_20210901_programid1.avro": "2021-09-01T05:13:46",
        "1704217901115015002.avro": "2021-09-01T05:13:46",
    }
    assert set(reading.files["exposure"].dropna()) == {"1704217901"}


def test_candid_is_days_since_2017():
    """The time in a candid is that of an independent sum."""
    made = exposed_at(pd.Series(["1704217901015015001", "531500000115010013", None], dtype="str"))
    assert made[0].to_pydatetime().replace(microsecond=0) == datetime.datetime(
        2021, 9, 1, 5, 13, 46, tzinfo=datetime.UTC
    )
    assert made[1].to_pydatetime() == datetime.datetime(2018, 6, 16, 12, tzinfo=datetime.UTC)
    assert made[2] is pd.NaT


def test_long_listing_and_twice(write):
    """An alert under two names or versions counts once, and is reported."""
    other_name = f"{BUCKET}/ztf_20210901_programid1/ZTF18aamyaaj/1704217901015015001.avro"
    lines = [
        f"     65{n}  2021-09-01T05:23:0{n}Z  {name}"
        for n, name in enumerate([*THREE_FORMS, other_name])
    ]
    text = "\n".join(
        [
            f"{BUCKET}/ztf_20210901_programid1/:",
            "",
            *lines,
            lines[0] + "#1630473226000001  metageneration=1",
            "TOTAL: 5 objects, 3263 bytes (3.19 KiB)",
            "",
        ]
    )
    reading = listed(write("listing.txt.gz", text))
    assert not reading.notes, reading.notes
    assert metric(reading, "avros_stored") == 3 and metric(reading, "stored_twice") == 2
    assert reading.files["size_bytes"].max() == 653
    row = reading.files.set_index("name").loc[
        "ZTF18aamyaaj.1704217901015015001.ztf_20210901_programid1.avro"
    ]
    assert (
        row["size_bytes"] == 651
        and row["transferred_at"].isoformat() == "2021-09-01T05:23:01+00:00"
    )
    tables = replace(Tables.empty(), files=reading.files, metrics=reading.metrics)
    (found,) = BucketListing.check(SEPTEMBER, tables, BucketListing.Settings(path="listing"))
    assert found.text == "2 files' alerts are in the bucket twice"
    assert found.n_rows == 1 and found.rows == (
        Row(
            "ztf_20210901_programid1/ZTF18aamyaaj/1704217901015015001.avro",
            "the same alert as ZTF18aamyaaj.1704217901015015001.ztf_20210901_programid1.avro",
        ),
    )


def test_cut_and_odd_listings(write):
    """Odd lines and truncated listings are noted; empty ones are errors."""
    odd = listed(
        write(
            "odd.txt",
            f"{THREE_FORMS[0]}\n{BUCKET}/index.html\nCommandException: <b>no\n"
            f"{THREE_FORMS[1][:-7]}",
        )
    )
    assert (
        metric(odd, "avros_stored") == 1
        and len(odd.notes) == 1
        and "lines 2, 3, 4: no alert's file" in odd.notes[0]
    )
    cut = listed(write("cut.txt", f" 651  2021-09-01T05:23:01Z  {THREE_FORMS[0]}\n"))
    assert len(cut.notes) == 1 and "no TOTAL" in cut.notes[0]
    with pytest.raises(SourceError, match="is empty; did the listing fail"):
        listed(write("empty.txt", ""))
    broken = write("broken.txt.gz", "\n".join(THREE_FORMS * 50))
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises(SourceError, match="gzip is cut"):
        listed(broken)


def test_nights_of_listings(write, tmp_path):
    """A night within a listing has 0 alerts, one outside is unknown."""
    later = THREE_FORMS[1].replace("20210901", "20210903")
    path = write("listing.txt", f"{THREE_FORMS[0]}\n{later}\n")
    assert metric(listed(path, datetime.date(2021, 9, 2)), "avros_stored") == 0
    assert listed(path, datetime.date(2021, 9, 4)).metrics.empty
    pattern = tmp_path / "night_{night:%Y%m%d}.txt"
    write("night_20210901.txt", f"{THREE_FORMS[0]}\n{later}\n")
    source = BucketListing(BucketListing.Settings(path=pattern), asked())
    assert source.nights() == {SEPTEMBER}
    reading = source.read(SEPTEMBER)
    assert metric(reading, "avros_stored") == 1 and "1 alert of other nights" in reading.notes[0]
    assert source.read(datetime.date(2021, 9, 2)).metrics.empty
    known = source.look(SEPTEMBER, None)
    (tmp_path / "night_20210901.txt").unlink()
    with pytest.raises(SourceError, match="no longer there"):
        source.look(SEPTEMBER, known)


def test_rule_that_is_not_utc(write):
    """A stream whose night_rule is not UTC gets a note."""
    reading = listed(write("listing.txt", THREE_FORMS[0] + "\n"), rule=NightRule())
    assert "set night_rule to UTC" in reading.notes[0]
