"""Records of the index, one row per night, and of a night's last look.

Instants are ISO 8601 in UTC. The keys are those of the files on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

if TYPE_CHECKING:
    from observing_monitor.model.reading import Known, UnmatchedCounts
    from observing_monitor.model.rhythm import Rhythm


PAGE, TABLES, PREVIEWS = "page", "tables", "previews"


def is_pruned(row: IndexRow | Looked, what: str) -> bool:
    """True if a night's `PAGE`, `TABLES` or `PREVIEWS` were pruned."""
    return what in (row.get("pruned") or {})


def is_only_page_left(row: IndexRow) -> bool:
    """True if a night's tables were pruned, and its page was not."""
    return is_pruned(row, TABLES) and not is_pruned(row, PAGE)


# keys that the index shares with the last look
INDEXED = (
    "tables",
    "notes",
    "without_effect",
    "silent",
    "happened",
    "changed_at",
    "is_told",
    "strays",
    "old_settings",
)


class Silent(TypedDict):
    """A source that did not answer: why, and since when."""

    problem: str
    since: str


class Fault(TypedDict, total=False):
    """A source's row of the index: as `Silent`, or empty if it answered.

    A fault of this program itself may have a level below error.
    """

    problem: str
    since: str
    level: str


class Hidden(TypedDict):
    """Proprietary facts of a night that no page shows."""

    n_exposures: int
    # the first and the last release that is known
    first_at: str | None
    last_at: str | None
    # exposures whose release is unknown
    n_unknown: int
    # name of a target or program -> what pages show for it
    codes: dict[str, str]


class OldData(TypedDict, total=False):
    """Numbers of facts that were derived under old settings."""

    files: int
    arrivals: int
    attempts: int
    values: int
    exposures: int
    remarks: int
    # fingerprints of these settings
    settings: list[str]
    # such a fingerprint -> setting -> fingerprint of its value; not of stores of 0.2
    before: dict[str, dict[str, str]]
    # settings that have another value now, as far as known
    changed: list[str]


class Look(TypedDict, total=False):
    """Result of the last look at a night; the keys are `INDEXED`."""

    # digest of the night's tables
    tables: str
    # source -> sentences
    notes: dict[str, list[str]]
    # source -> sentences about settings without effect; None if there are none
    without_effect: dict[str, list[str]] | None
    # by source
    silent: dict[str, Silent]
    # changes of the night, from `changes.merged`
    happened: dict[str, Any] | None
    changed_at: str | None
    # whether the source of the last stage has ever answered
    is_told: bool
    # files that a neighbouring night may complete
    strays: UnmatchedCounts
    # source -> data derived under old settings that it no longer has; None if there are none
    old_settings: dict[str, OldData] | None


class IndexRow(Look, total=False):
    """A night's row of the index: last look, judging and publishing."""

    # by the names of columns.NIGHTS and of the stream's headlines
    summary: dict[str, Any]
    # each a Finding as a dict
    findings: list[dict[str, Any]]
    # headline -> unit
    units: dict[str, str]
    # headline -> how its value was made from several numbers
    aggregates: dict[str, str]
    # from `usual.worse`
    worse: dict[str, float]
    judged_at: str
    # when time alone will change a class, or end the status none
    next_change_at: str | None
    # how often files came; not kept for long
    rhythm: Rhythm
    # of tonight: when it is dark, begin and end
    dark: list[list[str]]
    # of tonight: what has stopped, from `quiet.as_kept`
    quiet: list[list[Any]]
    # fingerprint of what the summary was made from
    basis: str
    # fingerprint of the neighbouring nights' unmatched files
    beside: str
    # fingerprint of what the page shows, without known issues
    shown: str
    # fingerprint of the acknowledged files and their reasons
    acknowledged: str
    # fingerprint of the page
    page: str
    # names of the files of its images
    images: list[str]
    # number of pages of exposures; 0 if the night's page lists them all
    n_exposure_pages: int
    is_observed: bool  # True if exposures are known, and more may come
    has_log: bool  # True if the night has an observing log
    programs: str  # from `programs.as_text`; only if exposures have programs
    # endings of its further CSV files, of `layout.MORE_CSV`
    more_csv: list[str]
    previews: dict[str, Any]
    hidden: Hidden  # only if the night has hidden facts
    # fingerprint of the run that found the page current
    made_for: str
    # when the status or its reasons last changed
    news_at: str | None
    # PAGE, TABLES or PREVIEWS -> when they were pruned
    pruned: dict[str, str]
    # whether a table could not be read: the next run that collects reads the night again
    is_damaged: bool


# where a row was left out, and why: place, line or number in it, reason
LeftOut = tuple[str, str, str]
# rows of a place: read, left out, and the first examples (line or number, reason)
PlaceRows = tuple[int, int, list[tuple[str, str]]]


class SourceRows(TypedDict, total=False):
    """Rows of all places that a source read."""

    n_read: int
    n_left_out: int
    examples: list[LeftOut]
    # a sentence on the places of which no row is understood, and their rows
    nothing: str
    n_rows_of_nothing: int
    # when the first row was left out, if any is
    since: str
    # night -> rows read and left out; the newest nights on which a run asked the source
    history: dict[str, tuple[int, int]]
    # the share of rows that is usually left out, if it is much more now
    usual: float


class Looked(Look, total=False):
    """`looked.json`: the last look at a night's sources."""

    schema_version: int
    # of this program
    version: str
    # source -> fingerprint of its settings
    keys: dict[str, str]
    # table -> bytes
    sizes: dict[str, int]
    # source -> digest of its attempts, if these are the stream's cached ones
    kept: dict[str, str]
    sources: dict[str, Known]
    # source -> its last look, with settings that changed since; it has not answered since
    earlier: dict[str, Known]
    # source -> setting -> fingerprint of the value that its data were derived with
    derived: dict[str, dict[str, str]]
    # source -> place -> its rows; of sources that count them
    rows: dict[str, dict[str, PlaceRows]]
    pruned: dict[str, str]
    # of a night whose tables were pruned
    row: IndexRow


class ProgramPages(TypedDict):
    """The pages of a stream's programs."""

    # fingerprint of all of them
    key: str
    # fingerprint of the nights that they were made of
    seen: str
    # names of the files
    pages: list[str]
    # programs that have no page, as there are too many
    without_page: list[str]


NO_PROGRAM_PAGES: ProgramPages = {"key": "", "seen": "", "pages": [], "without_page": []}


class Index(TypedDict):
    """`index.json` of a stream."""

    schema_version: int
    nights: dict[str, IndexRow]
    sources: dict[str, Fault]
    # source -> its rows; of sources that count them
    rows: NotRequired[dict[str, SourceRows]]
    # year -> fingerprint of its page
    years: NotRequired[dict[str, str]]
    # fingerprint of the stream's page
    page: NotRequired[str]
    # only of a stream with programs
    programs: NotRequired[ProgramPages]
    # from pages/redirects.py
    moved: NotRequired[dict[str, Any]]
    # whether all pages of nights were current when the index was written
    is_settled: NotRequired[bool]
