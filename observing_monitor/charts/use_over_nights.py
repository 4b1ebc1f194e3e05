"""Charts of how nights were used, and of types of exposures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.charts import figure
from observing_monitor.model import columns, wording
from observing_monitor.storage.layout import night_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observing_monitor.charts.figure import Json
    from observing_monitor.model.columns import Summary

# part of a night -> its words and its tone, from below
PARTS = {
    "science": ("science", "part-science"),
    "gaps": ("gaps", "part-gaps"),
    "rest": ("overhead and other exposures", "part-overhead"),
}


def use_chart(nights: Sequence[Summary]) -> figure.Chart | None:
    """Return the chart of hours of each night.

    None if no night has exposures. A night whose twilights are not known has science alone.

    Parameters
    ----------
    nights : sequence of dict
        By the names of `columns.NIGHTS`, oldest first.
    """
    parts = [_parts(night) for night in nights]
    if not any(parts):
        return None
    bars: list[Json] = []
    for name, (label, tone) in PARTS.items():
        values = [part.get(name) for part in parts]
        hours = [None if v is None else round(v / 3600, 3) for v in values]
        if any(values):
            bars.append(_bar(nights, label, tone, hours, [wording.seconds(v) for v in values]))
    drawn = _stacked(bars, "hours")
    return figure.Chart("chart-use", "Use of the nights", _caption(nights), drawn)


def types_chart(nights: Sequence[Summary]) -> figure.Chart | None:
    """Return the chart of exposures of each night by type.

    None if no night has exposures. Science is the lowest part of a bar.

    Parameters
    ----------
    nights : sequence of dict
        By the names of `columns.NIGHTS`, oldest first.
    """
    bars: list[Json] = []
    words: list[str] = []
    for number, type_ in enumerate(dict.fromkeys(("science", *columns.OBSERVATION_TYPES))):
        values = [night.get(f"n_exposures_{type_}") for night in nights]
        if total := sum(value or 0 for value in values):
            texts = [wording.count_text(value) for value in values]
            bars.append(_bar(nights, type_, f"series-{number}", values, texts))
            words.append(f"{total:,} {type_}")
    if not bars:
        return None
    caption = f"Exposures: {', '.join(words)}."
    drawn = _stacked(bars, "exposures")
    return figure.Chart("chart-exposure-types", "Exposures by type", caption, drawn)


def _bar(
    nights: Sequence[Summary],
    label: str,
    tone: str,
    values: Sequence[float | None],
    texts: Sequence[str],
) -> Json:
    """Return a part of each night's bar."""
    return {
        "type": "bar",
        "y": list(values),
        "name": label,
        "text": list(texts),
        "textposition": "none",
        "hovertemplate": "%{text}<extra>" + label + ", %{x}</extra>",
        "meta": {"tone": tone},
        "x": [night["night"] for night in nights],
        "customdata": [night_page(night["night"]) for night in nights],
    }


def _stacked(bars: list[Json], unit: str) -> figure.Figure:
    layout: Json = {
        "barmode": "stack",
        "bargap": 0.25,
        "xaxis": {"type": "category", "title": {"text": "night"}, "nticks": 6},
        "yaxis": {"title": {"text": unit}, "rangemode": "tozero"},
    }
    return {"data": bars, "layout": layout}


def _parts(night: Summary) -> dict[str, float]:
    """Return seconds of a night by PARTS, or {}."""
    science, dark, gaps = (night.get(name) for name in ("science_s", "night_s", "gaps_s"))
    if science is None:
        return {}
    if dark is None or gaps is None:
        return {"science": science}
    return {"science": science, "gaps": gaps, "rest": max(dark - science - gaps, 0.0)}


def _caption(nights: Sequence[Summary]) -> str:
    known = [night for night in nights if night.get("science_s") is not None]
    science = sum(night["science_s"] for night in known)
    of_dark = [night for night in known if night.get("night_s")]
    words = f"Science: {wording.hours(science)} in {wording.n_of(len(known), 'night')}"
    if not of_dark:
        return f"{words}."
    share = sum(n["science_s"] for n in of_dark) / sum(n["night_s"] for n in of_dark)
    return f"{words}, {wording.percent(share)} of the time between the twilights."
