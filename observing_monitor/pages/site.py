"""The site's page and its glossary."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

from observing_monitor.feeds.site_status import SITE, Status, page_address
from observing_monitor.model import finding, wording
from observing_monitor.model.digest import digest
from observing_monitor.pages import glossary
from observing_monitor.pages.contexts import GlossaryPage, Link, SitePage
from observing_monitor.pages.frame import page_frame
from observing_monitor.pages.labels import source_words
from observing_monitor.pages.render import render_glossary, render_site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from observing_monitor.pages.contexts import StreamCard
    from observing_monitor.pages.frame import Site
    from observing_monitor.pages.published import Published


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


def publish_site(site: Site, cards: list[StreamCard], done: Published) -> str:
    """The site's standing and, over streams that have pages of their own, its page; returns that one's fingerprint."""
    word = finding.worst(card.status for card in cards)
    line, troubled = needs_attention(cards)
    info = (
        f"{line}: {'; '.join(f'{card.name}, {card.trouble}' for card in troubled)}"
        if troubled
        else ""
    )
    night = max((standing.night for standing in done.standings), default="")
    url = page_address(site.url, "index.html")
    done.standings.insert(
        0, Status(site.title, SITE, site.title, word, info, line, night, "index.html", url)
    )
    key = digest([site.key, site.title, [asdict(card) for card in cards]])
    if site.has_site_page:
        page = SitePage(
            page_frame(site, None, site.title, word, info, "index.html", key), line, troubled, cards
        )
        _write_if_new(site, key, page, render_site, done)
    return key


def publish_glossary(site: Site, done: Published) -> None:
    """Write the page that explains the words of all others, if it changed."""
    groups = glossary.glossary_groups(source_words(site.streams))
    key = digest([site.key, site.title, [asdict(group) for group in groups]])
    page = GlossaryPage(
        frame=page_frame(site, None, "What the words mean", "", "", "glossary.html", key),
        index=Link(site.title, "index.html"),
        groups=groups,
    )
    _write_if_new(site, key, page, render_glossary, done)


def _write_if_new(
    site: Site, key: str, page: P, render: Callable[[P, Mapping[str, str]], str], done: Published
) -> None:
    """Write one of the site's own pages unless the one there was made from the same."""
    record, name = site.output.read_json("data/site.json") or {}, page.frame.name
    if record.get(name) == key and site.output.exists(name):
        return
    site.output.write(name, render(page, site.assets))
    site.output.write_json("data/site.json", record | {name: key})
    done.n_pages += 1
