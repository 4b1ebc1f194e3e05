"""The result of collecting one night."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import msgspec

from observing_monitor.storage.index import Look, PlaceRows


class Outcome(msgspec.Struct, frozen=True):
    """The result of collecting one night."""

    night: datetime.date
    is_changed: bool = False
    n_files: int = 0  # 0 if the night was not read
    row: Look = {}  # for the index: its keys are INDEXED
    problems: Mapping[str, str] = {}  # source -> why it did not answer
    # source -> place -> its rows; of sources that count them
    rows: Mapping[str, Mapping[str, PlaceRows]] = {}
    is_broken: bool = False  # the night could not be collected at all
    is_pruned: bool = False  # its tables were pruned: it stays, and no source is asked
