"""Count the rows that the sources of a stream read and left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec import json

from observing_monitor.judging.left_out import (
    is_nothing_understood,
    jump_words,
    n_some,
    nothing_words,
    some_words,
)
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.nights import iso_utc, parse_night, parse_utc

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from observing_monitor.model.reading import Counts
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index, PlaceRows, SourceRows
    from observing_monitor.storage.store import Store

    # source -> place -> its rows
    NightRows = Mapping[str, Mapping[str, PlaceRows]]


# newest nights whose rows are added up
NIGHTS = 2
# places of a source and night that are kept one by one; the others are added up
MAX_PLACES = 50
MAX_EXAMPLES = 3
MAX_TEXT = 200  # characters
# nights of the history; with fewer than MIN_NIGHTS before it, no share is unusual
MAX_NIGHTS = 15
MIN_NIGHTS = 3
# a share is unusual from so many times the usual one, if this concerns at least MIN_ROWS
UNUSUAL = 3
MIN_ROWS = 5


# --- of one reading -------------------------------------------------------------------------------


def rows_of(counts: Mapping[str, Counts]) -> dict[str, PlaceRows]:
    """Return a reading's counts as they are stored."""
    rows: dict[str, PlaceRows] = {
        str(place)[:MAX_TEXT]: (
            int(one.n_read),
            int(one.n_left_out),
            [
                (str(where)[:MAX_TEXT], str(reason)[:MAX_TEXT])
                for where, reason in one.examples[:MAX_EXAMPLES]
            ],
        )
        for place, one in counts.items()
    }
    if len(rows) <= MAX_PLACES:
        return rows
    ordered = sorted(rows.items(), key=lambda item: (-item[1][1], item[0]))
    others = ordered[MAX_PLACES:]
    # two nights with the same other places have the same key: these are counted once
    text = "\n".join(place for place, _ in others)
    digest = hex_digest(text, n_bytes=4)
    n_read, n_left_out = sum(one[0] for _, one in others), sum(one[1] for _, one in others)
    examples = [example for _, one in others for example in one[2]]
    name = f"{len(others):,} more places ({digest})"
    return {**dict(ordered[:MAX_PLACES]), name: (n_read, n_left_out, examples[:MAX_EXAMPLES])}


def nothing_understood(rows: Mapping[str, PlaceRows]) -> str:
    """Return the fault of a reading not understood, or ""."""
    return nothing_words(rows) if all(map(is_nothing_understood, rows.values())) else ""


# --- of all nights --------------------------------------------------------------------------------


def note_rows(
    index: Index,
    stream: Stream,
    store: Store,
    now: datetime.datetime,
    looked: Mapping[str, NightRows] | None = None,
) -> tuple[dict[str, str], list[str]]:
    """Note the rows of each source in the index.

    They are those of the newest nights, whichever nights a run looked at. A place that several
    nights share is counted once.

    Parameters
    ----------
    index : Index
    stream : Stream
    store : Store
    now : datetime
    looked : mapping, optional
        The rows of nights that were looked at; those of others are in the store.

    Returns
    -------
    problems : dict of str to str
        By source: a line on the places of which nothing is understood.
    warnings : list of str
        A line on each source that has begun to leave out rows, or leaves out many more.
    """
    before = index.get("rows") or {}
    read: dict[str, dict[str, PlaceRows]] = {}
    for sources in _of_newest(index, stream, store, now, looked or {}):
        for name, places in sources.items():
            read.setdefault(name, {}).update(places)
    tonight = stream.rule.night_of(now).isoformat()
    after: dict[str, SourceRows] = {}
    problems: dict[str, str] = {}
    warnings: list[str] = []
    for source in stream.sources:
        name = source.name
        if name in read:
            after[name] = rows = _added_up(read[name])
            _add_history(rows, before.get(name), tonight, now)
            if rows["nothing"]:
                problems[name] = rows["nothing"]
            warnings += _news(name, rows, before.get(name))
        elif name in before:
            after[name] = before[name]
    # as JSON has them: rows that were read have lists in place of tuples
    now_rows = cast("dict[str, SourceRows]", json.decode(json.encode(after)))
    if now_rows != before:
        index["rows"] = now_rows
        # the index has to be written, though no page may change
        index.pop("is_settled", None)
    return problems, warnings


def restore_rows(index: Index, stream: Stream, store: Store, now: datetime.datetime) -> None:
    """Note the rows in an index that was remade."""
    if "rows" not in index:
        note_rows(index, stream, store, now)


def _of_newest(
    index: Index,
    stream: Stream,
    store: Store,
    now: datetime.datetime,
    looked: Mapping[str, NightRows],
) -> list[NightRows]:
    """Return the rows of the newest nights, in order of the nights."""
    tonight = stream.rule.night_of(now).isoformat()
    newest = sorted(night for night in index["nights"] if night <= tonight)[-NIGHTS:]
    return [
        looked[night]
        if night in looked
        else store.read_looked(parse_night(night)).get("rows") or {}
        for night in newest
    ]


def _added_up(places: Mapping[str, PlaceRows]) -> SourceRows:
    odd = {place: one for place, one in places.items() if is_nothing_understood(one)}
    examples = [
        (place, where, reason) for place, (_, _, first) in places.items() for where, reason in first
    ]
    # those of places that are understood otherwise come first: `nothing` has the others
    examples.sort(key=lambda example: example[0] in odd)
    return {
        "n_read": sum(one[0] for one in places.values()),
        "n_left_out": sum(one[1] for one in places.values()),
        "examples": examples[:MAX_EXAMPLES],
        "nothing": nothing_words(odd),
        "n_rows_of_nothing": sum(one[1] for one in odd.values()),
    }


def _add_history(
    rows: SourceRows, before: SourceRows | None, tonight: str, now: datetime.datetime
) -> None:
    """Add what depends on earlier runs."""
    n_read, n_left_out = rows["n_read"], rows["n_left_out"]
    history = {
        night: counts
        for night, counts in ((before or {}).get("history") or {}).items()
        if night < tonight
    }
    shares = [left_out / read for read, left_out in history.values() if read]
    if len(shares) >= MIN_NIGHTS and n_read:
        usual = sorted(shares)[len(shares) // 2]
        share = n_left_out / n_read
        if share > UNUSUAL * usual and n_left_out - usual * n_read >= MIN_ROWS:
            rows["usual"] = usual
    newest = sorted({**history, tonight: (n_read, n_left_out)}.items())[-MAX_NIGHTS:]
    rows["history"] = dict(newest)
    if n_left_out:
        since = (before or {}).get("since")
        # a time in the future is that of a clock that was ahead
        is_known = since and parse_utc(since) <= now
        rows["since"] = since if since and is_known else iso_utc(now)


def _news(name: str, rows: SourceRows, before: SourceRows | None) -> list[str]:
    """Return lines on what began."""
    news = []
    if n_some(rows) and not (before and n_some(before)):
        news.append(some_words(name, rows))
    if "usual" in rows and "usual" not in (before or {}):
        news.append(jump_words(name, rows))
    return news
