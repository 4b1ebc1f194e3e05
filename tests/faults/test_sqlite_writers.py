"""SQLite files that are being written, or were.

They are read without a lock.
"""

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
from needs import need
from small_disk import disk
from sqlalchemy import text

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


ASK = """
import sys
from observing_monitor.readers import sqlite
sqlite.ask(sys.argv[1], sys.argv[2])
"""


def make(path, n_rows=600):
    """Make a file whose rows have the value 0; return its path."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("pragma synchronous=off")
        connection.execute("create table numbers (n integer primary key, value int, filling blob)")
        connection.executemany(
            "insert into numbers values (?, 0, zeroblob(900))", [(n,) for n in range(n_rows)]
        )
    return path


@contextlib.contextmanager
def writing(code, *arguments):
    """Run a process that writes during the block; kill it."""
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
    """Return each file's time, mode and bytes."""
    return {
        path.name: (path.stat().st_mtime_ns, path.stat().st_mode, path.read_bytes())
        for path in folder.iterdir()
    }


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file in its own folder; tests leave no other file."""
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
    """Every answer is of one state, never of an older one."""
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
def test_a_snapshot_during_writes(file, mode):
    """A copy is of one state for all queries."""
    with writing(WRITER, file, mode, "off", 0.05):
        for _ in range(5):
            with contextlib.closing(sqlite.snapshot(str(file))) as copy:
                first = copy.execute(ONE_VALUE).fetchall()
                time.sleep(0.1)
                assert copy.execute(ONE_VALUE).fetchall() == first and first[0][::2] == (1, 600)
        assert sqlite.ask(str(file), ONE_VALUE) != first


def test_a_file_that_is_replaced_all_the_time(file):
    """A file that is being replaced is read whole."""
    stop = threading.Event()

    def replace():
        for number in itertools.count(1):
            new = file.parent / "new"
            shutil.copyfile(file, new)
            with contextlib.closing(sqlite3.connect(new)) as connection, connection:
                connection.execute("pragma synchronous=off")
                connection.execute("update numbers set value = ?", [number])
            os.replace(new, file)
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
    """A killed writer's changes are undone in answers only.

    The next writer undoes them there.
    """
    with writing(SPILL, file, synchronous) as writer:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    before = states(file.parent)
    assert (file.parent / "registry.sqlite3-journal").stat().st_size > 10_000
    assert file.stat().st_size > 700_000
    with (
        contextlib.closing(sqlite3.connect(f"file:{file}?immutable=1", uri=True)) as plain,
        contextlib.suppress(sqlite3.DatabaseError),
    ):
        assert plain.execute(ONE_VALUE).fetchone() != (1, 0, 600)  # or nothing is to undo
    with contextlib.closing(sqlite.Reader(str(file), 10)) as reader:
        assert reader.ask(ONE_VALUE) == [(1, 0, 600)]
        monkeypatch.setattr(sqlite, "JOURNAL_S", 120)
        started = time.monotonic()
        assert reader.ask(ONE_VALUE) == sqlite.ask(str(file), ONE_VALUE) == [(1, 0, 600)]
        # from the copy: the journal is not waited for again
        assert time.monotonic() - started < sqlite.JOURNAL_S / 2
        assert states(file.parent) == before
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as next_writer:
            next_writer.execute("update numbers set value = 8")
        assert reader.ask(ONE_VALUE) == [(1, 8, 600)]


def test_a_writer_in_a_long_transaction(file):
    """Changes are read once they are committed."""
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
    """A journal without a change costs no copy and no wait."""
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
    """A change of two files counts in both or in none.

    Killed before, it is undone in both. All journals stay.
    """
    strace = shutil.which("strace")
    need(strace, "there is no strace (Debian's package strace)")
    other = make(file.parent / "other.sqlite3")
    inject = f"inject=unlink,unlinkat:error=EIO:signal=KILL:when={when}"
    kill = [strace, "-f", "-qq", "-e", "trace=unlink,unlinkat", "-e", inject]
    program = [sys.executable, "-c", TOGETHER, file, other]
    done = subprocess.run([*kill, *program], capture_output=True, text=True)
    need("Operation not permitted" not in done.stderr, "strace may not trace here")
    before = states(file.parent)
    assert len(before) == (5 if when == 1 else 4), "two files, two journals, and the one in common"
    for path in (file, other):
        assert sqlite.ask(str(path), ONE_VALUE) == [(1, value, 600)]
    watch = [strace, "-f", "-qq", "-e", "trace=open,openat,unlink,unlinkat"]
    program = [sys.executable, "-c", ASK, file, ONE_VALUE]
    calls = subprocess.run([*watch, *program], capture_output=True, text=True, check=True).stderr
    assert "registry.sqlite3-journal" in calls
    assert "-mj" not in calls, "SQLite may remove the common journal if it finds it"
    assert states(file.parent) == before


def test_no_room_for_a_copy(file, monkeypatch):
    """If a copy has no room, the message names TMPDIR."""
    with (
        disk(file.parent.parent / "small", "200k"),
        contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer,
    ):
        writer.execute("pragma journal_mode=wal")
        writer.execute("update numbers set value = 5")
        monkeypatch.setattr("tempfile.tempdir", str(file.parent.parent / "small"))
        words = (
            r"registry.sqlite3: is copied .* no room in .*/small; "
            r"let TMPDIR name a folder that has it"
        )
        with pytest.raises(SourceError, match=words):
            sqlite.ask(str(file), ONE_VALUE)
        assert os.listdir(file.parent.parent / "small") == []


def test_a_link_to_a_file(file):
    """The log of a linked file is next to the file."""
    link = file.parent.parent / "link.sqlite3"
    link.symlink_to(file)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("pragma journal_mode=wal")
        writer.execute("update numbers set value = 5")
        assert sqlite.ask(str(link), ONE_VALUE) == [(1, 5, 600)]


def test_a_file_that_changes_at_every_try(file, caplog, monkeypatch):
    """A file that changes too fast is read under a lock.

    If the lock can't be had either, that is a fault in words.
    """
    counting = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000)"
    slow = f"{counting} select max(i), 5 from n, (select max(value) from numbers)"
    caplog.set_level("INFO")
    monkeypatch.setattr(sqlite, "PATIENCE_S", 0.3)
    with writing(WRITER, file, "delete", "off", 0.001):
        assert sqlite.ask(str(file), slow) == [(300000, 5)]
    words = "changes faster than it can be read, and was read under SQLite's shared lock"
    assert f"registry.sqlite3: {words}" in caplog.text
    with touched_all_the_time(file):
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("begin exclusive")
            words = r"and can't be locked meanwhile; the next run tries again"
            with pytest.raises(SourceError, match=words):
                sqlite.Reader(str(file), 0.1).ask(slow)
            writer.execute("rollback")
            with (
                pytest.raises(SourceError, match=r"has no table other"),
                Database(f"sqlite:///{file}").plain() as plain,
            ):
                plain.ask("select * from other", {})
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("pragma journal_mode=wal")
        words = r"changes faster than it can be read; the next run tries again"
        with pytest.raises(SourceError, match=words):
            sqlite.ask(str(file), slow)
        assert sorted(path.name for path in file.parent.iterdir()) == ["registry.sqlite3"]


@contextlib.contextmanager
def touched_all_the_time(file):
    """Change a file's time all the time during the block."""
    stop = threading.Event()

    def touch():
        while not stop.wait(0.001):
            os.utime(file)

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def leave_files(file, ending):
    """Let a writer leave a journal or a log; return all bytes."""
    if ending == "-journal":
        with writing(SPILL, file, "full") as writer:
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
        return {path.name: path.read_bytes() for path in file.parent.iterdir()}
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("pragma journal_mode=wal")
        writer.execute("update numbers set value = 1")
        return {
            path.name: path.read_bytes()
            for path in file.parent.iterdir()
            if not path.name.endswith("-shm")
        }


@pytest.mark.parametrize("ending", ["-journal", "-wal"])
def test_a_damaged_journal_or_log(file, ending, monkeypatch, n_tries=25):
    """A damaged journal gives SQLite's own answer or a fault."""
    monkeypatch.setattr(sqlite, "JOURNAL_S", 0)
    kept = leave_files(file, ending)
    chance, outcomes = random.Random(6), set()
    for number in range(n_tries):
        folder = file.parent.parent / str(number)
        folder.mkdir()
        for name, data in kept.items():
            (folder / name).write_bytes(damaged(data, chance) if name.endswith(ending) else data)
        before = states(folder)
        try:
            outcomes.add(sqlite.ask(str(folder / file.name), ONE_VALUE)[0][2] >= 0)
        except sqlite3.DatabaseError as error:
            outcomes.add(type(error))
        assert states(folder) == before
        sqlite._copies.clear()
    assert True in outcomes


def damaged(data, chance):
    """Return bytes that are cut or have one changed bit."""
    at = chance.choice((chance.randrange(32), chance.randrange(len(data))))
    if chance.random() < 0.7:
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    return data[:at]


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_file_that_changes_during_a_query(file, is_gone):
    """A query of a replaced file reads the new one.

    If it is removed, the query fails.
    """
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
    """A wrong query is reported although the file changes."""
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


def test_sqlalchemy_reads_the_same_way(file):
    """SQLAlchemy gets the same rows."""
    with Database(f"sqlite:///file:{file}?mode=rwc&uri=true").connect() as connection:
        asked = connection.execute(
            text("select n, value from numbers where cast(n as text) regexp '^5.$' order by n")
        )
        assert list(asked.keys()) == ["n", "value"]
        assert asked.fetchone() == (50, 0)
        assert asked.fetchmany(2) == [(51, 0), (52, 0)]
        assert len(asked.fetchall()) == 7
        with contextlib.closing(sqlite3.connect(file)) as writer, writer:
            writer.execute("update numbers set value = 3")
        assert connection.execute(text("select distinct value from numbers")).scalars().all() == [3]
