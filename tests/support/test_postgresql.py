"""The tests' servers are private and leave nothing."""

import os

import pytest
from needs import need
from servers import PostgreSQL


def test_postgres_answers_on_loopback_only(postgres):
    """The shared server listens only on loopback."""
    postgres.create("probe")
    assert postgres.execute("select 1", "select current_database()", dbname="probe") == [("probe",)]
    assert postgres.execute("show listen_addresses") == [("127.0.0.1",)]


def test_postgres_can_ask_for_a_password_and_leaves_nothing():
    """A server refuses a wrong password and leaves nothing."""
    need(PostgreSQL.bin(), "there is no PostgreSQL (Debian's package postgresql)")
    import psycopg2

    with PostgreSQL(password="correct horse") as server:
        assert server.execute("select 1") == [(1,)]
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(
                host="127.0.0.1",
                port=server.port,
                user="tester",
                password="wrong",
                dbname="postgres",
            )
        pid, folder = server.process.pid, server.folder
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
