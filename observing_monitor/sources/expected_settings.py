"""The settings that say what a night should have."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass
class ExpectedSettings:
    """Expectations, and how a night that does not meet them is reported."""

    path: Path | None = None  # folder with *_expectedSensors.json at any depth
    sensors_pattern: str = "*_expectedSensors.json"  # names of these files
    sensor_types: list[str] = field(
        default_factory=list
    )  # types of their sensors that count, such as SCIENCE; all if empty
    exposures: Path | None = (
        None  # list of exposures: CSV, JSON, or one per line; {night} or {day_obs} in its name
    )
    column: str = ""  # column or JSON key that names the exposure, if not obsid or exposure
    detectors: list[str] | int = 0  # names or number of the detectors of every exposure
    called: str = "detectors"  # word for them in findings: detectors, sub-bands …
    sequence: bool = False  # the exposures of a night are numbered without gaps
    first: int | None = None  # first number of the sequence; without it, the lowest that came
    n_files: int = 0  # number of images in a night
    n_exposures: int = 0  # number of exposures in a night
    kinds: list[str] = field(
        default_factory=lambda: ["fits"]
    )  # kinds of files that are images: fits, ms, tar …
    wait_s: float = 3600  # an exposure taken less long ago is on its way, not missing
    level: Literal["normal", "warning", "error"] = "warning"  # level if something never came
    max_named: int = 10  # exposures and detectors that a finding names; others are counted
