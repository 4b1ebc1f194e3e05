"""Signs of files that this program wrote.

Pages say it in their head, feeds, scripts and tables in their own way. What these signs do not
cover, such as a picture, is only ours if `.observing_monitor` lists it (`storage.ownership`).
"""

from __future__ import annotations

import re

from observing_monitor.model.digest import hex_digest
from observing_monitor.storage import layout
from observing_monitor.storage.ledger import SIGN_BYTES

# in the head of every page
GENERATOR = b'<meta name="generator" content="observing_monitor'
# of pages of version 0.1, and of its redirects
_PAGE_0_1 = re.compile(rb'<body data-stream="[^"]*" data-page="[^"]*" data-made-of="')
_REDIRECT_0_1 = (
    b"<title>This page has moved</title>\n<style>\nhtml { background: #f5f6f8; color: #1c"
)

_TEXT = rb'"(?:[^"\\]|\\.)*"'
# the last member of JSON that `sealed` made
_SEAL = re.compile(rb',"seal":"[0-9a-f]{24}"\}\n?\Z')
# ending -> what the beginning of such a file matches
_BEGINNINGS = {
    ".js": re.compile(
        rb"observing_monitor_(?:rows|log)\(|window\.observing_monitor_heartbeat = \{"
    ),
    ".csv": re.compile(
        rb'"path","file_class",|night,status,info,acknowledged,|"exposure","obsid","seq_num",'
        rb'|"name","node","sampled_at",|"path","stage","attempted_at",|program,(?:night|n_nights),'
    ),
    ".json": re.compile(
        rb'\{\s*"stream": %(t)s,\s*"(?:night": %(t)s,\s*"status": "|generated_at": "'
        rb'|year": "\d{4}", "months": \[|programs": \[\n)'
        rb'|\{\s*"schema_version": \d+,\s*"version": %(t)s,\s*"run_at": "'
        rb'|\{"id": "[0-9a-f-]{36}", "made_at": "' % {b"t": _TEXT}
    ),
    ".notes": re.compile(rb'\{"night":"\d{4}-\d\d-\d\d","row":\{'),
    layout.LEDGER: re.compile(rb'\{"about":"Files that observing_monitor wrote'),
    ".prom": re.compile(rb"# HELP observing_monitor_build_info "),
    ".png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    ".jpg": re.compile(rb"\xff\xd8\xff"),
}
_FEED = re.compile(rb'<generator version="[^"]*">observing_monitor</generator>')
_TABLE_KEY = b"observing_monitor.schema_version"
# names that contain a digest of what the picture was made from
_PICTURE = re.compile(
    r"\d{4}-\d\d-\d\d(?:\.images/[A-Za-z0-9-]*-[0-9a-f]{10}\.png"
    r"|\.previews/[0-9A-Za-z+_-]*-[0-9a-f]{12}\.jpg)"
)
_ASSET = re.compile(r"(?:style|monitor)-([0-9a-f]{10})\.(?:css|js)")

_MADE_OF = re.compile(rb'\bdata-made-of="([0-9a-f]*)"')


def is_marked(relative: str, head: bytes, tail: bytes, whole: bytes | None = None) -> bool:
    """True if a file has our sign.

    Parameters
    ----------
    relative : str
        Its path in the output.
    head, tail : bytes
        Its first and its last SIGN_BYTES.
    whole : bytes, optional
        All of it, if it is known: it is needed for a style sheet or a script.
    """
    name = relative.rpartition("/")[2]
    if name.endswith(layout.PAGE):
        return _is_page(head)
    if ".parquet" in name:
        return _TABLE_KEY in tail
    if name.endswith(".atom"):
        return bool(_FEED.search(head))
    if asset := _ASSET.fullmatch(name):
        return whole is not None and hex_digest(whole, n_bytes=5) == asset[1]
    if name.endswith((layout.DATA, layout.LEDGER)) and _SEAL.search(tail):
        return True
    if name.endswith((".png", ".jpg")) and not _is_picture(relative):
        return False
    beginning = _BEGINNINGS.get(f".{name.rpartition('.')[2]}")
    return beginning is not None and bool(beginning.match(head))


def _is_page(head: bytes) -> bool:
    return GENERATOR in head or bool(_PAGE_0_1.search(head)) or _REDIRECT_0_1 in head


def _is_picture(relative: str) -> bool:
    return bool(_PICTURE.fullmatch("/".join(relative.rsplit("/", 2)[-2:])))


def is_whole(relative: str, data: bytes) -> bool:
    """True if a file seems to be whole.

    It is for files of which nobody noted what they should be.
    """
    if relative.endswith(layout.PAGE):
        return _is_page(data[:SIGN_BYTES]) and data.rstrip().endswith(b"</html>")
    return bool(data.strip(b"\0"))


def made_of(data: bytes) -> str:
    """Return the fingerprint that a page shows, or ""."""
    found = _MADE_OF.search(data)
    return found[1].decode() if found else ""
