"""Tables of nights, months and years of a stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from observing_monitor.model import columns
from observing_monitor.model.digest import with_instants
from observing_monitor.model.wording import NOTHING
from observing_monitor.pages.glossary import column_words
from observing_monitor.pages.labels import headline_text, over_nights_label
from observing_monitor.pages.periods import how_of
from observing_monitor.pages.tables import Cell, Table, TableColumn, schema_column
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from observing_monitor.model.columns import Summary
    from observing_monitor.pages.glossary import Word
    from observing_monitor.pages.periods import Period
    from observing_monitor.settings.headlines import Headline


WordOfNight = TypeVar("WordOfNight", "Word", "Headline")
# Columns of files in the table of nights, in order, and in a card's table.
OF_FILES = (
    "n_files",
    *(f"n_{c.name}" for c in columns.CLASSES),
    "completeness",
    "last_created_at",
    "last_transferred_at",
    "last_ingested_at",
    "transfer_delay_median_s",
    "transfer_delay_p90_s",
    "ingest_delay_median_s",
    "ingest_delay_p90_s",
)
# Columns of exposures in the table of nights, in a card's table, and in that of periods.
OF_EXPOSURES = (
    "n_exposures_science",
    "science_s",
    "open_shutter_s",
    "n_time_gaps",
    "started_late_s",
    "ended_early_s",
)
OF_EXPOSURES_IN_CARD = ("n_exposures_science", "science_s")
OF_EXPOSURES_IN_PERIODS = ("n_exposures_science", "science_s", "open_shutter_s", "night_s")
OF_FILES_IN_CARD = ("n_files", "n_ingested", "n_pending", "n_error", "completeness")
# Columns of the table of periods if there are no files.
COUNTS_OF_NIGHTS = ("n_nights", "n_nights_error", "n_nights_warning")


class Info(NamedTuple):
    """Cell with a night's problems and known ones."""

    text: str
    acknowledged: str


class StreamTables(msgspec.Struct, frozen=True):
    """Tables of a stream; their columns depend on its sources.

    Attributes
    ----------
    headlines : list of Headline
    has_files : bool
        True if a source reports files.
    has_ingest : bool
        True if a stage comes after arrival.
    has_exposures : bool
        True if a source reported exposures of any night.
    """

    headlines: Sequence[Headline]
    has_files: bool
    has_ingest: bool
    has_exposures: bool = False

    def nights(self, summaries: Iterable[Summary], which: str) -> Table:
        """Return the table of some nights, newest first.

        `which` begins its caption.
        """
        rows = [with_instants(summary) for summary in summaries]
        named = self._named(rows, "")
        return Table(
            [named["night"], named["status"], named["info"], *self._headlines(rows)]
            + (self._numbers(OF_EXPOSURES, rows) if self.has_exposures else [])
            + (self._numbers(OF_FILES, rows) if self.has_files else []),
            caption=f"{which}, newest first" + ("; times in UTC" if self.has_files else ""),
            css="nights",
            anchors=[f"night-{row['night']}" for row in rows],
        )

    def recent(self, summaries: Sequence[Summary], folder: str) -> Table:
        """Return the table of a card.

        `folder` is the way from the site's page to the stream's.
        """
        named = self._named(summaries, folder)
        return Table(
            [named["night"], named["status"], *self._headlines(summaries)]
            + (self._numbers(OF_EXPOSURES_IN_CARD, summaries) if self.has_exposures else [])
            + (self._numbers(OF_FILES_IN_CARD, summaries) if self.has_files else [])
            + [named["info"]],
            caption="Recent nights, newest first",
        )

    def periods(self, periods: Sequence[Period], which: str, total: Period | None = None) -> Table:
        """Return the table of some periods, newest first.

        Parameters
        ----------
        periods : sequence of Period
        which : str
            Begins the caption.
        total : Period, optional
            All of them together, for the foot.
        """
        return Table(
            self._of_periods(periods),
            caption=f"{which}, newest first",
            css="periods",
            total=Table(self._of_periods([total])) if total else None,
        )

    def _of_periods(self, periods: Sequence[Period]) -> list[TableColumn]:
        words = column_words("period", self.has_ingest)
        rows = [period.values for period in periods]
        links = [Cell(period.values["period"], href=period.href) for period in periods]
        numbers = [
            schema_column(name, _over_nights(word, how_of(name)), [row.get(name) for row in rows])
            for name, word in words.items()
            if self._is_of_periods(name)
        ]
        headlines = [
            replace(column, word=_over_nights(headline, headline.over_nights))
            for headline, column in zip(self.headlines, self._headlines(rows), strict=True)
        ]
        period = TableColumn(words["period"], links, "pinned")
        return [period, *numbers, *headlines]

    def _is_of_periods(self, name: str) -> bool:
        if name in OF_EXPOSURES_IN_PERIODS:
            return self.has_exposures
        return name != "period" and (self.has_files or name in COUNTS_OF_NIGHTS)

    def _named(self, rows: Sequence[Summary], folder: str) -> dict[str, TableColumn]:
        """Return a night's columns that are no numbers."""
        words = column_words("night", self.has_ingest)
        links = [Cell(row["night"], href=_page(folder, row)) for row in rows]
        statuses = [Cell(row["status"]) for row in rows]
        return {
            "night": TableColumn(words["night"], links, "pinned"),
            "status": TableColumn(words["status"], statuses, draw="status"),
            "info": TableColumn(words["info"], [_info(row) for row in rows], "info", "info"),
        }

    def _headlines(self, rows: Sequence[Summary]) -> list[TableColumn]:
        return [
            TableColumn(
                headline,
                [headline_text(row.get(headline.name), headline) for row in rows],
                "num",
            )
            for headline in self.headlines
        ]

    def _numbers(self, names: Iterable[str], rows: Sequence[Summary]) -> list[TableColumn]:
        words = column_words("night", self.has_ingest)
        nights = [row["night"] for row in rows]
        return [
            schema_column(name, words[name], [row.get(name) for row in rows], nights)
            for name in names
            if name in words
        ]


def _over_nights(word: WordOfNight, how: str) -> WordOfNight:
    """Return the heading of values over several nights."""
    return replace(word, label=over_nights_label(word.label, how)) if how else word


def _page(folder: str, row: Summary) -> str:
    """Return the address of a night's page."""
    return layout.in_folder(folder, layout.night_page(row["night"]))


def _info(row: Summary) -> Info | str:
    """Return a night's problems, or a dash."""
    acknowledged = row.get("acknowledged") or ""
    return Info(row["info"], acknowledged) if row["info"] or acknowledged else NOTHING
