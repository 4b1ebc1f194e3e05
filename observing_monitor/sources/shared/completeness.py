"""Compare a night's counts step by step.

The result is the share of what was produced that arrived. Counts of one night often come from
several sources (the survey's own number, the files in a bucket), so the check looks at the metrics
of all sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.errors import UsageError
from observing_monitor.model import wording
from observing_monitor.model.finding import Finding, metric_href
from observing_monitor.model.setting import setting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Tables


# how a headline is made from several values
AGGREGATES = ("last", "sum", "median", "min", "max", "mean", "count")


@dataclass(kw_only=True)
class CountSettings:
    """Settings of a source whose counts are compared."""

    counts: list[str] = setting(
        [],
        "Metrics of any source to compare, in order. The number that was produced comes first.",
        example=["alerts_produced", "alerts_stored"],
    )
    error_below: float = setting(
        0.9, "A smaller share of the first count is an error.", affects_reading=False
    )
    warning_below: float = setting(
        0.99, "A smaller share of the first count is a warning.", affects_reading=False
    )
    twice_above: float = setting(
        1.5, "A larger multiple of the first count is a replay.", affects_reading=False
    )
    aggregate: dict[str, str] = setting(
        {},
        "How a headline is made from all values of the night: `last`, `sum`, `median`, `min`, "
        "`max`, `mean` or `count`. By default, the last value; of several nodes, the sum of "
        "`counts`, and the median of other metrics.",
        example={"seeing": "median"},
        affects_reading=False,
    )


def check_aggregates(settings: CountSettings) -> None:
    """Raise UsageError if `aggregate` has an unknown word."""
    for name, aggregate in settings.aggregate.items():
        if aggregate not in AGGREGATES:
            raise UsageError(
                f"aggregate: {name} = {aggregate!r} is unknown; write one of "
                f"{', '.join(AGGREGATES)}"
            )


class _Counts(NamedTuple):
    """A night's counts.

    Attributes
    ----------
    numbers
        Name -> number, of the counts that are available.
    blank
        Names of the counts whose sources all say "not available".
    by_source
        Name -> the number of each source that has one.
    """

    numbers: dict[str, float]
    blank: list[str]
    by_source: dict[str, Series[Any]]


def check(tables: Tables, limits: CountSettings) -> list[Finding]:
    """Return findings about a night's counts.

    While the night runs, what is missing may still arrive: it is no error.

    Parameters
    ----------
    tables : Tables
        A night's, with the metrics of all sources. A row with a node is a part of the row without
        one.
    limits : CountSettings
        The counts, and the shares that are too small or too large.
    """
    if not limits.counts:
        return []
    found, counts = [], _read_counts(tables.metrics, limits.counts)
    for name, values in counts.by_source.items():
        if values.nunique() > 1:
            each = ", ".join(f"{source} {value:,.0f}" for source, value in values.items())
            found.append(
                Finding("warning", f"sources disagree on {name}: {each}", metric_href(name))
            )
    if not counts.numbers:
        return [_no_data(counts.blank, tables.is_running)]
    if counts.blank:
        text = f"not available: {', '.join(counts.blank)}"
        found.append(Finding("normal", text, metric_href(counts.blank[0])))
    (first, produced), *others = counts.numbers.items()
    return found + [
        _compare_running(first, produced, name, value, limits)
        if tables.is_running and value < produced
        else _compare(first, produced, name, value, limits)
        for name, value in others
    ]


def share(tables: Tables, limits: CountSettings) -> float | None:
    """Return the last available count divided by the first.

    None if either is missing, or while the rest may still arrive. The parameters are those of
    `check`.
    """
    numbers = _read_counts(tables.metrics, limits.counts).numbers
    first, *others = limits.counts or [""]
    others = [name for name in others if name in numbers]
    if not others or not numbers.get(first):
        return None
    found = numbers[others[-1]] / numbers[first]
    return None if tables.is_running and found < 1 else found


def _read_counts(metrics: DataFrame, names: Sequence[str]) -> _Counts:
    counts = _Counts({}, [], {})
    for name in names:
        reported = _latest_by_source(metrics[metrics["name"] == name])
        values = counts.by_source[name] = reported.dropna()
        if len(values):
            # if sources disagree, the worse number counts
            number = values.min() if counts.numbers else values.max()
            counts.numbers[name] = float(number)
        elif len(reported):
            counts.blank.append(name)
    return counts


def _latest_by_source(rows: DataFrame) -> Series[Any]:
    """Return each source's latest value of a metric.

    NaN for "not available". The value without a node counts, else the sum over all nodes.
    """
    latest = rows.drop_duplicates(["source", "node"], keep="last")
    whole = latest[latest["node"].isna()].set_index("source")["value"]
    of_nodes = latest.groupby("source")["value"].sum(min_count=1)
    return whole.reindex(of_nodes.index).where(of_nodes.index.isin(whole.index), of_nodes)


def _no_data(blank: list[str], is_running: bool) -> Finding:
    if blank and not is_running:
        words = "is" if len(blank) == 1 else "are all"
        return Finding(
            "warning", f"no data: {', '.join(blank)} {words} blank", metric_href(blank[0])
        )
    # without a link: there are no metrics on the page
    return Finding("normal", "no counts of this night yet")


def _compare_running(
    first: str, produced: float, name: str, value: float, limits: CountSettings
) -> Finding:
    """Return a finding about a count of which the rest may still arrive."""
    share = value / produced
    words = f"{value:,.0f} of {produced:,.0f} {_noun(first)}{_verb(name)} so far"
    text = f"{words}: {_percent(share)}; {produced - value:,.0f} may still arrive"
    level = "warning" if share < limits.error_below else "normal"
    return Finding(level, text, metric_href(name))


def _compare(
    first: str, produced: float, name: str, value: float, limits: CountSettings
) -> Finding:
    """Return a finding that compares one count with the first."""
    href = metric_href(name)
    if not produced:
        level = "warning" if value else "normal"
        return Finding(level, f"{value:,.0f} {_verb(name)} of 0 {_verb(first)}", href)
    share = value / produced
    if share >= limits.twice_above:
        words = f"{value:,.0f} {_verb(name)} of {produced:,.0f} {_verb(first)}: ×{_times(share)}"
        return Finding("warning", f"{words}: a replay", href)
    words = f"{value:,.0f} of {produced:,.0f} {_noun(first)}{_verb(name)}: {_percent(share)}"
    if value > produced:
        return Finding("normal", f"{words}, {value - produced:,.0f} too many", href)
    if value < produced:
        words += f", {produced - value:,.0f} missing"
    if share < limits.error_below:
        return Finding("error", words, href)
    return Finding("warning" if share < limits.warning_below else "normal", words, href)


def _times(share: float) -> str:
    """Return how many times as much with two digits, never as 1.3e+02."""
    return wording.number(float(f"{share:.2g}"))


def _percent(share: float) -> str:
    """Return a share in per cent.

    Never 100 % while something is missing.
    """
    return f"{min(share, 0.999) if 0.9995 <= share < 1 else share:.1%}".replace("%", " %")


def _verb(name: str) -> str:
    """Return `stored` for `avros_stored`."""
    return name.rpartition("_")[2]


def _noun(name: str) -> str:
    """Return `alerts ` for `alerts_produced`; "" for a single word."""
    noun = name.rpartition("_")[0].replace("_", " ")
    return f"{noun} " if noun else ""
