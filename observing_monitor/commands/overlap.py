"""Patterns of paths, and if they may match one file.

A pattern is a sequence of names, from the root of the file system. A name may contain `*` and `?`;
the name `**` stands for any number of names.
"""

from __future__ import annotations

import functools
import itertools
import os
import re

Names = tuple[str, ...]

ANY = "**"


def names_of(path: str) -> Names:
    """Return the names in an absolute path."""
    return tuple(name for name in path.split("/") if name)


def wild_names(pattern: str) -> Names:
    """Return the names in a setting's pattern.

    A `{night}` and a class such as `[ab]` become wildcards.
    """
    # a run whose settings have no pattern does not pay for this import
    from observing_monitor.readers.night_paths import NIGHT_PLACE

    return names_of(re.sub(r"\[[^]/]+\]", "?", NIGHT_PLACE.sub("*", pattern)))


def fixed_folder(pattern: str) -> str:
    """Return the folder before a pattern's first wildcard.

    Without a wildcard, it is the pattern itself.
    """
    ends = [pattern.find(sign) for sign in "*?[{" if sign in pattern]
    return os.path.dirname(pattern[: min(ends)]) if ends else pattern


def may_meet(one: Names, other: Names) -> bool:
    """True if a path may match both patterns."""
    if not one or not other:
        return all(name == ANY for name in (*one, *other))
    if one[0] == ANY:
        return may_meet(one[1:], other) or (may_meet(one, other[1:]))
    if other[0] == ANY:
        return may_meet(other, one)
    return _names_meet(one[0], other[0]) and may_meet(one[1:], other[1:])


@functools.lru_cache(maxsize=4096)
def _names_meet(one: str, other: str) -> bool:
    """True if a name may match both."""
    if one == other:
        return True
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _names_meet(one[1:], other) or _names_meet(one, other[1:])
    if other[0] == "*":
        return _names_meet(other, one)
    return (one[0] == other[0] or "?" in (one[0], other[0])) and _names_meet(one[1:], other[1:])


def ignores_case(folder: str) -> bool:
    """True if a folder ignores the case of names.

    Then `Weather` and `weather` are one file. The nearest folder that exists is asked by its own
    name, unless a file system is mounted there, and by the names in it: ext4 can ignore case in
    some folders only.
    """
    while folder != os.path.dirname(folder):
        around, name = os.path.split(folder)
        is_mounted = os.path.ismount(folder)
        pairs = [(folder, os.path.join(around, name.swapcase()))] if not is_mounted else []
        pairs += [(f"{folder}/{n}", f"{folder}/{n.swapcase()}") for n in _some_names(folder)]
        pairs = [pair for pair in pairs if pair[0] != pair[1]]
        if os.path.exists(folder) and (pairs or is_mounted):
            return any(_is_same(*pair) for pair in pairs)
        folder = around
    return False


def _some_names(folder: str) -> list[str]:
    """Return some names in a folder; none if it can't be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in itertools.islice(entries, 20)]
    except OSError:
        return []


def _is_same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
