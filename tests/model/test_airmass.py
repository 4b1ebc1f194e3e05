"""The airmass at an altitude."""

import pandas as pd
import pytest

from observing_monitor.model.airmass import airmass_at


def test_airmass():
    """It is 1 at the zenith, near the secant above 20°, and 38 at the horizon."""
    altitudes = pd.Series([90.0, 60.0, 30.0, 10.0, 0.0])
    made = airmass_at(altitudes).tolist()
    assert made == pytest.approx([1.0, 1.1540, 1.9932, 5.59, 38.75], rel=2e-3)


def test_no_airmass():
    """There is none below the horizon or without an altitude."""
    assert airmass_at(pd.Series([-0.1, None, 91.0])).isna().all()
    assert airmass_at(pd.Series([], dtype="float64")).empty
