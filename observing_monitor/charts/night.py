"""Charts of one night, made from aggregates, so that they stay light.

A figure has no colours. Each trace names in `meta` its tone, and the page's script paints it, dark
or light. `by` in `meta` names the column of instants that a point stands for, and `bin_ms` the
width of its bin (without it: since the point before). A click shows these files. Instants are
milliseconds since 1970 (UTC), as plotly's date axes take them.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from observing_monitor.charts import figure
from observing_monitor.charts.axes import (
    SHORTEST_S,
    delay_axis,
    files_axis,
    floored,
    in_legend,
    line,
    milliseconds,
    quantiles,
    seconds_since_1970,
    sentence,
    spread,
    tick,
    time_axis,
    wants_log,
)
from observing_monitor.model import wording

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from pandas import DataFrame

    from observing_monitor.charts.axes import Floats


MAX_STEPS = 600  # points of a line of steps: more than half a screen has pixels
MAX_BINS = 150  # bins of time in a night
FILES_PER_BIN = 10  # with fewer, median, 90 % and 99 % are nearly the same file
MIN_BINS = 12
BIN_WIDTHS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)


def night_charts(
    files: DataFrame, starts_at: datetime.datetime, ends_at: datetime.datetime
) -> list[figure.Chart]:
    """Return the charts of one night: files, delays, their distribution.

    Parameters
    ----------
    files : DataFrame
        One row per file, with `created_at`, `transferred_at`, `ingested_at` (NaT if unknown).
    starts_at, ends_at : datetime
        The bounds of the night, UTC: times outside do not stretch the axes.

    Returns
    -------
    list of Chart
        Only charts with something to show; none for a night without files.
    """
    if files.empty:
        return []
    instants = {
        name: seconds_since_1970(files[f"{name}_at"])
        for name in ("created", "transferred", "ingested")
    }
    bounds = starts_at.timestamp(), ends_at.timestamp()
    delays = _delays(**instants)
    made = (_steps_chart(instants, bounds), _delay_chart(delays, bounds), _spread_chart(delays))
    return [chart for chart in made if chart]


def _delays(
    created: Floats, transferred: Floats, ingested: Floats
) -> dict[str, tuple[Floats, Floats]]:
    """Return by stage when each delay began, and how long it was."""
    import numpy as np

    arrived = np.where(np.isnan(transferred), created, transferred)
    made = {}
    for stage, begun, ended in (("transfer", created, transferred), ("ingest", arrived, ingested)):
        known = ~np.isnan(begun) & ~np.isnan(ended)
        if known.any():
            made[stage] = begun[known], (ended - begun)[known]
    return made


def _steps_chart(
    instants: Mapping[str, Floats], bounds: tuple[float, float]
) -> figure.Chart | None:
    """Return the chart of the number of files at each time."""
    import numpy as np

    traces, words = [], []
    for name, tone in (
        ("created", "created"),
        ("transferred", "transferred"),
        ("ingested", "ingested"),
    ):
        times = np.sort(instants[name][~np.isnan(instants[name])])
        if not len(times):
            continue
        # each kept point is the exact number of files at its time
        kept = np.unique(
            np.linspace(0, len(times) - 1, min(len(times), MAX_STEPS)).round().astype(int)
        )
        traces.append(
            line(milliseconds(times[kept]), (kept + 1).tolist(), name, tone, shape="hv")
            | {
                "hovertemplate": "%{y:,} " + name + " by %{x|%Y-%m-%d %H:%M:%S} UTC<extra></extra>",
                "mode": "lines+markers",
            }
            | {"meta": {"tone": tone, "by": f"{name}_at"}}
        )
        words.append(f"{len(times):,} {name}")
    if not traces:
        return None
    axis, outside = time_axis(np.concatenate(list(instants.values())), bounds)
    caption = f"Files up to each time: {', '.join(words)}.{_outside(outside, 'time')}"
    layout = {"xaxis": axis, "yaxis": files_axis(max(trace["y"][-1] for trace in traces))}
    return figure.Chart(
        "chart-files", "Files over time", caption, {"data": traces, "layout": layout}
    )


def _delay_chart(
    delays: Mapping[str, tuple[Floats, Floats]], bounds: tuple[float, float]
) -> figure.Chart | None:
    """Return the chart of delays by the time at which they began."""
    import numpy as np

    if not delays:
        return None
    everything = np.concatenate([late for _, late in delays.values()])
    all_begun = np.concatenate([begun for begun, _ in delays.values()])
    axis, outside = time_axis(all_begun, bounds)
    width = _bin_width(all_begun, bounds, len(delays))
    low, median, high = spread(everything)
    logarithmic = wants_log(low, median, high)
    traces, words = [], []
    for stage, (begun, late) in delays.items():
        middles, rows = _by_time(begun, late, width)
        words.append(f"{stage} {quantiles(late)}")
        for name, dash, values in zip(
            ("median", "90 %", "99 %"), ("solid", "dash", "dot"), rows, strict=True
        ):
            traces.append(
                line(
                    milliseconds(middles),
                    floored(values, logarithmic),
                    f"{stage} {name}",
                    stage,
                    dash,
                )
                | {"text": [wording.seconds(v) for v in values], "mode": "lines+markers"}
                | in_legend(stage, dash)
                | {"hovertemplate": "%{text}<extra>" + f"{stage} {name}" + "</extra>"}
                | {"meta": {"tone": stage, "by": BEGUN[stage], "bin_ms": round(width * 1000)}}
            )
    caption = (
        f"By the time at which the delay began, in bins of {tick(width)}: median solid, "
        f"90 % dashed, 99 % dotted. {sentence(words)}{_outside(outside, 'delay')}"
        f"{_clock_words(delays)}"
    )
    layout = {"xaxis": axis, "yaxis": delay_axis(low, high, logarithmic)}
    return figure.Chart(
        "chart-delay", "Delays over time", caption, {"data": traces, "layout": layout}
    )


# columns of the instant at which a delay begins: the first that is known
BEGUN = {"transfer": "created_at", "ingest": "transferred_at,created_at"}


def _bin_width(begun: Floats, bounds: tuple[float, float], n_stages: int) -> float:
    """Return the width of a bin in seconds."""
    import numpy as np

    inside = begun[(begun >= bounds[0]) & (begun < bounds[1])]
    most = min(MAX_BINS, max(MIN_BINS, len(begun) // n_stages // FILES_PER_BIN))
    for times in (inside, begun):
        span = times.max() - times.min() if len(times) else 0.0
        width = next((w for w in BIN_WIDTHS_S if span / w <= most), span / most)
        if len(np.unique(np.floor(begun / width))) <= 2 * MAX_BINS:
            break
    return width


def _by_time(begun: Floats, late: Floats, width: float) -> tuple[Floats, list[list[float]]]:
    """Return the middles of the bins, and three quantiles of each."""
    import numpy as np
    import pandas as pd

    bins = pd.Series(late).groupby(np.floor(begun / width))
    rows = [bins.median(), bins.quantile(0.9), bins.quantile(0.99)]
    return (rows[0].index.to_numpy() + 0.5) * width, [row.round(3).tolist() for row in rows]


def _spread_chart(delays: Mapping[str, tuple[Floats, Floats]]) -> figure.Chart | None:
    """Return the histogram of delays."""
    import numpy as np

    if not delays:
        return None
    everything = np.concatenate([late for _, late in delays.values()])
    low, median, high = spread(everything)
    logarithmic = wants_log(low, median, high)
    edges = _delay_edges(low, high, logarithmic)
    traces = []
    for stage, (_, late) in delays.items():
        counts = np.histogram(np.clip(late, edges[0], edges[-1]), edges)[0].tolist()
        ranges = [
            f"{wording.seconds(a)} to {wording.seconds(b)}" for a, b in itertools.pairwise(edges)
        ]
        # steps, not bars: plotly's bars have no width on a log axis; the last edge closes the last
        traces.append(
            line(edges.round(3).tolist(), [*counts, counts[-1]], stage, stage, shape="hv")
            | {"fill": "tozeroy", "text": [*ranges, ranges[-1]]}
            | {"hovertemplate": "files: %{y:,}, %{text}<extra>" + stage + "</extra>"}
        )
    words = [f"{stage}: {wording.n_of(len(late), 'file')}" for stage, (_, late) in delays.items()]
    axis = delay_axis(low, high, logarithmic)
    layout = {"xaxis": axis, "yaxis": files_axis(max(max(trace["y"]) for trace in traces))}
    caption = f"Number of files by delay. {sentence(words)}"
    return figure.Chart(
        "chart-delay-histogram",
        "Distribution of delays",
        caption,
        {"data": traces, "layout": layout},
    )


def _delay_edges(low: float, high: float, logarithmic: bool, n: int = 50) -> Floats:
    """Return the edges of the bins, evenly spaced or evenly in the logarithm."""
    import numpy as np

    if logarithmic:
        return np.geomspace(max(low, SHORTEST_S), high * 1.001, n)
    pad = max((high - low) * 0.01, 0.05)
    return np.linspace(low - pad, high + pad, n)


def _outside(n: int, what: str) -> str:
    verb = f"{what} lies" if n == 1 else f"{what}s lie"
    return f" {n:,} {verb} outside the night: double-click the chart to see all." if n else ""


def _clock_words(delays: Mapping[str, tuple[Floats, Floats]]) -> str:
    """Word files that arrived before they were created."""
    n = sum(int((late < 0).sum()) for _, late in delays.values())
    verb = "delay is" if n == 1 else "delays are"
    return f" {n:,} {verb} negative: the clocks differ or a time was changed later." if n else ""
