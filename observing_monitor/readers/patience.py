"""Patience with object stores that do not answer.

A request whose answer does not come is sent twice. If the store answers nobody in the meantime,
it is given up: for PAUSE_S, further requests fail at once. So a run whose store hangs waits once
and not once for each file. A store that answers late is not given up.
"""

from __future__ import annotations

import time
from typing import Any

from observing_monitor.readers.store_errors import is_unanswered

# between two bytes of an answer
ANSWER_S = 30.0
# times that a request is sent if no answer comes
HANGS = 2
# after that, requests are sent again
PAUSE_S = 60.0


class SilentStoreError(Exception):
    """A store that does not answer."""


class Patience:
    """Knows when a store answered, and if it is given up.

    Attributes
    ----------
    answer_s : float
        Longest wait for an answer.
    """

    def __init__(self) -> None:
        self.answer_s = ANSWER_S
        self._answered_at = time.monotonic()
        self._waits_until = 0.0

    @property
    def is_over(self) -> bool:
        """True while the store is given up."""
        return time.monotonic() < self._waits_until

    def check(self) -> None:
        """Raise SilentStoreError while the store is given up."""
        if self.is_over:
            raise SilentStoreError

    def note_answer(self) -> None:
        """Note that the store answers."""
        self._answered_at, self._waits_until = time.monotonic(), 0.0

    def note_failure(self, error: Exception) -> None:
        """Note that a request failed for good, and give up a silent store."""
        if self.is_over or not is_unanswered(error):
            return
        now = time.monotonic()
        # half: an answer may have begun, and its end is missing
        if now - self._answered_at >= self.answer_s / 2:
            self._waits_until = now + PAUSE_S

    def after_try(
        self,
        attempts: int = 1,
        response: Any = None,
        caught_exception: Exception | None = None,
        **_: Any,
    ) -> None:
        """Note the result of one try: botocore's event `needs-retry`.

        Raises SilentStoreError if the request is not worth another try.
        """
        from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

        if response is not None:
            self.note_answer()
        is_hung = isinstance(caught_exception, ReadTimeoutError) and attempts >= HANGS
        is_late = isinstance(caught_exception, ReadTimeoutError | ConnectTimeoutError)
        if is_hung or (is_late and self.is_over):
            raise SilentStoreError
