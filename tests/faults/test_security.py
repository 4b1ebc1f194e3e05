"""What SECURITY.md promises: sources are only read, links lead nowhere out, nothing is run, no one is called, no password is told."""

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
from conftest import CHECKOUT, need
from hostile import KINDS, NIGHT, NOW, stream_of
from running import run, start

from observing_monitor.collecting.sources import make_sources
from observing_monitor.errors import SourceError
from observing_monitor.readers.sql import Database
from observing_monitor.sources.registry import BUILT_IN

DAYS = ("--first_day", str(NIGHT), "--last_day", str(NIGHT))
MARK = "pwned_by_data"


def as_toml(value):
    return json.dumps(str(value) if isinstance(value, Path) else value)


def every_kind(folder):
    """A settings file with a stream of each of KINDS, their texts marked with MARK where that is easy; the folder that they read."""
    lines = ['[observing_monitor]\noutput_dir = "site"']
    for number, (kind, make) in enumerate(KINDS.items()):
        (folder / "input" / str(number)).mkdir(parents=True)
        sources, _ = make(folder / "input" / str(number))
        lines.append(
            f"[streams.s{number}]\ntitle = {as_toml(kind)}\npreviews = {'true' if kind == 'files' else 'false'}"
        )
        for table in sources:
            lines.append(f"[[streams.s{number}.sources]]")
            for key, value in table.items():
                of_table = (
                    "{ " + ", ".join(f"{k} = {as_toml(v)}" for k, v in value.items()) + " }"
                    if isinstance(value, dict)
                    else as_toml(value)
                )
                lines.append(f"{key} = {of_table}")
    (folder / "site.toml").write_text("\n".join(lines) + "\n")
    return folder / "input"


def states(folder):
    """What `stat` says of every file and folder, and its bytes: all but when it was last read."""
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


HOOK = """
import os, sys
_out = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_wanted = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.", "os.remove", "os.rename", "os.mkdir",
    "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.chown", "os.truncate", "os.utime", "shutil.", "sqlite3.connect", "ftplib.",
    "urllib.",
    "webbrowser", "ctypes.dlopen", "pickle.find_class")
def _hook(event, args):
    if event == "open":
        path, mode, flags = args
        if isinstance(path, (str, bytes)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
            os.write(_out, f"open\\t{os.fsdecode(path)!r}\\n".encode("utf-8", "backslashreplace"))
    elif event in ("compile", "exec"):
        if os.environ["MARK"] in repr(args):
            os.write(_out, f"{event}\\t{args!r}\\n".encode("utf-8", "backslashreplace"))
    elif event.startswith(_wanted):
        os.write(_out, f"{event}\\t{args!r}\\n".encode("utf-8", "backslashreplace"))
sys.addaudithook(_hook)
"""


def unmeasured():
    """The environment without what has coverage measure the processes that tests start: it writes files of its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def test_a_run_is_watched(tmp_path):
    """A run over every kind of source writes below its output alone, starts no program but its own workers, runs no data, calls nobody."""
    every_kind(tmp_path)
    for path in (tmp_path / "input").rglob("*.csv"):  # a name and a message that would be code
        path.write_bytes(
            path.read_bytes().replace(
                b"23:00:00", f"23:00:00 __import__('os').system('{MARK}')".encode()
            )
        )
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
    said, error = process.communicate()
    assert process.returncode == 0, error
    events = [line.split("\t", 1) for line in watched.read_text().splitlines()]
    assert {event for event, _ in events} >= {
        "open",
        "os.rename",
        "os.mkdir",
        "sqlite3.connect",
    }  # the hook sees
    written = {told.strip("'") for event, told in events if event == "open"}
    assert {
        path for path in written if not path.startswith((str(tmp_path / "site"), "/dev/null"))
    } == set()
    for event, told in events:
        if event in (
            "os.rename",
            "os.remove",
            "os.mkdir",
            "os.rmdir",
            "os.utime",
            "os.chmod",
            "shutil.rmtree",
        ):
            places = re.findall(r"'(/[^']*)'", told)
            assert places and all(
                place.startswith((str(tmp_path / "site"), "/tmp/pymp", "/tmp/tmp"))
                for place in places
            ), (event, told)
    forbidden = (
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
    assert [pair for pair in events if pair[0].startswith(forbidden)] == []
    assert {event for event, _ in events} & {
        "urllib.Request",
        "os.symlink",
        "os.link",
        "os.chown",
    } == set()


def test_a_run_is_watched_from_outside(tmp_path):
    """By the kernel's own account too, C libraries included: it writes below its output alone, runs no other program, calls no address."""
    strace = shutil.which("strace")
    need(strace, "there is no strace (Debian's package strace)")
    probe = subprocess.run([strace, "-o", "/dev/null", "true"], check=False, capture_output=True)
    need(probe.returncode == 0, "strace may not trace here")
    every_kind(tmp_path)
    before = states(tmp_path / "input")
    account = tmp_path / "account"
    code = "import datetime, sys; from observing_monitor import cli; now = datetime.datetime.fromisoformat(sys.argv.pop()); "
    code += "sys.exit(cli.main(sys.argv[1:], now))"
    calls = "trace=openat,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat"
    calls += ",chmod,fchmodat,truncate,connect,bind,execve"
    command = [
        strace,
        "-f",
        "-qq",
        "-s",
        "300",
        "-e",
        calls,
        "-o",
        str(account),
        sys.executable,
        "-B",
        "-c",
        code,
        "-c",
        str(tmp_path / "site.toml"),
        *DAYS,
    ]
    done = subprocess.run(
        [*command, NOW.isoformat()], check=False, capture_output=True, text=True, env=unmeasured()
    )
    assert done.returncode == 0, done.stderr
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
        elif call not in ("openat", "open") or re.search(
            r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)", rest
        ):
            touched.update(os.path.join("/", path) for path in paths[:2])
    assert programs == {os.path.realpath(sys.executable)}
    assert called == []
    assert any(path.endswith("index.html") for path in touched)
    ours = (str(tmp_path / "site"), "/dev/null", "/dev/shm/", "/dev/tty", "/proc/self/")
    assert {path for path in touched if not path.startswith(ours)} == set()
    assert states(tmp_path / "input") == before


def test_sources_are_left_as_they_were(tmp_path):
    """No source's file or folder has another byte, time, mode or neighbour after a run: of a database in WAL mode neither."""
    folder = every_kind(tmp_path)
    for path in folder.rglob("*.sqlite3"):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma journal_mode = wal")
    before = states(folder)
    assert run("-c", tmp_path / "site.toml", *DAYS, now=NOW) == 0
    assert run("check", "-c", tmp_path / "site.toml", *DAYS, now=NOW) == 0
    assert states(folder) == before


def test_a_writer_is_not_in_the_way(tmp_path, monkeypatch):
    """What a writer has committed to a database in WAL mode, and not yet moved into it, is read while it is open: nothing there changes."""
    import sqlalchemy

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
    assert (
        list((tmp_path / "temporary").iterdir()) == []
    )  # nor is a copy left, however the run may end


@pytest.mark.parametrize("kind", ["postgresql", "mariadb", "sqlite"])
def test_a_database_refuses_what_a_source_would_write(tmp_path, request, kind):
    """Through the connection that sources use nothing can be written, though its user may: the server, or SQLite, refuses."""
    import sqlalchemy

    if kind == "postgresql":
        url = request.getfixturevalue("postgres").create("readonly")
    elif kind == "mariadb":
        url = request.getfixturevalue("mariadb").create("readonly")
    else:
        url = f"sqlite:///{tmp_path}/a.sqlite3"
        sqlite3.connect(tmp_path / "a.sqlite3").close()
    plain = sqlalchemy.create_engine(
        sqlalchemy.make_url(url)
        if kind != "mariadb"
        else url.replace("mysql://", "mysql+pymysql://")
    )
    with plain.begin() as connection:  # this user may
        connection.execute(sqlalchemy.text("create table t (a int)"))
    plain.dispose()
    for statement in (
        "insert into t values (1)",
        "delete from t",
        "drop table t",
        "create table u (a int)",
    ):
        with (
            pytest.raises(SourceError, match="(?i)read.?only"),
            Database(url).connect() as connection,
        ):
            connection.execute(sqlalchemy.text(statement))


# --- links -----------------------------------------------------------------------------------------------------------------

SECRET = "the_secret_of_another_folder"


def linked(kind, folder, secret):
    """Replace each of the files that a source reads by a link to one like it in another folder, with SECRET in it; the source's tables."""
    sources, targets = KINDS[kind](folder)
    for number, target in enumerate(targets):
        data = target.read_bytes()
        elsewhere = secret / f"{number}{target.name}"
        elsewhere.write_bytes(data)
        target.unlink()
        target.symlink_to(elsewhere)
    return sources


@pytest.mark.parametrize(
    "kind",
    ["files", "lasair", "bucket_listing", "fitsstorage_logs", "expected", "summit", "table, CSV"],
)
def test_links_out_of_a_folder_are_not_read(tmp_path, kind):
    """Of a file that a folder or a pattern finds, and that is a link to a place outside, no content is told; and it is said so."""
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").mkdir()
    sources = linked(kind, tmp_path / "in", tmp_path / "secret")
    if kind == "expected":
        del sources[0]["exposures"]  # which is named itself: a link there is the operator's own
    stream = stream_of(sources)
    outcome, done = hostile.one_night(stream, tmp_path / "site")
    page = (tmp_path / "site" / "s" / f"{NIGHT}.html").read_text()
    assert "it lies outside the folders that are read" in page
    assert done.row["summary"]["n_files"] in (0, 7) and "MC_O_20200212_000001" not in page.replace(
        "_000001_expected", ""
    )
    (source, *_) = make_sources(stream, NOW)
    try:
        reading = source.read(NIGHT)
        assert reading.metrics is None or set(reading.metrics["name"]) <= {"expected_as_of"}
        assert reading.attempts is None or reading.attempts.empty
    except SourceError:
        pass  # that is an answer as well


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
    """A pipe in the place of a file is a fault in words, at once: opening it would wait for ever."""
    sources, targets = KINDS[kind](tmp_path)
    for target in targets:
        target.unlink()
        os.mkfifo(target)
        hostile.age(target)
    began = datetime.datetime.now(datetime.UTC)
    outcome, done = hostile.one_night(stream_of(sources), tmp_path / "site")
    assert not done.problem and (
        outcome.problems or outcome.row["notes"] or kind == "fitsstorage_logs"
    )
    assert (datetime.datetime.now(datetime.UTC) - began).total_seconds() < 20


def test_every_kind_of_source_is_tried():
    """No kind of source is left out of what is tried here; what only a server has is tried with that one."""
    assert {kind.partition(",")[0] for kind in KINDS} | {"fitsstorage", "objects"} == set(BUILT_IN)


# --- passwords -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["url", "password_env", "query"])
def test_a_password_is_never_told(tmp_path, monkeypatch, way):
    """With a real server that refuses, and one that isn't there, no page, file or line of the output has the password, however written."""
    from servers import PostgreSQL

    need(PostgreSQL.bin(), "there is no PostgreSQL (Debian's package postgresql)")
    secret, written = "p@ss/w?rd%zzz", "p%40ss%2Fw%3Frd%25zzz"
    with PostgreSQL(password="another") as server:
        addresses = [f"127.0.0.1:{server.port}", "127.0.0.1:1"]
        lines = ['[observing_monitor]\noutput_dir = "site"']
        for number, address in enumerate(addresses):
            url = {
                "url": f"postgresql://tester:{written}@{address}/postgres",
                "password_env": f"postgresql://tester@{address}/postgres",
            }
            url |= {"query": f"postgresql://{address}/postgres?user=tester&password={written}"}
            lines.append(
                f'[[streams.s{number}.sources]]\ntype = "sql"\nurl = "{url[way]}"\nquery = "select 1"\nnight_column = "n"\ntimeout_s = 2'
            )
            lines.append(
                'values = { a = "b" }'
                + ('\npassword_env = "OUR_SECRET"' if way == "password_env" else "")
            )
            for kind, more in (("dbb", ""), ("fitsstorage", ""), ("lasair", "")):
                lines.append(
                    f'[[streams.s{number}.sources]]\ntype = "{kind}"\nurl = "{url[way]}"\ntimeout_s = 2\n{more}'
                )
                lines += ['password_env = "OUR_SECRET"'] if way == "password_env" else []
        (tmp_path / "site.toml").write_text("\n".join(lines) + "\n")
        if way == "password_env":
            monkeypatch.setenv("OUR_SECRET", secret)
        said = []
        for command in (("run", "-v"), ("check",), ("rebuild", "--jobs", "2")):
            process = start(*command, "-c", tmp_path / "site.toml", *DAYS, now=NOW)
            out, error = process.communicate(timeout=120)
            assert process.returncode == 1, error
            said += [out, error]
    said += [
        path.read_text(errors="replace")
        for path in (tmp_path / "site").rglob("*")
        if path.is_file() and "assets" not in path.parts
    ]
    assert "authentication failed" in "".join(said) and "onnection" in "".join(
        said
    )  # both servers were asked
    for text in said:
        assert (
            secret not in text
            and written not in text
            and "zzz" not in text
            and "Traceback" not in text
        )


def test_an_unforeseen_fault_tells_no_password(tmp_path):
    """Whatever goes wrong while a database is read: an exception that would say its address with the password says it without."""
    path = tmp_path / "a.sqlite3"
    sqlite3.connect(path).close()
    database = Database(f"sqlite:///{path}", "OUR_SECRET")
    os.environ["OUR_SECRET"] = "zzz-secret"
    try:
        for error in (KeyError("no zzz-secret"), RuntimeError("x")):
            with pytest.raises((SourceError, RuntimeError)) as caught, database.connect():
                try:
                    raise ZeroDivisionError("the zzz-secret again")
                except ZeroDivisionError:
                    raise error from None if error.args == ("x",) else None
            chain, one = [], caught.value
            while one is not None:
                chain.append(str(one))
                one = one.__cause__ if one.__suppress_context__ else one.__context__
            assert "zzz-secret" not in "".join(chain)
    finally:
        del os.environ["OUR_SECRET"]
