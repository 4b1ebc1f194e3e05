"""The records that templates receive."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observing_monitor.charts.figure import Chart
from observing_monitor.model.columns import Summary
from observing_monitor.model.finding import Finding
from observing_monitor.pages.glossary import WordGroup
from observing_monitor.previews.preview import Preview
from observing_monitor.settings.headlines import Headline

if TYPE_CHECKING:
    from observing_monitor.tables.attention import FileFacts
    from observing_monitor.tables.stages import StageCounts


@dataclass
class Link:
    """A link's words and its address, relative to the page."""

    text: str
    href: str


@dataclass
class SourceLine:
    """One source of a stream: its name, what it is (kind and place), and its fault, if it has one, with since when."""

    name: str
    kind: str
    place: str
    problem: str = ""
    problem_since: datetime.datetime | None = None


@dataclass
class NightRow:
    """A night's summary, by the names of `columns.NIGHTS`, and the address of its page."""

    href: str
    values: Summary


@dataclass
class FileRow:
    """One file, as the table of what needs attention shows it."""

    facts: FileFacts
    detail: str  # the whole message or traceback, "" where the reason is all, or the group has it


@dataclass
class ErrorGroup:
    """Files that need attention for the same reason."""

    anchor: str
    file_class: str
    words: str  # what is said of them all, with … for what differs
    n_files: int
    first_at: (
        datetime.datetime | None
    )  # when the first of them was tried, or had come where none was
    last_at: datetime.datetime | None
    detail: str  # the whole message of the first of them, "" where the words are all
    files: list[FileRow]  # of many, the first
    is_open: bool  # whether it is so small that it needs no click
    acknowledged: str = ""  # why they are known


@dataclass
class MetricNode:
    """The latest value of a metric on one node."""

    node: str
    value: str  # as it is shown


@dataclass
class MetricGroup:
    """The latest values of one metric: of the whole, and node by node."""

    name: str
    value: str  # as it is shown; "" where there are nodes alone
    spread: str  # what the nodes' values are, in a few words; "" where there are none
    nodes: list[MetricNode]  # of many, the first
    n_nodes: int
    unit: str
    sampled_at: datetime.datetime | None  # the latest of them
    meaning: str = ""
    source: str = ""  # "" where all are of one source


@dataclass
class StageRow:
    """What became of a night's files in one stage."""

    counts: StageCounts
    anchor: str
    failures: list[QueueEntry]  # of many, the first; none where the page shows them elsewhere
    error_words: str = ""  # `2 files`


@dataclass
class QueueEntry:
    """One file in a queue, or one that failed: in what state, since when, and the whole of what was said of it."""

    path: str
    state: str
    since: datetime.datetime | None
    reason: str  # one line
    detail: str  # the whole message, "" where the reason is all
    destination: str


@dataclass
class Queue:
    """One queue: its entries that wait (or are in progress, or put off), and those that failed."""

    name: str
    anchor: str
    n_waiting: int
    n_errors: int
    waiting: list[QueueEntry]  # of many, the first
    errors: list[QueueEntry]
    error_words: str = ""  # `2 errors`


@dataclass
class ExposureTable:
    """Exposures as a page shows them, a list a column, for there may be thousands: text as it stands in the cells."""

    names: list[str]
    seq_nums: list[str]
    n_files: list[str]
    counts: list[
        tuple[tuple[str, int], ...]
    ]  # how many of its files are in which class, only those above 0
    created_at: list[str]  # the latest of its files, as `near` says it
    transferred_at: list[str]
    ingested_at: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def part(self, start: int, end: int | None = None) -> ExposureTable:
        """Those from one place up to another."""
        return ExposureTable(**{name: column[start:end] for name, column in vars(self).items()})


@dataclass
class Image:
    """An image that a system told of, written beside the page."""

    name: str
    node: str
    href: str
    sampled_at: datetime.datetime | None


@dataclass
class BarPart:
    """A part of a bar: its tone, and from where on it goes how far up, in the chart's own units."""

    tone: str
    y: float
    height: float


@dataclass
class Bar:
    """A night in a small chart."""

    x: float
    title: str  # what a hover tells
    parts: list[BarPart]
    mark: str  # the sign of the night's status; "" where all is well


@dataclass
class SmallChart:
    """A chart that needs no script: a bar a night, oldest first."""

    words: str  # the whole of it, for those who can't see it
    legend: list[Link]  # what the tones mean: words, tone
    bars: list[Bar]


@dataclass
class StreamCard:
    """A stream on the site's page: its newest night, and its recent nights, newest first."""

    stream: str  # as the heartbeat knows it
    name: str  # as people call it
    href: str
    status: str
    info: str
    trouble: str  # the worst that is wrong with it, in a few words; "" where all is well
    trouble_href: str  # where that stands
    latest: NightRow | None
    nights: list[NightRow]
    chart: SmallChart | None
    has_files: bool  # whether its sources tell of files at all
    has_ingest: bool  # whether a stage comes after arrival: without one a file that is there is all that is wanted
    headlines: list[Headline]


@dataclass
class Day:
    """A square of the calendar; without `href` there is no page of that night."""

    number: int  # of the month
    href: str
    status: str  # normal, warning or error; "empty" for a night that is well and has no file; "" without a page
    word: str  # the status as the square says it
    words: str  # and the whole of it


@dataclass
class Month:
    """A month of the calendar: weeks from Monday to Sunday, None where a day is another month's."""

    name: str  # March 2020
    anchor: str  # month-2020-03
    weeks: list[list[Day | None]]


@dataclass
class RollUp:
    """A month or a year in numbers, by the names of `columns.PERIODS`, and of the stream's headlines the median over its nights."""

    name: str
    href: str
    values: Summary


@dataclass
class Frame:
    """What every page has around its content."""

    title: str
    root: str  # the way from the page to the site's root: "" or "../"
    status: str  # normal, warning or error; "" where the page is about no night
    info: str  # the status in words; "" where all is well
    version: str  # of this program
    stream: str  # "" on the site's page
    stale_after_s: float  # older than this without a run, and the page warns
    name: str  # the page's own, in its folder
    made_of: str  # differs when the page does: the heartbeat tells that of the newest pages, so that they can renew themselves


@dataclass
class SitePage:
    """`index.html` over several streams."""

    frame: Frame
    line: str  # how many streams need attention, in words; "" where all are well
    troubled: list[StreamCard]  # these streams, the worst first
    streams: list[StreamCard]


@dataclass
class GlossaryPage:
    """`glossary.html`: what the words on all pages mean."""

    frame: Frame
    index: Link  # back to the site's page
    groups: list[WordGroup]


@dataclass
class StreamPage:
    """`index.html` of one stream: its nights, newest first, and charts over them, oldest first."""

    frame: Frame
    site: Link | None  # up to the site's page; None where there is one stream alone
    rule: str  # which instant belongs to which night, in words
    stage: str  # the stream's last stage: what "ingested" means here
    latest: NightRow | None
    nights: list[NightRow]  # the newest; all are on the pages of the years
    n_nights: int
    months: list[Month]  # the newest, in order
    years: list[RollUp]  # newest first
    charts: list[Chart]
    sources: list[SourceLine]
    data: list[Link]  # nights.json, nights.csv
    has_files: bool  # whether its sources tell of files at all
    has_ingest: bool
    headlines: list[Headline]


@dataclass
class YearPage:
    """`YYYY.html`: a year of one stream: its calendar, months in numbers, charts, and all its nights, newest first."""

    frame: Frame
    site: Link | None
    index: Link  # the stream's page
    previous: Link | None  # the year before
    next: Link | None
    year: str
    rule: str
    months: list[Month]
    periods: list[RollUp]  # its months, newest first
    total: RollUp
    nights: list[NightRow]
    charts: list[Chart]
    data: list[Link]
    has_files: bool
    has_ingest: bool
    headlines: list[Headline]


@dataclass
class OfNight:
    """What all pages of a night have: where they lead, which night it is, and its numbers."""

    frame: Frame
    site: Link | None
    index: Link  # the stream's page
    calendar: Link  # the night's month on the page of its year
    previous: Link | None  # older
    next: Link | None  # newer
    night: str
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    rule: str
    summary: Summary  # by the names of columns.NIGHTS
    headlines: list[Headline]
    has_ingest: bool  # whether a stage comes after arrival


@dataclass
class NightPage(OfNight):
    """`YYYY-MM-DD.html`: one night of one stream."""

    changed_at: datetime.datetime | None  # when the night's data last changed
    findings: list[Finding]  # worst first
    more_findings: list[Finding]  # those for which there is no room on top
    charts: list[Chart]
    attention: list[ErrorGroup]
    n_attention: int  # the files in them
    n_attention_groups: int  # of which `attention` may show only the first
    exposed: ExposureTable  # of many, the newest
    n_exposed: int
    exposures: str  # the page that has all of them; "" where this one has
    has_files: bool  # whether the stream's sources tell of files at all
    stages: list[StageRow]  # in order; none where there is one stage alone
    queues: list[Queue]
    images: list[Image]
    n_images: int
    metrics: list[MetricGroup]
    n_metrics: int  # of which `metrics` may show only the first
    notes: list[str]  # what was odd when the night was read: unreadable folders, vanished files
    sources: list[SourceLine]
    files_js: str  # the script with all files, loaded when wanted; "" where the night has none
    data: list[Link] = field(default_factory=list)  # YYYY-MM-DD.json, .csv
    previews: list[Preview] = field(default_factory=list)  # the newest exposure first
    previews_note: str = ""  # which are not among them


@dataclass
class ExposuresPage(OfNight):
    """`YYYY-MM-DD.exposures.html`, and further parts where one would be too long: a row an exposure, for nights that have many."""

    night_page: Link
    exposed: ExposureTable  # of this part, in the order of their creation
    n_exposed: int  # of all parts
    parts: list[
        Link
    ]  # all of them where there are several; without an address the one that this is


@dataclass
class PrunedPage(OfNight):
    """`YYYY-MM-DD.html` of a night whose page was pruned: what its row of the index tells."""

    pruned_at: datetime.datetime
    findings: list[Finding]  # worst first


Page = (
    SitePage | StreamPage | YearPage | NightPage | ExposuresPage | PrunedPage | GlossaryPage
)  # what a template is given
