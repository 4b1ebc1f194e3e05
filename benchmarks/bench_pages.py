"""Benchmarks of a night of 200,000 files: `night` and `browser`."""

import datetime
import shutil

import browser
from program import median
from trial import Row

UTC = datetime.UTC


def bench_night(trial):
    """Measure a night of 200,000 files and its bytes."""
    n_files = trial.sized(200_000)
    folder = trial.own(f"night_{n_files}")
    shutil.rmtree(folder, ignore_errors=True)
    page = browser.make_site(folder, n_files, trial.program)
    now = datetime.datetime.now(UTC)
    settings = ("-c", folder / "site.toml")
    days = ("--first_day", browser.NIGHT, "--last_day", browser.NIGHT)
    first, pages, same = [], [], []
    yield
    for _ in trial.repeat():
        shutil.rmtree(folder / "site")
        first.append(trial.program.run(now, *settings, *days))
        yield
        same.append(trial.program.run(now, *settings, *days))
        yield
        for path in page.parent.glob(f"{browser.NIGHT}*"):
            path.unlink()
        pages.append(trial.program.run(now, "publish", *settings))
        yield
    return [
        Row(f"a night of {n_files:,} files of two tables: the run", median(first)),
        Row("  of it its pages alone", median(pages)),
        Row("  the next run, nothing new", median(same)),
        Row(f"  its bytes: {_sizes(folder, page)}"),
    ]


def _sizes(folder, page):
    """Return the sizes of a night's files in words."""
    stored = (folder / "site" / "data").glob("stream=*/night=*/*")
    sizes = {
        "store": sum(path.stat().st_size for path in stored),
        "HTML": page.stat().st_size,
        "list of files": page.with_suffix(".files.js").stat().st_size,
        "CSV": page.with_suffix(".csv").stat().st_size,
        "JSON": page.with_suffix(".json").stat().st_size,
    }
    return ", ".join(f"{name} {size / 1e6:,.2f} MB" for name, size in sizes.items())


def bench_browser(trial):
    """Measure a night of 200,000 files in a browser."""
    n_files = trial.sized(200_000)
    folder = trial.own(f"browser_{n_files}")
    shutil.rmtree(folder, ignore_errors=True)
    page = browser.make_site(folder, n_files, trial.program)
    yield
    # no turns in between: a process can have one Playwright at a time
    figures = list(browser.measure(page, len(trial.repeat())))
    return [
        Row(
            f"{figure.name}: {figure.value:,.0f} {figure.unit}",
            target=f"{figure.budget:,.0f} {figure.unit}",
        )
        for figure in figures
    ]
