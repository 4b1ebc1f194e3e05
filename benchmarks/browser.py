"""Measures a night of 200,000 files in a real browser.

    python benchmarks/browser.py --rounds 5     # or `make bench BENCH_ARGS=browser`

The program makes the night's pages from two CSV tables; headless Chromium opens them from disk.
Each figure is the median of several rounds, each in a browsing context of its own. A keystroke is
measured in the page, from the key until the frame after it.
"""

import argparse
import datetime
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from program import Program

UTC = datetime.UTC
NIGHT = datetime.date(2020, 2, 12)
SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ERRORS = ("KeyError: 'DATE-OBS'", "OSError: truncated file", "the registry does not have it")
DETECTORS = [
    f"R{raft}_S{sensor // 3}{sensor % 3}"
    for raft in ("22", "12", "32", "21", "23")
    for sensor in range(9)
]
PREPARE_MS = 4000  # the page builds its search text after opening
KEYSTROKE_MS, SORT_MS = 50, 500  # budgets

SETTINGS = """
[observing_monitor]
output_dir = "site"

[streams.camera]
title = "Survey camera"
latitude_deg = -30.2446
longitude_deg = -70.7494
timezone = "America/Santiago"

[[streams.camera.sources]]
type = "table"
name = "files"
path = "files.csv"
feeds = "files"
[streams.camera.sources.columns]
path = "path"
size_bytes = "size"
created_at = "created"
transferred_at = "came"
exposure = "obsid"
seq_num = "number"
detector = "detector"

[[streams.camera.sources]]
type = "table"
name = "registry"
path = "ingests.csv"
feeds = "ingests"
columns = { path = "path", attempted_at = "at", status = "outcome", message = "message" }
constants = { stage = "ingest" }
stages = ["ingest"]

[[streams.camera.sources]]
type = "table"
name = "weather"
path = "weather.csv"
columns = { sampled_at = "at" }
values = { seeing = "seeing" }
units = { seeing = "arcsec" }
"""

READY = """([section_id, button]) => new Promise((resolve) => {
  const section = document.getElementById(section_id), start = performance.now();
  new MutationObserver((_, observer) => {
    if (!section.dataset.ready) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
  }).observe(section, { attributes: true });
  document.getElementById(button).click();
})"""
FILES = ("all-files", "files-open")
TYPE = """([id, text]) => {
  const field = document.getElementById(id), took = [];
  const frame = () => new Promise((resolve) =>
    requestAnimationFrame(() => setTimeout(resolve)));
  const next = (n) => frame().then(() => n);
  const press = (n) => {
    if (n > text.length) return took;
    const start = performance.now();
    field.value = text.slice(0, n);
    field.dispatchEvent(new Event("input"));
    return next(n).then(() => {
      took.push(performance.now() - start);
      return next(n + 1).then(press);
    });
  };
  return press(1);
}"""
CHANGE = """([id, value]) => new Promise((resolve) => {
  const list = document.getElementById(id), start = performance.now();
  list.value = value;
  list.dispatchEvent(new Event("change"));
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
})"""
SORT = """([table, label]) => new Promise((resolve) => {
  const start = performance.now();
  const buttons = [...document.querySelectorAll(`#${table} thead button`)];
  buttons.find((button) => button.textContent === label).click();
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
})"""
DRAWN = """(n) => [...document.querySelectorAll(".plot")]
  .filter((place) => place.dataset.drawn).length >= n"""


@dataclass
class Figure:
    """A measured value and its budget."""

    name: str
    value: float
    budget: float
    unit: str

    @property
    def is_kept(self):
        """True if the value is below its budget."""
        return self.value < self.budget

    def __str__(self):
        value, budget = (f"{number:,.0f} {self.unit}" for number in (self.value, self.budget))
        return f"| {self.name} | {value} | {budget} | {'yes' if self.is_kept else 'NO'} |"


def make_site(folder, n_files, program):
    """Make the pages of a night; return its page's path."""
    chance, start = random.Random(1), datetime.datetime.combine(NIGHT, datetime.time(22), UTC)
    folder.mkdir(parents=True)
    _write_files(folder, n_files, chance, start)
    minutes = (start + datetime.timedelta(minutes=n) for n in range(600))
    rows = [f"{at:%FT%TZ},{0.7 + chance.gauss(0, 0.1):.3f}\n" for at in minutes]
    (folder / "weather.csv").write_text("".join(["at,seeing\n", *rows]))
    (folder / "site.toml").write_text(SETTINGS)
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    program.module("observing_monitor", "-c", folder / "site.toml", *days)
    return folder / "site" / "camera" / f"{NIGHT}.html"


def _write_files(folder, n_files, chance, start):
    """Write the tables of a night's files and attempts."""
    apart_s = 40_000 / (n_files / len(DETECTORS))
    with open(folder / "files.csv", "w") as files, open(folder / "ingests.csv", "w") as ingests:
        files.write("path,size,created,came,obsid,number,detector\n")
        ingests.write("path,at,outcome,message\n")
        for number in range(n_files):
            exposure, detector = number // len(DETECTORS), DETECTORS[number % len(DETECTORS)]
            obsid = f"MC_O_20200212_{exposure:06d}"
            path = f"20200212/{obsid}/{obsid}_{detector}.fits"
            created = start + datetime.timedelta(seconds=exposure * apart_s + chance.uniform(0, 2))
            came = created + datetime.timedelta(seconds=chance.gammavariate(3, 2))
            done = came + datetime.timedelta(seconds=chance.gammavariate(9, 7))
            size = chance.randrange(30_000_000, 40_000_000)
            times = f"{created:%FT%TZ},{came:%FT%TZ}"
            files.write(f"{path},{size},{times},{obsid},{exposure},{detector}\n")
            fate = chance.random()
            if fate < 0.003:
                ingests.write(f"{path},{done:%FT%TZ},failure,{chance.choice(ERRORS)}\n")
            elif fate < 0.998:
                ingests.write(f"{path},{done:%FT%TZ},success,\n")


def opened(browser, page_path):
    """Open a page in a new context; its errors end the program."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.on("pageerror", lambda error: sys.exit(f"{page_path}: {error}"))
    page.goto(page_path.as_uri())
    return context, page


def time_to_ready(browser, page_path):
    """Return the milliseconds until the table's first rows."""
    context, page = opened(browser, page_path)
    took = page.evaluate(READY, FILES)
    context.close()
    return took


def time_to_filter(browser, page_path):
    """Return the milliseconds of each way to filter.

    The page is left alone for some seconds first, as by a reader.
    """
    context, page = opened(browser, page_path)
    # not by the mouse: scrolled into view, the table opens by itself
    page.evaluate("document.getElementById('files-open').click()")
    page.wait_for_selector("#all-files[data-ready]")
    page.wait_for_timeout(PREPARE_MS)
    took = {}
    for name, text in (("search, a letter", "r22_s11"), ("search, two words", "000123 s0")):
        took[name] = page.evaluate(TYPE, ["files-search", text])
        page.evaluate(TYPE, ["files-search", " "])
    took["exposure, a letter"] = page.evaluate(TYPE, ["files-exposure", "mc_o_20200212_000123"])
    page.evaluate(TYPE, ["files-exposure", " "])
    took["class"] = [
        page.evaluate(CHANGE, ["files-class", value])
        for value in ("failed", "ingested", "missing", "")
    ]
    took["stage"] = [
        page.evaluate(CHANGE, ["files-stage", value])
        for value in ("not:ingested_at", "done:ingested_at", "")
    ]
    page.evaluate(CHANGE, ["files-class", "ingested"])
    took["search, a letter, of a class"] = page.evaluate(TYPE, ["files-search", "s11"])
    page.evaluate(TYPE, ["files-search", " "])
    took["sort"] = [
        page.evaluate(SORT, ["files-scroll", label])
        for label in ("Size", "Ingested", "Detector", "File")
    ]
    context.close()
    return took


def time_to_draw(browser, page_path, n_charts):
    """Return the milliseconds until charts are drawn.

    The window is high enough to show them all.
    """
    context = browser.new_context(viewport={"width": 1400, "height": 3000})
    page = context.new_page()
    started = time.monotonic()
    page.goto(page_path.as_uri())
    page.wait_for_function(DRAWN, arg=n_charts)
    took = (time.monotonic() - started) * 1000
    context.close()
    return took


def measure(page_path, rounds):
    """Yield the figures of a night's page."""
    from playwright.sync_api import sync_playwright

    chromium = chromium_path()
    yield from _size_figures(page_path)
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=SWITCHES)
        ready = [time_to_ready(browser, page_path) for _ in range(rounds)]
        yield Figure("the table is ready", statistics.median(ready), 1000, "ms")
        yield from _filter_figures([time_to_filter(browser, page_path) for _ in range(rounds)])
        n_charts = min(4, page_path.read_text().count('class="plot"'))
        drawn = [time_to_draw(browser, page_path, n_charts) for _ in range(rounds)]
        name = f"{n_charts} charts are drawn, from opening"
        yield Figure(name, statistics.median(drawn), 2000, "ms")
        browser.close()


def chromium_path():
    """Return the path of a Chromium; without one the program ends."""
    names = (os.environ.get("OBSMON_CHROMIUM"), "chromium", "chromium-browser")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if not found:
        raise SystemExit(
            "there is no Chromium; install Debian's package chromium, or name one by "
            "OBSMON_CHROMIUM"
        )
    return found


def _size_figures(page_path):
    """Yield the sizes of a page and its parts."""
    parts = page_path.parent.glob(f"{page_path.stem}.exposures*.html")
    largest = max((path.stat().st_size for path in parts), default=0)
    table = page_path.with_suffix(".files.js").stat().st_size
    yield Figure("the night's HTML", page_path.stat().st_size / 1000, 500, "kB")
    yield Figure("the largest page of its exposures", largest / 1000, 500, "kB")
    yield Figure("what it loads for the table", table / 1e6, 6, "MB")


def _filter_figures(rounds):
    """Yield the median and worst times of each filter.

    The worst is that of the median round, which leaves out the waits for other programs.
    """
    for name in rounds[0]:
        every = [one for times in rounds for one in times[name]]
        worst = statistics.median(max(times[name]) for times in rounds)
        budget = SORT_MS if name == "sort" else KEYSTROKE_MS
        yield Figure(f"{name}: median", statistics.median(every), budget, "ms")
        yield Figure(f"{name}: worst", worst, budget, "ms")


def main(words=None):
    """Make and measure the night; print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=200_000, help="the night's number of files")
    parser.add_argument(
        "--rounds", type=int, default=5, help="how often each is measured (default: %(default)s)"
    )
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="observing_monitor_browser_") as folder:
        page_path = make_site(Path(folder) / "camera", options.files, Program())
        print(
            f"\n{options.files:,} files, {os.cpu_count()} cores, "
            f"load {os.getloadavg()[0]:.1f} at the start, {options.rounds} rounds\n"
        )
        print("| what | took | budget | kept |\n|---|---|---|---|")
        for figure in measure(page_path, options.rounds):
            print(figure, flush=True)
        print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
