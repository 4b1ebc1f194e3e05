"""The programs that a night's exposures belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from observing_monitor.model.programs import NightPrograms, ProgramNight, packed
from observing_monitor.tables.night_use import names_of, open_shutter

if TYPE_CHECKING:
    from pandas import DataFrame

    from observing_monitor.model.programs import Part
    from observing_monitor.tables.intervals import Floats

    Codes = np.ndarray[tuple[int], np.dtype[np.intp]]

MAX_PROGRAMS = 100  # of a night
MAX_PARTS = 30  # filters, or targets, of a program in a night


def programs_of_night(exposures: DataFrame) -> NightPrograms:
    """Return the programs of a night, those with most science first.

    Exposures without a program are left out.

    Parameters
    ----------
    exposures : DataFrame
        Columns `columns.EXPOSURES`, one row per exposure.
    """
    import pandas as pd

    told = exposures[exposures["program"].notna() & (exposures["program"] != "")]
    if told.empty:
        return NightPrograms()
    codes, names = pd.factorize(told["program"])
    exposed = np.nan_to_num(told["exposure_time_s"].to_numpy("float64"))
    is_science = (told["observation_type"] == "science").to_numpy(bool)
    opened = open_shutter(told)
    n, n_science, open_s, science_s = (
        _sums(codes, len(names), values)
        for values in (np.ones(len(told)), is_science.astype(float), opened, exposed * is_science)
    )
    order = sorted(
        range(len(names)),
        key=lambda row: (-science_s[row], -open_s[row], -n[row], str(names[row])),
    )
    shown = order[:MAX_PROGRAMS]
    filters, targets = (
        _parts(codes, told, column, opened, set(shown)) for column in ("physical_filter", "target")
    )
    made = [
        ProgramNight(
            str(names[row]),
            int(n[row]),
            int(n_science[row]),
            round(open_s[row], 3),
            round(science_s[row], 3),
            packed(filters[row]),
            packed(targets[row]),
        )
        for row in shown
    ]
    return NightPrograms(tuple(made), len(order) - len(shown))


def _sums(codes: Codes, n: int, values: Floats) -> list[float]:
    sums: list[float] = np.bincount(codes, values, n).tolist()
    return sums


def _parts(
    codes: Codes, told: DataFrame, column: str, opened: Floats, shown: set[int]
) -> dict[int, tuple[Part, ...]]:
    """Return exposures and open-shutter time by a column, for each program.

    Exposures without a value come last.
    """
    import pandas as pd

    values, names = pd.factorize(names_of(told, column).fillna(""))
    pairs, unique = pd.factorize(codes.astype("int64") * len(names) + values)
    sums = (_sums(pairs, len(unique), weights) for weights in (np.ones(len(told)), opened))
    found: dict[int, list[tuple[str, int, float]]] = {row: [] for row in shown}
    for pair, n, exposed in zip(unique.tolist(), *sums, strict=True):
        program, value = divmod(pair, len(names))
        if program in found:
            found[program].append((str(names[value]), int(n), round(exposed, 3)))
    return {row: _first(parts) for row, parts in found.items()}


def _first(parts: list[tuple[str, int, float]]) -> tuple[Part, ...]:
    """Return the most exposed parts, and one for all others."""
    ordered = sorted(parts, key=lambda part: (part[0] == "", -part[2], -part[1], part[0]))
    if len(ordered) <= MAX_PARTS:
        return tuple(ordered)
    rest = ordered[MAX_PARTS:]
    others = None, sum(part[1] for part in rest), round(sum(part[2] for part in rest), 3)
    return (*ordered[:MAX_PARTS], others)
