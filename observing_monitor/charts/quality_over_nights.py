"""Charts of image quality and overhead over nights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.charts import figure
from observing_monitor.charts.axes import divided, line, plain, value_axis, words_of
from observing_monitor.charts.usual_band import (
    band_words,
    night_axis,
    number_of,
    places,
    usual_band,
)
from observing_monitor.settings.headlines import Headline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from observing_monitor.charts.figure import Json
    from observing_monitor.model.columns import Summary

OVERHEAD = Headline("overhead_median_s", "overhead", unit="s")


def quality_charts(
    nights: Sequence[Summary], before: Sequence[Summary], quality: Headline
) -> Iterator[figure.Chart]:
    """Yield the charts of image quality and of overhead, if they are known.

    Parameters
    ----------
    nights : sequence of dict
        By the names of `columns.NIGHTS`, oldest first.
    before : sequence of dict
        The nights before these: they say what is usual.
    quality : Headline
        The median of the measure that is the image quality.
    """
    for median, chart_id, title in (
        (quality, "chart-quality", f"Image quality: {quality.label}"),
        (OVERHEAD, "chart-overhead", "Overhead"),
    ):
        values = [number_of(night.get(median.name)) for night in nights]
        if any(value is not None for value in values):
            earlier = [number_of(night.get(median.name)) for night in before]
            yield figure.Chart(chart_id, title, *_captioned(nights, values, earlier, median))


def _captioned(
    nights: Sequence[Summary],
    values: Sequence[float | None],
    earlier: Sequence[float | None],
    median: Headline,
) -> tuple[str, figure.Figure]:
    """Return a caption, and the medians of each night over their usual range."""
    say, name = words_of(median.unit), plain(median.label)
    known = sorted(value for value in values if value is not None)
    shown = [None if value is None else plain(say(float(f"{value:.4g}"))) for value in values]
    band = usual_band(earlier, values, nights, "total")
    medians: Json = {
        **line([], values, f"median {name}", "total"),
        "mode": "lines+markers",
        "marker": {"size": 5},
        "text": shown,
        "hovertemplate": "%{text}<extra>median " + name + ", %{x}</extra>",
        **places(nights),
    }
    drawn = [value for trace in (*band, medians) for value in trace["y"] if value is not None]
    axis, by = value_axis(drawn, median.unit)
    layout: Json = {"xaxis": night_axis(), "yaxis": axis, "showlegend": False}
    lowest, highest = (say(float(f"{value:.4g}")) for value in (known[0], known[-1]))
    caption = (
        f"Median {median.label} of each night: "
        f"{lowest if lowest == highest else f'{lowest} to {highest}'}."
        f"{band_words(band, 'medians')}"
    )
    return caption, {"data": divided([*band, medians], by), "layout": layout}
