"""What is hidden from public pages: folders and hosts, struck out of every file as it is written, whoever made it.

The settings name texts (`redact`), each at least four characters and no word that our own pages are made of. They are looked for as
they stand, and as HTML, JSON, CSV and addresses write them; capital letters or small. The store keeps the truth: it lies elsewhere
(`store_dir`), so that no web server shows it.
"""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from typing import TYPE_CHECKING

from observing_monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pandas import DataFrame


WORD = "[hidden]"
NOT_TEXT = (".png", ".jpg", ".ico", ".gz")
_TELLING = re.compile(
    r"[/.@:\d-]"
)  # a path or a host has one of these; a word that has none may be one of our own


class Redaction:
    """The texts that are hidden, and how they are struck out; `Redaction([])` hides nothing."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(
            sorted(set(texts), key=lambda text: (-len(text), text))
        )  # a folder inside another one before that
        forms = dict.fromkeys(
            form for text in self.texts for form in sorted(_forms(text), key=len, reverse=True)
        )
        plain, found = ("|".join(map(re.escape, forms)), bool(forms))
        self._text = re.compile(plain, re.IGNORECASE) if found else None
        self._data = (
            re.compile(plain.encode("utf-8", "backslashreplace"), re.IGNORECASE) if found else None
        )

    def text(self, text: str) -> str:
        """A text with what is hidden struck out."""
        return self._text.sub(WORD, text) if self._text else text

    def file(self, relative: str, data: bytes) -> bytes:
        """What a public file is to hold: its bytes, struck out where they are text. `assets/` is our own, and hides nothing."""
        if self._data is None or relative.startswith("assets/") or relative.endswith(NOT_TEXT):
            return data
        return self._data.sub(WORD.encode(), data)

    def frame(self, table: DataFrame) -> DataFrame:
        """A DataFrame with the texts of all its columns struck out; for what is packed before it is written."""
        if self._text is None:
            return table
        struck = table.copy()
        for name in struck.columns[struck.dtypes == "str"]:
            struck[name] = struck[name].map(self.text, na_action="ignore").astype("str")
        return struck


def _forms(text: str) -> set[str]:
    """A text as it may stand in a file: plain, in HTML, JSON, CSV, in an address."""
    in_json = (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    in_script = [
        form.replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("'", "\\u0027")
        for form in in_json
    ]
    in_html, in_csv = html.escape(text), text.replace('"', '""')
    in_jinja = in_html.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    in_feed = {html.escape(form) for form in (in_html, in_jinja)}  # HTML as the text of XML
    quoted = (urllib.parse.quote(text), urllib.parse.quote(text, safe=""))
    return {text, in_html, in_jinja, *in_feed, in_csv, *in_json, *in_script, *quoted}


def check(texts: Iterable[str], own_words: str) -> None:
    """UsageError where a text can't be hidden without breaking the pages; `own_words` is the text of our templates and scripts."""
    for text in texts:
        if len(text) < 4 or not _TELLING.search(text) or text.casefold() in own_words.casefold():
            words = "it is too short, or a word of the pages themselves; write a folder's path or a host's full name"
            raise UsageError(f"redact: {text!r} can't be hidden; {words}")
