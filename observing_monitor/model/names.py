"""Facts in a file's name: its kind, its exposure and its detector.

Forms of Rubin names (from obs_lsst's translators and the templates of the Gen2 mappers):

obsid
    `AT_O_20200212_000022`, `CC_C_20190530_000001-R22S00`, `MC_O_20250502_000010_R01_S00`:
    instrument, controller, day_obs, seq_num, sensor.
exposure
    `3018092000065-det000`, `3019053000001-R22-S00-det000`: the day, seq_num in five digits,
    detector. The first digit of the day is one higher (3018 for 2018) for every controller
    but the telescope's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from observing_monitor.errors import UsageError
from observing_monitor.model import frames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pandas import DataFrame, Series


FITS, PACKED = ("fits", "fit", "fts"), ("fz", "gz", "bz2")
_NO_DOT = "".join(chr(letter) for letter in range(1, 128) if chr(letter) != ".")
FITS_ENDING = re.compile(r"\.(?:fits?|fts)(?:\.(?:fz|gz|bz2))?$", re.IGNORECASE)

# Two engines must read these the same way: Python's re, and Arrow's RE2, which has no look-ahead.
# _SENSOR may follow an obsid, _DETECTOR must follow an exposure.
_SENSOR = r"(?:[-_](?P<sensor>R\d\d_?[SGW][A-Z0-9]\d?))?"
_DETECTOR = r"(?:-(?P<raft>R\d\d)-(?P<sensor2>S\w\d))?-det(?P<detector>\d{3})"
_END = r"(?:[^0-9]|$)"
RUBIN = (
    r"(?:^|[^0-9A-Za-z])(?:"
    rf"(?P<obsid>[A-Z]{{2}}_[A-Z]_(?P<day>(?:19|20)\d{{6}})_(?P<seq>\d{{5,6}})){_SENSOR}"
    rf"|(?P<exposure>\d0\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?P<seq2>\d{{5}})){_DETECTOR}"
    rf"){_END}"
)
# The same obsid or exposure at the beginning of a name, which has 20 letters at most.
_HEAD = (
    r"\A(?P<head>[A-Z]{2}_[A-Z]_(?:19|20)\d{6}_\d{5,6}"
    r"|\d0\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{5})"
)
_HEAD_LETTERS, _EXPOSURE_LETTERS = 20, 13


# fact -> groups of a pattern that may contain it; the first one that matched counts
FORMS = {
    "obsid": ("obsid",),
    "exposure": ("exposure",),
    "seq_num": ("seq_num", "seq", "seq2"),
    "detector": ("detector", "sensor", "sensor2"),
}

# Names that groups of a pattern of the settings had, and that are still read -> today's.
OLD_GROUPS = {old: fact for fact, forms in FORMS.items() for old in forms if old != fact}


def named_pattern(setting: str, pattern: str, *groups: str) -> re.Pattern[str]:
    """Return a regular expression of the settings, compiled.

    Parameters
    ----------
    setting : str
        Name of the setting, for the error message.
    pattern : str
    *groups : str
        Named groups that it must have.

    Raises
    ------
    UsageError
        If the pattern is not valid, or lacks a group.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        # Python's own words are for programmers
        where = "" if error.pos is None else f" from character {error.pos + 1} on"
        raise UsageError(f"{setting} {pattern!r} is no regular expression{where}") from error
    for group in groups:
        if group not in compiled.groupindex:
            raise UsageError(f"{setting} {pattern!r} has no group {group!r}; write (?P<{group}>…)")
    return compiled


def kind_of(name: str) -> str:
    """Return `fits` for an image, else the ending of a name in lower case.

    Only the name decides. Returns "" for a name without an ending.
    """
    *before, ending = name.lower().rsplit(".", 2)
    if not before:
        return ""
    return (
        "fits"
        if ending in FITS or (ending in PACKED and before[1:] and before[1] in FITS)
        else ending
    )


def kinds(names: Series[str]) -> Series[str]:
    """Return the kind of each name, as `kind_of`; "" for null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # the part before the first dot does not matter, and many names have the same rest
    endings = pc.ascii_ltrim(frames.arrow(names), _NO_DOT).dictionary_encode()
    found = pa.array([kind_of(name) for name in endings.dictionary.to_pylist()], pa.large_string())
    of_each = pc.coalesce(found.take(endings.indices), pa.scalar("", found.type))
    return frames.texts(of_each).set_axis(names.index)


def read_names(names: Series[str], groups: Mapping[str, Any] | None = None) -> DataFrame:
    """Return the facts in each file name.

    Parameters
    ----------
    names : Series of str
    groups : mapping, optional
        Group in `FORMS` -> Arrow array with its text in each name, as another pattern than
        `RUBIN` finds it (`readers.patterns`).

    Returns
    -------
    DataFrame
        One row per name, with its index: obsid, exposure, detector (text) and seq_num
        (Int64); null if the name does not contain them.
    """
    import pandas as pd

    found = _read_rubin_names(frames.arrow(names)) if groups is None else _facts(groups, len(names))
    made: dict[str, Series[Any]] = {
        name: frames.texts(values).set_axis(names.index) for name, values in found.items()
    }
    made["seq_num"] = _as_integers(made["seq_num"])
    return pd.DataFrame(made, index=names.index)


def _facts(groups: Mapping[str, Any], n: int) -> dict[str, Any]:
    """Return n names' facts by the keys of `FORMS`, as Arrow arrays.

    `groups` are those of a pattern.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    there = {
        name: [groups[form] for form in forms if form in groups] for name, forms in FORMS.items()
    }
    return {
        name: pc.coalesce(*forms) if forms else pa.nulls(n, pa.large_string())
        for name, forms in there.items()
    }


def _read_rubin_names(names: Any) -> dict[str, Any]:
    """Return the facts that `RUBIN` finds in an Arrow array of names.

    Nearly all names of a night begin with an obsid or an exposure and end like thousands of
    others, so each distinct beginning and end is read once. This gives the first match of
    the pattern: an obsid contains no other match, and after an exposure the detector decides.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    begun = pc.utf8_slice_codeunits(names, 0, _HEAD_LETTERS).dictionary_encode()
    (heads,) = pc.extract_regex(begun.dictionary, _HEAD).flatten()
    lengths = pc.binary_length(heads).fill_null(0).to_numpy()
    n_letters = np.append(lengths, 0)[begun.indices.fill_null(len(lengths)).to_numpy()]
    ends = _after(names, n_letters, set(lengths.tolist()) - {0}).dictionary_encode()
    is_end = (
        pc.match_substring_regex(ends.dictionary, rf"\A{_END}")
        .take(ends.indices)
        .fill_null(False)
        .to_numpy(zero_copy_only=False)
    )
    sensors, detectors = (
        _groups_by_arrow(ends.dictionary, rf"\A{form}{_END}")[group].take(ends.indices)
        for form, group in ((_SENSOR, "sensor"), (_DETECTOR, "detector"))
    )
    numbers = pc.if_else(
        pa.array(lengths > _EXPOSURE_LETTERS),
        pc.utf8_slice_codeunits(heads, 14),
        pc.utf8_slice_codeunits(heads, 8),
    )
    is_obsid = pa.array(is_end & (n_letters > _EXPOSURE_LETTERS))
    is_exposure = pc.and_not(detectors.is_valid(), is_obsid)
    is_found, head = pc.or_(is_obsid, is_exposure), heads.take(begun.indices)
    nothing = pa.scalar(None, pa.large_string())
    found = {
        "obsid": pc.if_else(is_obsid, head, nothing),
        "exposure": pc.if_else(is_exposure, head, nothing),
        "seq_num": pc.if_else(is_found, numbers.take(begun.indices), nothing),
        "detector": pc.if_else(is_obsid, sensors, detectors),
    }
    return _with_other_names(found, names, pc.invert(is_found))


def _after(names: Any, n_letters: Any, lengths: set[int]) -> Any:
    """Return names without their first `n_letters` letters.

    Each is 0 or one of `lengths`; names with 0 become null.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    rest = pa.nulls(len(names), names.type)
    for n in lengths:
        rest = pc.if_else(pa.array(n_letters == n), pc.utf8_slice_codeunits(names, n), rest)
    return rest


def _with_other_names(found: dict[str, Any], names: Any, is_other: Any) -> dict[str, Any]:
    """Return facts with those of other names, which the whole pattern reads."""
    import pyarrow.compute as pc

    others = names.filter(is_other)
    if not len(others):
        return found
    by_pattern = _facts(_groups_by_arrow(others, RUBIN), len(others))
    return {
        name: pc.replace_with_mask(values, is_other, by_pattern[name])
        for name, values in found.items()
    }


def _groups_by_arrow(names: Any, pattern: str) -> dict[str, Any]:
    """Return the groups of a pattern's first match in each name.

    Group -> Arrow array, with null for a group that did not match. For a pattern that both
    engines read the same way.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.extract_regex(names, pattern)
    groups = {found.type.field(at).name: part for at, part in enumerate(found.flatten())}
    return {
        group: pc.if_else(
            pc.equal(texts, pa.scalar("", texts.type)), pa.scalar(None, texts.type), texts
        )
        for group, texts in groups.items()
    }


def _as_integers(texts: Series[str]) -> Series[int]:
    """Return texts as Int64; null for a text that is no integer."""
    import pyarrow as pa

    try:
        return frames.integers(frames.arrow(texts)).set_axis(texts.index)
    except pa.ArrowInvalid:  # a pattern of the settings may match other text
        return frames.whole_numbers(texts)


def detector_key(name: str) -> str:
    """Return one key for all forms of a detector's name."""
    # R22_S11 and R22S11, or 007 and 7, are one
    plain = name.replace("_", "").replace("-", "").upper()
    return str(int(plain)) if plain.isdecimal() else plain


def split(paths: Series[str]) -> tuple[Series[str], Series[str]]:
    """Return the folders and the names of paths.

    A folder ends in "/"; it is "" for a path without one.
    """
    import pyarrow as pa

    folders, codes, names = split_words(paths)
    before = pa.array(folders, pa.large_string()).take(codes)
    return frames.texts(before).set_axis(paths.index), frames.texts(names).set_axis(paths.index)


def split_words(paths: Series[str]) -> tuple[list[str], Any, Any]:
    """Return the distinct folders of paths, each path's folder, and the names.

    Returns
    -------
    folders : list of str
        In order of first use, each as in `split`.
    codes : Arrow array of int
        Position of each path's folder in `folders`.
    names : Arrow array of str
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.split_pattern(frames.arrow(paths), "/", max_splits=1, reverse=True)
    n_parts = pc.list_value_length(parts).to_numpy(zero_copy_only=False)
    texts, ends = pc.list_flatten(parts), n_parts.cumsum()
    before = pc.if_else(
        pa.array(n_parts > 1),
        texts.take(pa.array(ends - n_parts)),
        pa.scalar(None, pa.large_string()),
    )
    found = before.dictionary_encode(null_encoding="encode")
    folders = ["" if word is None else f"{word}/" for word in found.dictionary.to_pylist()]
    return folders, found.indices, texts.take(pa.array(ends - 1))


def last_parts(paths: Series[str]) -> Series[str]:
    """Return the names at the end of paths; null for null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.split_pattern(frames.arrow(paths), "/", max_splits=1, reverse=True)
    ends = pa.array(
        parts.offsets.to_numpy()[1:] - 1, mask=parts.is_null().to_numpy(zero_copy_only=False)
    )
    return frames.texts(parts.values.take(ends)).set_axis(paths.index)


def folders(paths: Series[str]) -> Series[str]:
    """Return paths without the names at their end: with the last "/", or ""."""
    return paths.str.replace(r"[^/]*$", "", regex=True)


def in_number_order(name: str) -> list[str | tuple[int, str]]:
    """Return a sort key that puts node2 before node10."""
    parts = re.split("([0-9]+)", name)
    return [
        (len(part.lstrip("0")), part.lstrip("0")) if number % 2 else part
        for number, part in enumerate(parts)
    ]
