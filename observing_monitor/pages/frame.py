"""What all pages of a run have in common: the site, its static files, and the frame around every page."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from observing_monitor import __version__
from observing_monitor.model.digest import digest, short_fingerprint
from observing_monitor.pages import assets, render
from observing_monitor.pages.contexts import Frame, Link

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from observing_monitor.judging.known_issues import Issue
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.output import Output


# Parts of a site that no page shows, or that each page's own fingerprint covers.
NOT_SHOWN = {
    "streams": "each has its own fingerprint",
    "output": "where the pages are",
    "url": "only feeds and notifications show it",
    "known": "a night's row holds the effect of the known issues",
}


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

    @functools.cached_property
    def fingerprint(self) -> str:
        """Return a digest of all that the pages of every stream share.

        A new field is part of it unless NOT_SHOWN names it.
        """
        shown = (f.name for f in fields(self) if f.name not in NOT_SHOWN)
        return digest([(name, repr(getattr(self, name))) for name in shown])

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
    key = hashlib.blake2b(__version__.encode(), digest_size=8)
    folder = render.templates_dir()
    for path in render.template_files():
        key.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    names = assets.asset_names()
    key.update(repr(sorted(names.items())).encode())
    key.update(repr(output.redaction.texts).encode("utf-8", "backslashreplace"))
    return Site(title, tuple(streams), output, names, key.hexdigest(), url, tuple(known))


def write_assets(site: Site) -> None:
    """Write the static files that are not there yet."""
    for plain, name in site.assets.items():
        if not site.output.exists(f"assets/{name}"):
            site.output.write(f"assets/{name}", assets.asset_bytes(plain))


def page_frame(
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
        made_of=short_fingerprint(key),
    )


def site_link(site: Site, stream: Stream) -> Link | None:
    return Link(site.title, "../index.html") if stream.folder else None


def night_link(night: datetime.date | None) -> Link | None:
    return Link(night.isoformat(), f"{night.isoformat()}.html") if night else None
