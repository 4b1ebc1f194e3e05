"""Convert another system's rows to remarks."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames
from observing_monitor.sources.shared.as_columns import mapped_columns, without_bars
from observing_monitor.sources.shared.cells import is_blank, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pandas import DataFrame, Series

    from observing_monitor.sources.shared.cells import Notes
    from observing_monitor.sources.shared.mapped import Mapped


# ours -> words of other systems, in any case
LEVEL_WORDS = {
    "info": ("info", "information", "debug", "notice", "note", "normal", "comment", "ok"),
    "warning": ("warning", "warn", "caution"),
    "urgent": ("urgent", "error", "critical", "fatal", "alarm", "severe"),
}
FLAG_WORDS = {
    "none": ("none", "good", "ok", "fine"),
    "questionable": ("questionable", "suspect", "doubtful", "uncertain", "unsure"),
    "junk": ("junk", "bad", "reject", "rejected", "useless"),
}
LOST_WORDS = {
    "weather": ("weather", "clouds", "wind", "humidity", "seeing"),
    "fault": ("fault", "failure", "technical", "instrument", "telescope"),
    "other": ("other",),
}
# numbers of levels, as Python's logging has them: 20 is information, 30 a warning, 40 an error
WARNING, ERROR = 30, 40
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def remarks_of(table: DataFrame, settings: Mapped, say: Notes) -> DataFrame:
    """Return rows as remarks.

    A row without a text, a flag and lost time is no remark: comments beside exposures are often
    empty.
    """
    lists = ("urls", "tags")
    plain = [c for c in columns.REMARKS if c.name not in lists]
    made = mapped_columns(table, settings, say, plain)
    for name in ("text", "flag", "category"):
        if name in made:
            made[name] = without_bars(made[name])
    for name, separator in zip(lists, (r"\s+", r"[,;\n]"), strict=True):
        if name in settings.columns:
            made[name] = _lists(table[settings.columns[name]], separator)
    made = frames.frame(columns.REMARKS, made)
    made["level"] = _levels(made["level"], settings.levels, say)
    made["flag"] = _words(made["flag"], settings.flags, FLAG_WORDS, "flag", "questionable", say)
    made["flag"] = made["flag"].fillna("none")
    lost = made["time_lost_s"] * SECONDS[settings.time_lost_unit]
    say.add(lost < 0, "time_lost_s is below zero; ignored")
    made["time_lost_s"] = lost.where(lost >= 0)
    types = settings.time_lost_types
    why = _words(made["time_lost_type"], types, LOST_WORDS, "time_lost_type", "other", say)
    made["time_lost_type"] = why.mask(why.isna() & (lost > 0), "other")
    ends_first = made["end_at"] < made["begin_at"]
    say.add(ends_first, "end_at is before begin_at; ignored")
    made["end_at"] = made["end_at"].mask(ends_first)
    is_remark = made["text"].notna() | (made["flag"] != "none") | (made["time_lost_s"] > 0)
    return made[is_remark]


def _levels(levels: Series[str], own: Mapping[str, str], say: Notes) -> Series[str]:
    """Return levels as ours; numbers are those of Python's logging."""
    import pandas as pd

    numbers = pd.to_numeric(levels, errors="coerce")
    is_number = numbers.notna() & ~levels.isin(list(own))
    of_numbers = pd.Series("info", index=levels.index, dtype="str")
    of_numbers = of_numbers.mask(numbers >= WARNING, "warning").mask(numbers >= ERROR, "urgent")
    made = _words(levels.mask(is_number), own, LEVEL_WORDS, "level", "info", say)
    return made.mask(is_number, of_numbers).fillna("info")


def _words(
    written: Series[str],
    own: Mapping[str, str],
    known: Mapping[str, tuple[str, ...]],
    name: str,
    otherwise: str,
    say: Notes,
) -> Series[str]:
    """Return words as ours; the settings' words come first."""
    usual = {word: ours for ours, words in known.items() for word in words}
    words = {**usual, **{theirs.strip().casefold(): ours for theirs, ours in own.items()}}
    made = written.str.strip().str.casefold().map(words).astype("str")
    is_strange = made.isna() & written.notna()
    theirs = ", ".join(map(repr, sorted(set(written[is_strange]))[:5]))
    say.add(is_strange, f"{theirs}: no {name} of ours; add it to {name}s; taken as {otherwise}")
    return made.mask(is_strange, otherwise)


def _lists(values: Series[Any], separator: str) -> Series[str]:
    """Return lists as texts with a line per item.

    A list may be an array of a database, JSON, or a text with separators.
    """
    parts = values.where(~is_blank(values)).map(
        lambda value: "\n".join(_items(value, separator)), na_action="ignore"
    )
    made = to_text(parts)
    return made.where(made != "")


def _items(value: Any, separator: str) -> list[str]:
    items = value
    if isinstance(value, str):
        items = _json_list(value)
        if items is None:
            # PostgreSQL writes an array as {a,b}
            is_array = value.startswith("{") and value.endswith("}")
            items = value[1:-1].split(",") if is_array else re.split(separator, value)
    elif not isinstance(value, list | tuple | set):
        items = [value]
    return [text for item in items if item is not None and (text := str(item).strip(' "'))]


def _json_list(text: str) -> list[Any] | None:
    """Return a JSON list, or None for another text."""
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None
