"""The values of a stream's headlines in one night."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.model.finding import Finding, metric_href
from observing_monitor.model.nights import iso_utc
from observing_monitor.model.wording import clock
from observing_monitor.settings.headlines import aggregates_of, counts_of
from observing_monitor.settings.traits import source_classes

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping

    from pandas import DataFrame, Series

    from observing_monitor.settings.stream import Stream


class HeadlineValues(NamedTuple):
    """A night's headlines by name."""

    values: dict[str, float | None]  # None if not available
    units: dict[str, str]
    aggregates: dict[str, str]  # of those whose value was made from several numbers
    # when the shown value is from, of those whose latest sample is missing
    old: dict[str, datetime.datetime]


def headline_values(
    stream: Stream,
    metrics: DataFrame,
    computed: Mapping[str, Mapping[str, float | None]],
) -> HeadlineValues:
    """Return the values of a stream's headlines.

    The last source that lists a headline and has a value for it counts, else any other source
    that has one.

    Parameters
    ----------
    stream : Stream
    metrics : DataFrame
        The night's, of all sources, with columns `columns.METRICS`.
    computed : mapping
        Source -> the headlines that it computes itself, from `numbers`.
    """
    found = HeadlineValues({}, {}, {}, {})
    chosen, counts = aggregates_of(stream), counts_of(stream)
    listed: dict[str, list[str]] = {}
    for described, kind in source_classes(stream):
        for name in kind.headlines(described.settings):
            listed.setdefault(name, []).append(described.name)
    for name, sources in listed.items():
        rows = metrics[metrics["name"] == name]
        others = [source for source in rows["source"].unique() if source not in sources]
        found.values[name] = None
        for source in [*reversed(sources), *others]:
            own = rows[rows["source"] == source]
            if name in computed.get(source, ()):
                value, how = computed[source][name], ""
            else:
                value, how = aggregated(own, chosen.get(name, ""), name in counts)
            if value is not None and value == value:
                found.values[name] = float(value)
                _describe(found, name, own, how)
                if name not in computed.get(source, ()) and (at := _old_since(own)):
                    found.old[name] = at
                break
        else:
            _describe(found, name, rows, "")
    return found


def old_value_findings(headlines: HeadlineValues) -> Iterator[Finding]:
    """Report headlines that show an earlier value, as the latest is missing."""
    for name, at in headlines.old.items():
        words = f"{name}: no newer value than that of {clock(at)} UTC"
        yield Finding("normal", words, metric_href(name), since=iso_utc(at))


def aggregated(rows: DataFrame, aggregate: str, is_count: bool) -> tuple[float | None, str]:
    """Return the value of one source's metric, and its aggregate.

    If the latest value of a node is missing, the one before it counts. Rows without a node are
    the whole, of which the nodes are parts. If there are none, several nodes are added up for a
    count, else their median is taken.

    Parameters
    ----------
    rows : DataFrame
        The metric's rows, in the order in which they were read.
    aggregate : str
        One of `completeness.AGGREGATES`, of all values of the night; "" for the default: the last
        value of
        each node.
    is_count : bool
        True if the values of several nodes add up.
    """
    if rows.empty:
        return None, ""
    is_whole = rows["node"].isna()
    rows = rows[is_whole] if is_whole.any() else rows
    if aggregate:
        return _aggregate(rows["value"].dropna(), aggregate), aggregate
    latest = _latest_known(rows)["value"]
    if len(latest) <= 1:
        return _aggregate(latest, "last"), ""
    if not is_count:
        return _aggregate(latest.dropna(), "median"), "median"
    # a sum over a missing number is missing
    return (None if latest.isna().any() else float(latest.sum())), "sum"


def _latest_known(rows: DataFrame) -> DataFrame:
    """Return the last row with a value of each node, else its last row."""
    # a stable sort: rows with a value come last, in their order
    by_value = rows.sort_values("value", key=lambda value: value.notna(), kind="stable")
    return by_value.drop_duplicates("node", keep="last").sort_index()


def _old_since(rows: DataFrame) -> datetime.datetime | None:
    """Return when the oldest value that counts for a missing one is from.

    None if no latest sample is missing, or if the time is not known.
    """
    from observing_monitor.tables.summary import as_datetime

    is_whole = rows["node"].isna()
    rows = rows[is_whole] if is_whole.any() else rows
    latest = rows.drop_duplicates("node", keep="last")
    lacking = rows[rows["node"].isin(latest["node"][latest["value"].isna()])]
    known = _latest_known(lacking)
    return as_datetime(known["sampled_at"][known["value"].notna()].min())


def _aggregate(values: Series[float], aggregate: str) -> float | None:
    """Return an aggregate of values; None, or 0 for `count`, if none."""
    if aggregate == "count":
        return float(len(values))
    if values.empty:
        return None
    return float(values.iloc[-1] if aggregate == "last" else values.agg(aggregate))


def _describe(found: HeadlineValues, name: str, rows: DataFrame, aggregate: str) -> None:
    """Add the unit and the aggregate of a headline."""
    units = [unit for unit in rows["unit"].iloc[-1:] if isinstance(unit, str)]
    if units and aggregate != "count":
        found.units[name] = units[0]
    if aggregate:
        found.aggregates[name] = aggregate
