"""Digests, which are kept on disk: their values never change."""

import datetime

import pytest

from observing_monitor.model.digest import (
    digest,
    hex_digest,
    instants_as_text,
    running_digest,
    with_instants,
)
from observing_monitor.storage.sealed import sealed
from observing_monitor.tables.attention import anchor_of


def test_digest_of_a_value():
    """A value has the digest that earlier versions wrote."""
    assert digest({"a": [1, "é\udcff"]}) == "0fe8f196daccf7d700801056"
    assert digest({"a": datetime.date(2026, 1, 1)}) == digest({"a": "2026-01-01"})
    assert digest([1]) != digest(["1"])


@pytest.mark.parametrize(
    ("parts", "n_bytes", "expected"),
    [
        ((), 4, "1271cf25"),
        ((b"abc",), 16, "cf4ab791c62b8d2b2109c90275287816"),
        (("a", b"", memoryview(b"bc")), 16, "cf4ab791c62b8d2b2109c90275287816"),
        (("a\udcff", b"xyz"), 8, "32148625eb600115"),
    ],
)
def test_digest_of_parts(parts, n_bytes, expected):
    """Texts and bytes count one after the other, wherever one part ends."""
    assert hex_digest(*parts, n_bytes=n_bytes) == expected


def test_encoding_of_surrogates():
    """Only lone surrogates are encoded as the caller asks."""
    assert hex_digest("a\udcff", n_bytes=5, errors="surrogatepass") == "8b65bc75f6"
    assert hex_digest("a\udcff", n_bytes=5) != "8b65bc75f6"
    assert hex_digest("é", n_bytes=5) == hex_digest("é", n_bytes=5, errors="surrogatepass")


def test_running_digest():
    """A digest that grows is that of all its parts."""
    running = running_digest(16)
    running.update(b"a")
    running.update(b"bc")
    assert running.hexdigest() == hex_digest(b"abc", n_bytes=16)


def test_seals_and_anchors_stay():
    """Seals and addresses of files are those of earlier versions."""
    assert sealed('{"a":1}') == b'{"a":1,"seal":"bf2edaf95a513edde11b9a87"}'
    assert anchor_of("a/é\udcff.fits") == "file-89dc2132da"


def test_instants_as_text_and_back():
    """Instants of a summary survive as text; all else stays as it is."""
    at = datetime.datetime(2020, 2, 13, 3, 12, 41, tzinfo=datetime.UTC)
    summary = {"night": "2020-02-12", "n_files": 3, "first_created_at": at, "last_created_at": None}
    written = instants_as_text(summary)
    assert written["first_created_at"] == "2020-02-13T03:12:41Z"
    assert with_instants(written) == summary
