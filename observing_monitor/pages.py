"""What a page is made of, and the text it becomes: context dataclasses, filters, `render_*(context) -> str`.

A template takes one dataclass, and shows it; sorting, sums and dates are done before. Instants are aware datetimes in UTC,
durations seconds, `None` stands for "there is none" and is shown as –.
"""

import datetime
from dataclasses import dataclass, field


@dataclass
class Link:
    """A link's words and its address, relative to the page."""

    text: str
    href: str


@dataclass
class Finding:
    """One sentence of what a check found, its level (normal, warning, error), and where on the page its rows are."""

    level: str
    text: str
    href: str = ""
    source: str = ""


@dataclass
class SourceLine:
    """One source of a stream: its name, what it is (kind and place), and its fault, if it has one, with since when."""

    name: str
    kind: str
    place: str
    problem: str = ""
    problem_since: datetime.datetime | None = None


@dataclass
class Chart:
    """A figure as plotly draws it, and what it says in words for those who can't see it."""

    chart_id: str  # the chart's address on its page
    title: str
    caption: str
    figure: dict  # {"data": [...], "layout": {...}}: plain, JSON-able, without colours of the page's own theme


@dataclass
class NightRow:
    """A night's summary, by the names of `columns.NIGHTS`, and the address of its page."""

    href: str
    values: dict


@dataclass
class FileRow:
    """One file, as the table of what needs attention shows it."""

    anchor: str  # its address on the page
    path: str
    file_class: str
    reason: str  # one line: why it needs attention
    detail: str  # the whole message or traceback, "" where the reason is all
    size_bytes: int | None
    exposure: str
    obsid: str
    seq_num: int | None
    detector: str
    created_at: datetime.datetime | None
    transferred_at: datetime.datetime | None
    tried_at: datetime.datetime | None
    n_attempts: int


@dataclass
class GroupRow:
    """One exposure (or one folder, where files have none): how many files of it, by class, and when."""

    name: str
    seq_num: int | None
    n_files: int
    counts: dict[str, int]  # by class, only those above 0
    created_at: datetime.datetime | None
    transferred_at: datetime.datetime | None
    ingested_at: datetime.datetime | None


@dataclass
class MetricRow:
    """The latest value of one metric of one node."""

    name: str
    node: str
    value: str  # as it is shown
    unit: str
    sampled_at: datetime.datetime | None
    meaning: str = ""


@dataclass
class StreamCard:
    """A stream on the site's page: its newest night, and its recent nights, newest first."""

    name: str
    href: str
    status: str
    info: str
    latest: NightRow | None
    nights: list[NightRow]


@dataclass
class Frame:
    """What every page has around its content."""

    title: str
    root: str  # the way from the page to the site's root: "" or "../"
    status: str  # normal, warning or error
    info: str  # the status in words; "" where all is well
    version: str  # of this program
    stream: str  # "" on the site's page
    stale_after_s: float  # older than this without a run, and the page warns


@dataclass
class SitePage:
    """`index.html` over several streams."""

    frame: Frame
    streams: list[StreamCard]


@dataclass
class StreamPage:
    """`index.html` of one stream: its nights, newest first, and charts over them, oldest first."""

    frame: Frame
    site: Link | None  # up to the site's page; None where there is one stream alone
    rule: str  # which instant belongs to which night, in words
    stage: str  # the stream's last stage: what "ingested" means here
    latest: NightRow | None
    nights: list[NightRow]
    charts: list[Chart]
    sources: list[SourceLine]
    data: list[Link]  # nights.json, nights.csv


@dataclass
class NightPage:
    """`YYYY-MM-DD.html`: one night of one stream."""

    frame: Frame
    site: Link | None
    index: Link  # the stream's page
    previous: Link | None  # older
    next: Link | None  # newer
    night: str
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    rule: str
    changed_at: datetime.datetime | None  # when the night's data last changed
    summary: dict  # by the names of columns.NIGHTS
    findings: list[Finding]  # worst first
    charts: list[Chart]
    attention: list[FileRow]
    n_attention: int  # of which `attention` may show only the first
    groups: list[GroupRow]
    n_groups: int
    metrics: list[MetricRow]
    notes: list[str]  # what was odd when the night was read: unreadable folders, vanished files
    sources: list[SourceLine]
    files_js: str  # the script with all files, loaded when wanted; "" where the night has none
    data: list[Link] = field(default_factory=list)  # YYYY-MM-DD.json, .csv
