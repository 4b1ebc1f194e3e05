"""Names of targets and programs in texts."""

import html
import json
import unicodedata
import urllib.parse

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from observing_monitor.judging.hidden_names import (
    HiddenNames,
    code_of,
    names_to_hide,
    pattern_of,
)

A, B = "hidden-00000001", "hidden-00000002"


@pytest.mark.parametrize(
    "text",
    [
        "NGC 1234",
        "ngc_1234",
        "NgC-1234",
        "NGC1234",
        "NGC%201234",
        "ngc%2520%201234",
        "NGC+1234",
        "NGC&nbsp;1234",
        "NGC&#32;1234",
        "NGC\\u00201234",
        "NGC\u00a01234",
        "NGC\n1234",
    ],
)
def test_forms_of_a_name(text):
    """A name is found in any case, escaped or with other blanks."""
    names = HiddenNames({"NGC 1234": A})
    assert names.text(f"/data/{text}_r.fits") == f"/data/{A}_r.fits"
    assert names.text(f"x{text}5") == f"x{A}5"


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("M1", "M1_r.fits M10 aM1 m1.", f"{A}_r.fits M10 aM1 {A}."),
        ("M1", "%20M1 \\nM1 \\u0020M1", f"%20{A} \\n{A} \\u0020{A}"),
        ("12", "12 of 2012, 12_x /12/", f"{A} of 2012, {A}_x /{A}/"),
        ("20261", "20261 120261 20261a", f"{A} 120261 20261a"),
        ("on", "on_1 one on", f"{A}_1 one {A}"),
        ("x", "x x_1", "x x_1"),
        ("*", "a * b", "a * b"),
        ("Été 5", "ÉTÉ_5 %C3%89t%C3%A9%205 &eacute;t&eacute; 5", f"{A} {A} {A}"),
        ("Vega", "Vegas vega", f"{A}s {A}"),
        ("J1200+10", "J1200-10 J1200", f"{A} J1200"),
    ],
)
def test_texts_of_others(name, text, shown):
    """Short names are found as words, longer ones everywhere."""
    assert HiddenNames({name: A}).text(text) == shown


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        (
            "12",
            "12 files of night 2012-12-12: 12_01.fits",
            f"12 files of night 2012-12-12: {A}_01.fits",
        ),
        ("12", "/data/12", f"/data/{A}"),
        ("on", "on time: on_1.fits", f"on time: {A}_1.fits"),
        ("M1", "M1 failed", f"{A} failed"),
        ("Vega", "2 files of Vega", f"2 files of {A}"),
    ],
)
def test_own_sentences(name, text, shown):
    """Numbers and short words of our sentences stay."""
    assert HiddenNames({name: A}).text(text, is_sentence=True) == shown


def test_longest_name_first():
    """A name in another one is hidden too; codes are searched no more."""
    names = HiddenNames({"GN-1": A, "GN-1-Q-5": B, "hidden": "x", "0000": "y"})
    assert names.texts(["gn-1-q-5-001", "gn-1-7", ""]) == [f"{B}-001", f"{A}-7", ""]
    assert not HiddenNames({}) and HiddenNames({}).texts(["a", "b"]) == ["a", "b"]


def test_beginning_of_names():
    """The beginning of a name stands for it and its next word."""
    names = HiddenNames({"GN-2026B-Q-\u2026": A, "GN-2026B-Q-9": B})
    texts = ["gn-2026b-q-101-007.fits", "GN-2026B-Q-9-1", "GN_2026B_Q_12_x", "GN-2026B-Q", "GN-1"]
    shown = [f"{A}-007.fits", f"{B}-1", f"{A}_x", "GN-2026B-Q", "GN-1"]
    assert names.texts(texts) == shown == names.texts(texts, is_sentence=True)
    assert pattern_of("GN-\u2026") is None


def test_names_that_pages_show_anyway():
    """A target that is the type, the filter or the instrument is no secret."""
    names = ["BIAS", "sky_flat", "Vega", "r'", "**"]
    assert names_to_hide(names, ["bias", "sky flat", "r"]) == ["**", "Vega"]


def test_codes():
    """Names that differ in case and blanks have one code."""
    key = "00" * 32
    code = code_of("NGC 1234", key)
    assert code == code_of("ngc_1234 ", key) and len(code) == len("hidden-") + 8
    others = [code_of("NGC 1235", key), code_of("NGC 1234", "11" * 32)]
    others += [code_of("NGC 1234", key, "2026-08-03"), code_of("J1-1", key), code_of("J1+1", key)]
    assert len({code, *others}) == 6
    with pytest.raises(ValueError, match="key"):
        code_of("NGC 1234", "")


WORDS = st.text(st.characters(categories=["L", "Nd"], exclude_characters="\u0345"), min_size=4)


@settings(deadline=None)
@given(WORDS, st.sampled_from('/?="\n <&'))
def test_any_name_in_any_form(name, between):
    """No escaped form of a name is left in a text."""
    name = unicodedata.normalize("NFC", name)
    assume(pattern_of(name) is not None and not name.isdigit() and len(name) >= 4)
    names = HiddenNames({name: "#"})
    for text in (name, name.casefold(), name.upper(), unicodedata.normalize("NFD", name)):
        for written in (text, urllib.parse.quote(text), html.escape(text), json.dumps(text)[1:-1]):
            shown = names.text(f"{between}{written}{between}")
            # %C3 may be a letter of its own, so that a byte may be left
            assert shown.startswith(f"{between}#"), (name, written)
