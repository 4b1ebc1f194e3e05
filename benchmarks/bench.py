"""Measures runs and what the machine needs: `make bench`.

Input trees are made once, in the folder `--work`, and used again. Every command runs as a user
would run it, in a process of its own, several times; the table shows medians. Processor time
(user and system, with children) hardly depends on what else the machine does; seconds by the
clock do.

    python benchmarks/bench.py full                          # one benchmark
    python benchmarks/bench.py full --checkout ../old        # the same of another checkout
    python benchmarks/bench.py full --vs ../old --rounds 5   # both in turn, and their ratio
"""

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SUPPORT = CHECKOUT / "tests" / "support"
sys.path[:0] = [str(path) for path in (CHECKOUT, CHECKOUT / "examples", SUPPORT)]

import bench_databases  # noqa: E402 - their imports need the path above
import bench_files  # noqa: E402
import bench_headers  # noqa: E402
import bench_pages  # noqa: E402
from program import Program  # noqa: E402
from trial import Trial, alternate  # noqa: E402

BENCHMARKS = {
    "full": bench_files.bench_full,
    "long": bench_files.bench_long,
    "rebuild": bench_files.bench_rebuild,
    "gen3": bench_databases.bench_gen3,
    "gen3_postgresql": bench_databases.bench_gen3_postgresql,
    "headers": bench_headers.bench_headers,
    "night": bench_pages.bench_night,
    "lasair": bench_files.bench_lasair,
    "queue": bench_databases.bench_queue,
    "browser": bench_pages.bench_browser,
}

HEADINGS = (
    "| what | s | processor s | MB | floor s | × floor: clock / processor | target |\n"
    "|---|---|---|---|---|---|---|"
)
VS_HEADINGS = (
    "| what | s | processor s | MB | other s | other processor s | other MB "
    "| ratio: clock / processor |\n"
    "|---|---|---|---|---|---|---|---|"
)


def line(row):
    """Return one line of the table."""
    if row.took is None:
        return f"| {row.name} | | | | | | {row.target} |"
    floor = "|"
    if row.floor:
        wall, cpu = row.took.wall_s / row.floor.wall_s, row.took.cpu_s / row.floor.cpu_s
        floor = f"{row.floor.wall_s:.2f} | {wall:.2f} / {cpu:.2f}"
    return f"| {row.name} | {_numbers(row.took)} | {floor} | {row.target} |"


def vs_line(row, other):
    """Return one line of the table of two checkouts."""
    if row.took is None or other.took is None:
        return f"| {row.name} | | | | {other.name if other.name != row.name else ''} | | | |"
    wall, cpu = row.took.wall_s / other.took.wall_s, row.took.cpu_s / other.took.cpu_s
    numbers = f"{_numbers(row.took)} | {_numbers(other.took)}"
    return f"| {row.name} | {numbers} | {wall:.3f} / {cpu:.3f} |"


def _numbers(took):
    return f"{took.wall_s:.2f} | {took.cpu_s:.2f} | {took.peak_mb:.0f}"


def _parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "only", nargs="*", choices=[*BENCHMARKS, []], help="the benchmarks to run (default: all)"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "observing_monitor_bench",
        help="the folder of the input trees (default: %(default)s)",
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="a fraction of the full size, for a quick look"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        help="how often each command is measured (default: 3; 1 for rebuild)",
    )
    parser.add_argument(
        "--checkout", type=Path, default=CHECKOUT, help="the checkout to measure (default: this)"
    )
    parser.add_argument(
        "--vs",
        type=Path,
        metavar="DIR",
        help="another checkout to measure in turn with it; prints the ratio of the medians",
    )
    return parser


def main(words=None):
    """Run the benchmarks of a command line; print a table."""
    options = _parser().parse_args(words)
    work = options.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    size = (work, options.scale, options.rounds)
    trials = [Trial(Program(options.checkout), *size)]
    if options.vs:
        trials.append(Trial(Program(options.vs), *size, suffix="_other"))
    _print_machine(options)
    print(VS_HEADINGS if options.vs else HEADINGS)
    for name in options.only or BENCHMARKS:
        rows = alternate(BENCHMARKS[name](trial) for trial in trials)
        for together in zip(*rows, strict=True):
            print((vs_line if options.vs else line)(*together), flush=True)


def _print_machine(options):
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"load {os.getloadavg()[0]:.1f} at the start, scale {options.scale:g}, "
        f"{options.rounds or 'the default'} rounds"
    )
    if options.vs:
        print(f"{options.checkout.resolve()}, other: {options.vs.resolve()}")
    print()


if __name__ == "__main__":
    main()
