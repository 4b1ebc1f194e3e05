"""Gen2 repositories of any camera, whole and broken."""

import contextlib
import datetime
import os
import re
import sqlite3
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from gen2tree import later, make_night
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model.nights import NightRule
from observing_monitor.sources.base import Asked
from observing_monitor.sources.gen2 import Gen2Repository
from observing_monitor.sources.gen2_links import RAW, read_names, read_names_together
from observing_monitor.sources.gen2_raws import from_arrays, from_rows

NIGHT = datetime.date(2020, 2, 12)
NOW = later()


def repository(path, **settings):
    return Gen2Repository(
        Gen2Repository.Settings(Path(path), **settings), Asked("latiss", NightRule(), NOW)
    )


def make_raw(path, columns, *rows):
    """Make a registry with a table raw, and an empty raw/."""
    (path / "raw").mkdir(parents=True)
    with sqlite3.connect(path / "registry.sqlite3") as connection:
        connection.execute(f"create table raw ({columns})")
        for row in rows:
            connection.execute(f"insert into raw values ({','.join('?' * len(row))})", row)
    connection.close()


def link(path, name, at="2020-02-13T03:12:41+00:00", **target):
    """Make a file under raw/ with the modification time `at`."""
    import os

    file = path / "raw" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * 20_000)
    seconds = datetime.datetime.fromisoformat(at).timestamp()
    os.utime(file, (seconds, seconds))
    return file


@pytest.mark.parametrize(
    ("columns", "row", "name"),
    [
        (
            "expId int, detector int, dayObs text",
            (2020021200022, 0, "2020-02-12"),
            "2020-02-12/2020021200022-det000.fits",
        ),
        ("visit int, detector int, dayObs text", (22, 3, "20200212"), "2020-02-12/22-det003.fits"),
        (
            "expId int, detector int, dateObs text",
            (22, 3, "2020-02-13T11:59:59.999"),
            "2020-02-12/22-R22-S11-det003.fits",
        ),
        ("expId int, date text", (22, "2020-02-12T12:00:00"), "2020-02-12/22-det000.fits"),
    ],
)
def test_cameras_differ(tmp_path, columns, row, name):
    """The night is in the column dayObs, dateObs or date."""
    make_raw(tmp_path, columns, row)
    link(tmp_path, name)
    attempts = repository(tmp_path).read(NIGHT).attempts
    assert list(attempts["status"]) == ["success"] and list(attempts["destination"]) == [
        f"raw/{name}"
    ]
    assert repository(tmp_path).nights() == {NIGHT}
    assert repository(tmp_path).read(NIGHT + datetime.timedelta(days=1)).attempts.empty


def test_ingest_time_is_the_links_own(tmp_path):
    """The ingest time is the symlink's own, not its target's."""
    made = make_night(tmp_path, NIGHT, {"ingested": 1}, now=NOW)
    file = made.files[0]
    attempts = repository(tmp_path / "gen2repo").read(NIGHT).attempts
    assert attempts["attempted_at"][0] == file.created_at + datetime.timedelta(minutes=1)
    assert (
        attempts["created_at"][0] == file.created_at
        and attempts["size_bytes"][0] == file.size_bytes
    )


def test_rafts_and_detectors(tmp_path):
    """A detector is named by raft and sensor."""
    made = make_night(tmp_path, NIGHT, {"ingested": 9}, now=NOW, camera="comCam")
    attempts = repository(tmp_path / "gen2repo").read(NIGHT).attempts
    assert sorted(attempts["detector"]) == [f"R22_S{i}{j}" for i in range(3) for j in range(3)]
    names = attempts["names"].str.split("\n").explode()
    assert {made.path.name.removesuffix(".fits") for made in made.files} <= set(names)


def test_raws_by_run_need_query_links(tmp_path):
    """Raws organised by run need query_links."""
    make_night(tmp_path, NIGHT, {"ingested": 3}, now=NOW, camera="testStand", layout="run")
    plain = repository(tmp_path / "gen2repo").read(NIGHT)
    assert set(plain.attempts["status"]) == {"lost"} and "set query_links" in plain.notes[0]
    found = repository(tmp_path / "gen2repo", query_links=True).read(NIGHT)
    assert set(found.attempts["status"]) == {"success"} and found.notes == []


def test_registry_is_never_locked_nor_written(tmp_path):
    """An open transaction blocks nothing; nothing is written."""
    make_night(tmp_path, NIGHT, {"ingested": 3}, now=NOW)
    registry = tmp_path / "gen2repo" / "registry.sqlite3"
    before = registry.read_bytes(), registry.stat().st_mtime_ns
    writer = sqlite3.connect(registry, isolation_level=None, timeout=0)
    writer.execute("begin exclusive")
    assert len(repository(tmp_path / "gen2repo").read(NIGHT).attempts) == 3
    writer.execute("rollback")
    writer.close()
    assert (registry.read_bytes(), registry.stat().st_mtime_ns) == before
    assert {path.name for path in registry.parent.iterdir()} == {"registry.sqlite3", "raw"}


def test_registry_that_is_written_within_a_tick_of_its_clock(tmp_path):
    """A change with the same size and time is noticed."""
    make_night(tmp_path, NIGHT, {"ingested": 3}, now=NOW)
    registry = tmp_path / "gen2repo" / "registry.sqlite3"
    known = repository(tmp_path / "gen2repo").look(NIGHT, None)
    again = repository(tmp_path / "gen2repo")
    again.registry.digest = lambda night: pytest.fail("the registry was asked")
    assert again.look(NIGHT, known) == known
    before = registry.stat()
    with sqlite3.connect(registry) as connection:
        connection.execute("update raw set obsid = 'AT_O_20200212_009999' where rowid = 1")
    connection.close()
    os.utime(registry, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert registry.stat().st_size == before.st_size
    assert repository(tmp_path / "gen2repo").look(NIGHT, known)["rows"] != known["rows"]


def test_a_raw_that_is_registered_while_a_history_is_read(tmp_path):
    """A raw registered during a long run is found."""
    nights = [NIGHT + datetime.timedelta(days=n) for n in range(10)]
    make_raw(
        tmp_path,
        "expId int, dayObs text",
        *((number, night.isoformat()) for number, night in enumerate(nights)),
    )
    source = repository(tmp_path)
    for night in nights[1:]:
        assert len(source.read(night).attempts) == 1
    with (
        contextlib.closing(sqlite3.connect(tmp_path / "registry.sqlite3")) as connection,
        connection,
    ):
        connection.execute("insert into raw values (22, ?)", (NIGHT.isoformat(),))
    assert sorted(source.read(NIGHT).attempts["exposure"]) == ["0", "22"]


def test_broken_registries(tmp_path):
    """A broken registry is named, with the remedy."""
    make_night(tmp_path, NIGHT, {"ingested": 200}, now=NOW)
    path = tmp_path / "gen2repo" / "registry.sqlite3"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        SourceError,
        match=r"registry\.sqlite3: is a damaged SQLite database; is it a whole Gen2 registry\?",
    ):
        repository(path.parent).read(NIGHT)
    path.write_bytes(b"SIMPLE  =                    T" * 100)
    with pytest.raises(SourceError, match=r"registry\.sqlite3: is no SQLite database"):
        repository(path.parent).read(NIGHT)
    path.write_bytes(b"")
    with pytest.raises(SourceError, match=r"has no table 'raw'; is it a Gen2 registry"):
        repository(path.parent).read(NIGHT)
    path.unlink()
    words = "no such file or directory; a Gen2 repository has its registry there"
    with pytest.raises(SourceError, match=rf"registry\.sqlite3: {words}"):
        repository(path.parent).read(NIGHT)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("id int", "has neither expId nor visit"),
        ("expId int, run text", "has none of dayObs, dateObs and date"),
    ],
)
def test_tables_without_exposures_or_nights(tmp_path, columns, words):
    """A table without exposures or nights is refused."""
    make_raw(tmp_path, columns)
    with pytest.raises(SourceError, match=words):
        repository(tmp_path).read(NIGHT)


@pytest.mark.parametrize("pattern", ["(", r"(?P<exposure>\d+)"])
def test_wrong_patterns(tmp_path, pattern):
    """A wrong raw_pattern is refused."""
    with pytest.raises(UsageError, match="raw_pattern"):
        repository(tmp_path, raw_pattern=pattern)


def test_values_of_any_type(tmp_path):
    """Values of any type are read."""
    columns = (
        "expId int, detector int, dayObs text, seqNum int, obsid text, raftName text,"
        " detectorName text"
    )
    rows = [
        ("2020021200001", "0", "2020-02-12", "x", None, None, None),
        (2020021200002.0, None, "2020-02-12", None, 5, None, "S00"),
    ]
    make_raw(tmp_path, columns, *rows)
    attempts = repository(tmp_path).read(NIGHT).attempts
    assert sorted(attempts["exposure"]) == ["2020021200001", "2020021200002"] and set(
        attempts["status"]
    ) == {"lost"}


words = st.sampled_from(
    ["", "R22", "null", "5", "5.0", "-1", "a,b", "[", "]", "é", "\u2028", "None"]
)
odd_words = st.sampled_from(['"', '","', "\\", "\\xff", "\n", "\t", "\0", "\x1f"])
numbers = st.sampled_from([0, 1, 7, -1, 2020021200001, 2**53 + 1, 2**63 - 1])
no_numbers = st.sampled_from(
    [
        0.0,
        5.0,
        5.5,
        2020021200001.0,
        1e300,
        float("inf"),
        b"",
        b"R22",
        b"\x05" + bytes(7),
        b"s" + bytes(7),
    ]
)
values = st.one_of(st.none(), words, numbers, odd_words, no_numbers)
of_raws = "expId", "visit", "detector", "detectorName", "raftName", "seqNum", "obsid"
plain_raws = st.fixed_dictionaries(
    dict.fromkeys(of_raws[:3], numbers) | dict.fromkeys(of_raws[3:5], words)
)


@settings(
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example([{"expId": None, "visit": 5}, {"expId": 6}])
@example([{"expId": None, "visit": 5}, {"expId": 6, "visit": "7"}])
@example([{"expId": "5", "raftName": "R22"}, {"expId": "5", "raftName": None}])
@example([{"expId": 1, "detector": "7"}])
@example([{"expId": 5.0}])
@given(
    st.one_of(
        st.lists(
            st.builds(
                lambda plain, odd: plain | odd,
                plain_raws,
                st.dictionaries(st.sampled_from(of_raws), values, max_size=1),
            ),
            max_size=3,
        ),
        st.lists(st.dictionaries(st.sampled_from(of_raws), values), max_size=3),
    )
)
def test_raws_by_column_are_those_of_the_rows(tmp_path, raws):
    """Raws from JSON arrays equal those from rows."""
    if not (tmp_path / "registry.sqlite3").exists():
        make_raw(tmp_path, f"{','.join(of_raws)}, dayObs text")
    with contextlib.closing(
        sqlite3.connect(tmp_path / "registry.sqlite3", isolation_level=None)
    ) as connection:
        connection.execute("pragma synchronous = off")
        connection.execute("delete from raw")
        rows = [[raw.get(name) for name in of_raws] for raw in raws]
        connection.executemany("insert into raw values (?,?,?,?,?,?,?,'2020-02-12')", rows)
    registry = repository(tmp_path).registry
    arrays = registry.arrays_of(NIGHT)
    by_column = arrays and from_arrays(arrays)
    by_row = from_rows(*registry.rows_of(NIGHT))
    if by_column:
        pd.testing.assert_frame_equal(pd.DataFrame(by_column), pd.DataFrame(by_row))

    def is_usual(values):
        text = "".join(value for value in values if isinstance(value, str))
        types = {type(value) for value in values}
        return (types <= {int, type(None)} or types == {str}) and not any(
            letter in '"\\' or letter < " " for letter in text
        )

    columns = (
        dict(zip(of_raws, zip(*rows, strict=True), strict=True))
        if rows
        else dict.fromkeys(of_raws, ())
    )
    exposures = [
        visit if exposure is None else exposure
        for exposure, visit in zip(columns.pop("expId"), columns.pop("visit"), strict=True)
    ]
    assert by_row["exposure"].tolist() == [
        f"{value:.0f}" if isinstance(value, float) else str(value) for value in exposures
    ]
    is_plain = all(map(is_usual, [exposures, *columns.values()])) and None not in exposures
    is_plain = is_plain and not any(
        isinstance(value, str) for value in columns["detector"] + columns["seqNum"]
    )
    if arrays:
        assert bool(by_column) == is_plain
    else:
        assert any(isinstance(value, bytes) for row in rows for value in row)


parts = st.sampled_from(
    [
        "2020021200001",
        "7",
        "0",
        "12345678901234567",
        "-",
        "-det",
        "det",
        "003",
        "R22",
        ".fits",
        "x",
        "\n",
        "A",
    ]
)
paths_of_links = st.lists(
    st.builds(
        lambda folder, name: f"{folder}{''.join(name) or 'x'}",
        st.sampled_from(["", "n/", "n/1/", "other/"]),
        st.lists(parts, max_size=7),
    ),
    unique=True,
    max_size=6,
)


@settings(max_examples=400, derandomize=True, database=None, deadline=None)
@example(
    ["n/123456789012345678-det1", "n/1234567890123456789-det1", "n/-det1", "n/1-det1234567890"]
)
@example(["n/5-det1-det2.fits", "n/5-x\n-det2", "n/5-det1\n", "n/5det1", "other/5-det1", "5-det1"])
@given(paths_of_links)
def test_names_read_together_are_those_read_one_by_one(paths):
    """Names give the same together and one by one."""
    found = [re.compile(RAW).match(path.rpartition("/")[2]) for path in paths]
    pairs = [(None, None) if one is None else (one["exposure"], one["detector"]) for one in found]
    for folders in (("n/",), ("",), ("n/", "other/"), ()):
        arrays = [
            pa.array(texts, pa.large_string())
            for texts in (paths, [path.rpartition("/")[2] for path in paths])
        ]
        one_by_one, together = (
            read_names(paths, pairs, folders),
            read_names_together(*arrays, folders),
        )
        assert [list(map(str, part)) for part in one_by_one] == [
            list(map(str, part)) for part in together
        ]


def test_links_of_other_nights_leave_a_link_its_own_names(tmp_path):
    """With query_links, an unregistered link keeps its own names."""
    make_raw(
        tmp_path,
        "expId int, detector int, dayObs text, seqNum int, obsid text",
        (2020021100001, 3, "2020-02-11", 1, "AT_O_20200211_000001"),
    )
    for number, detector in ((2020021100001, 3), (2020021100002, 4), (2020021200003, 5)):
        link(tmp_path, f"run/{number}-det{detector:03d}.fits")
    attempts = repository(tmp_path, query_links=True).read(NIGHT).attempts
    assert attempts[["exposure", "detector", "names", "path", "status"]].to_dict("records") == [
        {
            "exposure": "2020021200003",
            "detector": "5",
            "names": "2020021200003-det005.fits\n2020021200003-det005",
            "path": "raw/run/2020021200003-det005.fits",
            "status": "unregistered",
        }
    ]


def test_text_that_is_not_utf8(tmp_path):
    """Text that is not UTF-8 hides no raw."""
    make_raw(
        tmp_path,
        "expId int, detector int, dayObs text, obsid text",
        (22, 0, "2020-02-12", "AT"),
        (23, 0, "2020-02-12", "AT"),
    )
    with sqlite3.connect(tmp_path / "registry.sqlite3") as connection:
        connection.execute("update raw set obsid = cast(x'4154ff' as text) where expId = 23")
    connection.close()
    assert list(repository(tmp_path).read(NIGHT).attempts["obsid"]) == ["AT", "AT\\xff"]


@pytest.mark.parametrize("query_links", [False, True])
def test_links_with_absurd_numbers(tmp_path, query_links):
    """A link whose numbers no registry can hold is ignored."""
    make_raw(
        tmp_path,
        "expId int, detector text, dayObs text",
        (2020021200022, "0", "2020-02-12"),
        (2020021200023, "S00", "2020-02-12"),
    )
    for name in (
        "2020021200022-det000",
        "2020021200023-det007",
        "9" * 200 + "-det000",
        "2020021200024-det" + "9" * 30,
    ):
        link(tmp_path, f"2020-02-12/{name}.fits")
    attempts = repository(tmp_path, query_links=query_links).read(NIGHT).attempts
    assert sorted(attempts["status"]) == ["lost", "success", "unregistered"]


def test_second_link_that_is_whole(tmp_path):
    """The link that leads to a file counts."""
    make_raw(tmp_path, "expId int, detector int, dayObs text", (22, 0, "2020-02-12"))
    link(tmp_path, "20200212/22-det000.fits")
    (tmp_path / "raw" / "2020-02-12").mkdir()
    (tmp_path / "raw" / "2020-02-12" / "22-det000.fits").symlink_to("/nowhere")
    attempts = repository(tmp_path).read(NIGHT).attempts
    assert list(attempts["status"]) == ["success"] and list(attempts["destination"]) == [
        "raw/20200212/22-det000.fits"
    ]


@pytest.mark.parametrize("query_links", [False, True])
def test_links_that_cannot_be_listed(tmp_path, query_links, monkeypatch):
    """Raws are not lost if the links can't be listed."""
    import os

    make_raw(tmp_path, "expId int, detector int, dayObs text", (22, 0, "2020-02-12"))
    link(tmp_path, "2020-02-12/22-det000.fits")
    whole = os.open

    def refuse(path, *arguments, **options):
        if str(path).endswith("2020-02-12"):
            raise PermissionError(13, "Permission denied")
        return whole(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SourceError, match="raw/2020-02-12: can't be listed"):
        repository(tmp_path, query_links=query_links).read(NIGHT)
