"""Regular expressions of the settings, which no text can hold up.

RE2 matches in linear time. It is part of Arrow, which the tables need anyway, and matches a
night of 100,000 names three times as fast as Python. For what it cannot match as Python does,
Python's engine works in a process of its own, with a time limit for each text.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model import names, re2
from observing_monitor.model.wording import n_of
from observing_monitor.processes.slow_patterns import LIMIT_S, NAME_S, match_in_process

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pandas import DataFrame, Series


class Pattern:
    """A regular expression of the settings.

    Attributes
    ----------
    notes
        Sentences about texts that took too long since `take_notes`.
    unmatched
        Sentences about names of which it fits none, since `take_without_effect`.
    """

    def __init__(
        self, setting: str, pattern: str, *groups: str, others: Sequence[str] = ()
    ) -> None:
        """Check the pattern.

        Parameters
        ----------
        setting
            Name of the setting, for messages.
        pattern
            Of Python's syntax.
        *groups
            Named groups that it must have.
        others
            Named groups that it may have.

        Raises
        ------
        UsageError
            If the pattern is not valid, or lacks a group.
        """
        self.known = (*groups, *others)
        self.setting = setting
        self.pattern = pattern
        self.names = tuple(names.named_pattern(setting, pattern, *groups).groupindex)
        self.notes: list[str] = []
        self.unmatched: list[str] = []

    @functools.cached_property
    def _linear(self) -> re2.Linear | str:
        """The pattern for RE2, or why RE2 cannot match it."""
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            linear = re2.translate(self.pattern)
            pc.match_substring_regex(pa.array(["x"]), linear.pattern)
        except re2.RefusedError as refused:
            return str(refused)
        except pa.ArrowInvalid:
            return "more repetitions than RE2 allows"
        return linear

    def remarks(self) -> list[str]:
        """Return what `check` says if RE2 cannot match the pattern."""
        if not self.names or not isinstance(self._linear, str):
            return []
        return [
            f"{self.setting} has {self._linear}: it is matched in a process of its own, which "
            f"takes longer and gives up a text after {NAME_S:g} s"
        ]

    def old_names(self) -> list[str]:
        """Return a sentence per group with an old name."""
        return [
            f"{self.setting}: the group {name!r} is now called {new!r}; write (?P<{new}>…)"
            for name, new in names.OLD_GROUPS.items()
            if name in self.names and new in self.known and self.pattern != names.RUBIN
        ]

    def flaws(self) -> list[str]:
        """Return parts of the pattern without effect."""
        unknown = [name for name in self.names if name not in {*self.known, *names.OLD_GROUPS}]
        if not self.known or not unknown:
            return []
        groups = "its group" if len(unknown) == 1 else "its groups"
        words = f"nothing is read from {groups} {', '.join(map(repr, unknown))}"
        return [f"{self.setting}: {words}; known are {', '.join(self.known)}"]

    def take_notes(self) -> list[str]:
        """Return the notes, and forget them."""
        taken, self.notes = self.notes, []
        return taken

    def take_without_effect(self) -> list[str]:
        """Return what had no effect since the last call."""
        taken, self.unmatched = self.unmatched, []
        return [*taken, *self.flaws()]

    def groups(self, texts: Any, at_start: bool = False) -> dict[str, Any]:
        """Return the named groups of the first match in each text.

        Parameters
        ----------
        texts : sequence of str or None
            Without surrogates.
        at_start
            Match at the beginning of a text only.

        Returns
        -------
        dict
            Group -> Arrow array; null for a group that took no part, and without a match.

        Raises
        ------
        SourceError
            If the process did not answer.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self.names:
            return {}
        texts = pa.array(texts, pa.large_string())
        if isinstance(self._linear, str):
            is_linear, found = pc.is_null(texts), {}
        else:
            is_linear = pc.match_substring_regex(texts, re2.PRINTABLE).fill_null(True)
            found = _by_re2(texts, self._linear, at_start)
        is_other = pc.invert(is_linear)
        others = texts.filter(is_other)
        if not len(others):
            return found or {name: pa.nulls(len(texts), texts.type) for name in self.names}
        slow = self._by_process(others.to_pylist(), at_start)
        empty = pa.nulls(len(texts), texts.type)
        return {
            name: pc.replace_with_mask(found.get(name, empty), is_other, slow[name])
            for name in self.names
        }

    def _by_process(self, texts: Sequence[str], at_start: bool) -> dict[str, Any]:
        import pyarrow as pa

        answer = match_in_process(self.pattern, texts, at_start)
        if answer is None:
            words = f"it could not be matched within {LIMIT_S:g} s; simplify it"
            raise SourceError(f"{self.setting} {self.pattern!r}: {words}")
        rows, late = answer
        if late:
            first = texts[late[0]]
            shown = first if len(first) <= 80 else f"{first[:80]}…"
            self.notes.append(
                f"{self.setting} took too long for {len(late):,} of {len(texts):,} texts, such as "
                f"{shown!r}; nothing was read from them, simplify the pattern"
            )
        return {
            name: pa.array([row and row[at] for row in rows], pa.large_string())
            for at, name in enumerate(self.names)
        }


class NamePattern(Pattern):
    """The setting `name_pattern`, whose groups fill columns of files."""

    def __init__(self, pattern: str) -> None:
        super().__init__("name_pattern", pattern, others=tuple(names.FORMS))

    def read_names(self, file_names: Series[str]) -> DataFrame:
        """Return the facts in each file name, as `model.names.read_names`."""
        if self.pattern == names.RUBIN:
            return names.read_names(file_names)
        found = self.groups(file_names.array)
        has_match = any(len(part) > part.null_count for part in found.values())
        if found and len(file_names) and not has_match:
            words = f"fits none of {n_of(len(file_names), 'name')}, such as {file_names.iloc[0]!r}"
            self.unmatched.append(f"{self.setting} {words}: it fills no column")
        return names.read_names(file_names, found)

    def flaws(self) -> list[str]:
        """Return groups without effect, or that there is none."""
        if self.pattern == names.RUBIN:
            return []
        if self.names:
            return super().flaws()
        words = "has no named group, so it fills no column; write (?P<seq_num>…) or another of"
        return [f"{self.setting} {words} {', '.join(self.known)}"]


def _by_re2(texts: Any, linear: re2.Linear, at_start: bool) -> dict[str, Any]:
    """Return the groups of a pattern that RE2 reads, as `Pattern.groups`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.extract_regex(texts, rf"\A(?:{linear.pattern})" if at_start else linear.pattern)
    nothing, empty = pa.scalar(None, texts.type), pa.scalar("", texts.type)
    groups = {}
    for at, part in enumerate(found.flatten()):  # flatten: null where there is no match
        name = found.type.field(at).name
        groups[name] = (
            part
            if name in linear.may_be_empty
            else pc.if_else(pc.equal(part, empty), nothing, part)
        )
    return groups
