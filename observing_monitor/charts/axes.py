"""Axes, ticks and lines that several charts share."""

from __future__ import annotations

import html
import math
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


N_SERIES = 10  # colours of lines and bars without a meaning of their own
SHORTEST_S = 0.1  # shorter delays are drawn as this on a log axis, which has no zero

DELAY_TICKS_S = (0.1, 1, 10, 60, 600, 3600, 36_000, 86_400, 864_000, 8_640_000, 86_400_000)
# numbers that can be read on a logarithmic axis
LEAST_ON_LOG, MOST_ON_LOG = 0.05, 20_000
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
    """Give each chart an address of its own, if needed with a number."""
    seen: dict[str, int] = {}
    for chart in made:
        seen[chart.chart_id] = seen.get(chart.chart_id, 0) + 1
        if seen[chart.chart_id] > 1:
            chart.chart_id += f"--{seen[chart.chart_id]}"
    return made


def slug(text: str) -> str:
    """Return a text as part of an address."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def plain(text: str) -> str:
    """Escape a text for plotly, which takes `<b>` for markup."""
    return html.escape(wording.visible(text), quote=False)


def words_of(unit: str) -> Callable[[float | None], str]:
    """Return a function that words a number of this unit."""
    return lambda value: wording.quantity(value, unit)


def value_axis(values: Sequence[float], unit: str) -> tuple[Json, float]:
    """Return an axis of numbers of one unit, and a divisor for them.

    It begins at 0 unless that flattens the values.
    """
    low, high = min(values), max(values)
    if unit == "s":
        axis = delay_axis(min(low, 0.0), max(high, 0.0), False)
        return axis | {"title": {"text": "time"}, "rangemode": "tozero"}, 1.0
    by, shown_unit = wording.scale(max(abs(low), abs(high)), unit)
    is_count = not unit and low >= 0 and all(value % 1 == 0 for value in values)
    is_from_zero = is_count or (low >= 0 and low < 0.7 * high)
    axis = {
        "title": {"text": plain(shown_unit)},
        "rangemode": "tozero" if is_from_zero else "normal",
        "exponentformat": "none",  # not 500k beside 1M
        "separatethousands": True,
    }
    return axis | (_whole_ticks(high) if is_count else {}), by


def divided(traces: list[Json], by: float) -> list[Json]:
    """Return traces with their values as an axis with this divisor draws them."""
    if by == 1:
        return traces
    return [
        trace | {"y": [None if value is None else value / by for value in trace["y"]]}
        for trace in traces
    ]


def files_axis(most: float) -> Json:
    """Return an axis of numbers of files, up to `most`."""
    return {"title": {"text": "files"}, "rangemode": "tozero"} | _whole_ticks(most)


def _whole_ticks(most: float) -> Json:
    """Return what keeps plotly from ticks between whole numbers."""
    return {"dtick": 1} if most <= 5 else {}


def seconds_since_1970(instants: Series[Any]) -> Floats:
    """Return instants as seconds since 1970 (UTC), NaN for NaT."""
    import numpy as np
    import pandas as pd

    whole = pd.to_datetime(instants, utc=True).astype("datetime64[us, UTC]")
    return np.where(whole.isna(), np.nan, whole.astype("int64") / 1e6)


def wants_log(low: float, median: float, high: float) -> bool:
    """True if delays need a log axis, which cannot show negative ones."""
    return low >= 0 and high > 30 * max(median, SHORTEST_S)


def spread(late: Floats) -> tuple[float, float, float]:
    """Return the smallest, the median and the largest delay."""
    import numpy as np

    return float(late.min()), float(np.median(late)), float(late.max())


def floored(values: Iterable[float], logarithmic: bool) -> list[float]:
    """Return delays as a log axis can show them."""
    return [max(v, SHORTEST_S) for v in values] if logarithmic else list(values)


def delay_axis(low: float, high: float, logarithmic: bool) -> Json:
    """Return an axis from `low` to `high` seconds, with ticks of one unit.

    On a logarithmic axis from seconds to days each tick has its own, such as 10 s and 1 h: in one
    unit some of its numbers would be too small or too large to read.
    """
    ticks, words = (_log_ticks if logarithmic else _linear_ticks)(low, high)
    axis = {
        "title": {"text": "delay"},
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": words,
    }
    return axis | ({"type": "log"} if logarithmic else {"rangemode": "normal"})


def _linear_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Return the ticks of a linear axis, and their words."""
    if low < 0 or high < 2 * (high - low):  # otherwise 0 is far from all of them
        low = min(low, 0.0)
    high = max(high, low + 1.0)
    # hours are not shown to the second, nor days to the minute
    least = max(60 if low >= 3600 else 0, 3600 if low >= 86_400 else 0)
    step = next(
        (s for s in TICK_STEPS_S if (high - low) / s <= 6 and s >= least),
        -(-(high - low) // (6 * 86_400)) * 86_400,
    )
    ticks = [step * n for n in range(int(low // step), int(high // step) + 2)]
    size, unit = _unit_of(step)
    return ticks, [f"{wording.number(t / size)} {unit}" for t in ticks]


def _log_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Return the ticks of a logarithmic axis, and their words."""
    low, high = max(low, SHORTEST_S), max(high, low + 1.0)
    for size, unit in ((1, "s"), (60, "min"), (3600, "h"), (86_400, "d")):
        if low / size >= LEAST_ON_LOG and high / size <= MOST_ON_LOG:
            first, last = math.floor(math.log10(low / size)), math.ceil(math.log10(high / size))
            numbers = [10.0**exponent for exponent in range(first, last + 1)]
            words = [f"{wording.number(number)} {unit}" for number in numbers]
            return [number * size for number in numbers], words
    return list(DELAY_TICKS_S), [tick(t) for t in DELAY_TICKS_S]


def _unit_of(step: float) -> tuple[int, str]:
    """Return the largest unit of time that divides a step, or seconds."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if step % size == 0:
            return size, unit
    return 1, "s"


def tick(value: float) -> str:
    """Word the duration of a tick: 7200 is `2 h`, 80 is `1 min 20 s`."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if value and value % size == 0 and (unit != "min" or abs(value) < 3600):
            return f"{value / size:,g} {unit}".replace("-", "−")
    return wording.seconds(value) if abs(value) > 60 else f"{value:g} s".replace("-", "−")


def time_axis(times: Floats, bounds: tuple[float, float]) -> tuple[Json, int]:
    """Return a UTC axis, and how many times are outside the night."""
    import numpy as np

    times = times[~np.isnan(times)]
    inside = times[(times >= bounds[0]) & (times < bounds[1])]
    # tickangle: turning labels make plotly lay out the chart again and again, until it gives up
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
    """Join words into a sentence."""
    text = "; ".join(words)
    return f"{text[0].upper()}{text[1:]}."


def quantiles(late: Floats) -> str:
    """Word the median, the 90 and 99 % points and the maximum of delays."""
    import numpy as np

    median, p90, p99 = (wording.seconds(value) for value in np.quantile(late, (0.5, 0.9, 0.99)))
    worst = wording.seconds(late.max())
    return f"median {median}, 90 % within {p90}, 99 % within {p99}, worst {worst}"


def milliseconds(times: ArrayLike) -> list[int]:
    """Return seconds since 1970 as whole milliseconds, as plotly takes them."""
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
    """Return a trace drawn as a line in one of the page's tones."""
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
    """Put a stage into the legend once: six entries would fill a phone."""
    if dash == "solid":
        return {"legendgroup": stage, "showlegend": True, "name": stage}
    return {"legendgroup": stage, "showlegend": False}
