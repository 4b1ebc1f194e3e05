"""Programs of a stream as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from observing_monitor.model import columns
from observing_monitor.pages.nights_data import cell
from observing_monitor.pages.programs import sums_of, totals_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from observing_monitor.model.programs import Part
    from observing_monitor.pages.programs import Program, Programs
    from observing_monitor.settings.stream import Stream

CSV_NAMES = (
    "program",
    "night",
    *(
        c.name
        for c in columns.PROGRAMS
        if c.name in ("n_exposures_science", "n_exposures", "science_exposure_s", "open_shutter_s")
    ),
)


def programs_json(stream: Stream, found: Programs, hrefs: Mapping[str, str]) -> str:
    """Return `programs.json`: the sums of each program.

    `hrefs` has the address of the page of each program that has one.
    """
    programs = [_values(program, hrefs.get(program.name)) for program in found.programs]
    lines = (json.dumps(one, ensure_ascii=False) for one in programs)
    about = json.dumps({"stream": stream.name}, ensure_ascii=False)[:-1]
    return f'{about}, "programs": [\n' + ",\n".join(lines) + "\n]}\n"


def _values(program: Program, href: str | None) -> dict[str, object]:
    return {
        "program": program.name,
        **asdict(program.totals),
        "first_night": program.first_night,
        "last_night": program.last_night,
        "page": href,
        "filters": _parts(sums_of(night.filters for _, night in program.nights)),
    }


def _parts(parts: Sequence[Part]) -> list[dict[str, object]]:
    return [
        {"name": name, "n_exposures": n, "open_shutter_s": seconds} for name, n, seconds in parts
    ]


def programs_csv(found: Programs) -> str:
    """Return `programs.csv`: one row per program and night."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_NAMES)
    for program in found.programs:
        name = cell(program.name)
        for night, of_night in program.nights:
            values = asdict(totals_of([of_night]))
            writer.writerow([name, night, *(values[column] for column in CSV_NAMES[2:])])
    return text.getvalue()
