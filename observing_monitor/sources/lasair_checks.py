"""Findings about Lasair's counts and timers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import wording
from observing_monitor.model.finding import METRICS, Finding, metric_href
from observing_monitor.model.names import in_number_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

    from pandas import DataFrame


# a stage's count, the count that it should reach, and the words for the difference
STAGES = (
    ("today_alert", "today_lsst", "issued alerts were not ingested"),
    ("today_filter", "today_alert", "ingested alerts were not filtered"),
    ("diaSourceDB", "diaSource", "received detections were not stored"),
    ("diaForcedSourceDB", "diaForcedSource", "received forced detections were not stored"),
)


def check_counts(values: Mapping[Any, float], tolerance: float = 0.0) -> Iterator[Finding]:
    """Compare each stage's count with that of the stage before.

    Parameters
    ----------
    values : mapping of str to float
        The night's available counts by name.
    tolerance : float
        A difference of up to this share is no warning.

    Yields
    ------
    Finding
        For each pair that differs; then for those that agree, and the share that passed filters.
    """
    equal = []
    for later, earlier, words in STAGES:
        if later not in values or earlier not in values:
            continue
        n, n_due = values[later], values[earlier]
        if n == n_due:
            equal.append(f"{later} and {earlier} {n_due:,.0f}")
            continue
        level = "warning" if abs(n_due - n) > tolerance * n_due else "normal"
        if n < n_due:
            share = f" ({_percent((n_due - n) / n_due)})" if n_due else ""
            lacking = f"{n_due - n:,.0f} of {n_due:,.0f} {words}{share}"
            text = f"{lacking}: {later} {n:,.0f}, {earlier} {n_due:,.0f}"
        else:
            times = f", ×{n / n_due:,.2f}" if n_due else ""
            more = f"{later} {n:,.0f} is more than {earlier} {n_due:,.0f}{times}"
            text = f"{more}: something was counted twice"
        yield Finding(level, text, metric_href(later))
    if equal:
        yield Finding("normal", f"counts agree: {'; '.join(equal)}", METRICS)
    n_out, n_in = values.get("today_filter_out"), values.get("today_filter")
    if n_out is not None and n_in:
        share = f"the filters sent on {_percent(n_out / n_in)} of the alerts"
        counts = f"today_filter_out {n_out:,.0f} of today_filter {n_in:,.0f}"
        yield Finding("normal", f"{share}: {counts}", metric_href("today_filter_out"))


def check_nodes(timers: DataFrame, ratio: float, min_s: float) -> Iterator[Finding]:
    """Find the nodes whose timers differ from those of the other nodes.

    Parameters
    ----------
    timers : DataFrame
        The latest value of each timer, with columns `name`, `node` and `value` (seconds).
    ratio : float
        A node is slow if it took more than so many times the median of the others. One of three
        or more nodes is idle if each other node took more than so many times as long.
    min_s : float
        Ignore a slow node that took less, and an idle one if the median is less.

    Yields
    ------
    Finding
        One per node, in order.
    """
    import statistics

    found: dict[str, list[str]] = {}
    hrefs: dict[str, str] = {}
    times = timers[timers["node"].notna()].dropna(subset="value")
    for name, group in times.groupby("name", sort=True):
        seconds = dict(zip(group["node"], group["value"], strict=True))
        for node, took_s in seconds.items():
            others = [value for other, value in seconds.items() if other != node]
            if not others:
                continue
            median = statistics.median(others)
            is_slow = took_s > max(ratio * median, min_s)
            is_idle = len(others) > 1 and median > min_s and min(others) > ratio * took_s
            if is_slow or is_idle:
                words = f"{name} {_short(took_s, 4)} s, {_compared(took_s, median)}"
                found.setdefault(node, []).append(words)
                hrefs.setdefault(node, metric_href(str(name)))
    for node in sorted(found, key=in_number_order):
        words = f"node {node} is out of line: {'; '.join(found[node])}"
        yield Finding("warning", words, hrefs[node], node=node)


def unavailable(names: Collection[Any]) -> Iterator[Finding]:
    """Report the counts that are not available, if any."""
    if len(names):
        yield Finding(
            "normal", f"not available: {', '.join(names)}", metric_href(next(iter(names)))
        )


def _compared(took_s: float, median_s: float) -> str:
    if not median_s:
        return "the other nodes none"
    times, median = _short(took_s / median_s, 3), _short(median_s, 3)
    return f"{times} times the median of the other nodes ({median} s)"


def _short(value: float, digits: int) -> str:
    """Return a number with few digits, never as 1.26e+03."""
    return wording.number(float(f"{value:.{digits}g}"))


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"
