"""Words of other systems for the types of exposures."""

import pandas as pd
import pytest

from observing_monitor.model.columns import OBSERVATION_TYPES
from observing_monitor.model.observation_types import WORDS, normalised, type_of

# by observatory: its words, and what an observer there calls them
HABITS = {
    "Rubin": {
        "BIAS": "bias",
        "DARK": "dark",
        "FLAT": "flat",
        "OBJECT": "science",
        "SKYEXP": "science",
        "ENGTEST": "test",
        "ACQ": "acquisition",
        "CWFS": "focus",
        "FOCUS": "focus",
        "STUTTERED": "test",
        "SPOT": "test",
        "science": "science",
        "UNKNOWN": None,
    },
    "Gemini": {
        "OBJECT": "science",
        "BIAS": "bias",
        "DARK": "dark",
        "FLAT": "flat",
        "ARC": "arc",
        "PINHOLE": "flat",
        "RONCHI": "flat",
        "CAL": "other",
        "BPM": "other",
        "acqCal": "acquisition",
    },
    "DESI": {
        "zero": "bias",
        "dark": "dark",
        "flat": "flat",
        "arc": "arc",
        "science": "science",
        "unknown": None,
    },
    "NOAO": {
        "object": "science",
        "zero": "bias",
        "dome flat": "flat",
        "sky flat": "flat",
        "Projector flat": "flat",
        "comparison": "arc",
        "comp": "arc",
        "focus": "focus",
        "standard": "science",
    },
    "ESO": {
        "OBJECT": "science",
        "STD": "science",
        "FLAT,LAMP": "flat",
        "FLAT,SKY": "flat",
        "LAMP,FLAT": "flat",
        "LAMP,WAVE": "arc",
        "WAVE,LAMP,THAR": "arc",
        "STD,FLUX": "science",
        "OBJECT,FOCUS": "focus",
        "ACQUISITION": "acquisition",
        "TECHNICAL": "test",
        "BIAS": "bias",
    },
    "Keck": {"arclamp": "arc", "flatlamp": "flat", "domeflat": "flat", "undefined": None},
    "Subaru": {
        "STANDARD_STAR": "science",
        "FOCUSING": "focus",
        "DOMEFLAT": "flat",
        "COMPARISON": "arc",
    },
    "LCO": {
        "EXPOSE": "science",
        "SKYFLAT": "flat",
        "LAMPFLAT": "flat",
        "SPECTRUM": "science",
        "EXPERIMENTAL": "test",
        "AUTO_FOCUS": "focus",
    },
    "small telescopes": {
        "Light Frame": "science",
        "Bias Frame": "bias",
        "Dark Frame": "dark",
        "Flat Field": "flat",
        "Dark Flat": "dark",
        " light ": "science",
    },
}


@pytest.mark.parametrize("observatory", HABITS)
def test_words(observatory):
    """The words of each observatory get the type that its observers mean."""
    words = HABITS[observatory]
    found = normalised(pd.Series(list(words), dtype="str"))
    assert found.astype("object").where(found.notna(), None).tolist() == list(words.values())


def test_other_words():
    """A new word is `other`, and no word is no type."""
    found = normalised(pd.Series(["wobble", None, " - ", "N/A"], index=[5, 6, 7, 8], dtype="str"))
    assert found[5] == "other" and found[[6, 7, 8]].isna().all()
    assert found.dtype == "str"


def test_words_of_the_settings():
    """`types` overrides a word, in any case."""
    words = pd.Series(["Sky ", "zero", "UNKNOWN", "wobble"], dtype="str")
    found = normalised(words, {"sky": "flat", "Unknown": "test", "WOBBLE": "focus"})
    assert found.tolist() == ["flat", "bias", "test", "focus"]


def test_each_word_has_one_type():
    """No word stands for two types, and each type is one of ours."""
    words = [word.strip() for words in WORDS.values() for word in words.split(",")]
    assert len(words) == len(set(words)) and set(WORDS) == set(OBSERVATION_TYPES)
    for type_, words in WORDS.items():
        assert {type_of(word) for word in words.split(",")} == {type_}


def test_no_rows():
    """A night without exposures has no types."""
    assert normalised(pd.Series([], dtype="str")).empty
