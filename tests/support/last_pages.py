"""Pages of several outputs that nothing can make again."""

import hashlib
import json
from pathlib import Path

PRUNED = '<meta name="observing_monitor" content="pruned">'  # in a small page


def is_small(page):
    """True if a page exists and is the small one of a pruned night."""
    return page.exists() and PRUNED in page.read_text(errors="replace")


def is_whole(page):
    """True if a page exists and is not the small one of a pruned night."""
    return page.exists() and not is_small(page)


def nights_of_last_pages(store):
    """Return the pairs of stream and night whose tables alone were pruned."""
    found = set()
    for path in Path(store).glob("stream=*/night=*/looked.json"):
        pruned = json.loads(path.read_text()).get("pruned") or {}
        if "tables" in pruned and "page" not in pruned:
            stream, night = (part.partition("=")[2] for part in path.parts[-3:-1])
            found.add((stream, night))
    return found


class LastPages:
    """The whole pages of nights without tables, with their data files.

    They must stay byte by byte.

    Parameters
    ----------
    folder : Path
        Has the outputs.
    outputs : sequence of str
        Their names.
    """

    def __init__(self, folder, outputs):
        self.folder, self.outputs = folder, outputs
        self.files = {}  # (output, stream, night) -> name of a file -> digest

    def note(self, nights):
        """Note which pages must stay: the whole ones of `nights_of_last_pages`."""
        self.files = {
            (output, stream, night): self._files(output, stream, night)
            for output in self.outputs
            for stream, night in nights
            if is_whole(self.folder / output / stream / f"{night}.html")
        }

    def may_change(self, output="", page="", last_night=""):
        """Note that pages are damaged, restored or pruned on purpose.

        What is given limits which ones: one output, one page of it, nights up to `last_night`.
        """
        self.files = {
            (place, stream, night): files
            for (place, stream, night), files in self.files.items()
            if (output and place != output)
            or (page and page != f"{stream}/{night}.html")
            or (last_night and night > last_night)
        }

    def faults(self):
        """Return a line per page that did not stay."""
        return [
            f"{output}: {stream}/{night}.html cannot be made again, and did not stay"
            for (output, stream, night), files in sorted(self.files.items())
            if self._files(output, stream, night) != files
        ]

    def _files(self, output, stream, night):
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (self.folder / output / stream).glob(f"{night}.*")
            if path.is_file()
        }
