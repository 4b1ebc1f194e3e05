"""Records of what sources return: readings and tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from observing_monitor.model import columns, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pandas import DataFrame, Series


# State of a night as a source remembers it, as JSON. Each source has its own form; it may
# have been written by an earlier version.
Known = Any


# examples that `Counts` keeps
MAX_EXAMPLES = 3


@dataclass
class Counts:
    """Rows of one place: read and left out.

    A row is used if it is in a table of any night. A row that the settings ignore on purpose is
    no row: do not count it.

    Attributes
    ----------
    n_read : int
        Rows that should be understood.
    n_left_out : int
        Those of them that are in no table.
    examples : list of tuple
        Where and why, such as `("line 2", "'time' is 'yesterday'")`, of the first rows left out.
    """

    n_read: int = 0
    n_left_out: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)

    @property
    def n_used(self) -> int:
        """Rows that are in a table."""
        return self.n_read - self.n_left_out

    def leave_out(self, where: str, reason: str, n: int = 1) -> None:
        """Count rows that are left out; `n_read` has them already.

        Parameters
        ----------
        where : str
            The first of them, such as `line 2`.
        reason : str
            Why it is left out, with the text that is not understood.
        n : int, optional
            How many rows are left out for this reason.
        """
        self.n_left_out += n
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append((where, reason))


@dataclass
class Reading:
    """Data of one night from one source.

    Attributes
    ----------
    files, attempts, metrics : DataFrame or None
        Columns `columns.FILES`, `columns.ATTEMPTS` and `columns.METRICS`; `source` may be
        left out. None, not an empty table, if the source has no data of this kind.
    notes : list of str
        Sentences about anything odd; each names its path.
    unread : list of str
        Folders that could not be listed, as beginnings of file_ids. Earlier rows of files
        below them are kept.
    elsewhere : collection of str
        file_ids that now belong to other nights. They are removed from this night instead
        of being marked as gone.
    append : bool
        True if `metrics` are added to earlier samples instead of replacing them.
    append_attempts : bool
        True if `attempts` are added to earlier ones, as the lines of a log that may be
        deleted. Attempts that were `running` are replaced.
    is_left_out : callable, optional
        Asked about earlier files that are not in `files`, if the settings have changed: file_id,
        path, and if it was on disk at the last look. True if the file is left out by the
        settings; it is then removed instead of being marked as gone. By default, files that
        were on disk are left out.
    arrival_settings : tuple of str
        Settings that `transferred_at` depends on. If none of them changed, the earliest time is
        kept.
    is_logged : Series of bool, optional
        With `arrival_settings`: True for each file whose `transferred_at` is from a log. An
        earlier time of the others may be from a log that was deleted. None if there is no log.
    has_own_times : bool
        True if appended data have instants of their own, not those of the run. If settings
        change, the same data may come again with other instants.
    still_there : Reading, optional
        All appended attempts and metrics that can still be read, after `look_again`: also those
        of neighbouring nights, and those that the settings leave out. By default, those of this
        Reading.
    counts : mapping of str to Counts, or None
        Place, such as a path -> its rows that were read and left out. A place that holds several
        nights has the same counts in the reading of each; they are counted once. None if the
        source does not count.
    exposures : DataFrame or None
        Columns `columns.EXPOSURES`; `source` may be left out. None if the source has none. A
        report of one source; `tables.observed.join_exposures` joins those of all sources.
    append_exposures : bool
        True if `exposures` are added to earlier reports, as those of headers that are read once.
        A report of the same exposure replaces the earlier one.
    remarks : DataFrame or None
        Columns `columns.REMARKS`; `source` and `remark_id` may be left out. None if the source has
        none. An edit names what it replaces in `parent_id`.
    remember : bytes, optional
        What the source gets from `remind` before it reads the night again. None keeps nothing.
    is_partial : bool
        True if there was no time for everything. The key `is_partial` of the stored look is then
        True, so that a look without it has the night read again.
    fault : str
        What could not be read of the night, though the rest was: a fault of the source. The
        tables are merged all the same.
    without_effect : list of str
        Sentences about settings that have no effect, such as a pattern that fits no name.
    """

    files: DataFrame | None = None
    attempts: DataFrame | None = None
    metrics: DataFrame | None = None
    notes: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    elsewhere: Collection[str] = ()
    append: bool = False
    append_attempts: bool = False
    is_left_out: Callable[[str, str, bool], bool] | None = None
    arrival_settings: tuple[str, ...] = ()
    is_logged: Series[bool] | None = None
    has_own_times: bool = False
    still_there: Reading | None = None
    counts: Mapping[str, Counts] | None = None
    without_effect: list[str] = field(default_factory=list)
    fault: str = ""
    exposures: DataFrame | None = None
    append_exposures: bool = False
    remarks: DataFrame | None = None
    remember: bytes | None = None
    is_partial: bool = False


def _no_exposures() -> DataFrame:
    return frames.empty(columns.EXPOSURES)


def _no_remarks() -> DataFrame:
    return frames.empty(columns.REMARKS)


@dataclass
class Tables:
    """The tables of one night, with the columns of `columns.TABLES`.

    Attributes
    ----------
    files, ingests, metrics : DataFrame
    exposures : DataFrame
        One row per exposure, made of `reports`.
    reports : DataFrame
        The exposures as each source has them, with one source per row.
    remarks : DataFrame
        All versions of all remarks; `tables.remarks.versions_of` says which count.
    is_running : bool
        For a source's own checks: True if the night is not over, or so new that more may arrive.
    """

    files: DataFrame
    ingests: DataFrame
    metrics: DataFrame
    exposures: DataFrame = field(default_factory=_no_exposures)
    reports: DataFrame = field(default_factory=_no_exposures)
    remarks: DataFrame = field(default_factory=_no_remarks)
    is_running: bool = field(default=False, kw_only=True)

    @classmethod
    def empty(cls) -> Tables:
        """Return tables without rows."""
        return cls(*(frames.empty(described) for described in columns.TABLES.values()))


class UnmatchedCounts(TypedDict):
    """Numbers of a night's unmatched files, by source.

    A neighbouring night may complete them.

    Only numbers above 0. The keys are those of `index.json`.
    """

    # files that only attempts of the source mention
    strays: dict[str, int]
    # files of other sources without an attempt of the source
    untried: dict[str, int]
    # digest of these files and their attempts
    halves: str
