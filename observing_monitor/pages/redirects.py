"""The addresses that Rubin's prototype gave its pages, each a small page that leads on to ours.

By version it called a stream's page `index.html`, `index_gen2.html` or `index_gen3.html` and its nights' pages `NIGHT.html`,
`NIGHT_gen2.html` or `NIGHT_gen3.html`, in one folder a stream (lsst-dm/observing_monitor). The names without ending are ours too;
bookmarks and log books have the others.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from observing_monitor.pages import render
from observing_monitor.pages.stale import redirects_key
from observing_monitor.settings.traits import generation

if TYPE_CHECKING:
    from observing_monitor.pages.frame import Site
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index


DATABASE = "observing_monitor.sqlite3"  # what the prototype kept beside its pages
ENDINGS = ("_gen2", "_gen3")


def publish_old_urls(site: Site, stream: Stream, index: Index) -> None:
    """Write the pages at the prototype's addresses of a stream that lead on to its pages; where its settings ask, or it moved over.

    A stream moved over if import-prototype took its history over, or the prototype's database lies beside its pages.
    """
    output, asked = site.output, stream.prototype_urls
    if asked is None:
        asked = "moved" in index or output.exists(os.path.join(stream.folder, DATABASE))
    if asked is False:
        return
    folder = stream.folder if asked is True else os.path.normpath(asked).removeprefix(".")
    wanted = _addresses(
        site,
        stream,
        folder,
        [night for night, row in index["nights"].items() if row.get("summary")],
    )
    key = redirects_key(folder, wanted)
    there = set(output.names(folder))
    if (index.get("moved") or {}).get("key") == key and there.issuperset(wanted):
        return
    for name, href in wanted.items():
        output.write_changed(os.path.join(folder, name), render.render_moved(href))
    index["moved"] = {"key": key}


def _addresses(site: Site, stream: Stream, folder: str, nights: list[str]) -> dict[str, str]:
    """Names in the prototype's folder, and where each leads, relative to it: those that no stream's own pages have."""
    way = os.path.relpath(stream.folder or ".", folder or ".")
    before = "" if way == "." else f"{way}/"
    endings = [ending for ending in ENDINGS if ending not in _claimed(site, stream, folder)]
    if folder != stream.folder and any(other.folder == folder for other in site.streams):
        endings = [f"_gen{generation(stream)}"]  # the other stream has the rest
    elif folder != stream.folder:
        endings = ["", *endings]
    made = {
        f"{name}{ending}.html": f"{before}{name}.html"
        for name in ("index", *nights)
        for ending in endings
    }
    if not folder and site.has_site_page:
        made.pop("index.html", None)
    return made


def _claimed(site: Site, stream: Stream, folder: str) -> set[str]:
    """The endings in a stream's own folder that another stream had there."""
    others = [(other, other.prototype_urls) for other in site.streams if other is not stream]
    return {
        f"_gen{generation(o)}"
        for o, told in others
        if isinstance(told, str) and os.path.normpath(told).removeprefix(".") == folder
    }
