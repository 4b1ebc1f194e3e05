"""Lists of sensors and of exposures, as they lie on disk.

`<obsid>_expectedSensors.json`, {"obsId", "expectedSensors": {"R01_S00": "SCIENCE", "R00_SG0":
"GUIDER"}}, is what the summit of the Rubin Observatory writes beside the files of an exposure
(lsst-dm/data_transfer_monitoring).
"""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import night_named
from observing_monitor.model.reading import Counts
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.textfiles import parse_json
from observing_monitor.sources.expected_names import number_of

if TYPE_CHECKING:
    import datetime
    import os
    from collections.abc import Collection, Iterable
    from typing import Any


# of one list
MAX_BYTES = 16 * 2**20
# columns that may name the exposure, the first that exists is used
EXPOSURE_COLUMNS = (
    "obsid",
    "obsId",
    "obs_id",
    "imageName",
    "exposure",
    "exposure_id",
    "expId",
    "visit",
    "name",
)


class ExposureLists:
    """The lists of exposures that a setting names.

    Parameters
    ----------
    path : Path
        One list for all nights, or with {night} (YYYY-MM-DD) or {day_obs} (YYYYMMDD) in its name
        one per night.
    column : str
        The column or JSON key that names the exposure; "" for one of `EXPOSURE_COLUMNS`.
    """

    def __init__(self, path: Path, column: str) -> None:
        self.path = path
        self.column = column
        self.is_nightly = "{night}" in str(path) or "{day_obs}" in str(path)
        # the list that was read last -> its names, and those left out
        self.counts: dict[str, Counts] = {}

    def nights(self) -> set[datetime.date]:
        """Return the nights that lists are of, or that a list for all names."""
        return {night for path in self._paths() for night in self._nights_of(path)}

    def state(self, night: datetime.date) -> list[int] | None:
        """Return the size and modification time (ns) of a night's list.

        None if each night has its list and this has none; SourceError if the one list is missing.
        """
        path = self._path_of(night)
        try:
            state = path.stat()
        except FileNotFoundError:
            if self.is_nightly:
                return None
            raise SourceError(
                f"{path}: no such file; the list of exposures should be there"
            ) from None
        except OSError as error:
            raise _fault(path, error) from error
        return [state.st_size, state.st_mtime_ns]

    def exposures(self, night: datetime.date) -> list[str]:
        """Return a night's exposures, each once, in the order of the list."""
        self.counts = {}
        if self.state(night) is None:
            return []
        names = self._names_in(self._path_of(night))
        counts = self.counts[str(self._path_of(night))] = Counts(len(names))
        if not self.is_nightly:
            days = [_day_of(name) for name in names]
            undated = [name for name, own in zip(names, days, strict=True) if own is None]
            if undated:
                counts.leave_out(undated[0], "its name has no date, so no night", len(undated))
            day = f"{night:%Y%m%d}"
            names = [name for name, own in zip(names, days, strict=True) if own == day]
        return list(dict.fromkeys(names))

    def _paths(self) -> list[Path]:
        if not self.is_nightly:
            return [self.path] if self.path.exists() else []
        pattern = re.sub(r"\{(?:night|day_obs)\}", "*", self.path.name)
        return sorted(self.path.parent.glob(pattern))

    def _path_of(self, night: datetime.date) -> Path:
        text = str(self.path).replace("{night}", night.isoformat())
        return Path(text.replace("{day_obs}", f"{night:%Y%m%d}"))

    def _nights_of(self, path: Path) -> set[datetime.date]:
        if self.is_nightly:
            found = re.search(r"(?:19|20)\d\d(-?)\d\d\1\d\d", path.name)
            return {night for night in [found and night_named(found[0])] if night}
        days = {day for name in self._names_in(path) if (day := _day_of(name))}
        return {night for day in days if (night := night_named(day))}

    def _names_in(self, path: Path) -> list[str]:
        # a pattern may find a link that leads elsewhere, a path is what the settings say
        roots = [path.parent] if self.is_nightly else None
        try:
            return read_exposures(read_text(path, roots), self.column, path.suffix)
        except OSError as error:
            raise _fault(path, error) from error
        except ValueError as error:
            raise SourceError(f"{path}: {error}; no exposure of it is expected") from None


def read_text(
    path: str | os.PathLike[str], roots: Iterable[str | os.PathLike[str]] | None = None
) -> str:
    """Return the text of a list.

    Raises
    ------
    OSError
        If it cannot be read, is no plain file, or lies outside `roots`.
    ValueError
        If it is larger than `MAX_BYTES` or is no UTF-8.
    """
    with open_plain(path, roots) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES >> 20} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is no text in UTF-8") from None


def read_sensors(text: str) -> tuple[dict[str, Any], str]:
    """Return what an expectedSensors file holds, and its flaw.

    A truncated file is used if its object of sensors is complete.

    Returns
    -------
    content : dict
        `expectedSensors`: type by sensor; `obsId` if it is known.
    flaw : str
        A sentence on what is wrong with the file, "" if nothing is.

    Raises
    ------
    ValueError
        If the sensors are not known.
    """
    content: Any
    try:
        content, flaw = parse_json(text), ""
    except RecursionError:
        raise ValueError("is no list of sensors") from None
    except ValueError:
        content = _sensors_of_fragment(text)
        flaw = "is no whole JSON; its list of sensors is complete and used"
    if not isinstance(content, dict) or not isinstance(content.get("expectedSensors"), dict):
        raise ValueError("has no expectedSensors")
    return content, flaw


def _sensors_of_fragment(text: str) -> dict[str, Any] | None:
    """Return the sensors of JSON that is not whole.

    None if it has none; ValueError if they are not whole either.
    """
    found = re.search(r'"expectedSensors"\s*:\s*(?=\{)', text)
    try:
        sensors, end = json.JSONDecoder().raw_decode(text, found.end() if found else 0)
    except (ValueError, RecursionError):
        raise ValueError("is no whole JSON, and its list of sensors is cut short") from None
    if not found:
        return None
    obsid = re.search(r'"obsId"\s*:\s*"([^"\\]+)"', text[: found.start()] + text[end:])
    return {"obsId": obsid and obsid[1], "expectedSensors": sensors}


def read_exposures(text: str, column: str = "", suffix: str = "") -> list[str]:
    """Return the exposures that a list names, in its order.

    Parameters
    ----------
    text : str
        JSON (a list of names or of objects), CSV with a header, or one name per line. A line that
        begins with `#` is a comment.
    column : str
        The column or key with the names; without it, one of `EXPOSURE_COLUMNS`.
    suffix : str
        The end of the file's name, such as `.json`.

    Raises
    ------
    ValueError
        If no column or key names exposures, or the JSON is none.
    """
    if suffix.lower() == ".json" or text.lstrip()[:1] in ("[", "{"):
        return _exposures_of_json(text, column)
    lines = [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    if not any("," in line for line in lines[:1]) and not column:
        has_header = bool(lines) and lines[0].strip() in EXPOSURE_COLUMNS
        return [line.strip() for line in lines[1 if has_header else 0 :]]
    rows = list(csv.DictReader(io.StringIO("\n".join(lines)), skipinitialspace=True))
    if not rows:
        return []
    key = _exposure_column([name for name in rows[0] if name], column)
    return [row[key].strip() for row in rows if row.get(key) and row[key].strip()]


def _exposures_of_json(text: str, column: str) -> list[str]:
    try:
        content = parse_json(text)
    except (ValueError, RecursionError):
        raise ValueError("is no JSON") from None
    if isinstance(content, dict):
        content = next((value for value in content.values() if isinstance(value, list)), None)
    if not isinstance(content, list):
        raise ValueError("holds no list of exposures")
    objects = [one for one in content if isinstance(one, dict)]
    key = _exposure_column({key for one in objects for key in one}, column) if objects else ""
    values = [one.get(key) if isinstance(one, dict) else one for one in content]
    names = [str(value).strip() for value in values if isinstance(value, str | int)]
    return [name for name in names if name]


def _exposure_column(existing: Collection[str], wanted: str) -> str:
    for name in [wanted] if wanted else EXPOSURE_COLUMNS:
        if name in existing:
            return name
    columns = ", ".join(map(str, sorted(existing)))[:200]
    raise ValueError(
        f"has no column {wanted or 'obsid or exposure'} (has {columns}); set `column` to another"
    )


def _day_of(exposure: str) -> str | None:
    number = number_of(exposure)
    return number.day if number else None


def _fault(path: Path, error: OSError) -> SourceError:
    return SourceError(f"{path}: {os_error_text(error)}; the list of exposures should be readable")
