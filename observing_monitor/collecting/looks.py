"""Look at a night: ask if anything has changed."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from observing_monitor import __version__
from observing_monitor.collecting.derivation import source_keys
from observing_monitor.collecting.sources import (
    catch_faults,
    earlier_states,
    known_states,
    look_questions,
)
from observing_monitor.model.nights import iso_utc, parse_utc
from observing_monitor.settings.stream import Stream
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observing_monitor.collecting.asking import TimedSource
    from observing_monitor.model.reading import Known
    from observing_monitor.storage.index import Fault, Look, Looked, Silent


class NightTask(msgspec.Struct, frozen=True):
    """A night to collect."""

    stream: Stream  # as it is for this night
    sources: Sequence[TimedSource]
    store: Store
    night: datetime.date
    now: datetime.datetime
    is_newest: bool = False  # of the run
    from_scratch: bool = False  # derive anew all that the sources still have


class NightLooks(msgspec.Struct, frozen=True):
    """The sources' answers about a night at a look."""

    keys: Mapping[str, str]  # source -> fingerprint of what it is asked
    known: Mapping[str, Known]  # source -> its last look, if it was asked the same then
    earlier: Mapping[str, Known]  # source -> its last look, if it had other settings then
    states: Mapping[str, Known]  # source -> its look now
    problems: Mapping[str, str]  # source -> why it did not answer

    def is_same(self, name: str) -> bool:
        """True if a source answered, and is unchanged."""
        return name in self.states and _facts(self.states[name]) == _facts(self.known.get(name))

    def is_all_same(self) -> bool:
        """True if the sources that answered are unchanged."""
        return all(self.is_same(name) for name in self.states)

    def has_new_states(self) -> bool:
        """True if a state differs, in whatever part."""
        return any(state != self.known.get(name) for name, state in self.states.items())


def look_at_night(task: NightTask, looked: Looked) -> NightLooks:
    """Ask each source of a night to look at it.

    Parameters
    ----------
    task : NightTask
    looked : Looked
        The state and the result of the last look.
    """
    keys = source_keys(task.stream)
    known = known_states(looked, keys)
    questions = look_questions(task.stream, looked, task.night, task.from_scratch)
    states: dict[str, Known] = {}
    problems: dict[str, str] = {}
    for source in task.sources:
        with catch_faults(source, str(task.night), problems):
            state = source.ask(*questions[source.name])
            # as it will be read back from the file
            states[source.name] = json.loads(json.dumps(state))
    return NightLooks(keys, known, earlier_states(looked, keys), states, problems)


def is_unchanged(looks: NightLooks, looked: Looked, now: datetime.datetime) -> bool:
    """True if the night need not be read.

    The same sources must be silent for the same reasons as at the last look, made by the same
    version with the same settings.
    """
    was_silent = {
        name: silent["problem"]
        for name, silent in (looked.get("silent") or {}).items()
        if began_at(silent, now) == silent["since"]
    }
    return (
        looked.get("version") == __version__
        and (looked.get("keys") or {}) == looks.keys
        and looks.problems == was_silent
        and looks.is_all_same()
    )


def silent_sources(
    before: Look, problems: Mapping[str, str], now: datetime.datetime
) -> dict[str, Silent]:
    """Return the sources that did not answer: why, and since when."""
    silent = before.get("silent") or {}
    return {
        name: {"problem": problem, "since": began_at(silent.get(name), now)}
        for name, problem in problems.items()
    }


def began_at(fault: Fault | Silent | None, now: datetime.datetime) -> str:
    """Return since when a fault is known, as text.

    A fault that began in the future, by a clock that was ahead, is new as well.
    """
    since = (fault or {}).get("since")
    return since if since and parse_utc(since) <= now else iso_utc(now)


def _facts(state: Known) -> Known:
    """Return a look without what only makes the next look cheaper."""
    if not isinstance(state, dict):
        return state
    return {key: value for key, value in state.items() if key != "glance"}
