"""What a file's name tells: is it an image, and which exposure and detector it is of.

The forms (from obs_lsst's translators and the Gen2 mappers' templates):
obsid `AT_O_20200212_000022`, `CC_C_20190530_000001-R22S00`, `MC_O_20250502_000010_R01_S00`: instrument, controller,
day_obs, seq_num, sensor; exposure `3018092000065-det000`, `3019053000001-R22-S00-det000`: the day, its first digit raised by one for every
controller but the telescope's own (2018 becomes 3018), seq_num in five digits, detector.
"""

import re

from observing_monitor import columns
from observing_monitor.errors import UsageError

FITS, PACKED = ("fits", "fit", "fts"), ("fz", "gz", "bz2")
FITS_ENDING = re.compile(r"\.(?:fits?|fts)(?:\.(?:fz|gz|bz2))?$", re.IGNORECASE)

RUBIN = (
    r"(?:^|[^0-9A-Za-z])(?:"
    r"(?P<obsid>[A-Z]{2}_[A-Z]_(?P<day>(?:19|20)\d{6})_(?P<seq>\d{5,6}))(?:[-_](?P<sensor>R\d\d_?[SGW][A-Z0-9]\d?))?"
    r"|(?P<exposure>\d0\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?P<seq2>\d{5}))(?:-(?P<raft>R\d\d)-(?P<sensor2>S\w\d))?-det(?P<detector>\d{3})"
    r")(?![0-9])"
)


# what a name tells -> the groups of a pattern that may tell it, the first that matched counts
FORMS = {
    "obsid": ("obsid",),
    "exposure": ("exposure",),
    "seq_num": ("seq_num", "seq", "seq2"),
    "detector": ("detector", "sensor", "sensor2"),
}


def named_pattern(setting, pattern, *groups):
    """A regular expression of the settings, compiled; UsageError if it is none, or lacks one of the named groups."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"{setting} {pattern!r} is no regular expression: {error}") from error
    for group in groups:
        if group not in compiled.groupindex:
            raise UsageError(f"{setting} {pattern!r} has no group {group!r}; write (?P<{group}>…)")
    return compiled


def kind_of(name):
    """`fits` for an image by its name, else the name's ending in lower case, "" where it has none."""
    rest, dot, ending = name.lower().rpartition(".")
    if ending in PACKED and rest.rpartition(".")[2] in FITS:
        return "fits"
    return "fits" if ending in FITS else ending if dot else ""


def kinds_of(names):
    """The kind of each of a list of names: as `kind_of`, but quick where endings are few."""
    known, kinds = {}, []
    for name in names:
        if not isinstance(name, str):  # null
            kinds.append("")
            continue
        ending = name[name.rfind(".") + 1 :] if "." in name else ""
        kind = known.get(ending)
        if kind is None:
            kind = kind_of(name)
            if ending.lower() not in PACKED:  # of a packed file the ending before counts too
                known[ending] = kind
        kinds.append(kind)
    return kinds


def read_names(names, pattern=RUBIN):
    """What each of a Series of file names tells.

    Returns
    -------
    DataFrame
        One row a name, by the Series' index: obsid, exposure, detector (text) and seq_num (Int64), null where untold.
        A pattern of one's own may name any of these groups.
    """
    import pandas as pd

    compiled = re.compile(pattern)
    search, nothing = compiled.search, (None,) * compiled.groups
    rows = [found.groups() if isinstance(name, str) and (found := search(name)) else nothing for name in names.tolist()]
    groups = {name: [row[at - 1] for row in rows] for name, at in compiled.groupindex.items()}
    told = {name: pd.Series(_first(groups, *forms), index=names.index, dtype="str") for name, forms in FORMS.items() if name != "seq_num"}
    number = pd.Series(_first(groups, *FORMS["seq_num"]), index=names.index, dtype="str")
    told["seq_num"] = columns.whole_numbers(number)
    return pd.DataFrame({name: told[name] for name in FORMS}, index=names.index)


def _first(groups, *forms):
    """The first of these groups that matched, row by row; None where none did, or the pattern has none of them."""
    columns = [groups[form] for form in forms if form in groups]
    if not columns:
        return None
    first = columns[0]
    for other in columns[1:]:
        first = [theirs if own is None else own for own, theirs in zip(first, other, strict=True)]
    return first


def last_parts(paths):
    """The names at the end of a Series of paths."""
    return paths.str.replace(r"(?s)^.*/", "", regex=True)


def folders(paths):
    """What stands before the names in a Series of paths, with the last "/"; "" where there is none."""
    return paths.str.replace(r"[^/]*$", "", regex=True)
