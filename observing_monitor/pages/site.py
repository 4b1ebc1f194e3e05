"""The page of the site, and its glossary."""

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
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from observing_monitor.pages.contexts import StreamCard
    from observing_monitor.pages.frame import Site


P = TypeVar("P", SitePage, GlossaryPage)


def needs_attention(cards: Sequence[StreamCard]) -> tuple[str, list[StreamCard]]:
    """Return how many streams need attention, and their cards.

    ("", []) if none does.
    """
    by_level = {
        level: [card for card in cards if card.status == level] for level in ("error", "warning")
    }
    troubled = [card for level in by_level.values() for card in level]
    if not troubled:
        return "", []
    verb = "needs" if len(troubled) == 1 else "need"
    line = f"{wording.n_of(len(troubled), 'stream')} {verb} attention"
    if all(by_level.values()):
        line += "".join(f", {len(level)} with {name}s" for name, level in by_level.items())
    return line, troubled


def publish_site(
    site: Site, cards: list[StreamCard], statuses: Sequence[Status]
) -> tuple[Status, str, int]:
    """Write the site's page if it is stale.

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
    problems = "; ".join(f"{card.name}, {card.trouble}" for card in troubled)
    info = f"{line}: {problems}" if troubled else ""
    name = layout.INDEX_PAGE
    status = Status(
        site=site.title,
        stream=SITE,
        title=site.title,
        status=word,
        info=info,
        trouble=line,
        night=max((status.night for status in statuses), default=""),
        href=name,
        url=page_address(site.url, name),
    )
    key = site_key(site, cards)
    if not site.has_site_page:
        return status, key, 0
    frame = page_frame(site, None, site.title, word, info, name, key)
    page = SitePage(frame, line, troubled, cards)
    return status, key, _write_if_stale(site, key, page, render_site)


def publish_glossary(site: Site) -> int:
    """Write the glossary if it is stale; return how many pages."""
    groups = glossary.glossary_groups(source_words(site.streams))
    key = glossary_key(site, groups)
    page = GlossaryPage(
        frame=page_frame(site, None, "Glossary", "", "", layout.GLOSSARY_PAGE, key),
        index=Link(site.title, layout.INDEX_PAGE),
        groups=groups,
    )
    return _write_if_stale(site, key, page, render_glossary)


def _write_if_stale(
    site: Site, key: str, page: P, render: Callable[[P, Mapping[str, str]], str]
) -> int:
    """Write a page of the site if it is stale; return how many."""
    name = page.frame.name
    if site.output.is_intact(name, key):
        return 0
    site.output.write(name, render(page, site.assets), key)
    return 1
