"""Lasair's keys and values as metrics: names, nodes, units and meanings."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.metrics.values import split_exposure
from observing_monitor.model import columns, frames

if TYPE_CHECKING:
    import datetime
    from typing import Any

    from pandas import DataFrame


COUNTS = {
    "today_lsst": "Alerts that the survey reports to have issued this night (older name today_ztf)",
    "today_alert": "Alerts that the ingest stage received",
    "today_ingest": "Alerts that the ingest stage finished",
    "diaObject": "Alerts received that belong to an object outside the Solar System",
    "nSSObject": "Solar System objects received",
    "nSSSource": "Detections of Solar System objects received",
    "diaSource": "Detections received (older name today_diaSource)",
    "diaSourceDB": "Detections stored in Cassandra",
    "diaForcedSource": "Forced detections received",
    "diaForcedSourceDB": "Forced detections stored in Cassandra",
    "today_candidate": "New detections (older systems)",
    "today_filter": "Alerts that the filter stage received",
    "today_filter_out": "Alerts that the filter stage sent on to the main database",
    "today_filter_ss": "Alerts of Solar System objects in the filter stage (older systems)",
    "today_database": "Objects of the main database that were updated since midnight",
    "total_count": "Objects in the database, of all nights",
    "countTNS": "Records in the copy of the Transient Name Server's list",
    "countAnnotations": "Annotations, of all nights",
    "alerts_produced": "Alerts sent to the topic (shown as node)",
    "alerts_rejected": "Alerts not sent to the topic (shown as node) because of its limit",
    "bytes_produced": "Bytes sent to the topic (shown as node)",
    "bytes_rejected": "Bytes not sent to the topic (shown as node) because of its limit",
}
TIMERS = {
    "icutout": "Ingest: time spent this night on storing cutout images, by node",
    "icassandra": "Ingest: time spent this night on storing alerts in Cassandra, by node",
    "ifuture": "Ingest: time spent this night on waiting for Cassandra to confirm, by node",
    "ikconsume": "Ingest: time spent this night on reading alerts from Kafka, by node",
    "ikproduce": "Ingest: time spent this night on sending alerts to Kafka, by node "
    "(older name ikafka)",
    "itotal": "Ingest: all time spent this night, by node",
    "ffeatures": "Filter: time spent this night on computing features, by node",
    "fwatchlist": "Filter: time spent this night on watchlists, by node",
    "fwatchmap": "Filter: time spent this night on watchmaps, by node",
    "fmmagw": "Filter: time spent this night on multi-messenger (gravitational wave) matches, "
    "by node",
    "ffilters": "Filter: time spent this night on the users' filters, by node",
    "ftransfer": "Filter: time spent this night on the transfer to the main database, by node",
    "ftotal": "Filter: all time spent this night, by node",
}
DELAY = {"min_delay": "Time since the most recent alert"}
# chart -> its total
TOTALS = {
    "Ingest: time of each node": "itotal",
    "Filter: time of each node": "ftotal",
}
# chart -> the timers in it
STACKS = {
    title: tuple(
        name for name in TIMERS if name[0] == title[0].lower() and not name.endswith("total")
    )
    for title in TOTALS
}
# older name -> today's
ALIASES = {
    "today_ztf": "today_lsst",
    "today_diaSource": "diaSource",
    "ikafka": "ikproduce",
}
# numbers that the programs write for an unknown value
NOT_AVAILABLE = (-1.0, 1e9)
MAX_TEXT = 500

# A timer's node is what follows the last - of its host's name: a number, Z, or a word.
_TIMER = re.compile(rf"({'|'.join(TIMERS)}|ikafka)_(.+)")
_NODE = re.compile(r"(.+)_(\d{1,3}|Z)")
_TOPIC = re.compile(r"(.+)_((?:bytes|alerts)_(?:produced|rejected))")
_NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)|", re.IGNORECASE | re.ASCII
)


def split_key(key: str) -> tuple[str, str | None]:
    """Return a key's metric, by today's name, and its node.

    `icassandra_0` is `icassandra` of node "0". The node is None for a value of all nodes.
    """
    found = _TIMER.fullmatch(key)
    if found:
        return ALIASES.get(found[1], found[1]), found[2]
    found = _TOPIC.fullmatch(key)
    if found:
        return found[2], found[1]
    if key in ALIASES or key in COUNTS or key in DELAY or key in TIMERS:
        return ALIASES.get(key, key), None
    found = _NODE.fullmatch(key)
    return (ALIASES.get(found[1], found[1]), found[2]) if found else (key, None)


def number_of(raw: object) -> tuple[float, str]:
    """Return a stored value as a number and a text.

    Returns
    -------
    number : float
        NaN if the value is not available or is no number.
    text : str
        The words to show instead of the number; "" for a number.
    """
    if isinstance(raw, str):
        text = raw.strip()
        if not _NUMBER.fullmatch(text):
            return math.nan, raw[:MAX_TEXT]
        value = float(text or "nan")
    elif raw is None:
        value = math.nan
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool):
        try:
            value = float(raw)
        except OverflowError:
            value = math.inf
    else:
        return math.nan, json.dumps(raw, ensure_ascii=False)[:MAX_TEXT]
    if math.isfinite(value) and value not in NOT_AVAILABLE:
        return value, ""
    return math.nan, f"not available ({'null' if raw is None else str(raw)[:40] or 'empty'})"


def unit_of(name: str) -> str | None:
    """Return a metric's unit: s, h or bytes, None for counts."""
    if name in TIMERS:
        return "s"
    if name in DELAY:
        return "h"
    return "bytes" if name.startswith("bytes_") else None


def metrics_of(
    raw: dict[str, Any], sampled_at: datetime.datetime | None
) -> tuple[DataFrame, list[str]]:
    """Return a night's keys and values as one sample of metrics.

    Parameters
    ----------
    raw : dict
        Values by key, as stored.
    sampled_at : datetime
        The instant of all values (aware); may be None if `raw` is empty.

    Returns
    -------
    metrics : DataFrame
        Columns `columns.METRICS`, one row per key, in the order of the keys. A number of an
        exposure has no time: nobody recorded it, and it has no history. `text` says why a
        value is not available, and how the key is written if not as `name` or `name_node`. A
        metric that is stored under its older and its newer name has one row: that of the newer
        name, unless only the older has a number.
    oddities : list of str
        Sentences to note, without the place.
    """
    chosen: dict[tuple[str, str | None, str | None], _Value] = {}
    oddities = []
    for whole_key, value in raw.items():
        key, exposure = split_exposure(whole_key)
        name, node = split_key(key)
        current_key = name if node is None else f"{name}_{node}"
        if isinstance(value, (dict, list)):
            oddities.append(f"{whole_key} is {type(value).__name__}, not a number")
        new = _value_of(key, value, current_key)
        other = chosen.get((name, node, exposure))
        if other and new.is_known and other.is_known and new.number != other.number:
            oddities.append(
                f"{current_key} has two values, {other.number:.10g} and {new.number:.10g}, "
                "under its older and its newer name"
            )
        if other is None or new.rank > other.rank:
            chosen[name, node, exposure] = new
    return frames.frame(
        columns.METRICS,
        {
            "name": [name for name, _, _ in chosen],
            "node": [node for _, node, _ in chosen],
            "sampled_at": [None if exposure else sampled_at for _, _, exposure in chosen],
            "value": [value.number for value in chosen.values()],
            "text": [value.text for value in chosen.values()],
            "unit": [unit_of(name) for name, _, _ in chosen],
            "exposure": [exposure for _, _, exposure in chosen],
        },
    ), oddities


class _Value(NamedTuple):
    """One metric's value, and whether its key is today's."""

    number: float  # NaN if it is not available
    text: str | None
    has_current_key: bool

    @property
    def is_known(self) -> bool:
        return not math.isnan(self.number)

    @property
    def rank(self) -> tuple[bool, bool]:
        """The greater of two values of a metric is kept."""
        return self.is_known, self.has_current_key


def _value_of(key: str, raw: object, current_key: str) -> _Value:
    number, words = number_of(raw)
    texts = [words, "" if key == current_key else f"written as {key}"]
    return _Value(number, "; ".join(filter(None, texts)) or None, key == current_key)
