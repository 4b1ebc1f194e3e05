"""Redirects from addresses of Rubin's prototype.

The prototype had one folder per stream. By version, it called the stream's page `index.html`,
`index_gen2.html` or `index_gen3.html`, and a night's page `NIGHT.html`, `NIGHT_gen2.html` or
`NIGHT_gen3.html`. The names without an ending are ours as well; bookmarks and log books have the
others.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from observing_monitor.pages.render import render_moved
from observing_monitor.pages.stale import redirects_key
from observing_monitor.settings.traits import generation
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observing_monitor.pages.frame import Site
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index


ENDINGS = ("_gen2", "_gen3")
# in every redirect, and in no other page
_IS_REDIRECT = b'<meta http-equiv="refresh"'


def publish_redirects(site: Site, stream: Stream, index: Index, is_thorough: bool) -> None:
    """Redirect the prototype's addresses to a stream.

    It did if its settings say so, if import-prototype imported its history, or if the prototype's
    database is next to its pages. Redirects that earlier settings asked for elsewhere are removed.
    If `is_thorough`, each file is compared with what was written.
    """
    noted = index.get("moved")
    folder = _wanted_folder(site, stream, noted)
    before = (noted or {}).get("folder")
    nights = [night for night, row in index["nights"].items() if row.get("summary")]
    if before is not None and before != folder:
        _remove(_Redirects(site, stream, before), nights)
    if folder is None:
        if before is not None:
            _note(index, noted, None, "")
        return
    redirects = _Redirects(site, stream, folder)
    wanted = redirects.addresses(nights)
    key = redirects_key(folder, wanted)
    paths = {layout.in_folder(folder, name): href for name, href in wanted.items()}
    is_kept = site.output.is_intact if is_thorough else site.output.is_listed
    existing = set(site.output.names(folder))
    if (noted or {}).get("key") == key and existing.issuperset(wanted) and all(map(is_kept, paths)):
        return
    for path, href in paths.items():
        site.output.write_changed(path, render_moved(href))
    _note(index, noted, folder, key)


def _wanted_folder(site: Site, stream: Stream, noted: Mapping[str, Any] | None) -> str | None:
    """Return the folder of a stream's redirects, if any."""
    setting = stream.prototype_urls
    if setting is None:
        database = layout.in_folder(stream.folder, layout.PROTOTYPE_DATABASE)
        setting = _is_imported(noted) or site.output.exists(database)
    if setting is False:
        return None
    return stream.folder if setting is True else _folder_named(setting)


def _folder_named(setting: str) -> str:
    """Return a folder's path in the output."""
    return os.path.normpath(setting).removeprefix(".")


def _is_imported(noted: Mapping[str, Any] | None) -> bool:
    """True if import-prototype imported the stream's history.

    Only import-prototype makes a note without a folder.
    """
    return noted is not None and bool(noted.get("imported") or "folder" not in noted)


def _note(index: Index, noted: Mapping[str, Any] | None, folder: str | None, key: str) -> None:
    """Note in the index where the redirects are."""
    note: dict[str, Any] = {"imported": True} if _is_imported(noted) else {}
    if folder is not None:
        note |= {"folder": folder, "key": key}
    if note:
        index["moved"] = note
    else:
        index.pop("moved", None)


def _remove(redirects: _Redirects, nights: list[str]) -> None:
    """Remove redirects that we wrote, and no other files."""
    output = redirects.site.output
    for name in redirects.addresses(nights):
        path = layout.in_folder(redirects.folder, name)
        if _IS_REDIRECT in (output.read(path) or b"") and not output.is_foreign(path):
            output.remove(path)


class _Redirects(msgspec.Struct, frozen=True):
    """The redirects from a folder to a stream."""

    site: Site
    stream: Stream
    folder: str

    def addresses(self, nights: list[str]) -> dict[str, str]:
        """Return the redirects' names and targets.

        Names of our own pages are left out.
        """
        own = self.stream.folder
        way = os.path.relpath(own or ".", self.folder or ".")
        before = "" if way == "." else way
        pages = ["index", *nights]
        made = {
            f"{name}{ending}{layout.PAGE}": layout.in_folder(before, f"{name}{layout.PAGE}")
            for name in pages
            for ending in self._endings()
        }
        if not self.folder and self.site.has_site_page:
            made.pop(layout.INDEX_PAGE, None)
        return made

    def _endings(self) -> list[str]:
        """Return the endings that lead to the stream."""
        is_own = self.folder == self.stream.folder
        if not is_own and any(other.folder == self.folder for other in self.site.streams):
            return [f"_gen{generation(self.stream)}"]  # the other stream has the rest
        claimed = self._claimed()
        endings = [ending for ending in ENDINGS if ending not in claimed]
        return endings if is_own else ["", *endings]

    def _claimed(self) -> set[str]:
        """Return the endings that other streams claim."""
        return {
            f"_gen{generation(other)}"
            for other in self.site.streams
            if other is not self.stream
            and isinstance(other.prototype_urls, str)
            and _folder_named(other.prototype_urls) == self.folder
        }
