"""The chart of a program's hours."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from observing_monitor.charts import figure
from observing_monitor.model import wording
from observing_monitor.storage.layout import night_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observing_monitor.charts.figure import Json

LEAST_NIGHTS = 2


def hours_chart(nights: Sequence[tuple[str, float]]) -> figure.Chart | None:
    """Return the chart of open-shutter time over nights, added up.

    None if there are fewer than LEAST_NIGHTS nights.

    Parameters
    ----------
    nights : sequence of (str, float)
        Night, and seconds; oldest first.
    """
    if len(nights) < LEAST_NIGHTS:
        return None
    sums = list(itertools.accumulate(seconds for _, seconds in nights))
    places = {"x": [night for night, _ in nights]}
    places["customdata"] = [night_page(night) for night, _ in nights]
    trace: Json = {
        "type": "scatter",
        "mode": "lines+markers",
        "y": [round(total / 3600, 3) for total in sums],
        "name": "open shutter",
        "text": [
            f"{wording.hours(total)}; {wording.hours(seconds)} in this night"
            for total, (_, seconds) in zip(sums, nights, strict=True)
        ],
        "hovertemplate": "%{text}<extra>%{x}</extra>",
        "line": {"shape": "hv"},
        "marker": {"size": 5},
        "meta": {"tone": "ingested"},
        **places,
    }
    layout: Json = {
        "xaxis": {"type": "date", "title": {"text": "night"}},
        "yaxis": {"title": {"text": "hours"}, "rangemode": "tozero"},
        "showlegend": False,
    }
    most = max(nights, key=lambda night: night[1])
    caption = (
        f"Open shutter: {wording.hours(sums[-1])} in {len(nights):,} nights; "
        f"most in {most[0]}: {wording.hours(most[1])}."
    )
    drawn: figure.Figure = {"data": [trace], "layout": layout}
    return figure.Chart("chart-hours", "Hours, added up", caption, drawn)
