"""Match, classify, count, merge: pure functions from tables to tables."""

import datetime
import re

import pandas as pd
import pytest

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.tables import classify, listing, match, merge, to_csv
from observing_monitor.tables.classify import Limits
from observing_monitor.tables.history import join_history, split_history, with_history
from observing_monitor.tables.reasons import acknowledge, count_acknowledged
from observing_monitor.tables.summary import summarise

NOW = pd.Timestamp("2020-02-13T06:00:00Z")
HOUR = pd.Timedelta(hours=1)


def files(*rows, **common):
    """Files with these facts; what isn't said is usual: a FITS file of 1 MB, ten hours old, on disk."""
    usual = {
        "kind": "fits",
        "size_bytes": 1_000_000,
        "created_at": NOW - 10 * HOUR,
        "on_disk": True,
        "source": "files",
    }
    made = [{**usual, **common, "name": row["file_id"].rpartition("/")[2], **row} for row in rows]
    return frames.frame(columns.FILES, pd.DataFrame(made)) if made else frames.empty(columns.FILES)


def attempts(*rows):
    usual = {
        "stage": "ingest",
        "status": "success",
        "attempt": 1,
        "source": "gen2",
        "path": "raw/x",
        "on_disk": True,
    }
    return frames.frame(
        (*columns.ATTEMPTS, columns.Column("source", "text", "")),
        pd.DataFrame([{**usual, **row} for row in rows]),
    )


def ingests(*rows):
    usual = {
        "stage": "ingest",
        "status": "success",
        "attempted_at": NOW - 9 * HOUR,
        "attempt": 1,
        "source": "gen2",
    }
    return frames.frame(columns.INGESTS, pd.DataFrame([{**usual, **row} for row in rows] or {}))


def metrics(*rows):
    usual = {"node": "", "sampled_at": NOW, "source": "q"}
    return frames.frame(columns.METRICS, pd.DataFrame([{**usual, **row} for row in rows]))


def plain(frame, *names):
    """A table's rows as tuples of plain values, None for null; of one column just the values."""
    cells = frame[list(names)].astype("object")
    rows = [
        tuple(None if pd.isna(value) else value for value in row)
        for row in cells.itertuples(index=False)
    ]
    return [row[0] for row in rows] if len(names) == 1 else rows


def judge(file, *tries, limits=None, **options):
    """The class of one file."""
    night = files({"file_id": "n/a.fits", **file})
    tried = ingests(*({"file_id": "n/a.fits", **row} for row in tries))
    return classify.classify(night, tried, limits or Limits(), NOW, **options)["file_class"][0]


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
        (
            {},
            [{"status": "failure"}, {"status": "waiting", "attempted_at": NOW - 2 * HOUR}],
            "failed",
        ),
        (
            {},
            [{"status": "failure"}, {"status": "waiting", "attempted_at": NOW - HOUR / 2}],
            "pending",
        ),
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


def test_ingested_and_failed_since():
    """A file that was ingested and whose next attempt failed is failed, and has no time of ingest any more."""
    tried = ingests(
        {"file_id": "a"}, {"file_id": "a", "status": "failure", "attempted_at": NOW - HOUR}
    )
    judged = classify.classify(files({"file_id": "a"}), tried, Limits(), NOW)
    assert plain(judged, "file_class", "tried_at", "ingested_at") == [("failed", NOW - HOUR, None)]


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
    night = files(
        {"file_id": "a.fits", "created_at": NOW - HOUR / 2},
        {"file_id": "b.fits", "created_at": NOW - HOUR / 4},
    )
    judged = classify.classify(night, ingests(), Limits(), NOW)
    assert classify.next_change(judged) == (NOW + HOUR / 2).to_pydatetime()
    assert classify.next_change(judged, is_told=False) is None
    assert classify.next_change(judged.iloc[:0]) is None


def test_a_file_that_nobody_dates_counts_from_when_it_was_heard_of():
    """Where neither creation nor arrival is known a file's time counts from its first attempt, in any stage and any order."""
    night = files(
        *({"file_id": i, "created_at": None} for i in ("first", "a", "b", "unheard"))
    ).iloc[1:]
    told = {
        "a": (NOW - HOUR / 4, NOW - HOUR / 2, None),
        "b": (NOW - 3 * HOUR / 4, NOW - HOUR / 8),
        "first": (NOW - 9 * HOUR,),
    }
    tried = ingests(
        *(
            {"file_id": i, "stage": "export", "attempted_at": at}
            for i, times in told.items()
            for at in times
        )
    )
    judged = classify.classify(night, tried, Limits(), NOW)
    assert plain(judged, "file_id", "file_class", "late_at") == [
        ("a", "pending", NOW + HOUR / 2), ("b", "pending", NOW + HOUR / 4), ("unheard", "missing", None)
    ]  # fmt: skip


def test_since_when_files_fail_or_are_missing():
    """An error began when the first of its files was tried, or had come where none was; what nobody can date is not said."""
    night = files(
        {"file_id": "a"}, {"file_id": "b", "created_at": NOW - 12 * HOUR}, {"file_id": "c", "created_at": NOW - 8 * HOUR},
        {"file_id": "d", "created_at": None, "transferred_at": NOW - 9 * HOUR}, {"file_id": "e", "size_bytes": 3},
    )  # fmt: skip
    failed = [
        {"file_id": i, "status": "failure", "attempted_at": at}
        for i, at in (("a", NOW - 5 * HOUR), ("b", NOW - 6 * HOUR))
    ]
    assert classify.since(classify.classify(night, ingests(*failed), Limits(), NOW)) == {
        "failed": NOW - 6 * HOUR,
        "missing": NOW - 9 * HOUR,
    }
    undated = classify.classify(
        files({"file_id": "a", "created_at": None}), ingests(), Limits(), NOW
    )
    assert list(undated["file_class"]) == ["missing"] and classify.since(undated) == {}


def test_files_from_a_clock_that_is_ahead():
    """A file that came more than an hour before it was created was dated by a wrong clock: how many, and by how much at most."""
    hours = {"a": 1, "b": 1.001, "c": 3, "d": 2, "e": -5}
    night = files(
        *(
            {"file_id": i, "created_at": NOW, "transferred_at": NOW - n * HOUR}
            for i, n in hours.items()
        ),
        {"file_id": "f"},
    )
    assert classify.ahead(classify.classify(night, ingests(), Limits(), NOW)) == (3, 3 * 3600.0)
    assert classify.ahead(classify.classify(night.iloc[:1], ingests(), Limits(), NOW)) == (0, 0.0)


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
    matched, found = match.match(night, tried)
    assert list(found["file_id"]) == [
        "n/one.fits",
        "n/two.fits",
        "n/AT_O_20200212_000003.fits.fz",
        "gen2:raw/z.fits",
    ]
    lone = matched.set_index("file_id").loc["gen2:raw/z.fits"]
    assert (lone["source"], lone["name"], lone["obsid"]) == (
        "gen2",
        "z.fits",
        "AT_O_20200212_000004",
    )


def test_match_of_the_first_file():
    """The first file of a night is found by inode against another's name, is then nobody else's by name; no name finds no file."""
    night = files(
        {"file_id": "n/a.fits", "device": 1, "inode": 10},
        {"file_id": "n/b.fits"},
        {"file_id": "z/.fits"},
    )
    tried = attempts(
        {"path": "x", "names": "b.fits", "device": 1, "inode": 10},
        {"path": "y", "names": "a.fits"},
        {"path": "z", "names": ""},
    )
    assert list(match.match(night, tried)[1]["file_id"]) == ["n/a.fits", "gen2:y", "gen2:z"]
    earlier = files(
        {"file_id": "gen2:x"}, {"file_id": "gen2:raw/a.fits"}, {"file_id": "gen2:w"}, source="gen2"
    )
    matched, _ = match.match(
        night, attempts({"path": "x", "names": "elsewhere"}), earlier
    )  # one is told again, one has its file by now
    assert plain(matched, "file_id", "on_disk") == [
        ("n/a.fits", True), ("n/b.fits", True), ("z/.fits", True), ("gen2:x", True), ("gen2:w", False)
    ]  # fmt: skip


def test_match_takes_a_name_once():
    """Two files of one name, one of them ingested by copy: one is ingested, the other is not."""
    night = files({"file_id": "n/1/a.fits"}, {"file_id": "n/2/a.fits"})
    _, found = match.match(night, attempts({"names": "a.fits"}))
    assert list(found["file_id"]) == ["n/1/a.fits"]
    assert summarise(classify.classify(night, found, Limits(), NOW))["n_twice"] == 1


def test_match_of_nothing():
    """Empty in, empty out, with all columns; attempts alone make their files."""
    empty = frames.empty(columns.ATTEMPTS).assign(source=pd.Series(dtype="str"))
    matched, found = match.match(files(), empty)
    assert (
        list(matched.columns) == [c.name for c in columns.FILES] and matched.empty and found.empty
    )
    matched, found = match.match(files(), attempts({"names": "a"}))
    assert len(matched) == len(found) == 1
    earlier = files(
        {"file_id": "gen2:raw/a"}, {"file_id": "gen2:raw/b"}, source="gen2"
    )  # told of before, of which nobody tells now
    matched, _ = match.match(files({"file_id": "n/a"}, {"file_id": "n/c"}), empty, earlier)
    assert plain(matched, "file_id", "on_disk") == [
        ("n/a", True),
        ("n/c", True),
        ("gen2:raw/b", False),
    ]


def reading(*rows, **options):
    return Reading(files=files(*rows) if rows else frames.empty(columns.FILES), **options)


def test_update_keeps_what_is_gone_and_what_was_not_looked_at():
    """A file that its source no longer has is kept as gone; one below a folder that couldn't be read is kept as it was."""
    known = merge.update(
        Tables.empty(), {"files": reading({"file_id": "n/a.fits"}, {"file_id": "n/closed/b.fits"})}
    )
    after = merge.update(known, {"files": reading(unread=["n/closed"])})
    assert dict(zip(after.files["file_id"], after.files["on_disk"], strict=True)) == {
        "n/a.fits": False,
        "n/closed/b.fits": True,
    }


def test_update_with_a_silent_source():
    """All that a silent source told stays, while the others' news are taken."""
    gen2 = Reading(
        attempts=attempts({"names": "a.fits", "attempted_at": NOW}).drop(columns="source")
    )
    known = merge.update(Tables.empty(), {"files": reading({"file_id": "n/a.fits"}), "gen2": gen2})
    assert list(known.ingests["file_id"]) == ["n/a.fits"]
    after = merge.update(
        known, {"files": reading({"file_id": "n/a.fits"}, {"file_id": "n/b.fits"})}, silent={"gen2"}
    )
    assert list(after.ingests["file_id"]) == ["n/a.fits"] and len(after.files) == 2
    after = merge.update(
        known, {"gen2": Reading(attempts=frames.empty(columns.ATTEMPTS))}, silent={"files"}
    )
    assert after.ingests.empty and list(after.files["file_id"]) == ["n/a.fits"]


def test_first_transfer_time_stays_until_the_file_changes():
    """A later change time of the same file does not move its transfer; a file that came anew has a new one."""
    first = {"file_id": "n/a.fits", "inode": 7, "transferred_at": NOW - 2 * HOUR}
    known = merge.update(Tables.empty(), {"files": reading(first)})
    touched = merge.update(known, {"files": reading({**first, "transferred_at": NOW})})
    assert touched.files["transferred_at"][0] == NOW - 2 * HOUR
    hidden = merge.update(known, {"files": reading({**first, "transferred_at": None})})
    assert hidden.files["transferred_at"][0] == NOW - 2 * HOUR
    anew = merge.update(known, {"files": reading({**first, "inode": 8, "transferred_at": NOW})})
    assert anew.files["transferred_at"][0] == NOW


def test_samples_join_and_values_replace():
    """Samples of a metric add to its history, once each; what replaces takes the place of what was."""
    at = [NOW, NOW + HOUR]
    one = frames.frame(columns.METRICS, {"name": ["queue"], "sampled_at": at[:1], "value": [3.0]})
    two = frames.frame(
        columns.METRICS, {"name": ["queue"] * 2, "sampled_at": at, "value": [3.0, 4.0]}
    )
    known = merge.update(Tables.empty(), {"q": Reading(metrics=one, append=True)})
    assert list(merge.update(known, {"q": Reading(metrics=two, append=True)}).metrics["value"]) == [
        3.0,
        4.0,
    ]
    assert list(
        merge.update(known, {"q": Reading(metrics=two.iloc[1:], append=False)}).metrics["value"]
    ) == [4.0]
    assert (
        len(merge.update(known, {"other": Reading(metrics=two, append=True)}, silent={"q"}).metrics)
        == 3
    )
    corrected = merge.update(known, {"q": Reading(metrics=one.assign(value=5.0), append=True)})
    assert list(corrected.metrics["value"]) == [5.0]  # of one instant what was told last


def test_delays_and_percentiles():
    """Delays run from creation to arrival, and from arrival, or creation where that is unknown, to ingest; to the millisecond."""
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


def test_nothing_is_judged_like_something():
    """A night without files has the columns and dtypes of one with files; what is done to one such night is not done to the next."""
    nothing = classify.classify(
        frames.empty(columns.FILES), frames.empty(columns.INGESTS), Limits(), NOW
    )
    something = classify.classify(files({"file_id": "a"}), ingests({"file_id": "a"}), Limits(), NOW)
    assert nothing.empty and nothing.dtypes.to_dict() == something.dtypes.to_dict()
    nothing["file_class"] = nothing["file_class"].astype("object")
    again = classify.classify(
        frames.empty(columns.FILES), frames.empty(columns.INGESTS), Limits(), NOW
    )
    assert again.empty and again.dtypes["file_class"] == columns.DTYPES["text"]


def test_summary_of_nothing():
    """A night without files has zeros for counts and None for bytes, times, delays and completeness."""
    summary = summarise(classify.classify(files(), ingests(), Limits(), NOW))
    assert set(summary) == {c.name for c in columns.NIGHTS} - {
        "night",
        "status",
        "info",
        "acknowledged",
    }
    assert all(
        value == 0 if name.startswith("n_") else value is None for name, value in summary.items()
    )


def csv_of(listed):
    """A file list as CSV, whole."""
    return b"".join(to_csv.to_csv(listed)).decode()


@pytest.mark.parametrize("n", [0, 1, 6, 7, 8, 20])
def test_csv_in_parts(monkeypatch, n):
    """In however many parts a list comes, they are the whole: one header, each row once; and each part ends with a line."""
    rows = [
        {"file_id": f"{number:02}", "created_at": NOW if number % 3 else None}
        for number in range(n)
    ]
    listed = listing.file_list(classify.classify(files(*rows), ingests(), Limits(), NOW)).assign(
        reason=["=1" if k % 5 else "" for k in range(n)]
    )
    listed = pd.concat([listed.iloc[: n // 2], listed.iloc[n // 2 :]])  # its columns in pieces
    whole = csv_of(listed)
    monkeypatch.setattr(to_csv, "CSV_ROWS", 7)
    parts = list(to_csv.to_csv(listed))
    assert (
        b"".join(parts).decode() == whole
        and len(parts) == max(1, -(-n // 7))
        and all(part.endswith(b"\n") for part in parts)
    )
    assert (
        whole.count("\n") == n + 1
        and whole.count("'=1") == n - len(range(0, n, 5))
        and whole.startswith('"path","file_class"')
    )


def test_csv_runs_no_formula():
    """A cell that a spreadsheet would take for a formula is text; quotes, commas and line ends come back as they were."""
    import csv
    import io

    names = [
        "=cmd|' /C calc'!A0.fits",
        "+1.fits",
        "@x",
        "-2",
        "\n=1",
        "＝1",
        'q"uo,te\n.fits',
        "<b>.fits",
    ]
    night = files(*({"file_id": name} for name in names))
    text = csv_of(listing.file_list(classify.classify(night, ingests(), Limits(), NOW)))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["path"] for row in rows} == {
        f"'{name}" if name[0] in "=+@-\n＝" else name for name in names
    }


def test_exposures_are_counted():
    """An exposure's files are counted by class."""
    rows = [
        {"file_id": f"n/{n}-{d}.fits", "exposure": f"{n}", "created_at": NOW - 10 * HOUR + n * HOUR}
        for n in range(3)
        for d in range(2)
    ]
    judged = classify.classify(files(*rows), ingests({"file_id": "n/0-0.fits"}), Limits(), NOW)
    shown = listing.group(judged)
    assert list(shown["name"]) == ["0", "1", "2"]
    assert (
        list(shown.loc[0, ["n_files", "ingested", "missing"]]) == [2, 1, 1]
        and "failed" not in shown
    )


def test_file_that_one_of_two_sources_still_has():
    """Where two file stores tell of the same file, and one has lost it, it is not gone."""
    here, there = (
        files({"file_id": "n/a.fits"}, source="first"),
        files({"file_id": "n/a.fits"}, source="second"),
    )
    known = merge.update(
        Tables.empty(), {"first": Reading(files=here), "second": Reading(files=there)}
    )
    after = merge.update(known, {"first": Reading(files=files()), "second": Reading(files=there)})
    assert list(after.files["on_disk"]) == [True] and len(known.files) == 1
    many = [{"file_id": f"n/{n:02}", "on_disk": n % 2 == 0} for n in range(60)]
    both = merge.update(
        Tables.empty(), {name: Reading(files=files(*many)) for name in ("first", "second")}
    )
    assert (
        list(both.files["source"]) == ["first"] * 60
    )  # where both have it, or neither, the first that the stream names


def test_attention_by_what_is_said():
    """Files whose messages differ in numbers, paths and names alone are one group; the worst class, in it the largest group, is first."""
    said = [
        f"Traceback (most recent call last):\n  line {n}\nKeyError: no DATE-OBS in /raw/n{n}/a_{n}.fits"
        for n in range(3)
    ]
    rows = [{"file_id": f"n/{n}.fits", "created_at": NOW - 9 * HOUR + n * HOUR} for n in range(6)]
    tried = [
        {"file_id": f"n/{n}.fits", "status": "failure", "message": m, "attempted_at": NOW - HOUR}
        for n, m in enumerate(["full", *said])
    ]
    groups = listing.group_attention(
        listing.attention(classify.classify(files(*rows), ingests(*tried), Limits(), NOW))
    )
    assert [
        (re.sub("[0-9a-f]{10}$", "…", g["anchor"]), g["words"], len(g["rows"])) for g in groups
    ] == [
        ("failed", "KeyError: no DATE-OBS in …", 3),
        ("group-…", "full", 1),
        ("missing", "never tried; here since … UTC", 2),
    ]
    assert (
        groups[0]["detail"] == said[0]
        and groups[2]["first_at"] == NOW - 5 * HOUR
        and groups[2]["last_at"] == NOW - 4 * HOUR
    )
    anchors = [row["anchor"] for g in groups for row in g["rows"]]
    assert len(set(anchors)) == 6 and listing.anchor_of("n/0.fits") in anchors


def gen2(*rows, **options):
    """A source's attempts at NOW, each on the one file `names`."""
    told = attempts(
        *({"attempted_at": NOW, "path": f"raw/{row['names']}", **row} for row in rows)
    ).drop(columns="source")
    return Reading(attempts=told, **options)


NO_ATTEMPTS = frames.empty(columns.ATTEMPTS)


def test_what_a_removed_source_told_stays():
    """Files, attempts and metrics of a source that the stream no longer has stay, in order, as they were."""
    one = {
        "n": reading({"file_id": "n/a.fits"}, {"file_id": "n/b.fits", "on_disk": False}),
        "g": gen2({"names": "z"}, {"names": "a.fits"}),
    }
    known = merge.update(
        Tables.empty(), one | {"q": Reading(metrics=metrics({"name": "m", "value": 1.0}))}
    )
    assert merge.sources_of(known) == {"n", "g", "q"}
    after = merge.update(known, {"new": reading({"file_id": "n/c.fits"})})
    assert plain(after.files, "file_id", "source", "on_disk") == [
        ("g:raw/z", "g", True), ("n/a.fits", "n", True), ("n/b.fits", "n", False), ("n/c.fits", "new", True),
    ]  # fmt: skip
    assert plain(after.ingests, "file_id", "source") == [("g:raw/z", "g"), ("n/a.fits", "g")]
    assert plain(after.metrics, "name", "source", "value") == [("m", "q", 1.0)]


def test_what_another_source_tells_takes_the_place_of_what_a_removed_one_told():
    """A source by another name tells nothing twice: neither files, nor attempts of the same time, nor samples of the same time."""
    hour_ago = {"sampled_at": NOW - HOUR}
    numbers = [
        {"name": "m", "value": 1.0},
        {"name": "m", "value": 2.0, **hour_ago},
        {"name": "m", "value": 3.0, "node": "x"},
    ]
    before = {
        "n": reading({"file_id": "n/a.fits"}),
        "g": gen2(
            {"names": "z"},
            {"names": "a.fits"},
            {"names": "a.fits", "attempted_at": NOW - HOUR, "message": "old"},
        ),
        "q": Reading(metrics=metrics(*numbers)),
    }
    known = merge.update(Tables.empty(), before)
    now = {
        "new": reading({"file_id": "n/a.fits", "on_disk": False}, {"file_id": "n/z"}),
        "r": gen2({"names": "a.fits", "message": "new"}),
        "p": Reading(metrics=metrics({"name": "m", "value": 9.0})),
    }
    after = merge.update(known, now)
    # of one file the row of a source that still has it: the one that was removed said it was there
    assert plain(after.files, "file_id", "source", "on_disk") == [
        ("n/a.fits", "n", True),
        ("n/z", "new", True),
    ]
    assert plain(after.ingests, "file_id", "message", "source") == [
        ("n/a.fits", "old", "g"),
        ("n/a.fits", "new", "r"),
    ]
    assert plain(after.metrics, "value", "source") == [(2.0, "q"), (9.0, "p"), (3.0, "q")]
    same = merge.update(known, {"new": reading({"file_id": "n/a.fits"})})
    assert plain(same.files, "file_id", "source") == [("g:raw/z", "g"), ("n/a.fits", "new")]


def test_log_adds_to_what_it_told_before():
    """Lines of a log stay when the log is gone; of lines told twice the last counts; what was under way then is told anew."""
    facts = {
        "size_bytes": 5,
        "obsid": "O",
        "exposure": "E",
        "seq_num": 7,
        "detector": "0",
        "created_at": NOW - 5 * HOUR,
    }
    lines = gen2(
        {
            "names": "a.fits",
            "attempted_at": NOW - HOUR,
            "message": "first",
            "duration_s": 3.0,
            "destination": "/x",
        },
        {"names": "b.fits", "status": "running"},
        {"names": "deep/c.fits", **facts},
        {"names": "d.fits", "status": "running"},
        append_attempts=True,
    )
    store = reading({"file_id": "n/a.fits"}, {"file_id": "n/b.fits"}, {"file_id": "g:odd"})
    known = merge.update(Tables.empty(), {"files": store, "g": lines})
    told = plain(known.ingests, "file_id", "status")
    assert told == [
        ("g:raw/d.fits", "running"),
        ("g:raw/deep/c.fits", "success"),
        ("n/a.fits", "success"),
        ("n/b.fits", "running"),
    ]
    after = merge.update(
        known, {"files": store, "g": Reading(attempts=NO_ATTEMPTS, append_attempts=True)}
    )
    every = [c.name for c in columns.INGESTS]
    assert plain(after.ingests, *every) == [
        row for row in plain(known.ingests, *every) if "running" not in row
    ]
    lone = after.files.set_index("file_id").loc["g:raw/deep/c.fits"]
    assert {name: lone[name] for name in facts} == facts and (lone["name"], lone["on_disk"]) == (
        "c.fits",
        True,
    )
    assert plain(after.files, "file_id", "on_disk")[:2] == [
        ("g:odd", True),
        ("g:raw/d.fits", False),
    ]
    here = reading({"file_id": "n/a.fits"}, {"file_id": "n/c.fits"})
    came = merge.update(
        known, {"files": here, "g": Reading(attempts=NO_ATTEMPTS, append_attempts=True)}
    )
    assert plain(came.ingests, "file_id", "attempted_at") == [
        ("n/a.fits", NOW - HOUR),
        ("n/c.fits", NOW),
    ]
    assert "g:raw/deep/c.fits" not in set(came.files["file_id"])
    again = {"names": "a.fits", "attempted_at": NOW - HOUR, "message": "last"}
    more = merge.update(
        known,
        {
            "files": store,
            "g": gen2(again, {"names": "a.fits", "status": "failure"}, append_attempts=True),
        },
    )
    own = more.ingests[more.ingests["file_id"] == "n/a.fits"]
    assert plain(own, "message", "status") == [("last", "success"), (None, "failure")]
    twice = merge.update(
        Tables.empty(), {"files": store, "g": gen2(again, again | {"message": "same time"})}
    )
    assert plain(twice.ingests, "message") == [
        "last",
        "same time",
    ]  # only of logs are lines told twice


def test_lines_stay_with_a_file_that_is_gone():
    """What a log told of a file stays with it when nobody lists it any longer, beside what a silent source told."""
    one = {
        "files": reading({"file_id": "n/a.fits"}),
        "g": gen2({"names": "a.fits"}),
        "h": gen2({"names": "a.fits", "stage": "export"}),
    }
    known = merge.update(Tables.empty(), one)
    after = merge.update(
        known,
        {"files": reading(), "g": Reading(attempts=NO_ATTEMPTS, append_attempts=True)},
        silent=["h"],
    )
    assert plain(after.ingests, "file_id", "stage", "source") == [
        ("n/a.fits", "export", "h"),
        ("n/a.fits", "ingest", "g"),
    ]
    assert plain(after.files, "file_id", "on_disk") == [("n/a.fits", False)]


def test_what_is_known_of_a_file_stays_while_it_is_the_same():
    """What a registry told of a file stays when the registry is silent, until size, inode or creation change."""
    told = {
        "obsid": "O",
        "exposure": "E",
        "seq_num": 7,
        "detector": "0",
        "exposed_at": NOW - 9 * HOUR,
    }
    first = {"file_id": "n/a.fits", "inode": 7, "transferred_at": NOW - 2 * HOUR}
    known = merge.update(
        Tables.empty(), {"files": reading(first), "g": gen2({"names": "a.fits", **told})}
    )
    for change in (
        {},
        {"size_bytes": 5},
        {"inode": 8},
        {"inode": None},
        {"created_at": NOW - 8 * HOUR},
    ):
        seen = {**first, "transferred_at": NOW - 3 * HOUR, **change}
        after = merge.update(known, {"files": reading(seen)}, silent={"g"}).files
        assert plain(after, *told, "transferred_at") == [
            (*(None if change else value for value in told.values()), NOW - 3 * HOUR)
        ]
    own = merge.update(known, {"files": reading({**first, "obsid": "own"})}, silent={"g"}).files
    assert plain(own, "obsid", "exposure") == [("own", "E")]
    other = {**first, "file_id": "n/b.fits", "inode": 9, "transferred_at": NOW - HOUR}
    known = merge.update(
        Tables.empty(),
        {
            "files": reading(first, other),
            "g": gen2({"names": "a.fits", **told}, {"names": "b.fits", **told}),
        },
    )
    both = merge.update(
        known,
        {"files": reading(*({**row, "transferred_at": NOW} for row in (other, first)))},
        silent={"g"},
    ).files
    assert plain(both, "obsid", "transferred_at") == [("O", NOW - 2 * HOUR), ("O", NOW - HOUR)]
    late = merge.update(Tables.empty(), {"files": reading({**first, "transferred_at": None})})
    assert plain(merge.update(late, {"files": reading(first)}).files, "transferred_at") == [
        NOW - 2 * HOUR
    ]


def test_what_was_not_looked_at_or_belongs_elsewhere():
    """What lies below an unread folder stays as it was, gone or not; what now belongs to another night is forgotten."""
    ids = ["n/a.fits", "n/closed/b.fits", "n/closedtoo.fits", "n/gone/c.fits", "n/other.fits"]
    known = merge.update(
        Tables.empty(),
        {"files": reading(*({"file_id": i, "on_disk": "gone" not in i} for i in ids))},
    )
    after = merge.update(
        known, {"files": reading(unread=["n/closed", "n/gone"], elsewhere=["n/other.fits"])}
    )
    assert plain(after.files, "file_id", "on_disk") == [
        ("n/a.fits", False), ("n/closed/b.fits", True), ("n/closedtoo.fits", False), ("n/gone/c.fits", False),
    ]  # fmt: skip
    whole = merge.update(known, {"files": reading({"file_id": "n/new.fits"}, unread=[""])})
    assert plain(whole.files, "file_id", "on_disk") == [
        *((i, "gone" not in i) for i in ids[:4]),
        ("n/new.fits", True),
        (ids[4], True),
    ]


def test_tables_come_in_order():
    """Files come by path, attempts by file, stage, time and number, metrics by name, node and time."""
    tries = [
        {"names": name, "stage": stage, "attempted_at": at, "attempt": number}
        for name in ("b", "a") for stage in ("t", "i") for at in (NOW, NOW - HOUR) for number in (2, 1)
    ]  # fmt: skip
    numbers = [
        {"name": name, "node": node, "sampled_at": at}
        for name in ("y", "x")
        for node in ("2", "1")
        for at in (NOW, NOW - HOUR)
    ]
    told = {
        "f": reading({"file_id": "b"}, {"file_id": "a"}),
        "g": gen2(*tries),
        "q": Reading(metrics=metrics(*numbers)),
    }
    made = merge.update(Tables.empty(), told)
    assert plain(made.files, "file_id") == ["a", "b"]
    for name, described in columns.TABLES.items():
        assert list(getattr(made, name)) == [c.name for c in described]
    for frame, n, keys in (
        (made.ingests, 16, ["file_id", "stage", "attempted_at", "attempt"]), (made.metrics, 8, ["name", "node", "sampled_at"]),
    ):  # fmt: skip
        rows = plain(frame, *keys)
        assert rows == sorted(rows) and len(rows) == len(set(rows)) == n


def test_of_images_the_latest_is_kept():
    """Of the samples of an image just the latest stays, of each source, name and node; numbers keep them all."""
    things = [
        ("seen", "1", "image/png"),
        ("seen", "2", "image/jpeg"),
        ("sky", "1", "image/png"),
        ("n", "1", None),
        ("t", "1", "text/x"),
    ]
    sample = [
        {"name": name, "node": node, "sampled_at": NOW - n * HOUR, "unit": unit, "text": f"{name}{n}"}
        for name, node, unit in things for n in (0, 1)
    ]  # fmt: skip
    told = {name: Reading(metrics=metrics(*sample), append=True) for name in ("p", "q")}
    made = merge.update(Tables.empty(), told).metrics
    images = made[made["unit"].isin(["image/png", "image/jpeg"])]
    assert sorted(plain(images, "source", "name", "node", "text")) == [
        (source, name, node, f"{name}0")
        for source in "pq"
        for name, node in (("seen", "1"), ("seen", "2"), ("sky", "1"))
    ]
    assert len(made) == 6 + 8 and plain(made, "name") == sorted(plain(made, "name"))


# --- what was taken over from the prototype ----------------------------------------------------------------------------

OLD = {"source": columns.HISTORY}


def test_history_is_split_off_and_joined_again():
    """What the prototype knew is told from what sources told, and joined anew it replaces itself, row by row."""
    numbers = [{"node": None}, {"node": "1"}, {"sampled_at": None}]
    both = Tables(
        files({"file_id": "n/a"}, {"file_id": "n/b", **OLD}, {"file_id": "n/c", **OLD}),
        ingests(
            {"file_id": "n/a"},
            {"file_id": "n/b", "message": "before", **OLD},
            {"file_id": "n/b", "stage": "t", **OLD},
        ),
        metrics(
            {"name": "m"}, *({"name": "m", "value": 1.0, **OLD, **number} for number in numbers)
        ),
    )
    told, history = split_history(both)
    assert [plain(t, "source") for t in (told.files, told.ingests, told.metrics)] == [
        ["files"],
        ["gen2"],
        ["q"],
    ]
    assert [len(t) for t in (history.files, history.ingests, history.metrics)] == [2, 2, 3]
    now = Tables(
        files({"file_id": "n/b", "size_bytes": 7, **OLD}, {"file_id": "n/d", **OLD}),
        ingests({"file_id": "n/b", "message": "now", "attempted_at": None, **OLD}),
        metrics(
            *(
                {"value": 2.0, **OLD, **row}
                for row in (
                    {"name": "m", "node": None},
                    {"name": "m", "sampled_at": None},
                    {"name": "k"},
                )
            )
        ),
    )
    joined = join_history(now, history)
    assert plain(joined.files, "file_id", "size_bytes") == [
        ("n/b", 7),
        ("n/d", 1_000_000),
        ("n/c", 1_000_000),
    ]
    assert plain(joined.ingests, "file_id", "stage", "message") == [
        ("n/b", "ingest", "now"),
        ("n/b", "t", None),
    ]
    assert plain(joined.metrics, "name", "node", "value") == [
        ("m", None, 2.0),
        ("m", "", 2.0),
        ("k", "", 2.0),
        ("m", "1", 1.0),
    ]
    for name, described in columns.TABLES.items():
        assert getattr(joined, name).dtypes.to_dict() == {
            c.name: columns.DTYPES[c.kind] for c in described
        }


def test_history_of_a_file_that_a_source_lists():
    """A file that both know is the source's, with what only the prototype knew of it; a stage that both know is the source's."""
    facts = {
        "obsid": "O",
        "exposure": "E",
        "seq_num": 7,
        "detector": "0",
        "exposed_at": NOW - 9 * HOUR,
        "transferred_at": NOW - 8 * HOUR,
    }
    told = Tables(
        files({"file_id": "n/b", "obsid": "own"}),
        ingests({"file_id": "n/b", "message": "new"}),
        metrics({"name": "m", "value": 1.0}),
    )
    history = Tables(
        files(
            {"file_id": "n/b", "size_bytes": 5, **facts, **OLD}, {"file_id": "n/a", **facts, **OLD}
        ),
        ingests(
            {"file_id": "n/b", "message": "old", **OLD},
            {"file_id": "n/b", "stage": "t", **OLD},
            {"file_id": "n/a", **OLD},
        ),
        metrics({"name": "l", "value": 2.0, **OLD}),
    )
    made = with_history(told, history)
    assert plain(made.files, "file_id", "source", "on_disk", "size_bytes", *facts) == [
        ("n/a", columns.HISTORY, False, 1_000_000, *facts.values()),
        ("n/b", "files", True, 1_000_000, "own", *list(facts.values())[1:]),
    ]
    assert plain(made.ingests, "file_id", "stage", "message", "source") == [
        ("n/a", "ingest", None, columns.HISTORY), ("n/b", "ingest", "new", "gen2"), ("n/b", "t", None, columns.HISTORY),
    ]  # fmt: skip
    assert plain(made.metrics, "name", "value") == [("l", 2.0), ("m", 1.0)]
    nothing = Tables.empty()
    assert with_history(told, nothing) is told
    assert plain(with_history(nothing, history).files, "file_id", "on_disk") == [
        ("n/a", True),
        ("n/b", True),
    ]
    for part in columns.TABLES:
        just = Tables(
            **{name: getattr(history if name == part else nothing, name) for name in columns.TABLES}
        )
        assert len(getattr(with_history(nothing, just), part)) == len(getattr(history, part))


def test_history_of_a_raw_that_only_the_registry_tells_of():
    """A raw that the registry alone tells of is the file that the prototype saw linked there, and keeps that file's address."""
    registry = {"obsid": "O", "exposed_at": NOW - 9 * HOUR, "source": "gen2"}
    told = Tables(
        files(
            *(
                {"file_id": f"gen2:{path}", "path": path, **registry}
                for path in ("raw/x", "n/b", "raw/new")
            )
        ),
        ingests(
            *({"file_id": f"gen2:{path}", "message": path} for path in ("raw/x", "n/b", "raw/new"))
        ),
        frames.empty(columns.METRICS),
    )
    links = {"n/a": "raw/x", "n/c": None, "n/b": "raw/y"}
    history = Tables(
        files(
            {"file_id": "n/a", "detector": "3", **OLD},
            {"file_id": "n/b", "obsid": "own", **OLD},
            {"file_id": "n/c", **OLD},
        ),
        ingests(
            *({"file_id": file_id, "destination": link, **OLD} for file_id, link in links.items())
        ),
        frames.empty(columns.METRICS),
    )
    made = with_history(told, history)
    assert plain(made.files, "file_id", "source", "obsid", "detector", "exposed_at", "on_disk") == [
        ("gen2:raw/new", "gen2", "O", None, NOW - 9 * HOUR, True),
        ("n/a", columns.HISTORY, "O", "3", NOW - 9 * HOUR, True),
        ("n/b", columns.HISTORY, "own", None, NOW - 9 * HOUR, True),
        ("n/c", columns.HISTORY, None, None, None, True),
    ]
    assert plain(made.ingests, "file_id", "message", "source") == [
        ("gen2:raw/new", "raw/new", "gen2"), ("n/a", "raw/x", "gen2"), ("n/b", "n/b", "gen2"), ("n/c", None, columns.HISTORY),
    ]  # fmt: skip
    listed = Tables(files({"file_id": "n/z", "path": "raw/x"}), told.ingests.iloc[:0], told.metrics)
    after = with_history(listed, history).files
    assert plain(after, "file_id", "on_disk") == [
        ("n/a", False),
        ("n/b", False),
        ("n/c", False),
        ("n/z", True),
    ]


# --- what a page lists -------------------------------------------------------------------------------------------------

TRACEBACK = "Traceback (most recent call last):\n  x\nValueError: why"


@pytest.mark.parametrize(
    ("file", "tries", "expected"),
    [
        ({}, [{}], ""),
        ({}, [{"message": " a word\nand more "}], "a word"),
        ({}, [{"status": "failure"}], ""),
        ({}, [{"status": "failure", "message": f"\n{TRACEBACK}\n"}], "ValueError: why"),
        ({}, [{"status": "failure", "message": "Error\nTraceback\nx"}], "Error"),
        ({}, [{"status": "failure", "message": 600 * "x"}], 500 * "x" + "…"),
        ({}, [{"status": "failure", "message": "Traceback, cut off"}], "Traceback, cut off"),
        ({}, [], "never tried; here since 2020-02-12 20:00:00 UTC"),
        ({"size_bytes": None}, [], "never tried; here since 2020-02-12 20:00:00 UTC"),
        (
            {"created_at": None, "transferred_at": NOW - 2 * HOUR},
            [],
            "never tried; here since 2020-02-13 04:00:00 UTC",
        ),
        (
            {"transferred_at": NOW - 2 * HOUR},
            [],
            "never tried; here since 2020-02-13 04:00:00 UTC",
        ),
        ({"created_at": None}, [], "never tried; here since an unknown time"),
        ({"created_at": NOW - HOUR / 2}, [], "waiting since 2020-02-13 05:30:00 UTC"),
        (
            {"created_at": NOW - HOUR / 2, "transferred_at": NOW - HOUR / 4},
            [],
            "waiting since 2020-02-13 05:45:00 UTC",
        ),
        (
            {"created_at": NOW + 2 * HOUR},
            [],
            "waiting since 2020-02-13 08:00:00 UTC, in the future",
        ),
        (
            {"created_at": NOW + 999 * HOUR, "transferred_at": NOW - HOUR / 4},
            [],
            "waiting since 2020-02-13 05:45:00 UTC",
        ),
        (
            {"created_at": NOW - HOUR / 2},
            [{"status": "running", "message": "half"}],
            "waiting since 2020-02-13 05:30:00 UTC; half",
        ),
        ({"size_bytes": 1_234}, [], "1,234 bytes: too small to be an image, and never tried"),
        ({"on_disk": False}, [], "no longer on disk, and never ingested"),
        (
            {"on_disk": False},
            [{"status": "failure", "message": "full"}],
            "no longer on disk, and never ingested; full",
        ),
        ({"kind": "json"}, [], "not an image"),
        ({"name": "left.fits"}, [], "left out on purpose"),
    ],
)
def test_why(file, tries, expected):
    """What is said of a file: why it is in its class, and the line of the message that tells."""
    night = files({"file_id": "n/a.fits", "name": "a.fits", **file})
    tried = ingests(*({"file_id": "n/a.fits", **row} for row in tries))
    listed = listing.file_list(classify.classify(night, tried, Limits(ignore=("left*",)), NOW))
    assert list(listed["reason"]) == [expected] and listed["reason"].dtype == columns.DTYPES["text"]


def test_list_of_files():
    """All files are listed by creation, then path, with what else is asked; what alarms says why, and why it is known."""
    facts = {
        "size_bytes": 2_000_000,
        "obsid": "O",
        "exposure": "E",
        "seq_num": 7,
        "detector": "0",
        "transferred_at": NOW,
    }
    night = files(
        {"file_id": "n/c", **facts},
        {"file_id": "n/b"},
        {"file_id": "n/a", "created_at": NOW - 9 * HOUR},
    )
    tried = ingests(
        {"file_id": "n/c"}, {"file_id": "n/c", "stage": "export", "attempted_at": NOW - HOUR}
    )
    judged = classify.classify(night, tried, Limits(), NOW)
    listed = listing.file_list(judged)
    assert list(listed) == ["path", *listing.LISTED[1:], "reason"]
    said = "never tried; here since 2020-02-12"
    assert plain(listed, *listed) == [
        (
            "n/b",
            "missing",
            1_000_000,
            None,
            None,
            None,
            None,
            NOW - 10 * HOUR,
            None,
            None,
            f"{said} 20:00:00 UTC",
        ),
        ("n/c", "ingested", 2_000_000, "O", "E", 7, "0", NOW - 10 * HOUR, NOW, NOW - 9 * HOUR, ""),
        (
            "n/a",
            "missing",
            1_000_000,
            None,
            None,
            None,
            None,
            NOW - 9 * HOUR,
            None,
            None,
            f"{said} 21:00:00 UTC",
        ),
    ]
    quiet = files({"file_id": "n/d"}, {"file_id": "n/e"})
    for silent in (
        classify.classify(quiet, ingests({"file_id": "n/d"}, {"file_id": "n/e"}), Limits(), NOW),
        judged.iloc[:0],
    ):
        reasons = listing.file_list(silent)["reason"]
        assert list(reasons) == [""] * len(silent) and reasons.dtype == columns.DTYPES["text"]
    known = acknowledge(
        judged, lambda file_class, names, reason: "a test" if "n/a" in names else ""
    )
    staged = listing.file_list(known, listing.done_by_stage(known, tried, ["export", "transfer"]))
    assert list(staged) == ["path", *listing.LISTED[1:], "export_at", "transfer_at", "reason"]
    assert plain(staged, "path", "export_at", "transfer_at", "reason") == [
        ("n/b", None, None, f"{said} 20:00:00 UTC"),
        ("n/c", NOW - HOUR, None, ""),
        ("n/a", None, None, f"{said} 21:00:00 UTC; known: a test"),
    ]


def test_csv_to_the_byte():
    """A list as CSV: a header, a row a file, instants in ISO 8601 with Z, nothing where there is nothing, quotes doubled."""
    microseconds = {"file_id": "d", "created_at": NOW + pd.Timedelta(microseconds=5)}
    listed = listing.file_list(
        classify.classify(
            files({"file_id": 'a "b", c', "size_bytes": None}, microseconds),
            ingests(),
            Limits(),
            NOW,
        )
    )
    assert csv_of(listed[["path", "size_bytes", "created_at", "seq_num"]]) == (
        '"path","size_bytes","created_at","seq_num"\n'
        '"a ""b"", c",,"2020-02-12T20:00:00.000000Z",\n'
        '"d",1000000,"2020-02-13T06:00:00.000005Z",\n'
    )
    cells = {
        "=": "'=",
        "+a": "'+a",
        "-": "'-",
        "@b=": "'@b=",
        "\t": "'\t",
        "\rx": "'\rx",
        "a=": "a=",
        "'=": "'=",
        "": "",
    }
    expected = "".join(f'"{text}"\n' for text in ("t", *cells.values()))
    assert csv_of(pd.DataFrame({"t": frames.texts(list(cells))})) == expected
    for text, cell in cells.items():  # each by itself: one of them must be enough
        assert csv_of(pd.DataFrame({"t": frames.texts([text])})) == f'"t"\n"{cell}"\n'


def test_what_is_known_is_asked_of_what_alarms():
    """Of each file that alarms is asked, by its class, its names and what is said of it, whether it is known; of no other."""
    night = files(
        {"file_id": "n/failed", "exposure": "E", "obsid": "O"}, {"file_id": "n/missing", "created_at": None}, {"file_id": "n/done"},
        {"file_id": "n/small", "size_bytes": 3}, {"file_id": "n/gone", "on_disk": False}, {"file_id": "n/lost"},
        {"file_id": "n/json", "kind": "json"}, {"file_id": "n/young", "created_at": NOW}, {"file_id": "n/lost2"},
        {"file_id": "n/went", "on_disk": False},
    )  # fmt: skip
    tried = ingests(
        {"file_id": "n/failed", "status": "failure", "message": "full"}, {"file_id": "n/lost", "status": "lost"},
        {"file_id": "n/done"}, {"file_id": "n/lost2", "status": "lost"},
    )  # fmt: skip
    judged = classify.classify(night, tried, Limits(), NOW)
    shown = [
        "failed",
        "missing",
        "ingested",
        "small",
        "gone",
        "lost",
        "not_fits",
        "pending",
        "lost",
        "gone",
    ]
    assert classify.shown_as(judged).tolist() == shown
    asked = []
    known = acknowledge(
        judged,
        lambda *told: asked.append(told) or ("" if "n/small" in told[1] else f"known {told[0]}"),
    )
    assert asked == [
        ("failed", ("n/failed", "failed", "E", "O"), "full"),
        ("missing", ("n/missing", "missing", "", ""), "never tried; here since an unknown time"),
        (
            "small",
            ("n/small", "small", "", ""),
            "3 bytes: too small to be an image, and never tried",
        ),
        ("gone", ("n/gone", "gone", "", ""), "no longer on disk, and never ingested"),
        ("lost", ("n/lost", "lost", "", ""), ""),
        ("lost", ("n/lost2", "lost2", "", ""), ""),
        ("gone", ("n/went", "went", "", ""), "no longer on disk, and never ingested"),
    ]
    alarming = {"failed", "missing", "gone", "lost"}
    assert plain(known, "acknowledged") == [
        f"known {name}" if name in alarming else "" for name in shown
    ]
    counted = {"failed": 1, "missing": 1, "gone": 2, "lost": 2}
    assert count_acknowledged(known) == {name: {f"known {name}": n} for name, n in counted.items()}
    summary = summarise(known)
    assert (summary["n_acknowledged"], summary["n_acknowledged_errors"], summary["n_lost"]) == (
        6,
        2,
        2,
    )
    for silent in (judged.iloc[2:3], judged.iloc[:0]):
        quiet = acknowledge(silent, lambda *told: "never asked")["acknowledged"]
        assert list(quiet) == [""] * len(silent) and quiet.dtype == columns.DTYPES["text"]


def test_rows_of_files_that_need_attention():
    """The worst class first, in it by creation, each with all that a page shows of it; the whole message where a line says not all."""
    facts = {
        "exposure": "E",
        "obsid": "O",
        "seq_num": 7,
        "detector": "0",
        "transferred_at": NOW - 2 * HOUR,
    }
    night = files(
        {"file_id": "n/y", "created_at": NOW - HOUR / 2}, {"file_id": "n/s", "size_bytes": 3}, {"file_id": "n/m2"}, {"file_id": "n/m1"},
        {"file_id": "n/g", "on_disk": False}, {"file_id": "n/done"}, {"file_id": "n/l"}, {"file_id": "n/f2", **facts},
        {"file_id": "n/f1", "created_at": NOW - 11 * HOUR}, {"file_id": "n/f3", "created_at": None},
        {"file_id": "n/f4", "created_at": None},
    )  # fmt: skip
    messages = {"n/f1": TRACEBACK, "n/f2": 501 * "x", "n/f3": 500 * "x", "n/f4": "one\ntwo"}
    failed = [
        {"file_id": file_id, "status": "failure", "message": message}
        for file_id, message in messages.items()
    ]
    judged = classify.classify(
        night,
        ingests({"file_id": "n/done"}, {"file_id": "n/l", "status": "lost"}, *failed),
        Limits(),
        NOW,
    )
    known = acknowledge(
        judged, lambda file_class, names, reason: "a test" if file_class == "gone" else ""
    )
    rows = listing.attention(known)
    assert [(row["path"], row["file_class"]) for row in rows] == [
        ("n/l", "lost"), ("n/f1", "failed"), ("n/f2", "failed"), ("n/f3", "failed"), ("n/f4", "failed"),
        ("n/m1", "missing"), ("n/m2", "missing"),
        ("n/g", "gone"), ("n/s", "small"), ("n/y", "pending"),
    ]  # fmt: skip
    assert rows[2] == {
        "anchor": listing.anchor_of("n/f2"), "path": "n/f2", "file_class": "failed", "reason": 500 * "x" + "…", "detail": 501 * "x",
        "size_bytes": 1_000_000, "exposure": "E", "obsid": "O", "seq_num": 7, "detector": "0", "created_at": NOW - 10 * HOUR,
        "transferred_at": NOW - 2 * HOUR, "tried_at": NOW - 9 * HOUR, "n_attempts": 1, "acknowledged": "",
    }  # fmt: skip
    assert rows[7] == {
        "anchor": listing.anchor_of("n/g"), "path": "n/g", "file_class": "gone", "detail": "", "size_bytes": 1_000_000,
        "reason": "no longer on disk, and never ingested; known: a test", "exposure": "", "obsid": "", "seq_num": None, "detector": "",
        "created_at": NOW - 10 * HOUR, "transferred_at": None, "tried_at": None, "n_attempts": 0, "acknowledged": "a test",
    }  # fmt: skip
    assert [row["detail"] for row in rows[:6]] == [
        "",
        TRACEBACK,
        501 * "x",
        "",
        "one\ntwo",
        "",
    ] and rows[3]["created_at"] is None
    assert {type(row["n_attempts"]) for row in rows} == {int} and type(
        rows[0]["created_at"]
    ) is datetime.datetime
    assert listing.attention(judged.iloc[5:6]) == [] and {
        row["acknowledged"] for row in listing.attention(judged)
    } == {""}


def test_groups_of_what_is_said():
    """In a class what is known comes last, the largest group first; a group tells from when to when, by attempt, creation or arrival."""

    def row(reason, file_class="failed", **told):
        usual = {
            "acknowledged": "",
            "detail": "",
            "tried_at": None,
            "created_at": None,
            "transferred_at": None,
        }
        return {**usual, "file_class": file_class, "reason": reason, **told}

    rows = [
        row("full 1", tried_at=3, created_at=1), row("other"), row("full 2", created_at=2, transferred_at=9, detail="whole"),
        *(row(f"full {n}", acknowledged="a test") for n in (3, 4, 5)), row("full 6", "missing", transferred_at=5),
        row("full 6", "missing", detail="x"), row("full 6", "missing", detail="y"),
    ]  # fmt: skip
    groups = listing.group_attention(rows)
    told = ("file_class", "words", "detail", "first_at", "last_at", "acknowledged")
    assert [(*(group[name] for name in told), len(group["rows"])) for group in groups] == [
        ("failed", "full …", "whole", 2, 3, "", 2),
        ("failed", "other", "", None, None, "", 1),
        ("failed", "full …", "", None, None, "a test", 3),
        ("missing", "full 6", "x", 5, 5, "", 3),
    ]
    # the addresses that a group has had in earlier versions, so that links to it stay
    assert [group["anchor"] for group in groups] == [
        "failed",
        "group-759056a787",
        "group-0699561ddf",
        "missing",
    ]
    assert groups[0]["rows"] == [rows[0], rows[2]] and listing.group_attention([]) == []


def test_address_of_a_file():
    """A file's address is made of its path alone, of any path that a disk allows, and stays what it was in earlier versions."""
    assert listing.anchor_of("n/a.fits") == "file-c2e2411741"
    odd = listing.anchor_of("a\udcff")
    assert odd != listing.anchor_of("a\udcfe") and re.fullmatch("file-[0-9a-f]{10}", odd)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("no such file: /raw/n1/a_1.fits", "no such file: …"),
        (
            "KeyError: 'DATE-OBS' (a/b), c/d; x=e/f: \"g/h\"",
            "KeyError: 'DATE-OBS' (…), …; x=…: \"…\"",
        ),
        ("took 3.5s, 17, 18 of 20", "took … of …"),
        ("at 2020-02-12T03:04:05+00:00, of x1.fits-y", "at …, of …"),
        ("either / or", "either / or"),
        ("plain words", "plain words"),
    ],
)
def test_words_without_what_differs(message, expected):
    """Paths, and words with digits in them, are what differs from file to file; several in a row are one."""
    assert listing.pattern_of(message) == expected


def test_stages():
    """A stage's row tells how many passed, failed and wait, by each file's last attempt, and how long after creation they passed."""
    s = pd.Timedelta(seconds=1)
    night = files(
        *({"file_id": f"n/{n}", "created_at": NOW, "transferred_at": NOW + 5 * s} for n in range(9)),
        {"file_id": "n/arrived", "created_at": None, "transferred_at": NOW + 4 * s}, {"file_id": "n/heard", "created_at": None},
    )  # fmt: skip
    states = [
        "success",
        "lost",
        "failure",
        "invalid",
        "waiting",
        "untried",
        "running",
        "deferred",
        "rerun",
    ]
    move, at = {"stage": "move"}, [NOW + n * 1.1234 * s for n in range(1, 10)]
    tried = ingests(
        *({"file_id": f"n/{n}", **move, "attempted_at": at[n], "status": x, "message": x} for n, x in enumerate(states)),
        {"file_id": "n/3", **move, "attempted_at": None},
        *({"file_id": f"n/{n}", **move, "attempted_at": NOW} for n in (4, 8, 2)),
        {"file_id": "n/heard", "stage": "hear", "status": "untried", "attempted_at": NOW},
        {"file_id": "n/heard", **move, "attempted_at": NOW + pd.Timedelta(seconds=7.0006)},
        {"file_id": "n/arrived", **move, "attempted_at": NOW + 10 * s}, {"file_id": "n/0", "stage": "hear", "status": "backfill"},
        {"file_id": "n/1", "stage": "other", "attempted_at": NOW + 50 * s}, {"file_id": "n/1", "stage": "also"},
    )  # fmt: skip
    judged = classify.classify(night, tried, Limits(last_stage="move"), NOW)
    rows = listing.stage_rows(judged, tried, ["hear", "move", "nothing"])
    nothing = dict.fromkeys(
        ["n_done", "n_failed", "n_waiting", "n_running", "n_deferred", "n_attempts"], 0
    )
    nothing |= dict.fromkeys(["last_done_at", "median_s", "p90_s"]) | {"failures": []}
    assert rows[0] == {**nothing, "name": "hear", "n_waiting": 2} and rows[2] == {
        **nothing,
        "name": "nothing",
    }
    # passed: 0 after 1.1234 s, 1 after twice that, 4 (it waits again) at once, one 6 s after it came, one 7.0006 s after it was heard of
    assert rows[1] == {
        "name": "move", "n_done": 5, "n_failed": 2, "n_waiting": 3, "n_running": 1, "n_deferred": 1, "n_attempts": 10,
        "last_done_at": NOW + 10 * s, "median_s": 2.247, "p90_s": 6.6,
        "failures": [
            {"path": f"n/{n}", "state": states[n], "since": at[n], "message": states[n], "destination": ""} for n in (2, 3)
        ],
    }  # fmt: skip
    assert listing.stages_there(tried, ["move", "nothing", "hear"]) == [
        "move",
        "hear",
        "also",
        "other",
    ]
    by_stage = listing.done_by_stage(judged.set_axis(range(5, 16)), tried, ["move", "nothing"])
    done = {0: 1.1234, 1: 2.2468, 2: 0, 4: 0, 8: 0, 9: 10, 10: 7.0006}
    expected = [
        (NOW + pd.Timedelta(seconds=done[n]) if n in done else None, None) for n in range(11)
    ]
    assert plain(by_stage, "move_at", "nothing_at") == expected and list(by_stage.index) == list(
        range(5, 16)
    )
    assert {*by_stage.dtypes} == {columns.DTYPES["instant"]} and list(by_stage) == [
        "move_at",
        "nothing_at",
    ]
    assert listing.done_by_stage(judged, tried, []).shape == (11, 0)


def test_queues():
    """A queue's entries are those of its source and stage, the longest waiting first; where none has any there is no queue."""
    states = {
        "a": "waiting",
        "b": "running",
        "c": "deferred",
        "d": "failure",
        "e": "success",
        "f": "invalid",
    }
    tried = ingests(
        *(
            {
                "file_id": i,
                "stage": "q",
                "status": status,
                "attempted_at": NOW - n * HOUR,
                "source": "lwa",
            }
            for n, (i, status) in enumerate(states.items())
        ),
        {"file_id": "x", "stage": "q", "status": "waiting", "source": "other"},
        {
            "file_id": "y",
            "stage": "p",
            "status": "failure",
            "source": "lwa",
            "message": "why",
            "destination": "/to",
        },
        {"file_id": "z", "stage": "r", "status": "success", "source": "lwa"},
    )
    both = listing.queue_rows(tried, [("lwa", "q"), ("lwa", "p")])
    assert both[0]["errors"] == [
        {"path": "d", "state": "failure", "since": NOW - 3 * HOUR, "message": "", "destination": ""}
    ]
    assert [
        (
            row["name"],
            row["source"],
            *([e["path"] for e in row[part]] for part in ("waiting", "errors")),
        )
        for row in both
    ] == [
        ("q", "lwa", ["c", "b", "a"], ["d"]),
        ("p", "lwa", [], ["y"]),
    ]
    assert both[1]["errors"] == [
        {
            "path": "y",
            "state": "failure",
            "since": NOW - 9 * HOUR,
            "message": "why",
            "destination": "/to",
        }
    ]
    assert (
        len(listing.queue_rows(tried, [("lwa", "p"), ("lwa", "r")])) == 2
        and len(listing.queue_rows(tried, [("other", "q")])) == 1
    )
    assert listing.queue_rows(tried, [("lwa", "r")]) == [] == listing.queue_rows(tried, [])
    many = ingests(
        *(
            {"file_id": f"{n:02}", "status": "waiting", "attempted_at": NOW - n % 2 * HOUR}
            for n in range(60)
        )
    )
    entries = listing.queue_rows(many, [("gen2", "ingest")])[0]["waiting"]
    assert [e["path"] for e in entries] == [
        f"{n:02}" for n in (*range(1, 60, 2), *range(0, 60, 2))
    ]  # of one time by name


def test_exposures_in_full():
    """An exposure goes by its obsid, else its exposure, else its folder; they come by creation, with the latest times of their files."""
    exposed = {
        "file_id": "n/2",
        "exposure": "E",
        "created_at": NOW - 5 * HOUR,
        "transferred_at": NOW - HOUR,
    }
    night = files(
        {"file_id": "n/b/1", "created_at": NOW - 3 * HOUR}, {"file_id": "n/b/2", "created_at": NOW - 4 * HOUR}, exposed,
        {**exposed, "file_id": "n/3", "created_at": NOW - 6 * HOUR, "seq_num": 7, "transferred_at": NOW - 2 * HOUR},
        {"file_id": "n/4", "exposure": "E", "obsid": "O", "created_at": None}, {"file_id": "5"},
    )  # fmt: skip
    judged = classify.classify(
        night, ingests({"file_id": "n/3"}, {"file_id": "n/2", "attempted_at": NOW}), Limits(), NOW
    )
    rows = listing.group(judged)
    rows = rows.astype("object").where(rows.notna(), None).to_dict("records")
    nothing = {"seq_num": None, "transferred_at": None, "ingested_at": None, "ingested": 0}
    times = {"created_at": NOW - 5 * HOUR, "transferred_at": NOW - HOUR, "ingested_at": NOW}
    assert rows == [
        {"name": "", "n_files": 1, "missing": 1, "created_at": NOW - 10 * HOUR, **nothing},
        {"name": "E", "seq_num": 7, "n_files": 2, "ingested": 2, "missing": 0, **times},
        {"name": "n/b/", "n_files": 2, "missing": 2, "created_at": NOW - 3 * HOUR, **nothing},
        {"name": "O", "n_files": 1, "missing": 1, "created_at": None, **nothing},
    ]
    assert list(listing.group(judged)) == [
        "name",
        "seq_num",
        "n_files",
        "created_at",
        "transferred_at",
        "ingested_at",
        "ingested",
        "missing",
    ]
    assert len(listing.group(judged.iloc[:0])) == 0
    many = files(
        *({"file_id": f"{n:02}/x", "created_at": NOW - (n % 2 + 2) * HOUR} for n in range(60))
    )
    rows = listing.group(classify.classify(many, ingests(), Limits(), NOW))
    assert list(rows["name"]) == [
        f"{n:02}/" for n in (*range(1, 60, 2), *range(0, 60, 2))
    ]  # of one time by name


def test_latest_values():
    """Of each source, name and node the latest value, in plain Python, nodes by number; documents are none of them."""
    m = {"name": "m", "node": "n2"}
    told = metrics(
        {"name": "m", "node": "n10", "value": 1.0}, {**m, "value": 2.0}, {**m, "value": 3.0, "unit": "s"},
        {**m, "value": 4.0, "source": "a"},
        {"name": "l", "node": None, "text": "word", "sampled_at": None}, {"name": "i", "unit": "image/png", "text": "data:"},
        {"name": "t", "unit": "text/plain", "text": "names"}, {"name": "k", "unit": "my image/x"},
    )  # fmt: skip
    nothing = {"text": "", "unit": "", "value": None, "sampled_at": NOW, "source": "q", "node": ""}
    assert listing.latest_metrics(told) == [
        {**nothing, "name": "k", "unit": "my image/x"},
        {**nothing, "name": "l", "text": "word", "sampled_at": None},
        {**nothing, **m, "value": 4.0, "source": "a"},
        {**nothing, **m, "value": 3.0, "unit": "s"},
        {**nothing, "name": "m", "node": "n10", "value": 1.0},
    ]
    assert listing.latest_metrics(told.iloc[:0]) == [] == listing.images(told.iloc[:0])


def test_latest_images():
    """Of each source, name and node the latest image, by name, nodes by number; one without data is none."""
    sky = {"name": "sky", "unit": "image/png"}
    told = metrics(
        {**sky, "node": "n10", "text": "a"}, {**sky, "node": "n2", "text": "b"},
        {**sky, "node": "n2", "text": "c", "sampled_at": NOW + HOUR},
        {**sky, "text": "lost"}, {**sky, "text": None}, {**sky, "name": "all", "node": None, "text": "d", "sampled_at": None},
        {**sky, "unit": "image/gif", "text": "e"}, {**sky, "node": "n2", "text": "f", "source": "a"},
    )  # fmt: skip
    assert listing.images(told) == [
        {"name": "all", "node": "", "sampled_at": None, "text": "d"},
        {"name": "sky", "node": "n2", "sampled_at": NOW + HOUR, "text": "c"},
        {"name": "sky", "node": "n2", "sampled_at": NOW, "text": "f"},
        {"name": "sky", "node": "n10", "sampled_at": NOW, "text": "a"},
    ]
