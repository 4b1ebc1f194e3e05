"""The words of other systems for the types of exposures.

`OBSERVATION_TYPES` has our types; `WORDS` says which words of Rubin, Gemini, DESI, NOAO, ESO,
Keck, Subaru, CFHT, LCO and programs of small telescopes mean each of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pandas import Series


# Our type -> words. They are compared in lower case, without blanks and punctuation.
# Standard stars are science: Gemini, Rubin and Subaru call them OBJECT like any other target.
WORDS = {
    "bias": "bias, zero, offset, bias frame, bias structure, master bias, overscan",
    "dark": "dark, dark frame, dark flat, flat dark, no light",
    "flat": (
        "flat, flat field, flat frame, dome flat, sky flat, twilight flat, twilight, lamp flat, "
        "flat lamp, flat sky, flat dome, screen flat, internal flat, iflat, tflat, dflat, sflat, "
        "projector flat, quartz, pinhole, ronchi, fringe, cbp, led"
    ),
    "arc": (
        "arc, arcs, arc lamp, comp, comparison, comparison lamp, wave, lamp wave, wavelength, "
        "lamp, thar, fp, fp lamp, etalon, lfc"
    ),
    "science": (
        "science, object, sci, target, light, light frame, sky, sky exp, sky exposure, on sky, "
        "expose, exposure, spectrum, standard, std, standard star, external, raw obj"
    ),
    "acquisition": (
        "acquisition, acq, acq cal, acquisition image, target acquisition, pointing, align, "
        "slit, slit view, guide, guiding, field acquisition, mask image"
    ),
    "focus": "focus, focusing, auto focus, cwfs, wavefront, wfs, donut, focus sweep",
    "test": (
        "test, eng test, engineering, eng, experimental, technical, ptc, ppump, fe55, spot, "
        "stuttered, scan, ccob, trap, noise"
    ),
    "other": "other, calib, calibration, cal, bpm, mask, indef, in dome, trace",
}
# words that say that the type is not known
UNKNOWN = ("", "unknown", "none", "null", "na", "nan", "undefined", "notavailable", "unspecified")

_PUNCTUATION = re.compile(r"[\W_]+")
_TYPES = {
    _PUNCTUATION.sub("", word): type_ for type_, words in WORDS.items() for word in words.split(",")
}
# Parts of a word of several parts -> type; the first that occurs counts, so that a "dark for
# flats" is dark, and "OBJECT,FOCUS" focuses.
_PARTS = {
    "bias": ("bias", "zero"),
    "dark": ("dark",),
    "flat": ("flat", "twilight"),
    "arc": ("arc", "wave", "comparison", "thar"),
    "focus": ("focus", "cwfs"),
    "acquisition": ("acquisition", "acq"),
    "test": ("test", "engineering"),
    "science": ("science", "object", "std", "standard", "light"),
}


def normalised(words: Series[Any], types: Mapping[str, str] | None = None) -> Series[str]:
    """Return the type of each exposure, by its source's word.

    Parameters
    ----------
    words : Series of str
        The source's words, such as "ZERO", "OBJECT" or "dome flat".
    types : mapping of str to str, optional
        The setting `types`: a source's word, in any case -> one of `OBSERVATION_TYPES`.

    Returns
    -------
    Series of str
        A key of `OBSERVATION_TYPES`; null if there is no word, or it says that nothing is known.
    """
    own = {word.strip().casefold(): type_ for word, type_ in (types or {}).items()}
    made = {
        word: own.get(word.strip().casefold(), type_of(word))
        for word in words.dropna().unique().tolist()
    }
    return words.map(made).astype("str")


def type_of(word: str) -> str | None:
    """Return the type that a word means; None if it means nothing known."""
    plain = _PUNCTUATION.sub("", word.casefold())
    if plain in UNKNOWN:
        return None
    if plain in _TYPES:
        return _TYPES[plain]
    parts = set(_PUNCTUATION.split(word.casefold()))
    return next((type_ for type_, some in _PARTS.items() if parts & set(some)), "other")
