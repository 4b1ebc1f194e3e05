"""Hide proprietary facts of exposures.

A night is judged by its complete tables. Then the facts that `hide` names are removed from the
tables, findings and messages, before anything is made of these. Targets and programs become
codes, also within the names of files and in messages. In rows of exposures whose facts are shown,
names stay that such exposures have: next to a name, its code would say what it stands for.
"""

from __future__ import annotations

import calendar
import datetime
import functools
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from observing_monitor.model import columns
from observing_monitor.model.finding import Finding, ListedFinding, Row
from observing_monitor.model.nights import YEARS, iso_utc
from observing_monitor.settings.hidden import NAMES, POSITION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy import bool_, int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    from observing_monitor.judging.hidden_names import HiddenNames
    from observing_monitor.judging.night_work import NightWork
    from observing_monitor.model.reading import Tables
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Hidden, IndexRow

    Flags = NDArray[bool_]


# columns whose words are ours, or the instrument's
NO_NAMES = (
    "source",
    "kind",
    "file_class",
    "stage",
    "status",
    "unit",
    "observation_type",
    "observation_type_original",
    "instrument",
    "physical_filter",
    "band",
)
# metrics that say where an exposure points, in lower case and without punctuation
POSITION_METRICS = re.compile(
    "(tel(escope)?|sky|s|targe?t?|tracking|pointing)?"
    "(ra|dec|alt|altitude|az|azimuth|el|elevation|airmass|zd|zenithdistance|zenithangle"
    "|ha|hourangle|rotation|rotationangle|parallacticangle)(deg|degrees)?"
)


@dataclass(frozen=True)
class Releases:
    """Hidden exposures, and when they are released."""

    is_hidden: Flags  # by row
    first_at: datetime.datetime | None = None  # the next release; None if no date is known
    last_at: datetime.datetime | None = None
    n_unknown: int = 0  # hidden exposures without a date


class Searched(NamedTuple):
    """Names to look for, by kind of row.

    `hidden` for rows of hidden exposures, `others` for all others.
    """

    hidden: HiddenNames
    others: HiddenNames


@dataclass
class Hiding:
    """Hidden facts of a night.

    Without `releases` there are none.
    """

    columns: tuple[str, ...] = ()
    complete: DataFrame | None = None  # the exposures of the night
    releases: Releases | None = None
    codes: dict[str, str] = field(default_factory=dict)  # hidden name -> its code
    named: frozenset[str] = frozenset()  # names that exposures without hidden facts have

    def __post_init__(self) -> None:
        self._shown: Tables | None = None
        self._files: tuple[DataFrame, DataFrame] | None = None  # complete, and published

    @functools.cached_property
    def names(self) -> HiddenNames:
        """The hidden names."""
        from observing_monitor.judging.hidden_names import HiddenNames

        return HiddenNames(self.codes)

    @functools.cached_property
    def searched(self) -> Searched:
        """The hidden names, for each kind of rows."""
        return Searched(self.names, self.names.but_those_in(self.named))

    @property
    def next_release(self) -> datetime.datetime | None:
        """When time alone will show hidden facts."""
        return self.releases.first_at if self.releases else None

    def note(self, row: IndexRow) -> None:
        """Note hidden facts in a night's row."""
        row.pop("hidden", None)
        if self.releases is not None:
            row["hidden"] = {
                "n_exposures": int(self.releases.is_hidden.sum()),
                "first_at": iso_utc(self.releases.first_at),
                "last_at": iso_utc(self.releases.last_at),
                "n_unknown": self.releases.n_unknown,
                "codes": self.codes,
            }

    def tables(self, tables: Tables) -> Tables:
        """Return the tables as published."""
        if self.releases is None or self.complete is None:
            return tables
        if self._shown is None:
            self._shown = self._hidden(tables, self.complete, self.releases.is_hidden)
        return self._shown

    def _hidden(self, tables: Tables, complete: DataFrame, is_hidden: Flags) -> Tables:
        exposures = hidden_exposures(complete, is_hidden, self.columns, self.searched)
        is_searched = _of_hidden(tables.files, complete, is_hidden)
        files = _with_file_ids(tables.files, _searched(tables.files, self.searched, is_searched))
        self._files = tables.files, files
        return replace(
            tables,
            files=files,
            ingests=_hidden_ingests(tables, files, is_searched, self.searched),
            metrics=self._hidden_metrics(tables.metrics, exposures, is_hidden),
            exposures=exposures,
            reports=tables.reports[:0],  # each source's own facts: no page shows them
        )

    def files(self, judged: DataFrame) -> DataFrame:
        """Return the judged files as published."""
        if self.releases is None or self.complete is None:
            return judged
        done = _columns_done(judged, self._files[0]) if self._files else []
        is_searched = _of_hidden(judged, self.complete, self.releases.is_hidden)
        made = _searched(judged, self.searched, is_searched, skip=done)
        if done and self._files:
            return made.assign(**{name: self._files[1][name] for name in done})
        return _with_file_ids(judged, made)

    def _hidden_metrics(
        self, metrics: DataFrame, exposures: DataFrame, is_hidden: Flags
    ) -> DataFrame:
        """Return metrics as published.

        Pictures and positions of hidden exposures are left out.
        """
        if metrics.empty or self.complete is None:
            return metrics
        from observing_monitor.model.arrays import index_in

        rows = index_in(metrics["exposure"], self.complete["exposure"])
        is_of_hidden = _flags_at(is_hidden, rows, False)
        is_image = metrics["unit"].str.startswith("image/").fillna(False).to_numpy(bool)
        is_left_out = is_image.copy()
        if set(POSITION) & set(self.columns):
            plain = metrics["name"].str.lower().str.replace(r"[\W_]+", "", regex=True)
            is_left_out |= plain.str.fullmatch(POSITION_METRICS).fillna(False).to_numpy(bool)
        is_kept = ~(is_of_hidden & is_left_out)
        is_searched, is_text = is_of_hidden | (rows < 0), ~is_image
        made = _searched(metrics, self.searched, is_searched, skip=["text"])
        texts = _searched(metrics.loc[is_text, ["text"]], self.searched, is_searched[is_text])
        made.loc[is_text, "text"] = texts["text"]
        named = exposures["exposure"].array.take(rows, allow_fill=True)
        made["exposure"] = made["exposure"].mask(is_of_hidden, _series(named, made))
        return made[is_kept].reset_index(drop=True)

    def findings(self, found: Iterable[Finding]) -> list[Finding]:
        """Return findings as published."""
        if not self.codes:
            return list(found)
        return [self._finding(finding) for finding in found]

    def _finding(self, finding: Finding) -> Finding:
        text, known = self.names.texts([finding.text, finding.acknowledged], is_sentence=True)
        href, node, anchor = self.names.texts([finding.href, finding.node, finding.anchor])
        made = replace(finding, text=text, acknowledged=known, href=href, node=node, anchor=anchor)
        if isinstance(made, ListedFinding):
            parts = self.names.texts([part for row in made.rows for part in row])
            rows = zip(parts[::2], parts[1::2], strict=True)
            return replace(made, rows=tuple(Row(*row) for row in rows))
        return made


def hiding_of(job: NightWork, row: IndexRow, tables: Tables) -> Hiding:
    """Note and return the hidden facts of a night.

    The tables are complete.
    """
    hiding = _hiding(job, tables)
    hiding.note(row)
    return hiding


def _hiding(job: NightWork, tables: Tables) -> Hiding:
    stream = job.stream
    if not stream.hide or _is_over(stream, job.night, job.now):
        return Hiding()
    releases = releases_of(stream, job.night, tables.exposures, job.now)
    codes = _codes(job, tables, releases.is_hidden)
    if not releases.is_hidden.any() and not codes:
        return Hiding()
    shown = tables.exposures[~releases.is_hidden]
    named = frozenset(name for column in NAMES for name in shown[column].dropna())
    return Hiding(stream.hide, tables.exposures, releases, codes, named)


def releases_of(
    stream: Stream, night: datetime.date, exposures: DataFrame, now: datetime.datetime
) -> Releases:
    """Return the hidden exposures of a night."""
    import numpy as np

    is_hidden = _of_programs(exposures["program"], stream.hide_programs)
    if stream.hide_until != "released":
        at = release_of_night(stream, night)
        return Releases(is_hidden, at, at)
    released = exposures["released_at"]
    is_unknown = released.isna().to_numpy(bool)
    is_later = (released > now).fillna(False).to_numpy(bool)
    is_hidden &= is_unknown | is_later
    later = released[is_hidden & is_later]
    n_unknown = int(np.count_nonzero(is_hidden & is_unknown))
    if later.empty:
        return Releases(is_hidden, n_unknown=n_unknown)
    first, last = later.min().to_pydatetime(), later.max().to_pydatetime()
    return Releases(is_hidden, first, last, n_unknown)


def _is_over(stream: Stream, night: datetime.date, now: datetime.datetime) -> bool:
    """True if the months after the night are over."""
    if stream.hide_until == "released":
        return False
    at = release_of_night(stream, night)
    return at is not None and at <= now


def release_of_night(stream: Stream, night: datetime.date) -> datetime.datetime | None:
    """Return when the months after a night are over, if ever."""
    year, month = divmod(night.year * 12 + night.month - 1 + int(stream.hide_until), 12)
    if year not in YEARS:
        return None
    day = min(night.day, calendar.monthrange(year, month + 1)[1])
    return stream.rule.bounds(datetime.date(year, month + 1, day))[1]


def _of_programs(programs: Series[str], patterns: tuple[str, ...]) -> Flags:
    """True for programs that fit, and unknown ones."""
    from fnmatch import translate

    import numpy as np

    if not patterns:
        return np.ones(len(programs), bool)
    fits = re.compile("|".join(translate(pattern.casefold()) for pattern in patterns)).match
    known = {name: bool(fits(name.casefold())) for name in programs.dropna().unique()}
    return np.array([known.get(name, True) for name in programs], dtype=bool)


def _codes(job: NightWork, tables: Tables, is_hidden: Flags) -> dict[str, str]:
    """Return the codes of hidden names.

    A program has the same code on all nights, a target another one on each: when one night is
    released, its target says nothing about other nights.
    """
    from observing_monitor.judging.hidden_names import code_of, names_to_hide
    from observing_monitor.model.observation_types import UNKNOWN, WORDS

    exposures, reports = tables.exposures, tables.reports
    known = {*UNKNOWN, *(word for words in WORDS.values() for word in words.split(","))}
    for column in ("observation_type_original", "instrument", "physical_filter", "band"):
        known |= set(exposures[column].dropna().unique())
    codes: dict[str, str] = {}
    for column in sorted(set(NAMES) & set(job.stream.hide), reverse=True):  # programs last
        shown = set(exposures.loc[~is_hidden, column].dropna())
        hidden = set(exposures.loc[is_hidden, column].dropna())
        # sources may disagree: each name that one of them has
        told = set(reports[column].dropna()) if is_hidden.any() else set()
        if column == "program":
            told |= _named(job.stream, shown)
        names = names_to_hide(hidden | (told - shown), known)
        of = job.night.isoformat() if column == "target" else column
        codes |= {name: code_of(name, job.hidden_key, of) for name in names}
    return codes


def _named(stream: Stream, shown: Iterable[str]) -> set[str]:
    """Return the programs that `hide_programs` names.

    In full or by their beginning. Files may come before their exposure is known. Programs that
    are shown are left out.
    """
    from observing_monitor.judging.hidden_names import ANY

    plain = [name.casefold() for name in shown]
    found = set()
    for pattern in stream.hide_programs:
        name, folded = pattern.removesuffix("*"), pattern.removesuffix("*").casefold()
        is_whole = name == pattern
        is_shown = folded in plain if is_whole else any(one.startswith(folded) for one in plain)
        if not is_shown and not set(name) & set("*?["):
            found.add(name if is_whole else name + ANY)
    return found


def hidden_exposures(
    exposures: DataFrame, is_hidden: Flags, hide: Iterable[str], names: Searched
) -> DataFrame:
    """Return exposures as published.

    Parameters
    ----------
    exposures : DataFrame
        Columns `columns.EXPOSURES`.
    is_hidden : array of bool
        By row.
    hide : iterable of str
        Columns. Targets and programs become codes, all else is null.
    names : Searched
    """
    made = _searched(exposures, names, is_hidden, skip=NAMES)
    for column in hide:
        values = made[column]
        made[column] = (
            values.mask(is_hidden, values.map(lambda name: names.hidden.codes.get(name, name)))
            if column in NAMES
            else values.mask(is_hidden)
        ).astype(values.dtype)
    return made


def _columns_done(judged: DataFrame, files: DataFrame) -> list[str]:
    """Return columns that both tables share."""
    if not judged["file_id"].equals(files["file_id"]):
        return []
    return [c.name for c in columns.FILES if judged[c.name].equals(files[c.name])]


def _of_hidden(files: DataFrame, exposures: DataFrame, is_hidden: Flags) -> Flags:
    """True for files of hidden or unknown exposures."""
    from observing_monitor.tables.observed import rows_of_files

    return _flags_at(is_hidden, rows_of_files(files, exposures), True)


def files_of_hidden(
    stream: Stream, night: datetime.date, tables: Tables, now: datetime.datetime
) -> tuple[Flags, datetime.datetime | None]:
    """True for files of hidden or unknown exposures.

    Also returns when the next of these exposures is released. After the months that `hide_until`
    names, no file is hidden.
    """
    import numpy as np

    from observing_monitor.settings.traits import trusted_order
    from observing_monitor.tables.observed import join_exposures

    if _is_over(stream, night, now):
        return np.zeros(len(tables.files), bool), None
    exposures = join_exposures(tables.reports, trusted_order(stream), tables.files).exposures
    releases = releases_of(stream, night, exposures, now)
    return _of_hidden(tables.files, exposures, releases.is_hidden), releases.first_at


def _flags_at(flags: Flags, rows: NDArray[int64], default: bool) -> Flags:
    """Take flags by position."""
    import numpy as np

    return np.append(flags, default)[rows]


def _searched(
    frame: DataFrame, names: Searched, is_hidden: Flags, skip: Iterable[str] = ()
) -> DataFrame:
    """Return a table with codes for names.

    Parameters
    ----------
    frame : DataFrame
    names : Searched
    is_hidden : array of bool
        Rows of hidden exposures.
    skip : iterable of str
        Columns that stay as they are.
    """
    made = frame.copy()
    # texts with lone surrogates are objects
    is_text = (made.dtypes == "str") | (made.dtypes == "object")
    for column in made.columns[is_text].difference([*NO_NAMES, *skip]):
        values = _without_names(made[column], names.hidden, is_hidden)
        made[column] = _without_names(values, names.others, ~is_hidden)
    return made


def _without_names(values: Series[Any], names: HiddenNames, is_searched: Flags) -> Series[Any]:
    """Return a column with codes for names."""
    import pandas as pd

    if not names or not is_searched.any():
        return values
    codes, texts = pd.factorize(values[is_searched])
    before = [str(text) for text in texts.tolist()]
    hidden = names.texts(before)
    if hidden == before:
        return values
    made, words = values.copy(), pd.Series(hidden, dtype=values.dtype)
    made[is_searched] = words.array.take(codes, allow_fill=True)
    return made


def _with_file_ids(before: DataFrame, after: DataFrame) -> DataFrame:
    """Return files with unique ids."""
    is_again = after["file_id"].duplicated()
    if is_again.any():
        number = (after.groupby("file_id").cumcount() + 1).astype("str")
        is_changed = is_again & (after["file_id"] != before["file_id"])
        ids = after["file_id"].mask(is_changed, after["file_id"] + "~" + number)
        return after.assign(file_id=ids.astype("str"))
    return after


def _hidden_ingests(
    tables: Tables, files: DataFrame, is_searched: Flags, names: Searched
) -> DataFrame:
    """Return attempts as published."""
    from observing_monitor.model.arrays import index_in

    rows = index_in(tables.ingests["file_id"], tables.files["file_id"])
    made = _searched(tables.ingests, names, _flags_at(is_searched, rows, True))
    ids = _series(files["file_id"].array.take(rows, allow_fill=True), made)
    made["file_id"] = made["file_id"].mask(rows >= 0, ids)
    return made


def _series(values: Any, like: DataFrame) -> Series[Any]:
    import pandas as pd

    return pd.Series(values, index=like.index, dtype="str")


def hidden_names(kept: Iterable[Hidden | None]) -> HiddenNames:
    """Return the hidden names of some nights."""
    from observing_monitor.judging.hidden_names import HiddenNames

    return HiddenNames({name: code for one in kept if one for name, code in one["codes"].items()})
