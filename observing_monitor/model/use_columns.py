"""Columns about the use of a night; `model.columns` has all others."""

from __future__ import annotations

from observing_monitor.model.column import Column

# How a night was used, by tables/night_use.py; docs/use_of_the_night.md has the definitions.
USE = (
    Column(
        "n_exposures_science", "int", "Exposures of the sky for a program, if known", "Science exp."
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
