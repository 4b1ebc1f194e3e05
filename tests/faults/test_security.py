"""Sources are only read, and no data are run."""

import contextlib
import datetime
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import hostile
import pytest
import sqlalchemy
from breakage import age
from conftest import CHECKOUT
from hostile import stream_of
from needs import need
from running import run, start
from small_inputs import KINDS, NIGHT, NOW

from observing_monitor.collecting.sources import make_sources
from observing_monitor.errors import SourceError
from observing_monitor.readers.sql import Database
from observing_monitor.sources.registry import BUILT_IN

DAYS = ("--first_day", str(NIGHT), "--last_day", str(NIGHT))
MARK = "pwned_by_data"


WRITES = r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)"
CHANGES = (
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.utime",
    "os.chmod",
    "shutil.rmtree",
)
FORBIDDEN = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.bind",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "compile",
    "exec",
)
NEVER = {"urllib.Request", "os.symlink", "os.link", "os.chown"}
TRACED = (
    "trace=openat,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,"
    "link,linkat,symlink,symlinkat,chmod,fchmodat,truncate,connect,bind,execve"
)
RUN = """
import datetime, sys
from observing_monitor import cli
now = datetime.datetime.fromisoformat(sys.argv.pop())
sys.exit(cli.main(sys.argv[1:], now))
"""


def as_toml(value):
    """Return a value of the settings as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {as_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(str(value) if isinstance(value, Path) else value)


def every_kind(folder):
    """Write settings of every kind of source; return its input."""
    lines = ['[observing_monitor]\noutput_dir = "site"']
    for number, (kind, make) in enumerate(KINDS.items()):
        (folder / "input" / str(number)).mkdir(parents=True)
        sources, _ = make(folder / "input" / str(number))
        lines.append(f"[streams.s{number}]\ntitle = {as_toml(kind)}")
        lines.append(f"previews = {as_toml(kind == 'files')}")
        for table in sources:
            lines.append(f"[[streams.s{number}.sources]]")
            lines += [f"{key} = {as_toml(value)}" for key, value in table.items()]
    (folder / "site.toml").write_text("\n".join(lines) + "\n")
    return folder / "input"


def states(folder):
    """Return the bytes and `stat` of every file and folder."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        state = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (
            state.st_mode,
            state.st_size,
            state.st_mtime_ns,
            state.st_ctime_ns,
            state.st_ino,
            data,
        )
    return found


# Python's own audit events, written to a file.
HOOK = """
import os, sys
_out = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_wanted = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.",
    "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.chmod",
    "os.chown", "os.truncate", "os.utime", "shutil.", "sqlite3.connect", "ftplib.", "urllib.",
    "webbrowser", "ctypes.dlopen", "pickle.find_class")
_writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
def _hook(event, args):
    if event == "open":
        path, mode, flags = args
        if isinstance(path, (str, bytes)) and flags & _writes:
            os.write(_out, f"open\\t{os.fsdecode(path)!r}\\n".encode("utf-8", "backslashreplace"))
    elif event in ("compile", "exec"):
        if os.environ["MARK"] in repr(args):
            os.write(_out, f"{event}\\t{args!r}\\n".encode("utf-8", "backslashreplace"))
    elif event.startswith(_wanted):
        os.write(_out, f"{event}\\t{args!r}\\n".encode("utf-8", "backslashreplace"))
sys.addaudithook(_hook)
"""


def unmeasured():
    """Return the environment without coverage."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def test_a_run_is_watched(tmp_path):
    """A run writes only its output and starts only workers."""
    every_kind(tmp_path)
    code = f"23:00:00 __import__('os').system('{MARK}')".encode()
    for path in (tmp_path / "input").rglob("*.csv"):
        path.write_bytes(path.read_bytes().replace(b"23:00:00", code))
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    watched = tmp_path / "watched"
    environment = unmeasured() | {
        "WATCHED": str(watched),
        "MARK": MARK,
        "PYTHONPATH": os.pathsep.join([str(hook), str(CHECKOUT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = start("-c", tmp_path / "site.toml", *DAYS, now=NOW, env=environment)
    _, error = process.communicate()
    assert process.returncode == 0, error
    events = [line.split("\t", 1) for line in watched.read_text().splitlines()]
    names = {event for event, _ in events}
    assert names >= {"open", "os.rename", "os.mkdir", "sqlite3.connect"}, "the hook sees nothing"
    written = {details.strip("'") for event, details in events if event == "open"}
    site = str(tmp_path / "site")
    assert {path for path in written if not path.startswith((site, "/dev/null"))} == set()
    for event, details in events:
        if event in CHANGES:
            places = re.findall(r"'(/[^']*)'", details)
            assert places, (event, details)
            assert all(place.startswith((site, "/tmp/pymp", "/tmp/tmp")) for place in places), (
                event,
                details,
            )
    assert [pair for pair in events if pair[0].startswith(FORBIDDEN)] == []
    assert names & NEVER == set()


def test_a_run_is_watched_from_outside(tmp_path):
    """The same by the kernel's account."""
    strace = shutil.which("strace")
    need(strace, "there is no strace (Debian's package strace)")
    probe = subprocess.run([strace, "-o", "/dev/null", "true"], check=False, capture_output=True)
    need(probe.returncode == 0, "strace may not trace here")
    every_kind(tmp_path)
    before = states(tmp_path / "input")
    account = tmp_path / "account"
    trace = [strace, "-f", "-qq", "-s", "300", "-e", TRACED, "-o", account]
    program = [sys.executable, "-B", "-c", RUN, "-c", tmp_path / "site.toml", *DAYS]
    done = subprocess.run(
        [str(word) for word in (*trace, *program, NOW.isoformat())],
        check=False,
        capture_output=True,
        text=True,
        env=unmeasured(),
    )
    assert done.returncode == 0, done.stderr
    programs, touched, called = read_account(account)
    assert programs == {os.path.realpath(sys.executable)}
    assert called == []
    assert any(path.endswith("index.html") for path in touched)
    ours = (str(tmp_path / "site"), "/dev/null", "/dev/shm/", "/dev/tty", "/proc/self/")
    assert {path for path in touched if not path.startswith(ours)} == set()
    assert states(tmp_path / "input") == before


def read_account(account):
    """Return programs started, paths changed, addresses called."""
    programs, touched, called = set(), set(), []
    for line in account.read_text(errors="replace").splitlines():
        call, _, rest = line.split(maxsplit=1)[1].partition("(")
        if rest.endswith(")") or " = -1 " in rest or not rest:  # failed, or not begun
            continue
        paths = re.findall(r'"((?:[^"\\]|\\.)*)"', rest)
        if call == "execve":
            programs.add(os.path.realpath(paths[0]))
        elif call in ("connect", "bind"):
            called.append(line)
        elif call not in ("openat", "open") or re.search(WRITES, rest):
            touched.update(os.path.join("/", path) for path in paths[:2])
    return programs, touched, called


def test_sources_are_left_as_they_were(tmp_path):
    """No byte, time or mode of a source's files changes."""
    folder = every_kind(tmp_path)
    for path in folder.rglob("*.sqlite3"):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma journal_mode = wal")
    before = states(folder)
    assert run("-c", tmp_path / "site.toml", *DAYS, now=NOW) == 0
    assert run("check", "-c", tmp_path / "site.toml", *DAYS, now=NOW) == 0
    assert states(folder) == before


def test_a_writer_is_not_in_the_way(tmp_path, monkeypatch):
    """Rows in a write-ahead log are read; no file changes."""

    def n_rows():
        with Database(f"sqlite:///{path}").connect() as reader:
            return reader.execute(sqlalchemy.text("select count(*) from log")).scalar()

    (tmp_path / "in").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    _, (path,) = KINDS["sql"](tmp_path / "in")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = wal")
        for n in (5, 6):
            connection.execute(
                "insert into log values ('late.fits', '2020-02-12 23:09:00', 'ok', '', 1)"
            )
            connection.commit()
            before = states(tmp_path / "in")
            assert n_rows() == n_rows() == n
            assert states(tmp_path / "in") == before
    assert n_rows() == 6  # the log is gone with its writer
    assert list((tmp_path / "temporary").iterdir()) == [], "a copy is left"


@pytest.mark.parametrize("kind", ["postgresql", "mariadb", "sqlite"])
def test_a_database_refuses_what_a_source_would_write(tmp_path, request, kind):
    """The connection of sources is read-only."""
    if kind == "postgresql":
        url = request.getfixturevalue("postgres").create("readonly")
    elif kind == "mariadb":
        url = request.getfixturevalue("mariadb").create("readonly")
    else:
        url = f"sqlite:///{tmp_path}/a.sqlite3"
        sqlite3.connect(tmp_path / "a.sqlite3").close()
    plain = sqlalchemy.create_engine(url.replace("mysql://", "mysql+pymysql://"))
    with plain.begin() as connection:  # its user may write
        connection.execute(sqlalchemy.text("create table t (a int)"))
    plain.dispose()
    for statement in (
        "insert into t values (1)",
        "delete from t",
        "drop table t",
        "create table u (a int)",
    ):
        with (
            pytest.raises(SourceError, match="(?i)read.?only|may not be written"),
            Database(url).connect() as connection,
        ):
            connection.execute(sqlalchemy.text(statement))


def linked(kind, folder, elsewhere):
    """Replace a source's files by links; return the source."""
    sources, targets = KINDS[kind](folder)
    for number, target in enumerate(targets):
        moved = elsewhere / f"{number}{target.name}"
        moved.write_bytes(target.read_bytes())
        target.unlink()
        target.symlink_to(moved)
    return sources


@pytest.mark.parametrize(
    "kind",
    [
        "files",
        "lasair",
        "bucket_listing",
        "fitsstorage_logs",
        "expected",
        "summit",
        "notes",
        "table, CSV",
    ],
)
def test_links_out_of_a_folder_are_not_read(tmp_path, kind):
    """Links out of a source's folder are not followed."""
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").mkdir()
    sources = linked(kind, tmp_path / "in", tmp_path / "secret")
    if kind == "expected":
        del sources[0]["exposures"]  # the settings name this file: a link there is followed
    stream = stream_of(sources)
    _, done = hostile.one_night(stream, tmp_path / "site")
    page = (tmp_path / "site" / "s" / f"{NIGHT}.html").read_text()
    assert "it lies outside the folders that are read" in page
    assert done.row["summary"]["n_files"] in (0, 7) and "MC_O_20200212_000001" not in page.replace(
        "_000001_expected", ""
    )
    (source, *_) = make_sources(stream, NOW)
    with contextlib.suppress(SourceError):  # which is an answer as well
        reading = source.read(NIGHT)
        assert reading.metrics is None or set(reading.metrics["name"]) <= {"expected_as_of"}
        assert reading.attempts is None or reading.attempts.empty


@pytest.mark.parametrize(
    "kind",
    [
        "lasair",
        "bucket_listing",
        "fitsstorage_logs",
        "summit",
        "table, CSV",
        "table, JSON",
        "lwa",
        "broker_counts",
        "gen2",
        "gen3",
        "sql",
    ],
)
def test_pipes_are_not_waited_for(tmp_path, kind):
    """A pipe in place of a file is not opened."""
    sources, targets = KINDS[kind](tmp_path)
    for target in targets:
        target.unlink()
        os.mkfifo(target)
        age(target)
    began = datetime.datetime.now(datetime.UTC)
    outcome, done = hostile.one_night(stream_of(sources), tmp_path / "site")
    assert not done.problem
    assert outcome.problems or outcome.row["notes"] or kind == "fitsstorage_logs"
    assert (datetime.datetime.now(datetime.UTC) - began).total_seconds() < 20


def test_every_kind_of_source_is_tried():
    """KINDS has every source that needs no server."""
    assert {kind.partition(",")[0] for kind in KINDS} | {"fitsstorage", "objects"} == set(BUILT_IN)
