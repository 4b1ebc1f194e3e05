"""Charts of the metrics of one night."""

from __future__ import annotations

import itertools
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from observing_monitor.charts import figure
from observing_monitor.charts.axes import (
    N_SERIES,
    addressed,
    line,
    milliseconds,
    plain,
    seconds_since_1970,
    slug,
    value_axis,
    words_of,
)
from observing_monitor.model import wording
from observing_monitor.model.names import in_number_order

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping, Sequence

    from numpy import int_
    from numpy.typing import NDArray
    from pandas import DataFrame

    from observing_monitor.charts.axes import Floats
    from observing_monitor.sources.registry import SourceClass

    History = tuple[str, str, str, int, dict[str, tuple[Floats, Floats]]]


MAX_HISTORIES = 12  # charts of metrics over a night
MAX_POINTS = 6000  # of all of these together, which keeps a page below 500 kB
MAX_OF_LINE = 1500  # points of one line
MAX_NODES = 60  # lines, or bars, of a chart
MAX_LEGEND = 12  # entries of a legend; more would cover the chart, and are told on hover


def metric_charts(
    metrics: DataFrame,
    tellers: Mapping[str, SourceClass],
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
    odd: Mapping[str, Collection[str]] | None = None,
) -> list[figure.Chart]:
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
    stacks: list[figure.Chart | None] = []
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
        ].caption += f" {len(wanted) - MAX_HISTORIES:,} more numbers have a history, which is in the stored tables."
    return addressed(made)


def _stack_chart(
    title: str,
    metrics: DataFrame,
    names: Sequence[str],
    total: str | None,
    odd: Collection[str] = (),
) -> figure.Chart | None:
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
    say = words_of(unit)
    labels = [f"▲ {plain(node)}" if node in odd else plain(node) for node in shown]
    traces = []
    for number, name in enumerate(names):
        heights = [values.get((name, node)) for node in shown]
        if any(height is not None for height in heights):
            traces.append(
                {
                    "type": "bar",
                    "x": labels,
                    "y": heights,
                    "name": plain(name),
                    "text": [plain(say(v)) for v in heights],
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
                "name": plain(total),
                "text": [plain(say(v)) for v in whole],
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
    caption = f"Node by node, as of {wording.utc(latest['sampled_at'].max())} UTC: the most is {say(sums[most])} (node {most})"
    caption += f", the least {say(sums[least])} (node {least})" if len(nodes) > 1 else ""
    caption += (
        f"; the largest part is {largest}, {wording.percent(shares[largest] / sum(shares.values()))}."
        if sum(shares.values())
        else "."
    )
    caption += f" The line across a bar is {total}." if traces[-1]["type"] == "scatter" else ""
    marked = [node for node in shown if node in odd]
    caption += f" ▲ marks what is out of line: node {', '.join(marked)}." if marked else ""
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
        "yaxis": value_axis([0.0, highest], unit),
    }
    return figure.Chart(
        f"chart-stack-{slug(title)}", title, caption, {"data": traces, "layout": layout}
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
            lines[node] = seconds_since_1970(of_node["sampled_at"]), of_node["value"].to_numpy()
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
) -> figure.Chart:
    """A metric over the night, a line a node; of long lines the lowest and the highest sample of each stretch of time."""
    import numpy as np

    say = words_of(unit)
    shown = dict(itertools.islice(lines.items(), MAX_NODES))
    traces, is_thinned = [], False
    for number, (node, (times, values)) in enumerate(shown.items()):
        kept = _thinned(times, values, most)
        is_thinned |= len(kept) < len(times)
        traces.append(
            line(
                milliseconds(times[kept]),
                values[kept].tolist(),
                plain(node or name),
                f"series-{number % N_SERIES}",
            )
            | {"mode": "lines+markers", "text": [plain(say(v)) for v in values[kept].tolist()]}
            | {"hovertemplate": "%{text} at %{x|%H:%M:%S}"}
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
        " Of each stretch of time the lowest and the highest are drawn." if is_thinned else ""
    )
    caption += f" The first {len(shown):,} nodes." if len(shown) < len(lines) else ""
    caption += (
        f" Left out: {wording.n_of(n_outside, 'sample')} of other times." if n_outside else ""
    )
    layout = {
        "xaxis": {
            "type": "date",
            "title": {"text": "UTC"},
            "hoverformat": "%Y-%m-%d %H:%M:%S",
            "tickangle": 0,
        },
        "yaxis": value_axis(everything[~np.isnan(everything)].tolist(), unit),
        "showlegend": 1 < len(shown) <= MAX_LEGEND,
    }
    return figure.Chart(
        f"chart-history-{slug(name)}", name, caption, {"data": traces, "layout": layout}
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
