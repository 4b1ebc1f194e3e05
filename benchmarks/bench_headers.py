"""The benchmark of FITS headers: `headers`."""

import datetime
import functools
import json
import os
import shutil
import sys

from program import Took, median, spawn
from trees import FIRST, UTC, made_once
from trial import Row

N_CARDS = 200  # of a header, as cameras write them
SETTINGS = """
[streams.camera]
[[streams.camera.sources]]
type = "files"
path = {folder}
headers = {headers}
headers_s = 600
"""
# without the start of Python and its imports
READ = """
import glob, json, sys, time
import fitsio
begun = time.monotonic(), time.process_time()
for path in glob.glob(sys.argv[1] + "/*/*.fits"):
    fitsio.read_header(path)
print(json.dumps([time.monotonic() - begun[0], time.process_time() - begun[1]]))
"""
COUNT = """
import sys, pathlib, pyarrow.parquet as parquet
found = pathlib.Path(sys.argv[1]).rglob("exposures.parquet")
print(sum(parquet.read_metadata(path).num_rows for path in found))
"""


def bench_headers(trial):
    """Measure headers of new files: a first run with and without."""
    n_files = trial.sized(1000)
    folder, now = made_once(
        trial.work / f"headers_{n_files}", functools.partial(_night_of_headers, n_files)
    )
    sites = {}
    for headers in ("true", "false"):
        path = trial.own(f"headers_{headers}").with_suffix(".toml")
        path.write_text(SETTINGS.format(folder=json.dumps(str(folder)), headers=headers))
        sites[headers] = path, trial.own(f"site_headers_{headers}")
    runs, floors, n_read = {"true": [], "false": []}, [], 0
    yield
    for _ in trial.repeat():
        floors.append(_fitsio(folder))
        yield
        for headers, (path, site) in sites.items():
            shutil.rmtree(site, ignore_errors=True)
            words = ("--first_day", FIRST, "--last_day", FIRST)
            runs[headers].append(trial.program.run(now, "-c", path, "--output_dir", site, *words))
            yield
        n_read = int(spawn(sys.executable, "-c", COUNT, sites["true"][1]).output)
    floor, took, without = (median(some) for some in (floors, *runs.values()))
    more = Took(took.wall_s - without.wall_s, took.cpu_s - without.cpu_s, took.peak_mb)
    target = f"2 × floor + 1 s = {2 * floor.wall_s + 1:.2f} s; exposures: {n_read:,} of {n_files:,}"
    return [Row(f"headers of {n_files:,} new files (floor: fitsio)", more, floor, target)]


def _fitsio(folder):
    """Measure fitsio on the same headers."""
    took = spawn(sys.executable, "-c", READ, folder)
    return Took(*json.loads(took.output), took.peak_mb)


def _night_of_headers(n_files, folder):
    """Make a night of exposures, each with a header of many cards."""
    import fits_headers

    habits = list(fits_headers.WORDS)
    night = folder / FIRST.isoformat()
    night.mkdir(parents=True)
    more = {f"KEY{number:05}": number for number in range(N_CARDS)}
    evening = datetime.datetime.combine(FIRST, datetime.time(20), UTC).timestamp()
    for number in range(n_files):
        facts = fits_headers.facts(number, FIRST)
        primary, extension = fits_headers.in_habit(habits[number % len(habits)], facts)
        path = night / f"exp{number:06}.fits"
        path.write_bytes(fits_headers.fits(primary | more, extension))
        os.utime(path, (evening + 10 * number,) * 2)
