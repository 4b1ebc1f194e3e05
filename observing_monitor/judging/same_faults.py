"""Faults that several sources report, each as one finding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from observing_monitor.model.finding import Finding, ListedFinding, worst

if TYPE_CHECKING:
    from collections.abc import Iterable


def each_fault_once(found: Iterable[Finding]) -> list[Finding]:
    """Return the findings of several sources, each fault once.

    Two findings of two sources are one if all that one says is absent, the other says, too. It has
    the text that names more, both sources and the worse level. Equal texts are not enough: two
    sources of one kind may each be silent.
    """
    made: list[Finding] = []
    listed: list[int] = []  # positions of findings with keys
    for finding in found:
        if not keys_of(finding):
            made.append(finding)
            continue
        position = next(
            (n for n in listed if _is_part(finding, made[n]) or _is_part(made[n], finding)), None
        )
        if position is None:
            listed.append(len(made))
            made.append(finding)
        else:
            made[position] = _joined(made[position], finding)
    return made


def keys_of(finding: Finding) -> frozenset[str]:
    """Return what a finding says is absent, empty for other findings."""
    return finding.keys if isinstance(finding, ListedFinding) else frozenset()


def _is_part(one: Finding, other: Finding) -> bool:
    """True if two sources report the same, or one of them more."""
    return one.source != other.source and keys_of(one) <= keys_of(other)


def _joined(one: Finding, other: Finding) -> Finding:
    fuller = other if keys_of(one) < keys_of(other) else one
    sources = dict.fromkeys([*one.source.split(", "), *other.source.split(", ")])
    return replace(
        fuller, level=worst([one.level, other.level]), source=", ".join(filter(None, sources))
    )
