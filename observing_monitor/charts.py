"""Tables to charts: plain dicts as plotly draws them, made from aggregates, so that a large night is as light as a small one.

A figure has no colours: each trace says in `meta` which tone of the page it has, and the page's script paints it, dark or
light. `by` there names the column of instants that a point of it stands for, and `bin_ms` how wide its bin is (without it:
since the point before): a click shows these files. Instants are milliseconds since 1970 (UTC), which plotly's date axes take as they are.
"""

from __future__ import annotations

import datetime
import html
import itertools
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from observing_monitor import columns, pages, sky, usual
from observing_monitor.columns import Summary
from observing_monitor.names import in_number_order
from observing_monitor.pages import Figure, Headline, Json

if TYPE_CHECKING:
    from numpy import float64, int_
    from numpy.typing import ArrayLike, NDArray
    from pandas import DataFrame, Series

    from observing_monitor.sources import SourceClass

    Floats = NDArray[float64]
    # name, meaning, unit, samples left out, {node: (times in seconds since 1970, values)}
    History = tuple[str, str, str, int, dict[str, tuple[Floats, Floats]]]

MAX_STEPS = 600  # points of a line of steps: more than a screen is wide in its half
MAX_BINS = 150  # bins of time in a night
FILES_PER_BIN = 10  # fewer, and median, 90 % and 99 % are all but the same file
MIN_BINS = 12
BIN_WIDTHS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)
MAX_HISTORIES = 12  # charts of metrics over a night
MAX_POINTS = 6000  # of all of these together, which keeps a page below 500 kB
MAX_OF_LINE = 1500  # points of one line
MAX_NODES = 60  # lines, or bars, of a chart
MAX_LEGEND = 12  # entries of a legend; more would cover the chart, and are told on hover
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


def night_charts(
    files: DataFrame, starts_at: datetime.datetime, ends_at: datetime.datetime
) -> list[pages.Chart]:
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
    if files.empty:
        return []
    instants = {
        name: _seconds_since_1970(files[f"{name}_at"])
        for name in ("created", "transferred", "ingested")
    }
    bounds = starts_at.timestamp(), ends_at.timestamp()
    delays = _delays(**instants)
    made = (_steps_chart(instants, bounds), _delay_chart(delays, bounds), _spread_chart(delays))
    return [chart for chart in made if chart]


def metric_charts(
    metrics: DataFrame,
    tellers: Mapping[str, SourceClass],
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
    odd: Mapping[str, Collection[str]] | None = None,
) -> list[pages.Chart]:
    """The charts of one night's metrics: those that add up, node by node, and those that have a history.

    Parameters
    ----------
    metrics : DataFrame
        As `columns.METRICS`, in its order.
    tellers : dict of str to sources.Telling
        By source: which metrics add up, which have a history worth drawing, and what they mean.
    starts_at, ends_at : datetime
        The night's bounds: samples beyond them are counted, and left out.
    odd : dict of str to set of str
        By source: the nodes that a finding names, which are marked.

    Returns
    -------
    list of pages.Chart
    """
    stacks: list[pages.Chart | None] = []
    wanted: list[History] = []
    for source, teller in tellers.items() if len(metrics) else ():
        own = metrics[metrics["source"] == source]
        nodes = (odd or {}).get(source, ())
        stacks += [
            _stack_chart(title, own, names, teller.totals.get(title), nodes)
            for title, names in teller.stacks.items()
        ]
        wanted += _histories(own, teller, starts_at, ends_at)
    each = min(
        max(MAX_POINTS // max(sum(len(lines) for *_, lines in wanted[:MAX_HISTORIES]), 1), 20),
        MAX_OF_LINE,
    )
    made = [chart for chart in stacks if chart] + [
        _history_chart(*history, each) for history in wanted[:MAX_HISTORIES]
    ]
    if len(wanted) > MAX_HISTORIES:
        made[
            -1
        ].caption += f" {len(wanted) - MAX_HISTORIES:,} more metrics have a history: it is in the stored tables."
    return _addressed(made)


def under_the_sky(
    made: list[pages.Chart],
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
    position: sky.Position | None,
    timezone: str,
) -> list[pages.Chart]:
    """The same charts of a night; on those against time stand twilight, Moon and local time, and all have one span.

    Parameters
    ----------
    made : list of pages.Chart
        Those without an axis of time stay as they are.
    starts_at, ends_at : datetime
        The night's bounds.
    position : sky.Position or None
        Of the observatory: None, and there is no sky. It is told in words below the first chart.
    timezone : str
        The name of its zone: "", and there is no second axis.
    """
    timed = [
        chart for chart in made if chart.figure["layout"].get("xaxis", {}).get("type") == "date"
    ]
    if not timed or not (position or timezone):
        return made
    over = sky.sky_of(starts_at, ends_at, position) if position else None
    span = _span(timed, over, starts_at, ends_at)
    for chart in timed:
        layout = chart.figure["layout"]
        layout["xaxis"] = layout["xaxis"] | {"range": span}
        if over:
            layout["shapes"] = _sky_shapes(over)
        if timezone:
            _add_local_time(chart.figure, span, timezone)
    if over:
        timed[0].caption += f" {sky_words(over)}"
    return made


def _span(
    timed: Iterable[pages.Chart],
    over: sky.Sky | None,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
) -> list[int]:
    """What all charts against time show, in milliseconds: all of their points that lie in the night, and its dark hours."""
    low, high = _milliseconds([starts_at.timestamp(), ends_at.timestamp()])
    dark = [span for span in (over.sun if over else ()) if span.name != "day"]
    shown = _milliseconds(
        [at.timestamp() for span in dark for at in (span.starts_at, span.ends_at)]
    )
    for chart in timed:
        for trace in chart.figure["data"]:
            inside = [x for x in trace["x"] if low <= x < high]
            shown += [min(inside), max(inside)] if inside else []
    if not shown:
        return [low, high]
    pad = max((max(shown) - min(shown)) * 0.02, 60_000)
    return [round(max(min(shown) - pad, low - pad)), round(min(max(shown) + pad, high + pad))]


def _sky_shapes(over: sky.Sky) -> list[Json]:
    """Rectangles behind a chart, named after what they are; the script paints them. The Moon is a bar along the top."""
    boxes = [(span, 0.0, 1, 1.0) for span in over.sun if span.name != "day"]
    boxes += [
        (span, 0.97, 1, 0.3 + 0.7 * over.moon_lit) for span in over.moon
    ]  # the fuller, the stronger
    return [
        {
            "type": "rect",
            "layer": "below",
            "line": {"width": 0},
            "xref": "x",
            "yref": "y domain",
            "y0": y0,
            "y1": y1,
        }
        | dict(
            zip(
                ("x0", "x1"),
                _milliseconds([span.starts_at.timestamp(), span.ends_at.timestamp()]),
                strict=True,
            )
        )
        | {"name": _slug(span.name), "opacity": round(opacity, 2)}
        for span, y0, y1, opacity in boxes
    ]


CHANGES = {  # from one span of the Sun to the next -> what that is called
    ("day", "civil twilight"): "sunset",
    ("civil twilight", "day"): "sunrise",
    ("astronomical twilight", "night"): "astronomical twilight ends",
    ("night", "astronomical twilight"): "astronomical twilight begins",
}


def sky_words(over: sky.Sky) -> str:
    """Sunset and sunrise, astronomical twilight and the Moon of a `sky.Sky` in a sentence or two; times are UTC."""
    changes = [
        (CHANGES.get((a.name, b.name)), b.starts_at) for a, b in itertools.pairwise(over.sun)
    ]
    words = [f"{name} {_clock(at)}" for name, at in changes if name]
    names = {span.name for span in over.sun}
    words += (
        ["the Sun does not set"]
        if names == {"day"}
        else ["the Sun does not rise"]
        if "day" not in names
        else []
    )
    starts_at, ends_at = over.sun[0].starts_at, over.sun[-1].ends_at
    up = []
    for span in over.moon:
        rises = f"from {_clock(span.starts_at)}" if span.starts_at > starts_at else ""
        sets = f"until {_clock(span.ends_at)}" if span.ends_at < ends_at else ""
        up.append(" ".join(filter(None, (rises, sets))) or "all the time")
    moon = f"up {' and '.join(up)} (bar at the top)" if up else "not up"
    return f"In UTC: {', '.join(words)}; Moon {round(over.moon_lit * 100)} % lit, {moon}."


def _clock(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).strftime("%H:%M")


def _add_local_time(figure: Figure, span: list[int], timezone: str) -> None:
    """A second axis above the first; its ticks are the script's, which knows how wide the window is and how far it is zoomed."""
    offsets = _offsets(span[0], span[1], timezone)
    said = ", then ".join(dict.fromkeys(name for _, _, name in offsets))
    figure["layout"]["meta"] = {"local_time": [[begins, offset] for begins, offset, _ in offsets]}
    figure["layout"]["xaxis2"] = {
        "type": "date",
        "overlaying": "x",
        "side": "top",
        "matches": "x",
        "tickmode": "array",
        "tickangle": 0,
    }
    figure["layout"]["xaxis2"] |= {
        "title": {"text": f"local time, {said}"},
        "showgrid": False,
        "range": span,
    }
    # plotly leaves an axis out that no trace is drawn on
    hidden = {
        "type": "scatter",
        "mode": "markers",
        "x": span,
        "y": [None, None],
        "xaxis": "x2",
        "name": "local time",
    }
    figure["data"].append(
        hidden | {"showlegend": False, "hoverinfo": "skip", "meta": {"tone": "total"}}
    )


def _offsets(low: int, high: int, timezone: str) -> list[tuple[int, int, str]]:
    """What a zone's clocks are ahead of UTC between two instants (milliseconds): (since when, milliseconds, `CEST` or `UTC−3`)."""
    from zoneinfo import ZoneInfo

    zone, step = ZoneInfo(timezone), 900_000
    found: list[tuple[int, int, str]] = []
    for at in range(
        low - low % step, high + 1, step
    ):  # clocks are changed at full quarters of an hour
        local = datetime.datetime.fromtimestamp(at / 1000, zone)
        offset = round((local.utcoffset() or datetime.timedelta()).total_seconds() * 1000)
        if not found or found[-1][1] != offset:
            found.append((at, offset, _zone_words(local.tzname() or "", offset)))
    return found


def _zone_words(name: str, offset: int) -> str:
    """A zone's abbreviation, where it has one that is a word: `-03` is `UTC−3`."""
    if name.isalpha():
        return name
    hours, minutes = divmod(abs(offset) // 60_000, 60)
    return f"UTC{'−' if offset < 0 else '+'}{hours}{f':{minutes:02}' if minutes else ''}"


def _addressed(made: list[pages.Chart]) -> list[pages.Chart]:
    """Charts whose addresses are their own: a second of one name has a number."""
    seen: dict[str, int] = {}
    for chart in made:
        seen[chart.chart_id] = seen.get(chart.chart_id, 0) + 1
        if seen[chart.chart_id] > 1:
            chart.chart_id += f"--{seen[chart.chart_id]}"
    return made


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def _plain(text: str) -> str:
    """A text that others wrote, for plotly, which takes `<b>` for markup: shown letter by letter."""
    return html.escape(pages.visible(text), quote=False)


def _stack_chart(
    title: str,
    metrics: DataFrame,
    names: Sequence[str],
    total: str | None,
    odd: Collection[str] = (),
) -> pages.Chart | None:
    """The latest values of metrics that add up, a bar a node, the `odd` ones marked; None where there is nothing of it."""
    told = metrics[metrics["name"].isin([*names, total]) & metrics["node"].notna()].sort_values(
        "sampled_at", kind="stable"
    )
    latest = told.drop_duplicates(["name", "node"], keep="last").dropna(subset=["value"])
    values: dict[tuple[str, str], float] = {
        (name, node): float(value)
        for name, node, value in zip(latest["name"], latest["node"], latest["value"], strict=True)
    }
    nodes = sorted({node for _, node in values}, key=in_number_order)
    sums = {node: sum(values.get((name, node), 0.0) for name in names) for node in nodes}
    shown = nodes[:MAX_NODES]
    if not shown:
        return None
    unit = next((unit for unit in latest["unit"].dropna()), "")
    say = _words_of(unit)
    labels = [f"▲ {_plain(node)}" if node in odd else _plain(node) for node in shown]
    traces = []
    for number, name in enumerate(names):
        heights = [values.get((name, node)) for node in shown]
        if any(height is not None for height in heights):
            traces.append(
                {
                    "type": "bar",
                    "x": labels,
                    "y": heights,
                    "name": _plain(name),
                    "text": [_plain(say(v)) for v in heights],
                }
                | {
                    "textposition": "none",
                    "hovertemplate": "%{text}, node %{x}",
                    "meta": {"tone": f"series-{number % N_SERIES}"},
                }
            )
    whole = [values.get((total, node)) if total else None for node in shown]
    if total and any(height is not None for height in whole):
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": labels,
                "y": whole,
                "name": _plain(total),
                "text": [_plain(say(v)) for v in whole],
            }
            | {
                "marker": {"size": 10, "symbol": "line-ew-open", "line": {"width": 3}},
                "hovertemplate": "%{text}, node %{x}",
            }
            | {"meta": {"tone": "total"}}
        )
    shares = {name: sum(values.get((name, node), 0.0) for node in nodes) for name in names}
    largest = max(shares, key=shares.__getitem__)
    most, least = max(nodes, key=sums.__getitem__), min(nodes, key=sums.__getitem__)
    caption = f"Latest values, {pages.utc(latest['sampled_at'].max())} UTC: highest {say(sums[most])} (node {most})"
    caption += f", lowest {say(sums[least])} (node {least})" if len(nodes) > 1 else ""
    caption += (
        f"; largest part {largest}, {pages.percent(shares[largest] / sum(shares.values()))}."
        if sum(shares.values())
        else "."
    )
    caption += f" The line across a bar shows {total}." if traces[-1]["type"] == "scatter" else ""
    marked = [node for node in shown if node in odd]
    caption += f" ▲ marks nodes with problems: {', '.join(marked)}." if marked else ""
    caption += (
        f" The first {len(shown):,} of {len(nodes):,} nodes." if len(shown) < len(nodes) else ""
    )
    highest = max([*sums.values(), *(v for v in whole if v is not None)])
    layout = {
        "barmode": "relative",
        "bargap": 0.25,
        "xaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": labels,
            "title": {"text": "node"},
        },
        "yaxis": _value_axis([0.0, highest], unit),
    }
    return pages.Chart(
        f"chart-stack-{_slug(title)}", title, caption, {"data": traces, "layout": layout}
    )


def _histories(
    metrics: DataFrame,
    teller: SourceClass,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
) -> list[History]:
    """What of a source's metrics was sampled more than once: (name, meaning, unit, samples left out, {node: (times, values)})."""
    import numpy as np

    numbers = metrics[
        metrics["sampled_at"].notna()
        & metrics["name"].isin(metrics.loc[metrics["value"].notna(), "name"])
    ]
    several = sorted(
        set(numbers.loc[numbers.duplicated(["name", "node"]), "name"])
    )  # the others are looked at no further
    names = list(
        dict.fromkeys(
            name for pattern in teller.histories for name in several if fnmatchcase(name, pattern)
        )
    )
    found = []
    for name in names:
        rows = numbers[numbers["name"] == name]
        inside = rows[(rows["sampled_at"] >= starts_at) & (rows["sampled_at"] < ends_at)]
        whole = inside[inside["node"].isna()]
        # where there is a number of all, and its parts, the parts are drawn: the whole would flatten them
        rows_by_node = (
            {"": whole} if len(whole) == len(inside) else dict(list(inside.groupby("node")))
        )
        lines = {}
        for node in sorted(rows_by_node, key=in_number_order):
            of_node = rows_by_node[node]
            lines[node] = _seconds_since_1970(of_node["sampled_at"]), of_node["value"].to_numpy()
        if any(len(times) > 1 and not np.isnan(values).all() for times, values in lines.values()):
            unit = next(iter(rows["unit"].dropna()), "s" if name.endswith("_s") else "")
            found.append(
                (name, teller.meanings.get(name, ""), unit, len(rows) - len(inside), lines)
            )
    return found


def _history_chart(
    name: str,
    meaning: str,
    unit: str,
    n_outside: int,
    lines: Mapping[str, tuple[Floats, Floats]],
    most: int,
) -> pages.Chart:
    """A metric over the night, a line a node; of long lines the lowest and the highest sample of each stretch of time."""
    import numpy as np

    say = _words_of(unit)
    shown = dict(itertools.islice(lines.items(), MAX_NODES))
    traces, is_thinned = [], False
    for number, (node, (times, values)) in enumerate(shown.items()):
        kept = _thinned(times, values, most)
        is_thinned |= len(kept) < len(times)
        traces.append(
            _line(
                _milliseconds(times[kept]),
                values[kept].tolist(),
                _plain(node or name),
                f"series-{number % N_SERIES}",
            )
            | {"mode": "lines+markers", "text": [_plain(say(v)) for v in values[kept].tolist()]}
            | {"hovertemplate": "%{text} at %{x|%H:%M:%S} UTC"}
        )
        if number >= N_SERIES:
            traces[-1]["line"]["dash"] = "dot"
    everything = np.concatenate([values for _, values in lines.values()])
    latest = {
        node: values[~np.isnan(values)][-1]
        for node, (_, values) in lines.items()
        if not np.isnan(values).all()
    }
    n = len(everything)
    caption = (
        f"{meaning or name}: {n:,} samples{f' of {len(lines):,} nodes' if len(lines) > 1 else ''}, "
    )
    caption += f"from {say(float(np.nanmin(everything)))} to {say(float(np.nanmax(everything)))}; the latest "
    high, low = max(latest, key=latest.__getitem__), min(latest, key=latest.__getitem__)
    lowest, highest = say(float(latest[low])), say(float(latest[high]))
    caption += (
        f"{highest}." if lowest == highest else f"are {lowest} ({low}) to {highest} ({high})."
    )
    caption += (
        " Only the lowest and highest value of each interval are drawn." if is_thinned else ""
    )
    caption += f" The first {len(shown):,} nodes." if len(shown) < len(lines) else ""
    caption += (
        f" Left out: {pages.n_of(n_outside, 'sample')} outside the night." if n_outside else ""
    )
    layout = {
        "xaxis": {
            "type": "date",
            "title": {"text": "UTC"},
            "hoverformat": "%Y-%m-%d %H:%M:%S",
            "tickangle": 0,
        },
        "yaxis": _value_axis(everything[~np.isnan(everything)].tolist(), unit),
        "showlegend": 1 < len(shown) <= MAX_LEGEND,
    }
    return pages.Chart(
        f"chart-history-{_slug(name)}", name, caption, {"data": traces, "layout": layout}
    )


def _thinned(times: Floats, values: Floats, most: int) -> NDArray[int_]:
    """Places of samples to draw, in order of time: all, or the lowest and the highest (and a gap) of each of `most` / 2 stretches."""
    import numpy as np
    import pandas as pd

    if len(times) <= most:
        return np.arange(len(times))
    width = max((times[-1] - times[0]) / max(most // 2 - 1, 1), 1e-6)
    rows = pd.DataFrame({"value": values, "stretch": np.floor((times - times[0]) / width)})
    known = rows.dropna().groupby("stretch")["value"]
    blank = rows[~rows["stretch"].isin(rows.dropna()["stretch"])].drop_duplicates("stretch")
    return np.unique(np.concatenate([known.idxmin(), known.idxmax(), blank.index]).astype(int))


def _words_of(unit: str) -> Callable[[float | None], str]:
    """A function that says a number of this unit."""
    return lambda value: pages.quantity(value, unit)


def _value_axis(values: Sequence[float], unit: str) -> Json:
    """An axis of numbers of one unit, from 0 where that flattens nothing."""
    low, high = min(values), max(values)
    if unit == "s":
        return _delay_axis(min(low, 0.0), max(high, 0.0), False) | {
            "title": {"text": "time"},
            "rangemode": "tozero",
        }
    is_count = not unit and low >= 0 and all(value % 1 == 0 for value in values)
    is_from_zero = is_count or (low >= 0 and low < 0.7 * high)
    axis = {
        "title": {"text": _plain(unit)},
        "rangemode": "tozero" if is_from_zero else "normal",
        "exponentformat": "SI",
    }
    return axis | (_whole_ticks(high) if is_count else {})


def _files_axis(most: float) -> Json:
    """An axis of numbers of files, up to `most`."""
    return {"title": {"text": "files"}, "rangemode": "tozero"} | _whole_ticks(most)


def _whole_ticks(most: float) -> Json:
    """What keeps an axis of counts from ticks between two whole numbers: of itself it has some where all are small."""
    return {"dtick": 1} if most <= 5 else {}


def stream_charts(
    nights: Iterable[Summary],
    headlines: Sequence[Headline] = (),
    before: Sequence[Summary] = (),
    has_ingest: bool = True,
) -> list[pages.Chart]:
    """The charts over nights: headlines, files by class, delays, completeness; none without nights.

    Parameters
    ----------
    nights : list of dict
        A dict a night with the names of `columns.NIGHTS`, in any order; its page is `NIGHT.html`.
    headlines : list of pages.Headline
        Further names in these.
    before : list of dict
        The nights before these, oldest first: they tell what is usual, and are not drawn.
    has_ingest : bool
        Whether a stage comes after arrival; without one what is there has arrived, and there is no share that was ingested.
    """
    shown = sorted(nights, key=lambda values: values["night"])
    if not shown:
        return []
    before = before[-usual.NIGHTS :]
    share = next((headline for headline in headlines if headline.name == "completeness"), None)
    units = dict.fromkeys(headline.unit for headline in headlines if headline is not share)
    made = [
        _headlines_chart(shown, [h for h in headlines if h.unit == unit and h is not share], unit)
        for unit in units
    ]
    made += (
        _classes_chart(shown, has_ingest),
        _night_delays_chart(shown, before),
        _completeness_chart(shown, before, share) if has_ingest or share else None,
    )
    return _addressed([chart for chart in made if chart])


def _seconds_since_1970(instants: Series[Any]) -> Floats:
    """Instants as floats in seconds since 1970, NaN for NaT."""
    import numpy as np
    import pandas as pd

    whole = pd.to_datetime(instants, utc=True).astype("datetime64[us, UTC]")
    return np.where(whole.isna(), np.nan, whole.astype("int64") / 1e6)


def _delays(
    created: Floats, transferred: Floats, ingested: Floats
) -> dict[str, tuple[Floats, Floats]]:
    """By stage: when each file's delay began, and how long it was; only files for which both are known."""
    import numpy as np

    arrived = np.where(np.isnan(transferred), created, transferred)
    made = {}
    for stage, begun, ended in (("transfer", created, transferred), ("ingest", arrived, ingested)):
        known = ~np.isnan(begun) & ~np.isnan(ended)
        if known.any():
            made[stage] = begun[known], (ended - begun)[known]
    return made


def _steps_chart(instants: Mapping[str, Floats], bounds: tuple[float, float]) -> pages.Chart | None:
    """How many files there were of each kind, at each time."""
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
        # Each kept point is exact: so many files had come by then. Those between are left out.
        kept = np.unique(
            np.linspace(0, len(times) - 1, min(len(times), MAX_STEPS)).round().astype(int)
        )
        traces.append(
            _line(_milliseconds(times[kept]), (kept + 1).tolist(), name, tone, shape="hv")
            | {
                "hovertemplate": "%{y:,} " + name + " by %{x|%H:%M:%S} UTC<extra></extra>",
                "mode": "lines+markers",
            }
            | {"meta": {"tone": tone, "by": f"{name}_at"}}
        )
        words.append(f"{len(times):,} {name}")
    if not traces:
        return None
    axis, outside = _time_axis(np.concatenate(list(instants.values())), bounds)
    caption = f"Files up to each time: {', '.join(words)}.{_outside(outside, 'time')}"
    layout = {"xaxis": axis, "yaxis": _files_axis(max(trace["y"][-1] for trace in traces))}
    return pages.Chart(
        "chart-files", "Files over time", caption, {"data": traces, "layout": layout}
    )


def _delay_chart(
    delays: Mapping[str, tuple[Floats, Floats]], bounds: tuple[float, float]
) -> pages.Chart | None:
    """How late the files were, against the time at which their wait began."""
    import numpy as np

    if not delays:
        return None
    everything = np.concatenate([late for _, late in delays.values()])
    all_begun = np.concatenate([begun for begun, _ in delays.values()])
    axis, outside = _time_axis(all_begun, bounds)
    width = _bin_width(all_begun, bounds, len(delays))
    low, median, high = _spread(everything)
    logarithmic = _wants_log(low, median, high)
    traces, words = [], []
    for stage, (begun, late) in delays.items():
        middles, rows = _by_time(begun, late, width)
        words.append(f"{stage} {_quantiles(late)}")
        for name, dash, values in zip(
            ("median", "90 %", "99 %"), ("solid", "dash", "dot"), rows, strict=True
        ):
            traces.append(
                _line(
                    _milliseconds(middles),
                    _floored(values, logarithmic),
                    f"{stage} {name}",
                    stage,
                    dash,
                )
                | {"text": [pages.seconds(v) for v in values], "mode": "lines+markers"}
                | _in_legend(stage, dash)
                | {"hovertemplate": "%{text}<extra>" + f"{stage} {name}" + "</extra>"}
                | {"meta": {"tone": stage, "by": BEGUN[stage], "bin_ms": round(width * 1000)}}
            )
    caption = (
        f"By the time at which the delay began, in bins of {_tick(width)}: median solid, "
        f"90 % dashed, 99 % dotted. {_sentence(words)}{_outside(outside, 'delay')}{_clock_words(delays)}"
    )
    layout = {"xaxis": axis, "yaxis": _delay_axis(low, high, logarithmic)}
    return pages.Chart(
        "chart-delay", "Delays over time", caption, {"data": traces, "layout": layout}
    )


BEGUN = {
    "transfer": "created_at",
    "ingest": "transferred_at,created_at",
}  # the instant at which a wait begins: the first known


def _bin_width(begun: Floats, bounds: tuple[float, float], n_stages: int) -> float:
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


def _by_time(begun: Floats, late: Floats, width: float) -> tuple[Floats, list[list[float]]]:
    """Median, 90 % and 99 % points per bin of time: the bins' middles, and the three rows of values."""
    import numpy as np
    import pandas as pd

    bins = pd.Series(late).groupby(np.floor(begun / width))
    rows = [bins.median(), bins.quantile(0.9), bins.quantile(0.99)]
    return (rows[0].index.to_numpy() + 0.5) * width, [row.round(3).tolist() for row in rows]


def _spread_chart(delays: Mapping[str, tuple[Floats, Floats]]) -> pages.Chart | None:
    """How many files had which delay."""
    import numpy as np

    if not delays:
        return None
    everything = np.concatenate([late for _, late in delays.values()])
    low, median, high = _spread(everything)
    logarithmic = _wants_log(low, median, high)
    edges = _delay_edges(low, high, logarithmic)
    traces = []
    for stage, (_, late) in delays.items():
        counts = np.histogram(np.clip(late, edges[0], edges[-1]), edges)[0].tolist()
        ranges = [f"{pages.seconds(a)} to {pages.seconds(b)}" for a, b in itertools.pairwise(edges)]
        # Steps, not bars: on a log axis plotly's bars have no width of their own. The last edge closes the last step.
        traces.append(
            _line(edges.round(3).tolist(), [*counts, counts[-1]], stage, stage, shape="hv")
            | {"fill": "tozeroy", "text": [*ranges, ranges[-1]]}
            | {"hovertemplate": "files: %{y:,}, %{text}<extra>" + stage + "</extra>"}
        )
    words = [f"{stage}: {pages.n_of(len(late), 'file')}" for stage, (_, late) in delays.items()]
    axis = _delay_axis(low, high, logarithmic)
    layout = {"xaxis": axis, "yaxis": _files_axis(max(max(trace["y"]) for trace in traces))}
    caption = f"Number of files by delay. {_sentence(words)}"
    return pages.Chart(
        "chart-delay-histogram",
        "Distribution of delays",
        caption,
        {"data": traces, "layout": layout},
    )


def _delay_edges(low: float, high: float, logarithmic: bool, n: int = 50) -> Floats:
    """Edges of the histogram's bins, from the least to the largest delay: even in the logarithm, or even."""
    import numpy as np

    if logarithmic:
        return np.geomspace(max(low, SHORTEST_S), high * 1.001, n)
    pad = max((high - low) * 0.01, 0.05)
    return np.linspace(low - pad, high + pad, n)


def _wants_log(low: float, median: float, high: float) -> bool:
    """Whether delays spread so far that a linear axis would hide most; a log axis can't show those below zero."""
    return low >= 0 and high > 30 * max(median, SHORTEST_S)


def _spread(late: Floats) -> tuple[float, float, float]:
    """The least, the middle and the largest of delays."""
    import numpy as np

    return float(late.min()), float(np.median(late)), float(late.max())


def _floored(values: Iterable[float], logarithmic: bool) -> list[float]:
    return [max(v, SHORTEST_S) for v in values] if logarithmic else list(values)


def _delay_axis(low: float, high: float, logarithmic: bool) -> Json:
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
        "ticktext": [_tick(t) for t in ticks],
    }
    return axis | ({"type": "log"} if logarithmic else {"rangemode": "normal"})


def _tick(value: float) -> str:
    """A tick's duration in its largest whole unit, `7200` is `2 h`; in the two largest where there is none, `80` is `1 min 20 s`."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if value and value % size == 0 and (unit != "min" or abs(value) < 3600):
            return f"{value / size:,g} {unit}".replace("-", "−")
    return pages.seconds(value) if abs(value) > 60 else f"{value:g} s".replace("-", "−")


def _time_axis(times: Floats, bounds: tuple[float, float]) -> tuple[Json, int]:
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
    return axis | {"range": _milliseconds(np.array([inside.min() - pad, inside.max() + pad]))}, len(
        times
    ) - len(inside)


def _outside(n: int, what: str) -> str:
    verb = f"{what} lies" if n == 1 else f"{what}s lie"
    return f" {n:,} {verb} outside the night: double-click the chart to see all." if n else ""


def _sentence(words: Iterable[str]) -> str:
    text = "; ".join(words)
    return f"{text[0].upper()}{text[1:]}."


def _clock_words(delays: Mapping[str, tuple[Floats, Floats]]) -> str:
    """A sentence for files that arrived before they were created: two clocks differ, or times were copied."""
    n = sum(int((late < 0).sum()) for _, late in delays.values())
    verb = "delay is" if n == 1 else "delays are"
    return f" {n:,} {verb} negative: the clocks differ or a time was changed later." if n else ""


def _quantiles(late: Floats) -> str:
    import numpy as np

    median, p90, p99 = (pages.seconds(value) for value in np.quantile(late, (0.5, 0.9, 0.99)))
    return (
        f"median {median}, 90 % within {p90}, 99 % within {p99}, worst {pages.seconds(late.max())}"
    )


def _milliseconds(times: ArrayLike) -> list[int]:
    import numpy as np

    rounded: list[int] = np.round(np.asarray(times, dtype=float) * 1000).astype("int64").tolist()
    return rounded


def _line(
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


def _in_legend(stage: str, dash: str) -> Json:
    """A stage stands in the legend once, by its solid line: six entries would fill a phone. The others go with it."""
    if dash == "solid":
        return {"legendgroup": stage, "showlegend": True, "name": stage}
    return {"legendgroup": stage, "showlegend": False}


def _headlines_chart(
    nights: Sequence[Summary], headlines: Sequence[Headline], unit: str
) -> pages.Chart | None:
    """Headlines of one unit, side by side, night by night."""
    say = _words_of(unit)
    bars: list[Json] = []
    words = []
    for number, headline in enumerate(headlines):
        values = [_number(night.get(headline.name)) for night in nights]
        known = [v for v in values if v is not None]
        if not known:
            continue
        lowest, highest = say(min(known)), say(max(known))
        words.append(
            f"{headline.label}: {lowest if lowest == highest else f'{lowest} to {highest}'}"
        )
        if len(known) < len(values):
            words[-1] += (
                f", not available in {len(values) - len(known):,} of {len(values):,} nights"
            )
        bars.append(
            {
                "type": "bar",
                "y": values,
                "name": _plain(headline.label),
                "text": [_plain(say(v)) for v in values],
                "textposition": "none",
            }
            | {"hovertemplate": "%{text}, %{x}", "meta": {"tone": f"series-{number % N_SERIES}"}}
            | _nights(nights)
        )
    if not bars:
        return None
    drawn = [v for bar in bars for v in bar["y"] if v is not None]
    layout = {
        "barmode": "group",
        "bargap": 0.25,
        "xaxis": _night_axis(),
        "yaxis": _value_axis([0.0, *drawn], unit),
    }
    title = (
        headlines[0].label
        if len(headlines) == 1
        else "Numbers of each night"
        if not unit
        else f"Numbers of each night, in {unit}"
    )
    caption = f"{_sentence(words)}"
    return pages.Chart("chart-headlines", title, caption, {"data": bars, "layout": layout})


def _classes_chart(nights: Sequence[Summary], has_ingest: bool) -> pages.Chart | None:
    """The files of each night, stacked by class."""
    bars, words = [], []
    for column in columns.CLASSES:
        counts = [int(_number(values[f"n_{column.name}"]) or 0) for values in nights]
        if not any(counts):
            continue
        label = column.label if has_ingest or column.name != "ingested" else columns.ARRIVED.label
        words.append(f"{sum(counts):,} {label}")
        bars.append(
            {"type": "bar", "y": counts, "name": label, "meta": {"tone": column.name}}
            | {"hovertemplate": "%{y:,} " + label + "<extra>%{x}</extra>"}
            | _nights(nights)
        )
    if not bars:
        return None
    caption = f"All nights together: {', '.join(words)}."
    most = max(map(sum, zip(*(bar["y"] for bar in bars), strict=True)))
    layout = {
        "barmode": "stack",
        "bargap": 0.25,
        "xaxis": _night_axis(),
        "yaxis": _files_axis(most),
    }
    return pages.Chart("chart-classes", "Files by class", caption, {"data": bars, "layout": layout})


def _night_delays_chart(nights: Sequence[Summary], before: Sequence[Summary]) -> pages.Chart | None:
    """Median and 90 % point of the delays, night by night."""
    import statistics

    traces, words, everything = [], [], list[float]()
    for stage in ("transfer", "ingest"):
        for name, key, dash in (("median", "median", "solid"), ("90 %", "p90", "dash")):
            values = [_number(night[f"{stage}_delay_{key}_s"]) for night in nights]
            known = [v for v in values if v is not None]
            if not known:
                continue
            everything += known
            traces.append(
                (
                    values,
                    [_number(night[f"{stage}_delay_{key}_s"]) for night in before],
                    f"{stage} {name}",
                    stage,
                    dash,
                )
            )
            if name == "median":
                words.append(
                    f"{stage}: medians from {pages.seconds(min(known))} to {pages.seconds(max(known))}"
                )
    if not traces:
        return None
    low, high = min(everything), max(everything)
    logarithmic = _wants_log(low, statistics.median(everything), high)
    drawn = []
    for values, earlier, name, stage, dash in traces:
        y = [None if v is None else _floored([v], logarithmic)[0] for v in values]
        if dash == "solid":
            drawn += _usual_band(
                earlier, values, nights, stage, SHORTEST_S if logarithmic else None
            )
        drawn.append(
            _line([], y, name, stage, dash)
            | {
                "mode": "lines+markers",
                "marker": {"size": 5},
                "text": [pages.seconds(v) for v in values],
            }
            | _in_legend(name.split()[0], dash)
            | {"hovertemplate": "%{text}<extra>" + name + ", %{x}</extra>"}
            | _nights(nights)
        )
    caption = "Median solid, 90 % dashed. "
    caption += f"{_sentence(words)}{_band_words(drawn, 'medians')}"
    layout = {"xaxis": _night_axis(), "yaxis": _delay_axis(low, high, logarithmic)}
    return pages.Chart("chart-delays", "Delays", caption, {"data": drawn, "layout": layout})


def _usual_band(
    earlier: Sequence[float | None],
    values: Sequence[float | None],
    nights: Sequence[Summary],
    tone: str,
    least: float | None = None,
) -> list[Json]:
    """Two lines with a shade between: where the middle 80 % of the usual.NIGHTS before each night lie; none while few are known.

    `values` are those of `nights`, `earlier` those of the nights before.
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
        y = [
            None if value is None else round(max(value, value if least is None else least), 3)
            for value in edge
        ]
        edges.append(
            _line([], y, "usual", tone)
            | {
                "x": [values["night"] for values in nights],
                "line": {"width": 0, "shape": "hvh"},
                "meta": {"tone": tone, "is_band": True},
            }
            | {"showlegend": False, "legendgroup": tone, "hoverinfo": "skip"}
            | fill
        )
    return edges


def _band_words(traces: Iterable[Json], what: str) -> str:
    """A sentence on the shade of `_usual_band`, where there is one."""
    if not any(trace["meta"].get("is_band") for trace in traces):
        return ""
    return (
        f" Shaded: the usual range (middle 80 % of the {what} of the {usual.NIGHTS} nights before)."
    )


def _completeness_chart(
    nights: Sequence[Summary], before: Sequence[Summary], headline: Headline | None = None
) -> pages.Chart | None:
    """The share of the expected that was ingested, night by night; or what the headline of that name says."""
    values = [_number(night["completeness"]) for night in nights]
    known = [v for v in values if v is not None]
    if not known:
        return None
    whole = sum(v >= 1 for v in known)
    worst = min(
        (v, night["night"]) for v, night in zip(values, nights, strict=True) if v is not None
    )
    bars = {
        "type": "bar",
        "y": values,
        "name": "complete" if headline else "ingested",
        "text": [pages.percent(v) for v in values],
        "textposition": "none",
        "hovertemplate": "%{text}<extra>%{x}</extra>",
        "meta": {"tone": "ingested"},
    } | _nights(nights)
    share = (
        f"{headline.meaning or 'Share that arrived'}, in per cent"
        if headline
        else "Share of files ingested"
    )
    caption = (
        f"{share}: {whole:,} of {len(known):,} nights {'is' if whole == 1 else 'are'} complete"
    )
    caption += f"; the lowest is {pages.percent(worst[0])} ({worst[1]})." if worst[0] < 1 else "."
    drawn = [
        bars,
        *_usual_band([_number(night["completeness"]) for night in before], values, nights, "total"),
    ]
    caption += _band_words(drawn, "shares")
    layout = {
        "xaxis": _night_axis(),
        "bargap": 0.25,
        "showlegend": False,
        "yaxis": {
            "title": {"text": "complete" if headline else "ingested"},
            "tickformat": ".0%",
            "range": [0, max(1.02, *known)],
        },
    }
    return pages.Chart(
        "chart-completeness", "Completeness", caption, {"data": drawn, "layout": layout}
    )


def _nights(nights: Sequence[Summary]) -> Json:
    """The x values of a trace over nights, and the page behind each."""
    return {
        "x": [values["night"] for values in nights],
        "customdata": [f"{values['night']}.html" for values in nights],
    }


def _night_axis() -> Json:
    """Nights side by side: on an axis of dates, two nights with a year between them would be two hairlines."""
    return {"type": "category", "title": {"text": "night"}, "nticks": 6}


def _number(value: float | None) -> float | None:
    return None if value is None or pages.is_nothing(value) else float(value)
