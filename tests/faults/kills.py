"""A run that is killed at any moment, with SIGKILL, and the one after it: a campaign, by hand or as a sample in the tests.

    PYTHONPATH=. python tests/faults/kills.py 300 SEED

Two streams of three nights, collected and published; with one process, or with two workers. What is killed is the command,
one of its workers, or all of its process group. The moments are even over the time that a run takes from when it has the lock,
which is measured; a run that ended before its moment is counted as such. Then one run, undisturbed.
"""

import datetime
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).resolve().parents[1] / "support"),
    str(Path(__file__).resolve().parents[2] / "examples"),
]

from gen2tree import later, make_night  # noqa: E402 - found by the path above
from running import contents, start  # noqa: E402

NIGHTS = [datetime.date(2020, 2, day) for day in (12, 13, 14)]
WAYS = ("command", "group", "command of workers", "group of workers", "worker")


class Campaign:
    """An input of two streams, what an undisturbed run makes of it, and how long that takes from the lock on."""

    def __init__(self, folder, seed):
        self.folder, self.random, self.now = Path(folder), random.Random(seed), later()
        self.told, self.moments = Counter(), []
        for name in ("auxTel", "comCam"):
            for night in NIGHTS:
                made = {"ingested": 60, "failed": 3, "missing": 3, "pending": 2}
                make_night(self.folder / name, night, made, now=self.now)
        text = '[observing_monitor]\noutput_dir = "{}"\n' + "".join(
            f'[streams.{n}]\ninput_dir = "{n}"\n' for n in ("auxTel", "comCam")
        )
        for output in ("whole", "killed"):
            (self.folder / f"{output}.toml").write_text(text.replace("{}", output))
        self.seconds = {jobs: self._measured(jobs) for jobs in (1, 2)}
        self.expected = contents(self.folder / "whole")

    def _start(self, output, jobs=1):
        arguments = (
            "-c",
            self.folder / f"{output}.toml",
            "--first_day",
            NIGHTS[0],
            "--last_day",
            NIGHTS[-1],
            "--jobs",
            jobs,
        )
        process = start(*arguments, now=self.now, start_new_session=True)
        while process.poll() is None and not (self.folder / output / ".lock").exists():
            time.sleep(0.001)
        return process, time.monotonic()

    def _measured(self, jobs):
        remove(self.folder / "whole")
        process, began = self._start("whole", jobs)
        assert process.communicate() == ("", "") and process.returncode == 0
        return time.monotonic() - began

    def kill_one(self, way=None):
        """Kill a run at a random moment, run again, and compare; a list of what is wrong."""
        way, moment = way or self.random.choice(WAYS), self.random.random()
        jobs = 2 if "worker" in way else 1
        remove(self.folder / "killed")
        process, began = self._start("killed", jobs)
        time.sleep(max(0.0, moment * self.seconds[jobs] - (time.monotonic() - began)))
        workers = children(process.pid)
        if process.poll() is not None:
            way = f"{way}: had ended"
        elif way == "worker":
            there = [pid for pid in workers if b"spawn_main" in command_of(pid)]
            if there:
                os.kill(
                    self.random.choice(there), signal.SIGKILL
                )  # the run itself goes on, and has to end well
            else:
                way = "worker: none was there"
        elif way.startswith("group"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(process.pid, signal.SIGKILL)
        _, error = process.communicate(
            timeout=120
        )  # its workers hold its stderr open: they have to end too
        self.told[way] += 1
        self.moments.append(round(moment, 2))
        wrong = []
        if way == "worker" and process.returncode != 0:
            wrong.append(f"a run whose worker was killed ended with {process.returncode}: {error}")
        if process.returncode == 0 and contents(self.folder / "killed") != self.expected:
            wrong.append("the run itself ended well, and its pages differ")
        wrong += [f"left half a file: {name}" for name in torn(self.folder / "killed")]
        after, _ = self._start("killed")
        said = after.communicate(timeout=120)
        if said != ("", "") or after.returncode:
            wrong.append(f"the next run ended with {after.returncode}: {said}")
        made = contents(self.folder / "killed")
        wrong += [
            f"{name}: differs"
            for name in sorted(set(made) | set(self.expected))
            if made.get(name) != self.expected.get(name)
        ]
        wrong += [
            f"left behind: {name}" for name in os.listdir(self.folder / "killed" / ".unfinished")
        ]
        wrong += [f"still runs: {command_of(pid)}" for pid in workers if command_of(pid)]
        return [f"{way} at {moment:.3f}: {text}" for text in wrong]


def children(pid):
    """The processes that a process started, and those that these did."""
    try:
        own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [one for child in own for one in (int(child), *children(int(child)))]


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def torn(folder):
    """The pages and tables that a killed run left, as a reader finds them, which are not whole."""
    import json

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


def remove(folder):
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def main(n, seed):
    import tempfile

    with tempfile.TemporaryDirectory(prefix="obsmon_kills_") as folder:
        campaign = Campaign(folder, seed)
        wrong = []
        for number in range(1, n + 1):
            wrong += campaign.kill_one()
            if number % 10 == 0:
                print(f"{number} kills, {len(wrong)} wrong", flush=True)
        print(f"seed {seed}, {n} kills, a run takes {campaign.seconds}: {dict(campaign.told)}")
        tenths = Counter(int(moment * 10) for moment in campaign.moments)
        print("moments, by tenths of a run:", [tenths[tenth] for tenth in range(10)])
        print(f"{len(wrong)} wrong", *wrong, sep="\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
