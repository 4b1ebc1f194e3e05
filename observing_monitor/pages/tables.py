"""Tables of pages, made from the schema.

A table is a list of columns. `schema_column` makes one: its heading is the column's word of the
glossary, and its cells follow from the column's name and kind. `templates/macros/table.html` draws
every table.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from observing_monitor.model import columns
from observing_monitor.model.wording import (
    NOTHING,
    count_text,
    dash,
    iso,
    near,
    number,
    of_bytes,
    percent,
    seconds,
)

if TYPE_CHECKING:
    import datetime

    from observing_monitor.pages.glossary import Word
    from observing_monitor.settings.headlines import Headline


# n_… -> class of a number above 0
_TONES = {f"n_{c.name}": c.name for c in columns.CLASSES}
_TONES |= dict.fromkeys(("n_error", "n_nights_error"), "failed")

# classes that a heading shares with its cells
_SHARED = ("num", "pinned")


class Cell(NamedTuple):
    """A cell that is more than its text.

    Attributes
    ----------
    text : str
    css : str
        Class of the text.
    href : str
        Address that the text leads to.
    at : str
        Instant that the text means, for machines.
    """

    text: str
    css: str = ""
    href: str = ""
    at: str = ""


class TableColumn(msgspec.Struct, frozen=True):
    """One column of a table.

    Attributes
    ----------
    word : Word or Headline or None
        Its heading; None for an empty one.
    cells : sequence
        One per row. Text is shown as it is, anything else by the macro `draw`.
    css : str
        Class of its cells.
    draw : str
        Macro of `macros/cells.html`.
    is_foreign : bool
        True if others wrote its text, which may run from right to left.
    anchors : sequence of str
        The address on the page that each cell leads to; empty if cells lead nowhere.
    """

    word: Word | Headline | None
    cells: Sequence[Any]
    css: str = ""
    draw: str = "cell"
    is_foreign: bool = False
    anchors: Sequence[str] = ()

    def part(self, start: int, end: int | None = None) -> TableColumn:
        """Return the column with some of its cells."""
        return msgspec.structs.replace(
            self, cells=self.cells[start:end], anchors=self.anchors[start:end]
        )

    @property
    def heading_css(self) -> str:
        """Class of the heading."""
        return self.css if self.css in _SHARED else ""

    @property
    def label(self) -> str:
        """The heading's text."""
        return self.word.label if self.word else ""


class Table(msgspec.Struct, frozen=True):
    """A table of a page.

    Attributes
    ----------
    columns : sequence of TableColumn
        The first one has the headings of the rows.
    caption, css : str
    anchors : sequence of str
        Address of each row on the page; empty if rows have none.
    row_css : sequence of str
        Class of each row; empty if rows have none.
    is_light : bool
        True if cells have no class, because there may be thousands of rows. The style sheet then
        goes by their places.
    is_labelled : bool
        True if each cell repeats its heading, for narrow screens.
    total : Table or None
        The same columns with the rows of the foot.
    """

    columns: Sequence[TableColumn]
    caption: str = ""
    css: str = ""
    anchors: Sequence[str] = ()
    row_css: Sequence[str] = ()
    is_light: bool = False
    is_labelled: bool = False
    total: Table | None = None

    def __len__(self) -> int:
        """Count rows."""
        return len(self.columns[0].cells) if self.columns else 0

    def part(self, start: int, end: int | None = None) -> Table:
        """Return the table with some of its rows."""
        return msgspec.structs.replace(
            self,
            columns=[column.part(start, end) for column in self.columns],
            anchors=self.anchors[start:end],
            row_css=self.row_css[start:end],
        )


EMPTY = Table(())


def schema_column(
    name: str,
    word: Word,
    values: Iterable[Any],
    nights: Iterable[str] = itertools.repeat(""),
) -> TableColumn:
    """Return a column of the schema with cells.

    Parameters
    ----------
    name : str
        Name of the column, which has its unit: `n_`, `_at`, `_s`, `_bytes`.
    word : Word
        Its heading, and its kind.
    values : iterable
        One per row.
    nights : iterable of str
        Night of each row: times are shown without the year of their night.
    """
    if word.kind == "instant":
        return TableColumn(word, list(map(time_cell, values, nights)), "num")
    css = "" if word.kind == "text" else "num"
    return TableColumn(word, list(map(_shown_by(name, word.kind), values)), css)


def schema_columns(
    words: Mapping[str, Word], rows: Sequence[Mapping[str, Any]], night: str
) -> dict[str, TableColumn]:
    """Return a column for each word, by name.

    `rows` map the names to values.
    """
    nights = itertools.repeat(night)
    return {
        name: schema_column(name, word, [row[name] for row in rows], nights)
        for name, word in words.items()
    }


def _shown_by(name: str, kind: str) -> Callable[[Any], str | Cell]:
    """Return the function that shows a column's values."""
    if name == "completeness":
        return percent
    if name.endswith("_bytes"):
        return of_bytes
    if name.endswith("_s"):
        return seconds
    if name.startswith("n_"):
        return functools.partial(count_cell, tone=_TONES.get(name, ""))
    return {"int": count_text, "float": number}.get(kind, dash)


def count_cell(value: int | None, tone: str = "") -> str | Cell:
    """Return a count in its colour; faint if it is 0."""
    css = tone if value else "nought"
    return Cell(count_text(value), css) if css else count_text(value)


def time_cell(value: datetime.datetime | None, night: str) -> str | Cell:
    """Return a time without its night's year, or a dash."""
    at = iso(value)
    return Cell(near(value, night), at=at) if at else NOTHING
