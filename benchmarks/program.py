"""Runs commands and measures each."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
HEAVY = "pandas numpy pyarrow plotly jinja2 sqlalchemy"

RUN = """
import datetime, sys
from observing_monitor import cli
from {processes} import timelimit
code = cli.main(sys.argv[2:], datetime.datetime.fromisoformat(sys.argv[1]))
"""
# an earlier version knows no exposures
WITHOUT_EXPOSURES = """
from observing_monitor.sources.gen2_registry import Gen2Registry
if hasattr(Gen2Registry, "exposures_of"):
    Gen2Registry.exposures_of = lambda *_: ((), [])
"""
LEAVE = "timelimit.leave(code)"
PRINT_HEAVY = f"print(*sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
SCAN = """
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


@dataclass(frozen=True)
class Took:
    """The time, memory and output of one command."""

    wall_s: float
    cpu_s: float  # user and system, with children
    peak_mb: float
    output: str = ""


def spawn(*command, checkout=CHECKOUT):
    """Run a command; Python commands import from `checkout`.

    Raises
    ------
    SystemExit
        If the command fails.
    """
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    # an installation has compiled files: without them each run would compile a hundred modules
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=output,
            stderr=output,
            env=environment,
            cwd=checkout,  # `python -c` imports from here first
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode:
        raise SystemExit(f"{command}: exit {process.returncode}\n{text[-2000:]}")
    return Took(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text)


class Program:
    """The observing_monitor of a checkout."""

    def __init__(self, checkout=CHECKOUT):
        self.checkout = Path(checkout).resolve()
        package = self.checkout / "observing_monitor"
        if not (package / "cli.py").is_file():
            raise SystemExit(f"{checkout}: is no checkout of observing_monitor")
        # up to 0.1 all modules were in one folder
        in_layers = (package / "processes").is_dir()
        self.processes = f"observing_monitor{'.processes' if in_layers else ''}"

    def run(self, now, *arguments):
        """Run the program with the clock at `now`."""
        return self.python(RUN + LEAVE, now.isoformat(), *arguments)

    def run_without_exposures(self, now, *arguments):
        """Run the program as if a Gen2 registry reported no exposures.

        Only in one process: workers begin anew.
        """
        return self.python(
            WITHOUT_EXPOSURES + RUN + LEAVE, now.isoformat(), *arguments, "--jobs", 1
        )

    def heavy_imports(self, now, *arguments):
        """Return the heavy packages that a run imports."""
        return self.python(RUN + PRINT_HEAVY, now.isoformat(), *arguments).output.strip()

    def module(self, name, *arguments):
        """Run a module of the checkout as `python -m` does."""
        return spawn(sys.executable, "-m", name, *arguments, checkout=self.checkout)

    def python(self, code, *arguments):
        """Run code that imports from the checkout.

        `{processes}` in the code becomes the package of `timelimit` and `workers`.
        """
        code = code.replace("{processes}", self.processes)
        return spawn(sys.executable, "-c", code, *arguments, checkout=self.checkout)


def median(runs):
    """Return the median of each number."""
    return Took(
        *(
            statistics.median(getattr(run, name) for run in runs)
            for name in ("wall_s", "cpu_s", "peak_mb")
        )
    )


def scan(*folders):
    """List folders and `stat` all entries by os.scandir."""
    return spawn(sys.executable, "-c", SCAN, *folders)


def find(*folders):
    """List folders and `stat` all entries by `find`."""
    return spawn("find", *folders, "-printf", r"%s %T@ %C@ %i\n")
