"""Messages of FitsStorage's services that end, defer, refuse or copy."""

import datetime

from running import counts, nights, run
from support.fits_logs import attempts, samples, site_of, source

UTC = datetime.UTC

STOPS = """\
2024-01-10 04:49:58,966 1:service_ingest_queue:98 INFO: ***   service_ingest_queue.py - starting \
up at 2024-01-10 04:49:58.966560
2024-01-10 04:49:59,226 1:service_ingest_queue:136 INFO: Ingesting N20240110S0001.fits - 22 (14 on \
queue)
2024-01-10 04:49:59,260 1:service_ingest_queue:224 INFO: ***    service_ingest_queue.py - exiting \
at 2024-01-10 04:49:59.260737
2024-01-10 04:50:59,226 2:service_ingest_queue:136 INFO: Ingesting N20240110S0002.fits - 23
2024-01-10 04:50:59,230 2:service_ingest_queue:91 ERROR: Received signal: 15. Attempting to stop \
nicely.
2024-01-10 04:50:59,240 2:ingester:90 ERROR: Cannot access N20240110S0002.fits
2024-01-10 04:50:59,260 2:service_ingest_queue:224 INFO: *********    service_ingest_queue.py - \
exiting at 2024-01-10 04:50:59.260737
2024-01-10 04:51:00,000 3:service_ingest_queue:91 ERROR: Received signal: 1. Attempting to stop \
nicely
2024-01-10 04:52:00,000 4:service_ingest_queue:136 INFO: Ingesting N20240110S0003.fits - 24
2024-01-10 04:52:00,100 4:service_ingest_queue:81 ERROR: Received signal: 11. Crashing out.
2024-01-10 04:53:00,000 5:service_ingest_queue:136 INFO: Ingesting N20240110S0004.fits - 25
2024-01-10 04:54:00,000 5:service_ingest_queue:98 INFO: ***   service_ingest_queue.py - starting \
up at 2024-01-10 04:54:00
2024-01-10 04:54:01,000 5:service_ingest_queue:136 INFO: Ingesting N20240110S0005.fits - 26
2024-01-10 04:54:02,000 5:service_ingest_queue:91 ERROR: Received signal: 15. Attempting to stop \
nicely.
2024-01-10 04:54:02,100 5:service_ingest_queue:224 INFO: ***    service_ingest_queue.py - exiting \
at 2024-01-10 04:54:02.260737
"""


def test_a_service_that_stops(tmp_path):
    """An orderly exit is no failure; a dead process ingests no file."""
    (tmp_path / "service_ingest_queue.py.log").write_text(STOPS)
    reading = source(tmp_path).read(datetime.date(2024, 1, 10))
    statuses = ["success", "failure", "failure", "running", "success"]
    assert [status for _, status in sorted(attempts(reading, "ingest"))] == statuses
    messages = reading.attempts.set_index("path")["message"]
    assert messages["N20240110S0002.fits"] == "Cannot access N20240110S0002.fits"
    assert "Crashing out" in messages["N20240110S0003.fits"]
    assert set(reading.metrics["name"]) == {"queue_depth"}


def test_deferred_for_any_reason(tmp_path):
    """A file that a service puts off is not ingested, whatever the reason."""
    start = "2024-01-10 04:46:4{0},000 7:q:1 INFO: Ingesting N20240110S000{0}.fits - 1\n"
    line = "2024-01-10 04:46:4{0},100 7:q:2 INFO: Deferring {1} for 3600 seconds\n"
    reasons = [
        "ingestion of locked file N20240110S0001.fits",
        "ingestion of recently modified file N20240110S0002.fits",
        "ingestion of remote, unstable file N20240110S0003.fits",
        "N20240110S0004.fits",
    ]
    lines = [(start + line).format(n, reason) for n, reason in enumerate(reasons, 1)]
    text = "".join(lines) + "2024-01-10 04:46:50,000 7:q:3 INFO: Nothing on queue... Waiting\n"
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "service_ingest_queue.py.log").write_text(text)
    reading = source(tmp_path / "logs").read(datetime.date(2024, 1, 10))
    assert [status for _, status in attempts(reading, "ingest")] == ["deferred"] * 4
    now = datetime.datetime(2024, 1, 10, 5, 0, tzinfo=UTC)
    assert run("-c", site_of(tmp_path), now=now) == 0
    assert counts(nights(tmp_path / "site" / "gemini")["2024-01-10"]) == {"pending": 4}


REFUSED = """\
2024-01-10 08:10:00,000 8:service_export_queue:92 INFO: Exporting N20240110S0001.fits - 3
2024-01-10 08:10:00,500 8:exporter:154 INFO: Transferring file r/N20240110S0001.fits to \
destination https://archive.example: N20240110S0001.fits
2024-01-10 08:10:02,000 8:exporter:200 INFO: Transfer completed: 12.34 MB in 1.5 secs - 8.23 MB/sec
2024-01-10 08:10:02,100 8:exporter:210 ERROR: Bad HTTP status: 403 from upload post to url: \
https://archive.example/upload_file/N20240110S0001.fits.bz2
2024-01-10 08:10:02,101 8:exporter:211 INFO: Waiting 30 seconds to prevent rapid-fire failures
2024-01-10 08:10:33,000 8:service_export_queue:92 INFO: Exporting N20240110S0002.fits - 4
2024-01-10 08:10:33,100 8:exporter:154 INFO: Transferring file N20240110S0002.fits to \
destination https://archive.example
2024-01-10 08:10:34,000 8:exporter:200 INFO: Transfer completed: 1.00 MB in 0.9 secs - 1.11 MB/sec
2024-01-10 08:10:40,000 8:service_export_queue:92 INFO: Exporting N20240110S0003.fits - 5
2024-01-10 08:10:41,000 8:service_export_queue:99 INFO: Exportqueue id 5 DID NOT TRANSFER
2024-01-10 08:10:50,000 8:service_export_queue:92 INFO: Exporting N20240110S0004.fits - 6
2024-01-10 08:10:50,100 8:exporter:154 INFO: Transferring file N20240110S0004.fits to \
destination https://archive.example
2024-01-10 08:10:51,000 8:exporter:200 INFO: Transfer completed: 1.00 MB in 0.9 secs - 1.11 MB/sec
"""


def test_an_upload_that_the_destination_refused(tmp_path):
    """A complete transfer is a success only if the destination accepts it."""
    (tmp_path / "service_export_queue.py.log").write_text(REFUSED)
    reading = source(tmp_path).read(datetime.date(2024, 1, 10))
    names = [f"N20240110S000{n}.fits" for n in (1, 2, 3, 4)]
    statuses = ["failure", "success", "failure", "running"]
    assert sorted(attempts(reading, "export")) == list(zip(names, statuses, strict=True))
    assert sorted(attempts(reading, "transfer")) == [
        (names[0], "failure"),
        (names[1], "success"),
        (names[3], "running"),
    ]
    transfers = reading.attempts[reading.attempts["stage"] == "transfer"].set_index("path")
    assert transfers["message"][names[0]].startswith("Bad HTTP status: 403")
    # until the transfer was complete, not until the export went on
    assert transfers["duration_s"][names[1]] == 0.9
    assert transfers["message"][names[1]].startswith("Transfer completed: 1.00 MB")


def test_other_programs_that_copy_and_queue(tmp_path):
    """Copies of visiting instruments and files queued by hand are read."""
    (tmp_path / "copy_from_visiting_instrument.py.log").write_text(
        "2024-01-10 08:00:00,000 3:copy:1 INFO: Copying N20240110A0001b.fits.bz2\n"
        "2024-01-10 08:00:01,000 3:copy:2 INFO: Adding N20240110A0001b.fits.bz2 in "
        "alopeke/20240110 to ingest queue\n"
        "2024-01-10 08:00:02,000 3:copy:1 INFO: Copying 20240110/N20240110A0002b.fits.bz2\n"
        "2024-01-10 08:00:03,000 3:copy:3 INFO: No action taken this pass, waiting 60 secs\n"
        "2024-01-10 08:01:00,000 3:copy:1 INFO: Copying N20240110A0003b.fits.bz2\n"
        "2024-01-10 08:01:01,000 3:copy:4 DEBUG: Copy failed\n"
    )
    (tmp_path / "add_to_ingest_queue.py.log").write_text(
        "2024-01-10 09:00:00,000 4:add:1 INFO: Queueing files for ingest from: /sci/dataflow\n"
        "2024-01-10 09:00:01,000 4:add:2 INFO: Queueing for Ingest: (1/3): N20240110S0001.fits\n"
        "2024-01-10 09:00:02,000 4:add:2 INFO: Queueing for Ingest: (2/3): a b / "
        "N20240110S0002.fits\n"
        "2024-01-10 09:00:03,000 4:add:2 INFO: Queueing for Ingest: (3/3):  / "
        "N20240110S0003.fits\n"
        "2024-01-10 09:00:04,000 4:add:3 INFO: *** add_to_ingestqueue.py exiting normally at x\n"
    )
    reading = source(tmp_path).read(datetime.date(2024, 1, 10))
    assert attempts(reading, "copy") == [
        ("N20240110A0001b.fits", "success"),
        ("N20240110A0002b.fits", "success"),
        ("N20240110A0003b.fits", "failure"),
    ]
    assert attempts(reading, "queue") == [
        ("N20240110A0001b.fits", "success"),
        *((f"N20240110S000{n}.fits", "success") for n in (1, 2, 3)),
    ]
    assert reading.metrics.empty


def test_unknown_messages_are_counted(tmp_path):
    """Messages that nobody foresaw are counted per night, with the first one."""
    line = "2024-01-{} 08:00:0{},000 3:q:1 {}: {}\n"
    (tmp_path / "service_ingest_queue.py.log").write_text(
        line.format(10, 1, "INFO", "Postponing N20240110S0001.fits")
        + line.format(10, 2, "WARNING", "Postponing N20240110S0002.fits")
        + line.format(10, 3, "DEBUG", "Considering file for ingest")
        + line.format(11, 4, "INFO", "A new song")
        + line.format(11, 5, "INFO", "Nothing on queue... Waiting")
    )
    reading = source(tmp_path).read(datetime.date(2024, 1, 10))
    rows = reading.metrics[["name", "node", "value", "text"]].to_records(index=False).tolist()
    assert rows == [
        ("log_unknown", "service_ingest_queue", 2, "Postponing N20240110S0001.fits"),
    ]
    later = source(tmp_path).read(datetime.date(2024, 1, 11))
    assert samples(later, "log_unknown", "service_ingest_queue") == [1]
