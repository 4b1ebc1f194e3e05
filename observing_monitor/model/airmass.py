"""The airmass at an altitude."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import Series


def airmass_at(altitude_deg: Series[float]) -> Series[float]:
    """Return the airmass at apparent altitudes, in degrees.

    NaN below the horizon. The formula is that of Pickering (2002, DIO 12, p. 20, footnote 39):
    1 / sin(h + 244 / (165 + 47 h^1.1)), with h in degrees. It is 1 at the zenith and 38 at the
    horizon.
    """
    import numpy as np

    h = altitude_deg.where((altitude_deg >= 0) & (altitude_deg <= 90))
    seen = (h + 244 / (165 + 47 * h**1.1)).clip(upper=90)
    made: Series[float] = seen.map(np.radians).map(np.sin).rdiv(1)
    return made
