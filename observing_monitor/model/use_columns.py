"""Columns about the use of a night; `model.columns` has all others."""

from __future__ import annotations

from observing_monitor.model.column import Column

# What `observation_type` may be, and its meaning.
OBSERVATION_TYPES = {
    "bias": "readout without an exposure",
    "dark": "exposure with the shutter closed",
    "flat": "exposure of a lamp, a screen or the twilight sky",
    "arc": "exposure of a lamp with known wavelengths",
    "science": "exposure of the sky for a program",
    "acquisition": "exposure to point the telescope",
    "focus": "exposure to focus the telescope",
    "test": "exposure to test something",
    "other": "any other type, or none that is known",
}

# How a night was used, by tables/night_use.py; docs/use_of_the_night.md has the definitions.
USE = (
    Column(
        "n_exposures_science", "int", "Exposures of the sky for a program, if known", "Science exp."
    ),
    *(
        Column(
            f"n_exposures_{type_}",
            "int",
            f"Exposures of the type {type_}",
            f"{type_.capitalize()} exp.",
        )
        for type_ in OBSERVATION_TYPES
        if type_ != "science"
    ),
    Column(
        "open_shutter_s",
        "float",
        "Exposure times of all exposures but bias and dark, added up",
        "Open shutter",
    ),
    Column(
        "science_s",
        "float",
        "Time of science exposures between the twilights; simultaneous ones count once",
        "Science",
    ),
    Column(
        "night_s",
        "float",
        "Time between the twilights; in a night that is not over, up to the last data",
        "Dark time",
    ),
    Column(
        "gaps_s",
        "float",
        "Gaps between the twilights, added up: times without an exposure, longer than `gap_min_s`",
        "Gaps, sum",
    ),
    # `n_gaps` is a number of the source `expected`: of the sequence
    Column("n_time_gaps", "int", "Number of gaps between the twilights", "Gaps"),
    Column(
        "started_late_s",
        "float",
        "Time from evening twilight to the first science exposure",
        "Late start",
    ),
    Column(
        "ended_early_s",
        "float",
        "Time from the last science exposure to morning twilight",
        "Early end",
    ),
    Column(
        "overhead_median_s",
        "float",
        "Median overhead between two exposures",
        "Overhead, median",
    ),
    Column(
        "image_quality_median",
        "float",
        "Median of the measure that `image_quality` names, over science exposures",
        "Image quality",
    ),
)

# the tables of "Use of the night"
USE_TABLES = (
    Column("length_s", "float", "Duration of the gap", "Length"),
    Column("starts_at", "instant", "When the gap began", "Start"),
    Column("after", "text", "Exposure that ended then", "After"),
    Column("before", "text", "Exposure that ended the gap", "Before"),
    Column("observation_type", "text", "Type of the exposures", "Type"),
    Column("physical_filter", "text", "Filter, by the name of the instrument", "Filter"),
    Column("program", "text", "Program that the exposures belong to", "Program"),
    Column("target", "text", "Observed target", "Target"),
    Column("n_exposures", "int", "Number of exposures", "Exposures"),
    Column("exposure_time_s", "float", "Exposure times, added up", "Exp. time"),
    Column(
        "open_shutter_s", "float", "Exposure times, but of bias and dark, added up", "Open shutter"
    ),
    Column("measure", "text", "Number that exposures have", "Median of"),
    Column("median", "float", "Median over the exposures", "Median"),
    Column("unit", "text", "Unit of the number", "Unit"),
    Column("n_values", "int", "Number of values", "Values"),
)

_OPEN_SHUTTER = next(column for column in USE if column.name == "open_shutter_s")
# Programs of a stream, and the nights of a program: the tables of pages, programs.json and .csv.
PROGRAMS = (
    Column("program", "text", "Program, as the sources name it", "Program"),
    Column("n_nights", "int", "Nights with exposures of the program", "Nights"),
    Column("n_exposures_science", "int", "Science exposures of the program", "Science exp."),
    Column("n_exposures", "int", "Exposures of the program, of all types", "Exposures"),
    Column(
        "science_exposure_s",
        "float",
        "Exposure times of the program's science exposures, added up",
        "Science",
    ),
    _OPEN_SHUTTER,
    Column("first_night", "text", "First night with exposures of the program", "First night"),
    Column("last_night", "text", "Last night with exposures of the program", "Last night"),
)
