"""Texts that are struck out of every public file.

The setting `redact` lists folders and hosts. Each has at least four characters and is no word of
the pages themselves. They are found as they are and as HTML, JSON, CSV and addresses write them,
in any case (`hidden_forms`). The store is not redacted: it is elsewhere (`store_dir`), where no
web server shows it.
"""

from __future__ import annotations

import re
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
        self.texts = tuple(sorted(set(texts) - {""}, key=lambda text: (-len(text), text)))
        self._forms: list[tuple[re.Pattern[bytes], bytes]] = []
        if self.texts:  # most sites hide nothing: their runs need no table of characters
            from observing_monitor.storage.hidden_forms import forms_of

            forms = map(forms_of, self.texts)
            self._forms = [(re.compile(one.pattern), one.anchor) for one in forms]

    def text(self, text: str) -> str:
        """Return a text with the hidden texts struck out."""
        if not self._forms:
            return text
        struck = self._struck(text.encode("utf-8", "surrogatepass"))
        return struck.decode("utf-8", "surrogatepass")

    def file(self, path: str, data: bytes) -> bytes:
        """Return a public file's bytes with hidden texts struck out.

        Files that are no text, and those in `assets/`, stay as they are.
        """
        if not self._forms or path.startswith(f"{ASSETS}/") or path.endswith(NOT_TEXT):
            return data
        return self._struck(data)

    def _struck(self, data: bytes) -> bytes:
        lowered = data.lower()
        for pattern, anchor in self._forms:
            # most files lack most texts, and this is known in a hundredth of the time
            if anchor in lowered:
                data = pattern.sub(WORD.encode(), data)
        return data

    def frame(self, table: DataFrame) -> DataFrame:
        """Return a table with the hidden texts struck out.

        For a table that is compressed before it is written.
        """
        if not self._forms:
            return table
        struck = table.copy()
        for name in struck.columns[struck.dtypes == "str"]:
            struck[name] = struck[name].map(self.text, na_action="ignore").astype("str")
        return struck


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
