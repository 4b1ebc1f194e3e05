"""A Gen2 Butler repository: what its registry has, and when each raw was linked.

`registry.sqlite3` holds a table `raw` whose columns differ by camera (lsst/obs_lsst config/*/ingest.py), and no path and
no time of ingest. Both come from the link under `raw/`, which the mapper names after the exposure and the detector:
`raw/<night or run>/[<expId>/]<expId>[-<raftName>-<detectorName>]-det<detector>.fits`.
The registry's writer makes a copy and renames it, so the file is opened anew for every query, read-only and without locks (see `sqlite`).
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import marshal
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.errors import SourceError
from observing_monitor.model import columns, frames
from observing_monitor.model.names import named_pattern
from observing_monitor.model.nights import iso_utc, night_named
from observing_monitor.model.reading import Reading
from observing_monitor.readers import sqlite
from observing_monitor.readers.listing import ABSENT, instants, shown_all, whole_numbers
from observing_monitor.readers.tree import NightTree
from observing_monitor.sources.base import Telling
from observing_monitor.sources.shared.night_imports import NIGHT_IMPORTS

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, Literal

    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Known
    from observing_monitor.readers.listing import Listing
    from observing_monitor.sources.base import Asked


MESSAGES = {
    "success": "",
    "lost": "the registry has it, but its file is gone: ",
    "unregistered": "linked, but the registry does not have it: ",
}
WANTED = ("detector", "detectorName", "raftName", "seqNum", "obsid")
RAW = r"(?P<exposure>\d+)(?:-.*)?-det(?P<detector>\d+)"
FEW_NIGHTS = (
    5  # more than these in one run, and the registry's rows are looked up by where each night's lie
)
DATES = ("dayObs", "dateObs", "date")  # any of these tells a raw's night


class Gen2Repository(Telling):
    """The raws of a registry, each with its link, and the links that the registry does not know."""

    looks_at_all = True

    @dataclass
    class Settings:
        path: Path  # the repository: the directory with registry.sqlite3 and raw/
        query_links: bool = False  # raw/ is not organised by night: look for the links of a night's raws all over it
        raw_pattern: str = RAW  # how a link's name tells what it is

    @staticmethod
    def stages_of(settings: Gen2Repository.Settings) -> tuple[str, ...]:
        return ("ingest",)

    @staticmethod
    def place_of(settings: Gen2Repository.Settings) -> str:
        return str(settings.path)

    def __init__(self, settings: Gen2Repository.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "gen2"
        self.registry = settings.path / "registry.sqlite3"
        self.tree = NightTree(settings.path / "raw", asked.rule, "repository's raw/ directory")
        self.pattern = named_pattern("raw_pattern", settings.raw_pattern, "exposure", "detector")
        self._columns: list[str] | None = None
        # the night that was asked for last, and what the registry has of it: in JSON, and as rows
        self._arrays: tuple[datetime.date | None, _Arrays | None] = None, None
        self._rows: tuple[datetime.date | None, list[str], list[tuple[Any, ...]]] = None, [], []
        self._n_asked = 0  # how many nights were
        # the registry's state, and of it: day -> the first and last rowid of its raws
        self._spans: tuple[list[int], dict[str, tuple[int, int]]] = [], {}
        self._all_links: DataFrame | None = (
            None  # of a repository that is not organised by night: read once for all nights
        )

    def nights(self) -> set[datetime.date]:
        if not self.settings.query_links:
            return set(self.tree.night_folders()) | set(self._registered_nights())
        return set(self._registered_nights())

    def look(self, night: datetime.date, known: Known) -> Known:
        """Digests of the links and of the registry's rows; of a settled night, only what folders' and registry's times leave open."""
        registry = self._registry_state()
        if self.settings.query_links:
            return {"registry": registry, "digest": self.tree.digest()}
        folders = self.tree.night_folders().get(night, [])
        before = (known or {}).get("glance", {})
        if before and set(folders) <= set(before["folders"]):
            times = self.tree.folder_times(before["folders"])
            changed_ns = max((ns for ns in times.values() if ns is not None), default=0)
            if times == before["folders"] and self.asked.is_settled(night, changed_ns):
                rows = known["rows"] if registry == before["registry"] else self._rows_digest(night)
                return {**known, "glance": {**before, "registry": registry}, "rows": rows}
            if times != before["folders"]:
                self.tree.begin(night, before.get("n_files", 0), NIGHT_IMPORTS)
        listing = self.tree.list_night(night)
        is_same = before and registry == before["registry"] and not self.asked.look_at_everything
        return {
            "glance": {"registry": registry, "folders": listing.folders, "n_files": len(listing)},
            "digest": self.tree.digest(night),
            "rows": known["rows"] if is_same else self._rows_digest(night),
        }

    def read(self, night: datetime.date) -> Reading:
        """The night's attempts: `success` where the registry has the raw, `unregistered` where only the link is there."""
        listing = self.tree.list_all() if self.settings.query_links else self.tree.list_night(night)
        self._refuse_unread(listing, night)
        notes = list(listing.notes)
        if not len(listing) and not self._n_raws(night):
            self.tree.forget(night)
            return Reading(attempts=frames.empty(columns.ATTEMPTS), notes=notes)
        raws = self._raws_of(night)
        self.tree.forget(night)
        self._arrays, self._rows = (None, None), (None, [], [])
        if len(raws) and not self.settings.query_links and not self.tree.night_folders():
            notes.append(
                f"{self.tree.root}: no folder is named after a night; if raws lie by run, set query_links"
            )
        both = _side_by_side(raws, self._links(listing, night))
        if self.settings.query_links:
            both = self._of_night(both, night)
        return Reading(attempts=_attempts(both), notes=notes)

    def _refuse_unread(self, listing: Listing, night: datetime.date) -> None:
        """SourceError where a folder that may hold the night's links could not be listed: none of them is lost for that."""
        folders = [""] if self.settings.query_links else self.tree.night_folders().get(night, [])
        for folder in listing.unread:
            if any(not own or folder == own or folder.startswith(own + "/") for own in folders):
                place = shown_all([os.path.join(self.tree.root, folder)])[0]
                raise SourceError(
                    f"{place}: can't be listed; the links below it stay as last seen, let the user that runs this read it"
                )

    # --- links -----------------------------------------------------------------------------------------------------

    def _links(self, listing: Listing, night: datetime.date) -> DataFrame:
        """The links that may be the night's, as a table by exposure and detector number; a name that tells neither is left out."""
        if not self.settings.query_links:
            # loose ones under raw/ tell no night that could be trusted
            folders = tuple(folder + "/" for folder in self.tree.night_folders().get(night, []))
            return self._links_below(listing, folders)
        if self._all_links is None:
            self._all_links = self._links_below(listing, ("",))
        return self._all_links

    def _links_below(self, listing: Listing, folders: tuple[str, ...]) -> DataFrame:
        import numpy as np
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        (paths, names, is_plain), numbers = listing.texts(), listing.columns()
        is_quick = is_plain and self.settings.raw_pattern == RAW
        told = (
            _named_alike(paths, names, self.pattern, folders)
            if is_quick
            else _named(listing.paths, self.pattern, folders)
        )
        rows, exposures, detectors = told
        if len(rows) < len(paths):
            paths, names = (
                paths.take(pa.array(rows, pa.int64())),
                names.take(pa.array(rows, pa.int64())),
            )
            numbers = {name: values[rows] for name, values in numbers.items()}
        # a symlink's own modification time says when it was made; the change time that of a hard link or a copy
        linked_ns = np.where(numbers["link_ns"] == ABSENT, numbers["ctime_ns"], numbers["link_ns"])
        return pd.DataFrame(
            {
                "exposure": frames.texts(exposures),
                "detector_number": detectors,
                "link": frames.texts(pc.binary_replace_slice(paths, 0, 0, "raw/")),
                "name": frames.texts(names),
                "linked_at": instants(linked_ns),
                "made_at": instants(numbers["mtime_ns"]),
                **{
                    name: pd.Series(whole_numbers(numbers[name]))
                    for name in ("size", "device", "inode")
                },
                "is_dangling": numbers["is_dangling"] != 0,
            }
        )

    def _night_of(self, exposure: str, linked_ns: int) -> datetime.date | None:
        """The night of a link that no registry knows: by its exposure's number, else by when it was made."""
        try:
            # the first digit of the year is raised for controllers other than the telescope's own: 3018 is 2018
            return night_named("2" + exposure[1:8]) or self.asked.rule.night_of_ns(linked_ns)
        except OverflowError:
            return None

    # --- the registry ----------------------------------------------------------------------------------------------

    def _registry_state(self) -> list[int]:
        with self._reading():
            return sqlite.state_of(str(self.registry))

    def _query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of the registry."""
        with self._reading():
            return sqlite.ask(str(self.registry), sql, values)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Whatever is wrong with the registry becomes a SourceError that names it."""
        try:
            yield
        except (sqlite3.Error, UnicodeError) as error:
            raise SourceError(f"{self.registry}: {error}; is it a whole Gen2 registry?") from error
        except OSError as error:
            raise SourceError(
                f"{self.registry}: {(error.strerror or str(error)).lower()}; a Gen2 repository has its registry there"
            ) from error

    def _raw_columns(self) -> list[str]:
        """The columns that this camera's `raw` table has, of those that we can use."""
        if self._columns is None:
            there = {row[1] for row in self._query("PRAGMA table_info(raw)")}
            if not there:
                raise SourceError(
                    f"{self.registry}: has no table 'raw'; is it a Gen2 registry into which raws were ingested?"
                )
            if not there & {"expId", "visit"}:
                raise SourceError(
                    f"{self.registry}: its table 'raw' has neither expId nor visit; raws can't be told apart"
                )
            self._columns = [name for name in ("expId", "visit", *WANTED, *DATES) if name in there]
        return self._columns

    def _night_condition(self, night: datetime.date) -> tuple[str, tuple[str, ...]]:
        """SQL for "the raw is of this night", by what the camera's table has."""
        have = self._raw_columns()
        if "dayObs" in have:
            return "dayObs in (?, ?)", (night.isoformat(), night.strftime("%Y%m%d"))
        date = next((name for name in ("dateObs", "date") if name in have), None)
        if date is None:
            raise SourceError(
                f"{self.registry}: its table 'raw' has none of dayObs, dateObs and date; the night of a raw can't be told"
            )
        start, end = self.asked.rule.bounds(night)
        return f"{date} >= ? and {date} < ?", tuple(
            iso_utc(instant)[:19] for instant in (start, end)
        )

    def _arrays_of(self, night: datetime.date) -> _Arrays | None:
        """What the registry has of a night in JSON, which SQLite makes in half the time of rows; None where JSON can't hold a value."""
        if self._arrays[0] != night:
            selected, where, values = self._selection(night)
            arrays = ", ".join(f"json_group_array({value})" for value in selected.values())
            self._arrays = night, None
            with contextlib.suppress(
                SourceError
            ):  # bytes; whatever else is wrong, the query for rows tells
                ((n_rows, *texts),) = self._query(f"select count(*), {arrays} {where}", values)
                self._arrays = night, _Arrays(n_rows, dict(zip(selected, texts, strict=True)))
        return self._arrays[1]

    def _rows_of(self, night: datetime.date) -> tuple[list[str], list[tuple[Any, ...]]]:
        """What the registry has of a night: the columns' names, and a tuple a raw."""
        if self._rows[0] != night:
            selected, where, values = self._selection(night)
            self._rows = (
                night,
                list(selected),
                self._query(f"select {', '.join(selected.values())} {where}", values),
            )
        return self._rows[1:]

    def _n_raws(self, night: datetime.date) -> int:
        arrays = self._arrays_of(night)
        return len(self._rows_of(night)[1]) if arrays is None else arrays.n_rows

    def _selection(self, night: datetime.date) -> tuple[dict[str, str], str, tuple[Any, ...]]:
        """What is asked of a night's raws: the names of the columns that this camera has, and SQL for them, and for where they are."""
        condition, values = self._night_condition(night)
        where, rowids = self._rowids(night)
        have = self._raw_columns()
        number = [name for name in ("expId", "visit") if name in have]
        selected = {"exposure": f"coalesce({', '.join(number)})" if len(number) > 1 else number[0]}
        selected |= {name: name for name in have if name in WANTED}
        return selected, f"from raw where ({condition}){where}", (*values, *rowids)

    def _rowids(self, night: datetime.date) -> tuple[str, tuple[int, ...]]:
        """SQL that keeps a night's query to the rows between the night's first and last; nothing for the first few nights.

        The table has no index by night, and raws are registered night by night: a history of a thousand nights would be
        read a thousand times.
        """
        self._n_asked += 1
        if self._n_asked <= FEW_NIGHTS:
            return "", ()
        have = self._raw_columns()
        day = (
            "dayObs"
            if "dayObs" in have
            else f"substr({next(name for name in DATES if name in have)}, 1, 10)"
        )
        state = self._registry_state()
        if self._spans[0] != state:  # a raw that came since lies behind its night's last
            try:
                told = {
                    row[0]: row[1:]
                    for row in self._query(
                        f"select {day}, min(rowid), max(rowid) from raw group by 1"
                    )
                }
            except SourceError:  # a table without rowids
                told = {}
            self._spans = state, told
        days = {
            night.isoformat(),
            night.strftime("%Y%m%d"),
            *(f"{instant:%Y-%m-%d}" for instant in self.asked.rule.bounds(night)),
        }
        spans = [self._spans[1][day] for day in days if day in self._spans[1]]
        if not spans:
            return "", ()
        return " and rowid between ? and ?", (
            min(first for first, _ in spans),
            max(last for _, last in spans),
        )

    def _rows_digest(self, night: datetime.date) -> str:
        told = self._arrays_of(night) or self._rows_of(night)
        # marshal's version 2 writes equal values as equal bytes, ten times as quickly as repr
        return hashlib.blake2b(marshal.dumps(tuple(told), 2), digest_size=16).hexdigest()

    def _raws_of(self, night: datetime.date) -> DataFrame:
        """The registry's raws of a night: exposure, detector_number, and the columns of WANTED, null where the camera has them not."""
        import pandas as pd

        arrays = self._arrays_of(night)
        told = arrays and _from_arrays(arrays)
        return pd.DataFrame(_from_rows(*self._rows_of(night)) if told is None else told)

    def _of_night(self, both: DataFrame, night: datetime.date) -> DataFrame:
        """Without the links of other nights: those that are named after one, or whose raw the registry has there."""
        import numpy as np

        loose = both[~both["is_registered"]]
        exposures, linked = loose["exposure"].tolist(), loose["linked_at"].array.asi8.tolist()
        is_of_night = [
            self._night_of(exposure, us * 1000) == night
            for exposure, us in zip(exposures, linked, strict=True)
        ]
        loose = loose[np.array(is_of_night, dtype=bool)]
        known = self._registered_keys(loose["exposure"])
        keys = zip(loose["exposure"].tolist(), loose["detector_number"].tolist(), strict=True)
        loose = loose[np.array([key not in known for key in keys], dtype=bool)]
        return both.loc[both["is_registered"] | both.index.isin(loose.index)].reset_index(drop=True)

    def _registered_keys(self, exposures: Iterable[str]) -> set[tuple[str, int]]:
        """The exposure and detector number of each raw of these exposures that the registry has, on any night."""
        number = "expId" if "expId" in self._raw_columns() else "visit"
        detector = "detector" if "detector" in self._raw_columns() else "0"
        asked = sorted({int(value) for value in exposures if value.isdecimal()})
        known: set[tuple[str, int]] = set()
        for start in range(0, len(asked), 900):  # SQLite takes 999 values at the least
            some = asked[start : start + 900]
            rows = self._query(
                f"select {number}, {detector} from raw where {number} in ({','.join('?' * len(some))})",
                some,
            )
            known.update(
                (str(exposure), int(detector) if str(detector).isdecimal() else 0)
                for exposure, detector in rows
            )
        return known

    def _registered_nights(self) -> set[datetime.date]:
        have = self._raw_columns()
        if "dayObs" in have:
            texts = [str(row[0]) for row in self._query("select distinct dayObs from raw")]
            return {night for text in texts if (night := night_named(text))}
        date = next((name for name in ("dateObs", "date") if name in have), None)
        hours = (
            {row[0] for row in self._query(f"select distinct substr({date}, 1, 13) from raw")}
            if date
            else set()
        )
        return {night for hour in hours if (night := self._night_of_hour(hour))}

    def _night_of_hour(self, text: str) -> datetime.date | None:
        try:
            return self.asked.rule.night_of(
                datetime.datetime.fromisoformat(f"{text}:30").replace(tzinfo=datetime.UTC)
            )
        except (TypeError, ValueError):
            return None


class _Arrays(NamedTuple):
    """A night's rows of the registry, column by column."""

    n_rows: int
    texts: dict[str, str]  # the column's name -> its values in JSON, an array


def _from_arrays(arrays: _Arrays) -> dict[str, Any] | None:
    """A night's raws by the columns that `_raws_of` has; None where a value is not what is usual, which rows tell to the last digit."""
    import pyarrow as pa

    def texts(name: str) -> Any:
        return (
            _values(arrays.texts[name], arrays.n_rows)
            if name in arrays.texts
            else pa.nulls(arrays.n_rows, pa.large_string())
        )

    def whole(name: str) -> Any:
        if '"' in arrays.texts.get(name, ""):
            raise ValueError("text, where numbers are usual")
        return texts(name).cast(pa.int64())

    try:
        exposures = texts("exposure")
        if exposures.null_count:
            return None
        return {
            "exposure": frames.texts(exposures),
            "detector_number": whole("detector").fill_null(0).to_numpy(),
            "seqNum": frames.integers(whole("seqNum")),
            **{name: frames.texts(texts(name)) for name in ("detectorName", "raftName", "obsid")},
        }
    except ValueError:  # Arrow's are too
        return None


def _values(array: str, n: int) -> Any:
    """The values of a JSON array as Arrow's, of text; ValueError unless all are text without escapes, or all whole numbers or null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_text = '"' in array
    # of two texts in a row these three letters stand between them; nowhere else, without escapes
    within, between = (array[2:-2], '","') if is_text else (array[1:-1], ",")
    values = (
        pc.split_pattern(pa.array([within], pa.large_string()), between).values
        if n
        else pa.array([], pa.large_string())
    )
    if len(values) != n or "\\" in array:
        raise ValueError("texts and numbers, or escapes")
    if not is_text:
        if "null" in array:
            values = pc.if_else(
                pc.equal(values, pa.scalar("null", values.type)),
                pa.scalar(None, values.type),
                values,
            )
        values.cast(pa.int64())
    return values


def _from_rows(have: list[str], rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    """As `_from_arrays`, whatever the values are: SQLite holds anything in any column."""
    told = dict(zip(have, zip(*rows, strict=True), strict=True)) if rows else {}
    nothing = [None] * len(rows)
    return {
        "exposure": frames.texts(
            [
                f"{value:.0f}" if isinstance(value, float) else str(value)
                for value in told.get("exposure", ())
            ]
        ),
        "detector_number": _whole(told.get("detector", nothing)).fillna(0).astype("int64"),
        "seqNum": _whole(told.get("seqNum", nothing)),
        **{name: _texts(told.get(name, nothing)) for name in ("detectorName", "raftName", "obsid")},
    }


def _detector_number(text: str | None) -> int | None:
    """The detector's number in a link's name, 0 where it has none; None for one that no registry can hold."""
    text = text or "0"
    return int(text) if text.isdecimal() and len(text) <= 9 else None


def _named(
    paths: list[str], pattern: re.Pattern[str], folders: tuple[str, ...]
) -> tuple[NDArray[np.int64], Any, NDArray[np.int64]]:
    """What the names at the ends of paths tell: which of those below some folders are links of raws, their exposures, their detectors.

    The first are places among the paths; the second a list, or an Arrow array, of text; the third the detectors' numbers.
    """
    import numpy as np

    match = pattern.match
    numbered: dict[
        str, int | None
    ] = {}  # of the detectors, which are few: the text in a link's name -> the number, or None
    kept, exposures, detectors = [], [], []
    for row, path in enumerate(paths):
        told = match(path[path.rfind("/") + 1 :])
        if told is None:
            continue
        exposure, detector = told.group("exposure", "detector")
        if detector not in numbered:
            numbered[detector] = _detector_number(detector)
        if len(exposure) <= 18 and numbered[detector] is not None and path.startswith(folders):
            kept.append(row)
            exposures.append(exposure)
            detectors.append(numbered[detector])
    return np.array(kept, "int64"), exposures, np.array(detectors, "int64")


def _named_alike(
    paths: Any, names: Any, pattern: re.Pattern[str], folders: tuple[str, ...]
) -> tuple[NDArray[np.int64], Any, NDArray[np.int64]]:
    """As `_named`, of Arrow arrays of ASCII, by `RAW`: what follows the exposure is the same in many names, and read once."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rests = pc.ascii_ltrim(names, "0123456789")
    n_digits = pc.binary_length(names).to_numpy() - pc.binary_length(rests).to_numpy()
    alike = rests.dictionary_encode()
    found = [pattern.match(f"0{rest}") for rest in alike.dictionary.to_pylist()]
    numbers = [None if told is None else _detector_number(told["detector"]) for told in found]
    detectors = np.array([-1 if number is None else number for number in numbers], "int64")[
        alike.indices.to_numpy()
    ]
    is_below = np.zeros(len(paths), bool)
    for folder in folders:
        is_below |= pc.starts_with(paths, folder).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(is_below & (detectors >= 0) & (n_digits > 0) & (n_digits <= 18))
    names, n_digits = names.take(pa.array(rows, pa.int64())), n_digits[rows]
    exposures = pa.nulls(len(rows), names.type)
    for n in np.unique(n_digits).tolist():
        exposures = pc.if_else(
            pa.array(n_digits == n), pc.utf8_slice_codeunits(names, 0, n), exposures
        )
    return rows, exposures, detectors[rows]


def _texts(values: Sequence[object]) -> Series[str]:
    """Values of a registry's column as text; what was written as a number is text too."""
    try:
        return frames.texts(values)
    except (TypeError, ValueError):
        return frames.texts([None if value is None else str(value) for value in values])


def _whole(values: Sequence[object]) -> Series[Any]:
    """Values of a registry's column as whole numbers, null where there is none."""
    import pandas as pd
    import pyarrow as pa

    try:
        return frames.integers(pa.array(values, pa.int64()))
    except (
        pa.ArrowException,
        TypeError,
        ValueError,
        OverflowError,
    ):  # SQLite holds anything in any column
        return frames.whole_numbers(pd.Series(values, dtype="object"))


def _side_by_side(raws: DataFrame, links: DataFrame) -> DataFrame:
    """Registered raws and links in one table, a row an exposure and detector number: `is_registered`, and `link` where there is one.

    Of two rows of one raw the first is taken, of two links the first that leads to a file.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    n_raws, is_dangling = len(raws), links["is_dangling"].to_numpy()
    exposures = frames.texts(
        pa.concat_arrays([frames.arrow(raws["exposure"]), frames.arrow(links["exposure"])])
    )
    detectors = np.concatenate([raws["detector_number"], links["detector_number"]])
    numbered = pd.factorize(detectors)[0]
    # of the raws, and then of the links: the same number where exposure and detector are the same
    keys = pd.factorize(pd.factorize(exposures)[0] * (int(numbered.max(initial=0)) + 1) + numbered)[
        0
    ]
    of_raws, of_links = keys[:n_raws], keys[n_raws:]
    first_raw, first_link = np.full(len(keys), -1), np.full(len(keys), -1)
    every_raw, every_link = np.arange(n_raws), np.argsort(is_dangling, kind="stable")
    # the last that is written stays
    first_raw[of_raws[::-1]] = every_raw[::-1]
    first_link[of_links[every_link[::-1]]] = every_link[::-1]
    registered = every_raw[first_raw[of_raws] == every_raw]
    alone = every_link[
        (first_link[of_links[every_link]] == every_link) & (first_raw[of_links[every_link]] < 0)
    ]
    raw_at = np.concatenate([registered, np.full(len(alone), -1)])
    link_at = np.concatenate([first_link[of_raws[registered]], alone])
    key_at = np.concatenate([registered, n_raws + alone])
    is_there = link_at >= 0
    is_there[is_there] = ~is_dangling[link_at[is_there]]
    own = {"exposure": exposures.array.take(key_at), "detector_number": detectors[key_at]}
    told = {
        name: raws[name].array.take(raw_at, allow_fill=True) for name in raws.columns.drop([*own])
    }
    told |= {
        name: links[name].array.take(link_at, allow_fill=True)
        for name in links.columns.drop([*own, "is_dangling"])
    }
    return pd.DataFrame({**own, **told, "is_registered": raw_at >= 0, "is_there": is_there})


def _attempts(both: DataFrame) -> DataFrame:
    """Registered raws and links, side by side, as `columns.ATTEMPTS`."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    is_registered, is_there = both["is_registered"].to_numpy(), both["is_there"].to_numpy()
    link, plain = frames.arrow(both["link"]), _plain_names(both)
    raft_and_sensor = _joined(
        frames.arrow(both["raftName"]), "_", frames.arrow(both["detectorName"])
    )
    forms = ["unregistered", "lost", "success"]
    form = pa.array(np.where(is_registered, np.where(is_there, 2, 1), 0), pa.int64())
    place = pc.if_else(
        pa.array(is_registered & is_there),
        "",
        pc.coalesce(link, pa.scalar("no link under raw/", link.type)),
    )
    attempts = {
        "stage": "ingest",
        "attempted_at": both["linked_at"],
        "status": frames.texts(pa.array(forms, link.type).take(form)),
        "message": frames.texts(
            _joined(pa.array([MESSAGES[name] for name in forms], link.type).take(form), place)
        ),
        "attempt": 1,
        "destination": both["link"],
        "path": frames.texts(pc.coalesce(link, pc.binary_replace_slice(plain, 0, 0, "raw/"))),
        "names": frames.texts(_names_of(both, plain, raft_and_sensor)),
        "size_bytes": both["size"],
        "created_at": both["made_at"],
        "obsid": both["obsid"],
        "exposure": both["exposure"],
        "seq_num": both["seqNum"],
        # as people say it: R22_S11 where the registry has raft and name
        "detector": frames.texts(
            pc.coalesce(raft_and_sensor, pa.array(both["detector_number"]).cast(link.type))
        ),
        "on_disk": is_there,
        "device": both["device"].where(is_there),
        "inode": both["inode"].where(is_there),
    }
    return frames.frame(columns.ATTEMPTS, pd.DataFrame(attempts, index=both.index))


def _plain_names(both: DataFrame) -> Any:
    """The names of raws' links without raft and sensor, such as 3018092000065-det000: an Arrow array."""
    import pandas as pd
    import pyarrow as pa

    codes, numbers = pd.factorize(both["detector_number"])
    ends = pa.array([f"-det{number:03d}" for number in numbers], pa.large_string())
    return _joined(frames.arrow(both["exposure"]), ends.take(pa.array(codes, pa.int64())))


def _joined(*parts: Any, between: str = "", is_partly: bool = False) -> Any:
    """Arrow arrays of text, and texts, put together row by row; null where one is null, unless `is_partly`, when it is left out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [
        pa.scalar(part, pa.large_string()) if isinstance(part, str) else part
        for part in (*parts, between)
    ]
    nulls: Literal["skip", "emit_null"] = "skip" if is_partly else "emit_null"
    return pc.binary_join_element_wise(*texts, null_handling=nulls)


def _names_of(both: DataFrame, plain: Any, raft_and_sensor: Any) -> Any:
    """The names that a raw's file may have where it was transferred to, for matching copies: an Arrow array of texts, of a name a line."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    forms, obsid = [frames.arrow(both["name"]), plain], frames.arrow(both["obsid"])
    if raft_and_sensor.null_count < len(both):
        forms += [
            _joined(obsid, "-", frames.arrow(both["raftName"]), frames.arrow(both["detectorName"])),
            _joined(obsid, "_", raft_and_sensor),
        ]
    # the observation's name alone tells the file where a camera has one detector
    each = obsid.dictionary_encode().indices.fill_null(-1).to_numpy()
    forms.append(
        pc.if_else(
            pa.array(np.bincount(each + 1)[each + 1] == 1), obsid, pa.scalar(None, obsid.type)
        )
    )
    return _joined(*forms, between="\n", is_partly=True)
