"""Axes, ticks and lines that several charts share."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from observing_monitor.model import wording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from numpy import float64
    from numpy.typing import ArrayLike, NDArray
    from pandas import Series

    from observing_monitor.charts import figure
    from observing_monitor.charts.figure import Json

    Floats = NDArray[float64]


N_SERIES = 10  # tones of lines and bars that have no meaning of their own
SHORTEST_S = 0.1  # what is quicker is drawn as this on a log axis, which has no zero

DELAY_TICKS_S = (0.1, 1, 10, 60, 600, 3600, 36_000, 86_400, 864_000, 8_640_000, 86_400_000)
TICK_STEPS_S = (
    0.5,
    1,
    2,
    5,
    10,
    20,
    30,
    60,
    120,
    300,
    600,
    1200,
    1800,
    3600,
    7200,
    14_400,
    28_800,
    43_200,
    86_400,
)


def addressed(made: list[figure.Chart]) -> list[figure.Chart]:
    """Charts whose addresses are their own: a second of one name has a number."""
    seen: dict[str, int] = {}
    for chart in made:
        seen[chart.chart_id] = seen.get(chart.chart_id, 0) + 1
        if seen[chart.chart_id] > 1:
            chart.chart_id += f"--{seen[chart.chart_id]}"
    return made


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def plain(text: str) -> str:
    """A text that others wrote, for plotly, which takes `<b>` for markup: shown letter by letter."""
    return html.escape(wording.visible(text), quote=False)


def words_of(unit: str) -> Callable[[float | None], str]:
    """A function that says a number of this unit."""
    return lambda value: wording.quantity(value, unit)


def value_axis(values: Sequence[float], unit: str) -> Json:
    """An axis of numbers of one unit, from 0 where that flattens nothing."""
    low, high = min(values), max(values)
    if unit == "s":
        return delay_axis(min(low, 0.0), max(high, 0.0), False) | {
            "title": {"text": "time"},
            "rangemode": "tozero",
        }
    is_count = not unit and low >= 0 and all(value % 1 == 0 for value in values)
    is_from_zero = is_count or (low >= 0 and low < 0.7 * high)
    axis = {
        "title": {"text": plain(unit)},
        "rangemode": "tozero" if is_from_zero else "normal",
        "exponentformat": "SI",
    }
    return axis | (_whole_ticks(high) if is_count else {})


def files_axis(most: float) -> Json:
    """An axis of numbers of files, up to `most`."""
    return {"title": {"text": "files"}, "rangemode": "tozero"} | _whole_ticks(most)


def _whole_ticks(most: float) -> Json:
    """What keeps an axis of counts from ticks between two whole numbers: of itself it has some where all are small."""
    return {"dtick": 1} if most <= 5 else {}


def seconds_since_1970(instants: Series[Any]) -> Floats:
    """Instants as floats in seconds since 1970, NaN for NaT."""
    import numpy as np
    import pandas as pd

    whole = pd.to_datetime(instants, utc=True).astype("datetime64[us, UTC]")
    return np.where(whole.isna(), np.nan, whole.astype("int64") / 1e6)


def wants_log(low: float, median: float, high: float) -> bool:
    """Whether delays spread so far that a linear axis would hide most; a log axis can't show those below zero."""
    return low >= 0 and high > 30 * max(median, SHORTEST_S)


def spread(late: Floats) -> tuple[float, float, float]:
    """The least, the middle and the largest of delays."""
    import numpy as np

    return float(late.min()), float(np.median(late)), float(late.max())


def floored(values: Iterable[float], logarithmic: bool) -> list[float]:
    return [max(v, SHORTEST_S) for v in values] if logarithmic else list(values)


def delay_axis(low: float, high: float, logarithmic: bool) -> Json:
    """An axis of durations, the least and the largest of which are told, with ticks that people say: 10 s, 1 min, 1 h."""
    if low < 0 or high < 2 * (
        high - low
    ):  # else nought is far from all of them, and so not on the axis
        low = min(low, 0.0)
    high = max(high, low + 1.0)
    if logarithmic:
        ticks = list(DELAY_TICKS_S)
    else:
        least = max(
            60 if low >= 3600 else 0, 3600 if low >= 86_400 else 0
        )  # what a tick's two units can tell
        step = next(
            (s for s in TICK_STEPS_S if (high - low) / s <= 6 and s >= least),
            -(-(high - low) // (6 * 86_400)) * 86_400,
        )
        ticks = [step * n for n in range(int(low // step), int(high // step) + 2)]
    axis = {
        "title": {"text": "delay"},
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [tick(t) for t in ticks],
    }
    return axis | ({"type": "log"} if logarithmic else {"rangemode": "normal"})


def tick(value: float) -> str:
    """A tick's duration in its largest whole unit, `7200` is `2 h`; in the two largest where there is none, `80` is `1 min 20 s`."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if value and value % size == 0 and (unit != "min" or abs(value) < 3600):
            return f"{value / size:,g} {unit}".replace("-", "−")
    return wording.seconds(value) if abs(value) > 60 else f"{value:g} s".replace("-", "−")


def time_axis(times: Floats, bounds: tuple[float, float]) -> tuple[Json, int]:
    """A UTC axis over those times that lie in the night, and how many don't (they are a zoom away)."""
    import numpy as np

    times = times[~np.isnan(times)]
    inside = times[(times >= bounds[0]) & (times < bounds[1])]
    # labels that turn when they are many make plotly lay out the chart again and again, until it gives up
    axis = {
        "type": "date",
        "title": {"text": "UTC"},
        "hoverformat": "%Y-%m-%d %H:%M:%S",
        "tickangle": 0,
    }
    if not len(inside) or len(inside) == len(times):
        return axis, 0
    pad = max((inside.max() - inside.min()) * 0.03, 60.0)
    return axis | {"range": milliseconds(np.array([inside.min() - pad, inside.max() + pad]))}, len(
        times
    ) - len(inside)


def sentence(words: Iterable[str]) -> str:
    text = "; ".join(words)
    return f"{text[0].upper()}{text[1:]}."


def quantiles(late: Floats) -> str:
    import numpy as np

    median, p90, p99 = (wording.seconds(value) for value in np.quantile(late, (0.5, 0.9, 0.99)))
    return f"median {median}, 90 % within {p90}, 99 % within {p99}, worst {wording.seconds(late.max())}"


def milliseconds(times: ArrayLike) -> list[int]:
    import numpy as np

    rounded: list[int] = np.round(np.asarray(times, dtype=float) * 1000).astype("int64").tolist()
    return rounded


def line(
    x: Sequence[float],
    y: Sequence[float | None],
    name: str,
    tone: str,
    dash: str = "solid",
    shape: str = "linear",
) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": name,
        "line": {"dash": dash, "shape": shape, "width": 2 if dash == "solid" else 1.2},
        "marker": {"size": 3},
        "meta": {"tone": tone},
    }


def in_legend(stage: str, dash: str) -> Json:
    """A stage stands in the legend once, by its solid line: six entries would fill a phone. The others go with it."""
    if dash == "solid":
        return {"legendgroup": stage, "showlegend": True, "name": stage}
    return {"legendgroup": stage, "showlegend": False}
