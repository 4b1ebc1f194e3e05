"""Split rows of another system by night."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from observing_monitor.model.wording import is_nothing
from observing_monitor.readers.night_paths import read_night
from observing_monitor.readers.textfiles import at
from observing_monitor.sources.shared.cells import to_instants
from observing_monitor.sources.shared.mapped import EXPOSURE_NAMES, OWN_INSTANT

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from observing_monitor.model.nights import NightRule
    from observing_monitor.readers.textfiles import Rows
    from observing_monitor.sources.shared.mapped import Mapped


# our columns that name a row's file, metric or exposure; the first that the settings map counts
NAMED_BY = {
    "files": ("file_id", "path", "name"),
    "ingests": ("path", "names"),
    "metrics": ("name",),
    "exposures": EXPOSURE_NAMES,
    "remarks": (),  # a remark may be about anything
}


def by_night(
    rows: Rows, settings: Mapped, rule: NightRule, night: datetime.date | None = None
) -> dict[datetime.date, Rows]:
    """Return rows by night.

    The notes are with the last night. The settings and the rows' columns must have passed
    `check_settings` and `require`.

    Parameters
    ----------
    rows : Rows
        Rows of any nights.
    settings : Mapped
        Tells the night's column, or the instant's.
    rule : NightRule
        Gives the night of an instant, if no column has the night.
    night : date, optional
        The night that the file's name or the query selects.
    """
    if not rows.rows:
        return split_by_night(rows, [], "", night)
    if settings.night_column:
        column, where = settings.night_column, f" in {settings.night_column!r}"
        nights = _nights_in(rows, settings)
    elif night is not None:
        _count_nameless(rows, settings, [])
        return {night: rows}
    else:
        column, where = settings.columns[OWN_INSTANT[settings.feeds]], ""
        nights = _nights_of_instants(rows, settings, rule)
    _count_nameless(rows, settings, nights)
    return split_by_night(rows, nights, where, night, column)


def _count_nameless(rows: Rows, settings: Mapped, nights: Sequence[datetime.date | None]) -> None:
    """Count rows that name no file, metric or exposure."""
    wanted = NAMED_BY[settings.feeds]
    name = next((name for name in wanted if name in settings.columns), "")
    if not name or any(other in settings.constants for other in wanted):
        return
    column = settings.columns[name]
    place = rows.columns.index(column)
    lost = [
        number
        for index, (row, number) in enumerate(zip(rows.rows, rows.numbers, strict=True))
        if not is_something(row[place]) and (not nights or nights[index] is not None)
    ]
    rows.leave_out(lost, f"{column!r} is empty")


def split_by_night(
    rows: Rows,
    nights: Sequence[datetime.date | None],
    where: str,
    night: datetime.date | None = None,
    column: str = "",
) -> dict[datetime.date, Rows]:
    """Return rows by night, as `by_night` does.

    Parameters
    ----------
    rows : Rows
        Rows of any nights.
    nights : sequence of date or None
        Each row's night; None if it has none. Such a row is left out, with a note.
    where : str
        The column of the night, for the note: " in 'column'" or "".
    night : date, optional
        If given, rows of other nights are left out, with a note.
    column : str, optional
        The rows' column with the night, or with the instant that gives it.
    """
    found: dict[datetime.date, list[int]] = {}
    lost: list[int] = []
    for index, own in enumerate(nights):
        (lost if own is None else found.setdefault(own, [])).append(index)
    notes = list(rows.notes)
    if lost:
        first = ",".join("" if cell is None else str(cell) for cell in rows.rows[lost[0]])[:80]
        numbers = [rows.numbers[index] for index in lost]
        lines = at(numbers, rows.word)
        rows.leave_out(numbers, _flaw(rows, lost[0], column) or f"no night ({first})")
        notes.append(f"{rows.place} {lines}: no night{where} ({first}); left out")
    others = sorted(
        (rows.numbers[index], own) for own, kept in found.items() if own != night for index in kept
    )
    if night is not None and others:
        numbers = [number for number, _ in others]
        rows.leave_out(numbers, f"of night {others[0][1]}, not {night}")
        lines = at(numbers, rows.word)
        notes.append(f"{rows.place} {lines}: of another night than {night}; left out")
        found = {own: kept for own, kept in found.items() if own == night}
    made = {
        own: replace(
            rows,
            rows=[rows.rows[i] for i in kept],
            numbers=[rows.numbers[i] for i in kept],
            notes=[],
        )
        for own, kept in found.items()
    }
    last = max(made, default=night)
    if last is not None:
        made.setdefault(last, replace(rows, rows=[], numbers=[])).notes = notes
    return made


def _flaw(rows: Rows, index: int, column: str) -> str:
    """Return what stands in a row's column, if there is one."""
    if column not in rows.columns:
        return ""
    cell = rows.rows[index][rows.columns.index(column)]
    return f"{column!r} is {str(cell)[:80]!r}" if is_something(cell) else f"{column!r} is empty"


def is_something(cell: object) -> bool:
    """True if a cell is not blank."""
    return not is_nothing(cell) and not (isinstance(cell, str) and not cell.strip())


def _nights_in(rows: Rows, settings: Mapped) -> list[datetime.date | None]:
    """Return each row's night, from its column."""
    place = rows.columns.index(settings.night_column)
    texts = [row[place] for row in rows.rows]
    read = {text: read_night(text, settings.night_format) for text in set(texts)}
    return [read[text] for text in texts]


def _nights_of_instants(
    rows: Rows, settings: Mapped, rule: NightRule
) -> list[datetime.date | None]:
    """Return each row's night, from its instant."""
    import pandas as pd

    place = rows.columns.index(settings.columns[OWN_INSTANT[settings.feeds]])
    instants = to_instants(
        pd.Series([row[place] for row in rows.rows], dtype="object"),
        settings.time_format,
        settings.zone,
    )
    dates = (instants + pd.Timedelta(seconds=rule.offset_s)).dt.date
    return dates.astype("object").where(dates.notna(), None).tolist()
