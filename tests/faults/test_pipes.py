"""A named pipe in place of a file holds nothing up."""

import datetime
import os
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from running import nights, run, start

from observing_monitor.errors import OutputError
from observing_monitor.metrics import Metrics
from observing_monitor.readers.plain_files import read_pipe

NIGHT = "2021-02-16"
DAYS = ("--first_day", NIGHT, "--last_day", NIGHT)
NOW = datetime.datetime(2021, 2, 17, 12, tzinfo=datetime.UTC)
SETTINGS = """[observing_monitor]
output_dir = "site"
{options}
[streams.a]
[[streams.a.sources]]
type = "files"
path = "in"
{tables}
"""
LIMIT_S = 60  # of a run on a busy machine


def make_site(folder, options="", tables=""):
    place = folder / "in" / NIGHT
    place.mkdir(parents=True)
    (place / "a.fits").touch()
    (folder / "site.toml").write_text(SETTINGS.format(options=options, tables=tables))
    return folder / "site.toml"


def finished(*arguments, **options):
    """Run the command in a process; return exit code and output."""
    process = start(*arguments, now=NOW, **options)
    try:
        out, err = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail("the run waits for a pipe")
    return process.returncode, out + err


def pipe_at(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    return path


# --- files that a run reads ---------------------------------------------------------------------


@pytest.mark.parametrize("is_named", [True, False])
def test_known_issues(tmp_path, is_named):
    """A pipe instead of known.yaml is a named problem."""
    settings = make_site(tmp_path, 'known_issues = "known.yaml"' if is_named else "")
    pipe_at(tmp_path / "known.yaml")
    code, said = finished("-c", settings, *DAYS)
    assert code == 1
    assert f"{tmp_path}/known.yaml: it is not a plain file; nothing is acknowledged" in said
    assert nights(tmp_path / "site" / "a")[NIGHT]["n_files"] == 1


@pytest.mark.parametrize("setting", ["url_file", "token_file", "password_file"])
def test_secrets(tmp_path, setting):
    """A pipe instead of a secret's file fails the delivery."""
    mail = 'type = "mail"\nserver = "127.0.0.1"\nsender = "a@b.c"\nto = ["d@e.f"]\nuser = "u"\n'
    webhook = 'type = "webhook"\n'
    webhook += "" if setting == "url_file" else 'url = "http://127.0.0.1:9/"\n'
    kind = mail if setting == "password_file" else webhook
    tables = f'[notify.x]\n{kind}{setting} = "secret"\nwhen = ["normal", "warning", "error"]'
    settings = make_site(tmp_path, tables=tables)
    pipe_at(tmp_path / "secret")
    code, said = finished("notify", "-c", settings)
    assert code != 0 and "secret: it is not a plain file" in said


FILES = [
    "site/.lock",
    "site/data/heartbeat.json",
    "site/data/feed.json",
    "site/data/stream=a/index.json",
    "site/heartbeat.js",
    "site/a/index.html",
    "site/a/2021-02-16.html",
    "site/a/2021-02-16.csv",
    "site/a/nights.json",
]


@pytest.mark.parametrize("name", FILES)
def test_files_of_the_output(tmp_path, name):
    """A pipe instead of a file of the output is replaced or named."""
    settings = make_site(tmp_path)
    assert run("-c", settings, *DAYS, now=NOW) == 0
    path = tmp_path / name
    assert path.exists()
    pipe_at(path)
    (tmp_path / "in" / NIGHT / "b.fits").touch()
    code, said = finished("-c", settings, *DAYS, "--full")
    if code:
        assert code == 2 and f"{path}: it is not a plain file" in said
        path.unlink()
        code, said = finished("-c", settings, *DAYS, "--full")
    assert code == 0 and path.is_file()
    assert nights(tmp_path / "site" / "a")[NIGHT]["n_files"] == 2


def test_all_files_of_the_output_at_once(tmp_path):
    """Pipes instead of all files of the output hold nothing up."""
    settings = make_site(tmp_path)
    assert run("-c", settings, *DAYS, now=NOW) == 0
    for path in sorted((tmp_path / "site").rglob("*")):
        if path.is_file() and path.name != ".lock":
            pipe_at(path)
    for command in ([], ["publish"], ["check"], ["rebuild"], ["prune"], ["notify"]):
        finished(*command, "-c", settings)


def test_check_does_not_wait_for_a_lock(tmp_path):
    """`check` does not wait for a lock that is a pipe."""
    settings = make_site(tmp_path)
    (tmp_path / "site").mkdir()
    pipe_at(tmp_path / "site" / ".lock")
    finished("check", "-c", settings, *DAYS)


# --- files that a run writes --------------------------------------------------------------------


def test_textfile(tmp_path):
    """A pipe instead of prometheus_file stays and is named."""
    settings = make_site(tmp_path, 'prometheus_file = "told.prom"')
    pipe = pipe_at(tmp_path / "told.prom")
    code, said = finished("-c", settings, *DAYS)
    assert code == 1 and f"{pipe}: it is not a plain file" in said and pipe.is_fifo()
    pipe.unlink()
    pipe_at(tmp_path / ".told.prom.unfinished")
    code, said = finished("-c", settings, *DAYS)
    assert code == 1 and f"{pipe}: it is not a plain file" in said
    assert finished("-c", settings, *DAYS)[0] == 0 and pipe.is_file()


def test_log_that_nobody_reads(tmp_path):
    """Without a reader, a pipe is no log; pages are written."""
    settings = make_site(tmp_path, 'log_file = "log"')
    pipe_at(tmp_path / "log")
    code, said = finished("-c", settings, *DAYS)
    assert code == 1 and f"log_file {tmp_path}/log: it is not a plain file" in said
    assert nights(tmp_path / "site" / "a")[NIGHT]["n_files"] == 1


def test_log_that_is_a_pipe_of_a_reader(tmp_path):
    """A log may go to a pipe with a reader, without a wait."""
    settings = make_site(tmp_path, 'log_file = "/dev/stdout"')
    code, said = finished("-c", settings, *DAYS)
    assert code == 0 and "command=run" in said
    pipe = pipe_at(tmp_path / "log")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        while os.write(writer, b"x" * 4096):
            pass
    code, said = finished("-c", settings, "--log_file", pipe, *DAYS)
    assert code == 1 and "log_file" in said
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("name", [".status.lock", "status_1507.json", ".status_1507.json.new"])
def test_metrics(tmp_path, name):
    """Recording numbers does not wait for a pipe."""
    pipe_at(tmp_path / name)
    failed = []

    def record():
        try:
            Metrics(str(tmp_path)).set({"alerts": 1}, 1507)
        except OutputError as error:
            failed.append(str(error))

    thread = threading.Thread(target=record, daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    assert failed and "it is not a plain file" in failed[0]


@pytest.mark.parametrize("ending", ["-journal", "-wal", "-shm"])
def test_sqlite_side_files(tmp_path, ending):
    """A pipe next to an SQLite database holds nothing up."""
    database = tmp_path / "d.sqlite3"
    with sqlite3.connect(database) as connection:
        connection.execute("create table f (p text, t text)")
        connection.execute("insert into f values ('a.fits', '2021-02-16 22:00:00')")
    pipe_at(tmp_path / f"d.sqlite3{ending}")
    (tmp_path / "site.toml").write_text("""[observing_monitor]
output_dir = "site"
[[streams.a.sources]]
type = "sql"
file = "d.sqlite3"
feeds = "files"
query = "select p, t from f"
columns = { path = "p", created_at = "t" }
""")
    finished("-c", tmp_path / "site.toml", *DAYS)


# --- settings -----------------------------------------------------------------------------------


def shell(command, folder):
    """Run a command of bash; return its exit code and output."""
    program = (
        "import datetime, sys; from observing_monitor import cli; "
        f"sys.exit(cli.main(sys.argv[1:], datetime.datetime.fromisoformat({NOW.isoformat()!r})))"
    )
    words = ["bash", "-c", command, "bash", sys.executable, program]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
    return done.returncode, done.stdout + done.stderr


OM = '"$1" -c "$2"'


@pytest.mark.parametrize(
    "command",
    [
        f"{OM} -c <(cat site.toml) {' '.join(DAYS)}",
        f"{OM} -c <(sleep 1; cat site.toml; sleep 1) {' '.join(DAYS)}",
        f"cat site.toml | {OM} -c /dev/stdin {' '.join(DAYS)}",
        f"mkfifo pipe; (sleep 1; cat site.toml > pipe) & {OM} -c pipe {' '.join(DAYS)}",
    ],
)
def test_settings_through_a_pipe(tmp_path, command):
    """Settings may come through a pipe.

    Their relative paths start from the current folder.
    """
    tables = '[notify.x]\ntype = "command"\ncommand = ["true"]\n[storage]\nanonymous = true'
    make_site(tmp_path, 'log_file = "log"', tables)
    code, said = shell(command, tmp_path)
    assert code == 0, said
    assert nights(tmp_path / "site" / "a")[NIGHT]["n_files"] == 1
    assert (tmp_path / "log").is_file()


def test_settings_that_do_not_come(tmp_path):
    """A pipe without settings is given up after 5 s.

    One with too much is refused at once.
    """
    began = time.monotonic()
    code, said = shell(f"mkfifo pipe; {OM} -c pipe", tmp_path)
    assert code == 2 and "pipe: what comes through it has not ended after 5 s; -c names" in said
    code, said = shell(f"{OM} -c <(sleep 20 2> /dev/null)", tmp_path)
    assert code == 2 and "has not ended after 5 s" in said
    code, said = shell(f"{OM} -c <(yes 2> /dev/null)", tmp_path)
    assert code == 2 and "it has more than 1,000,000 bytes" in said
    assert time.monotonic() - began < LIMIT_S


def test_settings_of_a_second_run(tmp_path):
    """Each run reads its own settings through the same pipe."""
    settings = make_site(tmp_path).read_text()
    pipe = pipe_at(tmp_path / "pipe")
    for title in ("first", "second"):
        text = settings.replace("[streams.a]", f'title = "{title}"\n[streams.a]')
        writer = threading.Thread(target=pipe.write_text, args=(text,))
        writer.start()
        assert run("-c", pipe, *DAYS, now=NOW) == 0
        writer.join()
        assert title in (tmp_path / "site" / "index.html").read_text()


def test_a_device_ends(tmp_path):
    """A device is read to its end, at once."""
    began = time.monotonic()
    assert read_pipe("/dev/null", 10, 60) == b""
    assert time.monotonic() - began < 30
    with pytest.raises(OSError, match="more than 10 bytes"):
        read_pipe("/dev/zero", 10, 60)
