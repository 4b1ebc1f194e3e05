"""Benchmarks of files: `full`, `long`, `rebuild`, `lasair`."""

import datetime
import functools
import json
import os
import shutil
import sys

import trees
from program import find, median, scan, spawn
from trees import FIRST, LAST_OF_LONG, add_files, arguments, made_once
from trial import Row

IDLE_TARGET = "0.25 s of processor time"
PARSE = """
import json, pathlib, sys
for path in pathlib.Path(sys.argv[1]).iterdir():
    json.loads(path.read_bytes())
"""


def bench_full(trial):
    """Measure a first run and the next runs.

    The next runs find nothing new, then 100 new files. Also compares a first run with one to
    which the registry reports no exposures, and reports the bytes of a night's page.
    """
    n_files = trial.sized(100_000)
    folder, now = made_once(
        trial.work / f"full_{n_files}", functools.partial(trees.full_nights, 2, n_files)
    )
    site = trial.own("site_full")
    words = arguments(folder, site, 2)
    tonight = FIRST + datetime.timedelta(days=1)
    runs = {name: [] for name in ("scan", "find", "one", "without", "first", "same", "new")}
    yield
    for number in trial.repeat():
        shutil.rmtree(site, ignore_errors=True)
        runs["scan"].append(scan(folder))
        yield
        runs["find"].append(find(folder))
        yield
        runs["one"].append(trial.program.run(now, *words, "--jobs", 1))
        shutil.rmtree(site)
        yield
        runs["without"].append(trial.program.run_without_exposures(now, *words))
        shutil.rmtree(site)
        yield
        runs["first"].append(trial.program.run(now, *words))
        yield
        runs["same"].append(trial.program.run(now, *words))
        yield
        new = add_files(folder, tonight, trial.sized(100) or 1, f"{os.getpid()}_{number}")
        runs["new"].append(trial.program.run(now, *words))
        for path in new:
            path.unlink()
        yield
    trial.program.run(now, *words)  # takes in that the new files are gone
    heavy = trial.program.heavy_imports(now, *words) or "none"
    rows = _rows_of_full(n_files, {name: median(some) for name, some in runs.items()}, heavy)
    return [*rows, _page_bytes(site)]


def _rows_of_full(n_files, runs, heavy):
    floor = runs["scan"]
    first_target = f"1.5 × floor + 1 s = {1.5 * floor.wall_s + 1:.2f} s; 400 MB"
    of_exposures = runs["one"], runs["without"]
    idle_target = f"{IDLE_TARGET}, nothing heavy imported ({heavy})"
    return [
        Row(f"first run, 2 nights × {n_files:,} files", runs["first"], floor, first_target),
        Row("  with --jobs 1", runs["one"], floor),
        Row("  (floor: the same without the table of exposures)", *of_exposures, "1.1 ×"),
        Row("  (find -printf of the same)", runs["find"], floor),
        Row("the next run, nothing new", runs["same"], floor, idle_target),
        Row("the next run, 100 new files in tonight", runs["new"], floor, "1.5 s"),
    ]


def _page_bytes(site):
    page = site / f"{FIRST}.html"
    html_kb = page.stat().st_size / 1000
    lazy_mb = page.with_suffix(".files.js").stat().st_size / 1e6
    name = f"a night's page: {html_kb:,.0f} kB, and {lazy_mb:,.1f} MB loaded lazily"
    return Row(name, target="500 kB, and 6 MB")


def bench_long(trial):
    """Measure one changed night of 10 and of 3,000 nights.

    The runs after it find nothing new.
    """
    last = LAST_OF_LONG
    sites, changed, same = {}, {}, {}
    for n_nights in (10, trial.sized(3000)):
        first = last - datetime.timedelta(days=n_nights - 1)
        folder, now = made_once(
            trial.work / f"long_{n_nights}", functools.partial(trees.history, first, n_nights, 10)
        )
        site = trial.own(f"site_long_{n_nights}")
        trial.program.run(now, "rebuild", *arguments(folder, site, n_nights, first))
        sites[n_nights] = folder, site, now
        changed[n_nights], same[n_nights] = [], []
    yield
    for number in trial.repeat():
        for n_nights, (folder, site, now) in sites.items():
            tag = f"{os.getpid()}{trial.suffix}_{number}"
            add_files(folder, last, 1, tag)
            words = ("--input_dir", folder, "--output_dir", site, "--last_day", last)
            # both before the other trial's turn, which adds a file as well
            changed[n_nights].append(trial.program.run(now, *words))
            same[n_nights].append(trial.program.run(now, *words))
            yield
    same_six = yield from _six_streams(trial, *sites[10])
    few, many = (median(runs) for runs in changed.values())
    few_same, many_same = (median(runs) for runs in same.values())
    of = f"of {max(sites):,} (floor: of 10)"
    return [
        Row(f"one night changed, {of}", many, few, "1.2 ×"),
        Row(f"  nothing new, {of}", many_same, few_same, IDLE_TARGET),
        Row("  nothing new, six streams of 10 nights", median(same_six), target=IDLE_TARGET),
    ]


def _six_streams(trial, folder, _, now):
    """Measure runs with nothing new over six streams."""
    path = trial.own("six").with_suffix(".toml")
    stream = "[streams.s{}]\ninput_dir = {}\n"
    path.write_text("".join(stream.format(n, json.dumps(str(folder))) for n in range(6)))
    words = ("-c", path, "--output_dir", trial.own("site_six"), "--last_day", LAST_OF_LONG)
    trial.program.run(now, *words)
    yield
    same = []
    for _ in trial.repeat():
        same.append(trial.program.run(now, *words))
        yield
    return same


def bench_rebuild(trial):
    """Measure a rebuild by one process and by two.

    A rebuild of a tenth of the nights shows if the time is linear.
    """
    n_nights, n_files = trial.sized(1000), 1000
    folder, now = made_once(
        trial.work / f"history_{n_nights}",
        functools.partial(trees.history, FIRST, n_nights, n_files),
    )
    site, floor = trial.own("site_history"), scan(folder)
    runs = {(1, n_nights // 10): [], (1, n_nights): [], (2, n_nights): []}
    yield
    for _ in trial.repeat(default=1):
        for (jobs, some), took in runs.items():
            shutil.rmtree(site, ignore_errors=True)
            words = arguments(folder, site, some)
            took.append(trial.program.run(now, "rebuild", *words, "--jobs", jobs))
            yield
    tenth, one, two = (median(took) for took in runs.values())
    linear = f"linear: {one.cpu_s / tenth.cpu_s:.1f} × a tenth of it"
    faster = f"1.8 × as fast: {one.wall_s / two.wall_s:.2f} ×; 400 MB each"
    files = f"nights × {n_files:,} files, one process"
    return [
        Row(f"rebuild, {n_nights // 10:,} {files}", tenth),
        Row(f"rebuild, {n_nights:,} {files}", one, floor, linear),
        Row("  by two processes", two, floor, faster),
    ]


def bench_lasair(trial):
    """Measure Lasair's files: all nights, then one changed.

    The floor is reading the files and parsing their JSON.
    """
    n_nights = trial.sized(1000)
    folder, now = made_once(
        trial.work / f"lasair_{n_nights}", functools.partial(trees.lasair_history, n_nights)
    )
    site, last = trial.own("site_lasair"), FIRST + datetime.timedelta(days=n_nights - 1)
    settings = trial.own("lasair").with_suffix(".toml")
    trees.one_source(settings, "lasair", "UTC", type="lasair", path=str(folder))
    words = ("-c", settings, "--output_dir", site)
    shutil.rmtree(site, ignore_errors=True)
    yield
    floor = spawn(sys.executable, "-c", PARSE, folder)
    yield
    rebuilt = trial.program.run(now, "rebuild", *words, "--jobs", 1)
    yield
    runs = []
    for number in trial.repeat():
        path = max(folder.iterdir())
        # no value that an earlier run may have left
        changed = {"today_filter_out": os.getpid() * 100 + 2 * number + bool(trial.suffix)}
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))
        runs.append(trial.program.run(now, *words, "--last_day", last))
        yield
    name = f"Lasair, rebuild of {n_nights:,} nights, one process (floor: parsing the files)"
    return [
        Row(name, rebuilt, floor),
        Row("  tonight's numbers changed", median(runs), floor),
    ]
