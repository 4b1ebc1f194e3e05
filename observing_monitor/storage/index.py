"""The records of the index: one row per night."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

if TYPE_CHECKING:
    from observing_monitor.model.reading import Known, UnmatchedCounts


PAGE, TABLES, PREVIEWS = "page", "tables", "previews"


def is_pruned(row: IndexRow | Looked, what: str) -> bool:
    """Whether a night's row says that its page, tables or previews were pruned."""
    return what in (row.get("pruned") or {})


INDEXED = (
    "tables",
    "notes",
    "silent",
    "happened",
    "changed_at",
    "is_told",
    "strays",
)  # what the index has of a night's last look


class Silent(TypedDict):
    """A source that did not answer: why, and since when (ISO 8601, UTC)."""

    problem: str
    since: str


class Fault(TypedDict, total=False):
    """A source's row of the index: nothing where it answered, else as `Silent`; our own faults may be less than an error."""

    problem: str
    since: str
    level: str


class Look(TypedDict, total=False):
    """What the last look at a night came to (INDEXED); instants are ISO 8601, UTC."""

    tables: str  # a digest of the night's tables
    notes: dict[str, list[str]]  # source -> sentences
    silent: dict[str, Silent]  # by source
    happened: dict[str, Any] | None  # as `happenings.merged` gives it
    changed_at: str | None
    is_told: bool  # whether the last stage's source ever answered
    strays: (
        UnmatchedCounts  # of the files that may have their other half in the night before or after
    )


class IndexRow(Look, total=False):
    """A night's row of the index: beside the last look what judging and publishing made of it."""

    summary: dict[str, Any]  # by the names of columns.NIGHTS and of the stream's headlines
    findings: list[dict[str, Any]]  # each a `pages.Finding`
    units: dict[str, str]  # headline -> unit
    worse: dict[str, float]  # as `usual.worse` gives it
    judged_at: str
    next_change_at: str | None  # when time alone changes a class
    basis: str  # of what the summary was made
    beside: str  # what the nights beside it had of its files then
    shown: str  # the same without what is known of the night
    acknowledged: str  # differs when other files are acknowledged
    page: str  # the page's fingerprint
    images: list[str]  # the names of its images' files
    n_exposure_pages: (
        int  # over how many pages its exposures are spread; 0 where its own page has all
    )
    previews: dict[str, Any]
    made_for: str  # of the run that found the page current
    news_at: str | None  # when the status, or what is wrong, last changed
    pruned: dict[str, str]  # as `retention` says


class Looked(Look, total=False):
    """`looked.json`: what the night's sources looked like at the last look, and what that came to."""

    schema_version: int
    version: str  # of this program
    keys: dict[str, str]  # source -> what it was asked
    sizes: dict[str, int]  # table -> bytes
    kept: dict[
        str, str
    ]  # source -> a digest of its attempts, where these are the stream's kept ones
    sources: dict[str, Known]
    pruned: dict[str, str]
    row: IndexRow  # of a night whose tables were pruned


class Index(TypedDict):
    """A stream's `index.json`."""

    schema_version: int
    nights: dict[str, IndexRow]
    sources: dict[str, Fault]
    years: NotRequired[dict[str, str]]  # year -> its page's fingerprint
    page: NotRequired[str]  # the stream's page's
    moved: NotRequired[dict[str, Any]]  # as `old_urls` says
    is_settled: NotRequired[bool]  # whether all nights' pages were current when it was written
