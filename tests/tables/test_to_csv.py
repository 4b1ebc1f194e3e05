"""The list of a night's files as CSV."""

import csv
import io

import pandas as pd
import pytest
from night_tables import NOW, files, ingests

from observing_monitor.model import frames
from observing_monitor.tables import classify, listing, to_csv
from observing_monitor.tables.classify import Limits


def csv_of(listed):
    """A file list as CSV, whole."""
    return b"".join(to_csv.to_csv(listed)).decode()


@pytest.mark.parametrize("n", [0, 1, 6, 7, 8, 20])
def test_csv_in_parts(monkeypatch, n):
    """The parts of a CSV make the whole, with one header."""
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
    """A cell that looks like a formula is text; other text is unchanged."""
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


def failures(*messages):
    """The list of files that failed with these messages."""
    night = files(*({"file_id": f"{n}.fits"} for n in range(len(messages))))
    tried = ingests(
        *(
            {"file_id": f"{n}.fits", "status": "failure", "message": text}
            for n, text in enumerate(messages)
        )
    )
    return listing.file_list(classify.classify(night, tried, Limits(), NOW))


MESSAGES = [
    "no space left",
    'Traceback (most recent call last):\n  File "a.py", line 1\n' + "x," * 600 + "\nError: ü",
    "=cmd|' /C calc'!A0\nError: b",
    "+1\r\n" + "y" * 50_000,
    "",
]


def test_csv_has_whole_messages():
    """The last column is the whole message, which runs no formula."""
    text = csv_of(failures(*MESSAGES))
    head, *_ = text.splitlines()
    assert head.endswith(',"reason","message"')
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["message"] for row in rows] == [
        f"'{text}" if text[:1] in ("=", "+") else text for text in MESSAGES
    ]
    assert max(len(row["reason"]) for row in rows) < 1000


@pytest.mark.parametrize("most", [1, 1000, 60_000, 200_000])
def test_parts_of_long_messages(monkeypatch, most):
    """A part has few rows if their messages are long."""
    listed = failures(*MESSAGES * 5)
    whole = csv_of(listed)
    monkeypatch.setattr(to_csv, "CSV_BYTES", most)
    parts = list(to_csv.to_csv(listed))
    assert b"".join(parts).decode() == whole
    assert max(map(len, parts)) < 55_000 + 1.2 * most
    for part in parts[1:]:
        assert part.startswith(b'"') and part.endswith(b"\n")


def test_csv_to_the_byte():
    """A CSV has a header, ISO 8601 instants and empty nulls."""
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
