"""A hidden text is found in any case and in every form."""

import csv
import html
import io
import json
import unicodedata
import urllib.parse

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from observing_monitor.storage.redact import WORD, Redaction

CASES = {
    "as it is": str,
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "swapped": str.swapcase,
    "casefold": str.casefold,
    "decomposed": lambda text: unicodedata.normalize("NFD", text.upper()),
}


def in_csv(text):
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="").writerow([text])
    return file.getvalue()


def by_number(text):
    return "".join(f"&#{ord(letter)};" if not letter.isalnum() else letter for letter in text)


def by_name(text):
    return html.escape(text).replace("ü", "&uuml;").replace("Ü", "&Uuml;")


FORMS = {
    "plain": str,
    "HTML": html.escape,
    "jinja": lambda text: str(escape(text)),
    "feed": lambda text: html.escape(html.escape(text)),
    "numbers": by_number,
    "names": by_name,
    "hexadecimal": lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    "JSON": json.dumps,
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "script": lambda text: (
        json.dumps(text).replace("<", "\\u003c").replace("&", "\\u0026").replace("'", "\\u0027")
    ),
    "CSV": in_csv,
    "path": urllib.parse.quote,
    "part of an address": lambda text: urllib.parse.quote(text, safe=""),
    "in lower case": lambda text: urllib.parse.quote(text, safe="").replace("%C3", "%c3"),
    "query": urllib.parse.quote_plus,
    "quoted twice": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe=""), safe=""),
    "escapes": lambda text: text.encode("ascii", "backslashreplace").decode(),
}
HIDDEN = [
    "/data/münchen",
    "straße.example.org",
    "STRASSE.example.org",
    "/srv/сервер/ночь",
    "/net/σίσυφος",
    "da ta'é & <7>",
    'C:\\täglich\\"1"',
    "nfs-7.summit.example",
    "/grösse/ﬁles/ssss",
    "/data/ǆ/İstanbul",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_all_cases_in_all_forms(text):
    """Nothing is left of a hidden text, and nothing else is struck out."""
    hidden = Redaction([text])
    for form in FORMS.values():
        frame = form("")
        middle = len(frame) // 2
        left = f"<p>before {frame[:middle]}{WORD}{frame[middle:]} after</p>"
        for case in CASES.values():
            whole = f"<p>before {form(case(text))} after</p>"
            assert hidden.file("a.html", whole.encode()).decode() == left
            assert hidden.text(whole) == left


@example("ß", "upper")
@example("sss", "lower")
@given(
    st.text("aksSßẞüÜſ/é.-&'\"\\ 1Σσςİıǅﬁﬀΐŉ", min_size=1, max_size=8),
    st.sampled_from(sorted(CASES)),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_text_is_found_in_any_case(text, case):
    """Whatever a text is made of, changing its case does not show it."""
    hidden = Redaction([text])
    for form in ("plain", "HTML", "JSON", "part of an address"):
        written = FORMS[form](CASES[case](text))
        assert WORD in hidden.text(f"| {written} |"), written


def test_other_texts_stay():
    """A text that only resembles a hidden one is shown."""
    hidden = Redaction(["/data/münchen", "straße.org"])
    for text in ("/data/munchen", "/date/münchen", "strase.org", "straße-org", "%C3%BC", "ü"):
        assert hidden.text(text) == text
    assert hidden.file("a.html", b"/data/m\xff\xfenchen") == b"/data/m\xff\xfenchen"


def test_names_in_latin_1():
    """A name that is not UTF-8 is shown with escapes, and hidden as well."""
    hidden = Redaction(["/data/münchen"])
    assert hidden.text(r"/data/m\xfcnchen /data/M%DCNCHEN") == f"{WORD} {WORD}"
