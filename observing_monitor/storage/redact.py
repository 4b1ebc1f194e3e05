"""Texts that are struck out of every public file.

The setting `redact` lists folders and hosts. Each has at least four characters and is no word of
the pages themselves. They are found as they are and as HTML, JSON, CSV and addresses write them,
in upper or lower case. The store is not redacted: it lies elsewhere (`store_dir`), where no web
server shows it.
"""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from typing import TYPE_CHECKING

from observing_monitor.errors import UsageError
from observing_monitor.storage.layout import ASSETS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pandas import DataFrame


WORD = "[hidden]"
NOT_TEXT = (".png", ".jpg", ".ico", ".gz")
# every path and full host name has one of these; a text without any may be a word of the pages
_OF_PLACES = re.compile(r"[/.@:\d-]")


class Redaction:
    """Hidden texts, struck out of files; `Redaction([])` hides nothing."""

    def __init__(self, texts: Iterable[str]) -> None:
        # longer texts first: a folder inside another hidden one
        self.texts = tuple(sorted(set(texts), key=lambda text: (-len(text), text)))
        forms = dict.fromkeys(
            form for text in self.texts for form in sorted(_forms(text), key=len, reverse=True)
        )
        plain, found = ("|".join(map(re.escape, forms)), bool(forms))
        self._text = re.compile(plain, re.IGNORECASE) if found else None
        self._data = (
            re.compile(plain.encode("utf-8", "backslashreplace"), re.IGNORECASE) if found else None
        )

    def text(self, text: str) -> str:
        """Return a text with the hidden texts struck out."""
        return self._text.sub(WORD, text) if self._text else text

    def file(self, path: str, data: bytes) -> bytes:
        """Return a public file's bytes with hidden texts struck out.

        Files that are no text, and those in `assets/`, stay as they are.
        """
        if self._data is None or path.startswith(f"{ASSETS}/") or path.endswith(NOT_TEXT):
            return data
        return self._data.sub(WORD.encode(), data)

    def frame(self, table: DataFrame) -> DataFrame:
        """Return a table with the hidden texts struck out.

        For a table that is compressed before it is written.
        """
        if self._text is None:
            return table
        struck = table.copy()
        for name in struck.columns[struck.dtypes == "str"]:
            struck[name] = struck[name].map(self.text, na_action="ignore").astype("str")
        return struck


def _forms(text: str) -> set[str]:
    """Return a text as HTML, JSON, CSV, feeds and addresses write it."""
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
    # HTML as the text of XML
    in_feed = {html.escape(form) for form in (in_html, in_jinja)}
    quoted = (urllib.parse.quote(text), urllib.parse.quote(text, safe=""))
    return {text, in_html, in_jinja, *in_feed, in_csv, *in_json, *in_script, *quoted}


def check(texts: Iterable[str], own_words: str) -> None:
    """Raise UsageError for a text that cannot be hidden.

    It is too short, or the pages would break without it.

    Parameters
    ----------
    texts : iterable of str
        Values of the setting `redact`.
    own_words : str
        The text of all templates and scripts.
    """
    for text in texts:
        if len(text) < 4 or not _OF_PLACES.search(text) or text.casefold() in own_words.casefold():
            words = (
                "it is too short, or a word of the pages themselves; "
                "write a folder's path or a host's full name"
            )
            raise UsageError(f"redact: {text!r} can't be hidden; {words}")
