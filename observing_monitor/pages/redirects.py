"""The addresses that Rubin's prototype gave its pages, each a small page that leads on to ours.

By version it called a stream's page `index.html`, `index_gen2.html` or `index_gen3.html` and its nights' pages `NIGHT.html`,
`NIGHT_gen2.html` or `NIGHT_gen3.html`, in one folder a stream (lsst-dm/observing_monitor). The names without ending are ours too;
bookmarks and log books have the others.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from observing_monitor.pages import render
from observing_monitor.pages.stale import redirects_key
from observing_monitor.settings.traits import generation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observing_monitor.pages.frame import Site
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index


DATABASE = "observing_monitor.sqlite3"  # what the prototype kept beside its pages
ENDINGS = ("_gen2", "_gen3")


def publish_old_urls(site: Site, stream: Stream, index: Index) -> None:
    """Write pages at the prototype's addresses that lead to a stream's pages, if it moved over.

    It did if its settings say so, if import-prototype imported its history, or if the prototype's
    database is next to its pages. Redirects that earlier settings asked for elsewhere are removed.
    """
    output, kept = site.output, index.get("moved")
    asked = stream.prototype_urls
    if asked is None:
        # only import-prototype makes "moved"; what we note of the redirects has the folder
        is_imported = kept is not None and (kept.get("imported") or "folder" not in kept)
        asked = is_imported or output.exists(os.path.join(stream.folder, DATABASE))
    before = (kept or {}).get("folder")
    folder = _folder(stream, asked) if asked is not False else None
    if before is not None and before != folder:
        _remove(site, stream, before, index)
    if folder is None:
        if before is not None and kept is not None:
            _note(index, kept, None, "")
        return
    wanted = _addresses(site, stream, folder, _nights(index))
    key = redirects_key(folder, wanted)
    there = set(output.names(folder))
    if (kept or {}).get("key") == key and there.issuperset(wanted):
        return
    for name, href in wanted.items():
        output.write_changed(os.path.join(folder, name), render.render_moved(href))
    _note(index, kept, folder, key)


def _folder(stream: Stream, asked: bool | str) -> str:
    """Return the folder of the redirects, relative to the output."""
    return stream.folder if asked is True else os.path.normpath(str(asked)).removeprefix(".")


def _nights(index: Index) -> list[str]:
    return [night for night, row in index["nights"].items() if row.get("summary")]


def _note(index: Index, kept: Mapping[str, Any] | None, folder: str | None, key: str) -> None:
    """Note in the index where the redirects are; an import stays noted."""
    is_imported = kept is not None and (kept.get("imported") or "folder" not in kept)
    noted: dict[str, Any] = {"imported": True} if is_imported else {}
    if folder is not None:
        noted |= {"folder": folder, "key": key}
    if noted:
        index["moved"] = noted
    else:
        index.pop("moved", None)


def _remove(site: Site, stream: Stream, folder: str, index: Index) -> None:
    """Remove the redirects that we wrote into a folder; whatever else is there stays."""
    for name, href in _addresses(site, stream, folder, _nights(index)).items():
        path = os.path.join(folder, name)
        if (site.output.read(path) or b"").decode("utf-8", "replace") == render.render_moved(href):
            site.output.remove(path)


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
