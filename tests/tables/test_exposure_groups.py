"""A night's exposures."""

from night_tables import HOUR, NOW, files, ingests

from observing_monitor.tables import classify
from observing_monitor.tables.classify import Limits
from observing_monitor.tables.exposures import group_exposures


def test_files_of_an_exposure():
    """An exposure's files are counted by class."""
    rows = [
        {"file_id": f"n/{n}-{d}.fits", "exposure": f"{n}", "created_at": NOW - 10 * HOUR + n * HOUR}
        for n in range(3)
        for d in range(2)
    ]
    judged = classify.classify(files(*rows), ingests({"file_id": "n/0-0.fits"}), Limits(), NOW)
    shown = group_exposures(judged)
    assert list(shown["name"]) == ["0", "1", "2"]
    assert (
        list(shown.loc[0, ["n_files", "ingested", "missing"]]) == [2, 1, 1]
        and "failed" not in shown
    )


def test_rows_of_exposures():
    """Exposures are named by obsid, exposure or folder."""
    exposed = {
        "file_id": "n/2",
        "exposure": "E",
        "created_at": NOW - 5 * HOUR,
        "transferred_at": NOW - HOUR,
    }
    night = files(
        {"file_id": "n/b/1", "created_at": NOW - 3 * HOUR},
        {"file_id": "n/b/2", "created_at": NOW - 4 * HOUR},
        exposed,
        {
            **exposed,
            "file_id": "n/3",
            "created_at": NOW - 6 * HOUR,
            "seq_num": 7,
            "transferred_at": NOW - 2 * HOUR,
        },
        {"file_id": "n/4", "exposure": "E", "obsid": "O", "created_at": None},
        {"file_id": "5"},
    )
    judged = classify.classify(
        night, ingests({"file_id": "n/3"}, {"file_id": "n/2", "attempted_at": NOW}), Limits(), NOW
    )
    rows = group_exposures(judged)
    rows = rows.astype("object").where(rows.notna(), None).to_dict("records")
    nothing = {"seq_num": None, "transferred_at": None, "ingested_at": None, "ingested": 0}
    times = {"created_at": NOW - 5 * HOUR, "transferred_at": NOW - HOUR, "ingested_at": NOW}
    assert rows == [
        {"name": "", "n_files": 1, "missing": 1, "created_at": NOW - 10 * HOUR, **nothing},
        # one file says that the exposure E is the obsid O
        {"name": "O", "seq_num": 7, "n_files": 3, "ingested": 2, "missing": 1, **times},
        {"name": "n/b/", "n_files": 2, "missing": 2, "created_at": NOW - 3 * HOUR, **nothing},
    ]
    assert list(group_exposures(judged)) == [
        "name",
        "seq_num",
        "n_files",
        "created_at",
        "transferred_at",
        "ingested_at",
        "ingested",
        "missing",
    ]
    assert len(group_exposures(judged.iloc[:0])) == 0
    many = files(
        *({"file_id": f"{n:02}/x", "created_at": NOW - (n % 2 + 2) * HOUR} for n in range(60))
    )
    rows = group_exposures(classify.classify(many, ingests(), Limits(), NOW))
    assert list(rows["name"]) == [
        f"{n:02}/" for n in (*range(1, 60, 2), *range(0, 60, 2))
    ]  # equal times by name
