"""Tables of programs, and of the nights of a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import wording
from observing_monitor.model.programs import parts_of
from observing_monitor.model.wording import hours
from observing_monitor.pages.calendars import month_name
from observing_monitor.pages.glossary import WORDS
from observing_monitor.pages.programs import periods_of, sums_of, totals_of
from observing_monitor.pages.tables import Cell, Table, TableColumn, count_cell
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from observing_monitor.model.programs import Part
    from observing_monitor.pages.programs import Program, Totals

MAX_PARTS = 200  # rows of a table of filters or targets
FEW_NIGHTS = 15  # a program with more nights has a table of months
_NUMBERS = ("science_exposure_s", "open_shutter_s", "n_exposures_science", "n_exposures")


def programs_table(programs: Sequence[Program], hrefs: Mapping[str, str], caption: str) -> Table:
    """Return the table of some programs.

    Parameters
    ----------
    programs : sequence of Program
    hrefs : mapping
        Program -> address of its page, if it has one.
    caption : str
    """
    words, totals = WORDS["program"], [program.totals for program in programs]
    names = [_named(program.name, hrefs.get(program.name, "")) for program in programs]
    last = [_night(program.last_night) for program in programs]
    return Table(
        [
            TableColumn(words["program"], names, "name", is_foreign=True),
            TableColumn(words["last_night"], last, "num"),
            TableColumn(words["n_nights"], [count_cell(one.n_nights) for one in totals], "num"),
            *_numbers(totals),
            TableColumn(words["first_night"], [one.first_night for one in programs], "num"),
        ],
        caption,
        css="programs",
    )


def nights_table(program: Program) -> Table:
    """Return the table of a program's nights, newest first."""
    newest_first = program.nights[::-1]
    totals = [totals_of([of_night]) for _, of_night in newest_first]
    links = [_night(night) for night, _ in newest_first]
    filters = [_names(parts_of(of_night.filters)) for _, of_night in newest_first]
    columns = [TableColumn(WORDS["night"]["night"], links, "pinned"), *_numbers(totals)]
    if any(text != wording.NOTHING for text in filters):
        columns.append(TableColumn(WORDS["use"]["physical_filter"], filters, is_foreign=True))
    return Table(columns, "Nights, newest first", css="nights")


def period_tables(program: Program) -> list[Table]:
    """Return the tables of years and months of a program with many nights."""
    if len(program.nights) <= FEW_NIGHTS:
        return []
    months = _periods(periods_of(program, 7), lambda text: month_name(*map(int, text.split("-"))))
    years = periods_of(program, 4)
    return [*([_periods(years, str)] if len(years) > 1 else []), months]


def part_tables(program: Program) -> list[Table]:
    """Return the tables of a program's filters and targets."""
    filters = sums_of(parts_of(night.filters) for _, night in program.nights)
    targets = sums_of(parts_of(night.targets) for _, night in program.nights)
    return [
        _parts("physical_filter", "By filter", filters, ""),
        _parts("target", "By target", targets, " of nights with many targets"),
    ]


def _parts(column: str, caption: str, parts: Sequence[Part], of_nights: str) -> Table:
    """Return exposures by filter or target; empty if none is known."""
    if not any(name for name, _, _ in parts):
        return Table(())
    words, shown = WORDS["use"], parts[:MAX_PARTS]
    more = len(parts) - len(shown)
    rest = f". The first {len(shown)}; {more:,} more are not shown" if more else ""
    names = [_name_of(name, of_nights) or wording.NOTHING for name, _, _ in shown]
    return Table(
        [
            TableColumn(words[column], names, "name", is_foreign=True),
            TableColumn(words["n_exposures"], [wording.count_text(n) for _, n, _ in shown], "num"),
            TableColumn(words["open_shutter_s"], [hours(s) for _, _, s in shown], "num"),
        ],
        f"{caption}{rest}",
        css="use",
    )


def _names(parts: Sequence[Part]) -> str:
    names = [_name_of(name) for name, _, _ in parts if name != ""]
    return ", ".join(names) or wording.NOTHING


def _name_of(name: str | None, of_nights: str = "") -> str:
    return f"others{of_nights}" if name is None else name


def _periods(periods: Sequence[tuple[str, Totals]], say: Callable[[str], str]) -> Table:
    words, totals = WORDS["program"], [total for _, total in periods]
    names = [say(name) for name, _ in periods]
    return Table(
        [
            TableColumn(WORDS["period"]["period"], names, "pinned"),
            TableColumn(words["n_nights"], [count_cell(one.n_nights) for one in totals], "num"),
            *_numbers(totals),
        ],
        f"{'Years' if len(periods[0][0]) == 4 else 'Months'}, newest first",
        css="periods",
    )


def _numbers(totals: Sequence[Totals]) -> list[TableColumn]:
    shows = {name: hours if name.endswith("_s") else count_cell for name in _NUMBERS}
    return [
        TableColumn(WORDS["program"][name], [show(getattr(one, name)) for one in totals], "num")
        for name, show in shows.items()
    ]


def _named(name: str, href: str) -> Cell | str:
    return Cell(name, href=href) if href else name


def _night(night: str) -> Cell:
    return Cell(night, href=layout.night_page(night))
