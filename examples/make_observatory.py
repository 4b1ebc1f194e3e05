"""Makes an example observatory in a folder, and its pages: what `make demo` runs.

    python examples/make_observatory.py demo

Into `demo/input/` go ten nights, until now, of every system that needs no server; each has a module here, which says what lies
where and what goes wrong in which night. `demo/site.toml` tells the monitor of them.

All follows from a seed and a clock of the example's own, which is kept in `demo/input/clock.json` and stays some minutes behind
the real one. Each further run moves it on, so that the running night goes on: files come, and are ingested. Nothing of
it is deleted, but pages that the settings keep for so long only. A folder made days ago is continued: the nights between are made, too.
"""

import argparse
import datetime
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import broker
import cameras
import fitsstorage_logs
import gen3
import generic
import guider
import lasair_status
import lwa_dump
import lwa_files
import summit_messages
from common import Clock, write_whole

from observing_monitor.model.nights import ONE_DAY, UTC, NightRule

HERE = Path(__file__).resolve().parent
MINUTE = datetime.timedelta(minutes=1)
LAG = 20 * MINUTE  # how far the example's clock is behind at first …
STEP = 6 * MINUTE  # … and how far it goes on, at least, at each further run, until it is level
GEN3_BACKLOG = 5 * MINUTE  # what the Gen3 ingester has not come to yet


def make_input(folder, now, n_nights=10, seed=1):
    """Make the observatory's files up to a little before `now`, or let a made one go on; return the number of the cameras' new files."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "clock.json"
    if kept.exists():
        state = json.loads(kept.read_text())
        first, since = (
            datetime.date.fromisoformat(state["first_night"]),
            datetime.datetime.fromisoformat(state["clock"]),
        )
        clock = Clock(
            first, since, max(since, min(now, max(since + STEP, now - LAG))), now, state["seed"]
        )
    else:
        first = NightRule().night_of(now) - (n_nights - 1) * ONE_DAY
        clock = Clock(
            first, datetime.datetime.combine(first, datetime.time(), UTC), now - LAG, now, seed
        )

    n_new = cameras.make_cameras(folder, clock)
    n_new += gen3.make_gen3(folder / "lsstCam", clock, GEN3_BACKLOG)
    n_new += guider.make_images(folder / "guider", clock)
    n_new += lwa_files.make_visibilities(folder / "lwa", clock)
    lwa_dump.write_dump(folder / "lwa" / "mon.json", clock.until)
    summit_messages.make_messages(folder / "summit", clock)
    lasair_status.make_status(folder / "lasair", clock.until, first, clock.seed)
    broker.make_broker(folder / "broker", clock.until, first, clock.seed)
    fitsstorage_logs.make_logs(folder / "gemini" / "logs", clock.until, first, clock.seed)
    generic.make_weather(folder, clock)
    generic.make_all_sky(folder / "all_sky.sqlite3", clock)

    state = {"first_night": first.isoformat(), "clock": clock.until.isoformat(), "seed": clock.seed}
    write_whole(kept, json.dumps(state).encode())
    return n_new


def copy_settings(folder):
    """The example's settings file in `folder`; one that was changed there since stays."""
    source, target = HERE / "site.toml", folder / "site.toml"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        shutil.copyfile(source, target)
    return target


def monitor(*arguments, **options):
    """Run the program, and say so; its exit code."""
    words = [str(argument) for argument in arguments]
    print("observing_monitor", *words, flush=True)
    return subprocess.run([sys.executable, "-m", "observing_monitor", *words], **options).returncode


def main(arguments=None):
    """Make or continue the example, make its pages, and say where they are; return the program's exit code."""
    parser = argparse.ArgumentParser(
        description="Make an example observatory in a folder, and its pages."
    )
    parser.add_argument(
        "folder", type=Path, help="where to make it, or a made one, to let it go on"
    )
    parser.add_argument(
        "--nights", type=int, default=10, help="how many nights to make at first (10)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="another number makes another observatory (1)"
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
        print(f"The pages, after {time.monotonic() - made:.1f} s: {page.as_uri()}")
    return code


if __name__ == "__main__":
    sys.exit(main())
