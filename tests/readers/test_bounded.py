"""Compressed files are recognised by content, and read up to limits."""

import bz2
import contextlib
import gzip
import io
import json
import lzma

import pyarrow
import pytest

from observing_monitor.errors import SourceError
from observing_monitor.readers.bounded import LIMITS, CutError, Limits, TooLargeError, csv_values
from observing_monitor.readers.compressed import decompressed
from observing_monitor.readers.textfiles import opened, read_csv, read_json, read_jsonl


@contextlib.contextmanager
def unpacked(path, limits=LIMITS, **options):
    with open(path, "rb") as raw, decompressed(raw, path, limits, **options) as file:
        yield file


class Kept(io.BytesIO):
    """A file in memory that stays when it is closed."""

    def close(self):
        pass


def zstd(data):
    kept = Kept()
    with pyarrow.CompressedOutputStream(kept, "zstd") as packed:
        packed.write(data)
    return kept.getvalue()


DATA = b"night,n\n" + b"".join(b"2020-01-%02d,%d\n" % (n, n) for n in range(1, 29))
PACKED = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd}


def path_of(folder, data, name="a.csv"):
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", ["plain", *PACKED])
def test_formats(tmp_path, kind):
    """Each packing gives the same rows, whatever the name says."""
    path = path_of(tmp_path, PACKED.get(kind, bytes)(DATA))
    rows = read_csv(path)
    assert rows.columns == ["night", "n"] and len(rows.rows) == 28 and not rows.notes


@pytest.mark.parametrize("kind", PACKED)
def test_cut_file(tmp_path, kind):
    """A file that is cut or damaged says how it is packed."""
    random = b"".join(b"%d\n" % (n * 7919 % 100_003) for n in range(100_000))
    whole = PACKED[kind](random)
    for data in (whole[: len(whole) // 2], whole[:50] + bytes(100) + whole[50:]):
        path = path_of(tmp_path, data)
        with pytest.raises(CutError, match=f"its {kind} is cut or broken"), unpacked(path) as file:
            file.read()
        with pytest.raises(SourceError, match=f"a.csv: its {kind} is cut or broken.*; write it"):
            read_csv(path)


def test_names_that_look_packed(tmp_path):
    """A plain text that begins like bzip2's mark is plain."""
    assert read_csv(path_of(tmp_path, b"BZh,n\n1,2\n")).columns == ["BZh", "n"]
    assert read_csv(path_of(tmp_path, b"a\n", "a.csv.gz")).columns == ["a"]


@pytest.mark.parametrize("kind", PACKED)
def test_limit_of_a_file(tmp_path, kind):
    """A packed file that holds too much is refused; a plain one is not."""
    limits = Limits(unpacked_bytes=10_000)
    data = b"x" * 10_001
    path = path_of(tmp_path, PACKED[kind](data))
    words = "more than 10,000 bytes"
    with pytest.raises(TooLargeError, match=words), unpacked(path, limits) as file:
        file.read()
    with unpacked(path_of(tmp_path, PACKED[kind](data[1:])), limits) as file:
        assert file.read() == data[1:]
    with unpacked(path_of(tmp_path, data), limits) as file:
        assert file.read() == data


@pytest.mark.parametrize(
    "read, data",
    [
        (read_csv, b"a,b\n" + b"1,2\n" * 1000),
        (read_csv, b"\n" * 5000),
        (read_json, json.dumps([{"a": 1}] * 1000).encode()),
        (read_json, b"[" + b"[]," * 2000 + b"[]]"),
        (read_jsonl, b'{"a": 1}\n' * 1000),
    ],
)
def test_values_count(tmp_path, read, data):
    """Values of packed rows count with the memory that they take."""
    assert len(data) < 20_000
    path = path_of(tmp_path, gzip.compress(data))
    with pytest.raises(SourceError, match="raise max_unpacked_bytes"):
        read(path, limits=Limits(unpacked_bytes=100_000))
    path.write_bytes(data)
    if read is read_json:  # one value, which is in memory as a whole
        with pytest.raises(SourceError, match="it holds more than 100,000 bytes"):
            read(path, limits=Limits(unpacked_bytes=100_000))
    elif b"\n\n" not in data:
        assert read(path, limits=Limits(unpacked_bytes=100_000)).rows is not None


LONG = b"x" * 3000
TEXT = b"a\nb\r\n" + LONG + b"\nd\n" + LONG + LONG + b"\r\nf\n\nh\n" + LONG


@pytest.mark.parametrize("most", [1000, 2999, 5000])
@pytest.mark.parametrize("is_packed", [True, False])
@pytest.mark.parametrize("piece", [1, 7, 1000, 1 << 18])
def test_long_lines(tmp_path, monkeypatch, most, is_packed, piece):
    """A line that is too long is empty; the others keep their numbers."""
    monkeypatch.setattr("observing_monitor.readers.bounded.PIECE_BYTES", piece)
    path = path_of(tmp_path, gzip.compress(TEXT) if is_packed else TEXT)
    too_long = []
    with unpacked(path, Limits(line_bytes=most), too_long=too_long) as file:
        found = file.read()
    wanted = [
        line if len(line.rstrip()) <= most else line[len(line.rstrip()) :]
        for line in TEXT.splitlines(keepends=True)
    ]
    assert found == b"".join(wanted)
    assert too_long == [n for n, line in enumerate(TEXT.splitlines(), 1) if len(line) > most]


def test_lines_without_a_break(tmp_path):
    """Lines that only a carriage return ends are lines."""
    path = path_of(tmp_path, b"\r".join([b"a", LONG, b"c"]))
    with unpacked(path, Limits(line_bytes=1000), too_long=[]) as file:
        assert file.read() == b"a\r\rc"


@pytest.mark.parametrize("read, first", [(read_csv, b"a,b\n"), (read_jsonl, b"")])
def test_long_line_is_a_note(tmp_path, read, first):
    """A line that is too long is left out with a note; others are read."""
    good = b"1,2\n" if first else b'{"a": 1, "b": 2}\n'
    path = path_of(tmp_path, first + good + good[:3] + LONG + good + good)
    rows = read(path, limits=Limits(line_bytes=1000))
    number = 3 if first else 2
    assert len(rows.rows) == 2 and rows.numbers == [number - 1, number + 1]
    assert rows.notes == [
        f"{path} line {number}: longer than 1,000 bytes (max_line_bytes); left out"
    ]


def test_json_has_no_lines(tmp_path):
    """JSON is one record, however long its line is."""
    path = path_of(tmp_path, json.dumps([{"a": "x" * 5000}]).encode())
    assert read_json(path, limits=Limits(line_bytes=1000)).rows == [("x" * 5000,)]


def test_numbers_of_values():
    """A row of one-digit cells counts each of them."""
    assert csv_values(b"1,2,3\n" * 10) == 30
    assert csv_values(b"1 2 3\n" * 10) == 30


def test_limits_of_a_text(tmp_path):
    """A text that is read whole has the limit of a packed file, too."""
    path = path_of(tmp_path, gzip.compress(b"x" * 20_000))
    limits, words = Limits(unpacked_bytes=10_000), "holds more than 10,000 bytes"
    with pytest.raises(SourceError, match=words), opened(path, limits=limits) as text:
        text.read()
