"""The settings that say what a night should have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from observing_monitor.errors import UsageError
from observing_monitor.model.columns import OBSERVATION_TYPES
from observing_monitor.model.setting import setting


@dataclass
class ExpectedSettings:
    """Expectations, and how a night that does not meet them is reported."""

    path: Path | None = setting(
        None,
        "Folder with `*_expectedSensors.json` at any depth, such as the file store itself.",
        example="/data/lsstCam",
    )
    sensors_pattern: str = setting("*_expectedSensors.json", "Names of these files.")
    sensor_types: list[str] = setting(
        [], "Types of their sensors that count. By default, all.", example=["SCIENCE"]
    )
    exposures: Path | None = setting(
        None,
        "List of exposures: CSV, JSON, or one per line. With `{night}` (YYYY-MM-DD) or `{day_obs}` "
        "(YYYYMMDD) in its name, each night has its own list.",
        example="plans/{night}.csv",
    )
    column: str = setting(
        "",
        "Column or JSON key that names the exposure, if it is not `obsid`, `exposure` or the like.",
        example="image",
    )
    detectors: list[str] | int = setting(
        0,
        "Names or number of the detectors of every exposure.",
        example=["R22_S11", "R30_S00"],
        affects_reading=False,
    )
    detectors_by_type: dict[str, list[str] | int] = setting(
        {},
        "Type of exposures = names or number of their detectors, in place of `detectors`; 0 if any "
        "number is right. For exposures whose type a source reports.",
        example={"bias": 189, "focus": 8, "test": 0},
        affects_reading=False,
    )
    called: str = setting(
        "detectors",
        "Word for the detectors in findings.",
        example="sub-bands",
        affects_reading=False,
    )
    sequence: bool = setting(
        False,
        "Set to true if the exposures of a night are numbered without gaps.",
        affects_reading=False,
    )
    first: int | None = setting(
        None,
        "First number of the sequence. By default, the lowest number that came.",
        example=1,
        affects_reading=False,
    )
    n_files: int = setting(
        0,
        "Number of images in a whole night. 0 turns this off.",
        example=2000,
        affects_reading=False,
    )
    n_exposures: int = setting(
        0,
        "Number of exposures in a whole night. 0 turns this off.",
        example=40,
        affects_reading=False,
    )
    n_exposures_by_type: dict[str, int] = setting(
        {},
        "Type of exposures = their number in a whole night. For exposures whose type a source "
        "reports.",
        example={"bias": 25, "flat": 12},
        affects_reading=False,
    )
    kinds: list[str] = setting(
        ["fits"], "Kinds of files that are images.", example=["ms", "tar"], affects_reading=False
    )
    wait_s: float = setting(
        3600, "An exposure that was taken less long ago is on its way, not missing."
    )
    level: Literal["normal", "warning", "error"] = setting(
        "warning",
        "Level of the findings on what never came.",
        affects_reading=False,
    )
    max_named: int = setting(
        10,
        "Number of exposures and detectors that a finding names; others are counted.",
        affects_reading=False,
    )


def check_types(settings: ExpectedSettings) -> None:
    """Raise UsageError if a setting has an unknown type of exposures."""
    for key in ("detectors_by_type", "n_exposures_by_type"):
        for type_ in getattr(settings, key):
            if type_ not in OBSERVATION_TYPES:
                known = ", ".join(OBSERVATION_TYPES)
                raise UsageError(f"{key}: {type_!r} is no type of exposures; write one of {known}")
