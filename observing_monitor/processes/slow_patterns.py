"""Match texts with any regular expression of Python, within a time limit.

Python's engine may need longer than the universe is old for one name, and holds up the whole
process meanwhile. In a process of its own it can be interrupted.
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from observing_monitor.processes.parallel import call_in_process

if TYPE_CHECKING:
    from collections.abc import Sequence


NAME_S = 1.0  # processor time for one text; an ordinary one needs a millionth of that
# once so many texts took too long, each of the others gets HASTE_S
PATIENCE = 5
HASTE_S = 0.02
LATE_S = 20.0  # processor time for all texts that take too long; the rest is not matched then
LIMIT_S = 60.0  # until the process is killed

Groups = list[tuple[str | None, ...] | None]


class _TooLongError(Exception):
    """The time for one text is over."""


def match_in_process(
    pattern: str, texts: Sequence[str], at_start: bool
) -> tuple[Groups, list[int]] | None:
    """Return the groups of each text's first match, and the late texts.

    Parameters
    ----------
    pattern
        A valid pattern.
    texts
        Texts without surrogates.
    at_start
        Match at the beginning of a text only.

    Returns
    -------
    groups, late
        A tuple per text, in the order of the pattern's `groupindex`; None without a match.
        The positions of texts that took too long: their groups are None. Returns None if the
        process could not be started or did not end in time.
    """
    return call_in_process(match_all, pattern, list(texts), at_start, limit_s=LIMIT_S)


def match_all(pattern: str, texts: Sequence[str], at_start: bool) -> tuple[Groups, list[int]]:
    """Do the work of `match_in_process`, in the main thread of a process."""
    compiled = re.compile(pattern)
    find = compiled.match if at_start else compiled.search
    names = tuple(compiled.groupindex)
    groups: Groups = [None] * len(texts)
    late: list[int] = []
    number, spent_s, limit_s = 0, 0.0, NAME_S
    before = signal.signal(signal.SIGVTALRM, _stop)
    try:
        while number < len(texts) and spent_s < LATE_S:
            try:
                while number < len(texts):
                    signal.setitimer(signal.ITIMER_VIRTUAL, limit_s)
                    if found := find(texts[number]):
                        groups[number] = tuple(map(found.group, names))
                    number += 1
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            except _TooLongError:
                late.append(number)
                spent_s += limit_s
                limit_s = NAME_S if len(late) < PATIENCE else HASTE_S
                number += 1
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return groups, late + list(range(number, len(texts)))


def _stop(*_: object) -> None:
    raise _TooLongError
