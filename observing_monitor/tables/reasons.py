"""The reason for the class of each file, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.messages import first_line
from observing_monitor.tables.classify import shown_as

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pandas import DataFrame, Series


MAX_LENGTH = 500  # of a message in a reason
ALARMING = ("failed", "missing", "gone", "small")  # classes; beside them, whatever was lost


def acknowledge(
    judged: DataFrame, reason_of: Callable[[str, Sequence[str], str], str]
) -> DataFrame:
    """The files with a column `acknowledged`: for what known reason each that would alarm does not; "" for all others.

    `reason_of` is called for each that would: with its class, its names (path, name, exposure, obsid) and what is said of it.
    """
    acknowledged: Series[Any] = pd.Series("", index=judged.index)
    shown = shown_as(judged)
    need = judged[shown.isin([*ALARMING, columns.LOST.name])]
    if len(need):
        names = [need[name].fillna("") for name in ("file_id", "name", "exposure", "obsid")]
        told = zip(shown[need.index], zip(*names, strict=True), _said(need), strict=True)
        acknowledged.loc[need.index] = [reason_of(*values) for values in told]
    return judged.assign(acknowledged=acknowledged)


def count_acknowledged(judged: DataFrame) -> dict[str, dict[str, int]]:
    """How many files of each class (or lost) are acknowledged, for which reason: class -> {reason: count}."""
    known = judged[judged["acknowledged"] != ""]
    made: dict[str, dict[str, int]] = {}
    for name, reason in zip(shown_as(known), known["acknowledged"], strict=True):
        made.setdefault(name, {}).setdefault(reason, 0)
        made[name][reason] += 1
    return made


def reasons_of(judged: DataFrame) -> Series[str]:
    """Why each file is what it is, in one line; "" where that goes without saying."""
    import pyarrow as pa

    # most files of most nights were ingested without a word: only the others' lines are made
    is_said = (
        (judged["file_class"] != "ingested") | judged["message"].fillna("").ne("")
    ).to_numpy()
    lines = pa.array(["", *_said(judged[is_said])], pa.large_string())
    reasons = frames.texts(lines.take(pa.array(is_said.cumsum() * is_said))).set_axis(judged.index)
    known = judged.get("acknowledged")
    return (
        reasons
        if known is None
        else (reasons + ("; known: " + known).where(known != "", "")).astype("str")
    )


def _said(judged: DataFrame) -> Series[str]:
    since = frames.to_the_second(judged["transferred_at"].fillna(judged["created_at"]))
    facts = zip(
        judged["file_class"],
        judged["message"].fillna(""),
        since,
        judged["is_dated_ahead"].fillna(False),
        judged["size_bytes"],
        strict=True,
    )
    said = [
        _line(file_class, first_line(message, MAX_LENGTH), _instant(at, is_ahead), size)
        for file_class, message, at, is_ahead, size in facts
    ]
    return pd.Series(said, index=judged.index, dtype="str")


def _instant(at: str | None, is_ahead: bool) -> str:
    """Return an instant with its zone, labelled if it is in the future."""
    if at is None:
        return "an unknown time"
    return f"{at} UTC, in the future" if is_ahead else f"{at} UTC"


def _line(file_class: str, said: str, at: str, size: int) -> str:
    """Why a file is in its class, and after it what was said of it."""
    if file_class == "missing":
        words = f"never tried; here since {at}"
    elif file_class == "pending":
        words = f"waiting since {at}"
    elif file_class == "small":
        words = f"{size:,} bytes: too small to be an image, and never tried"
    else:
        words = _WORDS.get(file_class, "")
    return f"{words}; {said}" if words and said else words or said


_WORDS = {
    "gone": "no longer on disk, and never ingested",
    "not_fits": "not an image",
    "ignored": "left out on purpose",
}
