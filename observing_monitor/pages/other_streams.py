"""Metrics of other streams that a night shows, or is judged by."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from observing_monitor.errors import StoreError
from observing_monitor.model.nights import nights_between
from observing_monitor.storage.index import TABLES, is_pruned
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pandas import DataFrame

    from observing_monitor.pages.frame import Site
    from observing_monitor.settings.records import DomeSettings
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index
    from observing_monitor.storage.output import Output


class OtherStream(msgspec.Struct, frozen=True):
    """A stream whose metrics another one shows."""

    stream: Stream
    index: Index


class OtherNight(NamedTuple):
    """A night of another stream, with the digest of its tables."""

    stream: str
    night: datetime.date
    digest: str


def split_name(name: str, site: Site) -> tuple[str, str]:
    """Return the stream and the metric that the setting `timeline` names.

    The stream is "" if it is the stream's own, as for `queue/depth` without a stream `queue`.
    """
    stream, slash, metric = name.partition("/")
    if slash and any(stream == other.name for other in site.streams):
        return stream, metric
    return "", name


def other_streams(
    site: Site, stream: Stream, indexes: Mapping[str, Index]
) -> dict[str, OtherStream]:
    """Return the other streams that a stream shows, by name.

    Their indexes are read unless `indexes` has them.
    """
    wanted = {split_name(name, site)[0] for then in stream.versions for name in then.shown_metrics}
    return {
        other.name: OtherStream(
            other, indexes.get(other.name) or Store(site.output, other.name).read_index()
        )
        for other in site.streams
        if other.name in wanted
    }


def nights_of_others(
    others: Mapping[str, OtherStream], bounds: tuple[datetime.datetime, datetime.datetime]
) -> Iterator[OtherNight]:
    """Yield the stored nights of other streams that overlap a night."""
    for name, other in others.items():
        rule, (starts_at, ends_at) = other.stream.rule, bounds
        last = rule.night_of(ends_at - datetime.timedelta(microseconds=1))
        for night in nights_between(rule.night_of(starts_at), last):
            row = other.index["nights"].get(night.isoformat())
            if row and row.get("tables") and not is_pruned(row, TABLES):
                yield OtherNight(name, night, row["tables"])


def dome_samples(
    site: Site, dome: DomeSettings, nights: tuple[OtherNight, ...]
) -> DataFrame | None:
    """Return another stream's values for the dome.

    None if it has none in these nights, or if no other stream is named.
    """
    stream, name = split_name(dome.metric, site)
    metrics = metrics_of(site.output, stream, nights) if stream else None
    return None if metrics is None else metrics[metrics["name"] == name]


def metrics_of(output: Output, stream: str, nights: tuple[OtherNight, ...]) -> DataFrame | None:
    """Return the metrics of another stream in these nights, or None.

    A night that is damaged is left out: the pages of its own stream say so.
    """
    import pandas as pd

    store, found = Store(output, stream), []
    for other in nights:
        if other.stream == stream:
            try:
                found.append(store.load(other.night).metrics)
            except StoreError:
                continue
    return pd.concat(found, ignore_index=True) if found else None
