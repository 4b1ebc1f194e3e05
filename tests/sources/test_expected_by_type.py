"""Expectations by the type of the exposures."""

import dataclasses
import datetime

import pandas as pd
import pytest
from test_expectations import ENDED, NIGHT, files_of

from observing_monitor.errors import UsageError
from observing_monitor.model import columns, frames
from observing_monitor.model.nights import NightRule
from observing_monitor.model.reading import Tables
from observing_monitor.sources.base import Asked
from observing_monitor.sources.expectations import Expectations

OBSIDS = ("MC_O_20250430_000001", "MC_O_20250430_000002", "MC_O_20250430_000003")


def compared(settings, types, sensors=("R22_S11",), now=ENDED):
    """Return findings and headlines of three exposures.

    The second and third have no R30_S00.
    """
    source = Expectations(Expectations.Settings(**settings), Asked("s", NightRule(), now))
    paths = [f"{obsid}_{sensor}.fits" for obsid in OBSIDS for sensor in sensors]
    paths.append(f"{OBSIDS[0]}_R30_S00.fits")
    source.look(NIGHT, None)
    metrics = source.read(NIGHT).metrics
    exposures = frames.frame(
        columns.EXPOSURES,
        # as Gen3 has them: by number, and by obsid
        {
            "exposure": [None, "2025043000002", "2025043000003"],
            "obsid": [OBSIDS[0], None, OBSIDS[2]],
            "observation_type": pd.Series(types, dtype="str"),
        },
    )
    tables = Tables(files_of(paths), frames.empty(columns.INGESTS), metrics)
    tables = dataclasses.replace(tables, exposures=exposures)
    found = [f"{f.level}: {f.text}" for f in Expectations.check(NIGHT, tables, source.settings)]
    return found, Expectations.numbers(NIGHT, tables, source.settings)


def test_detectors_by_type():
    """A bias needs only its own detectors."""
    settings = {
        "detectors": ["R22_S11", "R30_S00"],
        "detectors_by_type": {"bias": ["R22_S11"], "test": 0},
    }
    found, numbers = compared(settings, ["science", "bias", "test"])
    assert found == [] and numbers == {"n_expected": 3, "n_expected_missing": 0}
    lacking = "1 of 2 detectors, lacking R30_S00"
    found, numbers = compared(settings, ["science", None, "flat"])
    assert found == [f"warning: exposure 2: {lacking}", f"warning: exposure 3: {lacking}"]
    assert numbers == {"n_expected": 6, "n_expected_missing": 2}


def test_detectors_of_one_type_alone():
    """Without `detectors`, only exposures of a known type are compared."""
    settings = {"detectors_by_type": {"science": 2}}
    found, numbers = compared(settings, ["science", "science", None])
    assert found == ["warning: exposure 2: 1 of 2 detectors"]
    assert numbers == {"n_expected": 4, "n_expected_missing": 1}


def test_counts_by_type():
    """Each type has its own number, and more than expected is no fault."""
    settings = {"n_exposures_by_type": {"bias": 2, "flat": 1}}
    found, numbers = compared(settings, ["bias", "flat", "flat"])
    assert found == [
        "warning: 1 of 2 bias exposures expected of a night (50.0 %)",
        "normal: 2 of 1 flat exposures expected of a night (200.0 %)",
    ]
    assert numbers == {"n_expected": 3, "n_expected_missing": 1}


def test_counts_without_types():
    """If no type of the night is known, nothing is said."""
    settings = {"n_exposures_by_type": {"bias": 2}}
    assert compared(settings, [None, None, None])[0] == []
    evening = datetime.datetime(2025, 4, 30, 23, tzinfo=datetime.UTC)
    assert compared(settings, ["flat", "flat", "flat"], now=evening)[0] == []


@pytest.mark.parametrize("key", ["detectors_by_type", "n_exposures_by_type"])
def test_unknown_types(key):
    """A type that we do not have is refused, with those that we have."""
    with pytest.raises(UsageError, match=rf"{key}: 'zero' is no type of exposures; write one of b"):
        compared({key: {"zero": 1}}, [None, None, None])
