"""The site, and the frame around each of its pages."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from observing_monitor import __version__
from observing_monitor.model.digest import digest, running_digest, short_fingerprint
from observing_monitor.pages import assets, render
from observing_monitor.pages.contexts import Frame, Link
from observing_monitor.storage import layout

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from observing_monitor.judging.known_issues import Issue
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.output import Output


STALE_AFTER_S = 3600  # of a site without a stream

# Parts of a site that no page shows, or that each page's own fingerprint covers.
NOT_SHOWN = {
    "streams": "each has its own fingerprint",
    "output": "where the pages are",
    "url": "only feeds and notifications show it",
    "known": "a night's row holds the effect of the known issues",
}


class Site(msgspec.Struct, frozen=True, dict=True):
    """A site: everything that all pages of a run share.

    Attributes
    ----------
    title : str
    streams : tuple of Stream
    output : Output
    assets : dict
        Plain name of a static file -> its name in `assets/`.
    key : str
        Fingerprint of the templates, the static files, the words to redact and our version.
    url : str
        Where the site is served; "" if the settings do not say.
    known : tuple of Issue
        Known issues of any stream and night.
    """

    title: str
    streams: tuple[Stream, ...]
    output: Output
    assets: dict[str, str]
    key: str
    url: str = ""
    known: tuple[Issue, ...] = ()

    @functools.cached_property
    def fingerprint(self) -> str:
        """Return a digest of all that every page shares.

        A new field is part of it unless NOT_SHOWN names it.
        """
        shown = (name for name in self.__struct_fields__ if name not in NOT_SHOWN)
        return digest([(name, repr(getattr(self, name))) for name in shown])

    @property
    def has_site_page(self) -> bool:
        """True if the site has a page above the streams'."""
        return any(stream.folder for stream in self.streams)


def make_site(
    title: str,
    streams: Iterable[Stream],
    output: Output,
    url: str = "",
    known: Iterable[Issue] = (),
) -> Site:
    """Return the site of a run.

    Reads the templates and the static files; writes nothing.
    """
    key = running_digest(8)
    key.update(__version__.encode())
    folder = render.templates_dir()
    for path in render.template_files():
        key.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    names = assets.asset_names()
    key.update(repr(sorted(names.items())).encode())
    key.update(repr(output.redaction.texts).encode("utf-8", "backslashreplace"))
    return Site(title, tuple(streams), output, names, key.hexdigest(), url, tuple(known))


def write_assets(site: Site) -> None:
    """Write the static files that are missing or altered."""
    for plain, name in site.assets.items():
        path = layout.asset(name)
        if not site.output.is_listed(path) or not site.output.is_intact(path):
            site.output.write_changed(path, assets.asset_bytes(plain))


def page_frame(
    site: Site, stream: Stream | None, title: str, word: str, info: str, name: str, key: str
) -> Frame:
    """Return the frame of a page.

    Parameters
    ----------
    site : Site
    stream : Stream or None
        None for pages of the site.
    title : str
    word, info : str
        Its status, and what is wrong.
    name : str
        Of the page, in its folder.
    key : str
        Its fingerprint.
    """
    limits = [s.stale_after_s for s in ([stream] if stream else site.streams)]
    return Frame(
        title=title,
        root="../" if stream and stream.folder else "",
        status=word,
        info=info,
        version=__version__,
        stream=stream.name if stream else "",
        stale_after_s=min(limits, default=STALE_AFTER_S),
        name=name,
        made_of=short_fingerprint(key),
    )


def site_link(site: Site, stream: Stream) -> Link | None:
    """Return the link to the site's page, if any."""
    return Link(site.title, f"../{layout.INDEX_PAGE}") if stream.folder else None


def night_link(night: datetime.date | None) -> Link | None:
    """Return the link to a neighbouring night, if any."""
    return Link(night.isoformat(), layout.night_page(night)) if night else None
