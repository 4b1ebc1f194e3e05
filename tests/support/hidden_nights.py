"""A night with proprietary exposures, and a search for traces of them."""

import base64
import binascii
import contextlib
import csv
import datetime
import functools
import gzip
import html
import json
import re
import urllib.parse
import zlib

from running import run
from support.settings_text import to_toml

NIGHT = datetime.date(2026, 8, 3)
START = datetime.datetime(2026, 8, 4, 8, tzinfo=datetime.UTC)
NOW = datetime.datetime(2026, 8, 5, tzinfo=datetime.UTC)
RELEASE = datetime.datetime(2027, 2, 1, tzinfo=datetime.UTC)
TARGET, PROGRAM, SHORT = "NGC 1234", "GN-2026B-Q-101", "M74"
OPEN_TARGET, OPEN_PROGRAM = "Vega field", "ENG-77"
HIDE = ["target", "ra_deg", "dec_deg", "program"]
# exposure, target, program, right ascension, release; the last exposure is public
EXPOSURES = (
    (f"{PROGRAM}-001", TARGET, PROGRAM, 150.11713, RELEASE),
    (f"{PROGRAM}-002", SHORT, PROGRAM, 83.63308, None),
    (f"{OPEN_PROGRAM}-003", OPEN_TARGET, OPEN_PROGRAM, 279.23473, START),
)
FILES = (
    f"2026-08-03/{PROGRAM}-001_NGC_1234.fits",
    f"2026-08-03/{PROGRAM.lower()}-002_M74_r.fits",
    f"2026-08-03/{OPEN_PROGRAM}-003_Vega_field.fits",
    "2026-08-03/ngc1234_finder.fits",
)
MESSAGES = (
    f"no header in https://archive.example.org/?object=NGC%201234&program={PROGRAM}",
    f"refused: target '{SHORT}' of {PROGRAM.lower()}\nTraceback of /data/M74/x.py",
    "",
    "not in the list: ngc&#32;1234 and Ngc_1234",
)
# a picture of one point
IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgAB"
    "SK+kcQAAAABJRU5ErkJggg=="
)


class HiddenNight:
    """The input, settings and output of a night of three exposures."""

    def __init__(self, folder):
        self.folder, self.site, self.store = folder, folder / "site", folder / "store"
        self.exposures = [dict(zip(_EXPOSURE, row, strict=True)) for row in EXPOSURES]
        self.obsids = [f"{row[0]}.obs" for row in EXPOSURES] + [""]  # of the files
        self.write()

    def write(self):
        """Write the input: exposures, files, attempts and metrics."""
        exposures = [
            {
                **row,
                "obsid": f"{row['exposure']}.obs",
                "started": f"{START + datetime.timedelta(minutes=5 * number):%FT%TZ}",
                "seconds": 120 + number,
                "type": "science",
                "dec": -20.5,
                "airmass": 1.2345 + number,
                "comment": f"pointing at {row['target']}",
                "released": f"{row['released']:%FT%TZ}" if row["released"] else "",
                "seeing": 0.8 + number,
            }
            for number, row in enumerate(self.exposures)
        ]
        self._table("exposures.csv", exposures)
        at = f"{START:%FT%TZ}"
        rows = zip(FILES, self.obsids, strict=True)
        self._table(
            "files.csv", [{"path": p, "at": at, "size": 3e7, "obsid": obsid} for p, obsid in rows]
        )
        self._table(
            "log.csv",
            [
                {"path": path, "at": at, "status": "failure" if text else "success", "text": text}
                for path, text in zip(FILES, MESSAGES, strict=True)
            ],
        )
        told = {"at": at, "name": "pointing", "value": "", "text": f"slew to {TARGET}", "of": ""}
        first = self.exposures[0]["exposure"]
        image = {**told, "name": f"focus {TARGET}", "text": IMAGE, "unit": "image/png"}
        metrics = [
            {**told, "unit": ""},
            image,
            {**image, "name": "focus", "of": first},
            {**told, "name": f"rms {PROGRAM}", "value": 3.5, "text": ""},
            {**told, "name": "tel_ra", "value": 150.11713, "text": "", "of": first},
            {**told, "name": "sky", "value": 20.25, "text": "", "of": first},
            {**told, "name": "", "text": f"no name: {TARGET}"},
        ]
        self._table("metrics.csv", metrics)

    def _table(self, name, rows):
        with open(self.folder / name, "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    def sources(self):
        """Return the tables of the sources."""
        exposures = {
            **{name: name for name in ("exposure", "obsid", "target", "program", "comment")},
            "started_at": "started",
            "exposure_time_s": "seconds",
            "observation_type": "type",
            "ra_deg": "ra",
            "dec_deg": "dec",
            "airmass": "airmass",
            "released_at": "released",
        }
        files = {"path": "path", "created_at": "at", "size_bytes": "size", "obsid": "obsid"}
        log = {"path": "path", "attempted_at": "at", "status": "status", "message": "text"}
        told = {name: name for name in ("name", "value", "text", "unit")}
        metrics = {"sampled_at": "at", "exposure": "of", **told}
        made = [
            {"feeds": "exposures", "columns": exposures, "measures": {"seeing": "seeing"}},
            {"feeds": "files", "columns": files},
            {"feeds": "ingests", "columns": log, "constants": {"stage": "ingest"}},
            {"feeds": "metrics", "columns": metrics},
        ]
        names = ("exposures", "files", "log", "metrics")
        return [
            {"type": "table", "name": name, "path": self.folder / f"{name}.csv", **one}
            for name, one in zip(names, made, strict=True)
        ]

    def run(self, *more, now=NOW, command=(), store="store", code=None, **settings):
        """Run with settings of the stream; return the exit code."""
        site = {"output_dir": self.site, "site_url": "https://example.org/nights"}
        site |= {"store_dir": self.folder / store} if store else {}
        site["prometheus_file"] = self.site / "observing_monitor.prom"
        stream = {"hide": HIDE, "latitude_deg": 19.8238, "longitude_deg": -155.4691}
        stream |= settings | {"sources": self.sources()}
        text = to_toml({"observing_monitor": site, "streams": {"gmos": stream}})
        path = self.folder / "site.toml"
        path.write_text(text)
        days = ("--first_day", NIGHT, "--last_day", NIGHT)
        found = run(*command, "-c", path, *days, "--jobs", 1, *more, now=now)
        assert code is None or found == code
        return found

    def text(self, ending=".html"):
        """Return the text of one of the night's files."""
        return (self.site / "gmos" / f"{NIGHT}{ending}").read_text()

    def json(self):
        """Return the night's data."""
        return json.loads(self.text(".json"))

    def traces(self, *secrets):
        """Return the files with a trace of a text, in any form."""
        found = {}
        for path in sorted(self.site.rglob("*")):
            data = path.read_bytes() if path.is_file() else b""
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            name = str(path.relative_to(self.site))
            texts = [name, *_texts(data)]
            seen = [one for one in secrets if any(_has(text, one) for text in texts)]
            if seen:
                found[name] = seen
        return found


_EXPOSURE = ("exposure", "target", "program", "ra", "released")


@functools.cache
def _texts(data):
    """Return a text as it is, unescaped in each way, and what is packed in it."""
    return list(_unpacked(data.decode("utf-8", "replace")))


def _unpacked(text):
    yield text
    for _ in range(3):
        text = html.unescape(urllib.parse.unquote(text))
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    packed = re.findall(r"[A-Za-z0-9+/]{12,}={0,2}", text)
    yield re.sub(r"[A-Za-z0-9+/]{60,}={0,2}", "", text)
    for token in packed:
        with contextlib.suppress(binascii.Error, OSError, EOFError, zlib.error):
            data = base64.b64decode(token + "=" * (-len(token) % 4))
            if data.startswith(b"\x1f\x8b"):  # the list of all files
                data = gzip.decompress(data)
            yield data.decode("utf-8", "replace")


def _has(text, secret):
    """True if a text has a secret; a short one as a word."""
    if len(secret) < 4:
        text = re.sub(r"[A-Za-z0-9+/]{60,}={0,2}", "", text)
        return bool(re.search(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", text, re.IGNORECASE))
    return _plain(secret) in _plain(text)


@functools.cache
def _plain(text):
    """Return letters, digits and points, in lower case."""
    return re.sub(r"[^\w.]+|_", "", text.casefold())
