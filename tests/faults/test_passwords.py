"""No output has a password of a database."""

import sqlite3

import pytest
from needs import need
from running import start
from servers import PostgreSQL
from small_inputs import NIGHT, NOW

from observing_monitor.errors import SourceError
from observing_monitor.readers.sql import Database

DAYS = ("--first_day", str(NIGHT), "--last_day", str(NIGHT))
SECRET, IN_URL = "p@ss/w?rd%zzz", "p%40ss%2Fw%3Frd%25zzz"
SITE = '[observing_monitor]\noutput_dir = "site"\n'
QUERY = 'query = "select 1"\nnight_column = "n"\nvalues = { a = "b" }\n'


def settings(way, addresses):
    """Return settings with four sources at each address.

    `way` says how they name the password.
    """
    lines = [SITE]
    for number, address in enumerate(addresses):
        url = {
            "url": f"postgresql://tester:{IN_URL}@{address}/postgres",
            "password_env": f"postgresql://tester@{address}/postgres",
            "query": f"postgresql://{address}/postgres?user=tester&password={IN_URL}",
        }[way]
        for kind in ("sql", "dbb", "fitsstorage", "lasair"):
            lines.append(f"[[streams.s{number}.sources]]")
            lines.append(f'type = "{kind}"\nurl = "{url}"\ntimeout_s = 2')
            lines += [QUERY] if kind == "sql" else []
            lines += ['password_env = "OUR_SECRET"'] if way == "password_env" else []
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("way", ["url", "password_env", "query"])
def test_a_password_is_never_shown(tmp_path, monkeypatch, way):
    """Failing connections do not show the password."""
    need(PostgreSQL.bin(), "there is no PostgreSQL (Debian's package postgresql)")
    if way == "password_env":
        monkeypatch.setenv("OUR_SECRET", SECRET)
    shown = []
    with PostgreSQL(password="another") as server:
        addresses = [f"127.0.0.1:{server.port}", "127.0.0.1:1"]
        (tmp_path / "site.toml").write_text(settings(way, addresses))
        for command in (("run", "-v"), ("check",), ("rebuild", "--jobs", "2")):
            process = start(*command, "-c", tmp_path / "site.toml", *DAYS, now=NOW)
            out, error = process.communicate(timeout=120)
            assert process.returncode == 1, error
            shown += [out, error]
    shown += [
        path.read_text(errors="replace")
        for path in (tmp_path / "site").rglob("*")
        if path.is_file() and "assets" not in path.parts
    ]
    together = "".join(shown)
    assert "authentication failed" in together and "onnection" in together  # both were asked
    for text in shown:
        assert not any(word in text for word in (SECRET, IN_URL, "zzz", "Traceback"))


def test_an_unexpected_fault_shows_no_password(tmp_path, monkeypatch):
    """An exception loses the password from its whole chain."""
    path = tmp_path / "a.sqlite3"
    sqlite3.connect(path).close()
    monkeypatch.setenv("OUR_SECRET", "zzz-secret")
    database = Database(f"sqlite:///{path}", "OUR_SECRET")
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
