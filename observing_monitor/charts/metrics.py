"""Charts of the metrics of one night."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from observing_monitor.charts import figure
from observing_monitor.charts.axes import (
    N_SERIES,
    addressed,
    divided,
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
    from observing_monitor.charts.figure import Json
    from observing_monitor.sources.registry import SourceClass

    History = tuple[str, str, str, int, dict[str, tuple[Floats, Floats]]]


MAX_HISTORIES = 12  # charts of metrics over a night
MAX_POINTS = 6000  # of all of these together: it keeps a page below 500 kB
MAX_OF_LINE = 1500  # points of one line
MAX_NODES = 60  # lines or bars of a chart
MAX_LEGEND = 12  # entries of a legend: more would cover the chart; hovering shows the others


def metric_charts(
    metrics: DataFrame,
    tellers: Mapping[str, SourceClass],
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
    odd: Mapping[str, Collection[str]] | None = None,
) -> list[figure.Chart]:
    """Return the charts of one night's metrics: stacks by node, and histories.

    Parameters
    ----------
    metrics : DataFrame
        Columns `columns.METRICS`, in their order.
    tellers : dict of str to Telling
        By source: which metrics add up, which have a history worth drawing, and what they mean.
    starts_at, ends_at : datetime
        The bounds of the night, UTC: samples outside are counted and left out.
    odd : dict of str to set of str
        By source: the nodes that a finding names; they are marked.

    Returns
    -------
    list of Chart
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
    n_lines = sum(len(lines) for *_, lines in wanted[:MAX_HISTORIES])
    each = min(max(MAX_POINTS // max(n_lines, 1), 20), MAX_OF_LINE)
    histories = [_history_chart(*history, each) for history in wanted[:MAX_HISTORIES]]
    if n_more := len(wanted) - len(histories):
        histories[
            -1
        ].caption += f" {n_more:,} more metrics have a history: it is in the stored tables."
    return addressed([chart for chart in stacks if chart] + histories)


@dataclass
class _Stack:
    """The latest values of metrics that add up, by node."""

    names: Sequence[str]
    total: str | None  # the metric that says what they should add up to
    values: dict[tuple[str, str], float]  # (metric, node) -> value
    nodes: list[str]
    odd: Collection[str]
    unit: str
    sampled_at: datetime.datetime  # the latest sample

    @property
    def shown(self) -> list[str]:
        """The nodes that are drawn."""
        return self.nodes[:MAX_NODES]

    def of_metric(self, name: str | None) -> list[float | None]:
        """Return a metric's value on each node that is drawn."""
        return [self.values.get((name, node)) if name else None for node in self.shown]

    def sums(self) -> dict[str, float]:
        """Return the sum on each node."""
        return {
            node: sum(self.values.get((name, node), 0.0) for name in self.names)
            for node in self.nodes
        }


def _stack_chart(
    title: str,
    metrics: DataFrame,
    names: Sequence[str],
    total: str | None,
    odd: Collection[str] = (),
) -> figure.Chart | None:
    """Return the chart of metrics that add up, a bar per node, if any."""
    stack = _stack_of(metrics, names, total, odd)
    if not stack.nodes:
        return None
    labels = [f"▲ {plain(node)}" if node in odd else plain(node) for node in stack.shown]
    traces = _stack_traces(stack, labels)
    whole = stack.of_metric(total)
    highest = max([*stack.sums().values(), *(v for v in whole if v is not None)])
    axis, by = value_axis([0.0, highest], stack.unit)
    layout = {
        "barmode": "relative",
        "bargap": 0.25,
        "xaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": labels,
            "title": {"text": "node"},
        },
        "yaxis": axis,
    }
    caption = _stack_caption(stack, has_total=traces[-1]["type"] == "scatter")
    return figure.Chart(
        f"chart-stack-{slug(title)}",
        title,
        caption,
        {"data": divided(traces, by), "layout": layout},
    )


def _stack_of(
    metrics: DataFrame, names: Sequence[str], total: str | None, odd: Collection[str]
) -> _Stack:
    """Find the latest values of the metrics of a stack."""
    wanted = metrics[metrics["name"].isin([*names, total]) & metrics["node"].notna()]
    latest = (
        wanted.sort_values("sampled_at", kind="stable")
        .drop_duplicates(["name", "node"], keep="last")
        .dropna(subset=["value"])
    )
    values: dict[tuple[str, str], float] = {
        (name, node): float(value)
        for name, node, value in zip(latest["name"], latest["node"], latest["value"], strict=True)
    }
    nodes = sorted({node for _, node in values}, key=in_number_order)
    unit = next(iter(latest["unit"].dropna()), "")
    return _Stack(names, total, values, nodes, odd, unit, latest["sampled_at"].max())


def _stack_traces(stack: _Stack, labels: list[str]) -> list[Json]:
    """Return a trace of bars per metric, and one of marks for the total."""
    say = words_of(stack.unit)
    traces: list[Json] = []
    for number, name in enumerate(stack.names):
        heights = stack.of_metric(name)
        if any(height is not None for height in heights):
            traces.append(
                {
                    "type": "bar",
                    "x": labels,
                    "y": heights,
                    "name": plain(name),
                    "text": [plain(say(v)) for v in heights],
                    "textposition": "none",
                    "hovertemplate": "%{text}, node %{x}",
                    "meta": {"tone": f"series-{number % N_SERIES}"},
                }
            )
    whole = stack.of_metric(stack.total)
    if stack.total and any(height is not None for height in whole):
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": labels,
                "y": whole,
                "name": plain(stack.total),
                "text": [plain(say(v)) for v in whole],
                "marker": {"size": 10, "symbol": "line-ew-open", "line": {"width": 3}},
                "hovertemplate": "%{text}, node %{x}",
                "meta": {"tone": "total"},
            }
        )
    return traces


def _stack_caption(stack: _Stack, has_total: bool) -> str:
    """Word the extreme nodes, the largest part, and the marked nodes."""
    say, sums, nodes = words_of(stack.unit), stack.sums(), stack.nodes
    most, least = max(nodes, key=sums.__getitem__), min(nodes, key=sums.__getitem__)
    caption = (
        f"Latest values, {wording.utc(stack.sampled_at)} UTC: "
        f"highest {say(sums[most])} (node {most})"
    )
    caption += f", lowest {say(sums[least])} (node {least})" if len(nodes) > 1 else ""
    shares = {
        name: sum(stack.values.get((name, node), 0.0) for node in nodes) for name in stack.names
    }
    largest, whole = max(shares, key=shares.__getitem__), sum(shares.values())
    share = wording.percent(shares[largest] / whole) if whole else ""
    caption += f"; largest part {largest}, {share}." if whole else "."
    caption += f" The line across a bar shows {stack.total}." if has_total else ""
    marked = [node for node in stack.shown if node in stack.odd]
    caption += f" ▲ marks nodes with problems: {', '.join(marked)}." if marked else ""
    if len(stack.shown) < len(nodes):
        caption += f" The first {len(stack.shown):,} of {len(nodes):,} nodes."
    return caption


def _histories(
    metrics: DataFrame,
    teller: SourceClass,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
) -> list[History]:
    """Return the metrics of a source that were sampled more than once.

    Each is (name, meaning, unit, samples left out, {node: (times, values)}).
    """
    import numpy as np

    numbers = metrics[
        metrics["sampled_at"].notna()
        & metrics["name"].isin(metrics.loc[metrics["value"].notna(), "name"])
    ]
    several = sorted(set(numbers.loc[numbers.duplicated(["name", "node"]), "name"]))
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
        # if a metric has a total and its parts, the parts are drawn: the total would flatten them
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
    """Return the chart of a metric, a line of at most `most` points per node."""
    import numpy as np

    shown = dict(itertools.islice(lines.items(), MAX_NODES))
    traces, is_thinned = _history_traces(name, unit, shown, most)
    caption = _history_caption(meaning or name, unit, lines)
    if is_thinned:
        caption += " Only the lowest and highest value of each interval are drawn."
    if len(shown) < len(lines):
        caption += f" The first {len(shown):,} nodes."
    if n_outside:
        caption += f" Left out: {wording.n_of(n_outside, 'sample')} outside the night."
    everything = np.concatenate([values for _, values in lines.values()])
    axis, by = value_axis(everything[~np.isnan(everything)].tolist(), unit)
    layout = {
        "xaxis": {
            "type": "date",
            "title": {"text": "UTC"},
            "hoverformat": "%Y-%m-%d %H:%M:%S",
            "tickangle": 0,
        },
        "yaxis": axis,
        "showlegend": 1 < len(shown) <= MAX_LEGEND,
    }
    return figure.Chart(
        f"chart-history-{slug(name)}",
        name,
        caption,
        {"data": divided(traces, by), "layout": layout},
    )


def _history_traces(
    name: str, unit: str, lines: Mapping[str, tuple[Floats, Floats]], most: int
) -> tuple[list[Json], bool]:
    """Return a line per node, and whether points were left out."""
    say = words_of(unit)
    traces: list[Json] = []
    is_thinned = False
    for number, (node, (times, values)) in enumerate(lines.items()):
        kept = _thinned(times, values, most)
        is_thinned |= len(kept) < len(times)
        tone = f"series-{number % N_SERIES}"
        drawn = line(milliseconds(times[kept]), values[kept].tolist(), plain(node or name), tone)
        traces.append(
            drawn
            | {"mode": "lines+markers", "text": [plain(say(v)) for v in values[kept].tolist()]}
            | {"hovertemplate": "%{text} at %{x|%Y-%m-%d %H:%M:%S} UTC"}
        )
        if number >= N_SERIES:
            traces[-1]["line"]["dash"] = "dot"
    return traces, is_thinned


def _history_caption(what: str, unit: str, lines: Mapping[str, tuple[Floats, Floats]]) -> str:
    """Word the number of samples, their range, and the latest values."""
    import numpy as np

    say = words_of(unit)
    everything = np.concatenate([values for _, values in lines.values()])
    latest = {
        node: float(values[~np.isnan(values)][-1])
        for node, (_, values) in lines.items()
        if not np.isnan(values).all()
    }
    nodes = f" of {len(lines):,} nodes" if len(lines) > 1 else ""
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))
    caption = f"{what}: {len(everything):,} samples{nodes}, from {say(low)} to {say(high)}; "
    top, bottom = max(latest, key=latest.__getitem__), min(latest, key=latest.__getitem__)
    lowest, highest = say(latest[bottom]), say(latest[top])
    if lowest == highest:
        return caption + f"the latest {highest}."
    return caption + f"the latest are {lowest} ({bottom}) to {highest} ({top})."


def _thinned(times: Floats, values: Floats, most: int) -> NDArray[int_]:
    """Return the places of the samples to draw, in order of time.

    These are all, or the lowest and the highest (and a gap) of each of `most` / 2 intervals.
    """
    import numpy as np
    import pandas as pd

    if len(times) <= most:
        return np.arange(len(times))
    width = max((times[-1] - times[0]) / max(most // 2 - 1, 1), 1e-6)
    rows = pd.DataFrame({"value": values, "stretch": np.floor((times - times[0]) / width)})
    known = rows.dropna().groupby("stretch")["value"]
    blank = rows[~rows["stretch"].isin(rows.dropna()["stretch"])].drop_duplicates("stretch")
    return np.unique(np.concatenate([known.idxmin(), known.idxmax(), blank.index]).astype(int))
