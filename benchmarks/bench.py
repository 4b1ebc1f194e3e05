"""What a run costs, beside what the machine itself takes for the least of it: `make bench`.

Trees are made once, in a folder of their own (`--work`), and used again. Every command runs as a user would run it, in a
process of its own, a few times in turn; the table has the medians. Processor time (user and system, with children) is what
other users of the machine feel, and hardly changes with what else it does; seconds by the clock do.
"""

import argparse
import datetime
import functools
import json
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
RUN = (
    "import datetime, sys; from observing_monitor import cli; "
    "sys.exit(cli.main(sys.argv[2:], datetime.datetime.fromisoformat(sys.argv[1])))"
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
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=output, env=environment)
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
    return Took(*(statistics.median(getattr(one, name) for one in took) for name in ("wall_s", "cpu_s", "peak_mb")))


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
        make(folder)
        stamp.write_text(json.dumps({"made_at": datetime.datetime.now(UTC).isoformat()}))
    return folder, datetime.datetime.fromisoformat(json.loads(stamp.read_text())["made_at"]) + datetime.timedelta(hours=3)


def full_nights(n_nights, n_files, folder):
    """Nights of a camera of nine detectors: storage/ and gen2repo/ with a symlink an ingested file."""
    import gen2tree

    few = n_files // 1000
    counts = {"missing": few, "failed": few, "small": few, "lost": few, "not_fits": 10 * few}
    counts["ingested"] = n_files - sum(counts.values()) + few  # what is lost is no file of storage
    for n in range(n_nights):
        night = FIRST + datetime.timedelta(days=n)
        gen2tree.make_night(folder, night, counts, now=gen2tree.later(), camera="comCam", apart_s=30_000 / n_files)


def history(n_nights, n_files, folder):
    """Many nights of a camera of one detector, made row by row into one registry: quickly."""
    import gen2

    camera, rows = gen2.CAMERAS["latiss"], []
    for n in range(n_nights):
        night = FIRST + datetime.timedelta(days=n)
        storage = folder / "storage" / night.isoformat()
        raw = folder / "gen2repo" / "raw" / night.isoformat()
        storage.mkdir(parents=True)
        raw.mkdir(parents=True)
        for number in range(n_files):
            at = datetime.datetime.combine(night, datetime.time(23), UTC) + datetime.timedelta(seconds=30_000 / n_files * number)
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


def arguments(folder, site, n_nights):
    last = FIRST + datetime.timedelta(days=n_nights - 1)
    return ("--input_dir", folder, "--output_dir", site, "--first_day", FIRST, "--last_day", last)


def add_files(folder, night, n_files, tag):
    """Files that came just now into a night."""
    for number in range(n_files):
        with open(folder / "storage" / night.isoformat() / f"new_{tag}_{number}.fits", "wb") as opened:
            opened.truncate(30_000)


# --- what is measured ------------------------------------------------------------------------------------------------------


def bench_first_and_next(work, scale, rounds):
    """First run over two full nights, the next with nothing new, the next with 100 new files; the bytes of a night's pages."""
    n_files = int(100_000 * scale)
    folder, now = made_once(work / f"full_{n_files}", functools.partial(full_nights, 2, n_files))
    site, told = work / "site_full", (f"2 nights × {n_files:,} files",)
    firsts, floors, finds, twos, same, news = [], [], [], [], [], []
    for tag in range(rounds):
        shutil.rmtree(site, ignore_errors=True)
        floors.append(floor(folder))
        finds.append(find(folder))
        twos.append(monitor(now, *arguments(folder, site, 2), "--jobs", 2))
        shutil.rmtree(site)
        firsts.append(monitor(now, *arguments(folder, site, 2)))
        same.append(monitor(now, *arguments(folder, site, 2)))
        add_files(folder, FIRST + datetime.timedelta(days=1), int(100 * scale) or 1, f"{os.getpid()}_{tag}")
        # half an hour later by the clock: tonight was changed within the hour, the night before was not
        news.append(monitor(now, *arguments(folder, site, 2)))
        for path in (folder / "storage").glob(f"*/new_{os.getpid()}_*"):
            path.unlink()
    low = median(floors)
    monitor(now, *arguments(folder, site, 2))  # takes in that the new files are gone again
    loaded = monitor_modules(now, *arguments(folder, site, 2))
    yield ("first run, " + told[0], median(firsts), low, f"1.5 × floor + 1 s = {1.5 * low.wall_s + 1:.2f} s; 400 MB")
    yield ("  with --jobs 2", median(twos), low, "")
    yield ("  (find -printf of the same)", median(finds), low, "")
    yield ("the next run, nothing new", median(same), low, f"0.25 s of processor time, nothing heavy imported ({loaded or 'none'})")
    yield ("the next run, 100 new files in tonight", median(news), low, "1.5 s")
    page = site / f"{FIRST}.html"
    sizes = f"{page.stat().st_size / 1000:,.0f} kB, and {page.with_suffix('.files.js').stat().st_size / 1e6:,.1f} MB loaded lazily"
    yield (f"a night's page: {sizes}", None, None, "500 kB, and 6 MB")


def monitor_modules(now, *arguments):
    """Which of the heavy packages a run imports."""
    code = RUN.replace("sys.exit(", "code = (") + f"; print(*sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
    return spawn(sys.executable, "-c", code, now.isoformat(), *arguments).output.strip()


def bench_long_history(work, scale, rounds):
    """One night changed, in a history of 10 nights and of 3,000."""
    many, took = int(3000 * scale), {}
    for n_nights in (10, many):
        folder, now = made_once(work / f"long_{n_nights}", functools.partial(history, n_nights, 10))
        site = work / f"site_long_{n_nights}"
        last = FIRST + datetime.timedelta(days=n_nights - 1)
        monitor(now, "rebuild", *arguments(folder, site, n_nights))
        runs = []
        for tag in range(rounds):
            add_files(folder, last, 1, f"{os.getpid()}_{tag}")
            runs.append(monitor(now, "--input_dir", folder, "--output_dir", site, "--last_day", last))
        took[n_nights] = median(runs)
    yield (f"one night changed, of {many:,} (floor: of 10)", took[many], took[10], "1.2 ×")


def bench_rebuild(work, scale, rounds):
    """A rebuild of 1,000 nights, by one process and two; and of a tenth of it, for whether it is linear."""
    n_nights, n_files = int(1000 * scale), 1000
    folder, now = made_once(work / f"history_{n_nights}", functools.partial(history, n_nights, n_files))
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
    yield ("  by two processes", two, low, f"1.8 × as quick: {one.wall_s / two.wall_s:.2f} ×; 400 MB each")


def bench_browser(work, scale, rounds):
    """What a night of 200,000 files costs in a browser; browser.py says more."""
    import browser

    folder = work / f"browser_{int(200_000 * scale)}"
    shutil.rmtree(folder, ignore_errors=True)
    for figure in browser.measure(browser.make_site(folder, int(200_000 * scale)), rounds):
        yield (f"{figure.name}: {figure.value:,.0f} {figure.unit}", None, None, f"{figure.budget:,.0f} {figure.unit}")


BENCHES = {"full": bench_first_and_next, "long": bench_long_history, "rebuild": bench_rebuild, "browser": bench_browser}


def shown(name, took, low, to_reach):
    if took is None:
        return f"| {name} | | | | | | {to_reach} |"
    floors = f"{low.wall_s:.2f} | {took.wall_s / low.wall_s:.2f} / {took.cpu_s / low.cpu_s:.2f}" if low else "|"
    return f"| {name} | {took.wall_s:.2f} | {took.cpu_s:.2f} | {took.peak_mb:.0f} | {floors} | {to_reach} |"


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", choices=[*BENCHES, []], help="which to run (default: all)")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "observing_monitor_bench", help="where trees are made")
    parser.add_argument("--scale", type=float, default=1.0, help="a fraction of the full size, for a quick look")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run; the medians are shown")
    options = parser.parse_args(words)
    options.work.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()},", end=" ")
    print(f"SQLite {sqlite3.sqlite_version}, load {load:.1f} at the start, scale {options.scale:g}, {options.rounds} rounds\n")
    print("| what | s | processor s | MB | floor s | × floor: clock / processor | to reach |\n|---|---|---|---|---|---|---|")
    for name in options.only or BENCHES:
        for row in BENCHES[name](options.work, options.scale, options.rounds):
            print(shown(*row), flush=True)


if __name__ == "__main__":
    main()
