"""What a run costs, beside what the machine itself takes for the least of it: `make bench`.

Trees are made once, in a folder of their own (`--work`), and used again. Every command runs as a user would run it, in a
process of its own, a few times in turn; the table has the medians. Processor time (user and system, with children) is what
other users of the machine feel, and hardly changes with what else it does; seconds by the clock do.
"""

import argparse
import contextlib
import datetime
import functools
import json
import multiprocessing
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "examples"), str(CHECKOUT / "tests")]

UTC = datetime.UTC
FIRST = datetime.date(2020, 2, 12)
LAST_OF_LONG = datetime.date(
    2026, 6, 30
)  # of the long histories: a night that is yet to come is not on the stream's page
RUN = (
    "import datetime, sys; from observing_monitor import cli; from observing_monitor.processes import timelimit; "
    "timelimit.leave(cli.main(sys.argv[2:], datetime.datetime.fromisoformat(sys.argv[1])))"
)
FLOOR = """
import os, sys
to_do = sys.argv[1:]
while to_do:
    with os.scandir(to_do.pop()) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                to_do.append(entry.path)
            else:
                entry.stat(follow_symlinks=False)
"""
HEAVY = "pandas numpy pyarrow plotly jinja2 sqlalchemy"


@dataclass
class Took:
    """What one command took: seconds by the clock, seconds of processor time, megabytes at most, and what it printed."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str = ""


def spawn(*command, clock=None):
    """Run a command to its end; raises where it fails."""
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    # Python's compiled files are there, as in every installation: pip makes them, or the first run does. Where the surroundings
    # forbid that, each run would compile fifty files anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=output,
            stderr=output,
            env=environment,
            cwd=CHECKOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode:
        raise SystemExit(f"{command}: exit {process.returncode}\n{text[-2000:]}")
    return Took(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text)


def monitor(now, *arguments):
    """The program, by a clock of `now`."""
    return spawn(sys.executable, "-c", RUN, now.isoformat(), *arguments)


def median(took):
    """The median of each number of some runs."""
    return Took(
        *(
            statistics.median(getattr(one, name) for one in took)
            for name in ("wall_s", "cpu_s", "peak_mb")
        )
    )


def floor(*folders):
    """Listing and stat-ing folders once, by os.scandir."""
    return spawn(sys.executable, "-c", FLOOR, *folders)


def find(*folders):
    """The same by find."""
    return spawn("find", *folders, "-printf", r"%s %T@ %C@ %i\n")


# --- trees -----------------------------------------------------------------------------------------------------------------


def made_once(folder, make):
    """A folder that `make(folder)` fills, unless it is there from an earlier run; its clock is that of its making."""
    stamp = folder.with_suffix(".json")
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        # in a process of its own: what this one took at most would be counted as that of every program that it starts
        maker = multiprocessing.get_context("fork").Process(target=make, args=(folder,))
        maker.start()
        maker.join()
        if maker.exitcode:
            raise SystemExit(f"{folder}: could not be made")
        stamp.write_text(json.dumps({"made_at": datetime.datetime.now(UTC).isoformat()}))
    return folder, datetime.datetime.fromisoformat(
        json.loads(stamp.read_text())["made_at"]
    ) + datetime.timedelta(hours=3)


def full_nights(n_nights, n_files, folder):
    """Nights of a camera of nine detectors: storage/ and gen2repo/ with a symlink an ingested file."""
    import gen2tree

    few = n_files // 1000
    counts = {"missing": few, "failed": few, "small": few, "lost": few, "not_fits": 10 * few}
    counts["ingested"] = n_files - sum(counts.values()) + few  # what is lost is no file of storage
    for n in range(n_nights):
        night = FIRST + datetime.timedelta(days=n)
        gen2tree.make_night(
            folder, night, counts, now=gen2tree.later(), camera="comCam", apart_s=30_000 / n_files
        )


def history(first, n_nights, n_files, folder):
    """Many nights of a camera of one detector, made row by row into one registry: quickly."""
    import gen2

    camera, rows = gen2.CAMERAS["latiss"], []
    for n in range(n_nights):
        night = first + datetime.timedelta(days=n)
        storage = folder / "storage" / night.isoformat()
        raw = folder / "gen2repo" / "raw" / night.isoformat()
        storage.mkdir(parents=True)
        raw.mkdir(parents=True)
        for number in range(n_files):
            at = datetime.datetime.combine(night, datetime.time(23), UTC) + datetime.timedelta(
                seconds=30_000 / n_files * number
            )
            row = gen2.raw_row(camera, night, number + 1, 0, at)
            path = storage / gen2.file_name(camera, row)
            with open(path, "wb") as opened:
                opened.truncate(20_000 + number)
            os.utime(path, (at.timestamp(), at.timestamp()))
            if number % 50:
                link = folder / "gen2repo" / gen2.raw_path(camera, row)
                link.symlink_to(path)
                os.utime(link, (at.timestamp() + 60, at.timestamp() + 60), follow_symlinks=False)
                rows.append(row)
    with gen2.open_registry(folder / "gen2repo", camera) as registry:
        gen2.register(registry, camera, rows)


def gen3_history(n_nights, n_raws, folder):
    """A Gen3 repository on SQLite, its tables and first raws made by lsst-daf-butler, the others by copying their rows; 9 detectors.

    The files of the last night alone are there: the other nights are never looked at.
    """
    import gen3repo

    n_exposures = n_raws // 9
    root = folder / "gen3repo"
    (folder / "storage").mkdir(parents=True)
    first = [
        gen3repo.Raw(gen3repo.raw_file(folder / "storage", FIRST, 1, detector=d), 1, FIRST, d)
        for d in range(9)
    ]
    gen3repo.make_repository(root, first)
    with contextlib.closing(
        sqlite3.connect(root / "gen3.sqlite3", isolation_level=None)
    ) as registry:
        registry.executescript(
            "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -2000000"
        )
        indexes = registry.execute(
            "select name, sql from sqlite_master where type = 'index' and sql is not null"
        ).fetchall()
        for name, _ in indexes:
            registry.execute(f'drop index "{name}"')
        for n in range(n_nights):
            registry.execute("begin")
            _copy_night(registry, FIRST + datetime.timedelta(days=n), n, n_exposures)
            registry.execute("commit")
        for _, sql in indexes:
            registry.execute(sql)
    last = FIRST + datetime.timedelta(days=n_nights - 1)
    for number in range(2, n_exposures + 2):
        for detector in range(9):
            gen3repo.raw_file(root, last, number, detector=detector)


def _copy_night(registry, night, n, n_exposures):
    """Rows of a night's exposures, from 2 on, and of the datasets of 9 detectors each, copied from those that the Butler made."""
    started = 1_581_555_667_000_000_000 + n * 86_400_000_000_000
    told = {
        "day": int(f"{night:%Y%m%d}"),
        "text": f"{night:%Y%m%d}",
        "night": night.isoformat(),
        "n": n_exposures,
        "k": n,
        "at": started,
    }
    numbers = "with recursive s(i) as (select 2 union all select i + 1 from s where i <= :n)"
    key = "printf('%012x7%03x8000%012x', :k + 1, s.i % 4096, s.i * 16 + d.id)"  # in the order of time, as the Butler's own are
    at = ":at + s.i * 2500000000"
    registry.execute(
        "insert or ignore into day_obs (instrument, id) select name, :day from instrument", told
    )
    registry.execute(
        f"""{numbers} insert into "group" select name, :text || printf('%05d', s.i) from s cross join instrument""",
        told,
    )
    registry.execute(
        f"""{numbers} insert into exposure (instrument, id, day_obs, "group", physical_filter, obs_id, exposure_time, seq_num,
            timespan_begin, timespan_end)
            select o.instrument, :day * 100000 + s.i, :day, :text || printf('%05d', s.i), o.physical_filter,
            'AT_O_' || :text || printf('_%06d', s.i), 30.0, s.i, {at}, {at} + 2000000000 from s cross join exposure o where o.rowid = 1""",
        told,
    )
    ((tags,),) = registry.execute("select tag_association_table from dataset_type").fetchall()
    path = ":night || '/AT_O_' || :text || printf('_%06d-R22S%02d.fits', s.i, d.id)"
    for table, row in (
        ("dataset", f"{key}, o.dataset_type_id, {at} + 60000000000, o.run_id"),
        (
            tags,
            f"o.dataset_type_id, {key}, o.collection_id, o.instrument, d.id, :day * 100000 + s.i",
        ),
        ("dataset_location", f"o.datastore_name, {key}"),
        (
            "file_datastore_records",
            f"{key}, {path}, o.formatter, o.storage_class, o.component, o.checksum, o.file_size",
        ),
    ):
        one = f"(select * from {table} limit 1)"
        registry.execute(
            f"{numbers} insert into {table} select {row} from s cross join detector d cross join {one} o",
            told,
        )


def lasair_history(n_nights, folder):
    """Lasair's status files of many nights."""
    import lasair_status

    first = datetime.datetime.combine(FIRST, datetime.time(14), UTC)
    folder.mkdir(parents=True)
    lasair_status.make_status(folder, first + datetime.timedelta(days=n_nights - 1), FIRST)


def arguments(folder, site, n_nights, first=FIRST):
    last = first + datetime.timedelta(days=n_nights - 1)
    return ("--input_dir", folder, "--output_dir", site, "--first_day", first, "--last_day", last)


def add_files(folder, night, n_files, tag):
    """Files that came just now into a night."""
    for number in range(n_files):
        with open(
            folder / "storage" / night.isoformat() / f"new_{tag}_{number}.fits", "wb"
        ) as opened:
            opened.truncate(30_000)


# --- what is measured ------------------------------------------------------------------------------------------------------


def bench_first_and_next(work, scale, rounds):
    """First run over two full nights, the next with nothing new, the next with 100 new files; the bytes of a night's pages."""
    n_files = int(100_000 * scale)
    folder, now = made_once(work / f"full_{n_files}", functools.partial(full_nights, 2, n_files))
    site, told = work / "site_full", (f"2 nights × {n_files:,} files",)
    firsts, floors, finds, ones, same, news = [], [], [], [], [], []
    for tag in range(rounds):
        shutil.rmtree(site, ignore_errors=True)
        floors.append(floor(folder))
        finds.append(find(folder))
        ones.append(monitor(now, *arguments(folder, site, 2), "--jobs", 1))
        shutil.rmtree(site)
        firsts.append(monitor(now, *arguments(folder, site, 2)))
        same.append(monitor(now, *arguments(folder, site, 2)))
        add_files(
            folder,
            FIRST + datetime.timedelta(days=1),
            int(100 * scale) or 1,
            f"{os.getpid()}_{tag}",
        )
        # half an hour later by the clock: tonight was changed within the hour, the night before was not
        news.append(monitor(now, *arguments(folder, site, 2)))
        for path in (folder / "storage").glob(f"*/new_{os.getpid()}_*"):
            path.unlink()
    low = median(floors)
    monitor(now, *arguments(folder, site, 2))  # takes in that the new files are gone again
    loaded = monitor_modules(now, *arguments(folder, site, 2))
    yield (
        "first run, " + told[0],
        median(firsts),
        low,
        f"1.5 × floor + 1 s = {1.5 * low.wall_s + 1:.2f} s; 400 MB",
    )
    yield ("  with --jobs 1", median(ones), low, "")
    yield ("  (find -printf of the same)", median(finds), low, "")
    yield (
        "the next run, nothing new",
        median(same),
        low,
        f"0.25 s of processor time, nothing heavy imported ({loaded or 'none'})",
    )
    yield ("the next run, 100 new files in tonight", median(news), low, "1.5 s")
    page = site / f"{FIRST}.html"
    sizes = f"{page.stat().st_size / 1000:,.0f} kB, and {page.with_suffix('.files.js').stat().st_size / 1e6:,.1f} MB loaded lazily"
    yield (f"a night's page: {sizes}", None, None, "500 kB, and 6 MB")


def monitor_modules(now, *arguments):
    """Which of the heavy packages a run imports."""
    code = (
        RUN.replace("timelimit.leave(", "code = (")
        + f"; print(*sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
    )
    return spawn(sys.executable, "-c", code, now.isoformat(), *arguments).output.strip()


def bench_long_history(work, scale, rounds):
    """One night changed, and then nothing, in a history of 10 nights and of 3,000; in turn, so that both meet the same machine."""
    last, sites, took, sames = LAST_OF_LONG, {}, {}, {}
    for n_nights in (10, int(3000 * scale)):
        first = last - datetime.timedelta(days=n_nights - 1)
        folder, now = made_once(
            work / f"long_{n_nights}", functools.partial(history, first, n_nights, 10)
        )
        site = work / f"site_long_{n_nights}"
        monitor(now, "rebuild", *arguments(folder, site, n_nights, first))
        sites[n_nights] = folder, site, now
    for tag in range(rounds):
        for n_nights, (folder, site, now) in sites.items():
            add_files(folder, last, 1, f"{os.getpid()}_{tag}")
            for runs in (took, sames):
                runs.setdefault(n_nights, []).append(
                    monitor(now, "--input_dir", folder, "--output_dir", site, "--last_day", last)
                )
    few, many = (median(runs) for runs in took.values())
    yield (f"one night changed, of {max(took):,} (floor: of 10)", many, few, "1.2 ×")
    few, many = (median(runs) for runs in sames.values())
    yield (f"  nothing new, of {max(took):,} (floor: of 10)", many, few, "0.25 s of processor time")
    (folder, site, now), file = sites[10], work / "six.toml"
    file.write_text(
        "".join(f"[streams.s{n}]\ninput_dir = {json.dumps(str(folder))}\n" for n in range(6))
    )
    words = ("-c", file, "--output_dir", work / "site_six", "--last_day", last)
    monitor(now, *words)
    yield (
        "  nothing new, six streams of 10 nights",
        median([monitor(now, *words) for _ in range(rounds)]),
        None,
        "0.25 s of processor time",
    )


def bench_rebuild(work, scale, rounds):
    """A rebuild of 1,000 nights, by one process and two; and of a tenth of it, for whether it is linear."""
    n_nights, n_files = int(1000 * scale), 1000
    folder, now = made_once(
        work / f"history_{n_nights}", functools.partial(history, FIRST, n_nights, n_files)
    )
    site, took, low = work / "site_history", {}, floor(folder)
    for jobs, some in ((1, n_nights // 10), (1, n_nights), (2, n_nights)):
        shutil.rmtree(site, ignore_errors=True)
        took[jobs, some] = monitor(now, "rebuild", *arguments(folder, site, some), "--jobs", jobs)
    tenth, one, two = took.values()
    yield (f"rebuild, {n_nights // 10:,} nights × {n_files:,} files, one process", tenth, None, "")
    yield (
        f"rebuild, {n_nights:,} nights × {n_files:,} files, one process",
        one,
        low,
        f"linear: {one.cpu_s / tenth.cpu_s:.1f} × a tenth of it",
    )
    yield (
        "  by two processes",
        two,
        low,
        f"1.8 × as quick: {one.wall_s / two.wall_s:.2f} ×; 400 MB each",
    )


def bench_browser(work, scale, rounds):
    """What a night of 200,000 files costs in a browser; browser.py says more."""
    import browser

    folder = work / f"browser_{int(200_000 * scale)}"
    shutil.rmtree(folder, ignore_errors=True)
    for figure in browser.measure(browser.make_site(folder, int(200_000 * scale)), rounds):
        yield (
            f"{figure.name}: {figure.value:,.0f} {figure.unit}",
            None,
            None,
            f"{figure.budget:,.0f} {figure.unit}",
        )


def bench_full_night(work, scale, rounds):
    """What one night of 200,000 files costs in time, memory and bytes: the night that `browser` opens; for docs/scaling.md."""
    import browser

    n_files = int(200_000 * scale)
    folder = work / f"browser_{n_files}"
    shutil.rmtree(folder, ignore_errors=True)
    page = browser.make_site(folder, n_files)
    now, words = (
        datetime.datetime.now(UTC),
        ("-c", folder / "site.toml", "--first_day", browser.NIGHT, "--last_day", browser.NIGHT),
    )
    runs, pages, sames = [], [], []
    for _ in range(rounds):
        shutil.rmtree(folder / "site")
        runs.append(monitor(now, *words))
        sames.append(monitor(now, *words))
        for path in page.parent.glob(f"{browser.NIGHT}*"):
            path.unlink()
        pages.append(monitor(now, "publish", "-c", folder / "site.toml"))
    yield (f"a night of {n_files:,} files of two tables: the run", median(runs), None, "")
    yield ("  of it its pages alone", median(pages), None, "")
    yield ("  the next run, nothing new", median(sames), None, "")
    store = sum(
        path.stat().st_size for path in (folder / "site" / "data").glob("stream=*/night=*/*")
    )
    sizes = {
        ending: page.with_suffix(ending).stat().st_size
        for ending in (".html", ".files.js", ".csv", ".json")
    }
    told = ", ".join(
        f"{name} {size / 1e6:,.2f} MB" for name, size in {"store": store, **sizes}.items()
    )
    yield (f"  its bytes: {told}", None, None, "")


def settings(folder, name, rule, **source):
    """A settings file with one stream of one source; its path."""
    told = "\n".join(f"{key} = {json.dumps(value)}" for key, value in source.items())
    path = folder / f"{name}.toml"
    path.write_text(
        f'[streams.{name}]\nnight_rule = "{rule}"\n[[streams.{name}.sources]]\n{told}\n'
    )
    return path


BARE_GEN3 = """
import sqlite3, sys
connection = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)
(tags,), = connection.execute('select tag_association_table from dataset_type')
sql = f'''select t.dataset_id, e.instrument, e.id, e.obs_id, e.seq_num, t.detector, n.full_name, n.raft, n.name_in_raft, d.ingest_date,
    e.timespan_end, f.path, f.file_size from exposure e cross join {tags} t join dataset d on d.id = t.dataset_id
    left join detector n on n.instrument = t.instrument and n.id = t.detector
    left join file_datastore_records f on f.dataset_id = d.id
    where e.instrument = 'LATISS' and e.day_obs = ? and t.instrument = e.instrument and t.exposure = e.id'''
print(len(connection.execute(sql, [int(sys.argv[2])]).fetchall()))
"""
SOURCE_GEN3 = """
import datetime, pathlib, sys
from observing_monitor.nights import NightRule
from observing_monitor.sources import Asked
from observing_monitor.sources.gen3 import Gen3Repository
from observing_monitor.processes.tuning import tune_process
tune_process()
now, night = datetime.datetime.fromisoformat(sys.argv[3]), datetime.date.fromisoformat(sys.argv[2])
source = Gen3Repository(Gen3Repository.Settings(pathlib.Path(sys.argv[1])), Asked('gen3', NightRule.parse('UTC-12h'), now))
source.look(night, None)
print(len(source.read(night).attempts))
"""


def bench_gen3(work, scale, rounds):
    """A night of 100,000 raws among 10 million of a Gen3 registry, beside the bare query of its rows."""
    n_nights, n_raws = 100, int(100_000 * scale)
    folder, now = made_once(
        work / f"gen3_{n_raws}", functools.partial(gen3_history, n_nights, n_raws)
    )
    last, site = FIRST + datetime.timedelta(days=n_nights - 1), work / "site_gen3"
    file = settings(work, "gen3", "UTC-12h", type="gen3", path=str(folder))
    words = ("-c", file, "--output_dir", site, "--first_day", last, "--last_day", last)
    bares, reads, runs, sames = [], [], [], []
    for _ in range(rounds):
        shutil.rmtree(site, ignore_errors=True)
        bares.append(
            spawn(
                sys.executable,
                "-c",
                BARE_GEN3,
                folder / "gen3repo" / "gen3.sqlite3",
                f"{last:%Y%m%d}",
            )
        )
        reads.append(spawn(sys.executable, "-c", SOURCE_GEN3, folder, last, now.isoformat()))
        runs.append(monitor(now, *words))
        sames.append(monitor(now, *words))
    n_read = int(bares[-1].output.split()[-1])
    if n_read != int(reads[-1].output.split()[-1]):
        raise SystemExit(f"gen3: the bare query has {n_read} rows, the source {reads[-1].output}")
    low, among = (
        median(bares),
        f"a night of {n_read:,} raws among {n_nights * n_raws / 1e6:,.1f} million",
    )
    yield (
        f"Gen3 on SQLite, {among}: the source alone (floor: the bare query)",
        median(reads),
        low,
        "3 ×",
    )
    yield ("  the whole run, with its pages", median(runs), low, "")
    yield ("  the next run, nothing new", median(sames), low, "0.25 s of processor time")


BARE_GEN3_POSTGRESQL = """
import psycopg2, sys
with psycopg2.connect(sys.argv[1]) as connection, connection.cursor() as cursor:
    cursor.execute('select tag_association_table from latiss.dataset_type')
    (tags,), = cursor.fetchall()
    cursor.execute(f'''select t.dataset_id, e.instrument, e.id, e.obs_id, e.seq_num, t.detector, n.full_name, n.raft, n.name_in_raft,
        d.ingest_date, upper(e.timespan), f.path, f.file_size
        from latiss.exposure e
        join latiss.{tags} t on t.instrument = e.instrument and t.exposure = e.id
        join latiss.dataset d on d.id = t.dataset_id
        left join latiss.detector n on n.instrument = t.instrument and n.id = t.detector
        left join latiss.file_datastore_records f on f.dataset_id = d.id
        where e.instrument = 'LATISS' and e.day_obs = %s''', [int(sys.argv[2])])
    print(len(cursor.fetchall()))
"""


def bench_gen3_postgresql(work, scale, rounds):
    """The same on a PostgreSQL that the bench starts and fills; that it reads no table as a whole is seen in the plan."""
    import gen3repo
    from servers import PostgreSQL

    if not PostgreSQL.bin():
        print("(no PostgreSQL here: Gen3 on it is left out)")
        return
    n_nights, n_exposures = 100, int(100_000 * scale) // 9
    last, folder, now = (
        FIRST + datetime.timedelta(days=n_nights - 1),
        work / "gen3_postgresql",
        datetime.datetime.now(UTC),
    )
    shutil.rmtree(folder, ignore_errors=True)
    with PostgreSQL(
        shared_buffers="512MB", maintenance_work_mem="512MB", max_wal_size="8GB"
    ) as server:
        url = server.create("gen3")
        server.execute("create extension btree_gist", "create schema latiss", dbname="gen3")
        raws = [
            gen3repo.Raw(gen3repo.raw_file(folder / "storage", FIRST, 1, detector=d), 1, FIRST, d)
            for d in range(9)
        ]
        gen3repo.make_repository(folder / "gen3repo", raws, db=url, namespace="latiss")
        gen3repo.grow(server, "gen3", "latiss", FIRST, n_nights, n_exposures)
        for number in range(2, n_exposures + 2):
            for detector in range(9):
                gen3repo.raw_file(folder / "gen3repo", last, number, detector=detector)
        bares, reads = [], []
        for _ in range(rounds):
            bares.append(
                spawn(
                    sys.executable,
                    "-c",
                    BARE_GEN3_POSTGRESQL,
                    url.replace("+psycopg2", ""),
                    f"{last:%Y%m%d}",
                )
            )
            reads.append(spawn(sys.executable, "-c", SOURCE_GEN3, folder, last, now.isoformat()))
        plan = spawn(sys.executable, "-c", PLAN_GEN3, folder, last).output.split()
    n_read = int(bares[-1].output.split()[-1])
    if n_read != int(reads[-1].output.split()[-1]):
        raise SystemExit(f"gen3: the bare query has {n_read} rows, the source {reads[-1].output}")
    among = f"{n_read:,} raws among {n_nights * n_exposures * 9 / 1e6:,.1f} million"
    whole = ", ".join(name for name in plan if name != "none") or "none"
    what = f"Gen3 on PostgreSQL, {among}: the source alone (floor: the bare query; the server's time is in the clock alone)"
    yield (what, median(reads), median(bares), f"3 ×; tables read as a whole: {whole}")


PLAN_GEN3 = """
import datetime, json, pathlib, sys
from observing_monitor.nights import NightRule
from observing_monitor.sources import Asked
from observing_monitor.sources.gen3 import Gen3Repository
night, now = datetime.date.fromisoformat(sys.argv[2]), datetime.datetime.now(datetime.UTC)
source = Gen3Repository(Gen3Repository.Settings(pathlib.Path(sys.argv[1])), Asked('gen3', NightRule.parse('UTC-12h'), now))
with source.registry.connect() as registry:
    values = source.registry.values(source.registry.layout(registry), night, 'LATISS')
    sql = source.registry.sql(registry, ['t.exposure', 'd.ingest_date', 'f0.path'])
    steps = [row[0].strip() for row in registry.ask(f'explain {sql}', values)]
print(*[step.split(' on ')[1].split()[0] for step in steps if 'Seq Scan' in step] or ['none'])
"""


def bench_lasair(work, scale, rounds):
    """Lasair's status files: all nights, and one that changed; the floor is reading the files and parsing their JSON."""
    n_nights = int(1000 * scale)
    folder, now = made_once(
        work / f"lasair_{n_nights}", functools.partial(lasair_history, n_nights)
    )
    site, last = work / "site_lasair", FIRST + datetime.timedelta(days=n_nights - 1)
    file = settings(work, "lasair", "UTC", type="lasair", path=str(folder))
    parse = "import json, pathlib, sys; [json.loads(p.read_bytes()) for p in pathlib.Path(sys.argv[1]).iterdir()]"
    shutil.rmtree(site, ignore_errors=True)
    low = spawn(sys.executable, "-c", parse, folder)
    rebuilt = monitor(now, "rebuild", "-c", file, "--output_dir", site, "--jobs", 1)
    yield (
        f"Lasair, rebuild of {n_nights:,} nights, one process (floor: parsing the files)",
        rebuilt,
        low,
        "",
    )
    runs = []
    for tag in range(rounds):
        path = max(folder.iterdir())
        path.write_text(
            json.dumps(json.loads(path.read_text()) | {"today_filter_out": os.getpid() + tag})
        )
        runs.append(monitor(now, "-c", file, "--output_dir", site, "--last_day", last))
    yield ("  tonight's numbers changed", median(runs), low, "")


QUEUES = """
create table file as select i as id,
  'N' || to_char(date '2020-02-12' + i / {n}, 'YYYYMMDD') || 'S' || lpad((i % {n})::text, 6, '0') || '.fits' as name
  from generate_series(0, {all} - 1) i;
create table diskfile as select id, id as file_id, name as filename, ''::text as path, true as present, true as canonical, entrytime,
  entrytime as lastmod, 30000000::bigint as file_size, true as isfits, 0 as fverrors, true as mdready from (select id, name,
  timestamptz '2020-02-12 06:00Z' + id / {n} * interval '1 day' + id % {n} * interval '0.5 second' as entrytime from file) as f;
create table header as
  select id, id as diskfile_id, 'GN-' || id as data_label, entrytime as ut_datetime, 30.0 as exposure_time from diskfile;
alter table file add primary key (id); alter table diskfile add primary key (id); alter table header add primary key (id);
create index on header (diskfile_id); create index on diskfile (filename); create index on diskfile (entrytime);
create table ingestqueue as select id, name as filename, ''::text as path, false as inprogress, timestamp '9999-12-31 23:59:59' as fail_dt,
  timestamp '2020-02-12 06:00' as added, timestamp '2020-02-12 06:00' as after, ''::text as sortkey, null::text as error
  from file where id >= {all} - {waiting};
analyze
"""
BARE_QUEUE = """
import sqlalchemy, sys
sql = '''select d.*, f.name, h.data_label, h.ut_datetime, h.exposure_time from diskfile d join file f on f.id = d.file_id
    left join header h on h.diskfile_id = d.id where d.filename >= :first and d.filename < :last'''
with sqlalchemy.create_engine(sys.argv[1]).connect() as connection:
    print(len(connection.execute(sqlalchemy.text(sql), {'first': 'N' + sys.argv[2], 'last': 'N' + sys.argv[2] + 'z'}).fetchall()))
"""


def bench_queue(work, scale, rounds):
    """FitsStorage's tables and a queue on a PostgreSQL of this machine; the floor is the night's rows by the same client."""
    from servers import PostgreSQL

    if not PostgreSQL.bin():
        print("(no PostgreSQL here: FitsStorage is left out)")
        return
    n_nights, n_files, waiting = 100, int(20_000 * scale), int(2_000 * scale)
    last, site = FIRST + datetime.timedelta(days=n_nights - 1), work / "site_queue"
    now = datetime.datetime.combine(last, datetime.time(12), UTC)
    with PostgreSQL() as server:
        url = server.create("fitsdata")
        server.execute(
            *QUEUES.format(n=n_files, all=n_nights * n_files, waiting=waiting).split(";"),
            dbname="fitsdata",
        )
        file = settings(work, "queue", "UTC", type="fitsstorage", url=url, queues=["ingest"])
        lows, runs = [], []
        for _ in range(rounds):
            shutil.rmtree(site, ignore_errors=True)
            lows.append(spawn(sys.executable, "-c", BARE_QUEUE, url, f"{last:%Y%m%d}"))
            runs.append(
                monitor(
                    now, "-c", file, "--output_dir", site, "--first_day", last, "--last_day", last
                )
            )
    what = f"FitsStorage on PostgreSQL, a night of {n_files:,} files among {n_nights * n_files / 1e6:,.1f} million, {waiting:,} waiting"
    yield (f"{what}: the whole run (floor: the bare query)", median(runs), median(lows), "")


BENCHES = {
    "full": bench_first_and_next,
    "long": bench_long_history,
    "rebuild": bench_rebuild,
    "gen3": bench_gen3,
    "gen3_postgresql": bench_gen3_postgresql,
    "night": bench_full_night,
    "lasair": bench_lasair,
    "queue": bench_queue,
    "browser": bench_browser,
}


def shown(name, took, low, to_reach):
    if took is None:
        return f"| {name} | | | | | | {to_reach} |"
    floors = (
        f"{low.wall_s:.2f} | {took.wall_s / low.wall_s:.2f} / {took.cpu_s / low.cpu_s:.2f}"
        if low
        else "|"
    )
    return f"| {name} | {took.wall_s:.2f} | {took.cpu_s:.2f} | {took.peak_mb:.0f} | {floors} | {to_reach} |"


def main(words=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "only", nargs="*", choices=[*BENCHES, []], help="which to run (default: all)"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "observing_monitor_bench",
        help="where trees are made",
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="a fraction of the full size, for a quick look"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often each is run; the medians are shown"
    )
    options = parser.parse_args(words)
    options.work = options.work.absolute()
    options.work.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()},",
        end=" ",
    )
    print(
        f"SQLite {sqlite3.sqlite_version}, load {load:.1f} at the start, scale {options.scale:g}, {options.rounds} rounds\n"
    )
    print(
        "| what | s | processor s | MB | floor s | × floor: clock / processor | to reach |\n|---|---|---|---|---|---|---|"
    )
    for name in options.only or BENCHES:
        for row in BENCHES[name](options.work, options.scale, options.rounds):
            print(shown(*row), flush=True)


if __name__ == "__main__":
    main()
