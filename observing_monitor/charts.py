"""Tables to charts: plain dicts as plotly draws them, made from aggregates, so that a large night is as light as a small one.

A figure has no colours: each trace says in `meta` which tone of the page it has, and the page's script paints it, dark or
light. Instants are milliseconds since 1970 (UTC), which plotly's date axes take as they are.
"""

import itertools

from observing_monitor import columns, pages

MAX_STEPS = 600  # points of a line of steps: more than a screen is wide in its half
MAX_BINS = 150  # bins of time in a night
FILES_PER_BIN = 10  # fewer, and median, 90 % and worst are all but the same file
MIN_BINS = 12
MAX_NIGHTS = 1000  # the newest that the charts over nights show
BIN_WIDTHS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)
SHORTEST_S = 0.1  # what is quicker is drawn as this on a log axis, which has no zero

DELAY_TICKS_S = (0.1, 1, 10, 60, 600, 3600, 36_000, 86_400, 864_000, 8_640_000, 86_400_000)
TICK_STEPS_S = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400)


def night_charts(files, starts_at, ends_at):
    """The charts of one night: files over time, delays over time, how the delays are spread.

    Parameters
    ----------
    files : DataFrame
        A row a file, with `created_at`, `transferred_at`, `ingested_at` (NaT where unknown).
    starts_at, ends_at : datetime
        The night's bounds: what lies beyond them doesn't stretch the axes.

    Returns
    -------
    list of pages.Chart
        Only those that have something to show: none for a night without files.
    """
    instants = {name: _seconds_since_1970(files[f"{name}_at"]) for name in ("created", "transferred", "ingested")}
    bounds = starts_at.timestamp(), ends_at.timestamp()
    delays = _delays(**instants)
    made = (_steps_chart(instants, bounds), _delay_chart(delays, bounds), _spread_chart(delays))
    return [chart for chart in made if chart]


def stream_charts(nights):
    """The charts over nights: files by class, delays, completeness; none without nights.

    Parameters
    ----------
    nights : list of dict
        A dict a night with the names of `columns.NIGHTS`, in any order; its page is `NIGHT.html`.
    """
    shown = sorted(nights, key=lambda values: values["night"])[-MAX_NIGHTS:]
    if not shown:
        return []
    left_out = f" The newest {len(shown):,} of {len(nights):,} nights." if len(shown) < len(nights) else ""
    made = (_classes_chart(shown, left_out), _night_delays_chart(shown, left_out), _completeness_chart(shown, left_out))
    return [chart for chart in made if chart]


def _seconds_since_1970(instants):
    """Instants as floats in seconds since 1970, NaN for NaT."""
    import numpy as np
    import pandas as pd

    whole = pd.to_datetime(instants, utc=True).astype("datetime64[us, UTC]")
    return np.where(whole.isna(), np.nan, whole.astype("int64") / 1e6)


def _delays(created, transferred, ingested):
    """By stage: when each file's delay began, and how long it was; only files for which both are known."""
    import numpy as np

    arrived = np.where(np.isnan(transferred), created, transferred)
    made = {}
    for stage, begun, ended in (("transfer", created, transferred), ("ingest", arrived, ingested)):
        known = ~np.isnan(begun) & ~np.isnan(ended)
        if known.any():
            made[stage] = begun[known], (ended - begun)[known]
    return made


def _steps_chart(instants, bounds):
    """How many files there were of each kind, at each time."""
    import numpy as np

    traces, words = [], []
    for name, tone in (("created", "created"), ("transferred", "transferred"), ("ingested", "ingested")):
        times = np.sort(instants[name][~np.isnan(instants[name])])
        if not len(times):
            continue
        # Each kept point is exact: so many files had come by then. Those between are left out.
        kept = np.unique(np.linspace(0, len(times) - 1, min(len(times), MAX_STEPS)).round().astype(int))
        traces.append(
            _line(_milliseconds(times[kept]), (kept + 1).tolist(), name, tone, shape="hv")
            | {"hovertemplate": "%{y:,} " + name + " by %{x|%H:%M:%S}<extra></extra>", "mode": "lines+markers"}
        )
        words.append(f"{len(times):,} {name}")
    if not traces:
        return None
    axis, outside = _time_axis(np.concatenate(list(instants.values())), bounds)
    caption = f"Files so far, at each time: {', '.join(words)}.{_outside(outside, 'time')}"
    layout = {"xaxis": axis, "yaxis": {"title": {"text": "files"}, "rangemode": "tozero"}}
    return pages.Chart("chart-files", "Files over the night", caption, {"data": traces, "layout": layout})


def _delay_chart(delays, bounds):
    """How late the files were, against the time at which their wait began."""
    import numpy as np

    if not delays:
        return None
    everything = np.concatenate([late for _, late in delays.values()])
    all_begun = np.concatenate([begun for begun, _ in delays.values()])
    axis, outside = _time_axis(all_begun, bounds)
    width = _bin_width(all_begun, bounds, len(delays))
    logarithmic = _wants_log(everything)
    traces, words = [], []
    for stage, (begun, late) in delays.items():
        middles, rows = _by_time(begun, late, width)
        words.append(f"{stage} {_quantiles(late)}")
        for name, dash, values in zip(("median", "90 %", "worst"), ("solid", "dash", "dot"), rows, strict=True):
            traces.append(
                _line(_milliseconds(middles), _floored(values, logarithmic), f"{stage} {name}", stage, dash)
                | {"text": [pages.seconds(v) for v in values], "mode": "lines+markers"}
                | _in_legend(stage, dash)
                | {"hovertemplate": "%{text}<extra>" + f"{stage} {name}" + "</extra>"}
            )
    caption = (
        f"How long files waited, by the time at which the wait began, in bins of {_tick(width)}; solid the median, "
        f"dashed 90 %, dotted the worst. {_sentence(words)}{_outside(outside, 'wait')}{_clock_words(delays)}"
    )
    layout = {"xaxis": axis, "yaxis": _delay_axis(everything, logarithmic)}
    return pages.Chart("chart-delay", "Delay against time", caption, {"data": traces, "layout": layout})


def _bin_width(begun, bounds, n_stages):
    """Seconds per bin of time, for times of which some may lie far outside of the night."""
    import numpy as np

    inside = begun[(begun >= bounds[0]) & (begun < bounds[1])]
    most = min(MAX_BINS, max(MIN_BINS, len(begun) // n_stages // FILES_PER_BIN))
    for times in (inside, begun):
        span = times.max() - times.min() if len(times) else 0.0
        width = next((w for w in BIN_WIDTHS_S if span / w <= most), span / most)
        if len(np.unique(np.floor(begun / width))) <= 2 * MAX_BINS:
            break
    return width


def _by_time(begun, late, width):
    """Median, 90 % point and maximum per bin of time: the bins' middles, and the three rows of values."""
    import numpy as np
    import pandas as pd

    bins = pd.Series(late).groupby(np.floor(begun / width))
    rows = [bins.median(), bins.quantile(0.9), bins.max()]
    return (rows[0].index.to_numpy() + 0.5) * width, [row.round(3).tolist() for row in rows]


def _spread_chart(delays):
    """How many files had which delay."""
    import numpy as np

    if not delays:
        return None
    everything = np.concatenate([late for _, late in delays.values()])
    logarithmic = _wants_log(everything)
    edges = _delay_edges(everything, logarithmic)
    traces = []
    for stage, (_, late) in delays.items():
        counts = np.histogram(np.clip(late, edges[0], edges[-1]), edges)[0].tolist()
        ranges = [f"{pages.seconds(a)} to {pages.seconds(b)}" for a, b in itertools.pairwise(edges)]
        # Steps, not bars: on a log axis plotly's bars have no width of their own. The last edge closes the last step.
        traces.append(
            _line(edges.round(3).tolist(), [*counts, counts[-1]], stage, stage, shape="hv")
            | {"fill": "tozeroy", "text": [*ranges, ranges[-1]]}
            | {"hovertemplate": "%{y:,} files: %{text}<extra>" + stage + "</extra>"}
        )
    words = [f"{stage}: {len(late):,} files, {_quantiles(late)}" for stage, (_, late) in delays.items()]
    axis = _delay_axis(everything, logarithmic)
    layout = {"xaxis": axis, "yaxis": {"title": {"text": "files"}, "rangemode": "tozero"}}
    caption = f"How many files waited how long. {_sentence(words)}"
    return pages.Chart("chart-delay-histogram", "Spread of the delays", caption, {"data": traces, "layout": layout})


def _delay_edges(late, logarithmic, n=50):
    """Edges of the histogram's bins: even in the logarithm, or even."""
    import numpy as np

    low, high = float(late.min()), float(late.max())
    if logarithmic:
        return np.geomspace(max(low, SHORTEST_S), high * 1.001, n)
    pad = max((high - low) * 0.01, 0.05)
    return np.linspace(low - pad, high + pad, n)


def _wants_log(late):
    """Whether delays spread so far that a linear axis would hide most; a log axis can't show those below zero."""
    import numpy as np

    return bool(late.min() >= 0 and late.max() > 30 * max(float(np.median(late)), SHORTEST_S))


def _floored(values, logarithmic):
    return [max(v, SHORTEST_S) for v in values] if logarithmic else values


def _delay_axis(late, logarithmic):
    """An axis of durations with ticks that people say: 10 s, 1 min, 1 h."""
    low, high = min(float(late.min()), 0.0), max(float(late.max()), 1.0)
    if logarithmic:
        ticks = DELAY_TICKS_S
    else:
        step = next((s for s in TICK_STEPS_S if (high - low) / s <= 6), -(-(high - low) // (6 * 86_400)) * 86_400)
        ticks = [step * n for n in range(int(low // step), int(high // step) + 2)]
    axis = {"title": {"text": "delay"}, "tickmode": "array", "tickvals": list(ticks), "ticktext": [_tick(t) for t in ticks]}
    return axis | ({"type": "log"} if logarithmic else {"rangemode": "normal"})


def _tick(value):
    """A tick's duration in its largest whole unit: `90 s` stays, `7200` is `2 h`."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if value and value % size == 0:
            return f"{value / size:,g} {unit}".replace("-", "−")
    return f"{value:g} s".replace("-", "−")


def _time_axis(times, bounds):
    """A UTC axis over those times that lie in the night, and how many don't (they are a zoom away)."""
    import numpy as np

    times = times[~np.isnan(times)]
    inside = times[(times >= bounds[0]) & (times < bounds[1])]
    # labels that turn when they are many make plotly lay out the chart again and again, until it gives up
    axis = {"type": "date", "title": {"text": "UTC"}, "hoverformat": "%Y-%m-%d %H:%M:%S", "tickangle": 0}
    if not len(inside) or len(inside) == len(times):
        return axis, 0
    pad = max((inside.max() - inside.min()) * 0.03, 60.0)
    return axis | {"range": _milliseconds(np.array([inside.min() - pad, inside.max() + pad]))}, len(times) - len(inside)


def _outside(n, what):
    verb = f"{what} lies" if n == 1 else f"{what}s lie"
    return f" {n:,} {verb} outside of the night: double-click the chart to see all." if n else ""


def _sentence(words):
    text = "; ".join(words)
    return f"{text[0].upper()}{text[1:]}."


def _clock_words(delays):
    """A sentence for files that arrived before they were created: two clocks differ, or times were copied."""
    n = sum(int((late < 0).sum()) for _, late in delays.values())
    verb = "delay is" if n == 1 else "delays are"
    return f" {n:,} {verb} below zero: the clocks differ, or a time was changed later." if n else ""


def _quantiles(late):
    import numpy as np

    median, p90 = np.quantile(late, (0.5, 0.9))
    return f"median {pages.seconds(median)}, 90 % within {pages.seconds(p90)}, worst {pages.seconds(late.max())}"


def _milliseconds(times):
    import numpy as np

    return np.round(np.asarray(times, dtype=float) * 1000).astype("int64").tolist()


def _line(x, y, name, tone, dash="solid", shape="linear"):
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


def _in_legend(stage, dash):
    """A stage stands in the legend once, by its solid line: six entries would fill a phone. The others go with it."""
    if dash == "solid":
        return {"legendgroup": stage, "showlegend": True, "name": stage}
    return {"legendgroup": stage, "showlegend": False}


def _classes_chart(nights, left_out):
    """The files of each night, stacked by class."""
    bars, words = [], []
    for column in columns.CLASSES:
        counts = [int(_number(values[f"n_{column.name}"]) or 0) for values in nights]
        if not any(counts):
            continue
        words.append(f"{sum(counts):,} {column.label}")
        bars.append(
            {"type": "bar", "y": counts, "name": column.label, "meta": {"tone": column.name}}
            | {"hovertemplate": "%{y:,} " + column.label + "<extra>%{x}</extra>"}
            | _nights(nights)
        )
    if not bars:
        return None
    caption = f"Files of each night by what became of them; together {', '.join(words)}.{left_out}"
    layout = {"barmode": "stack", "bargap": 0.25, "xaxis": _night_axis(), "yaxis": {"title": {"text": "files"}}}
    return pages.Chart("chart-classes", "Files by class", caption, {"data": bars, "layout": layout})


def _night_delays_chart(nights, left_out):
    """Median and 90 % point of the delays, night by night."""
    import numpy as np

    traces, words, everything = [], [], []
    for stage in ("transfer", "ingest"):
        for name, key, dash in (("median", "median", "solid"), ("90 %", "p90", "dash")):
            values = [_number(night[f"{stage}_delay_{key}_s"]) for night in nights]
            known = [v for v in values if v is not None]
            if not known:
                continue
            everything += known
            traces.append((values, f"{stage} {name}", stage, dash))
            if name == "median":
                words.append(f"{stage}: the medians lie between {pages.seconds(min(known))} and {pages.seconds(max(known))}")
    if not traces:
        return None
    late = np.array(everything)
    logarithmic = _wants_log(late)
    drawn = []
    for values, name, stage, dash in traces:
        y = [None if v is None else _floored([v], logarithmic)[0] for v in values]
        drawn.append(
            _line([], y, name, stage, dash)
            | {"mode": "lines+markers", "marker": {"size": 5}, "text": [pages.seconds(v) for v in values]}
            | _in_legend(name.split()[0], dash)
            | {"hovertemplate": "%{text}<extra>" + name + ", %{x}</extra>"}
            | _nights(nights)
        )
    caption = "How long half of the files waited at most (solid: median), and nine of ten (dashed: 90 %). "
    caption += f"{_sentence(words)}{left_out}"
    layout = {"xaxis": _night_axis(), "yaxis": _delay_axis(late, logarithmic)}
    return pages.Chart("chart-delays", "Delays", caption, {"data": drawn, "layout": layout})


def _completeness_chart(nights, left_out):
    """The share of the expected that was ingested, night by night."""
    values = [_number(night["completeness"]) for night in nights]
    known = [v for v in values if v is not None]
    if not known:
        return None
    whole = sum(v >= 1 for v in known)
    worst = min((v, night["night"]) for v, night in zip(values, nights, strict=True) if v is not None)
    bars = {
        "type": "bar",
        "y": values,
        "name": "ingested",
        "text": [pages.percent(v) for v in values],
        "textposition": "none",
        "hovertemplate": "%{text}<extra>%{x}</extra>",
        "meta": {"tone": "ingested"},
    } | _nights(nights)
    caption = f"Share of each night's files that was ingested: {whole:,} of {len(known):,} nights are complete"
    caption += f"; the lowest is {pages.percent(worst[0])} ({worst[1]})." if worst[0] < 1 else "."
    layout = {
        "xaxis": _night_axis(),
        "bargap": 0.25,
        "yaxis": {"title": {"text": "ingested"}, "tickformat": ".0%", "range": [0, max(1.02, *known)]},
    }
    return pages.Chart("chart-completeness", "Completeness", caption + left_out, {"data": [bars], "layout": layout})


def _nights(nights):
    """The x values of a trace over nights, and the page behind each."""
    return {"x": [values["night"] for values in nights], "customdata": [f"{values['night']}.html" for values in nights]}


def _night_axis():
    """Nights side by side: on an axis of dates, two nights with a year between them would be two hairlines."""
    return {"type": "category", "title": {"text": "night"}, "nticks": 6}


def _number(value):
    return None if pages.is_nothing(value) else float(value)
