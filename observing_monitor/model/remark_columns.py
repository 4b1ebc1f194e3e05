"""Columns of remarks; `model.columns` has all others."""

from __future__ import annotations

from observing_monitor.model.column import Column

# A row is a remark, or an earlier version of one. Sorted by begin_at, exposure, remark_id, source;
# `remark_id` is unique per source. `tables.remarks` says which rows count.
REMARKS = (
    Column("remark_id", "text", "Identifier of the remark, unique per source", "Remark"),
    Column("begin_at", "instant", "When what it is about began; null if the whole night", "Begin"),
    Column("end_at", "instant", "When what it is about ended", "End"),
    Column("exposure", "text", "Exposure that it is about, or the first of several", "Exposure"),
    Column("last_exposure", "text", "Last exposure, if it is about several", "Last exposure"),
    Column("author", "text", "Who wrote it", "Author"),
    Column("text", "text", "What was written, as it was written", "Remark"),
    Column("level", "text", "info, warning or urgent", "Level"),
    Column("category", "text", "Category, in the words of the source", "Category"),
    Column("flag", "text", "Quality of the exposures: none, questionable or junk", "Flag"),
    Column("time_lost_s", "float", "Time lost, as reported", "Time lost"),
    Column("time_lost_type", "text", "Why it was lost: weather, fault or other", "Lost to"),
    Column("urls", "text", "Addresses that belong to it, separated by newlines", "Links"),
    Column("tags", "text", "Tags, separated by newlines", "Tags"),
    Column("parent_id", "text", "Earlier version that this one replaces", "Replaces"),
    Column("is_valid", "bool", "False if the remark was deleted or replaced", "Valid"),
    Column("source", "text", "Source that reported it", "Source"),
)

# What `level`, `flag` and `time_lost_type` may be, and their meanings.
LEVELS_OF_REMARKS = {
    "info": "for the record",
    "warning": "something is odd",
    "urgent": "somebody must act",
}
FLAGS = {
    "none": "nothing is wrong with the exposures",
    "questionable": "the exposures may be bad",
    "junk": "the exposures are of no use",
}
TIME_LOST_TYPES = {
    "weather": "clouds, wind, humidity, seeing",
    "fault": "something was broken",
    "other": "any other reason",
}
