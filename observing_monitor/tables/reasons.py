"""The reason for each file's class, in one line, and known issues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.messages import first_line
from observing_monitor.tables.classify import shown_class

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pandas import DataFrame, Series


# of a message in a reason
MAX_LENGTH = 500
# classes that raise alarms, besides lost files
ALARMING = ("failed", "missing", "gone", "small")
_WORDS = {
    "gone": "no longer on disk, and never ingested",
    "not_fits": "not an image",
    "ignored": "left out on purpose",
}


def acknowledge(
    judged: DataFrame, reason_of: Callable[[str, Sequence[str], str], str]
) -> DataFrame:
    """Return files with a column `acknowledged`: the known reason, or "".

    Parameters
    ----------
    judged : DataFrame
        From `classify`.
    reason_of : callable
        Called for each file that raises an alarm, with its class, its names (path, name,
        exposure, obsid) and its reason. Returns the known reason, or "".
    """
    acknowledged: Series[Any] = pd.Series("", index=judged.index)
    shown = shown_class(judged)
    alarming = judged[shown.isin([*ALARMING, columns.LOST.name])]
    if len(alarming):
        names = [alarming[name].fillna("") for name in ("file_id", "name", "exposure", "obsid")]
        questions = zip(
            shown[alarming.index], zip(*names, strict=True), _reasons(alarming), strict=True
        )
        acknowledged.loc[alarming.index] = [reason_of(*values) for values in questions]
    return judged.assign(acknowledged=acknowledged)


def count_acknowledged(judged: DataFrame) -> dict[str, dict[str, int]]:
    """Return acknowledged files: class (or lost) -> reason -> number."""
    known = judged[judged["acknowledged"] != ""]
    made: dict[str, dict[str, int]] = {}
    for name, reason in zip(shown_class(known), known["acknowledged"], strict=True):
        made.setdefault(name, {}).setdefault(reason, 0)
        made[name][reason] += 1
    return made


def reasons_of(judged: DataFrame) -> Series[str]:
    """Return the reason for each file's class, or "" if it is obvious."""
    import pyarrow as pa

    # most files are ingested without a message: only the others' lines are made
    has_reason = (
        (judged["file_class"] != "ingested") | judged["message"].fillna("").ne("")
    ).to_numpy()
    lines = pa.array(["", *_reasons(judged[has_reason])], pa.large_string())
    taken = lines.take(pa.array(has_reason.cumsum() * has_reason))
    reasons = frames.texts(taken).set_axis(judged.index)
    known = judged.get("acknowledged")
    if known is None:
        return reasons
    both = reasons.where((reasons == "") | (known == ""), reasons + "; ")
    return (both + ("known: " + known).where(known != "", "")).astype("str")


def _reasons(judged: DataFrame) -> Series[str]:
    since = frames.to_the_second(judged["transferred_at"].fillna(judged["created_at"]))
    facts = zip(
        judged["file_class"],
        judged["message"].fillna(""),
        since,
        judged["is_dated_ahead"].fillna(False),
        judged["size_bytes"],
        strict=True,
    )
    lines = [
        _reason(file_class, first_line(message, MAX_LENGTH), _instant(at, is_ahead), size)
        for file_class, message, at, is_ahead, size in facts
    ]
    return pd.Series(lines, index=judged.index, dtype="str")


def _instant(at: str | None, is_ahead: bool) -> str:
    """Return an instant with its zone, labelled if it is in the future."""
    if at is None:
        return "an unknown time"
    return f"{at} UTC, in the future" if is_ahead else f"{at} UTC"


def _reason(file_class: str, message: str, at: str, size: int) -> str:
    """Return the reason for a file's class, followed by its message."""
    if file_class == "missing":
        words = f"never tried; here since {at}"
    elif file_class == "pending":
        words = f"waiting since {at}"
    elif file_class == "small":
        words = f"{size:,} bytes: too small to be an image, and never tried"
    else:
        words = _WORDS.get(file_class, "")
    return f"{words}; {message}" if words and message else words or message
