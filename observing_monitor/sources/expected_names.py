"""The names of exposures and detectors, and ranges of their numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


# obsid AT_O_20200212_000022, or with five digits; or exposure 2020021200022, where a digit for the
# controller may come first
_NUMBERED = re.compile(
    r"(?:^|[^0-9A-Za-z])[A-Z]{2}_[A-Z]_(?P<day>\d{8})_(?P<seq>\d{5,6})(?!\d)"
    r"|^\d?(?P<day2>(?:19|20)\d{6})(?P<seq2>\d{5})$"
)


class ExposureNumber(NamedTuple):
    """The day (YYYYMMDD) and sequence number in an exposure's name."""

    day: str
    seq_num: int


def number_of(exposure: str) -> ExposureNumber | None:
    """Return the day and number in an exposure's name, or None."""
    found = _NUMBERED.search(exposure)
    if not found:
        return None
    return ExposureNumber(found["day"] or found["day2"], int(found["seq"] or found["seq2"]))


def key_of(exposure: str) -> str:
    """Return a key that is equal for all forms of an exposure's name."""
    number = number_of(exposure)
    return f"{number.day}/{number.seq_num}" if number else exposure


def missing_ranges(
    numbers: Iterable[int], first: int | None = None, last: int | None = None
) -> list[tuple[int, int]]:
    """Return the ranges of whole numbers that are missing.

    Parameters
    ----------
    numbers : iterable of int
        The numbers that came, in any order.
    first, last : int, optional
        Where to begin and end; without them, at the lowest and the highest number that came.

    Returns
    -------
    list of (int, int)
        First and last number of each range, in order.
    """
    have = sorted(set(numbers))
    low = first if first is not None else (have[0] if have else None)
    high = last if last is not None else (have[-1] if have else None)
    if low is None or high is None:
        return []
    have = [low - 1, *(n for n in have if low <= n <= high), high + 1]
    return [(a + 1, b - 1) for a, b in zip(have, have[1:], strict=False) if b - a > 1]


def range_text(ranges: list[tuple[int, int]], most: int | None = None) -> str:
    """Return ranges as text: `17–19, 42`, with the rest after `most` counted."""
    shown = ranges if most is None else ranges[:most]
    words = ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in shown)
    n_more = count_numbers(ranges[len(shown) :])
    return f"{words} and {n_more:,} more" if n_more else words


def count_numbers(ranges: list[tuple[int, int]]) -> int:
    """Return how many numbers ranges hold."""
    return sum(b - a + 1 for a, b in ranges)
