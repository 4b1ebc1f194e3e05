"""Feeds are read by the parsers that other programs use."""

import datetime
import json
import re
import shutil
import sqlite3
import xml.etree.ElementTree as ElementTree

import pytest
from gen2tree import later, make_night
from running import run

from observing_monitor.feeds.atom import newest, write_feed
from observing_monitor.storage.output import Output

FIRST, LAST = datetime.date(2020, 2, 12), datetime.date(2020, 2, 14)
HOUR = datetime.timedelta(hours=1)
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def site(tmp_path):
    """Two published streams: latiss, which has an error, and quiet."""

    class Made:
        now = later()
        folder = tmp_path / "site"

        def write(self, options="", title="Observing <monitor>"):
            (tmp_path / "site.toml").write_text(
                f'[observing_monitor]\noutput_dir = "site"\ntitle = {json.dumps(title)}\n'
                f'first_day = "{FIRST}"\nlast_day = "{LAST}"\n{options}\n'
                '[streams.latiss]\ntitle = "LATISS & \\"co\\""\ninput_dir = "input"\n'
                '[streams.quiet]\ninput_dir = "quiet"\n'
            )

        def run(self, hours=0.0, command="run"):
            return run(command, "-c", tmp_path / "site.toml", now=self.now + hours * HOUR)

        def status(self):
            return json.loads((self.folder / "status.json").read_text())

        def samples(self, path=None):
            """Return the textfile's samples by name and labels."""
            from prometheus_client.parser import text_string_to_metric_families

            families = list(
                text_string_to_metric_families(
                    (path or self.folder / "observing_monitor.prom").read_text()
                )
            )
            assert all(family.documentation and family.type == "gauge" for family in families)
            samples = [sample for family in families for sample in family.samples]
            assert {sample.labels.pop("site") for sample in samples} == {"Observing <monitor>"}
            return {
                (s.name.removeprefix("observing_monitor_"), *s.labels.values()): s.value
                for s in samples
            }

        def feed(self):
            return ElementTree.fromstring((self.folder / "changes.atom").read_bytes())

    for day in (12, 13):
        make_night(tmp_path / "input", datetime.date(2020, 2, day), {"ingested": 4}, now=Made.now)
    make_night(
        tmp_path / "input",
        LAST,
        {"ingested": 3, "missing": 2, "pending": 1, "not_fits": 1},
        now=Made.now,
    )
    make_night(tmp_path / "quiet", LAST, {"ingested": 2}, now=Made.now)
    made = Made()
    made.write()
    assert made.run() == 0
    return made


def test_status_json(site, tmp_path):
    """status.json says what is wrong since when, for each stream."""
    at = f"{site.now:%Y-%m-%dT%H:%M:%SZ}"
    told = site.status()
    site_facts = {
        "schema_version": 1,
        "title": "Observing <monitor>",
        "status": "error",
        "since": at,
        "run_at": at,
        "url": None,
    }
    assert {name: told[name] for name in site_facts} == site_facts
    latiss, quiet = told["streams"]
    assert (latiss["stream"], latiss["status"], quiet["stream"], quiet["status"]) == (
        "latiss",
        "error",
        "quiet",
        "normal",
    )
    assert (
        "2 files never tried" in latiss["info"]
        and latiss["read_at"] == at
        and latiss["href"] == "latiss/index.html"
    )
    nights = json.loads((site.folder / "latiss" / "nights.json").read_text())["nights"]
    assert latiss["latest"] == nights[-1] and latiss["latest"]["n_missing"] == 2
    assert [
        (source["source"], source["answered_at"], source["silent_since"])
        for source in latiss["sources"]
    ] == [("files", at, None), ("gen2", at, None)]
    assert site.run(1) == 0
    told = site.status()
    assert (
        told["since"] == told["streams"][0]["since"] == at
        and told["run_at"] == f"{site.now + HOUR:%Y-%m-%dT%H:%M:%SZ}"
    )
    (tmp_path / "quiet" / "storage").rename(tmp_path / "quiet" / "elsewhere")
    assert site.run(2) == 1
    quiet = site.status()["streams"][1]
    files = quiet["sources"][0]
    two_later = f"{site.now + 2 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    assert quiet["status"] == "error" and quiet["since"] == two_later
    assert (
        files["answered_at"] == f"{site.now + HOUR:%Y-%m-%dT%H:%M:%SZ}"
        and files["silent_since"][:19] == two_later[:19]
    )
    assert "quiet/storage" in files["problem"]


def test_textfile(site, tmp_path, capfd):
    """Prometheus' own parser reads the textfile and its copy."""
    site.write('prometheus_file = "textfile/obsmon.prom"')
    # the folder is not there: only the copy is missing
    assert site.run() == 1
    where = f"{tmp_path}/textfile/obsmon.prom: no such file or directory; prometheus_file names"
    assert where in capfd.readouterr().err
    (tmp_path / "textfile").mkdir()
    (tmp_path / "quiet" / "storage").rename(tmp_path / "quiet" / "elsewhere")
    assert site.run(1) == 1
    samples = site.samples(tmp_path / "textfile" / "obsmon.prom")
    assert samples == site.samples()
    now = int(site.now.timestamp())
    assert samples["status",] == 2 and samples["run_timestamp_seconds",] == now + 3600
    assert (samples["stream_status", "latiss"], samples["stream_status", "quiet"]) == (2, 2)
    assert samples["stream_status_since_timestamp_seconds", "latiss"] == now
    assert samples["stream_status_since_timestamp_seconds", "quiet"] == now + 3600
    assert (samples["source_up", "latiss", "files"], samples["source_up", "quiet", "files"]) == (
        1,
        0,
    )
    assert samples["source_answered_timestamp_seconds", "quiet", "files"] == now
    assert int(samples["source_silent_since_timestamp_seconds", "quiet", "files"]) == now + 3600
    night = json.loads((site.folder / "latiss" / "nights.json").read_text())["nights"][-1]
    by_class = {
        labels[1]: value
        for (name, *labels), value in samples.items()
        if name == "night_files" and labels[0] == "latiss"
    }
    assert (
        by_class == {name: night[f"n_{name}"] for name in by_class}
        and sum(by_class.values()) == night["n_files"] == 7
    )
    assert (
        samples["night_start_timestamp_seconds", "latiss"]
        == datetime.datetime(2020, 2, 14, 12, tzinfo=datetime.UTC).timestamp()
    )
    assert samples["run_problems",] == 1
    assert [path.name for path in (tmp_path / "textfile").iterdir()] == ["obsmon.prom"]


def test_feed_is_atom(site):
    """The feed follows RFC 4287, and feedparser reads it."""
    import feedparser

    raw = (site.folder / "changes.atom").read_bytes()
    parsed = feedparser.parse(raw)
    assert (
        not parsed.bozo
        and parsed.version == "atom10"
        and parsed.feed.title == "Observing <monitor>: nights that changed"
    )
    entry = next(e for e in parsed.entries if "2020-02-14" in e.title and "LATISS" in e.title)
    assert (
        entry.title == 'LATISS & "co", night 2020-02-14: error'
        and entry.link == "latiss/2020-02-14.html"
    )
    assert "<li>error: 2 files never tried" in entry.content[0].value
    feed = site.feed()
    for element in (feed, *feed.iter(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):  # RFC 4287, 4.1.1 and 4.1.2: exactly one of each
            assert len(element.findall(f"{ATOM}{name}")) == 1
        assert re.fullmatch(
            r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
            element.findtext(f"{ATOM}id"),
        )
        assert datetime.datetime.fromisoformat(element.findtext(f"{ATOM}updated")).tzinfo
        assert [link.get("rel") for link in element.findall(f"{ATOM}link")].count("alternate") == 1
    assert (
        feed.findtext(f"{ATOM}author/{ATOM}name")
        and feed.find(f"{ATOM}link[@rel='self']").get("href") == "changes.atom"
    )
    ids = [element.text for element in feed.iter(f"{ATOM}id")]
    assert len(set(ids)) == len(ids) == 1 + 6
    assert all((site.folder / e.link).is_file() for e in parsed.entries)


def entries(site):
    """Return the ids and update times of latiss' entries."""
    found = {}
    for entry in site.feed().iter(f"{ATOM}entry"):
        href = entry.find(f"{ATOM}link").get("href")
        if "latiss/" in href:
            found[href[-15:-5]] = (entry.findtext(f"{ATOM}id"), entry.findtext(f"{ATOM}updated"))
    return found


def test_feed_tells_of_changed_nights(site, tmp_path):
    """An entry is updated only if its night's status or findings change."""
    before, file = entries(site), site.folder / "changes.atom"
    # one more file that is no fault
    (tmp_path / "input" / "storage" / "2020-02-13" / "notes.txt").write_text("well")
    assert site.run(0.1) == 0
    assert entries(site) == before
    modified = file.stat().st_mtime_ns
    assert site.run(0.2) == 0
    assert file.stat().st_mtime_ns == modified and entries(site) == before
    assert site.run(2) == 0  # the pending file is missing now
    after = entries(site)
    assert {night for night in after if after[night] != before[night]} == {"2020-02-14"} and next(
        iter(after)
    ) == "2020-02-14"
    assert after["2020-02-14"][0] == before["2020-02-14"][0]
    assert after["2020-02-14"][1].startswith(f"{site.now + 2 * HOUR:%Y-%m-%dT%H:%M:%S}")
    assert "3 files never tried" in file.read_text()
    site.write('site_url = "https://example.org/nights"')
    assert site.run(2.1) == 0
    assert {id_ for id_, _ in entries(site).values()} == {id_ for id_, _ in before.values()}
    links = [link.get("href") for link in site.feed().iter(f"{ATOM}link")]
    assert all(link.startswith("https://example.org/nights/") for link in links)
    assert site.status()["streams"][0]["url"] == "https://example.org/nights/latiss/index.html"


def test_feed_is_bounded(tmp_path):
    """The feed has at most 50 entries, and only text in them."""
    findings = [
        {"level": "error", "text": f"no. {n} <script>alert(1)</script> \x1b[31m \ud800 ]]>"}
        for n in range(40)
    ]
    rows = {
        f"{FIRST + datetime.timedelta(n)}": {
            "summary": {"status": "error", "info": "x"},
            "findings": findings,
            "news_at": "2026-11-22T03:00:00Z" if n < 990 else "2026-11-21T03:00:00Z",
        }
        for n in range(1000)
    }
    output = Output(tmp_path)
    output.make()
    assert write_feed(newest(rows, "a", "A", "a"), "Site", output, "", later())
    feed = ElementTree.fromstring((tmp_path / "changes.atom").read_bytes())
    nights = [entry.find(f"{ATOM}link").get("href")[2:12] for entry in feed.iter(f"{ATOM}entry")]
    assert nights == [f"{FIRST + datetime.timedelta(n)}" for n in range(989, 939, -1)]
    content = feed.findtext(f"{ATOM}entry/{ATOM}content")
    assert (
        content.count("<li>") == 30
        and "and 10 more" in content
        and "<script" not in content
        and "\u241b[31m \ufffd" in content
    )


def test_pages_name_the_feed(site):
    """Each page links to the feed, whatever its folder."""
    for page in [*site.folder.glob("*.html"), *site.folder.glob("*/*.html")]:
        href = re.search(
            r'<link rel="alternate" type="application/atom\+xml" title="[^"]+" href="([^"]+)">',
            page.read_text(),
        )[1]
        assert (page.parent / href).resolve() == site.folder / "changes.atom"


def test_files_that_were_removed_come_back(site):
    """The next run writes files again that were removed or cut."""
    feed = (site.folder / "changes.atom").read_text()
    (site.folder / "changes.atom").write_text(feed[:100])
    (site.folder / "status.json").unlink()
    (site.folder / "data" / "since.json").write_text("[1")
    (site.folder / "observing_monitor.prom").unlink()
    assert site.run() == 0
    assert (site.folder / "changes.atom").read_text() == feed
    assert site.status()["status"] == "error" and site.samples()["status",] == 2


@pytest.mark.parametrize("command", ["run", "publish", "rebuild", "prune", "import-prototype"])
def test_every_command_that_publishes_tells_of_it(site, tmp_path, command):
    """Each command that makes pages also writes all feeds."""
    sqlite3.connect(tmp_path / "old.sqlite3").execute(
        "create table FILE_COUNT (Nite_Obs text, N_Files int)"
    ).connection.close()
    more = {
        "prune": ["--yes", "--keep_tables_days", "3"],
        "import-prototype": ["--database", tmp_path / "old.sqlite3", "--stream", "quiet"],
    }
    told = [
        site.folder / name
        for name in (
            "heartbeat.js",
            "data/heartbeat.json",
            "status.json",
            "observing_monitor.prom",
            "changes.atom",
        )
    ]
    for path in told:
        path.unlink()
    assert (
        run(command, "-c", tmp_path / "site.toml", *more.get(command, []), now=site.now + 2 * HOUR)
        == 0
    )
    assert [path.name for path in told if not path.exists()] == []
    has_read = command in ("run", "rebuild")
    at = f"{site.now + 2 * HOUR:%Y-%m-%dT%H:%M:%SZ}" if has_read else None
    assert site.status()["run_at"] == at
    assert [stream["status"] for stream in site.status()["streams"]] == ["error", "normal"]


def test_a_stream_that_was_never_read_hides_no_other(site):
    """Publishing keeps when other streams were read."""
    read_at = {stream["stream"]: stream["read_at"] for stream in site.status()["streams"]}
    site.write("[streams.new]\ninput_dir = 'quiet'")
    for hours in (1, 2):
        assert site.run(hours, "publish") == 0
    assert {stream["stream"]: stream["read_at"] for stream in site.status()["streams"]} == {
        **read_at,
        "new": None,
    }


@pytest.mark.parametrize(
    "url",
    [
        "nights",
        "ftp://example.org/",
        "https://",
        "https://example.org/a b",
        "https://example.org/?x=1",
    ],
)
def test_wrong_site_url(site, capfd, url):
    """A site_url that links cannot begin with is refused."""
    shutil.rmtree(site.folder)
    site.write(f'site_url = "{url}"')
    assert site.run() == 2
    assert (
        f"--site_url '{url}' is no address" in capfd.readouterr().err and not site.folder.exists()
    )
