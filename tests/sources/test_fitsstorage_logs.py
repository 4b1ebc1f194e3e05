"""Logs of FitsStorage's services, in old and new wording, some real."""

import datetime
import gzip
import os
import shutil

import pytest
from conftest import CHECKOUT
from fitsstorage_logs import make_logs
from running import counts, nights, run
from support.fits_logs import attempts, samples, site_of, source

from observing_monitor.errors import SourceError
from observing_monitor.settings import read
from observing_monitor.sources.fitsstorage_log_files import first_line_at

UTC = datetime.UTC
NIGHT = datetime.date(2016, 3, 19)

# Lines of today's code, made from its format strings.
NEW = """\
2024-01-10 08:00:00,000 7:service_ingest_queue:90 INFO: Popped queue id 12 to process
2024-01-10 08:00:00,100 7:service_ingest_queue:93 INFO: Ingesting N20240110S0001.fits.bz2 - 12 (2 \
on queue)
2024-01-10 08:00:00,600 7:ingester:80 INFO: Adding new DiskFile entry for file name \
N20240110S0001.fits.bz2 - id 5
2024-01-10 08:00:00,700 7:ingester:99 INFO: Adding header id 5 to calcachequeue
2024-01-10 08:00:01,100 7:service_ingest_queue:93 INFO: Ingesting N20240110S0002.fits - 13
2024-01-10 08:00:01,200 7:ingester:50 ERROR: Exception. Problem with 'it' & <b>that</b>:
Traceback (most recent call last):
  File "ingester.py", line 50, in ingest

KeyError: '2024-01-10 08:00:01'
2024-01-10 08:00:01,300 7:service_ingest_queue:120 ERROR: Giving up on it
2024-01-10 08:00:02,000 7:service_ingest_queue:93 INFO: Ingesting N20240110S0003.fits - 14 (0 on \
queue)
2024-01-10 08:00:02,100 7:ingester:40 INFO: Deferring ingestion of recently modified file \
N20240110S0003.fits for 5 seconds
2024-01-10 08:00:03,000 7:service_ingest_queue:86 INFO: Nothing on queue... Waiting
2024-01-10 08:00:05,000 7:service_ingest_queue:86 INFO: Nothing on queue... Waiting
2024-01-10 08:00:07,000 7:service_ingest_queue:86 INFO: Nothing on queue... Waiting
2024-01-10 08:00:08,000 7:service_ingest_queue:30 ERROR: Database connection lost
2024-01-10 08:00:09,000 7:service_ingest_queue:93 INFO: Ingesting N20240110S0004.fits - 15 (0 on \
queue)
"""
EXPORT = """\
2024-01-10 08:10:00,000 8:export_queue:92 INFO: Exporting N20240110S0001.fits - 3 (1 on queue)
2024-01-10 08:10:00,500 8:exp:154 INFO: Transferring file r/N20240110S0001.fits.bz2 to \
destination URL: in/N20240110S0001.fits
2024-01-10 08:10:02,000 8:exp:200 INFO: Transfer completed: 12.34 MB in 1.5 secs - 8.23 MB/sec
2024-01-10 08:10:03,000 8:export_queue:92 INFO: Exporting N20240110S0002.fits - 4
2024-01-10 08:10:03,100 8:exp:90 INFO: File r/N20240110S0002.fits is already at destination URL \
with correct data_md5, skipping export
2024-01-10 08:10:04,000 8:export_queue:92 INFO: Exporting N20240110S0003.fits - 5
2024-01-10 08:10:04,100 8:exp:95 INFO: File N20240110S0003.fits is ingest pending at destination \
URL. Deferring ingest for 40 seconds
2024-01-10 08:10:05,000 8:export_queue:92 INFO: Exporting N20240110S0004.fits - 6
2024-01-10 08:10:05,100 8:exp:154 INFO: Transferring file N20240110S0004.fits to destination URL: \
N20240110S0004.fits
2024-01-10 08:10:06,000 8:exp:180 ERROR: Transfer failed: 500
2024-01-10 08:10:07,000 8:export_queue:85 INFO: Nothing on Queue... Waiting
"""
OTHERS = """\
2024-01-10 08:20:00,000 9:service_calcache_queue:60 INFO: Processing obs_hid 5 - \
N20240110S0001.fits, (4 in queue)
2024-01-10 08:20:00,500 9:service_calcache_queue:50 INFO: Nothing on queue... Waiting
2024-01-10 08:20:01,000 10:service_preview_queue:60 INFO: Previewing N20240110S0001.fits - 8 (3 \
on queue)
2024-01-10 08:20:02,000 11:service_reduce_queue:60 INFO: Reducing rqe id 4 - \
N20240110S0001.fits... [2] - (1 on queue)
2024-01-10 08:20:03,000 10:service_preview_queue:50 INFO: Nothing on queue... Waiting
2024-01-10 08:20:04,000 11:service_reduce_queue:50 INFO: Nothing on queue... Waiting
2024-01-10 08:20:05,000 10:service_preview_queue:70 ERROR: Could not make the preview of \
N20240110S0009.fits: too dark
2024-01-10 08:21:00,000 12:queue_monitor:40 INFO: Queue Ingest has 2 items in progress
2024-01-10 08:22:00,000 12:queue_monitor:60 CRITICAL: Ingest has 2 items stuck in progress: [12, 13]
"""


def test_real_logs(shared_data):
    """Gemini North's logs are read: the night is that in the files' names.

    14:32 HST on 18 March is 00:32 UTC of the night 2016-03-19.
    """
    made = source(shared_data / "gemini", zone="Pacific/Honolulu", rule="UTC-12h")
    assert made.nights() == {NIGHT, datetime.date(2016, 3, 17), datetime.date(2016, 3, 18)}
    reading = made.read(NIGHT)
    assert reading.attempts[["stage", "path", "status"]].to_records(index=False).tolist() == [
        ("copy", "N20160319S0018.fits", "success"),
        ("queue", "N20160319S0018.fits", "success"),
        ("export", "N20160319S0088.fits", "success"),
        ("transfer", "N20160319S0088.fits", "success"),
    ]
    assert reading.attempts["attempted_at"].iloc[0] == datetime.datetime(
        2016, 3, 19, 0, 32, 0, 834000, tzinfo=UTC
    )
    assert reading.attempts["duration_s"].round(3).tolist() == [0.063, 0, 3.558, 2.029]
    assert reading.attempts["destination"].iloc[3] == "https://archive.gemini.edu"
    # by the clock and the rule, the depths of the queue belong to the night before
    assert samples(made.read(datetime.date(2016, 3, 18)), "queue_depth", "ingest") == [5, 3, 1, 0]
    assert [name for name, _ in attempts(made.read(datetime.date(2016, 3, 17)), "ingest")] == [
        f"N20160317S000{n}.fits" for n in (7, 5, 3, 1)
    ]


def test_wording_of_today(tmp_path):
    """Today's wording is read: errors belong to the current file."""
    (tmp_path / "service_ingest_queue.py-siq1.log").write_text(NEW)
    (tmp_path / "service_export_queue.py-seq1.log").write_text(EXPORT)
    (tmp_path / "others.log").write_text(OTHERS)
    reading = source(tmp_path).read(datetime.date(2024, 1, 10))
    assert reading.notes == []
    statuses = ["success", "failure", "deferred", "running"]
    assert attempts(reading, "ingest") == [
        (f"N20240110S000{n}.fits", status) for n, status in enumerate(statuses, 1)
    ]
    failed = reading.attempts[
        (reading.attempts["status"] == "failure") & (reading.attempts["stage"] == "ingest")
    ].iloc[0]
    assert failed["message"].startswith(
        "Exception. Problem with 'it' & <b>that</b>:\nTraceback"
    ) and failed["message"].endswith("01'\n\nGiving up on it")
    assert [status for _, status in attempts(reading, "export")] == [
        "success",
        "success",
        "deferred",
        "failure",
    ]
    transfers = reading.attempts[reading.attempts["stage"] == "transfer"]
    assert transfers["status"].tolist() == ["success", "failure"] and transfers["message"].iloc[
        0
    ].startswith("Transfer completed: 12.34 MB")
    for stage in ("calcache", "reduce"):
        assert attempts(reading, stage) == [("N20240110S0001.fits", "success")]
    assert attempts(reading, "preview") == [
        ("N20240110S0001.fits", "success"),
        ("N20240110S0009.fits", "failure"),
    ]
    # "nothing on queue" again and again is one sample
    assert samples(reading, "queue_depth", "ingest") == [2, 0]
    assert samples(reading, "log_running", "ingest") == [2] and samples(
        reading, "log_stuck", "ingest"
    ) == [2]
    assert reading.metrics.set_index("name").loc["log_error", "text"] == "Database connection lost"


def test_rotated_logs_are_one(tmp_path):
    """A log and its rotated ones are one, in order of time."""
    lines = NEW.splitlines(keepends=True)
    with gzip.open(tmp_path / "service.log.2.gz", "wb") as file:
        file.write("".join(lines[:4]).encode())
    (tmp_path / "service.log.1").write_text("".join(lines[4:10]))
    (tmp_path / "service.log").write_text("".join(lines[10:]))
    parts = source(tmp_path).read(datetime.date(2024, 1, 10))
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "service.log").write_text(NEW)
    assert len(parts.attempts) == 4
    assert parts.attempts.equals(source(whole).read(datetime.date(2024, 1, 10)).attempts)


def test_broken_logs_are_notes(tmp_path):
    """A damaged log is read as far as possible and noted."""
    whole = gzip.compress(NEW.encode(), mtime=0)
    (tmp_path / "a.log.1.gz").write_bytes(whole[: len(whole) - 40])
    (tmp_path / "b.log").write_bytes(b"\xff\xfe\x00 no log\n" * 10)
    (tmp_path / "c.log.gz").write_bytes(b"no gzip")
    (tmp_path / "empty.log").touch()
    (tmp_path / "gone.log").symlink_to(tmp_path / "nowhere")
    reading = source(tmp_path).read(datetime.date(2024, 1, 10))
    assert attempts(reading, "ingest")[0] == ("N20240110S0001.fits", "success")
    assert [
        "a.log.1.gz: its gzip is cut or broken" in reading.notes[0],
        "b.log: no line" in reading.notes[1],
        "c.log.gz" in reading.notes[2],
    ] == [True] * 3
    assert len(reading.notes) == 3
    with pytest.raises(SourceError, match="none of its 5 files matches"):
        source(tmp_path, pattern="*.txt").look(NIGHT, None)
    with pytest.raises(SourceError, match="folder of FitsStorage's logs"):
        source(tmp_path / "nowhere").look(NIGHT, None)


def test_clock_set_back(tmp_path):
    """In the hour that a clock shows twice, the order of lines decides."""
    line = (
        "2021-04-03 {} 1:service_ingest_queue:93 INFO: "
        "Ingesting S20210404S000{}.fits, (0 in queue)\n"
    )
    times = ("23:10:00,000", "23:50:00,000", "23:05:00,000", "23:06:00,000")
    (tmp_path / "a.log").write_text("".join(line.format(time, n) for n, time in enumerate(times)))
    reading = source(tmp_path, zone="America/Santiago").read(datetime.date(2021, 4, 4))
    assert reading.attempts["attempted_at"].dt.strftime("%H:%M").tolist() == [
        "02:50",
        "03:05",
        "03:06",
        "03:06",
    ]


def test_only_the_days_that_matter_are_read(tmp_path):
    """Only the end of a long log is read for a new night."""
    day = datetime.datetime(2016, 1, 1, tzinfo=UTC)
    line = "{:%Y-%m-%d %H:%M:%S},000 1:service_ingest_queue:86 INFO: Nothing on queue... Waiting\n"
    log = tmp_path / "a.log"
    log.write_text(
        "".join(
            line.format(day + datetime.timedelta(minutes=5 * n)) + "more\n" * (n % 3)
            for n in range(30_000)
        )
    )
    with open(log, "rb") as file:
        for wanted in (b"2016-03-17 12:01:00", b"2015-01-01 00:00:00", b"2020-01-01 00:00:00"):
            at = first_line_at(file, wanted)
            text = log.read_bytes()
            assert text[:at].endswith(b"\n") or at == 0
            assert not [x for x in text[:at].splitlines() if x[:4] == b"2016" and x >= wanted]
            assert len(text) - at < 100_000 + sum(
                len(x) + 1 for x in text.splitlines() if x[:4] != b"2016" or x >= wanted
            )
    os.utime(log, (day.timestamp(), day.timestamp()))
    assert source(tmp_path).look(NIGHT, None)["logs"] == []


def test_look_is_the_same_while_nothing_happens(tmp_path):
    """Lines that only say "nothing on queue" do not change the look."""
    log = tmp_path / "a.log"
    log.write_text(NEW)
    night = datetime.date(2024, 1, 10)
    known = source(tmp_path).look(night, None)
    idle = (
        NEW
        + "2024-01-10 08:00:10,000 7:service_ingest_queue:86 INFO: Nothing on queue... Waiting\n"
    )
    log.write_text(idle)
    known = source(tmp_path).look(night, known)
    log.write_text(
        idle
        + "2024-01-10 08:00:12,000 7:service_ingest_queue:86 INFO: Nothing on queue... Waiting\n"
    )
    assert source(tmp_path).look(night, known) == known
    log.write_text(
        idle
        + "2024-01-10 08:00:12,000 7:service_ingest_queue:93 INFO: "
        + "Ingesting N20240110S0005.fits - 16\n"
    )
    assert source(tmp_path).look(night, known) != known


def test_history_outlives_rotation(tmp_path):
    """Attempts stay when their log is gone, each once."""
    logs = tmp_path / "logs"
    logs.mkdir()
    now = datetime.datetime(2024, 1, 10, 9, 0, tzinfo=UTC)
    (logs / "service_ingest_queue.log").write_text(NEW)
    settings = site_of(tmp_path)
    assert run("-c", settings, now=now) == 0
    site = tmp_path / "site" / "gemini"
    before = nights(site)["2024-01-10"]
    assert counts(before) == {"ingested": 1, "failed": 1, "pending": 2}
    page = (site / "2024-01-10.html").read_text()
    assert (
        "Problem with &#39;it&#39; &amp; &lt;b&gt;that" in page
        and "Giving up on it" in page
        and "<b>that" not in page
    )
    assert (
        "service_ingest_queue: 1 error in the log without a file, the last: Database "
        "connection lost" in page
    )
    (logs / "service_ingest_queue.log").write_text(
        "".join(NEW.splitlines(keepends=True)[-1:])
        + "2024-01-10 08:01:00,000 7:service_ingest_queue:86 INFO: Nothing on queue... Waiting\n"
    )
    assert run("-c", settings, now=now) == 0
    assert counts(nights(site)["2024-01-10"]) == {"ingested": 2, "failed": 1, "pending": 1}
    (logs / "service_ingest_queue.log").write_text(
        "2024-01-20 08:01:00,000 7:service_ingest_queue:86 INFO: Nothing on queue... Waiting\n"
    )
    assert run("-c", settings, now=now) == 0
    after = nights(site)["2024-01-10"]
    assert (
        counts(after) == {"ingested": 2, "failed": 1, "pending": 1}
        and after["last_ingested_at"] == "2024-01-10T08:01:00Z"
    )


def test_site_of_the_real_logs(shared_data, tmp_path):
    """The stream's last stage decides which files are ingested."""
    shutil.copytree(shared_data / "gemini", tmp_path / "logs")
    for stage, expected in (("export", {"ingested": 1, "pending": 1}), ("ingest", {"pending": 2})):
        settings = site_of(tmp_path, "Pacific/Honolulu", last_stage=stage)
        assert (
            run(
                "-c",
                settings,
                "--first_day",
                "2016-03-17",
                "--last_day",
                "2016-03-19",
                now=datetime.datetime(2016, 3, 19, 1, 0, tzinfo=UTC),
            )
            == 0
        )
        found = nights(tmp_path / "site" / "gemini")
        assert counts(found["2016-03-19"]) == expected
    assert counts(found["2016-03-17"]) == {"ingested": 4}
    assert "N20160319S0018.fits" in (tmp_path / "site" / "gemini" / "2016-03-19.html").read_text()


def test_example(tmp_path):
    """The example settings work; its logs show each trouble."""
    examples = CHECKOUT / "examples"
    streams = read.streams_of_file(examples / "fitsstorage.toml")
    assert [source.kind for source in streams[0].sources] == [
        "fitsstorage",
        "fitsstorage_logs",
    ] and "reader" not in streams[0].sources[0].place
    now = datetime.datetime(2021, 3, 10, 9, 0, tzinfo=UTC)
    make_logs(tmp_path / "logs", now)
    assert run("-c", site_of(tmp_path, "Pacific/Honolulu"), "--num_days", 10, now=now) == 0
    site = tmp_path / "site" / "gemini"
    found = nights(site)
    assert len(found) == 10 and [night for night, row in found.items() if row["n_failed"]] == [
        "2021-03-09"
    ]
    assert all(row["n_missing"] == 0 and row["n_ingested"] > 30 for row in found.values())
    assert found["2021-03-07"]["status"] == found["2021-03-06"]["status"] == "normal"
    page = (site / "2021-03-08.html").read_text()
    assert "export: 5 files failed" in page and "transfer: 5 files failed" in page
