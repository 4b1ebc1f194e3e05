"""FITS files with the habits of several observatories, written by hand."""

import datetime

BLOCK = 2880


def card(keyword, value):
    """Return a card of 80 bytes."""
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''").ljust(8) + "'"
    else:
        text = f"{value:>20}"
    head = f"HIERARCH {keyword} " if " " in keyword else keyword.ljust(8)
    return f"{head}= {text} / comment".ljust(80)[:80].encode()


def header(cards, first="SIMPLE", **shape):
    """Return the blocks of a header."""
    start = {"SIMPLE": True} if first == "SIMPLE" else {"XTENSION": first}
    words = {**start, "BITPIX": 8, "NAXIS": 0, **shape, **cards}
    data = b"".join(card(*item) for item in words.items()) + b"END".ljust(80)
    return data.ljust(-(-len(data) // BLOCK) * BLOCK)


def fits(cards, extension=None):
    """Return a FITS file with an image, and maybe more cards in an extension."""
    made = header(cards, BITPIX=16, NAXIS=2, NAXIS1=10, NAXIS2=20) + bytes(BLOCK)
    if extension is not None:
        made += header(extension, "IMAGE", BITPIX=16, NAXIS=1, NAXIS1=3) + bytes(BLOCK)
    return made


TYPES = ("bias", "dark", "flat", "science")
WORDS = {
    "noao": ("zero", "dark", "dflat", "object"),
    "gemini": ("BIAS", "DARK", "FLAT", "OBJECT"),
    "eso": ("BIAS", "DARK", "FLAT,SKY", "OBJECT"),
    "rubin": ("BIAS", "DARK", "FLAT", "SCIENCE"),
    "subaru": ("BIAS", "DARK", "DOMEFLAT", "OBJECT"),
    "amateur": ("Bias Frame", "Dark Frame", "Flat Field", "Light Frame"),
}
TAI = datetime.timedelta(seconds=37)


def facts(number, night):
    """Return what every observatory says of an exposure."""
    start = datetime.datetime.combine(night, datetime.time(20), datetime.UTC)
    return {
        "started_at": start + datetime.timedelta(seconds=10 * number),
        "exposure_time_s": 5.0 + number % 3,
        "observation_type": TYPES[number % 4],
        "target": f"M {number % 50 + 1}",
        "program": f"P-{number % 7}",
        "physical_filter": "gri"[number % 3],
        "ra_deg": 15.0 * (number % 24) + 7.5,
        "dec_deg": -0.5 - number % 60,
        "airmass": 1.25,
        "observer": "A. Night",
    }


def in_habit(name, one):
    """Return the cards of the header and of the extension."""
    return _HABITS[name](one, WORDS[name][TYPES.index(one["observation_type"])])


def _common(one):
    return {"OBJECT": one["target"], "OBSERVER": one["observer"]}


def _noao(one, word):
    start = one["started_at"]
    return {
        **_common(one),
        "OBSTYPE": word,
        "EXPTIME": one["exposure_time_s"],
        "DATE-OBS": f"{start:%Y-%m-%dT%H:%M:%S.000}",
        "TIMESYS": "UTC",
        "RA": _sexagesimal(one["ra_deg"] / 15),
        "DEC": _sexagesimal(one["dec_deg"]),
        "FILTER": one["physical_filter"],
        "AIRMASS": one["airmass"],
        "PROPID": one["program"],
    }, None


def _gemini(one, word):
    start = one["started_at"]
    return {
        **_common(one),
        "OBSTYPE": word,
        "EXPTIME": one["exposure_time_s"],
        "DATE-OBS": f"{start:%Y-%m-%d}",
        "TIME-OBS": f"{start:%H:%M:%S.0}",
        "RA": one["ra_deg"],
        "DEC": one["dec_deg"],
        "FILTER1": one["physical_filter"],
        "FILTER2": "open2-8",
        "AIRMASS": one["airmass"],
        "GEMPRGID": one["program"],
        "OBSID": "the same for all",
    }, None


def _eso(one, word):
    start = one["started_at"]
    days = (start - datetime.datetime(1858, 11, 17, tzinfo=datetime.UTC)) / datetime.timedelta(1)
    return {
        **_common(one),
        "ESO DPR TYPE": word,
        "EXPTIME": one["exposure_time_s"],
        "MJD-OBS": f"{days:.8f}",
        "RA": one["ra_deg"],
        "DEC": one["dec_deg"],
        "ESO INS FILT1 NAME": one["physical_filter"],
        "ESO TEL AIRM START": one["airmass"],
        "ESO OBS PROG ID": one["program"],
    }, None


def _rubin(one, word):
    start = one["started_at"] + TAI
    return {}, {
        **_common(one),
        "IMGTYPE": word,
        "EXPTIME": one["exposure_time_s"],
        "DATE-BEG": f"{start:%Y-%m-%dT%H:%M:%S.000}",
        "TIMESYS": "TAI",
        "RA": one["ra_deg"],
        "DEC": one["dec_deg"],
        "FILTER": one["physical_filter"],
        "AIRMASS": one["airmass"],
        "PROGRAM": one["program"],
    }


def _subaru(one, word):
    start = one["started_at"]
    return {
        **_common(one),
        "DATA-TYP": word,
        "EXPTIME": one["exposure_time_s"],
        "DATE-OBS": f"{start:%Y-%m-%d}",
        "UT": f"{start:%H:%M:%S.000}",
        "RA": _sexagesimal(one["ra_deg"] / 15),
        "DEC": _sexagesimal(one["dec_deg"]),
        "FILTER01": one["physical_filter"],
        "AIRMASS": one["airmass"],
        "PROP-ID": one["program"],
    }, None


def _amateur(one, word):
    start = one["started_at"]
    return {
        **_common(one),
        "IMAGETYP": word,
        "EXPOSURE": f"{one['exposure_time_s']:.1E}".replace("E", "D"),
        "DATE-OBS": f"{start:%Y-%m-%dT%H:%M:%S}",
        "OBJCTRA": _sexagesimal(one["ra_deg"] / 15, " "),
        "OBJCTDEC": _sexagesimal(one["dec_deg"], " "),
        "FILTER": one["physical_filter"],
        "AIRMASS": one["airmass"],
        "PROGRAM": one["program"],
    }, None


_HABITS = {
    "noao": _noao,
    "gemini": _gemini,
    "eso": _eso,
    "rubin": _rubin,
    "subaru": _subaru,
    "amateur": _amateur,
}


def _sexagesimal(value, between=":"):
    seconds = round(abs(value) * 3600)
    parts = (seconds // 3600, seconds // 60 % 60, seconds % 60)
    return ("-" if value < 0 else "+") + between.join(f"{part:02d}" for part in parts)
