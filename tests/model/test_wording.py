"""Texts as pages and messages show them."""

import re
from pathlib import Path

import pytest

from observing_monitor.model import wording

SCRIPT = Path(__file__).resolve().parents[2] / "templates" / "assets" / "js" / "dom.js"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢", "plain é 漢"),
        ("a\x00b\x1b[0m", "a␀b␛[0m"),
        ("a\x7f\x85", "a␡�"),
        ("\udcff", "�"),
        ("\u202egpj.exe\u200b", "⟨U+202E⟩gpj.exe⟨U+200B⟩"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_invisible_characters(text, shown):
    """Invisible characters are shown by a picture or their number."""
    assert wording.visible(text) == shown


def test_other_values_stay():
    """A value that is no text is returned as it is."""
    assert wording.visible(3) == 3
    assert wording.visible(None) is None


def test_one_line():
    """A message of several lines is shown in one line."""
    assert wording.visible_line("a\nb\x00") == "a␊b␀"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("auxTel 2", True), ("", False), (None, False), (3, False), ("a\n", False), ("\u200b", False)],
)
def test_is_visible(value, expected):
    """A name is a text that has characters and shows each of them."""
    assert wording.is_visible(value) is expected


def test_the_script_shows_the_same_characters():
    """The browser's script shows the same characters as a page."""
    text = SCRIPT.read_text(encoding="utf-8")
    (pattern,) = re.findall(r'"\[(\\\\u00ad[^]]*)\]"', re.sub(r'"\s*\+ "', "", text))
    pattern = pattern.replace("\\\\", "\\")
    in_script = re.sub(r"\\u\{?([0-9a-f]+)\}?", lambda found: chr(int(found[1], 16)), pattern)
    assert in_script == wording.UNSEEN


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0, "0 h"),
        (10, "10 s"),
        (35, "35 s"),
        (36, "0.01 h"),
        (2100, "0.58 h"),
        (3600, "1.0 h"),
        (4_449_600, "1,236.0 h"),
    ],
)
def test_hours(seconds, words):
    """Times that are added up are in hours."""
    assert wording.hours(seconds) == words
