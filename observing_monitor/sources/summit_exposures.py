"""Exposures of the summit's ends of readout."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from observing_monitor.model import columns, frames
from observing_monitor.model.observation_types import normalised
from observing_monitor.sources.expected_names import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pandas import DataFrame


# our column -> the additional keys that fill it, of which the first with a value counts
FACTS = {
    "observation_type_original": ("imageType",),
    "observation_reason": ("reason", "testType"),
    "program": ("program",),
    "target": ("target", "object"),
    "group": ("groupId",),
    "physical_filter": ("filter",),
    "band": ("band",),
    "comment": ("comment",),
}
# a longer exposure is a mistake
MAX_S = 1e6


class Readout(NamedTuple):
    """The end of an exposure, from a message."""

    ended_at: datetime.datetime
    exposure_s: float | None
    facts: dict[str, str]  # additionalKeys and additionalValues


def to_exposures(readouts: Mapping[str, Readout]) -> DataFrame:
    """Return exposures with the columns `columns.EXPOSURES`, by their start.

    The start is the end of the readout minus the exposure time, so it is late by what the readout
    takes.
    """
    rows = [_row(name, readout) for name, readout in readouts.items()]
    table = frames.frame(columns.EXPOSURES, rows_to_columns(rows))
    table["observation_type"] = normalised(table["observation_type_original"])
    return table.sort_values(["started_at", "obsid"], kind="stable", ignore_index=True)


def rows_to_columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return rows with equal keys as columns."""
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _row(name: str, readout: Readout) -> dict[str, Any]:
    number, seconds = number_of(name), readout.exposure_s
    facts = {key.casefold(): value.strip() for key, value in readout.facts.items()}
    started_at = None
    if seconds is not None and 0 <= seconds < MAX_S:
        started_at = readout.ended_at - datetime.timedelta(seconds=seconds)
    return {
        "obsid": name,
        "seq_num": number.seq_num if number else None,
        "started_at": started_at,
        "ended_at": readout.ended_at,
        "exposure_time_s": seconds,
        **{
            ours: next(filter(None, (facts.get(key.casefold()) for key in theirs)), None)
            for ours, theirs in FACTS.items()
        },
    }
