"""Files that need attention, and groups of them with the same message."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, TypedDict

from observing_monitor.model import columns
from observing_monitor.model.digest import hex_digest
from observing_monitor.tables.classify import shown_class
from observing_monitor.tables.listing import LISTED, REASON_COLUMNS, records
from observing_monitor.tables.reasons import reasons_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pandas import DataFrame


# classes in the order in which a page shows them, after lost files
NEEDS_ATTENTION = ("failed", "missing", "gone", "small", "pending")
# a longer message is also shown in full
MAX_LENGTH = 500


class FileFacts(TypedDict):
    """A file that needs attention."""

    # its address on the page
    anchor: str
    path: str
    file_class: str
    # why it needs attention, in one line
    reason: str
    # the full message or traceback; "" if the reason has all of it
    detail: str
    size_bytes: int | None
    exposure: str
    obsid: str
    seq_num: int | None
    detector: str
    created_at: datetime.datetime | None
    transferred_at: datetime.datetime | None
    tried_at: datetime.datetime | None
    n_attempts: int


class Attention(FileFacts):
    """A file that needs attention, with its known reason, or ""."""

    acknowledged: str


class AttentionGroup(TypedDict):
    """Files of one class whose messages differ in names and numbers alone."""

    # the first group of a class has the class's own address, to which findings link
    anchor: str
    file_class: str
    # the reason, with … for the parts that differ
    words: str
    # the full message of the first file, or ""
    detail: str
    # of the last attempts; of files never tried, of creation or arrival
    first_at: datetime.datetime | None
    last_at: datetime.datetime | None
    # why they are known, or ""
    acknowledged: str
    rows: list[Attention]


def attention_rows(judged: DataFrame) -> list[Attention]:
    """Return files that need attention, by class, then creation.

    The worst class comes first.
    """
    shown = shown_class(judged)
    order = {name: rank for rank, name in enumerate((columns.LOST.name, *NEEDS_ATTENTION))}
    is_needed = shown.isin(order)
    if not is_needed.any():
        return []
    need = judged[is_needed]
    wanted = (*LISTED, *REASON_COLUMNS, "tried_at", "n_attempts")
    need = need[[name for name in wanted if name in need]]
    need = need.assign(shown_class=shown[is_needed], reason=reasons_of(need))
    last = datetime.datetime.max.replace(tzinfo=datetime.UTC)
    return sorted(
        map(_attention, records(need)),
        key=lambda row: (order[row["file_class"]], row["created_at"] or last, row["path"]),
    )


def _attention(row: dict[str, Any]) -> Attention:
    detail = row["message"] or ""
    is_long = len(detail.splitlines()) > 1 or len(detail) > MAX_LENGTH
    return {
        "anchor": anchor_of(row["file_id"]),
        "path": row["file_id"],
        "file_class": row["shown_class"],
        "reason": row["reason"],
        "detail": detail if is_long else "",
        "size_bytes": row["size_bytes"],
        "exposure": row["exposure"] or "",
        "obsid": row["obsid"] or "",
        "seq_num": row["seq_num"],
        "detector": row["detector"] or "",
        "created_at": row["created_at"],
        "transferred_at": row["transferred_at"],
        "tried_at": row["tried_at"],
        "n_attempts": row["n_attempts"],
        "acknowledged": row.get("acknowledged") or "",
    }


def anchor_of(file_id: str) -> str:
    """Return a file's address on its night's page, made of its path."""
    return _anchor("file", file_id)


def _anchor(prefix: str, text: str) -> str:
    return f"{prefix}-{hex_digest(text, n_bytes=5)}"


_PATH = re.compile(r"[^\s'\"(),;:=]*/[^\s'\"(),;:=]+")
_WITH_DIGITS = re.compile(r"[\w.+-]*\d[\w.:+-]*")
_SEVERAL = re.compile(r"…(?:[\s,]*…)+")


def pattern_of(message: str) -> str:
    """Return a message with … for paths, names and numbers.

    These differ between files.
    """
    return _SEVERAL.sub("…", _WITH_DIGITS.sub("…", _PATH.sub("…", message)))


def group_attention(rows: Iterable[Attention]) -> list[AttentionGroup]:
    """Return files grouped by class, message and known reason.

    The classes keep their order. In a class, the largest group comes first and known ones last.
    """
    groups: dict[tuple[str, str, str], list[Attention]] = {}
    patterns: dict[str, str] = {}
    for row in rows:
        if row["reason"] not in patterns:
            patterns[row["reason"]] = pattern_of(row["reason"])
        key = (row["file_class"], patterns[row["reason"]], row["acknowledged"])
        groups.setdefault(key, []).append(row)
    classes = list(dict.fromkeys(file_class for file_class, _, _ in groups))
    ordered = sorted(
        groups.items(),
        key=lambda item: (classes.index(item[0][0]), item[0][2] != "", -len(item[1])),
    )
    made: list[AttentionGroup] = []
    seen: set[str] = set()
    for (file_class, pattern, acknowledged), own in ordered:
        anchor = _anchor("group", f"{file_class} {pattern}") if file_class in seen else file_class
        made.append(_group(anchor, pattern, acknowledged, own))
        seen.add(file_class)
    return made


def _group(anchor: str, pattern: str, acknowledged: str, rows: list[Attention]) -> AttentionGroup:
    times = [
        at for row in rows if (at := row["tried_at"] or row["created_at"] or row["transferred_at"])
    ]
    is_same = len({row["reason"] for row in rows}) == 1
    return {
        "anchor": anchor,
        "file_class": rows[0]["file_class"],
        "words": rows[0]["reason"] if is_same else pattern,
        "detail": next((row["detail"] for row in rows if row["detail"]), ""),
        "first_at": min(times, default=None),
        "last_at": max(times, default=None),
        "acknowledged": acknowledged,
        "rows": rows,
    }
