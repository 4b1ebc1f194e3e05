"""Settings about numbers of exposures, and about the dome."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from observing_monitor.model.columns import OBSERVATION_TYPES
from observing_monitor.settings.records import DomeSettings, MeasureLimit
from observing_monitor.settings.toml import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observing_monitor.settings.toml import Section


# limits of a measure, the lowest first
KEYS = ("error_below", "warning_below", "warning_above", "error_above")


def read_measure_limits(
    section: Section, tables: Sequence[dict[str, Any]]
) -> tuple[MeasureLimit, ...]:
    """Return the limits of measures, in order."""
    made: list[MeasureLimit] = []
    for number, table in enumerate(tables, 1):
        own = section.within(f"measure_limits: table {number}:")
        limit = own.read(table, MeasureLimit)
        _check_exposures(own, limit)
        _check_numbers(own, limit)
        for place, before in enumerate(made, 1):
            if _covers(before, limit):
                words = f"{limit.measure} has its limits from table {place} already"
                raise own.error(f"never holds: {words}; put the narrower table first")
        made.append(limit)
    return tuple(made)


def _check_exposures(section: Section, limit: MeasureLimit) -> None:
    """Raise UsageError if a limit can hold for no exposure."""
    if not limit.measure:
        raise section.error("measure: is empty; write the name of a metric, such as seeing")
    if not limit.types:
        raise section.error("types: is empty; name types, or leave it out for science")
    for name in limit.types:
        if name not in OBSERVATION_TYPES:
            words = nearest(name, OBSERVATION_TYPES)
            raise section.error(f"types: there is no type {name!r}; {words}")


def _check_numbers(section: Section, limit: MeasureLimit) -> None:
    """Raise UsageError if limits are missing or in disorder."""
    numbers = {key: value for key in KEYS if (value := getattr(limit, key)) is not None}
    if not numbers:
        raise section.error(f"has no limit; set one of {', '.join(KEYS)}")
    for key, value in numbers.items():
        if not math.isfinite(value):
            raise section.error(f"{key}: {value} is no limit; write a number, or leave it out")
    for (low, lower), (high, higher) in itertools.pairwise(numbers.items()):
        if lower >= higher:
            words = f"limits rise from {' to '.join(KEYS)}"
            raise section.error(f"{low}: {lower:g} is not below {high} ({higher:g}); {words}")


def _covers(before: MeasureLimit, limit: MeasureLimit) -> bool:
    """True if an earlier limit fits every exposure that a later one fits."""
    has_filters = not before.filters or bool(
        limit.filters and set(limit.filters) <= set(before.filters)
    )
    return before.measure == limit.measure and set(limit.types) <= set(before.types) and has_filters


def read_dome(section: Section, table: dict[str, Any]) -> DomeSettings | None:
    """Return the settings of the dome; None without any."""
    if not table:
        return None
    section = section.within("dome:")
    dome = section.read(table, DomeSettings)
    if not dome.metric:
        raise section.error("metric: is empty; write the name of a metric, such as dome")
    if not dome.closed:
        words = 'write the values of a closed dome, such as ["closed", 0]'
        raise section.error(f"closed: is empty; {words}")
    return dome
