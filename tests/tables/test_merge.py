"""A night's tables, merged from what its sources return."""

from night_tables import HOUR, NOW, attempts, files, gen2, metrics, plain, reading

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.tables import merge

NO_ATTEMPTS = frames.empty(columns.ATTEMPTS)


def test_update_keeps_gone_and_unread_files():
    """A missing file is gone, unless its folder was not read."""
    known = merge.update(
        Tables.empty(), {"files": reading({"file_id": "n/a.fits"}, {"file_id": "n/closed/b.fits"})}
    )
    after = merge.update(known, {"files": reading(unread=["n/closed"])})
    assert dict(zip(after.files["file_id"], after.files["on_disk"], strict=True)) == {
        "n/a.fits": False,
        "n/closed/b.fits": True,
    }


def test_update_with_a_silent_source():
    """Data of a silent source are kept while the others' are replaced."""
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
    """An arrival is kept until the file itself changes."""
    first = {"file_id": "n/a.fits", "inode": 7, "transferred_at": NOW - 2 * HOUR}
    known = merge.update(Tables.empty(), {"files": reading(first)})
    touched = merge.update(known, {"files": reading({**first, "transferred_at": NOW})})
    assert touched.files["transferred_at"][0] == NOW - 2 * HOUR
    hidden = merge.update(known, {"files": reading({**first, "transferred_at": None})})
    assert hidden.files["transferred_at"][0] == NOW - 2 * HOUR
    anew = merge.update(known, {"files": reading({**first, "inode": 8, "transferred_at": NOW})})
    assert anew.files["transferred_at"][0] == NOW


def test_samples_are_added_or_replaced():
    """Samples are added to a metric's history, once each, or replace it."""
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


def test_file_that_one_of_two_sources_still_has():
    """A file in two sources is on disk while one of them has it."""
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


def test_data_of_a_removed_source_stay():
    """Files, attempts and metrics of a removed source are kept, in order."""
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
        ("g:raw/z", "g", True),
        ("n/a.fits", "n", True),
        ("n/b.fits", "n", False),
        ("n/c.fits", "new", True),
    ]
    assert plain(after.ingests, "file_id", "source") == [("g:raw/z", "g"), ("n/a.fits", "g")]
    assert plain(after.metrics, "name", "source", "value") == [("m", "q", 1.0)]


def test_renamed_source_counts_once():
    """A source under a new name counts no file, attempt or sample twice."""
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


def test_log_adds_attempts():
    """Lines of a log are kept when it is gone, each once."""
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


def test_log_attempts_of_a_file_that_is_gone():
    """Attempts of a log stay with a file that is gone."""
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


def test_facts_stay_until_the_file_changes():
    """A registry's facts are kept until the file itself changes."""
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
        {"created_at": NOW - 8 * HOUR},
    ):
        seen = {**first, "transferred_at": NOW - 3 * HOUR, **change}
        after = merge.update(known, {"files": reading(seen)}, silent={"g"}).files
        assert plain(after, *told, "transferred_at") == [
            (*(None if change else value for value in told.values()), NOW - 3 * HOUR)
        ]
    # what a source does not know did not change
    unknown = merge.update(known, {"files": reading({**first, "inode": None})}, silent={"g"}).files
    assert plain(unknown, "obsid", "transferred_at") == [("O", NOW - 2 * HOUR)]
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


def test_unread_folders_and_other_nights():
    """Files below an unread folder stay; those of other nights go."""
    ids = ["n/a.fits", "n/closed/b.fits", "n/closedtoo.fits", "n/gone/c.fits", "n/other.fits"]
    known = merge.update(
        Tables.empty(),
        {"files": reading(*({"file_id": i, "on_disk": "gone" not in i} for i in ids))},
    )
    after = merge.update(
        known, {"files": reading(unread=["n/closed", "n/gone"], elsewhere=["n/other.fits"])}
    )
    assert plain(after.files, "file_id", "on_disk") == [
        ("n/a.fits", False),
        ("n/closed/b.fits", True),
        ("n/closedtoo.fits", False),
        ("n/gone/c.fits", False),
    ]
    whole = merge.update(known, {"files": reading({"file_id": "n/new.fits"}, unread=[""])})
    assert plain(whole.files, "file_id", "on_disk") == [
        *((i, "gone" not in i) for i in ids[:4]),
        ("n/new.fits", True),
        (ids[4], True),
    ]


def test_tables_are_sorted():
    """Each table is sorted as the schema says."""
    tries = [
        {"names": name, "stage": stage, "attempted_at": at, "attempt": number}
        for name in ("b", "a")
        for stage in ("t", "i")
        for at in (NOW, NOW - HOUR)
        for number in (2, 1)
    ]
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
        (made.ingests, 16, ["file_id", "stage", "attempted_at", "attempt"]),
        (made.metrics, 8, ["name", "node", "sampled_at"]),
    ):
        rows = plain(frame, *keys)
        assert rows == sorted(rows) and len(rows) == len(set(rows)) == n


def test_latest_image_is_kept():
    """Only the latest of each image is kept."""
    things = [
        ("seen", "1", "image/png"),
        ("seen", "2", "image/jpeg"),
        ("sky", "1", "image/png"),
        ("n", "1", None),
        ("t", "1", "text/x"),
    ]
    sample = [
        {
            "name": name,
            "node": node,
            "sampled_at": NOW - n * HOUR,
            "unit": unit,
            "text": f"{name}{n}",
        }
        for name, node, unit in things
        for n in (0, 1)
    ]
    told = {name: Reading(metrics=metrics(*sample), append=True) for name in ("p", "q")}
    made = merge.update(Tables.empty(), told).metrics
    images = made[made["unit"].isin(["image/png", "image/jpeg"])]
    assert sorted(plain(images, "source", "name", "node", "text")) == [
        (source, name, node, f"{name}0")
        for source in "pq"
        for name, node in (("seen", "1"), ("seen", "2"), ("sky", "1"))
    ]
    assert len(made) == 6 + 8 and plain(made, "name") == sorted(plain(made, "name"))
