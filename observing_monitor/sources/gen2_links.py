r"""The links below a Gen2 repository's `raw/`, as a table.

The mapper names a link after exposure and detector:
`raw/<night or run>/[<expId>/]<expId>[-<raftName>-<detectorName>]-det<detector>.fits`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.model import frames
from observing_monitor.readers.listing import ABSENT, instants, whole_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame

    from observing_monitor.readers.listing import Listing
    from observing_monitor.readers.patterns import Pattern


RAW = r"(?P<exposure>\d+)(?:-.*)?-det(?P<detector>\d+)"
# longer numbers do not fit into the integers of a registry
EXPOSURE_DIGITS = 18
DETECTOR_DIGITS = 9


class LinkNames(NamedTuple):
    """Exposures and detectors from links' names.

    Attributes
    ----------
    rows
        The positions of the links among all paths.
    exposures
        Each link's exposure: a list or an Arrow array of text.
    detectors
        Each link's detector number.
    """

    rows: NDArray[np.int64]
    exposures: Any
    detectors: NDArray[np.int64]


def links_below(listing: Listing, pattern: Pattern, folders: tuple[str, ...]) -> DataFrame:
    """Return the links below some folders.

    Parameters
    ----------
    listing
        Files of `raw/`.
    pattern
        The setting `raw_pattern`.
    folders
        Beginnings of paths below `raw/`; "" for all.

    Returns
    -------
    DataFrame
        One row per link whose name has an exposure and a detector, in the listing's order:
        exposure (text), detector_number, link (its path), name, linked_at and made_at (UTC), size,
        device, inode, is_dangling.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    (paths, names, is_ascii), numbers = listing.texts(), listing.columns()
    if is_ascii and pattern.pattern == RAW:
        found = read_names_together(paths, names, folders)
    else:
        groups = pattern.groups(names, at_start=True)
        pairs = zip(groups["exposure"].to_pylist(), groups["detector"].to_pylist(), strict=True)
        found = read_names(listing.paths, pairs, folders)
    if len(found.rows) < len(paths):
        rows = pa.array(found.rows, pa.int64())
        paths, names = paths.take(rows), names.take(rows)
        numbers = {name: values[found.rows] for name, values in numbers.items()}
    # a symlink was made at its own modification time; a hard link or copy at its change time
    linked_ns = np.where(numbers["link_ns"] == ABSENT, numbers["ctime_ns"], numbers["link_ns"])
    of_file = {
        name: pd.Series(whole_numbers(numbers[name])) for name in ("size", "device", "inode")
    }
    return pd.DataFrame(
        {
            "exposure": frames.texts(found.exposures),
            "detector_number": found.detectors,
            "link": frames.texts(pc.binary_replace_slice(paths, 0, 0, "raw/")),
            "name": frames.texts(names),
            "linked_at": instants(linked_ns),
            "made_at": instants(numbers["mtime_ns"]),
            **of_file,
            "is_dangling": numbers["is_dangling"] != 0,
        }
    )


def read_names(
    paths: list[str], pairs: Iterable[tuple[str | None, str | None]], folders: tuple[str, ...]
) -> LinkNames:
    """Read names one by one; other names are left out.

    Parameters
    ----------
    paths
        Paths below `raw/`.
    pairs
        Exposure and detector in each name; no exposure for other names.
    folders
        Beginnings of the paths to read.
    """
    import numpy as np

    # the text in a name -> the number; a camera has few detectors
    numbered: dict[str | None, int | None] = {}
    kept, exposures, detectors = [], [], []
    for row, (path, (exposure, detector)) in enumerate(zip(paths, pairs, strict=True)):
        if exposure is None:
            continue
        if detector not in numbered:
            numbered[detector] = _detector_number(detector)
        is_raw = len(exposure) <= EXPOSURE_DIGITS and numbered[detector] is not None
        if is_raw and path.startswith(folders):
            kept.append(row)
            exposures.append(exposure)
            detectors.append(numbered[detector])
    return LinkNames(np.array(kept, "int64"), exposures, np.array(detectors, "int64"))


def read_names_together(paths: Any, names: Any, folders: tuple[str, ...]) -> LinkNames:
    """Read Arrow arrays of ASCII with the pattern `RAW`.

    The part after the exposure is the same in many names, and is read once.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    compiled = re.compile(RAW)
    rests = pc.ascii_ltrim(names, "0123456789")
    n_digits = pc.binary_length(names).to_numpy() - pc.binary_length(rests).to_numpy()
    alike = rests.dictionary_encode()
    found = [compiled.match(f"0{rest}") for rest in alike.dictionary.to_pylist()]
    numbers = [None if one is None else _detector_number(one["detector"]) for one in found]
    of_rests = np.array([-1 if number is None else number for number in numbers], "int64")
    detectors = of_rests[alike.indices.to_numpy()]
    is_below = np.zeros(len(paths), bool)
    for folder in folders:
        is_below |= pc.starts_with(paths, folder).to_numpy(zero_copy_only=False)
    is_number = (n_digits > 0) & (n_digits <= EXPOSURE_DIGITS)
    rows = np.flatnonzero(is_below & (detectors >= 0) & is_number)
    names, n_digits = names.take(pa.array(rows, pa.int64())), n_digits[rows]
    exposures = pa.nulls(len(rows), names.type)
    for n in np.unique(n_digits).tolist():
        digits = pc.utf8_slice_codeunits(names, 0, n)
        exposures = pc.if_else(pa.array(n_digits == n), digits, exposures)
    return LinkNames(rows, exposures, detectors[rows])


def _detector_number(text: str | None) -> int | None:
    """Return the detector's number.

    0 if the name has none, None if no registry can hold it.
    """
    text = text or "0"
    return int(text) if text.isdecimal() and len(text) <= DETECTOR_DIGITS else None
