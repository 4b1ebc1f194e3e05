"""Makes a dump of a station's monitor points.

    python examples/lwa_dump.py demo/input/recorders/mon.json

A real dump is written by a cron job that reads etcd. Two of the sixteen bands run out of disk
space, one is silent, one is booting, one loses packets, and one has an image.
"""

import base64
import datetime
import json
import math
import os
import random
import struct
import sys
import zlib
from pathlib import Path

UTC = datetime.UTC
N_BANDS = 16
TROUBLES = {  # band -> age of its points (s), summary, info
    3: (700, "normal", "System operating normally"),
    4: (9, "error", "Low recording space (99.3% used)"),
    9: (9, "error", "Low recording space (99.1% used)"),
    12: (9, "booting", "Waiting for the first packets"),
    14: (9, "warning", "Packet loss of 2.1%"),
}


def write_dump(path, at):
    """Write the points as of `at`, also the file's time."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(points(at.timestamp()), indent=1))
    os.utime(beside, (at.timestamp(), at.timestamp()))
    beside.replace(path)


def points(at):
    """Return the points of a unix time by key."""
    image = base64.urlsafe_b64encode(waterfall(random.Random(f"{at:.0f}"))).decode()
    made = {
        "/mon/drvs/summary": point(at - 4, "error"),
        "/mon/drvs/op-type": point(at - 4, "14 recording; 1 waiting; 1 timed out"),
    }
    for band in range(1, N_BANDS + 1):
        chance = random.Random(f"{band} {at:.0f}")
        age_s, summary, info = TROUBLES.get(
            band, (chance.uniform(1, 14), "normal", "System operating normally")
        )
        lost = 0.021 if band == 14 else chance.uniform(0, 0.002)
        free = 0.008 if band in (4, 9) else 0.4 + 0.02 * band
        begun_at = datetime.datetime.fromtimestamp(at, UTC)
        tag = f"{begun_at:%Y%m%d_%H%M%S}_{9 + 5 * band}MHz.ms"
        told = {
            "summary": ("", summary),
            "info": ("", info),
            "op-type": ("", "waiting" if band == 12 else "recording"),
            "op-tag": ("", None if band == 12 else tag),
            "bifrost/rx_rate": ("B/s", None if band == 12 else chance.gauss(46e6, 2e5)),
            "bifrost/rx_missing": ("", lost),
            "bifrost/pipeline_lag": ("s", 0.4 + 0.3 * math.sin(at / 3600 + band) ** 2),
            "storage/active_disk_size": ("B", 36e12),
            "storage/active_disk_free": ("B", 36e12 * free),
        }
        made |= {
            f"/mon/drvs{band}/{name}": point(at - age_s, value, unit)
            for name, (unit, value) in told.items()
        }
    made["/mon/drvs1/diagnostics/spectra"] = point(at - 60, image) | {"mime": "image/png"}
    return made


def point(at, value, unit=""):
    """Return the value of a monitor point."""
    return {"timestamp": at, "value": value, "unit": unit}


def waterfall(chance, width=96, height=48):
    """Return a grey PNG of noise with a few bright channels."""
    bright = {chance.randrange(width) for _ in range(5)}
    rows = b"".join(
        b"\0"
        + bytes(
            min(255, int(abs(chance.gauss(60, 20))) + (150 if x in bright else 0))
            for x in range(width)
        )
        for _ in range(height)
    )
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


if __name__ == "__main__":
    write_dump(sys.argv[1], datetime.datetime.now(UTC))
