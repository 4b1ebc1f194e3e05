"""What all pages of a run have in common: the site, its static files, and the frame around every page."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from observing_monitor import __version__, assets, columns, pages
from observing_monitor.columns import Summary
from observing_monitor.nights import iso_utc, parse_utc
from observing_monitor.pages import Frame, Link

if TYPE_CHECKING:
    from observing_monitor.config import Stream
    from observing_monitor.files import Output
    from observing_monitor.known import Issue

INSTANTS = [c.name for c in columns.NIGHTS if c.kind == "instant"]


@dataclass(frozen=True)
class Site:
    """What all pages of a run have in common."""

    title: str
    streams: tuple[Stream, ...]
    output: Output
    assets: dict[str, str]  # a static file's plain name -> its name under assets/
    key: str  # of the templates, the assets and our version
    url: str = ""  # where it is served; "" where the settings don't tell
    known: tuple[Issue, ...] = ()  # what is known to be wrong, of any stream and night

    @property
    def has_site_page(self) -> bool:
        return any(stream.folder for stream in self.streams)


def make_site(
    title: str,
    streams: Iterable[Stream],
    output: Output,
    url: str = "",
    known: Iterable[Issue] = (),
) -> Site:
    """The Site of a run; reads the templates and the static files' names, writes nothing."""
    digest = hashlib.blake2b(__version__.encode(), digest_size=8)
    for path in pages.template_files():
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    names = assets.asset_names()
    digest.update(repr(sorted(names.items())).encode())
    digest.update(repr(output.redaction.texts).encode("utf-8", "backslashreplace"))
    return Site(title, tuple(streams), output, names, digest.hexdigest(), url, tuple(known))


def write_assets(site: Site) -> None:
    """Write the static files that are not there yet."""
    for plain, name in site.assets.items():
        if not site.output.exists(f"assets/{name}"):
            site.output.write(f"assets/{name}", assets.asset_bytes(plain))


def digest(value: object) -> str:
    """A short text that differs when a value that JSON has, does."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()


def as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """A dict with its instants as text."""
    return {
        name: iso_utc(value) if isinstance(value, datetime.datetime) else value
        for name, value in values.items()
    }


def with_instants(summary: Summary) -> Summary:
    """A summary from the index, its instants as datetimes."""
    return {
        name: parse_utc(value) if name in INSTANTS else value for name, value in summary.items()
    }


def frame(
    site: Site, stream: Stream | None, title: str, word: str, info: str, name: str, key: str
) -> Frame:
    """What stands around the content of the page `name`; `stream` is None for the site's own pages, `key` the page's fingerprint."""
    return Frame(
        title=title,
        root="../" if stream and stream.folder else "",
        status=word,
        info=info,
        version=__version__,
        stream=stream.name if stream else "",
        stale_after_s=stream.stale_after_s
        if stream
        else min((s.stale_after_s for s in site.streams), default=3600),
        name=name,
        made_of=short(key),
    )


def short(key: str) -> str:
    """A fingerprint as pages and the heartbeat have it: long enough to differ from that of the same page before."""
    return key[:10]


def site_link(site: Site, stream: Stream) -> Link | None:
    return Link(site.title, "../index.html") if stream.folder else None


def night_link(night: datetime.date | None) -> Link | None:
    return Link(night.isoformat(), f"{night.isoformat()}.html") if night else None
