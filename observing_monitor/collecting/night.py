"""Collect one night: look at it, and read it if it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from observing_monitor.collecting.looks import is_unchanged, look_at_night
from observing_monitor.collecting.outcome import Outcome
from observing_monitor.storage.index import INDEXED, TABLES, Look, is_pruned

if TYPE_CHECKING:
    from observing_monitor.collecting.looks import NightTask


def collect_night(task: NightTask) -> Outcome:
    """Bring one night's tables up to date.

    The tables keep what a source said before if it does not answer now.

    Raises
    ------
    OutputError
        The store cannot be written.
    """
    looked = task.store.read_looked(task.night)
    if is_pruned(looked, TABLES):
        return Outcome(task.night, rows=looked.get("rows") or {}, is_pruned=True)
    looks = look_at_night(task, looked)
    is_whole = task.store.is_whole(task.night, looked.get("sizes"))
    if task.from_scratch or not (is_whole and is_unchanged(looks, looked, task.now)):
        # a run with nothing new does not pay for these imports
        from observing_monitor.collecting.read_night import read_night

        return read_night(task, looked, looks, is_whole)
    if looks.has_new_states():
        sources = {**looks.known, **looks.states}
        task.store.write_looked(task.night, {**looked, "sources": sources})
    row = cast(Look, {name: looked.get(name) for name in INDEXED})
    rows = looked.get("rows") or {}
    return Outcome(task.night, row=row, problems=looks.problems, rows=rows)
