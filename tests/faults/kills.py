"""Kills runs with SIGKILL at random moments.

    PYTHONPATH=. python tests/faults/kills.py 300 SEED

A run collects and publishes two streams of three nights, in one process or with two workers.
Killed is the command, one of its workers, or all of its process group. The moments are spread
evenly over the duration of a run from its lock on, which is measured; runs that ended before
their moment are counted. Then one run is left alone. The tests kill a few.
"""

import datetime
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS.parent / "examples")]

from gen2tree import later, make_night  # noqa: E402 - found by the path above
from running import contents, start  # noqa: E402

NIGHTS = [datetime.date(2020, 2, day) for day in (12, 13, 14)]
STREAMS = ("auxTel", "comCam")
WAYS = ("command", "group", "command of workers", "group of workers", "worker")


class Campaign:
    """An input of two streams, and the output of a whole run."""

    def __init__(self, folder, seed):
        self.folder, self.random, self.now = Path(folder), random.Random(seed), later()
        self.ways, self.moments = Counter(), []
        for name in STREAMS:
            for night in NIGHTS:
                counts = {"ingested": 60, "failed": 3, "missing": 3, "pending": 2}
                make_night(self.folder / name, night, counts, now=self.now)
        streams = "".join(f'[streams.{name}]\ninput_dir = "{name}"\n' for name in STREAMS)
        for output in ("whole", "killed"):
            text = f'[observing_monitor]\noutput_dir = "{output}"\n{streams}'
            (self.folder / f"{output}.toml").write_text(text)
        self.seconds = {jobs: self._measured(jobs) for jobs in (1, 2)}
        self.expected = contents(self.folder / "whole")

    def _start(self, output, jobs=1):
        """Start a run; return its process and when it has the lock."""
        days = ("--first_day", NIGHTS[0], "--last_day", NIGHTS[-1])
        arguments = ("-c", self.folder / f"{output}.toml", *days, "--jobs", jobs)
        process = start(*arguments, now=self.now, start_new_session=True)
        while process.poll() is None and not (self.folder / output / ".lock").exists():
            time.sleep(0.001)
        return process, time.monotonic()

    def _measured(self, jobs):
        shutil.rmtree(self.folder / "whole", ignore_errors=True)
        process, began = self._start("whole", jobs)
        assert process.communicate() == ("", "") and process.returncode == 0
        return time.monotonic() - began

    def kill_one(self, way=None):
        """Kill a run at a random moment; return all faults."""
        way, moment = way or self.random.choice(WAYS), self.random.random()
        jobs = 2 if "worker" in way else 1
        shutil.rmtree(self.folder / "killed", ignore_errors=True)
        process, began = self._start("killed", jobs)
        time.sleep(max(0.0, moment * self.seconds[jobs] - (time.monotonic() - began)))
        workers = children(process.pid)
        way = self._kill(process, workers, way)
        # its workers hold its stderr open: they have to end too
        _, error = process.communicate(timeout=120)
        self.ways[way] += 1
        self.moments.append(round(moment, 2))
        faults = [*self._faults_of_killed(process, way, error), *self._faults_of_next()]
        faults += [f"still runs: {command_of(pid)}" for pid in workers if command_of(pid)]
        return [f"{way} at {moment:.3f}: {text}" for text in faults]

    def _kill(self, process, workers, way):
        """Kill a run in one of WAYS; return how it ended."""
        if process.poll() is not None:
            return f"{way}: had ended"
        if way == "worker":
            running = [pid for pid in workers if b"spawn_main" in command_of(pid)]
            if not running:
                return "worker: none was there"
            os.kill(self.random.choice(running), signal.SIGKILL)
        elif way.startswith("group"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(process.pid, signal.SIGKILL)
        return way

    def _faults_of_killed(self, process, way, error):
        """Yield the faults of a killed run.

        A run has to survive the death of a worker.
        """
        if way == "worker" and process.returncode != 0:
            yield f"a run whose worker was killed ended with {process.returncode}: {error}"
        if process.returncode == 0 and contents(self.folder / "killed") != self.expected:
            yield "the run itself ended well, and its pages differ"
        yield from (f"left half a file: {name}" for name in torn(self.folder / "killed"))

    def _faults_of_next(self):
        """Yield the faults of the next run."""
        after, _ = self._start("killed")
        output = after.communicate(timeout=120)
        if output != ("", "") or after.returncode:
            yield f"the next run ended with {after.returncode}: {output}"
        made = contents(self.folder / "killed")
        for name in sorted(set(made) | set(self.expected)):
            if made.get(name) != self.expected.get(name):
                yield f"{name}: differs"
        for name in os.listdir(self.folder / "killed" / ".unfinished"):
            yield f"left behind: {name}"


def children(pid):
    """Return the processes that a process started, and theirs."""
    try:
        own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [one for child in own for one in (int(child), *children(int(child)))]


def command_of(pid):
    """Return a process's command line, empty if it ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def torn(folder):
    """Return the pages and tables that are not whole."""
    import pyarrow.parquet

    found = []
    for path in folder.rglob("*"):
        if ".unfinished" in path.parts or not path.is_file():
            continue
        try:
            if path.suffix == ".parquet":
                pyarrow.parquet.read_table(path)
            elif path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".html" and not path.read_text().rstrip().endswith("</html>"):
                found.append(path.name)
        except (ValueError, OSError, pyarrow.ArrowException):
            found.append(path.name)
    return found


def main(n, seed):
    """Kill `n` runs and print the faults."""
    with tempfile.TemporaryDirectory(prefix="obsmon_kills_") as folder:
        campaign = Campaign(folder, seed)
        faults = []
        for number in range(1, n + 1):
            faults += campaign.kill_one()
            if number % 10 == 0:
                print(f"{number} kills, {len(faults)} faults", flush=True)
        print(f"seed {seed}, {n} kills, a run takes {campaign.seconds}: {dict(campaign.ways)}")
        tenths = Counter(int(moment * 10) for moment in campaign.moments)
        print("moments, by tenths of a run:", [tenths[tenth] for tenth in range(10)])
        print(f"{len(faults)} faults", *faults, sep="\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
