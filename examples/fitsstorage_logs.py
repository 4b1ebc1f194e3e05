"""The example's FitsStorage logs.

They depend only on the seed, the nights' dates and the clock. Logs of the nights before yesterday
are rotated and compressed. Of every ten nights, one has slow ingests and a long queue, one a
destination that is down, and one a file that can't be ingested.
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


LONG_QUEUE, SERVER_DOWN, BAD_FILE = 6, 7, 8  # numbers of nights, modulo ten
COPY_LOG = "copy_from_dhs.py.log"
INGEST_LOG = "service_ingest_queue.py-siq1.log"
EXPORT_LOG = "service_export_queue.py-seq1.log"


def plan_night(night, number, seed=1):
    """Yield a night's log records in any order.

    Each is (log, instant, module:line, level, message).
    """
    chance = random.Random(f"{seed} logs {night}")
    # 19:00 in Hawaii: the night is named after the UTC date
    at = datetime.datetime.combine(night, datetime.time(5), UTC)
    ingested_at = None
    for seq_num in range(1, chance.randint(80, 140)):
        at += datetime.timedelta(seconds=chance.choice((45, 90, 90, 150, 320)))
        name = f"N{night:%Y%m%d}S{seq_num:04}.fits"
        yield (COPY_LOG, at, "copy_from_dhs:41", "INFO", f"Copying {name} to /sci/dataflow")
        queued_at = at + datetime.timedelta(seconds=chance.uniform(0.05, 0.4))
        message = f"Adding {name} to IngestQueue"
        yield (COPY_LOG, queued_at, "copy_from_dhs:50", "INFO", message)
        slow = number % 10 == LONG_QUEUE
        slow_s = chance.uniform(150, 260) if slow else chance.uniform(0.4, 2)
        began_at = max(queued_at + datetime.timedelta(seconds=2), ingested_at or queued_at)
        depth = int((began_at - queued_at).total_seconds() // 110)
        message = f"Ingesting {name} - {seq_num} ({depth} on queue)"
        yield (INGEST_LOG, began_at, "service_ingest_queue:93", "INFO", message)
        ingested_at = began_at + datetime.timedelta(seconds=slow_s)
        if number % 10 == BAD_FILE and seq_num == 31:
            message = f"Could not ingest {name}\n{TRACEBACK}"
            yield (INGEST_LOG, ingested_at, "service_ingest_queue:130", "ERROR", message)
            continue
        message = "Nothing on queue... Waiting"
        yield (INGEST_LOG, ingested_at, "service_ingest_queue:86", "INFO", message)
        sent_at = ingested_at + datetime.timedelta(seconds=3)
        is_down = number % 10 == SERVER_DOWN and 50 <= seq_num < 55
        yield from plan_export(name, seq_num, sent_at, is_down, chance)


def plan_export(name, seq_num, sent_at, is_down, chance):
    """Yield the log records of one file's export."""
    message = f"Exporting {name} - {seq_num} (0 on queue)"
    yield (EXPORT_LOG, sent_at, "service_export_queue:92", "INFO", message)
    begun_at = sent_at + datetime.timedelta(seconds=0.3)
    message = f"Transferring file {name} to destination {DESTINATION}: {name}"
    yield (EXPORT_LOG, begun_at, "exporter:154", "INFO", message)
    done_at = sent_at + datetime.timedelta(seconds=chance.uniform(1, 4))
    if is_down:
        message = f"Transfer of {name} failed: {DESTINATION} is not available (503)"
        yield (EXPORT_LOG, done_at, "exporter:180", "ERROR", message)
    else:
        message = "Transfer completed: 12.34 MB in 1.5 secs - 8.23 MB/sec"
        yield (EXPORT_LOG, done_at, "exporter:200", "INFO", message)
    idle_at = done_at + datetime.timedelta(seconds=0.1)
    message = "Nothing on Queue... Waiting"
    yield (EXPORT_LOG, idle_at, "service_export_queue:85", "INFO", message)


def make_logs(folder, now, first_night=None, seed=1):
    """Write the logs as they are at `now`.

    NAME.log has the last two nights, NAME.log.1.gz the nights before. Without `first_night` there
    are ten nights.
    """
    tonight = now.astimezone(UTC).date()
    texts = {}
    for number, night in enumerate(nights_between(first_night or tonight - 9 * ONE_DAY, tonight)):
        records = sorted(
            (record for record in plan_night(night, number, seed) if record[1] <= now),
            key=lambda record: record[1],
        )
        for log, at, module, level, message in records:
            local = at.astimezone(ZONE)
            clock = f"{local:%Y-%m-%d %H:%M:%S},{local.microsecond // 1000:03}"
            name = log if tonight - night < 2 * ONE_DAY else f"{log}.1.gz"
            texts.setdefault(name, []).append(f"{clock} 2152:{module} {level}: {message}\n")
    for name, lines in texts.items():
        data = "".join(lines).encode()
        write_whole(folder / name, gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
