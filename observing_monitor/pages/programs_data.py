"""Programs of a stream as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from observing_monitor.model import columns
from observing_monitor.pages.nights_data import cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from observing_monitor.pages.programs import Program, Programs
    from observing_monitor.settings.stream import Stream

_NAMES = [c.name for c in columns.PROGRAMS]
_OF_NIGHT = ("science_exposure_s", "open_shutter_s", "n_exposures_science", "n_exposures")


def programs_json(stream: Stream, found: Programs, hrefs: Mapping[str, str]) -> str:
    """Return `programs.json`: the sums of each program.

    `hrefs` has the address of the page of each program that has one.
    """
    rows = [
        {**dict(zip(_NAMES, _values(program), strict=True)), "page": hrefs.get(program.name)}
        for program in found.programs
    ]
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    about = json.dumps({"stream": stream.name}, ensure_ascii=False)[:-1]
    return f'{about}, "programs": [\n' + ",\n".join(lines) + "\n]}\n"


def programs_csv(found: Programs) -> str:
    """Return `programs.csv`: the sums of each program."""
    rows = ([cell(program.name), *_values(program)[1:]] for program in found.programs)
    return _csv(_NAMES, rows)


def program_csv(program: Program) -> str:
    """Return the nights of a program as CSV."""
    name = cell(program.name)
    rows = ([name, night, *(getattr(one, c) for c in _OF_NIGHT)] for night, one in program.nights)
    return _csv(["program", "night", *_OF_NIGHT], rows)


def _values(program: Program) -> list[str | int | float]:
    """Return the values of the columns of `columns.PROGRAMS`."""
    nights = {"first_night": program.first_night, "last_night": program.last_night}
    own = {"program": program.name, **nights}
    return [own.get(name) or getattr(program.totals, name) for name in _NAMES]


def _csv(names: Iterable[str], rows: Iterable[Iterable[str | int | float]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()
