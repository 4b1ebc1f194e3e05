"""Findings on rows that sources left out.

They concern a source, not a night. The newest night shows them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from observing_monitor.model.finding import Finding
from observing_monitor.model.wording import n_of, percent
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from observing_monitor.storage.index import PlaceRows, SourceRows


# end of a note on rows left out, such as "counts.csv lines 3, 7: no night (x,1); left out"
# how a note on what the next runs will read says so
TO_COME = "still to be read; the next runs do that"
_ROWS_LEFT_OUT = re.compile(r" \w+ \d+(?:, \d+)*(?: and [\d,]+ more)?: .*; left out$", re.DOTALL)
# of the texts that are quoted
MAX_QUOTED = 120
# on the stream's page, which is in the folder of its nights' pages
PLACE = f"{layout.INDEX_PAGE}#rows"


def is_of_rows(note: str) -> bool:
    """True if a source's note tells of rows left out, which are counted, too."""
    return bool(_ROWS_LEFT_OUT.search(note))


def is_to_come(note: str) -> bool:
    """True if a note says what the next runs will read."""
    return TO_COME in note


def is_nothing_understood(rows: PlaceRows) -> bool:
    """True if rows were read and none was used."""
    n_read, n_left_out, _ = rows
    return 0 < n_read <= n_left_out


def nothing_words(places: Mapping[str, PlaceRows]) -> str:
    """Return a sentence on places not understood, or ""."""
    odd = [place for place, rows in places.items() if is_nothing_understood(rows)]
    if not odd:
        return ""
    n_read, _, examples = places[odd[0]]
    first = f"; first: {_quoted(*_below(odd[0], *examples[0]))}" if examples else ""
    more = f" (and {n_of(len(odd) - 1, 'more such place')})" if len(odd) > 1 else ""
    return f"{odd[0]}: {n_of(n_read, 'row')}, none understood{first}{more}"


def _below(place: str, where: str, reason: str) -> tuple[str, str]:
    """Return where a row is below its place, and why it was left out.

    A long path twice would leave no room for the reason.
    """
    folder = place.partition(", night ")[0].rstrip("/") + "/"
    return where.removeprefix(folder), reason


def n_some(rows: SourceRows) -> int:
    """Count rows left out of places with others."""
    return rows["n_left_out"] - rows["n_rows_of_nothing"]


def row_findings(
    sources: Mapping[str, SourceRows], silent: Collection[str] = ()
) -> Iterator[Finding]:
    """Yield findings on rows left out.

    Parameters
    ----------
    sources : mapping
        Source -> its rows.
    silent : collection of str
        Sources whose problem is a finding already.
    """
    for source, rows in sources.items():
        if rows["nothing"] and source not in silent:
            yield Finding("error", f"{source}: {rows['nothing']}", PLACE, source)
        if n_some(rows):
            yield Finding("warning", some_words(source, rows), PLACE, source)
        if "usual" in rows:
            yield Finding("warning", jump_words(source, rows), PLACE, source)


def some_words(source: str, rows: SourceRows) -> str:
    """Return the finding on rows left out."""
    since = rows["since"][:16].replace("T", " ")
    words = f"{source}: {n_of(n_some(rows), 'row')} left out since {since} UTC"
    if not rows["examples"]:
        return words
    place, where, reason = rows["examples"][0]
    return f"{words}; first: {place} {_quoted(where, reason)}"


def jump_words(source: str, rows: SourceRows) -> str:
    """Return the finding on an unusual share."""
    share, usual = percent(rows["n_left_out"] / rows["n_read"]), percent(rows["usual"])
    return f"{source}: more rows left out than usual: {share}, usually {usual}"


def _quoted(where: str, reason: str) -> str:
    text = f"{where}, {reason}" if where else reason
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"
