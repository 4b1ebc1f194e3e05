"""Links on pages that lead to no file."""

import re
import urllib.parse


def dead_links(folder):
    """Return the local links of pages that lead to no file."""
    dead = []
    for page in folder.rglob("*.html"):
        for address in re.findall(r'(?:href|src|data-plotly)="([^"#]+)', page.read_text()):
            if not address.startswith(("data:", "http")):
                target = page.parent / urllib.parse.unquote(address.partition("?")[0])
                if not target.exists():
                    dead.append(f"{page.name}: {address}")
    return dead
