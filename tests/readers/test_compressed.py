"""Compressed files are read as what they hold."""

import bz2
import gzip
import lzma

import pyarrow as pa
import pytest

from observing_monitor.errors import SourceError
from observing_monitor.readers.textfiles import format_of, opened, read_csv

TEXT = b"night,n\n" + b"".join(b"2021-12-01,%d\n" % n for n in range(5000))


def zstd(data):
    """Return data as the program zstd writes them."""
    return pa.compress(data, codec="zstd", asbytes=True)


FORMS = {"gzip": gzip.compress, "xz": lzma.compress, "bzip2": bz2.compress, "zstd": zstd}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["t.csv", "t.csv.1"])
def test_content_decides(tmp_path, form, name):
    """A file is decompressed by its content, also in several parts."""
    path = tmp_path / name
    path.write_bytes(FORMS[form](TEXT[:20_000]) + FORMS[form](TEXT[20_000:]))
    with opened(path) as text:
        assert text.read().encode() == TEXT


@pytest.mark.parametrize("form", FORMS)
def test_file_that_was_cut(tmp_path, form):
    """A cut or broken file is an error that names its form."""
    path, whole = tmp_path / "t.csv", FORMS[form](TEXT)
    for damaged in (whole[: len(whole) // 2], whole[:40] + b"?" * 40 + whole[80:]):
        path.write_bytes(damaged)
        with pytest.raises(SourceError, match=f"{path}: its {form} is cut or broken") as caught:
            read_csv(path)
        assert "rename it when it is whole" in str(caught.value)


def test_zstd_without_codec(tmp_path, monkeypatch):
    """Without Zstandard in pyarrow, the message says what to do."""

    class Codec:
        @staticmethod
        def is_available(name):
            return False

    path = tmp_path / "t.csv.zst"
    path.write_bytes(zstd(TEXT))
    monkeypatch.setattr(pa, "Codec", Codec)
    with pytest.raises(SourceError, match=r"zstd, which .* install pyarrow from PyPI"):
        read_csv(path)


@pytest.mark.parametrize("ending", ["", ".gz", ".xz", ".bz2", ".zst", ".ZST"])
def test_format_of_a_compressed_file(ending):
    """The ending before that of the compression gives the format."""
    assert format_of(f"a/t.tsv{ending}") == "tsv" and format_of(f"t.txt{ending}") == "csv"
