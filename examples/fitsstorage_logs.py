"""Logs of a FitsStorage server for the example observatory: copying, ingest and export of ten nights, until now.

All follows from the seed, the nights' dates and the clock. The nights before yesterday are rotated
away and compressed. One night has a file that could not be ingested, one a destination that was down, and the queue was deep.
"""

import datetime
import gzip
import random
from zoneinfo import ZoneInfo

from common import write_whole

from observing_monitor.model.nights import ONE_DAY, nights_between

UTC = datetime.UTC
ZONE = ZoneInfo("Pacific/Honolulu")
DESTINATION = "https://archive.example"
TRACEBACK = """Traceback (most recent call last):
  File "/opt/fitsstore/service_ingest_queue.py", line 120, in <module>
    ingested = ingester.ingest_file(entry.filename, entry.path, entry.force_md5, entry.force)
  File "/opt/fitsstore/ingester.py", line 88, in ingest_file
    raise ValueError("DATE-OBS is '2021-13-01', which is no date")
ValueError: DATE-OBS is '2021-13-01', which is no date"""


def plan_night(night, number, seed=1):
    """A night's records: (log, instant, module:line, level, message), in any order; `number` counts the nights."""
    chance = random.Random(f"{seed} logs {night}")
    at = datetime.datetime.combine(
        night, datetime.time(5), UTC
    )  # 19:00 in Hawaii: the evening's name is the UTC date
    is_deep, ingested_at = number % 10 == 6, None
    for seq_num in range(1, chance.randint(80, 140)):
        at += datetime.timedelta(seconds=chance.choice((45, 90, 90, 150, 320)))
        name = f"N{night:%Y%m%d}S{seq_num:04}.fits"
        yield (
            "copy_from_dhs.py.log",
            at,
            "copy_from_dhs:41",
            "INFO",
            f"Copying {name} to /sci/dataflow",
        )
        queued_at = at + datetime.timedelta(seconds=chance.uniform(0.05, 0.4))
        yield (
            "copy_from_dhs.py.log",
            queued_at,
            "copy_from_dhs:50",
            "INFO",
            f"Adding {name} to IngestQueue",
        )
        slow_s = chance.uniform(150, 260) if is_deep else chance.uniform(0.4, 2)
        began_at = max(queued_at + datetime.timedelta(seconds=2), ingested_at or queued_at)
        depth = int((began_at - queued_at).total_seconds() // 110)
        yield (
            "service_ingest_queue.py-siq1.log",
            began_at,
            "service_ingest_queue:93",
            "INFO",
            f"Ingesting {name} - {seq_num} ({depth} on queue)",
        )
        ingested_at = began_at + datetime.timedelta(seconds=slow_s)
        if number % 10 == 8 and seq_num == 31:
            yield (
                "service_ingest_queue.py-siq1.log",
                ingested_at,
                "service_ingest_queue:130",
                "ERROR",
                f"Could not ingest {name}\n{TRACEBACK}",
            )
            continue
        yield (
            "service_ingest_queue.py-siq1.log",
            ingested_at,
            "service_ingest_queue:86",
            "INFO",
            "Nothing on queue... Waiting",
        )
        sent_at = ingested_at + datetime.timedelta(seconds=3)
        log = "service_export_queue.py-seq1.log"
        yield (
            log,
            sent_at,
            "service_export_queue:92",
            "INFO",
            f"Exporting {name} - {seq_num} (0 on queue)",
        )
        yield (
            log,
            sent_at + datetime.timedelta(seconds=0.3),
            "exporter:154",
            "INFO",
            f"Transferring file {name} to destination {DESTINATION}: {name}",
        )
        done_at = sent_at + datetime.timedelta(seconds=chance.uniform(1, 4))
        if number % 10 == 7 and 50 <= seq_num < 55:
            yield (
                log,
                done_at,
                "exporter:180",
                "ERROR",
                f"Transfer of {name} failed: {DESTINATION} is not available (503)",
            )
        else:
            yield (
                log,
                done_at,
                "exporter:200",
                "INFO",
                "Transfer completed: 12.34 MB in 1.5 secs - 8.23 MB/sec",
            )
        yield (
            log,
            done_at + datetime.timedelta(seconds=0.1),
            "service_export_queue:85",
            "INFO",
            "Nothing on Queue... Waiting",
        )


def make_logs(folder, now, first_night=None, seed=1):
    """Write the logs as they are at `now`: NAME.log with the last two nights, NAME.log.1.gz with those before, ten if no first is told."""
    tonight = now.astimezone(UTC).date()
    texts = {}
    for number, night in enumerate(nights_between(first_night or tonight - 9 * ONE_DAY, tonight)):
        records = sorted(
            (record for record in plan_night(night, number, seed) if record[1] <= now),
            key=lambda record: record[1],
        )
        for log, at, module, level, message in records:
            local = at.astimezone(ZONE)
            line = f"{local:%Y-%m-%d %H:%M:%S},{local.microsecond // 1000:03} 2152:{module} {level}: {message}\n"
            texts.setdefault(log if tonight - night < 2 * ONE_DAY else f"{log}.1.gz", []).append(
                line
            )
    for name, lines in texts.items():
        data = "".join(lines).encode()
        write_whole(folder / name, gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
