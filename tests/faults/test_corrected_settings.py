"""A corrected setting corrects what the wrong one caused."""

import datetime
import json
import os
import shutil
import sqlite3

import pandas as pd
import pytest
from running import counts, nights, run, times

NIGHT = datetime.date(2021, 2, 16)
NOW = datetime.datetime(2021, 2, 17, 20, tzinfo=datetime.UTC)
DAY = ("--first_day", NIGHT, "--last_day", NIGHT, "--jobs", 1)
OLD = "derived under old settings"


def at(text):
    """Return the seconds since 1970 of a time of NIGHT."""
    return datetime.datetime.fromisoformat(f"{NIGHT}T{text}+00:00").timestamp()


class Site:
    """A stream with settings that change, and its site."""

    def __init__(self, folder, sources, site="site", now=NOW):
        self.folder, self.sources, self.site, self.now = folder, sources, site, now

    def run(self, *settings, command="run", more=(), stream=""):
        """Run with lines of settings for the first source, the second, and so on."""
        text = f'[observing_monitor]\noutput_dir = "{self.site}"\n[streams.cam]\n{stream}\n'
        for source, lines in zip(self.sources, settings, strict=True):
            text += f"[[streams.cam.sources]]\n{source}\n{lines}\n"
        (self.folder / "site.toml").write_text(text)
        return run(command, "-c", self.folder / "site.toml", *DAY, *more, now=self.now)

    @property
    def night(self):
        """The night's row of nights.json."""
        return nights(self.folder / self.site / "cam")[f"{NIGHT}"]

    @property
    def page(self):
        """The night's page."""
        return (self.folder / self.site / "cam" / f"{NIGHT}.html").read_text()

    def table(self, name, night=NIGHT):
        """Return a stored table of a night."""
        folder = self.folder / self.site / "data" / "stream=cam" / f"night={night}"
        return pd.read_parquet(folder / f"{name}.parquet")

    def looked(self):
        """Return the path of looked.json, and its content."""
        path = self.folder / self.site / "data" / "stream=cam" / f"night={NIGHT}" / "looked.json"
        return path, json.loads(path.read_text())

    def edit_looked(self, **changes):
        """Change looked.json; None removes a key."""
        path, looked = self.looked()
        looked |= changes
        kept = {key: value for key, value in looked.items() if key != "seal" and value is not None}
        path.write_text(json.dumps(kept))


# --- files ----------------------------------------------------------------------------------------

FILES = 'type = "files"\npath = "input/storage"'
UTC, SANTIAGO = (
    f'transfer_log = "rsync.log*"\ntransfer_log_zone = "{zone}"'
    for zone in ("UTC", "America/Santiago")
)


@pytest.fixture
def files(tmp_path):
    """Files created at 23:00 and logged a little later in Chile's time."""
    storage = tmp_path / "input" / "storage" / f"{NIGHT}"
    storage.mkdir(parents=True)
    lines = []
    for name, logged in (("a", "20:00:30"), ("b", "20:01:00")):
        (storage / f"{name}.fits").write_bytes(b"x" * 50_000)
        os.utime(storage / f"{name}.fits", (at("23:00:00"), at("23:00:00")))
        lines.append(f"2021/02/16 {logged} [1] >f+++++++++ {NIGHT}/{name}.fits\n")
    (tmp_path / "input" / "rsync.log").write_text("".join(lines))
    # the files really came today
    return Site(tmp_path, [FILES], now=datetime.datetime.now(datetime.UTC))


def arrivals(site):
    """Return the times of arrival by name."""
    table = site.table("files")
    return {
        name: f"{instant:%H:%M:%S}"
        for name, instant in zip(table["name"], table["transferred_at"], strict=True)
    }


def test_transfer_zone(files):
    """A corrected zone of the transfer log corrects times and delays."""
    assert files.run(UTC) == 0
    assert files.night["transfer_delay_max_s"] == -10740
    assert files.run(SANTIAGO) == 0
    assert files.night["last_transferred_at"] == f"{NIGHT}T23:01:00Z"
    assert files.night["transfer_delay_max_s"] == 60 and OLD not in files.page
    assert files.run(UTC) == 0
    assert arrivals(files) == {"a.fits": "20:00:30", "b.fits": "20:01:00"}


def test_purged_transfer_log(files):
    """A time whose log is gone stays as it was, and the page says so."""
    assert files.run(UTC) == 0
    log = files.folder / "input" / "rsync.log"
    log.write_text(log.read_text().splitlines(keepends=True)[1])
    assert files.run(SANTIAGO) == 0
    assert arrivals(files) == {"a.fits": "20:00:30", "b.fits": "23:01:00"}
    assert f"1 arrival of files was {OLD} (transfer_log_zone changed), and" in files.page
    before = times(files.folder / "site")
    assert files.run(SANTIAGO) == 0
    assert times(files.folder / "site") == before
    assert files.run(UTC) == 0
    assert OLD not in files.page, "all is as these settings say"


@pytest.mark.parametrize("how", ["from scratch", "another setting"])
def test_purged_transfer_log_stays_marked(files, how):
    """Old times stay marked, until their settings are back."""
    assert files.run(UTC) == 0
    (files.folder / "input" / "rsync.log").write_text("")
    assert files.run(SANTIAGO) == 0
    assert f"2 arrivals of files were {OLD}" in files.page
    more = {"command": "rebuild", "more": ("--from-scratch", "--yes")}
    other = 'name_pattern = "(?P<exposure>[a-z])"'
    if how == "from scratch":
        assert files.run(SANTIAGO, **more) == 0
    else:
        assert files.run(f"{SANTIAGO}\n{other}") == 0
    assert arrivals(files) == {"a.fits": "20:00:30", "b.fits": "20:01:00"}
    names = "transfer_log_zone" if how == "from scratch" else "name_pattern, transfer_log_zone"
    assert f"2 arrivals of files were {OLD} ({names} changed), and can" in files.page
    assert files.run(UTC) == 0
    assert OLD not in files.page


def test_transfer_log_that_is_none(files):
    """Without the wrong log, the files' own times count."""
    (files.folder / "input" / "rsync.log").rename(files.folder / "input" / "wrong.log")
    assert files.run('transfer_log = "wrong.log"') == 0
    assert arrivals(files) == {"a.fits": "20:00:30", "b.fits": "20:01:00"}
    assert files.run("") == 0
    assert files.night["last_transferred_at"] > "2021-02-18"


def test_other_settings_keep_the_first_arrival(files):
    """A new mode moves no arrival, even if a setting changes with it."""
    assert files.run("") == 0
    before = arrivals(files)
    for path in (files.folder / "input" / "storage" / f"{NIGHT}").iterdir():
        path.chmod(0o600)
    assert files.run(r'name_pattern = "(?P<obsid>.)"') == 0
    assert arrivals(files) == before and set(files.table("files")["obsid"]) == {"a", "b"}
    assert files.run("") == 0
    assert files.table("files")["obsid"].isna().all()


def test_skip_later(files):
    """Files that are skipped now are not there, also those that were gone."""
    storage = files.folder / "input" / "storage" / f"{NIGHT}"
    for name in ("a.part.fits", "b.part.fits", "c.fits"):
        (storage / name).write_bytes(b"x" * 50_000)
    assert files.run("") == 0
    (storage / "b.part.fits").unlink()
    (storage / "c.fits").unlink()
    assert files.run("") == 0 and files.night["n_gone"] == 2
    assert files.run('skip = ["*.part.fits"]', more=["--full"]) == 0
    assert files.night["n_files"] == 3 and files.night["n_gone"] == 1
    assert "b.part.fits" not in files.page, "not even as a file that was removed"
    assert f"1 file of files was {OLD}" in files.page
    assert files.run("") == 0
    assert (files.night["n_files"], files.night["n_gone"]) == (4, 1)


def test_wrong_folder(tmp_path):
    """Files of the wrong folder that are still there are not gone."""
    for camera, names in (("wrong", "abc"), ("right", "xy")):
        folder = tmp_path / camera / f"{NIGHT}"
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name}.fits").write_bytes(b"x" * 50_000)
    site = Site(tmp_path, ['type = "files"'])
    assert site.run('path = "wrong"') == 0
    (tmp_path / "wrong" / f"{NIGHT}" / "a.fits").unlink()
    assert site.run('path = "right"') == 0
    assert (site.night["n_files"], site.night["n_gone"]) == (3, 1)
    assert list(site.table("files")["name"]) == ["a.fits", "x.fits", "y.fits"]


@pytest.mark.parametrize(
    ("setting", "other"),
    [("", UTC), ("", 'skip = ["*.tmp"]'), ("", 'whole_folders = ["*.ms"]'), (UTC, SANTIAGO)],
)
def test_gone_after_setting(files, setting, other):
    """A purged night stays, whatever setting changes, back, and again."""
    assert files.run(setting) == 0
    before = counts(files.night)
    shutil.rmtree(files.folder / "input" / "storage" / f"{NIGHT}")
    for lines in (setting, other, other, setting, other):
        assert files.run(lines) == 1
        assert counts(files.night) == before
        assert "no longer there; its files stay as last seen" in files.night["info"]
        assert (OLD in files.page) == (lines == other)
    unchanged = times(files.folder / "site")
    assert files.run(other) == 1
    assert times(files.folder / "site") == unchanged


def test_gone_after_setting_of_another_version(files):
    """A purged night stays if the store has no settings yet."""
    assert files.run("") == 0
    before = counts(files.night)
    shutil.rmtree(files.folder / "input" / "storage" / f"{NIGHT}")
    files.edit_looked(derived=None, version="0.2.0")
    for _ in range(2):
        assert files.run(UTC) == 1
        assert counts(files.night) == before and "no longer there" in files.night["info"]


def test_corrected_while_upgrading(files):
    """A setting that is corrected with an upgrade is one, too."""
    assert files.run(UTC) == 0
    files.edit_looked(derived=None, version="0.2.0")
    assert files.run(SANTIAGO) == 0
    assert arrivals(files) == {"a.fits": "23:00:30", "b.fits": "23:01:00"}


# --- logs and status files ------------------------------------------------------------------------

LOGS = 'type = "fitsstorage_logs"\npath = "logs"'
HST, UTC_LOGS = 'zone = "Pacific/Honolulu"', 'zone = "UTC"'
LINE = (
    "2021-02-16 0{n}:00:00,25{n} 1:service_ingest_queue:9 INFO: Ingesting N20210216S000{n}.fits\n"
    "2021-02-16 0{n}:00:01,25{n} 1:service_ingest_queue:9 INFO: Nothing on queue... Waiting\n"
)


@pytest.fixture
def logs(tmp_path):
    """Logs of two files, the first rotated, and of an export."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "service_ingest_queue.log.1").write_text(LINE.format(n=2))
    (folder / "service_ingest_queue.log").write_text(LINE.format(n=4))
    text = LINE.format(n=5).replace("service_ingest", "export").replace("Ingesting", "Exporting")
    (folder / "export_queue.log").write_text(text)
    return Site(tmp_path, [LOGS])


def attempts(site):
    """Return stage and hour of each stored attempt."""
    table = site.table("ingests").sort_values("attempted_at")
    return [(row.stage, row.attempted_at.hour) for row in table.itertuples()]


def test_zone_of_logs(logs):
    """A corrected zone gives each attempt one time."""
    assert logs.run(UTC_LOGS) == 0
    assert attempts(logs) == [("ingest", 2), ("ingest", 4), ("export", 5)]
    assert logs.run(HST) == 0
    assert attempts(logs) == [("ingest", 12), ("ingest", 14), ("export", 15)]
    assert OLD not in logs.page


def test_zone_of_purged_logs(logs):
    """An attempt whose log is gone stays once, and the page says so."""
    assert logs.run(UTC_LOGS) == 0
    (logs.folder / "logs" / "service_ingest_queue.log.1").unlink()
    assert logs.run(HST) == 0
    assert attempts(logs) == [("ingest", 2), ("ingest", 14), ("export", 15)]
    assert f"1 attempt of fitsstorage_logs was {OLD} (zone changed)" in logs.page
    assert logs.run(UTC_LOGS) == 0
    assert attempts(logs) == [("ingest", 2), ("ingest", 4), ("export", 5)]
    assert OLD not in logs.page


def test_pattern_of_logs(logs):
    """Attempts of excluded logs are removed; those of purged logs stay."""
    assert logs.run("") == 0
    (logs.folder / "logs" / "service_ingest_queue.log.1").unlink()
    assert logs.run('pattern = "service*"') == 0
    assert attempts(logs) == [("ingest", 2), ("ingest", 4)]
    assert logs.run("") == 0
    assert attempts(logs) == [("ingest", 2), ("ingest", 4), ("export", 5)]


def test_zone_of_status_files(tmp_path):
    """A corrected zone of a status file leaves the last sample last."""
    status = {"today_alert": 1200, "today_lsst": 1300}
    path = tmp_path / "status" / "status_1507.json"
    path.parent.mkdir()
    site = Site(tmp_path, ['type = "lasair"\npath = "status"'])
    for hour, number in ((10, 1100), (11, 1200)):
        text = {**status, "today_alert": number, "update_time": f"2021-02-16T{hour}:00:07"}
        path.write_text(json.dumps(text))
        assert site.run('zone = "UTC"', stream='night_rule = "UTC"') == 0
    assert site.run('zone = "America/Santiago"', stream='night_rule = "UTC"') == 0
    table = site.table("metrics")
    own = table[table["name"] == "today_alert"].sort_values("sampled_at")
    assert [(row.sampled_at.hour, row.value) for row in own.itertuples()] == [
        (10, 1100),  # only the file's latest state can be read
        (14, 1200),
    ]
    assert f"2 values of lasair were {OLD}" in site.page
    assert site.run('zone = "Asia/Tokyo"', stream='night_rule = "UTC"') == 0
    table = site.table("metrics")
    own = table[table["name"] == "today_alert"]
    assert [(row.sampled_at.hour, row.value) for row in own.itertuples()] == [(2, 1200)]
    assert site.night["today_alert"] == 1200


# --- tables and databases -------------------------------------------------------------------------

SQL = """type = "sql"
file = "log.sqlite3"
query = "select path, at, ok from log where at >= :start and at < :end"
columns = {{ path = "path", {}_at = "at" }}
feeds = "{}"
constants = {{ {} }}"""


@pytest.mark.parametrize(
    ("column", "feeds", "constants"),
    [("created", "files", 'kind = "fits"'), ("attempted", "ingests", 'status = "success"')],
)
def test_night_rule_with_sql(tmp_path, column, feeds, constants):
    """With a corrected rule, each row is on one night."""
    with sqlite3.connect(tmp_path / "log.sqlite3") as connection:
        connection.execute("create table log (path text, at text, ok text)")
        rows = [("a.fits", "2021-02-16 10:00:00"), ("b.fits", "2021-02-16 23:00:00")]
        connection.executemany("insert into log values (?, ?, 'yes')", rows)
    site = Site(tmp_path, [SQL.format(column, feeds, constants)])
    both = ("--first_day", "2021-02-15", "--last_day", "2021-02-16")
    assert site.run("", more=both) == 0
    assert nights(tmp_path / "site" / "cam")["2021-02-15"]["n_files"] == 1
    assert site.run("", more=both, stream='night_rule = "UTC"') == 0
    assert [night["n_files"] for night in nights(tmp_path / "site" / "cam").values()] == [0, 2]
    assert site.night["n_gone"] == 0
    assert site.run("", more=both) == 0
    assert [night["n_files"] for night in nights(tmp_path / "site" / "cam").values()] == [1, 1]


def test_rebuild_finds_nights_of_wrong_settings(tmp_path):
    """A rebuild also reads nights that only the wrong settings had."""
    with sqlite3.connect(tmp_path / "log.sqlite3") as connection:
        connection.execute("create table log (path text, at text, ok text)")
        connection.execute("insert into log values ('a.fits', '2021-02-16 10:00:00', 'yes')")
    source = SQL.format("created", "files", 'kind = "fits"')
    source = source.replace(" where at >= :start and at < :end", "")
    site = Site(tmp_path, [source])
    assert site.run("", more=("--first_day", "2021-02-15")) == 0
    settings = (tmp_path / "site.toml").read_text()
    settings = settings.replace("[streams.cam]", "[streams.cam]\nnight_rule = 'UTC'")
    (tmp_path / "site.toml").write_text(settings)
    assert run("rebuild", "-c", tmp_path / "site.toml", "--jobs", 1, now=NOW) == 0
    assert [night["n_files"] for night in nights(tmp_path / "site" / "cam").values()] == [0, 1]


def test_purged_table_and_another_setting(tmp_path):
    """The numbers of a night whose file was purged stay."""
    path = tmp_path / f"{NIGHT}.csv"
    path.write_text("time,rh\n2021-02-16T23:00:00,40\n")
    site = Site(tmp_path, ['type = "table"\npath = "{night}.csv"\nvalues = { humidity = "rh" }'])
    columns = 'columns = { sampled_at = "time" }\nheadlines = ["humidity"]\n'
    assert site.run(columns) == 0 and site.night["humidity"] == 40
    path.unlink()
    for zone in ("UTC", "Pacific/Honolulu", "Pacific/Honolulu"):
        assert site.run(f'{columns}zone = "{zone}"') == 1
        assert site.night["humidity"] == 40 and "no longer there" in site.night["info"]


def test_list_files(tmp_path):
    """Without `list_files`, alerts listed before are not gone."""
    (tmp_path / "list.txt").write_text(
        "54321  2021-02-16T06:00:00Z  gs://b/ZTF18aamyaaj.1137217901015015001"
        ".ztf_20210216_programid1.avro\n"
    )
    site = Site(tmp_path, ['type = "bucket_listing"\npath = "list.txt"'])
    rule = 'night_rule = "UTC"'
    assert site.run("", stream=rule) == 0 and site.night["n_files"] == 1
    assert site.run("list_files = false", stream=rule) == 0
    assert site.night["n_files"] == 0 and site.night["avros_stored"] == 1


# --- rebuild --from-scratch -----------------------------------------------------------------------


@pytest.fixture
def damaged(files):
    """A store with wrong times of an earlier version, and a purged file."""
    storage = files.folder / "input" / "storage" / f"{NIGHT}"
    (storage / "purged.fits").write_bytes(b"x" * 50_000)
    fresh = Site(files.folder, files.sources, "fresh", files.now)
    assert fresh.run(SANTIAGO) == 0
    assert files.run(UTC) == 0
    (storage / "purged.fits").unlink()
    assert files.run(UTC) == 0
    files.edit_looked(derived=None, keys=fresh.looked()[1]["keys"])
    assert files.run(SANTIAGO, more=["--full"]) == 0
    assert arrivals(files)["a.fits"] == "20:00:30", "nothing shows that they are wrong"
    return files


def test_from_scratch_only_shows(damaged, capfd):
    """Without --yes, it says what would change, and writes nothing."""
    before = times(damaged.folder / "site")
    assert damaged.run(SANTIAGO, command="rebuild", more=["--from-scratch"]) == 0
    assert times(damaged.folder / "site") == before
    assert capfd.readouterr().out == (
        f"cam {NIGHT}: 2 files changed; 1 file of files kept, which it no longer has\n"
        "nothing was written; --yes changes 1 night\n"
    )


def test_from_scratch(damaged, capfd):
    """It corrects what sources still have, and keeps what none has."""
    assert damaged.run(SANTIAGO, command="rebuild", more=["--from-scratch", "--yes"]) == 0
    found = arrivals(damaged)
    assert (found["a.fits"], found["b.fits"]) == ("23:00:30", "23:01:00")
    assert (damaged.night["n_files"], damaged.night["n_gone"]) == (3, 1)
    capfd.readouterr()
    assert damaged.run(SANTIAGO, command="rebuild", more=["--from-scratch"]) == 0
    assert capfd.readouterr().out.endswith("nothing would change\n")


def test_from_scratch_of_doubled_attempts(logs):
    """Attempts that were doubled by a corrected zone become one again."""
    fresh = Site(logs.folder, logs.sources, "fresh")
    assert fresh.run(HST) == 0
    assert logs.run(UTC_LOGS) == 0
    logs.edit_looked(derived=None, keys=fresh.looked()[1]["keys"], sources={})
    assert logs.run(HST) == 0
    assert len(attempts(logs)) == 6
    assert logs.run(HST, command="rebuild", more=["--from-scratch", "--yes"]) == 0
    assert attempts(logs) == [("ingest", 12), ("ingest", 14), ("export", 15)]


@pytest.mark.parametrize("command", ["run", "collect", "publish", "prune", "check"])
def test_from_scratch_is_for_rebuild(files, command, capfd):
    """Other commands refuse it."""
    assert files.run("", command=command, more=["--from-scratch"]) == 2
    assert f"--from-scratch is for rebuild, not for {command}" in capfd.readouterr().err


def test_messages_that_were_purged(tmp_path):
    """A night whose messages were purged stays under other settings."""
    folder = tmp_path / "summit" / f"{NIGHT}"
    folder.mkdir(parents=True)
    (folder / "readout.json").write_text(
        json.dumps(
            {
                "imageName": "MC_O_20210216_000001",
                "imageDate": "20210216",
                "timestampEndOfReadout": at("23:00:37"),
                "requestedExposureTime": 30.0,
                "additionalKeys": "imageType",
                "additionalValues": "OBJECT",
            }
        )
    )
    site = Site(tmp_path, ['type = "summit"\npath = "summit"'])
    assert site.run("") == 0 and site.night["n_readouts"] == 1
    shutil.rmtree(folder)
    for lines in ("", 'endings = [".txt"]', 'endings = [".txt"]'):
        assert site.run(lines) == 1
        assert site.night["n_readouts"] == 1 and "no longer there" in site.night["info"]


def test_moved_database_keeps_history(tmp_path):
    """A database elsewhere that has fewer rows removes no file."""
    source = SQL.format("created", "files", 'kind = "fits"')
    for name, n_rows in (("log", 2), ("moved", 1)):
        with sqlite3.connect(tmp_path / f"{name}.sqlite3") as connection:
            connection.execute("create table log (path text, at text, ok text)")
            rows = [(f"{n}.fits", "2021-02-16 23:00:00") for n in range(n_rows)]
            connection.executemany("insert into log values (?, ?, 'yes')", rows)
    assert Site(tmp_path, [source]).run("") == 0
    site = Site(tmp_path, [source.replace("log.sqlite3", "moved.sqlite3")])
    assert site.run("") == 0
    assert (site.night["n_files"], site.night["n_gone"]) == (2, 1)
    assert f"1 file of sql was {OLD} (file changed)" in site.page
