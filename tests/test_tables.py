"""Match, classify, count, merge: pure functions from tables to tables."""

import datetime
import re

import pandas as pd
import pytest

from observing_monitor import columns, tables
from observing_monitor.sources import Reading
from observing_monitor.tables import Limits, Tables

NOW = pd.Timestamp("2020-02-13T06:00:00Z")
HOUR = pd.Timedelta(hours=1)


def files(*rows, **common):
    """Files with these facts; what isn't said is usual: a FITS file of 1 MB, ten hours old, on disk."""
    usual = {"kind": "fits", "size_bytes": 1_000_000, "created_at": NOW - 10 * HOUR, "on_disk": True, "source": "files"}
    made = [{**usual, **common, "name": row["file_id"].rpartition("/")[2], **row} for row in rows]
    return columns.frame(columns.FILES, pd.DataFrame(made)) if made else columns.empty(columns.FILES)


def attempts(*rows):
    usual = {"stage": "ingest", "status": "success", "attempt": 1, "source": "gen2", "path": "raw/x", "on_disk": True}
    return columns.frame((*columns.ATTEMPTS, columns.Column("source", "text", "")), pd.DataFrame([{**usual, **row} for row in rows]))


def ingests(*rows):
    usual = {"stage": "ingest", "status": "success", "attempted_at": NOW - 9 * HOUR, "attempt": 1, "source": "gen2"}
    return columns.frame(columns.INGESTS, pd.DataFrame([{**usual, **row} for row in rows] or {}))


def judge(file, *tries, limits=None, **options):
    """The class of one file."""
    night = files({"file_id": "n/a.fits", **file})
    tried = ingests(*({"file_id": "n/a.fits", **row} for row in tries))
    return tables.classify(night, tried, limits or Limits(), NOW, **options)["file_class"][0]


@pytest.mark.parametrize(
    ("file", "tries", "expected"),
    [
        ({}, [{}], "ingested"),
        ({"on_disk": False}, [{}], "ingested"),
        ({}, [{"status": "lost"}], "ingested"),
        ({"on_disk": False}, [{"status": "failure"}], "gone"),
        ({"on_disk": False}, [], "gone"),
        ({"kind": "json"}, [{"status": "ignored"}], "ignored"),
        ({"kind": "json", "size_bytes": 3}, [], "not_fits"),
        ({"kind": "json"}, [{"status": "failure"}], "not_fits"),
        ({"size_bytes": 3}, [{"status": "failure"}], "failed"),
        ({}, [{"status": "invalid"}], "failed"),
        ({}, [{"status": "unknown"}], "failed"),
        ({}, [{"status": "unregistered"}], "failed"),
        ({}, [{"status": "unregistered", "attempted_at": NOW - HOUR / 2}], "pending"),
        ({"created_at": NOW - HOUR / 2, "size_bytes": 3}, [], "pending"),
        ({"created_at": NOW - HOUR / 2}, [{"status": "untried", "attempted_at": None}], "pending"),
        ({"size_bytes": 9_999}, [], "small"),
        ({"size_bytes": 10_000}, [], "missing"),
        ({"size_bytes": None}, [], "missing"),
        ({"created_at": NOW - HOUR}, [], "missing"),
        ({"created_at": None, "transferred_at": NOW}, [], "pending"),
        ({"created_at": None}, [], "missing"),
    ],
)
def test_first_class_that_holds(file, tries, expected):
    """A file is in the first class that holds, in the order of the design."""
    assert judge(file, *tries) == expected


def test_last_attempt_counts():
    """The latest attempt decides; at the same time the one with the higher number; another stage's do not matter."""
    failed, done = {"status": "failure"}, {"attempted_at": NOW - 8 * HOUR}
    assert judge({}, done, failed) == "ingested"
    assert judge({}, {"attempt": 1}, {"status": "failure", "attempt": 2}) == "failed"
    assert judge({}, {"stage": "export"}) == "missing"
    assert judge({}, {"stage": "export"}, limits=Limits(last_stage="export")) == "ingested"


def test_stream_without_stages():
    """Where no source tells of any stage, a file that is there has all that is wanted."""
    assert judge({}, limits=Limits(last_stage="")) == "ingested"
    assert judge({"on_disk": False}, limits=Limits(last_stage="")) == "gone"


def test_registry_that_never_answered():
    """Nobody can say that a file was never tried where the source that knows never answered: it is pending."""
    assert judge({}, is_told=False) == "pending"
    assert judge({"size_bytes": 3}, is_told=False) == "pending"


def test_limits_are_the_streams():
    """Patterns that are left out, the age and the size are settings."""
    assert judge({}, limits=Limits(ignore=("*.json", "a.*"))) == "ignored"
    assert judge({}, limits=Limits(pending_limit_s=11 * 3600)) == "pending"
    assert judge({"size_bytes": 20_000}, limits=Limits(small_bytes=20_001)) == "small"


def test_next_change():
    """The instant when time alone changes a class is that of the oldest pending file; there is none where nobody knows."""
    night = files({"file_id": "a.fits", "created_at": NOW - HOUR / 2}, {"file_id": "b.fits", "created_at": NOW - HOUR / 4})
    judged = tables.classify(night, ingests(), Limits(), NOW)
    assert tables.next_change(judged) == (NOW + HOUR / 2).to_pydatetime()
    assert tables.next_change(judged, is_told=False) is None
    assert tables.next_change(judged.iloc[:0]) is None


def test_match_by_inode_then_by_name():
    """Device and inode tell a file first, also against its name; then its names, with or without an ending."""
    night = files(
        {"file_id": "n/one.fits", "device": 1, "inode": 10},
        {"file_id": "n/two.fits", "device": 1, "inode": 20},
        {"file_id": "n/AT_O_20200212_000003.fits.fz", "device": 1, "inode": 30},
    )
    tried = attempts(
        {"path": "raw/two.fits", "names": "two.fits", "device": 1, "inode": 10},
        {"path": "raw/x.fits", "names": "x.fits\ntwo", "device": 2, "inode": 20},
        {"path": "raw/y.fits", "names": "y.fits\nAT_O_20200212_000003"},
        {"path": "raw/z.fits", "names": "z.fits", "obsid": "AT_O_20200212_000004"},
    )
    matched, found = tables.match(night, tried)
    assert list(found["file_id"]) == ["n/one.fits", "n/two.fits", "n/AT_O_20200212_000003.fits.fz", "gen2:raw/z.fits"]
    lone = matched.set_index("file_id").loc["gen2:raw/z.fits"]
    assert (lone["source"], lone["name"], lone["obsid"]) == ("gen2", "z.fits", "AT_O_20200212_000004")


def test_match_takes_a_name_once():
    """Two files of one name, one of them ingested by copy: one is ingested, the other is not."""
    night = files({"file_id": "n/1/a.fits"}, {"file_id": "n/2/a.fits"})
    _, found = tables.match(night, attempts({"names": "a.fits"}))
    assert list(found["file_id"]) == ["n/1/a.fits"]
    assert tables.summarise(tables.classify(night, found, Limits(), NOW))["n_twice"] == 1


def test_match_of_nothing():
    """Empty in, empty out, with all columns; attempts alone make their files."""
    empty = columns.empty(columns.ATTEMPTS).assign(source=pd.Series(dtype="str"))
    matched, found = tables.match(files(), empty)
    assert list(matched.columns) == [c.name for c in columns.FILES] and matched.empty and found.empty
    matched, found = tables.match(files(), attempts({"names": "a"}))
    assert len(matched) == len(found) == 1


def reading(*rows, **options):
    return Reading(files=files(*rows) if rows else columns.empty(columns.FILES), **options)


def test_update_keeps_what_is_gone_and_what_was_not_looked_at():
    """A file that its source no longer has is kept as gone; one below a folder that couldn't be read is kept as it was."""
    known = tables.update(Tables.empty(), {"files": reading({"file_id": "n/a.fits"}, {"file_id": "n/closed/b.fits"})})
    after = tables.update(known, {"files": reading(unread=["n/closed"])})
    assert dict(zip(after.files["file_id"], after.files["on_disk"], strict=True)) == {"n/a.fits": False, "n/closed/b.fits": True}


def test_update_with_a_silent_source():
    """All that a silent source told stays, while the others' news are taken."""
    gen2 = Reading(attempts=attempts({"names": "a.fits", "attempted_at": NOW}).drop(columns="source"))
    known = tables.update(Tables.empty(), {"files": reading({"file_id": "n/a.fits"}), "gen2": gen2})
    assert list(known.ingests["file_id"]) == ["n/a.fits"]
    after = tables.update(known, {"files": reading({"file_id": "n/a.fits"}, {"file_id": "n/b.fits"})}, silent={"gen2"})
    assert list(after.ingests["file_id"]) == ["n/a.fits"] and len(after.files) == 2
    after = tables.update(known, {"gen2": Reading(attempts=columns.empty(columns.ATTEMPTS))}, silent={"files"})
    assert after.ingests.empty and list(after.files["file_id"]) == ["n/a.fits"]


def test_first_transfer_time_stays_until_the_file_changes():
    """A later change time of the same file does not move its transfer; a file that came anew has a new one."""
    first = {"file_id": "n/a.fits", "inode": 7, "transferred_at": NOW - 2 * HOUR}
    known = tables.update(Tables.empty(), {"files": reading(first)})
    touched = tables.update(known, {"files": reading({**first, "transferred_at": NOW})})
    assert touched.files["transferred_at"][0] == NOW - 2 * HOUR
    hidden = tables.update(known, {"files": reading({**first, "transferred_at": None})})
    assert hidden.files["transferred_at"][0] == NOW - 2 * HOUR
    anew = tables.update(known, {"files": reading({**first, "inode": 8, "transferred_at": NOW})})
    assert anew.files["transferred_at"][0] == NOW


def test_samples_join_and_values_replace():
    """Samples of a metric add to its history, once each; what replaces takes the place of what was."""
    at = [NOW, NOW + HOUR]
    one = columns.frame(columns.METRICS, {"name": ["queue"], "sampled_at": at[:1], "value": [3.0]})
    two = columns.frame(columns.METRICS, {"name": ["queue"] * 2, "sampled_at": at, "value": [3.0, 4.0]})
    known = tables.update(Tables.empty(), {"q": Reading(metrics=one, append=True)})
    assert list(tables.update(known, {"q": Reading(metrics=two, append=True)}).metrics["value"]) == [3.0, 4.0]
    assert list(tables.update(known, {"q": Reading(metrics=two.iloc[1:], append=False)}).metrics["value"]) == [4.0]
    assert len(tables.update(known, {"other": Reading(metrics=two, append=True)}, silent={"q"}).metrics) == 3


def test_delays_and_percentiles():
    """Delays run from creation to arrival, and from arrival, or creation where that is unknown, to ingest."""
    night = files(
        *({"file_id": f"n/{n}.fits", "created_at": NOW, "transferred_at": NOW + pd.Timedelta(seconds=n)} for n in range(11)),
        {"file_id": "n/x.fits", "created_at": NOW, "transferred_at": None},
    )
    tried = ingests(*({"file_id": i, "attempted_at": NOW + pd.Timedelta(seconds=60)} for i in night["file_id"]))
    summary = tables.summarise(tables.classify(night, tried, Limits(), NOW + HOUR))
    assert [summary[f"transfer_delay_{name}_s"] for name in ("median", "p90", "max")] == [5, 9, 10]
    assert summary["ingest_delay_max_s"] == 60 and summary["ingest_delay_median_s"] == 55.5
    assert summary["last_ingested_at"] == datetime.datetime(2020, 2, 13, 6, 1, tzinfo=datetime.UTC)


def test_nothing_is_judged_like_something():
    """A night without files has the columns and dtypes of one with files; what is done to one such night is not done to the next."""
    nothing = tables.classify(columns.empty(columns.FILES), columns.empty(columns.INGESTS), Limits(), NOW)
    something = tables.classify(files({"file_id": "a"}), ingests({"file_id": "a"}), Limits(), NOW)
    assert nothing.empty and nothing.dtypes.to_dict() == something.dtypes.to_dict()
    nothing["file_class"] = nothing["file_class"].astype("object")
    again = tables.classify(columns.empty(columns.FILES), columns.empty(columns.INGESTS), Limits(), NOW)
    assert again.empty and again.dtypes["file_class"] == columns.DTYPES["text"]


def test_summary_of_nothing():
    """A night without files has zeros for counts and None for times, delays and completeness."""
    summary = tables.summarise(tables.classify(files(), ingests(), Limits(), NOW))
    assert set(summary) == {c.name for c in columns.NIGHTS} - {"night", "status", "info", "acknowledged"}
    assert all(value == 0 if name.startswith("n_") or name == "size_bytes" else value is None for name, value in summary.items())


def test_csv_runs_no_formula():
    """A cell that a spreadsheet would take for a formula is text; quotes, commas and line ends come back as they were."""
    import csv
    import io

    names = ["=cmd|' /C calc'!A0.fits", "+1.fits", "@x", "-2", "\n=1", "＝1", 'q"uo,te\n.fits', "<b>.fits"]
    night = files(*({"file_id": name} for name in names))
    text = tables.to_csv(tables.file_list(tables.classify(night, ingests(), Limits(), NOW))).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["path"] for row in rows} == {f"'{name}" if name[0] in "=+@-\n＝" else name for name in names}


def test_exposures_are_counted_and_cut():
    """An exposure's files are counted by class; the first are shown, all are counted."""
    rows = [
        {"file_id": f"n/{n}-{d}.fits", "exposure": f"{n}", "created_at": NOW - 10 * HOUR + n * HOUR} for n in range(3) for d in range(2)
    ]
    judged = tables.classify(files(*rows), ingests({"file_id": "n/0-0.fits"}), Limits(), NOW)
    shown, total = tables.group(judged, 2)
    assert total == 3 and [row["name"] for row in shown] == ["0", "1"]
    assert shown[0]["counts"] == {"ingested": 1, "missing": 1} and shown[0]["n_files"] == 2


def test_file_that_one_of_two_sources_still_has():
    """Where two file stores tell of the same file, and one has lost it, it is not gone."""
    here, there = files({"file_id": "n/a.fits"}, source="first"), files({"file_id": "n/a.fits"}, source="second")
    known = tables.update(Tables.empty(), {"first": Reading(files=here), "second": Reading(files=there)})
    after = tables.update(known, {"first": Reading(files=files()), "second": Reading(files=there)})
    assert list(after.files["on_disk"]) == [True] and len(known.files) == 1


def test_attention_by_what_is_said():
    """Files whose messages differ in numbers, paths and names alone are one group; the worst class, in it the largest group, is first."""
    said = [f"Traceback (most recent call last):\n  line {n}\nKeyError: no DATE-OBS in /raw/n{n}/a_{n}.fits" for n in range(3)]
    rows = [{"file_id": f"n/{n}.fits", "created_at": NOW - 9 * HOUR + n * HOUR} for n in range(6)]
    tried = [
        {"file_id": f"n/{n}.fits", "status": "failure", "message": m, "attempted_at": NOW - HOUR} for n, m in enumerate(["full", *said])
    ]
    groups = tables.group_attention(tables.attention(tables.classify(files(*rows), ingests(*tried), Limits(), NOW)))
    assert [(re.sub("[0-9a-f]{10}$", "…", g["anchor"]), g["words"], len(g["rows"])) for g in groups] == [
        ("failed", "KeyError: no DATE-OBS in …", 3),
        ("group-…", "full", 1),
        ("missing", "never tried; here since … UTC", 2),
    ]
    assert groups[0]["detail"] == said[0] and groups[2]["first_at"] == NOW - 5 * HOUR and groups[2]["last_at"] == NOW - 4 * HOUR
    anchors = [row["anchor"] for g in groups for row in g["rows"]]
    assert len(set(anchors)) == 6 and tables.anchor_of("n/0.fits") in anchors
