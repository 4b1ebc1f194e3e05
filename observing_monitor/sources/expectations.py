"""What should have come, by what others say: lists of exposures, lists of sensors, a camera's detectors, a sequence, a count.

The source stores what is expected, as metrics; the check compares it with the files that all sources of the stream told of. What is
expected and never came is counted beside the classes of the files, never folded into them, and more than expected may come.

`<obsid>_expectedSensors.json` {"obsId", "expectedSensors": {"R01_S00": "SCIENCE", "R00_SG0": "GUIDER"}} is what the summit of the
Rubin Observatory writes beside the files of an exposure (lsst-dm/data_transfer_monitoring).
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import json
import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames
from observing_monitor.model.nights import EPOCH, iso_utc, night_named
from observing_monitor.model.reading import Reading
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.textfiles import parse_json
from observing_monitor.readers.tree import NightTree, shown_all
from observing_monitor.sources.base import Telling

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    import pandas as pd
    from pandas import DataFrame

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.readers.tree import Entry, Listing
    from observing_monitor.sources.base import Asked


# name, node, when, value, text: a row of `documents`
Document = tuple[str, str | None, str | None, float | None, str]
# the detectors that an exposure is to have: plain name -> name, or how many
Wanted = dict[str, str] | int

MAX_BYTES = 16 * 2**20  # of one list
NAMES = "text/plain"  # the unit of metrics that hold a list of names, one a line
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

# obsid AT_O_20200212_000022, or five digits; exposure 2020021200022, with or without a digit for the controller before it
_NUMBERED = re.compile(
    r"(?:^|[^0-9A-Za-z])[A-Z]{2}_[A-Z]_(?P<day>\d{8})_(?P<seq>\d{5,6})(?!\d)|^\d?(?P<day2>(?:19|20)\d{6})(?P<seq2>\d{5})$"
)


class Expectations(Telling):
    """What a night's files are measured by."""

    meanings = {
        "n_expected": "Images that should have come, as far as they are known",
        "n_expected_missing": "Of these, images that never came",
        "n_gaps": "Numbers of the sequence of which no file came",
    }

    @dataclass
    class Settings:
        path: Path | None = (
            None  # a directory with *_expectedSensors.json at any depth, such as the file store itself
        )
        sensors_pattern: str = "*_expectedSensors.json"  # the names of these files
        sensor_types: list[str] = field(
            default_factory=list
        )  # which of their sensors count, such as SCIENCE; all, if none is named
        exposures: Path | None = (
            None  # a list of exposures: CSV, JSON, or one a line; {night} and {day_obs} in its name stand for the night
        )
        column: str = ""  # the column (or JSON key) that names the exposure, where it is not obsid or exposure
        detectors: list[str] | int = 0  # what every exposure has: detectors by name, or how many
        called: str = "detectors"  # what an exposure consists of, in the findings' words: detectors, sub-bands …
        sequence: bool = False  # the exposures of a night are numbered without gaps …
        first: int | None = None  # … from this number; without it, from the lowest that came
        n_files: int = 0  # how many images a whole night has
        n_exposures: int = 0  # how many exposures a whole night has
        kinds: list[str] = field(
            default_factory=lambda: ["fits"]
        )  # the kinds of files that are images: fits, ms, tar …
        wait_s: float = 3600  # what was taken less long ago is on its way, and not missed
        level: Literal["normal", "warning", "error"] = (
            "warning"  # what it is when something never came
        )
        max_named: int = 10  # exposures and detectors that a finding names; the rest are counted

    @staticmethod
    def tells_of_files(settings: Expectations.Settings) -> bool:
        return False

    @staticmethod
    def stages_of(settings: Expectations.Settings) -> tuple[str, ...]:
        return ()

    @staticmethod
    def place_of(settings: Expectations.Settings) -> str:
        return (
            ", ".join(str(path) for path in (settings.path, settings.exposures) if path)
            or "the settings"
        )

    @staticmethod
    def headlines(settings: Expectations.Settings) -> tuple[str, ...]:
        counts = (
            settings.path
            or settings.exposures
            or settings.detectors
            or settings.n_files
            or settings.n_exposures
        )
        return (
            *(("n_expected", "n_expected_missing") if counts else ()),
            *(("n_gaps",) if settings.sequence else ()),
        )

    def __init__(self, settings: Expectations.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "expected"
        says = (
            settings.path,
            settings.exposures,
            settings.detectors,
            settings.sequence,
            settings.n_files,
            settings.n_exposures,
        )
        if not any(says):
            raise UsageError(
                "an expected source expects nothing; set path, exposures, detectors, sequence, n_files or n_exposures"
            )
        self.tree = (
            NightTree(settings.path, asked.rule, "folder of expected sensors")
            if settings.path
            else None
        )

    def nights(self) -> set[datetime.date]:
        nights = self.tree.nights() if self.tree else set()
        for name in self._lists():
            nights |= self._nights_of_list(name)
        return nights

    def look(self, night: datetime.date, known: Known) -> Known:
        """The lists as they are, and whether the night is over; of an open night also the time, in coarse steps.

        Time alone makes what has not come missing: while a night is open, the steps are a quarter of `wait_s`.
        """
        state = {
            "as_of": as_of(self.asked, night, self.settings.wait_s)[0],
            "list": self._list_state(night),
        }
        if not self.tree:
            return state
        folders = self.tree.night_folders().get(night, [])
        if not folders and known and known.get("folders"):
            raise SourceError(
                f"{self.tree.root}: the night's folder is no longer there; what was expected stays as last seen"
            )
        if (
            known
            and known.get("folders") is not None
            and set(folders) <= set(known["folders"])
            and not self.tree.loose(night)
        ):
            times = self.tree.folder_times(known["folders"])
            if times == known["folders"] and self.asked.is_settled(
                night, max(filter(None, times.values()), default=0)
            ):
                return {**state, "folders": times, "sensors": known["sensors"]}
        listing = self.tree.list_night(night)
        text = repr([tuple(entry) for entry in self._sensor_files(listing)])
        return {
            **state,
            "folders": listing.folders,
            "sensors": hashlib.blake2b(
                text.encode("utf-8", "surrogatepass"), digest_size=16
            ).hexdigest(),
        }

    def read(self, night: datetime.date) -> Reading:
        """What is expected of the night: metrics `expected_detectors` (node: the exposure), `expected_exposures`, `expected_as_of`."""
        notes: list[str] = []
        rows = [as_of_row(self.asked, night, self.settings.wait_s)]
        if self.tree:
            listing = self.tree.list_night(night)
            notes += listing.notes
            rows += self._sensor_rows(self.tree.root, self._sensor_files(listing), notes)
        listed = self._listed(night, notes) if self.settings.exposures else None
        if listed and (state := self._list_state(night)):
            at = iso_utc(_instant_of_ns(state[1]))
            rows.append(("expected_exposures", None, at, float(len(listed)), "\n".join(listed)))
        return Reading(metrics=documents(rows), notes=notes)

    @staticmethod
    def numbers(
        night: datetime.date, tables: Tables, settings: Expectations.Settings
    ) -> dict[str, float | None]:
        """How much was expected and never came, by the names of the headlines; None where nobody knows yet."""
        judged = compare(tables, settings)
        values = {
            "n_expected": judged.n_expected,
            "n_expected_missing": judged.n_missing,
            "n_gaps": count(judged.gaps),
        }
        return {
            name: values[name] if judged.is_known else None
            for name in Expectations.headlines(settings)
        }

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: Expectations.Settings
    ) -> list[Finding]:
        """What never came, by exposure, number and count; what came beyond expectation is told, and is no fault."""
        return list(_findings(compare(tables, settings), settings))

    # --- sensors of an exposure ------------------------------------------------------------------------------------

    def _sensor_files(self, listing: Listing) -> list[Entry]:
        return [
            e
            for e in listing.entries
            if not e.is_dangling
            and fnmatch(e.path.rpartition("/")[2], self.settings.sensors_pattern)
        ]

    def _sensor_rows(self, root: str, entries: list[Entry], notes: list[str]) -> list[Document]:
        rows: dict[str, Document] = {}
        for entry, shown in zip(entries, shown_all([entry.path for entry in entries]), strict=True):
            where = f"{self.settings.path}/{shown}"
            try:
                told, flaw = read_sensors(self._text(os.path.join(root, entry.path), [root]))
            except (OSError, ValueError) as error:
                notes.append(
                    f"{where}: {getattr(error, 'strerror', None) or error}; the sensors of its exposure are not known"
                )
                continue
            if flaw:
                notes.append(f"{where}: {flaw}")
            exposure = (
                told["obsId"]
                if isinstance(told.get("obsId"), str)
                else re.sub(r"_?expectedSensors\.json$", "", shown.rpartition("/")[2])
            )
            wanted = self.settings.sensor_types
            sensors = sorted(
                s for s, kind in told["expectedSensors"].items() if not wanted or kind in wanted
            )
            at = iso_utc(_instant_of_ns(entry.mtime_ns))
            if (
                exposure not in rows or (rows[exposure][2] or "") <= at
            ):  # written again: the newer one counts
                rows[exposure] = (
                    "expected_detectors",
                    exposure,
                    at,
                    float(len(sensors)),
                    "\n".join(sensors),
                )
        return list(rows.values())

    @staticmethod
    def _text(
        path: str | os.PathLike[str], roots: list[str | os.PathLike[str]] | None = None
    ) -> str:
        with open_plain(path, roots) as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES >> 20} MB")
        return data.decode("utf-8-sig")

    # --- a list of exposures ---------------------------------------------------------------------------------------

    def _lists(self) -> list[Path]:
        """The lists that are there: their paths."""
        path = self.settings.exposures
        if not path:
            return []
        if not self._is_nightly():
            return [path] if path.exists() else []
        return sorted(path.parent.glob(re.sub(r"\{(?:night|day_obs)\}", "*", path.name)))

    def _is_nightly(self) -> bool:
        """Whether each night has a list of its own."""
        return "{night}" in str(self.settings.exposures) or "{day_obs}" in str(
            self.settings.exposures
        )

    def _nights_of_list(self, path: Path) -> set[datetime.date]:
        if self._is_nightly():
            found = re.search(r"(?:19|20)\d\d(-?)\d\d\1\d\d", path.name)
            return {night for night in [found and night_named(found[0])] if night}
        days = {day for name in self._names_in(path, []) if (day := _day_of(name))}
        return {night for day in days if (night := night_named(day))}

    def _list_of(self, night: datetime.date) -> Path:
        return Path(
            str(self.settings.exposures)
            .replace("{night}", night.isoformat())
            .replace("{day_obs}", f"{night:%Y%m%d}")
        )

    def _list_state(self, night: datetime.date) -> list[int] | None:
        """A list's size and time, or None for a night without one; SourceError where the one list of all nights is not there."""
        if not self.settings.exposures:
            return None
        path = self._list_of(night)
        try:
            state = path.stat()
        except FileNotFoundError:
            if self._is_nightly():
                return None
            raise SourceError(
                f"{path}: no such file; the list of exposures should be there"
            ) from None
        except OSError as error:
            raise SourceError(
                f"{path}: {(error.strerror or str(error)).lower()}; the list of exposures should be readable"
            ) from error
        return [state.st_size, state.st_mtime_ns]

    def _listed(self, night: datetime.date, notes: list[str]) -> list[str]:
        """The night's exposures, in the list's order; each once."""
        if self._list_state(night) is None:
            return []
        named = self._names_in(self._list_of(night), notes)
        if not self._is_nightly():
            day = f"{night:%Y%m%d}"
            named = [name for name in named if _day_of(name) == day]
        return list(dict.fromkeys(named))

    def _names_in(self, path: Path, notes: list[str]) -> list[str]:
        try:
            return read_exposures(
                self._text(path, [path.parent] if self._is_nightly() else None),
                self.settings.column,
                path.suffix,
            )
        except OSError as error:
            raise SourceError(
                f"{path}: {(error.strerror or str(error)).lower()}; the list of exposures should be readable"
            ) from error
        except ValueError as error:
            raise SourceError(f"{path}: {error}; nothing is expected by it") from None


def as_of(asked: Asked, night: datetime.date, wait_s: float) -> tuple[str, bool]:
    """The instant, as text, from which a night is judged, and whether all of it is due by then; in steps, for it makes a page."""
    due_at = asked.rule.bounds(night)[1] + datetime.timedelta(seconds=wait_s)
    if asked.now >= due_at:
        return iso_utc(due_at), True
    step_s = max(60, wait_s / 4)
    seconds = (asked.now - EPOCH).total_seconds() // step_s * step_s
    return iso_utc(EPOCH + datetime.timedelta(seconds=seconds)), False


def as_of_row(asked: Asked, night: datetime.date, wait_s: float) -> Document:
    """What `judge` needs to know of the time, as a row for `documents`."""
    at, is_over = as_of(asked, night, wait_s)
    return ("expected_as_of", None, at, None, "over" if is_over else "open")


# --- what the files say ----------------------------------------------------------------------------------------------------


def read_sensors(text: str) -> tuple[Any, ...]:
    """What an expectedSensors file says, and its flaw in words, if it has one that leaves the sensors whole.

    A file that was cut is used where the object of the sensors itself is closed: then all of them are known. ValueError else.
    """
    try:
        told, flaw = parse_json(text), ""
    except RecursionError:
        raise ValueError("is no list of sensors") from None
    except ValueError as error:
        found = re.search(r'"expectedSensors"\s*:\s*(?=\{)', text)
        try:
            sensors, end = json.JSONDecoder().raw_decode(text, found.end() if found else 0)
        except (ValueError, RecursionError):
            raise ValueError(
                f"is no whole JSON ({error}), and its list of sensors is cut short"
            ) from None
        obsid = (
            re.search(r'"obsId"\s*:\s*"([^"\\]+)"', text[: found.start()] + text[end:])
            if found
            else None
        )
        told = {"obsId": obsid and obsid[1], "expectedSensors": sensors} if found else None
        flaw = f"is no whole JSON ({error}); its list of sensors is, and is used"
    if not isinstance(told, dict) or not isinstance(told.get("expectedSensors"), dict):
        raise ValueError("has no expectedSensors")
    return told, flaw


def read_exposures(text: str, column: str = "", suffix: str = "") -> list[str]:
    """The exposures that a list names, in its order; ValueError where it can't be told which column does.

    JSON: a list of names, or of objects; else CSV with a head, or a name a line. `#` begins a comment.
    """
    if suffix.lower() == ".json" or text.lstrip()[:1] in ("[", "{"):
        try:
            told = parse_json(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is no JSON ({str(error)[:100]})") from None
        told = (
            next((value for value in told.values() if isinstance(value, list)), None)
            if isinstance(told, dict)
            else told
        )
        if not isinstance(told, list):
            raise ValueError("holds no list of exposures")
        objects = [one for one in told if isinstance(one, dict)]
        key = _exposure_column({key for one in objects for key in one}, column) if objects else ""
        values = [one.get(key) if isinstance(one, dict) else one for one in told]
        return [
            str(value).strip()
            for value in values
            if isinstance(value, str | int) and str(value).strip()
        ]
    lines = [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    if not any("," in line for line in lines[:1]) and not column:
        head = lines[:1] and lines[0].strip() in EXPOSURE_COLUMNS
        return [line.strip() for line in lines[1 if head else 0 :]]
    rows = list(csv.DictReader(io.StringIO("\n".join(lines)), skipinitialspace=True))
    key = (
        _exposure_column([name for name in (rows[0] if rows else {}) if name], column)
        if rows
        else ""
    )
    return [row[key].strip() for row in rows if row.get(key) and row[key].strip()]


def _exposure_column(there: Collection[str], wanted: str) -> str:
    found = next(
        (name for name in ([wanted] if wanted else EXPOSURE_COLUMNS) if name in there), None
    )
    if found is None:
        raise ValueError(
            f"has no column {wanted or 'obsid or exposure'} (has {', '.join(map(str, sorted(there)))[:200]}); `column` names another"
        )
    return found


def _day_of(name: str) -> str | None:
    """The day in an exposure's name, YYYYMMDD; None where it says none."""
    found = _NUMBERED.search(name)
    return (found["day"] or found["day2"]) if found else None


# --- what came, against it -------------------------------------------------------------------------------------------------


def missing_ranges(
    numbers: Iterable[int], first: int | None = None, last: int | None = None
) -> list[tuple[int, int]]:
    """The ranges of whole numbers that lack in `numbers`, from `first` (else the lowest) to `last` (else the highest).

    Returns
    -------
    list of (int, int)
        The first and the last number of each range, in order; nothing is claimed about what comes after the highest seen.
    """
    have = sorted(set(numbers))
    low = first if first is not None else (have[0] if have else None)
    high = last if last is not None else (have[-1] if have else None)
    if low is None or high is None:
        return []
    have = [low - 1, *(n for n in have if low <= n <= high), high + 1]
    return [(a + 1, b - 1) for a, b in zip(have, have[1:], strict=False) if b - a > 1]


def describe(ranges: list[tuple[int, int]], most: int | None = None) -> str:
    """`17–19, 42` for [(17, 19), (42, 42)]; of more ranges than `most` the rest are counted."""
    shown = ranges if most is None else ranges[:most]
    words = ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in shown)
    rest = count(ranges[len(shown) :])
    return f"{words} and {rest:,} more" if rest else words


def count(ranges: list[tuple[int, int]]) -> int:
    """How many numbers ranges hold."""
    return sum(b - a + 1 for a, b in ranges)


@dataclass
class Judged:
    """What a night's files are, against what was expected."""

    is_known: bool = False  # whether the source ever answered for this night
    n_expected: int | None = None  # images
    n_missing: int | None = None  # of these, never came
    n_came: int = 0  # images that came
    n_listed: int = 0  # exposures that a list, or a list of sensors, names
    never: list[tuple[str, int | None]] = field(
        default_factory=list
    )  # (name, seq_num or None) of those that never came
    # (label, how many came, how many expected, names of those that lack)
    lacking: list[tuple[str, int, int, list[str]]] = field(default_factory=list)
    beyond: list[tuple[str, int, int, list[str]]] = field(
        default_factory=list
    )  # the same, of exposures with more than expected
    span: tuple[int, int] = (
        0,
        0,
    )  # the first and the last number that the sequence is judged by, where it is
    gaps: list[tuple[int, int]] = field(default_factory=list)  # ranges
    counts: list[tuple[str, int, int]] = field(
        default_factory=list
    )  # (what, how many came, how many expected)


def compare(tables: Tables, settings: Expectations.Settings) -> Judged:
    """A night's tables against what its stored expectations and the settings say: a `Judged`."""
    import pandas as pd

    metrics = tables.metrics
    looked = metrics[metrics["name"] == "expected_as_of"].sort_values("sampled_at")
    if looked.empty:
        return Judged()
    is_over = looked["text"].iloc[-1] == "over"
    due_by = looked["sampled_at"].iloc[-1] - pd.Timedelta(seconds=settings.wait_s)
    images = _images(tables.files, settings.kinds)
    images["is_due"] = is_over | (images["taken_at"] <= due_by)
    came = (
        images[images["key"].notna()]
        .groupby("key", sort=False)
        .agg(seq_num=("seq_num", "first"), label=("label", "first"), is_due=("is_due", "any"))
    )
    told = metrics[metrics["name"].isin(["expected_detectors", "expected_exposures"])]
    listed = _listed(told, settings, came, due_by, is_over)
    judged = Judged(is_known=True, n_came=len(images), n_listed=len(listed))
    judged.never = [
        (name, _seq_of(name))
        for key, (name, is_due) in listed.items()
        if is_due and key not in came.index
    ]
    expected = _expected(told, settings, came, listed)
    _judge_detectors(judged, images, came, expected)
    _judge_sequence(judged, settings, images, is_over)
    if is_over:
        counts = (
            ("images", len(images), settings.n_files),
            ("exposures", len(came), settings.n_exposures),
        )
        judged.counts = [told for told in counts if told[2]]
    _add_up(judged, settings, expected, listed, came)
    return judged


def _images(files: DataFrame, kinds: list[str]) -> DataFrame:
    """The images among the files: file_id, key (names the exposure), label (as people do), day, seq_num, detector, taken_at."""
    images = files[files["kind"].isin(kinds)]
    label = images["obsid"].fillna(images["exposure"])
    distinct = label.dropna().unique()
    found = {name: _NUMBERED.search(name) for name in distinct}
    return images[["file_id", "seq_num"]].assign(
        label=label,
        key=label.map({name: _key(name) for name in distinct}),
        day=label.map(
            {name: match and (match["day"] or match["day2"]) for name, match in found.items()}
        ),
        detector=images["detector"].map(
            {name: _plain(name) for name in images["detector"].dropna().unique()}
        ),
        taken_at=images["created_at"].fillna(images["transferred_at"]),
    )


def _key(name: str) -> str:
    """What names an exposure in whatever form: its day and number, else the name itself."""
    found = _NUMBERED.search(name)
    return (
        f"{found['day'] or found['day2']}/{int(found['seq'] or found['seq2'])}" if found else name
    )


def _seq_of(name: str) -> int | None:
    found = _NUMBERED.search(name)
    return int(found["seq"] or found["seq2"]) if found else None


def _plain(detector: str) -> str:
    """A detector's name without the signs that differ between writers: R22_S11 is R22S11, 007 is 7."""
    name = detector.replace("_", "").replace("-", "").upper()
    return str(int(name)) if name.isdecimal() else name


def _rows_named(metrics: DataFrame, name: str) -> Iterable[Any]:
    """The rows of one metric as named tuples: what a cell holds is the column's to know, and no type checker's."""
    return metrics[metrics["name"] == name].rename(columns={"name": "what"}).itertuples()


def _listed(
    told: DataFrame,
    settings: Expectations.Settings,
    came: DataFrame,
    due_by: pd.Timestamp,
    is_over: bool,
) -> dict[str, tuple[str, bool]]:
    """The exposures that lists name: key -> (name, whether it is due)."""
    listed: dict[str, tuple[str, bool]] = {}
    if settings.path:
        for row in _rows_named(told, "expected_detectors"):
            if row.value > 0:
                listed[_key(row.node)] = (row.node, bool(is_over or row.sampled_at <= due_by))
    if settings.exposures:
        for row in _rows_named(told, "expected_exposures"):
            names_ = row.text.split("\n")
            due = set(came.index[came["is_due"]])
            latest = max(
                (n for n, name in enumerate(names_) if _key(name) in due), default=-1
            )  # what stands before one that came, is due
            for n, name in enumerate(names_):
                listed.setdefault(
                    _key(name), (name, bool(is_over or row.sampled_at <= due_by or n < latest))
                )
    return listed


def _expected(
    told: DataFrame, settings: Expectations.Settings, came: DataFrame, listed: Iterable[str]
) -> dict[str, Wanted]:
    """The detectors of every exposure that is known of: key -> {plain name: name}, or how many."""
    of_all = (
        {_plain(name): name for name in settings.detectors}
        if isinstance(settings.detectors, list)
        else settings.detectors
    )
    expected = dict.fromkeys([*came.index, *listed], of_all) if of_all else {}
    if settings.path:
        sets: dict[str, dict[str, str]] = {}  # most exposures have the same
        for row in _rows_named(told, "expected_detectors"):
            text = row.text if isinstance(row.text, str) and row.text else ""
            sets.setdefault(text, {_plain(name): name for name in text.split("\n") if name})
            expected[_key(row.node)] = sets[text]
    return expected


def _judge_detectors(
    judged: Judged, images: DataFrame, came: DataFrame, expected: Mapping[str, Wanted]
) -> None:
    """Fills in which exposures have fewer detectors than expected, and which more."""
    if not expected:
        return
    have = (
        images.assign(detector=images["detector"].fillna(images["file_id"]))
        .groupby("key", sort=False)["detector"]
        .agg(set)
    )
    label = came["seq_num"].astype("str").where(came["seq_num"].notna(), came["label"])
    label = label.where(~label.duplicated(keep=False), came["label"])
    for key in came.sort_values(["seq_num", "label"]).index:
        wanted = expected.get(key)
        if not wanted:
            continue
        if isinstance(wanted, int):
            n, lack, more = len(have[key]), wanted - len(have[key]), []
            absent = []
        else:
            absent = [name for plain, name in wanted.items() if plain not in have[key]]
            n, lack = len(wanted) - len(absent), len(absent)
            more = sorted(have[key] - wanted.keys())
        total = wanted if isinstance(wanted, int) else len(wanted)
        if lack > 0 and came.at[key, "is_due"]:
            judged.lacking.append((label[key], n, total, absent))
        elif lack < 0 or more:
            judged.beyond.append((label[key], n + len(more), total, more))


def _judge_sequence(
    judged: Judged, settings: Expectations.Settings, images: DataFrame, is_over: bool
) -> None:
    """Fills in the gaps below the highest number that is due."""
    numbered = images[images["seq_num"].notna()]
    if not settings.sequence or numbered.empty:
        return
    if (
        numbered["day"].notna().any()
    ):  # a folder may hold a few of the day before, whose numbers are others
        numbered = numbered[numbered["day"] == numbered["day"].mode()[0]]
    due = numbered["seq_num"][numbered["is_due"]]
    if due.empty:
        return
    numbers = [int(n) for n in numbered["seq_num"].unique()]
    first = min(numbers) if settings.first is None else settings.first
    judged.span = first, int(due.max())
    judged.gaps = missing_ranges(numbers, *judged.span)


def _add_up(
    judged: Judged,
    settings: Expectations.Settings,
    expected: Mapping[str, Wanted],
    listed: Iterable[str],
    came: DataFrame,
) -> None:
    """Fills in the totals, by the most detailed expectation that there is."""

    def size(key: str) -> int:
        wanted = expected.get(key, 1)
        return wanted if isinstance(wanted, int) else len(wanted)

    if settings.path or settings.exposures or settings.detectors:
        keys = {*listed, *(expected if expected else ())}
        judged.n_expected = sum(size(key) for key in keys)
        lacking = sum(total - n for _, n, total, _ in judged.lacking)
        judged.n_missing = lacking + sum(size(_key(name)) for name, _ in judged.never)
    elif settings.n_files or settings.n_exposures:
        judged.n_expected = settings.n_files or settings.n_exposures
        judged.n_missing = max(0, judged.counts[0][2] - judged.counts[0][1]) if judged.counts else 0


def _findings(judged: Judged, settings: Expectations.Settings) -> Iterator[Finding]:
    from observing_monitor.model.finding import Finding

    most, level = settings.max_named, settings.level
    if judged.never:
        yield Finding(
            level,
            f"{len(judged.never):,} of {judged.n_listed:,} expected exposures never came; missing: {_named(judged.never, most)}",
            "#exposures" if judged.n_came else "",  # a night without a file has no table of them
        )
    if judged.gaps:
        a, b = judged.span
        words = describe(judged.gaps, 4 * most)
        yield Finding(
            level,
            f"{count(judged.gaps):,} of the sequence numbers {a}–{b} never came; missing: {words}",
            "#exposures",
        )
    for label, n, total, absent in judged.lacking[:most]:
        lack = f", lacking {_some(absent, most)}" if absent else ""
        yield Finding(
            level, f"exposure {label}: {n} of {total} {settings.called}{lack}", "#exposures"
        )
    if len(judged.lacking) > most:
        yield Finding(
            level,
            f"{len(judged.lacking) - most:,} more exposures lack {settings.called}",
            "#exposures",
        )
    for what, n, total in judged.counts:
        if n != total:
            yield Finding(
                level if n < total else "normal",
                f"{n:,} of {total:,} {what} expected of a night ({100 * n / total:.1f} %)",
                "#numbers" if judged.n_came else "",
            )
    if judged.beyond:
        shown = [
            f"exposure {label} ({n} of {total}{': ' + _some(more, most) if more else ''})"
            for label, n, total, more in judged.beyond[:most]
        ]
        have = "exposure has" if len(judged.beyond) == 1 else "exposures have"
        rest = f" and {len(judged.beyond) - most:,} more" if len(judged.beyond) > most else ""
        yield Finding(
            "normal",
            f"{len(judged.beyond):,} {have} more {settings.called} than expected: {', '.join(shown)}{rest}",
            "#exposures",
        )


def _named(never: Sequence[tuple[str, int | None]], most: int) -> str:
    """Exposures in words: by their numbers where all have one and no two the same, else by name."""
    numbers = [number for _, number in never if number is not None]
    if len(set(numbers)) < len(never):
        return _some([name for name, _ in never], most)
    inner = missing_ranges(numbers)
    starts = [min(numbers), *(b + 1 for _, b in inner)]
    ends = [*(a - 1 for a, _ in inner), max(numbers)]
    return describe(list(zip(starts, ends, strict=True)), 4 * most)


def _some(names_: list[str], most: int) -> str:
    rest = f" and {len(names_) - most:,} more" if len(names_) > most else ""
    return ", ".join(names_[:most]) + rest


def _instant_of_ns(ns: int) -> datetime.datetime:
    return EPOCH + datetime.timedelta(microseconds=ns // 1000)


def documents(rows: list[Document]) -> DataFrame:
    """A metrics table of rows (name, node, at, value, text), whose texts are lists of names."""
    import pandas as pd

    table = pd.DataFrame(rows, columns=["name", "node", "sampled_at", "value", "text"]).assign(
        unit=NAMES
    )
    table["sampled_at"] = pd.to_datetime(table["sampled_at"], utc=True, format="ISO8601")
    return frames.frame(columns.METRICS, table)
