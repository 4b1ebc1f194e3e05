"""Monitor points of an OVRO-LWA station, and their source."""

import datetime
import struct
import zlib

from observing_monitor.model.nights import NightRule
from observing_monitor.model.reading import Tables
from observing_monitor.sources.base import Asked
from observing_monitor.sources.lwa import LwaRecorders
from observing_monitor.tables.merge import update

UTC = datetime.UTC
NOW = datetime.datetime(2025, 4, 30, 7, 12, 41, tzinfo=UTC).timestamp()
BANDS = [f"drvs{number}" for number in range(1, 17)]


def png(width=2, height=2):
    """Return the bytes of a small grey image."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compress(b"".join(b"\0" + bytes(width) for _ in range(height)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def point(value, at, unit="", **more):
    """Return the value of a monitor point."""
    return {"timestamp": at, "value": value, "unit": unit, **more}


def station(at, bands=BANDS):
    """Return a manager's and healthy bands' points."""
    points = {
        "/mon/drvs/summary": point("normal", at),
        "/mon/drvs/op-type": point("16 recording", at),
    }
    for band in bands:
        points |= {
            f"/mon/{band}/summary": point("normal", at),
            f"/mon/{band}/info": point("System operating normally", at),
            f"/mon/{band}/op-type": point("recording", at),
            f"/mon/{band}/op-tag": point(None, at),
            f"/mon/{band}/bifrost/rx_rate": point(46e6, at, "B/s"),
            f"/mon/{band}/bifrost/pipeline_lag": point(0.5, at),
            f"/mon/{band}/latest_time_tag": point(int(at * 196e6), at),
        }
    return points


def sample(now, known=None, **settings):
    """Read tonight as of a unix time; return tables and notes."""
    settings = {"recorders": ["drvs1-16"], **settings}
    source = LwaRecorders(LwaRecorders.Settings(**settings), asked(now))
    night = source.asked.rule.night_of(source.asked.now)
    source.look(night, None)
    reading = source.read(night)
    return update(known or Tables.empty(), {"lwa": reading}), reading.notes


def asked(now):
    """Return the context that a run gives its sources."""
    return Asked("lwa", NightRule(), datetime.datetime.fromtimestamp(now, UTC))


def texts(tables, **settings):
    """Return the findings as `level: text`."""
    settings = LwaRecorders.Settings(**{"url": "http://x", "recorders": ["drvs1-16"], **settings})
    return [f"{f.level}: {f.text}" for f in LwaRecorders.check(None, tables, settings)]


def value(tables, name, node):
    """Return the latest value of a metric."""
    rows = tables.metrics[(tables.metrics["name"] == name) & (tables.metrics["node"] == node)]
    return rows["value"].iloc[-1]
