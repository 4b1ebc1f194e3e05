"""The site's page and its glossary."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from observing_monitor.feeds.site_status import SITE, Status, page_address
from observing_monitor.model import finding, wording
from observing_monitor.pages import glossary
from observing_monitor.pages.contexts import GlossaryPage, Link, SitePage
from observing_monitor.pages.frame import page_frame
from observing_monitor.pages.labels import source_words
from observing_monitor.pages.render import render_glossary, render_site
from observing_monitor.pages.stale import glossary_key, site_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from observing_monitor.pages.contexts import StreamCard
    from observing_monitor.pages.frame import Site


P = TypeVar("P", SitePage, GlossaryPage)


def needs_attention(cards: Sequence[StreamCard]) -> tuple[str, list[StreamCard]]:
    """How many streams need attention, in words, "" where none does; and their cards, the worst first."""
    by_level = {
        level: [card for card in cards if card.status == level] for level in ("error", "warning")
    }
    troubled = [card for level in by_level.values() for card in level]
    line = (
        f"{wording.n_of(len(troubled), 'stream')} need{'s' if len(troubled) == 1 else ''} attention"
        if troubled
        else ""
    )
    if all(by_level.values()):
        line += "".join(f", {len(level)} with {name}s" for name, level in by_level.items())
    return line, troubled


def publish_site(
    site: Site, cards: list[StreamCard], statuses: Sequence[Status]
) -> tuple[Status, str, int]:
    """Write the site's page if it has one and it is not current.

    Returns
    -------
    status : Status
        The status of the site.
    key : str
        The fingerprint of its page.
    n_pages : int
        How many pages were written.
    """
    word = finding.worst(card.status for card in cards)
    line, troubled = needs_attention(cards)
    info = (
        f"{line}: {'; '.join(f'{card.name}, {card.trouble}' for card in troubled)}"
        if troubled
        else ""
    )
    night = max((status.night for status in statuses), default="")
    url = page_address(site.url, "index.html")
    status = Status(site.title, SITE, site.title, word, info, line, night, "index.html", url)
    key = site_key(site, cards)
    if not site.has_site_page:
        return status, key, 0
    frame = page_frame(site, None, site.title, word, info, "index.html", key)
    page = SitePage(frame, line, troubled, cards)
    return status, key, _write_if_new(site, key, page, render_site)


def publish_glossary(site: Site) -> int:
    """Write the glossary if it is not current; return how many pages were written."""
    groups = glossary.glossary_groups(source_words(site.streams))
    key = glossary_key(site, groups)
    page = GlossaryPage(
        frame=page_frame(site, None, "Glossary", "", "", "glossary.html", key),
        index=Link(site.title, "index.html"),
        groups=groups,
    )
    return _write_if_new(site, key, page, render_glossary)


def _write_if_new(
    site: Site, key: str, page: P, render: Callable[[P, Mapping[str, str]], str]
) -> int:
    """Write one of the site's own pages unless it is current; return how many were written."""
    record, name = site.output.read_json("data/site.json") or {}, page.frame.name
    if record.get(name) == key and site.output.exists(name):
        return 0
    site.output.write(name, render(page, site.assets))
    site.output.write_json("data/site.json", record | {name: key})
    return 1
