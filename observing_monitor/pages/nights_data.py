"""Data files of many nights, as JSON and CSV.

The files of a stream are put together from those of its years, which are written first.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from typing import TYPE_CHECKING

from observing_monitor.model import columns
from observing_monitor.model.digest import instants_as_text
from observing_monitor.model.nights import iso_utc
from observing_monitor.pages.periods import year_of
from observing_monitor.storage import layout
from observing_monitor.storage.sealed import as_bytes
from observing_monitor.storage.store import encoded

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from observing_monitor.model.columns import Summary
    from observing_monitor.pages.periods import Period
    from observing_monitor.settings.headlines import Headline
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.output import Output


_FORMULA_HEADS = frozenset(columns.FORMULA_HEADS)
# what surrounds the nights of a file; no text in JSON contains a newline
_BEGIN, _END = b'"nights": [\n', b"\n]}\n"
_BETWEEN = b",\n"


# --- a year --------------------------------------------------------------------------------------


def year_json(
    stream: Stream, year: str, months: Iterable[Period], summaries: Iterable[Summary]
) -> bytes:
    """Return a year's JSON: months and nights, oldest first."""
    about = json.dumps({"stream": stream.name, "year": year}, ensure_ascii=False)
    lines = (as_bytes(encoded(instants_as_text(month.values))) for month in months)
    return b"".join(
        [
            as_bytes(f'{about[:-1]}, "months": [\n'),
            _BETWEEN.join(lines),
            b"\n], ",
            _BEGIN,
            _json_lines(summaries),
            _END,
        ]
    )


def _json_lines(summaries: Iterable[Summary]) -> bytes:
    """Return nights as JSON, one line each."""
    return _BETWEEN.join(as_bytes(encoded(summary)) for summary in summaries)


def year_csv(summaries: Iterable[Summary], headlines: Iterable[Headline]) -> str:
    """Return nights as CSV with a heading line."""
    names = dict.fromkeys(
        [*(c.name for c in columns.NIGHTS), *(headline.name for headline in headlines)]
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([cell(name) for name in names])
    # only text is checked: ten years have 150,000 cells, of which most are numbers
    writer.writerows(
        [cell(v) if v.__class__ is str else v for v in map(summary.get, names)]
        for summary in summaries
    )
    return text.getvalue()


def cell(text: str) -> str:
    """Return a text that is no formula to a spreadsheet."""
    return f"'{text}" if text[:1] in _FORMULA_HEADS else text


# --- a stream ------------------------------------------------------------------------------------


def stream_json(
    output: Output, stream: Stream, summaries: Iterable[Summary], now: datetime.datetime
) -> bytes:
    """Return `nights.json` of a stream.

    `summaries` are all its nights, oldest first.
    """
    about = json.dumps(
        {"stream": stream.name, "generated_at": iso_utc(now.replace(microsecond=0))},
        ensure_ascii=False,
    )
    years = []
    for year, nights in itertools.groupby(summaries, year_of):
        made = output.read(layout.in_folder(stream.folder, layout.year_json(year))) or b""
        start = made.find(_BEGIN) + len(_BEGIN)
        is_complete = start >= len(_BEGIN) and made.endswith(_END)
        years.append(memoryview(made)[start : -len(_END)] if is_complete else _json_lines(nights))
    return b"".join([as_bytes(f"{about[:-1]}, "), _BEGIN, _BETWEEN.join(years), _END])


def stream_csv(
    output: Output, stream: Stream, summaries: Iterable[Summary], headlines: Sequence[Headline]
) -> bytes:
    """Return `nights.csv` of a stream.

    `summaries` are all its nights, oldest first.
    """
    head = as_bytes(year_csv([], headlines))
    parts = [head]
    for year, nights in itertools.groupby(summaries, year_of):
        made = output.read(layout.in_folder(stream.folder, layout.year_csv(year))) or b""
        if not made.startswith(head):
            made = as_bytes(year_csv(nights, headlines))
        parts.append(made[len(head) :])
    return b"".join(parts)
