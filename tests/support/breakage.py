"""Ways to break files; equal seeds break equally."""

import contextlib
import os
import random
import sqlite3

# Has broken programs before: numbers beyond float and int64, dates beyond datetime, half
# characters, code for whatever shows it.
TOKENS = (
    b"1e999", b"-1e999", b"9" * 400, b"-9223372036854775809", b"18446744073709551616", b"NaN",
    b"-inf", b"Infinity", b"0x1p-3", b"1_000", b"1e-400", b"\xd9\xa1\xd9\xa2\xd9\xa3",
    b"9999-12-31T23:59:59.999999", b"0000-00-00", b"0001-01-01T00:00:00+14:00", b"2020-02-30",
    b"10000-01-01", b"-4713-11-24", b"9999-12-31T23:59:59-12:00", b"24:00:00",
    b"2020-02-12T23:59:60Z", b"2020-W07-3", b"2020-02-12", b"\0", b"\xff\xfe", b"\xed\xa0\x80",
    b"\xf0\x9f\x92", b"\\ud83d", b"\\u0000", b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\x1b[31m", b"\x85",
    b"<script>window.pwned=1</script>", b"{{ 7*7 }}{% for %}", b"]]>-->", b"=cmd|' /C calc'!A0",
    b'"', b"'", b"\\", b"\r", b"\n", b"\t", b",", b";", b"{", b"}", b"[", b"]", b"[" * 3000,
    b'{"a":' * 3000, b"null", b"true", b"%s%n", b"../../../../etc/passwd", b"/", b":", b"-",
    b"\xef\xbb\xbf", b"SELECT", b"\x1f\x8b", b"",
)  # fmt: skip

# The same for cells of a database.
VALUES = (
    None, 0, -1, 2**63 - 1, -(2**63), 1e308, float("inf"), 1.5, "", " ", "x", "1e999", "9" * 400,
    "9999-12-31 23:59:59.999999", "0000-00-00", "-4713-01-01", "2020-02-12",
    "2020-02-12 23:01:00", b"\xff\xfe", b"", "\0", "<b>", "a\u202eb", "x" * 100_000, "inf", "NaN",
    "/", "../../etc/passwd", "file:///etc/passwd", "://", "#zip-path=", "20200212", 20200212,
    99999999, "1970-01-01 00:00:00",
)  # fmt: skip

NIGHT_S = 1_581_580_000  # a unix time in the night of small_inputs


def age(path):
    """Set a file's time to one in the night."""
    os.utime(path, (NIGHT_S, NIGHT_S))


def broken(data, seed):
    """Return bytes broken in one to three places.

    They are cut, a byte or bit is changed, bytes are lost or repeated, or one of TOKENS is put in.
    """
    chance = random.Random(seed)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = chance.randrange(len(data) + 1)
        data = _broken_at(data, at, chance.randrange(7), chance)
    return data


def _broken_at(data, at, how, chance):
    if how == 0:
        return data[:at]
    if how == 1 and at < len(data):
        return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
    if how == 2 and at < len(data):
        return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
    if how == 3:
        return data[:at] + chance.choice(TOKENS) + data[at:]
    if how == 4:  # in place of a word, which is where values are
        end = at + next((n for n, byte in enumerate(data[at:]) if byte in b' ,"\n\t:'), 0)
        return data[:at] + chance.choice(TOKENS) + data[end:]
    if how == 5:
        return data[:at] + data[at + chance.randrange(1, 50) :]
    return data[:at] + data[max(0, at - chance.randrange(1, 200)) :]


def upset(path, seed):
    """Put some of VALUES into an SQLite database.

    SQLite keeps any type in any column.
    """
    chance = random.Random(seed)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = [
            row[0]
            for row in connection.execute(
                "select name from sqlite_master where type = 'table' and name not like 'sqlite%'"
            )
        ]
        for _ in range(chance.choice((1, 1, 2, 3))):
            table = chance.choice(tables)
            columns = [row[1] for row in connection.execute(f'pragma table_info("{table}")')]
            column, value = chance.choice(columns), chance.choice(VALUES)
            one = ""
            if chance.random() < 0.5:
                one = f' where rowid = (select min(rowid) from "{table}")'
            with contextlib.suppress(sqlite3.IntegrityError):
                connection.execute(f'update "{table}" set "{column}" = ?{one}', (value,))
        connection.commit()
