"""Expectations as they are stored: metrics whose texts are lists of names."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.model import columns, frames
from observing_monitor.model.nights import EPOCH, iso_utc

if TYPE_CHECKING:
    from pandas import DataFrame

    from observing_monitor.sources.base import Asked


# unit of these metrics, which pages do not list
UNIT = "text/plain"


class TextRow(NamedTuple):
    """A metric with a text of several lines."""

    name: str
    node: str | None
    sampled_at: str | None  # ISO 8601, UTC
    value: float | None
    text: str


def as_of(asked: Asked, night: datetime.date, wait_s: float) -> tuple[str, bool]:
    """Return the instant as of which a night is compared.

    While a night is open, the instant advances in steps of a quarter of `wait_s`, as each new
    instant rewrites the night's page.

    Parameters
    ----------
    asked : Asked
    night : date
    wait_s : float
        How long exposures may take to come, in seconds.

    Returns
    -------
    instant : str
        ISO 8601, UTC.
    is_over : bool
        True if the night ended more than `wait_s` ago, so all of it is due.
    """
    due_at = asked.rule.bounds(night)[1] + datetime.timedelta(seconds=wait_s)
    if asked.now >= due_at:
        return iso_utc(due_at), True
    step_s = max(60, wait_s / 4)
    seconds = (asked.now - EPOCH).total_seconds() // step_s * step_s
    return iso_utc(EPOCH + datetime.timedelta(seconds=seconds)), False


def as_of_row(asked: Asked, night: datetime.date, wait_s: float) -> TextRow:
    """Return the row from which `expected_compare.compare` takes the time."""
    at, is_over = as_of(asked, night, wait_s)
    return TextRow("expected_as_of", None, at, None, "over" if is_over else "open")


def text_metrics(rows: list[TextRow]) -> DataFrame:
    """Return rows as a table of metrics, with columns `columns.METRICS`."""
    import pandas as pd

    table = pd.DataFrame(rows, columns=list(TextRow._fields)).assign(unit=UNIT)
    table["sampled_at"] = pd.to_datetime(table["sampled_at"], utc=True, format="ISO8601")
    return frames.frame(columns.METRICS, table)
