"""Measures the log of a night of 20,000 exposures in a browser.

    python benchmarks/browser_log.py --rounds 5

As `browser.py`: the program makes the night's page from a table of exposures and one of files,
and headless Chromium opens it from disk.
"""

import argparse
import datetime
import os
import statistics
import tempfile
from pathlib import Path

import browser
from browser import CHANGE, KEYSTROKE_MS, NIGHT, READY, SORT, SORT_MS, TYPE, Figure
from program import Program

SETTINGS = """
[observing_monitor]
output_dir = "site"

[streams.camera]
title = "Survey camera"
latitude_deg = -30.2446
longitude_deg = -70.7494

[[streams.camera.sources]]
type = "table"
name = "exposures"
path = "exposures.csv"
feeds = "exposures"
measures = { seeing = "seeing" }
[streams.camera.sources.columns]
exposure = "name"
started_at = "start"
exposure_time_s = "shutter"
observation_type = "type"
target = "target"
program = "program"
physical_filter = "filter"

[[streams.camera.sources]]
type = "table"
name = "files"
path = "files.csv"
feeds = "files"
columns = { path = "path", created_at = "created", exposure = "exposure" }
"""
LOG = ("log", "log-open")
OPEN = """(n) => new Promise((resolve) => {
  const start = performance.now();
  document.querySelectorAll("#log-scroll tbody th a")[n].click();
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
})"""


def make_site(folder, n_exposures, program):
    """Make the pages of a night; return its page's path."""
    start = datetime.datetime.combine(NIGHT, datetime.time(22), datetime.UTC)
    exposures, files = ["name,start,shutter,type,target,program,filter,seeing\n"], []
    for number in range(n_exposures):
        at = f"{start + datetime.timedelta(seconds=number * 40_000 / n_exposures):%FT%TZ}"
        name, kind = f"MC_O_20200212_{number:06d}", "flat" if number % 10 == 0 else "science"
        sky = f"field {number % 997},program {number % 23},{'ugrizy'[number % 6]}"
        exposures.append(f"{name},{at},1.5,{kind},{sky},{0.7 + number % 7 / 10}\n")
        files += [f"{name}_{detector}.fits,{at},{name}\n" for detector in range(5)]
    folder.mkdir(parents=True)
    (folder / "exposures.csv").write_text("".join(exposures))
    (folder / "files.csv").write_text("".join(["path,created,exposure\n", *files]))
    (folder / "site.toml").write_text(SETTINGS)
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    program.module("observing_monitor", "-c", folder / "site.toml", *days)
    return folder / "site" / "camera" / f"{NIGHT}.html"


def time_to_use(running, page_path):
    """Return the milliseconds of each way to use the log."""
    context, page = browser.opened(running, page_path)
    page.evaluate("document.getElementById('log-open').click()")
    page.wait_for_selector("#log[data-ready]")
    page.wait_for_timeout(browser.PREPARE_MS)
    took = {}
    for name, text in (("search, a letter", "mc_o_2020"), ("search, two words", "flat 12")):
        took[name] = page.evaluate(TYPE, ["log-search", text])
        page.evaluate(TYPE, ["log-search", " "])
    took["target, a letter"] = page.evaluate(TYPE, ["log-target", "field 123"])
    page.evaluate(TYPE, ["log-target", " "])
    took["type"] = [page.evaluate(CHANGE, ["log-type", value]) for value in ("flat", "")]
    took["open a row"] = [page.evaluate(OPEN, row) for row in (2, 4, 6)]
    took["sort"] = [
        page.evaluate(SORT, ["log-scroll", label]) for label in ("seeing", "Target", "Exposure")
    ]
    context.close()
    return took


def time_to_ready(running, page_path):
    """Return the milliseconds until the log's first rows."""
    context, page = browser.opened(running, page_path)
    took = page.evaluate(READY, LOG)
    context.close()
    return took


def measure(page_path, rounds):
    """Yield the figures of a night's page."""
    from playwright.sync_api import sync_playwright

    yield Figure("the night's HTML", page_path.stat().st_size / 1000, 500, "kB")
    script = page_path.with_suffix(".exposures.js").stat().st_size
    yield Figure("what it loads for the log", script / 1e6, 1, "MB")
    with sync_playwright() as playwright:
        chromium = browser.chromium_path()
        running = playwright.chromium.launch(executable_path=chromium, args=browser.SWITCHES)
        ready = [time_to_ready(running, page_path) for _ in range(rounds)]
        yield Figure("the log is ready", statistics.median(ready), 1000, "ms")
        every = [time_to_use(running, page_path) for _ in range(rounds)]
        for name in every[0]:
            budget = SORT_MS if name in ("sort", "open a row") else KEYSTROKE_MS
            times = [one for took in every for one in took[name]]
            yield Figure(f"{name}: median", statistics.median(times), budget, "ms")
        running.close()


def main(words=None):
    """Make and measure the night; print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--exposures", type=int, default=20_000, help="of the night")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="observing_monitor_log_") as folder:
        page_path = make_site(Path(folder) / "camera", options.exposures, Program())
        print(f"\n{options.exposures:,} exposures, load {os.getloadavg()[0]:.1f} at the start\n")
        print("| what | took | budget | kept |\n|---|---|---|---|")
        for figure in measure(page_path, options.rounds):
            print(figure, flush=True)


if __name__ == "__main__":
    main()
