"""Exposures made of the keywords of FITS headers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from observing_monitor.errors import UsageError
from observing_monitor.model import columns, frames
from observing_monitor.model.observation_types import normalised
from observing_monitor.sources.shared.cells import to_degrees, to_instants, to_numbers, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from pandas import DataFrame, Series

    from observing_monitor.readers.fits_header import Value

    Keywords = dict[str, tuple[str, ...]]

# Our column -> the keywords that may have it, the first with a value counts. Of "A+B" both count.
# Gemini's OBSID names many exposures, its DATALAB one. ESO counts azimuths from the south.
USUAL: Keywords = {
    "exposure": ("EXPID", "EXPNUM", "EXP-ID"),
    "obsid": ("DATALAB", "OBSID"),
    "seq_num": ("SEQNUM", "FRAMENO"),
    "instrument": ("INSTRUME",),
    "started_at": ("DATE-BEG", "DATE-OBS", "MJD-BEG", "MJD-OBS"),
    "ended_at": ("DATE-END", "MJD-END"),
    "exposure_time_s": ("EXPTIME", "EXPOSURE", "XPOSURE", "ELAPTIME", "TTIME"),
    "dark_time_s": ("DARKTIME",),
    "observation_type_original": (
        "OBSTYPE",
        "IMAGETYP",
        "IMGTYPE",
        "IMTYPE",
        "DATA-TYP",
        "ESO DPR TYPE",
    ),
    "observation_reason": ("REASON", "OBSCLASS", "ESO DPR CATG"),
    "target": ("OBJECT", "TARGNAME", "TARGET", "ESO OBS TARG NAME"),
    "program": (
        "PROPID",
        "PROP_ID",
        "PROP-ID",
        "PROGRAM",
        "PROGID",
        "GEMPRGID",
        "RUNID",
        "ESO OBS PROG ID",
    ),
    "physical_filter": (
        "FILTER",
        "FILTNAM",
        "FILTNAME",
        "FILTER1+FILTER2",
        "FILTER01",
        "ESO INS FILT1 NAME",
    ),
    "band": ("BAND",),
    "ra_deg": ("RA", "OBJCTRA"),
    "dec_deg": ("DEC", "OBJCTDEC"),
    "altitude_deg": ("ALT", "OBJCTALT", "ELEVATIO", "ALTITUDE", "ESO TEL ALT"),
    "azimuth_deg": ("AZ", "OBJCTAZ", "AZIMUTH"),
    "airmass": ("AIRMASS", "ESO TEL AIRM START"),
    "rotation_deg": ("ROTPA", "ROTANGLE"),
    "can_see_sky": (),
    "group": ("GROUPID",),
    "observer": ("OBSERVER",),
    "comment": (),
    "released_at": ("RELEASE",),
}
SCALE = "TIMESYS"
# the time of day, if the date is alone
CLOCKS = ("TIME-OBS", "UTC-OBS", "UT", "UTSTART", "UT-STR", "UTC")
# extensions are read until these are known
NEEDED = ("started_at", "exposure_time_s", "observation_type_original")

NOTHING = ("", "none", "n/a", "na", "null", "unknown", "undefined", "unspecified")
NO_FILTER = (*NOTHING, "clear", "open", "empty", "out", "blank", "air")
TT_MINUS_TAI_S = 32.184
# lowest and highest possible value
RANGES = {
    "exposure_time_s": (0, 1e6),
    "dark_time_s": (0, 1e6),
    "ra_deg": (-360, 360),
    "dec_deg": (-90, 90),
    "altitude_deg": (-90, 90),
    "azimuth_deg": (-360, 720),
    "airmass": (0.99, 100),
    "rotation_deg": (-720, 720),
}
_OLD_DATE = re.compile(r"(\d\d)/(\d\d)/(\d\d)", re.ASCII)
# a number with the exponent of Fortran, such as 7.0D+00
_FORTRAN = re.compile(r"[+-]?\d*\.?\d*[dD][+-]?\d+")
_DAYS = re.compile(r"\d{5,7}\.\d+", re.ASCII)
_KEYWORD = re.compile(r"[A-Z0-9_ -]+", re.ASCII)


def keywords(own: bool | Mapping[str, Sequence[str]]) -> Keywords:
    """Return our column -> its keywords, by the setting `headers`.

    Raises
    ------
    UsageError
        If it names an unknown column, or what is no keyword.
    """
    made = dict(USUAL)
    for ours, theirs in own.items() if not isinstance(own, bool) else ():
        if ours not in made:
            raise UsageError(f"headers: {ours!r} is no column of exposures; {', '.join(made)} are")
        made[ours] = tuple(" ".join(word.upper().split()) for word in theirs)
        for word in made[ours]:
            if not all(_KEYWORD.fullmatch(part) for part in word.split("+")):
                raise UsageError(f"headers.{ours}: {word!r} is no keyword of FITS")
    return made


def wanted(words: Keywords) -> list[str]:
    """Return all keywords to read, without repetition."""
    all_words = (part for some in words.values() for word in some for part in word.split("+"))
    return list(dict.fromkeys([*all_words, SCALE, *CLOCKS]))


def needed(words: Keywords, own: bool | Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return groups of keywords that must be found."""
    ours = dict.fromkeys([*NEEDED, *(() if isinstance(own, bool) else own)])
    return [
        [part for word in words[name] for part in word.split("+")] for name in ours if words[name]
    ]


def to_exposures(
    headers: Sequence[Mapping[str, Value]], words: Keywords, types: Mapping[str, str]
) -> DataFrame:
    """Return the facts of each header, with the columns `columns.EXPOSURES`.

    Parameters
    ----------
    headers
        Keyword -> value.
    words
        From `keywords`.
    types
        The setting `types`: a word for a type of exposure -> ours.
    """
    import pandas as pd

    kinds = {column.name: column.kind for column in columns.EXPOSURES}
    index = pd.RangeIndex(len(headers))
    made: dict[str, Series] = {}
    for ours, theirs in words.items():
        cells = pd.Series(
            [_first(header, theirs) for header in headers], index=index, dtype="object"
        )
        if kinds[ours] == "instant":
            made[ours] = _instants(cells, headers)
        elif kinds[ours] == "float":
            made[ours] = _numbers(ours, cells)
        elif kinds[ours] == "int":
            made[ours] = frames.whole_numbers(to_numbers(cells)[0])
        elif kinds[ours] == "flag":
            made[ours] = cells.map(lambda cell: cell if isinstance(cell, bool) else None).astype(
                "boolean"
            )
        else:
            made[ours] = to_text(cells)
    made["observation_type"] = normalised(made["observation_type_original"], types)
    made["azimuth_deg"] = made["azimuth_deg"] % 360
    made["ra_deg"] = made["ra_deg"] % 360
    return frames.frame(columns.EXPOSURES, pd.DataFrame(made, index=index))


def _first(header: Mapping[str, Value], theirs: Sequence[str]) -> Value | None:
    """Return the first value among keywords."""
    for word in theirs:
        if "+" in word:
            parts = [str(header.get(part, "")).strip() for part in word.split("+")]
            kept = dict.fromkeys(part for part in parts if _is_filter(part))
            if kept or any(parts):
                return " + ".join(kept) or next(filter(None, parts))
        elif not _is_nothing(value := header.get(word)):
            return value
    return None


def _is_filter(part: str) -> bool:
    return (
        re.split(r"[\W_\d]", part.casefold())[0] not in NO_FILTER or part.casefold()[:1].isdigit()
    )


def _is_nothing(value: Value | None) -> bool:
    return value is None or (isinstance(value, str) and value.strip().casefold() in NOTHING)


def _with_e(cell: Value | None) -> Value | None:
    """Return a number in text with an E for the D of Fortran."""
    if isinstance(cell, str) and _FORTRAN.fullmatch(cell.strip()):
        return cell.upper().replace("D", "E")
    return cell


def _numbers(ours: str, cells: Series) -> Series[float]:
    """Return numbers, NaN where they are impossible."""
    cells = cells.map(lambda cell: None if isinstance(cell, bool) else _with_e(cell))
    if ours.endswith("_deg"):
        cells = to_degrees(cells, is_hours=ours == "ra_deg")
    numbers = to_numbers(cells)[0]
    least, most = RANGES[ours]
    return numbers.where((numbers >= least) & (numbers <= most))


def _instants(cells: Series, headers: Sequence[Mapping[str, Value]]) -> Series[pd.Timestamp]:
    """Return instants in UTC; each header names its time scale."""
    import pandas as pd

    scales = pd.Series([str(header.get(SCALE, "UTC")).strip().upper() for header in headers])
    # some write the number of days as text
    cells = cells.map(lambda cell: float(cell) if _DAYS.fullmatch(str(cell)) else cell)
    days = cells.map(lambda cell: cell if _is_day_number(cell) else None)
    texts = pd.Series(
        [
            _iso(cell, header) if isinstance(cell, str) else None
            for cell, header in zip(cells, headers, strict=True)
        ],
        dtype="object",
    )
    is_atomic = scales.isin(["TAI", "TT"])
    found = pd.Series(pd.NaT, index=cells.index, dtype=columns.DTYPES["instant"])
    for zone, mask in (("TAI", is_atomic), ("UTC", ~is_atomic)):
        by_form = {"iso": texts, "mjd": days.where(days < 1e6), "jd": days.where(days >= 1e6)}
        for form, values in by_form.items():
            chosen = values[mask & values.notna()]
            if len(chosen):
                found = found.fillna(to_instants(chosen, form, zone))
    made: Series[pd.Timestamp] = found - pd.to_timedelta(
        (scales == "TT") * TT_MINUS_TAI_S, unit="s"
    )
    return made


def _is_day_number(cell: Value | None) -> bool:
    """True for a plausible Julian date."""
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return False
    return 0 < cell < 100_000 or 2_400_000 < cell < 2_500_000


def _iso(text: str, header: Mapping[str, Value]) -> str:
    """Return a date and time as ISO text."""
    text = _OLD_DATE.sub(r"19\3-\2-\1", text.strip())
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        clocks = (str(header.get(word, "")).strip() for word in CLOCKS)
        clock = next((one for one in clocks if re.match(r"\d\d?:\d\d", one)), "")
        # a clock may have its date as well
        return f"{text}T{clock.zfill(8) if len(clock) < 8 else clock}" if clock else ""
    return text
