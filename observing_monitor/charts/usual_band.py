"""Parts of charts over nights: places of nights, and the usual range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.charts.axes import line
from observing_monitor.judging import usual
from observing_monitor.model import wording
from observing_monitor.storage.layout import night_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from observing_monitor.charts.figure import Json
    from observing_monitor.model.columns import Summary


def usual_band(
    earlier: Sequence[float | None],
    values: Sequence[float | None],
    nights: Sequence[Summary],
    tone: str,
    least: float | None = None,
) -> list[Json]:
    """Return two lines around the middle 80 % of the nights before each.

    There is none while few are known. `values` are those of `nights`, `earlier` those of the nights
    before.
    """
    window, before = usual.Window(), []
    for value in (*earlier, *values):
        before.append((window.quantile(0.1), window.quantile(0.9)))
        window.add(value)
    low, high = zip(*before[len(earlier) :], strict=True)
    if not any(value is not None for value in low):
        return []
    edges = []
    for edge, fill in ((low, {}), (high, {"fill": "tonexty"})):
        y = [None if v is None else _rounded(v if least is None else max(v, least)) for v in edge]
        edges.append(
            line([], y, "usual", tone)
            | {
                "x": [values["night"] for values in nights],
                "line": {"width": 0, "shape": "hvh"},
                "meta": {"tone": tone, "is_band": True},
            }
            | {"showlegend": False, "legendgroup": tone, "hoverinfo": "skip"}
            | fill
        )
    return edges


def band_words(traces: Iterable[Json], what: str) -> str:
    """Return a sentence about the shade, if there is one."""
    if not any(trace["meta"].get("is_band") for trace in traces):
        return ""
    return (
        f" Shaded: the usual range (middle 80 % of the {what} of the {usual.NIGHTS} nights before)."
    )


def places(nights: Sequence[Summary]) -> Json:
    """Return the x values of a trace over nights, and the page of each."""
    return {
        "x": [values["night"] for values in nights],
        "customdata": [night_page(values["night"]) for values in nights],
    }


def night_axis() -> Json:
    """Return an axis with one place per night, however far apart they are."""
    return {"type": "category", "title": {"text": "night"}, "nticks": 6}


def number_of(value: float | None) -> float | None:
    """Return a night's value, or None if there is none."""
    return None if value is None or wording.is_nothing(value) else float(value)


def _rounded(value: float) -> float:
    return round(value, 3) if abs(value) >= 1 else float(f"{value:.4g}")
