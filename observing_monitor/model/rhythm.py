"""Records of how often files come in a night."""

from __future__ import annotations

from typing import TypedDict

# a night is divided into bins, to say in which hours there were files
BIN_S = 900
N_BINS = 96


class Flow(TypedDict):
    """When files came, or passed a stage, in one night.

    The keys are those of `index.json`; instants are ISO 8601 in UTC.
    """

    # seconds from the start of the night to the first file
    first_s: float
    last_at: str
    # time from one file to the next; files of the same minute count once
    median_s: float | None
    p99_s: float | None
    # number with a bit per bin of the night with files, as hexadecimal text
    bins: str


class Rhythm(TypedDict):
    """The flows of one night."""

    n_files: int
    # None if there are no files, or none has a time within the night
    files: Flow | None
    # by stage; a stage without a file has none
    stages: dict[str, Flow]
    # stage -> when the first file came that waits since the last one passed; only if one waits
    waits: dict[str, str]
    # usual time from creation to arrival
    late_s: float | None
