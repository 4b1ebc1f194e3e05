"""Settings of facts that are proprietary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.settings.toml import nearest

if TYPE_CHECKING:
    from observing_monitor.settings.records import StreamSettings
    from observing_monitor.settings.toml import Section


# facts that each say where the telescope pointed, if the time and the observatory are known
POSITION = ("ra_deg", "dec_deg", "altitude_deg", "azimuth_deg", "airmass", "rotation_deg")
# facts whose values are also hidden in the names of files, in messages and links
NAMES = ("program", "target")
HIDEABLE = (*NAMES, *POSITION, "group", "observer", "comment", "observation_reason")
MAX_MONTHS = 1200


def read_hidden(section: Section, described: StreamSettings) -> tuple[str, ...]:
    """Return the hidden columns of exposures.

    One fact of `POSITION` hides the others as well.

    Raises
    ------
    UsageError
        A column cannot be hidden, or a setting has no effect or is impossible.
    """
    for name in described.hide:
        if name not in HIDEABLE:
            raise section.error(f"hide: {name!r} can't be hidden; {nearest(name, HIDEABLE)}")
    months = described.hide_until
    if months != "released" and not 1 <= months <= MAX_MONTHS:
        words = f'write "released", or months from 1 to {MAX_MONTHS:,}'
        raise section.error(f"hide_until: {months} is no number of months; {words}")
    if "" in described.hide_programs:
        words = "write patterns of names, or leave it out for all exposures"
        raise section.error(f"hide_programs: a pattern is empty; {words}")
    if not described.hide and (months != "released" or described.hide_programs):
        key = "hide_programs" if described.hide_programs else "hide_until"
        raise section.error(f"{key} has no effect without hide; name the columns to hide in hide")
    whole = POSITION if set(POSITION) & set(described.hide) else ()
    return tuple(sorted({*described.hide, *whole}))
