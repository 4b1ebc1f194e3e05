"""SQLite files of others while they are written: real writers, killed ones, and what they leave; read without any lock of ours."""

import contextlib
import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from conftest import need
from test_disk_and_clock import disk

from observing_monitor.errors import SourceError
from observing_monitor.readers import sqlite
from observing_monitor.readers.sql import Database

ONE_VALUE = "select count(distinct value), max(value), count(*) from numbers"
WRITER = """
import sqlite3, sys, time
path, mode, synchronous, gap_s = sys.argv[1:]
connection = sqlite3.connect(path, isolation_level=None, timeout=60)
connection.execute(f"pragma journal_mode={mode}")
connection.execute(f"pragma synchronous={synchronous}")
for number in range(1, 10**9):
    connection.execute("update numbers set value = ?", [number])
    if number == 1:
        print("writes", flush=True)
    time.sleep(float(gap_s))
"""
SPILL = """
import sqlite3, sys, time
path, synchronous = sys.argv[1:]
connection = sqlite3.connect(path, isolation_level=None)
connection.execute("pragma cache_size=4")
connection.execute(f"pragma synchronous={synchronous}")
connection.execute("begin")
connection.execute("update numbers set value = 7")
connection.execute("insert into numbers select n + 1000, 7, zeroblob(900) from numbers")
print("writes", flush=True)
sys.stdin.readline()
connection.execute("commit")
print("done", flush=True)
time.sleep(60)
"""
TOGETHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("attach ? as other", [sys.argv[2]])
connection.execute("begin")
connection.execute("update main.numbers set value = 7")
connection.execute("update other.numbers set value = 7")
connection.execute("commit")
"""


def make(path, n_rows=600):
    """A file of some 600 kB whose rows all have the same value, 0."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("pragma synchronous=off")
        connection.execute("create table numbers (n integer primary key, value int, filling blob)")
        connection.executemany(
            "insert into numbers values (?, 0, zeroblob(900))", [(n,) for n in range(n_rows)]
        )
    return path


@contextlib.contextmanager
def writing(code, *arguments):
    """A process that runs `code`, once it writes; killed at the end."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "writes\n"
            yield process
        finally:
            process.kill()


def states(folder):
    """Name, time, size, mode and bytes of all that lies in a folder."""
    return {
        path.name: (path.stat().st_mtime_ns, path.stat().st_mode, path.read_bytes())
        for path in folder.iterdir()
    }


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file in a folder of its own; the folder for temporary files is empty at the end."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    yield make(tmp_path / "there" / "registry.sqlite3")
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "synchronous", "gap_s"),
    [
        ("delete", "off", 0),
        ("delete", "normal", 0.02),
        ("truncate", "off", 0.01),
        ("persist", "off", 0),
        ("wal", "off", 0.005),
    ],
)
def test_a_writer_that_commits_all_the_time(file, mode, synchronous, gap_s):
    """Every answer is of one state of the file, however often it is committed to, and of a later one than the answer before."""
    seen = []
    with (
        writing(WRITER, file, mode, synchronous, gap_s),
        contextlib.closing(sqlite.Reader(str(file), 10)) as reader,
    ):
        ends = time.monotonic() + 2
        while time.monotonic() < ends or (len(set(seen)) < 3 and time.monotonic() < ends + 30):
            ((n_values, value, n_rows),) = reader.ask(ONE_VALUE)
            assert (n_values, n_rows) == (1, 600)
            seen.append(value)
    assert seen == sorted(seen) and len(set(seen)) > 2


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_snapshot_beside_a_writer(file, mode):
    """A copy of a file that is written all the while is of one state, and stays so for all that is asked of it."""
    with writing(WRITER, file, mode, "off", 0.05):
        for _ in range(5):
            with contextlib.closing(sqlite.snapshot(str(file))) as copy:
                first = copy.execute(ONE_VALUE).fetchall()
                time.sleep(0.1)
                assert copy.execute(ONE_VALUE).fetchall() == first and first[0][::2] == (1, 600)
        assert sqlite.ask(str(file), ONE_VALUE) != first


def test_a_file_that_is_replaced_all_the_time(file):
    """A registry that its writer makes beside and renames is read whole, the old or the new one."""
    stop = threading.Event()

    def replace():
        for number in itertools.count(1):
            beside = file.parent / "beside"
            shutil.copyfile(file, beside)
            with contextlib.closing(sqlite3.connect(beside)) as connection, connection:
                connection.execute("pragma synchronous=off")
                connection.execute("update numbers set value = ?", [number])
            os.replace(beside, file)
            if stop.wait(0.005):
                return

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        with contextlib.closing(sqlite.Reader(str(file), 10)) as reader:
            seen, ends = set(), time.monotonic() + 30
            while len(seen) < 10 and time.monotonic() < ends:
                seen.update(reader.ask(ONE_VALUE))
    finally:
        stop.set()
        thread.join()
    assert {row[::2] for row in seen} == {(1, 600)} and len(seen) >= 10


@pytest.mark.parametrize("synchronous", ["off", "full"])
def test_a_writer_that_was_killed(file, synchronous, monkeypatch):
    """What a killed writer had changed in the file is undone in what is read, not in the file: until somebody who may opens it."""
    with writing(SPILL, file, synchronous) as writer:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    before = states(file.parent)
    assert (
        file.parent / "registry.sqlite3-journal"
    ).stat().st_size > 10_000 and file.stat().st_size > 700_000
    with (
        contextlib.closing(sqlite3.connect(f"file:{file}?immutable=1", uri=True)) as plain,
        contextlib.suppress(sqlite3.DatabaseError),
    ):
        assert plain.execute(ONE_VALUE).fetchone() != (1, 0, 600)  # or it would need no undoing
    with contextlib.closing(sqlite.Reader(str(file), 10)) as reader:
        assert reader.ask(ONE_VALUE) == [(1, 0, 600)]
        monkeypatch.setattr(sqlite, "JOURNAL_S", 120)
        started = time.monotonic()
        assert reader.ask(ONE_VALUE) == sqlite.ask(str(file), ONE_VALUE) == [(1, 0, 600)]
        assert (
            time.monotonic() - started < sqlite.JOURNAL_S / 2
        )  # from the copy, nor is the journal waited for again
        assert states(file.parent) == before
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as next_writer:
            next_writer.execute("update numbers set value = 8")
        assert reader.ask(ONE_VALUE) == [(1, 8, 600)]


def test_a_writer_in_a_long_transaction(file):
    """What a transaction has changed so far is not read, neither is it in the way; what it came to is read once it is committed."""
    with (
        writing(SPILL, file, "full") as writer,
        contextlib.closing(sqlite.Reader(str(file), 10)) as reader,
    ):
        held = sqlite.state_of(str(file))
        assert reader.ask(ONE_VALUE) == [(1, 0, 600)]
        writer.stdin.write("\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "done\n"
        assert reader.ask(ONE_VALUE) == [(1, 7, 1200)]
        assert sqlite.state_of(str(file)) != held


def test_a_journal_without_a_change(file, monkeypatch):
    """A writer that has changed nothing in the file yet, and a journal that was kept for the next time, cost no copy and no waiting."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("pragma journal_mode=persist")
        writer.execute("update numbers set value = 1")
        writer.execute("begin exclusive")
        writer.execute("update numbers set value = 2")
        assert (file.parent / "registry.sqlite3-journal").stat().st_size
        monkeypatch.setattr(sqlite, "JOURNAL_S", 120)
        started, n_copies = time.monotonic(), len(sqlite._copies)
        assert sqlite.ask(str(file), ONE_VALUE) == [(1, 1, 600)]
        assert time.monotonic() - started < sqlite.JOURNAL_S / 2 and len(sqlite._copies) == n_copies
        writer.execute("commit")
        assert sqlite.ask(str(file), ONE_VALUE) == [(1, 2, 600)]


@pytest.mark.parametrize(("when", "value"), [(1, 0), (2, 7)])
def test_a_writer_of_several_files_that_was_killed(file, when, value):
    """Killed before the common journal of two files is gone, their change is undone; killed after, it is done. Their journals stay."""
    strace = shutil.which("strace")
    need(strace, "there is no strace (Debian's package strace)")
    other = make(file.parent / "other.sqlite3")
    kill = [
        "-e",
        "trace=unlink,unlinkat",
        "-e",
        f"inject=unlink,unlinkat:error=EIO:signal=KILL:when={when}",
    ]
    done = subprocess.run(
        [strace, "-f", "-qq", *kill, sys.executable, "-c", TOGETHER, file, other],
        capture_output=True,
        text=True,
    )
    need("Operation not permitted" not in done.stderr, "strace may not trace here")
    before = states(file.parent)
    assert len(before) == (5 if when == 1 else 4), "two files, two journals, and the one in common"
    for path in (file, other):
        assert sqlite.ask(str(path), ONE_VALUE) == [(1, value, 600)]
    code = f"import sys; from observing_monitor.readers import sqlite; sqlite.ask(sys.argv[1], {ONE_VALUE!r})"
    watch = [
        strace,
        "-f",
        "-qq",
        "-e",
        "trace=open,openat,unlink,unlinkat",
        sys.executable,
        "-c",
        code,
        file,
    ]
    calls = subprocess.run(watch, capture_output=True, text=True, check=True).stderr
    assert "registry.sqlite3-journal" in calls and "-mj" not in calls, (
        "SQLite may remove the common journal where it finds it"
    )
    assert states(file.parent) == before


def test_no_room_for_a_copy(file, monkeypatch):
    """Where a copy has no room, the message names the file, the folder that is full, and what to set."""
    with (
        disk(file.parent.parent / "small", "200k"),
        contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer,
    ):
        writer.execute("pragma journal_mode=wal")
        writer.execute("update numbers set value = 5")
        monkeypatch.setattr("tempfile.tempdir", str(file.parent.parent / "small"))
        with pytest.raises(
            SourceError,
            match=r"registry.sqlite3: is copied .* no room in .*/small; let TMPDIR name a folder that has it",
        ):
            sqlite.ask(str(file), ONE_VALUE)
        assert os.listdir(file.parent.parent / "small") == []


def test_a_link_to_a_file(file):
    """What lies beside the file that a link leads to belongs to it, not what lies beside the link."""
    link = file.parent.parent / "link.sqlite3"
    link.symlink_to(file)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("pragma journal_mode=wal")
        writer.execute("update numbers set value = 5")
        assert sqlite.ask(str(link), ONE_VALUE) == [(1, 5, 600)]


def test_a_file_that_changes_at_every_try(file, caplog, monkeypatch):
    """In the end it is read under SQLite's own lock, which is said; where that can't be had, the source is silent in words."""
    counting = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000)"
    slow = f"{counting} select max(i), 5 from n, (select max(value) from numbers)"
    caplog.set_level("INFO")
    monkeypatch.setattr(sqlite, "PATIENCE_S", 0.3)
    with writing(WRITER, file, "delete", "off", 0.001):
        assert sqlite.ask(str(file), slow) == [(300000, 5)]
    assert (
        "registry.sqlite3: changes faster than it can be read, and was read under SQLite's shared lock"
        in caplog.text
    )
    stop = threading.Event()

    def touch():
        while not stop.wait(0.001):
            os.utime(file)

    toucher = threading.Thread(target=touch)
    toucher.start()
    try:
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("begin exclusive")
            with pytest.raises(
                SourceError,
                match=r"and can't be locked meanwhile \(database is locked\); the next run tries again",
            ):
                sqlite.Reader(str(file), 0.1).ask(slow)
            writer.execute("rollback")
            with (
                pytest.raises(SourceError, match=r"no such table: other"),
                Database(f"sqlite:///{file}").plain() as plain,
            ):
                plain.ask("select * from other", {})
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("pragma journal_mode=wal")
        with pytest.raises(
            SourceError, match=r"changes faster than it can be read; the next run tries again"
        ):
            sqlite.ask(str(file), slow)
        assert sorted(path.name for path in file.parent.iterdir()) == ["registry.sqlite3"]
    finally:
        stop.set()
        toucher.join()


@pytest.mark.parametrize("beside", ["-journal", "-wal"])
def test_what_lies_beside_a_file_is_damaged(file, beside, monkeypatch, n_tries=25):
    """Of a journal or log that is cut or has another byte somewhere, what SQLite makes of it is read, or it is a fault in words."""
    monkeypatch.setattr(sqlite, "JOURNAL_S", 0)
    if beside == "-journal":
        with writing(SPILL, file, "full") as writer:
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
        kept = {path.name: path.read_bytes() for path in file.parent.iterdir()}
    else:
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("pragma journal_mode=wal")
            writer.execute("update numbers set value = 1")
            kept = {
                path.name: path.read_bytes()
                for path in file.parent.iterdir()
                if not path.name.endswith("-shm")
            }
    chance, outcomes = random.Random(6), set()
    for number in range(n_tries):
        folder = file.parent.parent / str(number)
        folder.mkdir()
        for name, data in kept.items():
            if name.endswith(beside):
                at = chance.choice((chance.randrange(32), chance.randrange(len(data))))
                data = data[:at] + (
                    bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
                    if chance.random() < 0.7
                    else b""
                )
            (folder / name).write_bytes(data)
        before = states(folder)
        try:
            outcomes.add(sqlite.ask(str(folder / file.name), ONE_VALUE)[0][2] >= 0)
        except sqlite3.DatabaseError as error:
            outcomes.add(type(error))
        assert states(folder) == before
        sqlite._copies.clear()
    assert True in outcomes


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_file_that_changes_in_the_middle_of_a_query(file, is_gone):
    """A query in whose middle the file is replaced is answered from the new one; where it is gone it is no file, and said so."""
    other, asked = make(file.parent / "other.sqlite3", n_rows=5), []

    def meanwhile():
        if not asked and not is_gone:
            os.replace(other, file)
        if not asked and is_gone:
            file.unlink()
        asked.append(1)
        return 1

    with contextlib.closing(sqlite.Reader(str(file), 10)) as reader:
        reader.create_function("meanwhile", 0, meanwhile)
        query = "select count(*), meanwhile() from numbers"
        if is_gone:
            with pytest.raises(FileNotFoundError):
                reader.ask(query)
        else:
            assert reader.ask(query) == [(5, 1)] and len(asked) == 2


def test_a_query_that_fails_while_the_file_changes(file, monkeypatch):
    """What is wrong with a query itself is said, though the file changed at every try."""
    monkeypatch.setattr(sqlite, "TRIES", 2)

    def fail():
        os.utime(file)
        raise ValueError

    with contextlib.closing(sqlite.Reader(str(file), 10)) as reader:
        reader.create_function("fail", 0, fail)
        with pytest.raises(
            sqlite3.OperationalError, match="user-defined function raised exception"
        ):
            reader.ask("select fail()")


def test_sqlalchemy_reads_it_so_as_well(file):
    """Whoever asks by SQLAlchemy has the same: rows one by one or at once, its `regexp`, and a URL with options of SQLite's."""
    from sqlalchemy import text

    with Database(f"sqlite:///file:{file}?mode=rwc&uri=true").connect() as connection:
        asked = connection.execute(
            text("select n, value from numbers where cast(n as text) regexp '^5.$' order by n")
        )
        assert list(asked.keys()) == ["n", "value"]
        assert (
            asked.fetchone() == (50, 0)
            and asked.fetchmany(2) == [(51, 0), (52, 0)]
            and len(asked.fetchall()) == 7
        )
        with contextlib.closing(sqlite3.connect(file)) as writer, writer:
            writer.execute("update numbers set value = 3")
        assert connection.execute(text("select distinct value from numbers")).scalars().all() == [3]
