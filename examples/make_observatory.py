"""Makes an example observatory and its pages: `make demo`.

    python examples/make_observatory.py demo

`demo/input/` gets ten nights, up to now, of every system that needs no server. Each system has a
module here, which describes its files and what goes wrong in which night. `demo/site.toml` has
the settings.

The files depend only on a seed and on the example's own clock and place, which are kept in
`demo/input/clock.json`. The clock is some minutes behind the real one. The place is where it is
about two in the morning at the first run, so that the newest night is well under way.

Each further run advances the clock: files arrive and are ingested. No input is deleted. A folder
made days ago gets the nights since then as well.
"""

import argparse
import dataclasses
import datetime
import json
import subprocess
import sys
import time
from pathlib import Path

import broker
import cameras
import exposure_logs
import fitsstorage_logs
import gen3
import generic
import guider
import lasair_status
import lwa_dump
import lwa_files
import summit_messages
from common import Clock, write_whole
from sites import PACHON, Site, site_at

from observing_monitor.model.nights import ONE_DAY, UTC

HERE = Path(__file__).resolve().parent
MINUTE = datetime.timedelta(minutes=1)
LAG = 7 * MINUTE  # between the example's clock and the real one, at first
STEP = 6 * MINUTE  # by which each further run advances at least, up to the real time
GEN3_BACKLOG = 3 * MINUTE  # the Gen3 ingester is always late by so much


def make_input(folder, now, n_nights=10, seed=1):
    """Make or continue the observatory's files.

    Returns
    -------
    int
        The number of the cameras' new files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clock = read_clock(folder / "clock.json", now)
    if clock is None:
        site = site_at(now)
        first = site.rule.night_of(now) - (n_nights - 1) * ONE_DAY
        since = datetime.datetime.combine(first, datetime.time(), UTC)
        clock = Clock(first, since, now - LAG, now, seed, site)
    first = clock.first_night

    n_new = cameras.make_cameras(folder, clock)
    n_new += gen3.make_gen3(folder / "lsstCam", clock, GEN3_BACKLOG)
    n_new += guider.make_images(folder / "guider", clock)
    exposure_logs.make_logs(folder, clock)
    n_new += lwa_files.make_visibilities(folder / "lwa", clock)
    lwa_dump.write_dump(folder / "lwa" / "mon.json", clock.until)
    summit_messages.make_messages(folder / "summit", clock)
    lasair_status.make_status(folder / "lasair", clock.until, first, clock.seed)
    broker.make_broker(folder / "broker", clock.until, first, clock.seed)
    fitsstorage_logs.make_logs(folder / "gemini" / "logs", clock.until, first, clock.seed)
    generic.make_weather(folder, clock)
    generic.make_all_sky(folder / "all_sky.sqlite3", clock)

    state = {
        "first_night": first.isoformat(),
        "clock": clock.until.isoformat(),
        "seed": clock.seed,
        "site": dataclasses.asdict(clock.site),
    }
    write_whole(folder / "clock.json", json.dumps(state).encode())
    return n_new


def read_clock(path, now):
    """Return a further run's clock; None for the first run."""
    if not path.exists():
        return None
    state = json.loads(path.read_text())
    first = datetime.date.fromisoformat(state["first_night"])
    since = datetime.datetime.fromisoformat(state["clock"])
    until = max(since, min(now, max(since + STEP, now - LAG)))
    site = Site(**state["site"]) if "site" in state else PACHON
    return Clock(first, since, until, now, state["seed"], site)


def copy_settings(folder):
    """Copy the example's settings unless newer ones are there.

    They get the place of the example, which the hour of its first run decides.
    """
    source, target = HERE / "site.toml", folder / "site.toml"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        site = read_clock(folder / "input" / "clock.json", datetime.datetime.now(UTC)).site
        write_whole(target, at_site(source.read_text(), site).encode())
    return target


def at_site(settings, site):
    """Return settings with the position, time zone and nights of a site."""
    for old, new in (
        (f"longitude_deg = {PACHON.longitude_deg}", f"longitude_deg = {site.longitude_deg}"),
        (f'timezone = "{PACHON.timezone}"', f'timezone = "{site.timezone}"'),
        (f'"UTC{PACHON.night_h:+d}h"', f'"UTC{site.night_h:+d}h"'),
        (f'"TAI{PACHON.night_h:+d}h"', f'"TAI{site.night_h:+d}h"'),
    ):
        settings = settings.replace(old, new)
    return settings


def monitor(*arguments, **options):
    """Print and run a command line; return its exit code."""
    words = [str(argument) for argument in arguments]
    print("observing_monitor", *words, flush=True)
    return subprocess.run([sys.executable, "-m", "observing_monitor", *words], **options).returncode


def main(arguments=None):
    """Make the example and its pages; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Make an example observatory in a folder, and its pages."
    )
    parser.add_argument("folder", type=Path, help="a new folder, or one made before, to continue")
    parser.add_argument(
        "--nights",
        type=int,
        default=10,
        help="number of nights of a new example (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        help="another seed makes another observatory (default: %(default)s)",
    )
    options = parser.parse_args(arguments)

    begun = time.monotonic()
    n_new = make_input(
        options.folder / "input", datetime.datetime.now(UTC), options.nights, options.seed
    )
    settings = copy_settings(options.folder)
    made = time.monotonic()
    print(f"{options.folder / 'input'}: {n_new} new files in {made - begun:.1f} s", flush=True)

    code = monitor("-c", settings, "--num_days", options.nights)
    code = monitor("prune", "-c", settings, "--yes", stdout=subprocess.DEVNULL) or code
    page = (options.folder / "site" / "index.html").resolve()
    if page.exists():
        print(f"Pages made in {time.monotonic() - made:.1f} s: {page.as_uri()}")
    return code


if __name__ == "__main__":
    sys.exit(main())
